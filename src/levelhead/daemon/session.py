"""One configuration at work: its plugins, its mailboxes' watchers and the worker, from start to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.crew import Crew
from levelhead.daemon.follow import Follower
from levelhead.daemon.parts import Archive
from levelhead.daemon.supervise import Supervisor
from levelhead.errors import LevelheadError, MailboxError
from levelhead.facts import ClockJumped, Fact
from levelhead.model import Severity
from levelhead.store.api import WORK, mailbox_lane

log = structlog.get_logger()

ROUNDS = 100
"""How often one pass looks again for debts that fell due while others were paid."""

GRACE = 8.0
"""Seconds that loops may take to end after they were asked to; systemd kills after 10."""

PATIENCE = timedelta(minutes=15)
"""How long a mailbox may be out of reach before that is an alert; a refused login is one at once."""

IDLE_WAIT = 30.0
"""Seconds after which an idle worker moves, to show that it is alive."""


class Session:
    """Everything that runs under one configuration. `start` and `stop` for the daemon, `once` for one pass."""

    def __init__(self, settings: Settings, archive: Archive, clock: Clock) -> None:
        self._settings = settings
        self._archive = archive
        self._store = archive.store
        self._clock = clock
        self._wake = threading.Event()
        self._supervisor = Supervisor(clock, on_crash=self._crashed)
        self._crew = Crew(settings, archive, clock, on_lost=self._lost, on_watched=self._watched)
        self.recorder = self._crew.recorder
        self._follower = Follower(
            self._store,
            clock,
            observe=self._crew.panel.observe if self._crew.observed else None,
            mirror=lambda: archive.mirror.keep_up(self._store, clock.now()),
        )
        self._version = -1

    # --- one pass -----------------------------------------------------------------------------

    def once(self, stop: threading.Event) -> int:
        """Fetch everything new, judge it, perform every debt that is due; 3 when a mailbox was out of reach."""
        lost = {name for name in self._crew.watchers if not self._passed(name, stop)}
        for _ in range(ROUNDS):
            moved = self._crew.worker.pay()
            now = self._clock.now()
            for name in self._crew.watchers.keys() - lost:
                due = self._store.next_due(mailbox_lane(name))
                if due is not None and due <= now:
                    moved += 1
                    lost |= set() if self._passed(name, stop) else {name}
            if not moved or stop.is_set():
                break
        self._look_after()
        self._crew.worker.pay()
        return 3 if lost else 0

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
        """Start the worker and one watcher for each mailbox."""
        self._supervisor.start("worker", self._work)
        for name, watcher in self._crew.watchers.items():
            self._supervisor.start(f"mailbox {name}", watcher.run)

    def stop(self) -> tuple[str, ...]:
        """End all loops within seconds; the names of those that did not end."""
        self._supervisor.stop.set()
        self._wake.set()
        for watcher in self._crew.watchers.values():
            watcher.wake.set()
        return self._supervisor.join(GRACE)

    def tick(self) -> None:
        """Once a second: wake who has something to do, and look after what is wrong for long."""
        version = self._store.version()
        if version != self._version:
            self._version = version
            self._wake.set()
        now = self._clock.now()
        for name, watcher in self._crew.watchers.items():
            due = self._store.next_due(mailbox_lane(name))
            if due is not None and due <= now and not watcher.resting:
                watcher.wake.set()
        self._look_after()

    def stuck(self, limit: float) -> tuple[str, ...]:
        """Loops that have not moved for `limit` seconds."""
        return self._supervisor.stuck(limit)

    def status(self) -> str:
        """One line for `systemctl status`."""
        counts = self._store.counts()
        return (
            f"{len(self._crew.watchers)} mailboxes, {counts.messages} messages, "
            f"{counts.held} held, {counts.open_alerts} open alerts"
        )

    def clock_jumped(self, seconds: int, now: datetime) -> None:
        """Write it down and have everything looked at: connections may be dead, debts due."""
        log.warning("clock.jumped", by_seconds=seconds)
        self.record(ClockJumped(by_seconds=seconds, noticed_at=now))
        self._wake.set()
        for watcher in self._crew.watchers.values():
            watcher.wake.set()

    def flush(self) -> None:
        """Mirror and tell everything that is written down by now; for the end."""
        while self._follower.follow():
            pass

    def close(self) -> None:
        self._crew.close()

    # --- facts and the daemon's own alerts ----------------------------------------------------

    def mend(self) -> None:
        """At start: take in what a crash left, and say which plugins are here."""
        settled = self.recorder.adopt()
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
        self._archive.mirror.catch_up(self._store)
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
        while not stop.is_set():
            self._wake.clear()
            moved = self._crew.worker.pay() + self._follower.follow()
            pulse()
            if moved:
                continue
            self.healthy("loop-crashed", "worker", "the worker works again")
            due = self._store.next_due(WORK)
            wait = IDLE_WAIT if due is None else (due - self._clock.now()).total_seconds()
            self._clock.wait(self._wake, min(IDLE_WAIT, max(0.05, wait)))

    def _crashed(self, loop: str, exc: Exception) -> None:
        body = f"The last error was: {exc}\n\nIt is started again by itself; the log has the whole story."
        try:
            self.health("loop-crashed", loop, Severity.WARNING, f"A part of levelhead crashed: {loop}", body)
        except LevelheadError:
            # A full disk or locked store is often why it crashed; then the alert cannot be written either.
            log.exception("alert.lost", rule="loop-crashed", subject=loop)

    def _lost(self, mailbox: str, kind: str, why: str) -> None:
        """What a watcher tells of an outage; one of the connection is an alert only when it lasts."""
        if kind in {"login", "tls", "folders"}:
            self._alert_lost(mailbox, kind, why)
        elif kind in {"messages", "archive"}:
            title = {
                "messages": f"Some messages of the mailbox {mailbox} do not come whole",
                "archive": "The archive cannot be written",
            }[kind]
            try:
                self.health(f"{kind}-trouble", mailbox, Severity.CRITICAL, title, why)
            except (LevelheadError, OSError):
                log.exception("alert.lost", rule=f"{kind}-trouble", subject=mailbox)

    def _watched(self, mailbox: str) -> None:
        for rule in ("mailbox-lost", "archive-trouble"):
            self.healthy(rule, mailbox, "the mailbox is watched again")
        self.healthy("loop-crashed", f"mailbox {mailbox}", "the mailbox is watched again")

    def _look_after(self) -> None:
        """Plugins that were set aside, and mailboxes that are out of reach for long."""
        self._crew.health.plugins_set_aside(self._crew.panel)
        for row in self._store.mailboxes():
            # A gap because nobody ran us ends with the first pass; it is no outage of the mailbox.
            known = row.name in self._crew.watchers and row.kind != "daemon"
            if known and row.state == "lost" and row.since and self._clock.now() - row.since > PATIENCE:
                self._alert_lost(row.name, row.kind, row.why)

    def _alert_lost(self, mailbox: str, kind: str, why: str) -> None:
        advice = {
            "login": "Check the password, then: systemctl reload levelhead (or send the daemon SIGHUP).",
            "tls": "The server's certificate is not trusted; nothing is sent in the clear instead.",
        }.get(kind, "It is tried again by itself; what was missed is fetched then.")
        self.health(
            "mailbox-lost",
            mailbox,
            Severity.CRITICAL,
            f"levelhead cannot watch the mailbox {mailbox}",
            f"{why}\n\n{advice}\nlevelhead check --online says more.",
        )
