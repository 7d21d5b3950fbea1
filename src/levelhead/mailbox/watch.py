"""The watcher of one mailbox: the only thread that speaks to its server. Connect, sync, pay what is due, wait, again.

A silent IDLE is never believed: the poll behind it is the promise, IDLE only makes it quicker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
import tenacity

from levelhead.clock import Clock
from levelhead.errors import CommandRefused, ConnectionLost, FolderMissing, MailboxError, Unavailable
from levelhead.facts import Fact, MailboxLost
from levelhead.mailbox import budget, folders, opening, passes, pauses, plan, sight, waits
from levelhead.mailbox.api import Connection, Decision, IdleEnd, MailboxSpec, SpoolWriter, Wake
from levelhead.mailbox.drafts import ImapDrafts
from levelhead.mailbox.folders import Chosen, Role, Watched, chosen_on, note_hidden
from levelhead.mailbox.passes import Look, Passed
from levelhead.mailbox.pauses import RECOVERABLE, kind_of, pause_before
from levelhead.mailbox.tools import Memory, Report, Tools
from levelhead.model import Arrival, Receipt
from levelhead.raw import Raw
from levelhead.store.api import Cursor, Excluded, Store, mailbox_lane

log = structlog.get_logger()

SLICE = 1.0
"""Seconds; how soon a pause sees the bell."""

Connect = Callable[[MailboxSpec, Clock, Callable[[], bool]], Connection]


@dataclass(slots=True)
class Watcher:
    """Watches one mailbox until told to stop. `wake.set()` from any thread makes it look at once."""

    spec: MailboxSpec
    store: Store
    clock: Clock
    record: Callable[[Sequence[Arrival], Cursor | None], Sequence[Receipt]]
    spool: Callable[[], SpoolWriter]
    decide: Callable[[bytes], Decision] | None = None
    wanted_again: Callable[[Excluded], bool] | None = None
    directory: Callable[[], object] = lambda: None
    pay: Callable[[ImapDrafts], object] = lambda drafts: None
    compare: Callable[[Connection], bool] = lambda connection: False
    """Called between passes for something that can wait, and that takes a second or so; whether there is more of it."""
    stale_after: timedelta = timedelta(days=14)
    connect: Connect = opening.connect
    room: Callable[[int], None] = lambda size: None
    archived: Callable[[str], Raw | None] = lambda id: None
    pulse: Callable[[], None] = lambda: None
    on_lost: Callable[[str, str], None] = lambda kind, why: None
    """Called once for each outage with its kind and why; kinds of `MailboxLost`, `archive`, `messages` and `sent`."""
    on_watched: Callable[[], None] = lambda: None
    budget: budget.Budget | None = None
    wake: Wake = field(default_factory=Wake)
    resting: bool = False
    """True in the pause after an outage, which no debt may cut short."""
    without_sent: bool = False
    """True when no folder for sent mail was found at the last whole pass."""
    _memory: Memory = field(default_factory=Memory)
    _stop: threading.Event = field(default_factory=threading.Event)
    _chosen: Chosen | None = None
    _prefix: str = ""
    _trouble: str = ""
    """The kind of the outage that was told of, or empty."""
    _good_at: datetime | None = None
    seen: sight.Seen | None = None
    """When the last complete pass ended."""
    _broke: str = ""
    """Why the last session ended, until a complete pass."""
    _incomplete: frozenset[tuple[str, int]] = frozenset()
    _sent_unread: str = ""
    """Why a Sent folder could not be read at the last pass over it, or empty."""
    _put_off: int = 0
    """How often in a row debts had to wait because of that."""
    _in_vain: int = 0
    """How many words of the server in a row came to nothing."""
    _failed: Exception | None = None
    """What the last attempt to connect came to."""
    _more: bool = False
    """Whether `compare` has more to do, soon."""
    _rounds: passes.Rounds = field(init=False)

    def __post_init__(self) -> None:
        self._rounds = passes.Rounds(self.clock)

    # --- the loop -----------------------------------------------------------------------------

    def run(self, stop: threading.Event, pulse: Callable[[], None] | None = None) -> None:
        """Watch until `stop` is set; returns within about two seconds of that (ring `wake` too, and it is at once)."""
        self._stop = stop
        self.pulse = pulse or self.pulse
        structlog.contextvars.bind_contextvars(mailbox=self.spec.name)
        self._broke = sight.CRASHED if self.seen is not None else ""
        short = 0
        while not stop.is_set():
            began = self.clock.monotonic()
            try:
                connection = self._begin()
                began = self.clock.monotonic()
                if connection is not None:
                    self._watch(connection)
            except RECOVERABLE as exc:
                if stop.is_set():
                    return
                # A good session ended: begin again soon. When every session ends soon, that is an outage too.
                short = short + 1 if self.clock.monotonic() - began < pauses.STEADY_AFTER else 0
                self._broke = str(exc)
                log.info("mailbox.session_ended", kind=kind_of(exc), error=str(exc))
                if short > 2:
                    self._lost(exc)
                self._recover(pauses.pause_of_session(exc, short), exc)
            except pauses.FOR_A_PERSON as exc:
                self._lost(exc)
                self._recover(pauses.PERSON_PAUSE, exc)

    def run_once(self, stop: threading.Event | None = None) -> tuple[Report, ...]:
        """One full pass and the debts that are due. Raises the MailboxError that ended it, after it is on record."""
        self._stop = stop or self._stop
        self._trouble, self._rounds.alone = "", True
        try:
            return pauses.a_few_times(self._recover)(self._one_pass)
        except (MailboxError, Unavailable, OSError) as exc:
            self._lost(exc)
            raise

    def _one_pass(self) -> tuple[Report, ...]:
        connection = self._open()
        try:
            reports = self._whole(connection)
            self._pay_due(connection)
            while self.compare(connection) and not self._stop.is_set():
                pass
            if self._put_off and self._sent_unread != budget.SPENT:
                raise FolderMissing(f"drafts wait until sent mail can be read: {self._sent_unread}")
            return reports
        finally:
            connection.close()

    def _begin(self) -> Connection | None:
        """A connection after its first full pass; tries until there is one, None when told to stop."""
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(RECOVERABLE),
            stop=tenacity.stop_when_event_set(self._stop),
            wait=pauses.pause_after,
            sleep=lambda seconds: self._recover(seconds, self._failed),
            before_sleep=self._note_attempt,
            reraise=True,
        )
        try:
            return attempts(self._first_pass)
        except RECOVERABLE:
            if self._stop.is_set():
                return None
            raise

    def _first_pass(self) -> Connection:
        connection = self._open()
        try:
            self._whole(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _note_attempt(self, state: tenacity.RetryCallState) -> None:
        exc = state.outcome.exception() if state.outcome else None
        self._failed = exc if isinstance(exc, Exception) else None
        # The first failure after a good session is a blip (a restart, a NAT time-out); the second is an outage.
        if (
            isinstance(exc, Exception)
            and not self._stop.is_set()
            and (state.attempt_number > 1 or not self._good_at)
        ):
            self._lost(exc)

    def _watch(self, connection: Connection) -> None:
        """From one good pass to the next, until something breaks."""
        try:
            while not self._stop.is_set():
                self._pay_due(connection)
                self._more = self.compare(connection)
                silent = self._wait(connection)
                if not self._stop.is_set():
                    self._in_vain = pauses.in_vain(self._in_vain, silent, self._look(connection))
        finally:
            connection.close()

    def close(self) -> None:
        """Give back the bell's descriptors; call it when `run` has returned."""
        self.wake.close()

    # --- one pass -----------------------------------------------------------------------------

    def _open(self) -> Connection:
        connection = self.connect(self.spec, self.clock, self._tick)
        self._rounds.connected()
        try:
            self._prefix = connection.prefix()
        except BaseException:
            connection.close()
            raise
        return connection

    def _tick(self) -> bool:
        self.pulse()
        return self._stop.is_set()

    def _look(self, connection: Connection) -> tuple[Report, ...]:
        """The next pass: over what a glance shows to have changed, or over everything where that is not enough."""
        fit = self._chosen is not None and not self._chosen.missing and not self._trouble
        look = self._rounds.look(connection, self._chosen.watched) if fit and self._chosen else None
        if look is None or self._rounds.whole_is_due(look):
            return self._whole(connection, look)
        return self._changed(connection, look)

    def _changed(self, connection: Connection, look: Look) -> tuple[Report, ...]:
        """Sync the folders that by this look may have something new."""
        assert self._chosen is not None
        seen = sight.Seen.now(self.clock)
        on_time = sight.gap_between(self.spec, None, self.seen, seen, "") is None
        if on_time and self._rounds.still(look, self._tools()):
            self.seen, self._good_at = seen, self.clock.now()
            return ()
        # As they were before the pass: what somebody changes during it is looked at in the next.
        directory, version = self.directory(), self.store.version()
        found = self._read(connection, self._chosen.watched, look, whole=False)
        self._conclude(found)
        if not found.reports:
            self._rounds.settle(look, directory, version, self._tools())
        return tuple(found.reports.values())

    def _whole(self, connection: Connection, look: Look | None = None) -> tuple[Report, ...]:
        """Choose the folders anew and sync each, Sent first; what is found is held against the look before it."""
        first = self._rounds.first
        self._rounds.whole_begins(checked=look is not None)
        self._chosen = chosen_on(connection, self.spec, self._prefix, connection.folders())
        note_hidden(self.store, self.spec.name, self._chosen, self.clock.now())
        if look is None and first:
            look = self._rounds.look_before(connection, self._chosen.watched, self._memory)
        found = self._read(connection, self._chosen.watched, look)
        if self._conclude(found):
            self._rounds.whole_ended(self.seen)
        return tuple(found.reports.values())

    def _conclude(self, found: Passed) -> bool:
        """What a pass over everything says of the mailbox; whether nothing was missing, nor waits for another day."""
        if found.behind and not found.missing:
            self._broke = budget.SPENT  # new mail waits, which is no look at everything and no outage either
            return False
        self._judge(found.missing, found.incomplete(self._incomplete))
        return not found.missing

    def _before_paying(self, connection: Connection) -> None:
        """Sync what I have sent and received, as the folders were chosen last."""
        assert self._chosen is not None
        mine = [each for each in self._chosen.watched if each.role in (Role.SENT, Role.INBOX, Role.ALL)]
        found = self._read(connection, mine, self._rounds.look_before(connection, mine, self._memory))
        if found.missing:
            self._tell_missing(found.missing)
        elif found.behind:
            self._broke = budget.SPENT

    def _read(
        self, connection: Connection, which: Sequence[Watched], look: Look | None, *, whole: bool = True
    ) -> Passed:
        """Sync these folders, or unless `whole` those that by the look may have something new."""
        assert self._chosen is not None
        tools, chosen = self._tools(), self._chosen
        found = self._rounds.read(connection, chosen, which, tools, self._memory, look, whole=whole)
        self._sent_unread = next((found.missing[name] for name in chosen.sent if name in found.missing), "")
        if set(found.behind).intersection(chosen.sent):
            self._sent_unread = budget.SPENT
        return found

    def _tools(self) -> Tools:
        return Tools(
            mailbox=self.spec.name,
            store=self.store,
            clock=self.clock,
            record=self.record,
            spool=self.spool,
            decide=self.decide,
            wanted_again=self.wanted_again,
            directory=self.directory,
            stale_after=self.stale_after,
            pulse=self.pulse,
            stopping=self._stop.is_set,
            room=self.room,
            archived=self.archived,
            budget=self.budget,
        )

    def _judge(self, missing: dict[str, str], incomplete: frozenset[tuple[str, int]]) -> None:
        """After a whole pass: is the mailbox watched, and all of it?"""
        if missing:
            self._tell_missing(missing)
        elif not self._chosen or not self._chosen.watched:
            self._lost(FolderMissing(folders.NONE_WATCHED))
        else:
            had, self.without_sent = not self.without_sent, not self._chosen.sent
            self._watched()
            if self.without_sent and had:
                self.on_lost("sent", folders.NONE_SENT)
            elif not self.without_sent and not had:
                self.on_watched()
        self._good_at = self.clock.now()
        if incomplete - self._incomplete:
            self.on_lost(
                "messages",
                f"{len(incomplete)} messages do not come whole from the server; they are tried again",
            )
        self._incomplete = incomplete

    def _pay_due(self, connection: Connection) -> None:
        """Pay the debts of this mailbox that are due, after a fresh look at what I have sent and received.

        While Sent cannot be read nobody knows whether I have answered already, so they wait, longer each time.
        """
        due = self.store.next_due(mailbox_lane(self.spec.name))
        if due is None or due > self.clock.now():
            self.resting, self._put_off = False, 0
            return
        self._before_paying(connection)
        self.resting = bool(self._sent_unread)
        self._put_off = self._put_off + 1 if self.resting else 0
        if self.resting:
            return
        assert self._chosen is not None
        self.pay(ImapDrafts(connection, self._chosen.drafts, self.spool, prefix=self._prefix))

    # --- waiting ------------------------------------------------------------------------------

    def _wait(self, connection: Connection) -> float | None:
        """Until the poll, a debt, the bell, or a word of the server; ConnectionLost after the machine slept.

        When it was that word: how many seconds the server had said nothing before.
        """
        seconds = self._seconds()
        # A server whose words came to nothing is not asked for the next at once: no chatter keeps us spinning.
        pause = pauses.calm(self._in_vain, most=seconds)
        if pause and self._rest(pause):
            return None
        inbox = self._chosen.listened_to if self._chosen else None
        end, began = IdleEnd.OVER, self.clock.monotonic()
        if self.spec.idle and inbox is not None and "IDLE" in connection.capabilities and seconds > pause:
            status = connection.standing(inbox) or connection.examine(inbox)
            settled = self._memory.settled.get(inbox)
            if settled is not None and not plan.unchanged(settled, status):
                return 0.0  # something came between the pass and now
            try:
                end = connection.idle(self.wake, min(seconds - pause, self.spec.idle_seconds))
                self._rounds.answered()
            except CommandRefused as exc:
                log.info("mailbox.idle_refused", error=str(exc))
                self._rest(seconds - pause)
        else:
            self._rest(seconds - pause)
        self.wake.clear()
        if end is IdleEnd.SLEPT:
            raise ConnectionLost("the machine slept, and with it this connection")
        return self.clock.monotonic() - began if end is IdleEnd.CHANGED else None

    def _seconds(self) -> float:
        due = self.store.next_due(mailbox_lane(self.spec.name))
        left = SLICE if self._more else self.spec.poll_seconds
        if self._put_off:
            left = min(left, pause_before(None, self._put_off))
        elif due is not None:
            left = min(left, (due - self.clock.now()).total_seconds())
        # A debt that stays due although it was just tried must not make a busy loop.
        return max(1.0, left)

    def _recover(self, seconds: float, trouble: Exception | None = None) -> None:
        """Pause after an outage: a server that refuses or throttles is left alone, whatever is due."""
        self.resting = True
        try:
            with waits.noted(self.store, self.clock, self.spec.name, seconds, trouble):
                self._rest(seconds)
        finally:
            self.resting = False

    def _rest(self, seconds: float) -> bool:
        """Pause; the bell and the stop end it. Whether one of them did."""
        self._rounds.paused()
        end = self.clock.monotonic() + seconds
        while not self.wake.is_set() and (left := end - self.clock.monotonic()) > 0:
            self.pulse()
            if self.clock.wait(self._stop, min(SLICE, left)):
                return True
        rung = self.wake.is_set()
        self.wake.clear()
        return rung

    # --- what is told -------------------------------------------------------------------------

    def _tell_missing(self, missing: dict[str, str]) -> None:
        names = ", ".join(repr(name) for name in missing)
        why = f"cannot be read: {names} ({next(iter(missing.values()))})"
        self._lost(FolderMissing(f"{why}; correct `folders`, `sent` or `drafts` of this [[mailbox]]"))

    def _lost(self, exc: Exception) -> None:
        """Put an outage on record and tell of it, once."""
        kind, why = kind_of(exc), str(exc)
        self._broke = why
        if kind == self._trouble:
            return
        self._trouble = kind
        log.warning("mailbox.lost", kind=kind, error=why)
        if kind != "archive":
            try:
                self._record_loss(kind, why)
            except (Unavailable, OSError) as trouble:
                log.warning("mailbox.loss_unrecorded", error=str(trouble))
        self.on_lost(kind, why)

    def _record_loss(self, kind: str, why: str) -> None:
        row = next((row for row in self.store.mailboxes() if row.name == self.spec.name), None)
        since = self._good_at or self.clock.now()
        if row is not None and row.state == "lost" and row.since is not None:
            since = row.since
        if row is None or row.state != "lost" or row.kind != kind:
            self._note(MailboxLost(mailbox=self.spec.name, kind=kind, why=why, since=since))

    def _watched(self) -> None:
        row = next((row for row in self.store.mailboxes() if row.name == self.spec.name), None)
        seen = sight.Seen.now(self.clock)
        if (since := self._rounds.kept_back_since) is not None:
            self.seen, self._broke = since, passes.KEPT_BACK
        self._note(*sight.facts(self.spec, row, self.seen, seen, self._broke))
        self.seen, self._broke, self._rounds.kept_back_since = seen, "", None
        if self._trouble or self._good_at is None:
            log.info("mailbox.watched", folders=len(self._chosen.watched) if self._chosen else 0)
            self.on_watched()
        self._trouble = ""

    def _note(self, *facts: Fact) -> None:
        if facts:
            with self.store.transaction(self.clock.now()) as tx:
                for fact in facts:
                    tx.record(fact)
