"""One pass over one folder: what is new is fetched, decided and recorded; what is gone or changed is noted.

Every step commits what it did, so that a pass that ends anywhere is continued and never begun again. The planning is in
`plan.py`; this is the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from levelhead.clock import Clock
from levelhead.errors import BadBody, ConnectionLost
from levelhead.facts import (
    FolderOpened,
    FolderRenumbered,
    MessageExcluded,
    MessageFlagged,
    MessageVanished,
)
from levelhead.mailbox import plan
from levelhead.mailbox.api import HEAD_LIMIT, Connection, Decision, FolderStatus, Head, SpoolWriter
from levelhead.mailbox.folders import Role, Watched
from levelhead.mailbox.ranges import chunks, windows
from levelhead.mailbox.wire import Stopped
from levelhead.model import Arrival, Place
from levelhead.raw import Raw
from levelhead.store.api import Cursor, Excluded, FolderState, Store

log = structlog.get_logger()

BATCH = 100
"""Messages that are fetched and committed together; larger batches were measured to cost only memory."""
BATCH_BYTES = 16_000_000
PASS_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a pass works with; all of it is handed in by whoever wires the mailbox."""

    mailbox: str
    store: Store
    clock: Clock
    record: Callable[[Sequence[Arrival], Cursor | None], object]
    spool: Callable[[], SpoolWriter]
    decide: Callable[[bytes], Decision] | None = None
    """Whether a message with this header is archived; None: everything is."""
    wanted_again: Callable[[Excluded], bool] | None = None
    directory: Callable[[], object] = lambda: None
    """A token that differs when `wanted_again` may answer differently."""
    stale_after: timedelta = timedelta(days=14)
    pulse: Callable[[], None] = lambda: None
    stopping: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Memory:
    """What a watcher keeps between passes and can lose without harm."""

    settled: dict[str, FolderStatus] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    directory: dict[str, object] = field(default_factory=dict)
    batch: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Report:
    """What one pass over a folder did. `gaps` are UIDs that did not come whole; `odd` what was not believed."""

    archived: int = 0
    excluded: int = 0
    vanished: int = 0
    flagged: int = 0
    gaps: tuple[int, ...] = ()
    odd: tuple[str, ...] = ()
    skipped: bool = False


def sync_folder(connection: Connection, folder: Watched, tools: Tools, memory: Memory) -> Report:
    """Bring the archive up to date with one folder; FolderMissing when it is not there."""
    status = connection.examine(folder.name)
    if not status.uidnext:
        # UIDNEXT may be left out (RFC 3501 says SHOULD); it is one more than the highest UID.
        uids = connection.uids(1, None, at_most=status.exists)
        status = replace(status, uidnext=max(uids, default=0) + 1)
    return FolderPass(connection, folder, tools, memory, status).run()


