"""Anchors: whoever is outside of this machine and can say later how the ledger stood.

Each anchor is a job of its own in the lane of evidence: a silent authority keeps no message from being judged and no
other anchor from its checkpoint. What cannot be reached is tried again, for as long as it takes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from levelhead.clock import Clock
from levelhead.errors import (
    DiskFailed,
    DiskFull,
    DiskReadOnly,
    StoreLocked,
    Unavailable,
    UserError,
)
from levelhead.evidence import stamps
from levelhead.evidence.anchored import State, state_of
from levelhead.evidence.checkpoints import latest, origin
from levelhead.evidence.note import Checkpoint
from levelhead.exchange import DEADLINE, post
from levelhead.facts import AnchorFailed, AnchorStamped, AnchorWitnessed
from levelhead.hookspecs import CHECKPOINT, Channel, Notice, Panel
from levelhead.model import Again, Done, Job
from levelhead.store.api import EVIDENCE, Store, Tx

log = structlog.get_logger()

ANCHOR = "anchor"
"""The kind of the jobs. A job's subject is the authority's URL or the channel's name."""

EVERY = timedelta(days=1)
FIRST_PAUSE = timedelta(seconds=30)
"""Until an anchor that was not reached is tried again; each pause is twice as long, up to an hour."""
LONGEST_PAUSE = timedelta(hours=1)
PATIENCE = timedelta(days=3)
"""So long without a success is an alert."""
LEAST = timedelta(minutes=10)
"""So long it must have failed, too: who was away for a week is not told off because the network is slow to come."""

_OURS = (DiskFull, DiskFailed, DiskReadOnly, StoreLocked)
"""Trouble of the archive, and not of an anchor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What an anchor is told: `text` is the newest signed checkpoint, whole; without a key, a checkpoint unsigned."""

    size: int
    root: str
    text: str
    verifier: str
    """The public key that signed; empty for an unsigned one."""


class Anchor(Protocol):
    """Somebody outside."""

    @property
    def kind(self) -> str:
        """`authority` or `witness`."""

    def when(self, now: datetime) -> datetime:
        """When it may be told: now, or later."""

    def reach(self, statement: Statement) -> AnchorStamped | AnchorWitnessed:
        """Tell it, and return what it said; LevelheadError in one sentence when that was in vain."""


class Authority:
    """A time-stamp authority, by its URL."""

    kind = "authority"

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        ca_file: Path | None = None,
        stopping: Callable[[], bool] = lambda: False,
        deadline: float = DEADLINE,
    ) -> None:
        self._url = url
        self._clock = clock
        self._ca_file = ca_file
        self._stopping = stopping
        self._deadline = deadline

    def when(self, now: datetime) -> datetime:
        return now

    def reach(self, statement: Statement) -> AnchorStamped:
        """Have the SHA-256 of the statement's text stamped."""
        data = statement.text.encode()
        asked, nonce = stamps.question(data)
        roots = stamps.roots_of(self._ca_file) if self._ca_file is not None else ()
        answer = post(
            self._url,
            asked,
            sends=stamps.QUERY,
            accepts=stamps.REPLY,
            clock=self._clock,
            stopping=self._stopping,
            deadline=self._deadline,
        )
        if answer.status != 200:
            raise Unavailable(f"{answer.host} answered with status {answer.status}")
        try:
            stamp = stamps.believed(answer.body, data, nonce)
            if roots:
                stamps.must_be_signed(stamp, roots)
        except ValueError as exc:
            of = "" if answer.content_type == stamps.REPLY else f" (it says that it is {answer.content_type})"
            raise Unavailable(f"the authority's answer{of} is not believed: {exc}") from exc
        return AnchorStamped(
            size=statement.size,
            root=statement.root,
            authority=self._url,
            token=base64.b64encode(answer.body).decode("ascii"),
            stamped_at=stamp.at,
        )


class Witness:
    """A person or a machine that is told through a channel, as alerts are, and keeps what it is told."""

    kind = "witness"

    def __init__(
        self,
        channel: str,
        opened: Callable[[], Channel],
        panel: Panel,
        clock: Clock,
        *,
        allowed: Callable[[datetime], datetime],
    ) -> None:
        """`opened()` reads the channel's secret address; `allowed(now)` is when nobody is disturbed."""
        self._channel = channel
        self._opened = opened
        self._panel = panel
        self._clock = clock
        self._allowed = allowed

    def when(self, now: datetime) -> datetime:
        return self._allowed(now)

    def reach(self, statement: Statement) -> AnchorWitnessed:
        """Send the statement's text with a few words about it."""
        asked = self._panel.deliver(notice_of(statement, self._clock.now()), self._opened())
        if not asked.answers:
            why = "; ".join(f"{one.plugin}: {one.error}" for one in asked.failures)
            raise Unavailable(why or "no transport takes it")
        return AnchorWitnessed(
            size=statement.size, root=statement.root, channel=self._channel, told_at=self._clock.now()
        )


