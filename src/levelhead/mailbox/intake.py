"""Taking messages in: heads, the decision, bodies, and a commit for each batch; what does not come whole is a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from levelhead.errors import BadBody, ConnectionLost
from levelhead.facts import MessageExcluded
from levelhead.mailbox import plan
from levelhead.mailbox.again import again, likely
from levelhead.mailbox.api import Body, Connection, Decision, FolderStatus, Head
from levelhead.mailbox.budget import BudgetSpent
from levelhead.mailbox.folders import Role, Watched
from levelhead.mailbox.tools import Memory, Report, Tools
from levelhead.mailbox.wire import Stopped
from levelhead.model import SIZE_MISMATCH, Arrival, Place
from levelhead.raw import Raw
from levelhead.store.api import Cursor, FolderState

log = structlog.get_logger()

BATCH = 100
"""Messages that are fetched and committed together; larger batches were measured to cost only memory."""
BATCH_BYTES = 16_000_000


class Intake:
    """The door through which one folder's messages come in during one pass."""

    def __init__(
        self,
        connection: Connection,
        folder: Watched,
        tools: Tools,
        memory: Memory,
        *,
        status: FolderStatus,
        state: FolderState,
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.tools = tools
        self.memory = memory
        self.status = status
        self.state = state
        self.report = Report()
        self.gaps = plan.gaps_from(tools.store.meta(self.key("gaps")))
        # After a change of UIDVALIDITY numbers tell no history, but what was there then has no claim to be read first.
        self.first_news = max(state.first_uidnext, int(tools.store.meta(self.key("renumbered_at")) or 0))

    def take(self, uids: Sequence[int], *, moving: bool = False, forced: bool = False) -> None:
        """Fetch and commit these messages batch by batch; `moving` moves the cursor, `forced` asks for no decision.

        Raises BudgetSpent when what is left has to wait for another day.
        """
        left = tuple(uids)
        while left:
            size = self.memory.batch.get(self.folder.name, BATCH)
            batch, left = left[:size], left[size:]
            self.tools.pulse()
            if self.tools.stopping():
                raise Stopped("the daemon stops")
            if self.tools.budget is not None:
                self.tools.budget.must_have(news=self._are_news(batch))
            try:
                self._batch(batch, moving=moving, forced=forced)
            except Stopped:
                raise
            except ConnectionLost:
                self._stumble(batch, moving=moving)
                raise
            finally:
                if self.tools.budget is not None:  # a pass may last for hours, and be ended at any time
                    self.tools.budget.account.settle()
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
        late = self._late(wanted, uids)
        if late is not None:
            uids = [uid for uid in uids if uid < late]
            wanted = {uid: head for uid, head in wanted.items() if uid < late}
            excluded = [fact for fact in excluded if fact.uid < late]
        cursor = max(uids, default=None) if moving else None
        arrivals: list[Arrival] = []
        try:
            for arrival in self._arrivals(wanted):
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
        if late is not None:
            raise BudgetSpent(news=self._are_news((late,)))

    def _late(self, wanted: Mapping[int, Head], uids: Sequence[int]) -> int | None:
        """The lowest UID of `wanted` that has to wait for another day; None when all can be fetched now."""
        budget = self.tools.budget
        if budget is None or not wanted:
            return None
        # A body that is archived already, as far as its id and size tell, costs nothing.
        known = likely(wanted, self.tools)
        sizes = {uid: 0 if uid in known else wanted[uid].size for uid in sorted(wanted)}
        count = budget.begin(list(sizes.values()), news=self._are_news(uids))
        return list(sizes)[count] if count < len(sizes) else None

    def _are_news(self, uids: Sequence[int]) -> bool:
        """Whether all of them came after our first look at the folder, as it is numbered now."""
        return min(uids) >= self.first_news

    def _reason(self, head: Head, decide: Callable[[bytes], Decision] | None) -> tuple[str, tuple[str, ...]]:
        """Why a message is left out, and who it is between; an empty reason archives it."""
        # What stands in Sent was sent, even where a program forgot to take the flag away.
        if self.folder.role is not Role.SENT and (reason := plan.unfinished(plan.marks(head), head.head)):
            return reason, ()
        if decide is None:
            return "", ()
        decision = decide(head.head)
        return ("" if decision.archive else decision.reason or "scope"), tuple(decision.addresses)

    def _arrivals(self, wanted: dict[int, Head]) -> Iterator[Arrival]:
        """All that is wanted: first what is archived under the same id of Gmail's, then what has to be fetched."""
        left = dict(wanted)
        for uid, raw in again(self.connection, wanted, self.tools):
            head = left.pop(uid)
            assert head.gmail is not None
            self.gaps.pop(uid, None)
            yield self._arrival(replace(head, gmail=replace(head.gmail, by_id=True)), Body(raw=raw))
        if left:
            self.tools.room(_on_its_way([head.size for head in left.values()]))
            yield from self._bodies(left)

    def _bodies(self, wanted: dict[int, Head]) -> Iterator[Arrival]:
        sizes = {uid: head.size for uid, head in wanted.items()}
        for uid, body in self.connection.bodies(sizes, self.tools.spool):
            self.tools.pulse()
            head = wanted[uid]
            if isinstance(body, BadBody):
                self._not_whole(uid, body)
                continue
            self.gaps.pop(uid, None)
            yield self._arrival(head, body)

    def _not_whole(self, uid: int, why: BadBody) -> None:
        """A body that did not come whole is a gap, unless somebody deleted the message meanwhile."""
        # A server may hold back its EXPUNGE until the next command that lets it (RFC 3501, 7.4.1).
        self.connection.noop()
        if uid not in self.connection.present((uid,)):
            self.gaps.pop(uid, None)
            return
        log.warning(
            "mailbox.body_bad",
            mailbox=self.tools.mailbox,
            folder=self.folder.name,
            uid=uid,
            error=str(why),
        )
        self._missed((uid,))

    def _arrival(self, head: Head, body: Body) -> Arrival:
        return Arrival(
            raw=body.raw,
            doubts=(SIZE_MISMATCH,) if body.size_differs else (),
            place=self._place(head.uid),
            internal_date=head.internal_date,
            flags=kept_flags(head.flags),
            sent=self.folder.role is Role.SENT or plan.stands_in_sent(head),
            gmail=head.gmail,
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
            if plan.gaps_from(tx.meta(self.key("gaps"))) != self.gaps:
                tx.set_meta(self.key("gaps"), plan.gaps_to(self.gaps))
            if cursor is not None and not arrivals:
                tx.advance(cursor.mailbox, cursor.folder, last_uid=cursor.last_uid)
        # What was erased here once is left out by whoever records it, because only its bytes tell.
        erased = 0
        if arrivals:
            try:
                erased = sum(receipt.erased for receipt in self.tools.record(arrivals, cursor))
            finally:
                for arrival in arrivals:
                    arrival.raw.discard()
        self.report.archived += len(arrivals) - erased
        self.report.excluded += len(excluded) + erased
        drafts = {fact.uid for fact in excluded if fact.reason in plan.UNFINISHED}
        if drafts and self.folder.name in self.memory.unfinished:
            self.memory.unfinished[self.folder.name] |= drafts
        if self.folder.name in self.memory.live:
            self.memory.live[self.folder.name] += len(arrivals) + len(excluded)

    def _missed(self, uids: Iterable[int]) -> None:
        now = self.tools.clock.now()
        for uid in uids:
            before = self.gaps.get(uid)
            self.gaps[uid] = plan.Gap(tries=(before.tries if before else 0) + 1, tried_at=now)

    def _place(self, uid: int) -> Place:
        return Place(
            mailbox=self.tools.mailbox, folder=self.folder.name, uidvalidity=self.status.uidvalidity, uid=uid
        )

    def key(self, what: str) -> str:
        """The name of one word that is kept about this folder."""
        return plan.kept_under(what, self.tools.mailbox, self.folder.name, self.status.uidvalidity)


def _on_its_way(sizes: Sequence[int]) -> int:
    """Bytes of a batch that are fetched and not committed yet, at most."""
    return min(sum(sizes), BATCH_BYTES + max(sizes))


def _weight(raw: Raw) -> int:
    """Bytes in memory; a spooled body has none."""
    return len(raw.data) if raw.data is not None else 0


def kept_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """Sorted, without \\Recent, which is about the session and not about the message."""
    return tuple(sorted(flag for flag in flags if flag.lower() != "\\recent"))
