"""The daemon: one process that holds an archive, watches its mailboxes, and pays what is owed until asked to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from types import FrameType

import structlog

from levelhead import __version__
from levelhead.archive.lock import LOCK, hold
from levelhead.archive.relabel import relabel
from levelhead.archive.reserve import Reserve
from levelhead.clock import Clock, SteadyClock, SystemClock
from levelhead.config.exposed import must_be_private
from levelhead.config.load import load
from levelhead.config.settings import Settings
from levelhead.daemon.down import whole_since, why_down
from levelhead.daemon.parts import Archive, open_archive, policies_of, resolver_of
from levelhead.daemon.session import Session
from levelhead.daemon.shout import Stamp, last_words
from levelhead.daemon.systemd import Notifier
from levelhead.errors import (
    ConfigError,
    DiskFull,
    DiskReadOnly,
    LevelheadError,
    Stopping,
    StoreLocked,
    UserError,
)
from levelhead.facts import ConfigLoaded, ConfigRefused, DaemonStarted, DaemonStopped, MailboxLost
from levelhead.hardening import leave_no_trace
from levelhead.log import configure, log_crashes
from levelhead.model import Severity
from levelhead.outbox.clockwork import move_what_waits
from levelhead.store.api import Store
from levelhead.store.ledger import read_leaf

log = structlog.get_logger()

TICK = 1.0
"""Seconds between two looks at signals, the clock, the store and the loops."""

JUMP = timedelta(seconds=2)
"""A clock that was set by less is not followed; by more, everything that waits goes along."""

ASLEEP = 60.0
"""Seconds of sleep that are worth a line in the ledger."""

LATE = timedelta(minutes=1)
"""How far the last entry of the ledger may lie ahead of us at the start before the clock must have been set back."""

STUCK_AFTER = 300.0
"""Seconds; a loop that has not moved for so long gets no more sign of life sent to systemd."""


class Signals:
    """What the operator asked of the process: stop (SIGTERM, SIGINT) or reload (SIGHUP)."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.reload = threading.Event()

    @contextmanager
    def caught(self) -> Iterator[Signals]:
        """Catch them for the time of the block; in a thread other than the main one nothing can be caught."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {
            number: signal.signal(number, self._catch)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        (self.reload if number == signal.SIGHUP else self.stop).set()


def run(settings: Settings, *, once: bool, clock: Clock | None = None, signals: Signals | None = None) -> int:
    """Run the daemon, or one full pass of it; the exit status (0, or 3 when a mailbox could not be reached)."""
    leave_no_trace()
    time = SteadyClock(clock or SystemClock())
    configure(settings.log.level, settings.log.format)
    log_crashes()
    Reserve(settings.archive.path).make_way()
    daemon: Daemon | None = None
    try:
        with (signals or Signals()).caught() as asked, hold(settings.archive.path / LOCK, time.now()):
            daemon = Daemon(settings, time, asked, Notifier())
            return daemon.once() if once else daemon.run()
    except (DiskReadOnly, DiskFull) as exc:
        # A daemon that had begun has told of a full disk in its own way.
        if isinstance(exc, DiskReadOnly) or daemon is None or not daemon.begun:
            last_words(settings, time, "levelhead cannot write its archive and has ended", str(exc))
        raise


class Daemon:
    """Holds the archive over reloads; each configuration works in a `Session` of its own."""

    def __init__(self, settings: Settings, clock: SteadyClock, signals: Signals, notifier: Notifier) -> None:
        self._settings = settings
        self._clock = clock
        self._signals = signals
        self._notifier = notifier
        self.begun = False
        """Whether it has come as far as its first session, and can tell of what is wrong."""
        self._asleep = clock.elapsed() - clock.monotonic()

    def once(self) -> int:
        """Fetch everything new, judge it, perform every debt that is due."""
        with suppress(Stopping), self._session("one pass") as session:
            return session.once(self._signals.stop)
        return 0

    def run(self) -> int:
        """Watch until asked to stop; a reload swaps the session, a bad file leaves the old one running."""
        try:
            self._watch()
        except Stopping:
            log.info("daemon.stopped_early")  # while its plugins were being loaded
        except StoreLocked as exc:
            if not self._signals.stop.is_set():
                raise
            log.error("daemon.end_unwritten", error=str(exc))
        return 0

    def _watch(self) -> None:
        while not self._signals.stop.is_set():
            with self._session("asked to stop") as session:
                session.start()
                self._notifier.send(READY=1, STATUS=session.status())
                log.info("daemon.watching", mailboxes=len(self._settings.mailboxes))
                try:
                    self._attend(session)
                finally:
                    if self._signals.stop.is_set():
                        self._notifier.send(STOPPING=1)
                    left = session.stop()
                    if left:
                        log.error("daemon.left_behind", loops=list(left))

    def _attend(self, session: Session) -> None:
        """The main thread's work while a session runs; returns when it must end."""
        hindered = ""
        while not self._clock.wait(self._signals.stop, TICK):
            try:
                if self._turn(session):
                    return
                hindered = ""
            except DiskReadOnly:
                raise
            except (LevelheadError, OSError) as exc:
                # A full disk or a locked store ends no daemon: what was to be written is tried at the next turn.
                session.hindered(exc)
                if type(exc).__name__ != hindered:
                    log.error("daemon.hindered", error=str(exc))
                hindered = type(exc).__name__

    def _turn(self, session: Session) -> bool:
        """One second's look around; True when a new configuration takes over."""
        if self._signals.reload.is_set():
            self._signals.reload.clear()
            if self._reloaded(session):
                return True
        stuck = session.stuck(STUCK_AFTER)
        if stuck:
            log.error("daemon.stuck", loops=list(stuck))
        else:
            self._notifier.send(WATCHDOG=1)
        self._watch_the_clock(session)
        session.tick()
        self._notifier.send(STATUS=session.status())
        return False

    def _reloaded(self, session: Session) -> bool:
        """Read the configuration again; True when it is good, so that a new session takes over."""
        self._notifier.send(RELOADING=1)
        try:
            fresh = load(self._settings.path)
            must_be_private(fresh)
            policies_of(fresh)  # reads the calendar of holidays, which may be what is wrong
            resolver_of(fresh, self._clock)  # its libraries may not be there
            if fresh.archive.path != self._settings.archive.path:
                raise UserError("archive.path cannot change while the daemon runs; restart it")
        except (ConfigError, UserError) as exc:
            why = str(exc)
            log.error("config.refused", why=why)
            session.record(ConfigRefused(why=why))
            session.health("config-refused", "", Severity.WARNING, "The new configuration was refused", why)
            self._notifier.send(READY=1, STATUS="the new configuration was refused; the old one runs on")
            return False
        session.healthy("config-refused", "", "the configuration is good again")
        self._settings = fresh
        configure(fresh.log.level, fresh.log.format)
        return True

    def _watch_the_clock(self, session: Session) -> None:
        """Note that the machine slept, or that somebody set its clock, and have everything looked at anew.

        All of the daemon has the old time until what waits has been moved: nothing is released early in between.
        """
        asleep, before = self._clock.elapsed() - self._clock.monotonic(), self._asleep
        if asleep - before > ASLEEP:
            session.slept(round(asleep - before))
            self._asleep = asleep
        jump = self._clock.jump()
        if abs(jump) < JUMP:
            return
        by = timedelta(seconds=round(jump.total_seconds()))
        if by < timedelta():
            # The other way round: the earlier of two times is the one that releases nothing.
            self._clock.follow(by)
            try:
                session.clock_set(round(by.total_seconds()), self._clock.now())
            except BaseException:
                self._clock.follow(-by)
                raise
        else:
            session.clock_set(round(by.total_seconds()), self._clock.now() + by)
            self._clock.follow(by)

    @contextmanager
    def _session(self, ends: str) -> Iterator[Session]:
        archive = open_archive(self._settings, read_only=False, judging=True)
        archive.hurry(self._signals.stop.is_set)
        try:
            session = Session(self._settings, archive, self._clock, self._signals.stop.is_set)
            try:
                self._open(session, archive)
                self.begun = True
                Stamp(self._settings.archive.path).clear()
                yield session
                self._close(session, ends)
            finally:
                session.close()
        finally:
            archive.close()

    def _close(self, session: Session, why: str) -> None:
        try:
            session.record(DaemonStopped(why=why, stopped_at=self._clock.now()))
            session.flush()
        except (LevelheadError, OSError) as exc:
            log.error("daemon.end_unwritten", error=str(exc))

    def _open(self, session: Session, archive: Archive) -> None:
        """What happens before anything else: mend, relabel, and write down that we are here."""
        now = self._clock.now()
        # Of a fresh archive, too, `verify` is to know how far the ledger's files reached before anything was written.
        archive.mirror.keep_up(archive.store, now)
        with archive.store.transaction(now) as tx:
            ahead = _last_entry(archive.store, now) - now
            if ahead > LATE:
                # Nobody knows how long we were down: what waits, waits from now on for as long as it still had to.
                move_what_waits(tx, -int(ahead.total_seconds()))
            before, down = whole_since(archive.store), why_down(archive.store)
            tx.record(DaemonStarted(version=__version__, started_at=now))
            tx.record(ConfigLoaded(digest=self._settings.digest))
            configured = {mailbox.name for mailbox in self._settings.mailboxes}
            for row in archive.store.mailboxes():
                if row.state == "watched":
                    # The gap ends when the mailbox has been read again; until then it is on record as open.
                    since = before.get(row.name, now)
                    why = down if row.name in configured else "it is not in the configuration"
                    tx.record(MailboxLost(mailbox=row.name, kind="daemon", why=why, since=since))
        moved = relabel(archive.store, self._clock, session.recorder.directory, archive.library.parsed)
        if moved:
            log.info("archive.relabelled", messages=moved)
        # After the relabelling: what was drafted and raised is looked at with the clients as they are now.
        session.mend()


def _last_entry(store: Store, now: datetime) -> datetime:
    """When something was written down last, as the clock was then; `now` for an empty ledger."""
    last = max(store.ledger_size() - 1, 0)
    return max((read_leaf(entry.leaf).time for entry in store.entries(last)), default=now)