def notice_of(statement: Statement, now: datetime) -> Notice:
    """What a witness reads."""
    signed = (
        f"It is signed with the key\n{statement.verifier}"
        if statement.verifier
        else "It is not signed: its owner has named no signing key"
    )
    return Notice(
        key=f"{CHECKPOINT}{statement.size}-{statement.root[:16]}",
        severity="info",
        title=f"Please keep this: a record's checkpoint of {now:%Y-%m-%d}",
        body=(
            "Somebody keeps a record of their mail with levelhead, and has named you as a witness.\n"
            "The lines below are a fingerprint of that record as it stands today. They tell you nothing of what is in"
            " it.\n"
            "Please keep this message, with the time at which you got it. There is nothing else to do.\n"
            "Should it ever be asked whether the record was changed after today, these lines can show it: whoever has"
            f" the record can make them again from it, and they must be the same.\n\n{statement.text}\n{signed}."
        ),
        rung=0,
        count=1,
    )


class Anchoring:
    """Tells each anchor a checkpoint a day. What lasts is told through `trouble`, and its end through `well`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        anchors: Mapping[str, Anchor],
        *,
        signed: bool,
        trouble: Callable[[str, str], None],
        well: Callable[[str], None],
    ) -> None:
        """`anchors` by name; `signed`: only signed checkpoints are told. `trouble(name, why)` is called at each try."""
        self._store = store
        self._clock = clock
        self._anchors = anchors
        self._signed = signed
        self._trouble = trouble
        self._well = well

    def begin(self) -> None:
        """At the start: owe each anchor its next checkpoint, a day after its last."""
        now = self._clock.now()
        due = {name: min(max(now, self._next(name, now)), now + EVERY) for name in self._anchors}
        self._owe(due.items())
        self.follow()

    def follow(self) -> None:
        """Owe each anchor the newest signed checkpoint now, unless it has it; called when one was signed."""
        newest = latest(self._store) if self._signed and self._anchors else None
        if newest is not None:
            now = self._clock.now()
            self._owe((name, now) for name in self._anchors if self._state(name).size < newest.size)

    def pay(self, job: Job) -> Done | Again | None:
        """The job's handler; None when it was settled together with what is written down."""
        name, now = job.subject, self._clock.now()
        if name not in self._anchors:
            return Done()
        anchor, state = self._anchors[name], self._state(name)
        statement = self._statement()
        if statement is None or (self._signed and statement.size <= state.size):
            return self._later(job, now + EVERY)
        if (allowed := anchor.when(now)) > now:
            return self._later(job, allowed)
        try:
            said = anchor.reach(statement)
        except _OURS:
            raise
        except (UserError, Unavailable) as exc:
            self._failed(job, statement, state, _clean(str(exc)))
            return None
        with self._store.transaction(self._clock.now()) as tx:
            tx.record(said)
            tx.settle(job, Done())
            _owe(tx, name, tx.now + EVERY)
        log.info("anchor.reached", kind=anchor.kind, size=statement.size)
        self._well(name)
        return None

    # --- what is told -------------------------------------------------------------------------

    def _statement(self) -> Statement | None:
        """The newest signed checkpoint, or the ledger as it stands; None when there is nothing to tell yet."""
        if self._signed:
            newest = latest(self._store)
            if newest is None:
                return None
            return Statement(size=newest.size, root=newest.root, text=newest.note, verifier=newest.verifier)
        with self._store.transaction(self._clock.now()):
            # Whoever opened a transaction is the only one to write, so that size and root are of one moment.
            size, root = self._store.ledger_size(), self._store.ledger_root()
        if not size:
            return None
        body = Checkpoint(origin=origin(self._store), size=size, root=root).body()
        return Statement(size=size, root=root.hex(), text=body, verifier="")

    # --- when ---------------------------------------------------------------------------------

    def _next(self, name: str, now: datetime) -> datetime:
        last = self._state(name).at
        return now if last is None else last + EVERY

    def _later(self, job: Job, at: datetime) -> Done:
        with self._store.transaction(self._clock.now()) as tx:
            _owe(tx, job.subject, at)
        return Done()

    def _owe(self, due: Iterable[tuple[str, datetime]]) -> None:
        if owed := list(due):
            with self._store.transaction(self._clock.now()) as tx:
                for name, at in owed:
                    _owe(tx, name, at)

    # --- what fails ---------------------------------------------------------------------------

    def _failed(self, job: Job, statement: Statement, state: State, why: str) -> None:
        """Try again later; write it down once a day, and tell somebody when it has lasted."""
        now = self._clock.now()
        told = state.failed_at is not None and timedelta() <= now - state.failed_at < EVERY
        with self._store.transaction(now) as tx:
            if not told:
                tx.record(AnchorFailed(size=statement.size, anchor=job.subject, why=why))
            tx.settle(job, Again(at=now + _pause(job.attempt), why=why))
        log.warning("anchor.unreached", kind=self._anchors[job.subject].kind, attempt=job.attempt)
        since = state.failing_since or now
        if now - since >= LEAST and now - (state.at or since) >= PATIENCE:
            self._trouble(job.subject, why)

    def _state(self, name: str) -> State:
        return state_of(self._store, name, witness=self._anchors[name].kind == "witness")


def _owe(tx: Tx, name: str, at: datetime) -> None:
    tx.add_job(EVIDENCE, ANCHOR, f"{ANCHOR}:{name}", name, at)


def _pause(attempt: int) -> timedelta:
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempt, 10)))


def _clean(text: str) -> str:
    """The text without halves of characters, which no ledger could hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