class FolderPass:
    """The state of one pass over one folder."""

    def __init__(
        self, connection: Connection, folder: Watched, tools: Tools, memory: Memory, status: FolderStatus
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.tools = tools
        self.memory = memory
        self.status = status
        self.report = Report()
        self.state: FolderState
        self.gaps: dict[int, plan.Gap] = {}

    def run(self) -> Report:
        name, status = self.folder.name, self.status
        self._open()
        token = self.tools.directory()
        widened = self.memory.directory.get(name, self) != token
        self.gaps = plan.gaps_from(self.tools.store.meta(self._key("gaps")))
        due = [uid for uid, gap in self.gaps.items() if gap.due(self.tools.clock.now())]
        if plan.unchanged(self.memory.settled.get(name), status) and not widened and not due:
            self.report.skipped = True
            self._note_pass()
            return self.report
        self.memory.settled.pop(name, None)
        self._news()
        self._close_gaps(due)
        self._compare()
        if widened:
            self._fetch_excluded()
        self._flags()
        self._end()
        self.memory.directory[name] = token
        return self.report

    # --- meeting the folder -------------------------------------------------------------------

    def _open(self) -> None:
        name, status, store = self.folder.name, self.status, self.tools.store
        state = store.folder(self.tools.mailbox, name)
        self.report.odd = plan.oddities(state, status)
        how = plan.opened(state, status)
        if how is not plan.Opened.SAME:
            self.memory.live.pop(name, None)
            self.memory.directory.pop(name, None)
            with store.transaction(self.tools.clock.now()) as tx:
                if state is not None:
                    tx.record(
                        FolderRenumbered(
                            mailbox=self.tools.mailbox,
                            folder=name,
                            old=state.uidvalidity,
                            new=status.uidvalidity,
                            noticed_at=tx.now,
                        )
                    )
                tx.record(
                    FolderOpened(
                        mailbox=self.tools.mailbox,
                        folder=name,
                        uidvalidity=status.uidvalidity,
                        uidnext=plan.boundary(state, status),
                        opened_at=tx.now,
                    )
                )
            state = store.folder(self.tools.mailbox, name)
        assert state is not None
        self.state = state
        for odd in self.report.odd:
            log.warning("mailbox.folder_odd", mailbox=self.tools.mailbox, folder=name, odd=odd)

    # --- what is new --------------------------------------------------------------------------

    def _news(self) -> None:
        for start, end in windows(self.state.last_uid + 1, self.status.uidnext - 1, self.status.exists):
            found = self.connection.uids(start, end, at_most=self.status.exists)
            self._take(found, moving=True)

    def _take(self, uids: Sequence[int], *, moving: bool = False, forced: bool = False) -> None:
        """Fetch and commit these messages batch by batch; `moving` moves the cursor, `forced` asks for no decision."""
        left = tuple(uids)
        while left:
            size = self.memory.batch.get(self.folder.name, BATCH)
            batch, left = left[:size], left[size:]
            self.tools.pulse()
            if self.tools.stopping():
                raise Stopped("the daemon stops")
            try:
                self._batch(batch, moving=moving, forced=forced)
            except Stopped:
                raise
            except ConnectionLost:
                self._stumble(batch, moving=moving)
                raise
            if size < BATCH:
                self.memory.batch[self.folder.name] = size * 2

    def _stumble(self, batch: Sequence[int], *, moving: bool) -> None:
        """A batch broke the connection: the next try is smaller, so that one message cannot block its folder."""
        self.memory.batch[self.folder.name] = max(1, len(batch) // 10)
        if len(batch) == 1:
            self._missed(batch)
            self._commit((), (), batch[-1] if moving else None)

    def _batch(self, uids: Sequence[int], *, moving: bool, forced: bool) -> None:
        decide = None if forced else self.tools.decide
        heads = self.connection.heads(uids, header=decide is not None)
        silent = set(uids) - {head.uid for head in heads}
        if silent:
            # Only a SEARCH that no longer finds them says that they are gone.
            self._missed(self.connection.present(sorted(silent)))
        wanted: dict[int, Head] = {}
        excluded: list[MessageExcluded] = []
        for head in heads:
            reason, addresses = self._reason(head, decide)
            if reason:
                excluded.append(self._exclusion(head, reason, addresses))
            else:
                wanted[head.uid] = head
        cursor = max(uids) if moving else None
        arrivals: list[Arrival] = []
        try:
            for arrival in self._bodies(wanted, excluded):
                arrivals.append(arrival)
                if sum(_weight(each.raw) for each in arrivals) >= BATCH_BYTES:
                    self._commit(arrivals, excluded, None)
                    arrivals = []
                    excluded.clear()
            self._commit(arrivals, excluded, cursor)
            arrivals = []
        finally:
            for arrival in arrivals:
                arrival.raw.discard()

    def _reason(self, head: Head, decide: Callable[[bytes], Decision] | None) -> tuple[str, tuple[str, ...]]:
        """Why a message is left out, and who it is between; an empty reason archives it."""
        if head.head and self.folder.role is not Role.SENT and plan.is_own_draft(head.head):
            return "own-draft", ()
        if decide is None:
            return "", ()
        decision = decide(head.head)
        return ("" if decision.archive else decision.reason or "scope"), tuple(decision.addresses)

    def _bodies(self, wanted: dict[int, Head], excluded: list[MessageExcluded]) -> Iterator[Arrival]:
        for uid, body in self.connection.bodies({u: h.size for u, h in wanted.items()}, self.tools.spool):
            self.tools.pulse()
            head = wanted[uid]
            if isinstance(body, BadBody):
                log.warning(
                    "mailbox.body_bad",
                    mailbox=self.tools.mailbox,
                    folder=self.folder.name,
                    uid=uid,
                    error=str(body),
                )
                self._missed((uid,))
                continue
            self.gaps.pop(uid, None)
            if (
                not head.head
                and self.folder.role is not Role.SENT
                and plan.is_own_draft(body.head(HEAD_LIMIT))
            ):
                body.discard()
                excluded.append(self._exclusion(head, "own-draft", ()))
                continue
            yield self._arrival(head, body)

    def _arrival(self, head: Head, body: Raw) -> Arrival:
        return Arrival(
            raw=body,
            place=self._place(head.uid),
            internal_date=head.internal_date,
            flags=_flags(head.flags),
            history=plan.is_history(
                head.uid,
                head.internal_date,
                first_uidnext=self.state.first_uidnext,
                last_pass=self.state.last_pass,
                now=self.tools.clock.now(),
                stale=self.tools.stale_after,
            ),
        )

    def _exclusion(self, head: Head, reason: str, addresses: Iterable[str]) -> MessageExcluded:
        return MessageExcluded(
            mailbox=self.tools.mailbox,
            folder=self.folder.name,
            uidvalidity=self.status.uidvalidity,
            uid=head.uid,
            internal_date=head.internal_date,
            reason=reason,
            addresses=tuple(addresses),
            seen_at=self.tools.clock.now(),
        )

    def _commit(
        self, arrivals: Sequence[Arrival], excluded: Sequence[MessageExcluded], last_uid: int | None
    ) -> None:
        """First what is left out and what is missing, then the messages with the cursor: a crash between repeats."""
        cursor = None
        if last_uid is not None:
            cursor = Cursor(mailbox=self.tools.mailbox, folder=self.folder.name, last_uid=last_uid)
        with self.tools.store.transaction(self.tools.clock.now()) as tx:
            for fact in excluded:
                tx.record(fact)
            if plan.gaps_from(tx.meta(self._key("gaps"))) != self.gaps:
                tx.set_meta(self._key("gaps"), plan.gaps_to(self.gaps))
            if cursor is not None and not arrivals:
                tx.advance(cursor.mailbox, cursor.folder, last_uid=cursor.last_uid)
        if arrivals:
            try:
                self.tools.record(arrivals, cursor)
            finally:
                for arrival in arrivals:
                    arrival.raw.discard()
        self.report.archived += len(arrivals)
        self.report.excluded += len(excluded)
        if self.folder.name in self.memory.live:
            self.memory.live[self.folder.name] += len(arrivals) + len(excluded)

    # --- what did not come whole --------------------------------------------------------------

    def _missed(self, uids: Iterable[int]) -> None:
        now = self.tools.clock.now()
        for uid in uids:
            before = self.gaps.get(uid)
            self.gaps[uid] = plan.Gap(tries=(before.tries if before else 0) + 1, tried_at=now)

    def _close_gaps(self, due: Sequence[int]) -> None:
        if not due:
            return
        there = self.connection.present(due)
        for uid in set(due) - there:
            self.gaps.pop(uid)
        self._take(sorted(there))

    # --- what is gone -------------------------------------------------------------------------

    def _compare(self) -> None:
        """When the numbers do not add up, look which messages are there: fetch the unknown, note the vanished."""
        name, store = self.folder.name, self.tools.store
        live = self.memory.live.get(name)
        if live is None:
            live = len(store.live_uids(self.tools.mailbox, name, self.status.uidvalidity))
            self.memory.live[name] = live
        if live + len(self.gaps) == self.status.exists and not self.report.odd:
            return
        known = store.live_uids(self.tools.mailbox, name, self.status.uidvalidity)
        there = self._listed()
        self._take(sorted(there - known - self.gaps.keys()))
        for uid in self.gaps.keys() - there:
            self.gaps.pop(uid)
        gone = known - there
        if gone and self._believed(len(known), len(known & there)):
            self._vanish(gone)
        self.memory.live.pop(name, None)

    def _listed(self) -> set[int]:
        found: set[int] = set()
        for start, end in windows(1, self.status.uidnext - 1, self.status.exists):
            self.tools.pulse()
            found.update(self.connection.uids(start, end, at_most=self.status.exists))
        return found

    def _believed(self, live: int, there: int) -> bool:
        """An absurd loss is believed when a later pass sees it too."""
        key, store = self._key("emptied"), self.tools.store
        before = store.meta(key) or ""
        seen = f"{there} of {live}" if plan.absurd(live, there) else ""
        if before != seen:
            with store.transaction(self.tools.clock.now()) as tx:
                tx.set_meta(key, seen)
        if not seen or before:
            return True
        odd = f"only {there} of {live} messages are there; looking again before that is believed"
        log.warning("mailbox.folder_odd", mailbox=self.tools.mailbox, folder=self.folder.name, odd=odd)
        self.report.odd += (odd,)
        return False

    def _vanish(self, gone: Iterable[int]) -> None:
        self.connection.noop()
        certain = sorted(set(gone) - self.connection.present(sorted(gone)))
        with self.tools.store.transaction(self.tools.clock.now()) as tx:
            for part in chunks(certain, 1_000):
                tx.record(
                    MessageVanished(
                        mailbox=self.tools.mailbox,
                        folder=self.folder.name,
                        uidvalidity=self.status.uidvalidity,
                        uids=part,
                        noticed_at=tx.now,
                    )
                )
        self.report.vanished += len(certain)

    # --- what is wanted after all, and what changed -------------------------------------------

    def _fetch_excluded(self) -> None:
        wanted_again = self.tools.wanted_again
        if wanted_again is None:
            return
        left_out = self.tools.store.excluded(self.tools.mailbox, self.folder.name, self.status.uidvalidity)
        uids = [each.place.uid for each in left_out if each.reason != "own-draft" and wanted_again(each)]
        if uids:
            self._take(sorted(self.connection.present(uids)), forced=True)
            self.memory.live.pop(self.folder.name, None)

    def _flags(self) -> None:
        since = self.state.highestmodseq
        if not since or self.status.highestmodseq <= since or not self.state.last_uid:
            return
        changed = self.connection.flags_since(since)
        before = {uid: flags for uid, flags in changed.items() if uid <= self.state.last_uid}
        if not before:
            return
        here = (self.tools.mailbox, self.folder.name, self.status.uidvalidity)
        known = self.tools.store.live_uids(*here)
        known -= {each.place.uid for each in self.tools.store.excluded(*here)}
        ours = sorted(known & before.keys())
        for part in chunks(ours, 500):
            with self.tools.store.transaction(self.tools.clock.now()) as tx:
                for uid in part:
                    tx.record(
                        MessageFlagged(
                            mailbox=here[0],
                            folder=here[1],
                            uidvalidity=here[2],
                            uid=uid,
                            flags=_flags(before[uid]),
                            noticed_at=tx.now,
                        )
                    )
        self.report.flagged += len(ours)

    # --- the end ------------------------------------------------------------------------------

    def _end(self) -> None:
        name = self.folder.name
        now = self.tools.clock.now()
        with self.tools.store.transaction(now) as tx:
            tx.set_meta(self._key("gaps"), plan.gaps_to(self.gaps))
            tx.advance(
                self.tools.mailbox,
                name,
                last_uid=max(self.state.last_uid, self.status.uidnext - 1, 0),
                highestmodseq=self.status.highestmodseq,
            )
            tx.end_pass(self.tools.mailbox, name)
        self.report.gaps = tuple(sorted(self.gaps))
        self.memory.batch.pop(name, None)
        # After something absurd the next pass looks again, whatever the numbers say.
        if not self.report.odd:
            self.memory.settled[name] = self.status

    def _note_pass(self) -> None:
        now = self.tools.clock.now()
        if self.state.last_pass is None or now - self.state.last_pass >= PASS_NOTED_EVERY:
            with self.tools.store.transaction(now) as tx:
                tx.end_pass(self.tools.mailbox, self.folder.name)

    def _place(self, uid: int) -> Place:
        return Place(
            mailbox=self.tools.mailbox, folder=self.folder.name, uidvalidity=self.status.uidvalidity, uid=uid
        )

    def _key(self, what: str) -> str:
        return f"mailbox.{what}:{self.tools.mailbox}:{self.folder.name}:{self.status.uidvalidity}"


def _weight(raw: Raw) -> int:
    """Bytes in memory; a spooled body has none."""
    return len(raw.data) if raw.data is not None else 0


def _flags(flags: Iterable[str]) -> tuple[str, ...]:
    """Sorted, without \\Recent, which is about the session and not about the message."""
    return tuple(sorted(flag for flag in flags if flag.lower() != "\\recent"))
