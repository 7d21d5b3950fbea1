"""One configuration at work: its plugins, its mailboxes' watchers and the worker, from start to stop."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta

import structlog

from levelhead.clock import Clock, to_text
from levelhead.config.secrets import end_commands
from levelhead.config.settings import Settings
from levelhead.daemon import blind
from levelhead.daemon.besides import paying
from levelhead.daemon.crew import Crew
from levelhead.daemon.disk import hinders
from levelhead.daemon.erasing import finish_erasures
from levelhead.daemon.follow import Follower, Observer
from levelhead.daemon.parts import Archive
from levelhead.daemon.supervise import Supervisor
from levelhead.errors import DiskFull, LevelheadError, MailboxError, Stopping, Unavailable
from levelhead.facts import ClockJumped, Fact
from levelhead.model import Severity
from levelhead.outbox.clockwork import SET, SLEPT, move_what_waits
from levelhead.outbox.work import AT_ONCE
from levelhead.store.api import WORK, MailboxRow, mailbox_lane

log = structlog.get_logger()

ROUNDS = 100
"""How often one pass looks again for debts that fell due while others were paid, once all mail is judged."""

GRACE = 7.0
"""Seconds that loops may take to end after they were asked to; systemd kills after 10."""

PATIENCE = timedelta(minutes=15)
"""How long a mailbox may be out of reach before that is an alert; a refused login is one at once."""

OBSERVING = 10.0
"""Seconds that one pass gives `observe` plugins; what they did not see they see in the next."""

OBSERVER_REST = 1.0

PROVING = 30.0
"""Seconds within which one pass begins to ask for proofs from outside; what is left is asked for in the next."""

PROVING_AT_ONCE = 5
"""Messages that are asked about between two signs of life."""

PROVING_REST = 5.0

IDLE_WAIT = 30.0
"""Seconds after which an idle worker moves, to show that it is alive."""


class Session:
    """Everything that runs under one configuration. `start` and `stop` for the daemon, `once` for one pass."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        clock: Clock,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`stopping()`: the daemon was asked to end, which may be while plugins are still being loaded."""
        self._settings = settings
        self._archive = archive
        self._store = archive.store
        self._clock = clock
        self._wake = threading.Event()
        self._supervisor = Supervisor(
            clock, on_crash=self._crashed, hinders=hinders, on_hindered=self._loop_hindered
        )
        self._stop = self._supervisor.stop
        self._pulse: Callable[[], None] = lambda: None
        self._untold: dict[str, tuple[str, str, datetime]] = {}
        """What could not be written down, by mailbox or loop: title, why, and since when."""
        self._crew = Crew(
            settings,
            archive,
            clock,
            on_lost=self._lost,
            on_watched=self._watched,
            tick=self._alive,
            stopping=lambda: self._stop.is_set() or stopping(),
        )
        self._crew.disk.eased = self._wake_all
        self._troubled: set[str] = set()  # loops that could not write the archive
        self.recorder = self._crew.recorder
        self.recorder.recorded = self._wake.set
        self._follower = Follower(
            self._store, clock, lambda: archive.mirror.keep_up(self._store, clock.now())
        )
        self._observer = (
            Observer(self._store, clock, self._crew.panel.observe) if self._crew.observed else None
        )
        self._version = -1
        self._due: dict[str, datetime | None] = {}  # the next debt of each mailbox, as of that version
        self._mailboxes: tuple[MailboxRow, ...] = ()
        self._status, self._adopted = "", False

    # --- one pass -----------------------------------------------------------------------------

    def once(self, stop: threading.Event) -> int:
        """Fetch everything new, judge it, perform every debt that is due; 3 when a mailbox was out of reach."""
        self._stop = stop
        try:
            self._crew.disk.look()
            return self._once(stop)
        except DiskFull as exc:
            with suppress(LevelheadError, OSError):
                self._crew.disk.note(exc)
                self._crew.disk.look()
                for _ in range(self._rounds()):
                    if not self._crew.worker.pay():
                        break
            raise

    def _once(self, stop: threading.Event) -> int:
        # What a crash left has no place in a mailbox until the pass sees it, and a draft needs to know which one.
        with nullcontext() if self._adopted else paying(self._crew.worker, self._wake, stop):
            lost = {name for name in self._crew.watchers if not self._passed(name, stop)}
        self._crew.unseen.look(self._store.mailboxes(), tried=True)
        self._crew.keeper.look()
        with suppress(Stopping):
            self._perform(stop, lost)
        return 3 if lost or self._crew.budgets.waiting() else 0

    def _perform(self, stop: threading.Event, lost: set[str]) -> None:
        """Perform every debt that is due, and tell the plugins; a mailbox that is out of reach joins the `lost`."""
        for _ in range(self._rounds()):
            moved = self._crew.worker.pay()
            now = self._clock.now()
            for name in self._crew.watchers.keys() - lost:
                due = self._store.next_due(mailbox_lane(name))
                if due is not None and due <= now:
                    moved += 1
                    lost.update(() if self._passed(name, stop) else (name,))
            if not moved or stop.is_set():
                break
        self._look_after(self._store.mailboxes())
        self._crew.worker.pay()
        end = self._clock.monotonic() + PROVING
        while not stop.is_set() and self._clock.monotonic() < end and self._crew.witness.pay(PROVING_AT_ONCE):
            pass
        end = self._clock.monotonic() + OBSERVING
        while self._observer and self._observer.look(lambda: stop.is_set() or self._clock.monotonic() > end):
            pass

    def _rounds(self) -> int:
        """Enough for everything that is not judged yet, however long a first sync was, and an end to a circle."""
        return self._store.counts().backlog // AT_ONCE + ROUNDS

    def _passed(self, name: str, stop: threading.Event) -> bool:
        """One pass over one mailbox; False when it was out of reach, which is on record by then."""
        structlog.contextvars.bind_contextvars(mailbox=name)
        try:
            self._crew.watchers[name].run_once(stop)
        except MailboxError as exc:
            log.error("mailbox.unreachable", error=str(exc))
            return False
        finally:
            structlog.contextvars.unbind_contextvars("mailbox")
        return True

    # --- the daemon ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start the worker, the asker for proofs, a watcher for each mailbox, an observer where a plugin wants one."""
        self._supervisor.start("worker", self._work)
        self._supervisor.start("evidence", self._prove)
        if self._observer is not None:
            self._supervisor.start("observer", functools.partial(self._watch_on, self._observer))
        for name, watcher in self._crew.watchers.items():
            self._supervisor.start(f"mailbox {name}", watcher.run)
        if self._crew.sign_ins.all():
            self._supervisor.start("sign-ins", self._crew.keeper.run)

    def stop(self) -> tuple[str, ...]:
        """End all loops within seconds; the names of those that did not end."""
        self._supervisor.stop.set()
        self._wake.set()
        for watcher in self._crew.watchers.values():
            watcher.wake.set()
        end_commands()
        left = self._supervisor.join(GRACE)
        end_commands()
        return left

    def tick(self) -> None:
        """Once a second: look at the disk, wake who has something to do, and look after what is wrong for long.

        Raises DiskReadOnly when nothing can be written any more.
        """
        self._crew.disk.look()
        version = self._store.version()
        if version != self._version:
            self._read_again()
            self._version = version
            self._wake.set()
        now = self._clock.now()
        for name, watcher in self._crew.watchers.items():
            due = self._due[name]
            if due is not None and due <= now and not watcher.resting:
                watcher.wake.set()
        if self._crew.unseen.look(self._mailboxes):
            self._mailboxes = self._store.mailboxes()
        for name in self._crew.unseen.back(self._mailboxes):
            self._watched(name)
        self._look_after(self._mailboxes)

    def _read_again(self) -> None:
        """Read what each second's look needs of the store; nothing of it changes unless somebody writes."""
        self._due = {name: self._store.next_due(mailbox_lane(name)) for name in self._crew.watchers}
        self._mailboxes = self._store.mailboxes()
        self._status = self._counted()

    def stuck(self, limit: float) -> tuple[str, ...]:
        """Loops that have not moved for `limit` seconds."""
        return self._supervisor.stuck(limit)

    def status(self) -> str:
        """One line for `systemctl status`, as of the last `tick`."""
        return self._status or self._counted()

    def _counted(self) -> str:
        counts = self._store.counts()
        return (
            f"{len(self._crew.watchers)} mailboxes, {counts.messages} messages, "
            f"{counts.held} held, {counts.open_alerts} open alerts"
        )

    def slept(self, seconds: int) -> None:
        """Write down that the machine slept and have everything looked at: connections may be dead, debts due."""
        log.warning("clock.jumped", by_seconds=seconds, why=SLEPT)
        self.record(ClockJumped(by_seconds=seconds, noticed_at=self._clock.now(), why=SLEPT))
        self._wake_all()

    def clock_set(self, seconds: int, now: datetime) -> None:
        """Write down that the clock was set by so many seconds, to `now`; what waits is moved along."""
        with self._store.transaction(now) as tx:
            held = move_what_waits(tx, seconds)
        log.warning("clock.jumped", by_seconds=seconds, why=SET, held=held)
        self._wake_all()

    def hindered(self, exc: Exception) -> None:
        """The main thread met an error: it may be the disk's."""
        self._crew.disk.note(exc)

    def _wake_all(self) -> None:
        self._wake.set()
        for watcher in self._crew.watchers.values():
            watcher.wake.set()

    def flush(self) -> None:
        """Mirror and log everything that is written down by now; for the end."""
        while self._follower.follow():
            pass

    def close(self) -> None:
        self._crew.close()

    # --- facts and the daemon's own alerts ----------------------------------------------------

    def mend(self) -> None:
        """At start: take in what a crash left, and say which plugins are here."""
        settled = self.recorder.adopt()
        self._adopted = bool(settled.adopted)
        if settled.adopted or settled.cut or settled.damaged:
            log.warning(
                "archive.mended",
                adopted=len(settled.adopted),
                cut=len(settled.cut),
                damaged=list(settled.damaged),
            )
        for sentence in settled.damaged:
            self.health(
                "archive-damaged", "", Severity.CRITICAL, "A volume of the archive is damaged", sentence
            )
        if not settled.damaged:
            self.healthy("archive-damaged", "", "the volumes are whole again")
        self._archive.mirror.catch_up(self._store)
        try:
            finish_erasures(self._archive, self._clock)
        except (LevelheadError, OSError) as exc:
            # It is repeated at the next start, and `verify` names it until then.
            log.warning("erasure.unfinished", error=str(exc))
        self._crew.announce()

    def record(self, fact: Fact) -> None:
        """Write one fact down in a transaction of its own."""
        with self._store.transaction(self._clock.now()) as tx:
            tx.record(fact)

    def health(self, rule: str, subject: str, severity: Severity, title: str, body: str) -> None:
        """Raise an alert about levelhead itself, once for each rule and subject."""
        self._crew.health.raise_health(rule, subject, severity, title, body)
        self._wake.set()

    def healthy(self, rule: str, subject: str, why: str) -> None:
        """End that alert, if it is open."""
        self._crew.health.resolve_health(rule, subject, why)

    # --- the loops ----------------------------------------------------------------------------

    def _work(self, stop: threading.Event, pulse: Callable[[], None]) -> None:
        """The worker: pays what is due, tells what happened, sleeps until something is due or somebody wrote."""
        self._pulse = pulse
        self._warm_up()
        while not stop.is_set():
            self._wake.clear()
            moved = self._crew.worker.pay() + self._follower.follow()
            pulse()
            if moved:
                continue
            self.healthy("loop-crashed", "worker", "the worker works again")
            self._untroubled("worker")
            self._archive.rest()
            due = self._store.next_due(WORK)
            wait = IDLE_WAIT if due is None else (due - self._clock.now()).total_seconds()
            self._clock.wait(self._wake, min(IDLE_WAIT, max(0.05, wait)))

    def _warm_up(self) -> None:
        """Start the reader's process before the first mail comes, or that one would wait for it."""
        reader = self._archive.reader
        # Where it cannot be started now it is started for the first message, and that is told.
        with suppress(Unavailable, Stopping):
            if reader is not None:
                reader.warm_up()

    def _prove(self, stop: threading.Event, pulse: Callable[[], None]) -> None:
        """Asks for proofs from outside: in a loop of its own, so that a slow DNS delays no verdict and no alert."""
        while not stop.is_set():
            pulse()
            if self._crew.witness.pay(PROVING_AT_ONCE):
                continue
            self.healthy("loop-crashed", "evidence", "proofs are asked for again")
            self._untroubled("evidence")
            self._clock.wait(stop, PROVING_REST)

    def _watch_on(self, observer: Observer, stop: threading.Event, pulse: Callable[[], None]) -> None:
        """The observer: in a loop of its own, so that a slow plugin delays nobody's alert and no stop."""

        def tick() -> bool:
            pulse()
            return stop.is_set()

        while not stop.is_set():
            pulse()
            if not observer.look(tick):
                self._clock.wait(stop, OBSERVER_REST)

    def _alive(self) -> bool:
        """Called while the worker is at work: shows life, and asks it to end when the daemon does."""
        self._pulse()
        return self._stop.is_set()

    def _crashed(self, loop: str, exc: Exception) -> None:
        body = f"The last error was: {exc}\n\nIt is started again by itself; the log has the whole story."
        self._insist("loop-crashed", loop, Severity.WARNING, f"A part of levelhead crashed: {loop}", body)

    def _lost(self, mailbox: str, kind: str, why: str) -> None:
        """What a watcher tells of an outage; one of the connection is an alert only when it lasts."""
        if kind in {"login", "tls", "folders"}:
            told = self._words(mailbox, kind, why)
            self._insist(told.rule, mailbox, Severity.CRITICAL, told.title, told.body)
        elif kind == "messages":
            title = f"Some messages of the mailbox {mailbox} do not come whole"
            self._insist("messages-trouble", mailbox, Severity.CRITICAL, title, why)
        elif kind == "sent":
            title = f"No sent mail is seen in the mailbox {mailbox}"
            self._insist("sent-unseen", mailbox, Severity.WARNING, title, why)
        elif kind == "archive":
            self._crew.disk.try_it()
            if not self._crew.disk.spoken_for:
                self._archive_trouble(f"mailbox {mailbox}", why)

    def _loop_hindered(self, loop: str, exc: Exception, times: int) -> None:
        """The disk or a lock keeps a loop from its work; an alert when that lasts, and never a second one."""
        if not self._crew.disk.note(exc) and times > 1:
            self._archive_trouble(loop, str(exc))

    def _archive_trouble(self, loop: str, why: str) -> None:
        """One alert, however many loops it keeps from their work."""
        first = not self._troubled
        self._troubled.add(loop)
        if first:
            self._insist("archive-trouble", "", Severity.CRITICAL, "The archive cannot be written", why)

    def _untroubled(self, loop: str) -> None:
        if loop in self._troubled:
            self._troubled.discard(loop)
            if not self._troubled:
                self.healthy("archive-trouble", "", "the archive can be written again")

    def _insist(self, rule: str, subject: str, severity: Severity, title: str, body: str) -> None:
        """Raise an alert; when not even that can be written, call the channels directly and write it down later."""
        try:
            self.health(rule, subject, severity, title, body)
        except (LevelheadError, OSError) as exc:
            log.error("alert.unwritten", rule=rule, subject=subject, error=str(exc))
            if subject not in self._untold:
                self._untold[subject] = (
                    title,
                    f"{body}\n\nIt could not be written down: {exc}",
                    self._clock.now(),
                )
                self._crew.shout(title, body)

    def _catch_up_on_alerts(self) -> None:
        """Write down what could not be written when it happened, with the time from when to when."""
        for subject, (title, body, since) in list(self._untold.items()):
            until = to_text(self._clock.now())
            told = (
                f"{body}\n\nFrom {to_text(since)} to {until} the archive could not be written; it can be now."
            )
            self.health("unwritten", f"{subject} {to_text(since)}", Severity.WARNING, title, told)
            del self._untold[subject]

    def _watched(self, mailbox: str) -> None:
        for rule in (blind.LOST, blind.LOGIN_REFUSED):
            self.healthy(rule, mailbox, "the mailbox is watched again")
        self._untroubled(f"mailbox {mailbox}")
        for subject in (mailbox, ""):  # what an earlier process (or version) has left open
            if not self._troubled:
                self.healthy("archive-trouble", subject, "the archive can be written again")
        if not self._crew.watchers[mailbox].without_sent:
            self.healthy("sent-unseen", mailbox, "a folder for sent mail is watched")
        self.healthy("loop-crashed", f"mailbox {mailbox}", "the mailbox is watched again")

    def _look_after(self, mailboxes: tuple[MailboxRow, ...]) -> None:
        """Plugins that were set aside, mailboxes out of reach for long, and what could not be written down before."""
        self._catch_up_on_alerts()
        self._crew.health.plugins_set_aside(self._crew.panel)
        for row in mailboxes:
            # A gap because nobody ran us ends with the first pass; it is no outage of the mailbox.
            known = row.name in self._crew.watchers and row.kind != "daemon"
            lost = row.state == "lost" and row.since and self._clock.now() - row.since > PATIENCE
            if known and lost and self._crew.keeper.bears_out(row.name, row.kind):
                told = self._words(row.name, row.kind, row.why)
                self.health(told.rule, row.name, Severity.CRITICAL, told.title, told.body)

    def _words(self, mailbox: str, kind: str, why: str) -> blind.Words:
        keeper = self._crew.keeper
        sign_in, refused = keeper.mend(mailbox), kind == "login" and keeper.refused(mailbox)
        return blind.words(self._settings, mailbox, kind, why, sign_in=sign_in, refused=refused)
