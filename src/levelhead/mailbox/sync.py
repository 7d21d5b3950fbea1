"""One pass over one folder: what is new is fetched, decided and recorded; what is gone or changed is noted.

Every step commits what it did, so that a pass that ends anywhere is continued and never begun again. Decisions are in
`plan.py`, messages come in through `intake.py`; this is the driver.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from levelhead.errors import CommandRefused, FolderMissing, ServerBusy, Throttled
from levelhead.facts import FolderOpened, FolderRenumbered, MessageFlagged, MessageVanished
from levelhead.mailbox import plan
from levelhead.mailbox.api import Connection, FolderStatus
from levelhead.mailbox.budget import BudgetSpent, PutOff, goes_on
from levelhead.mailbox.folders import Watched
from levelhead.mailbox.intake import Intake, kept_flags
from levelhead.mailbox.ranges import chunks, windows
from levelhead.mailbox.tools import Memory, Report, Tools
from levelhead.store.api import FolderState

log = structlog.get_logger()

PASS_NOTED_EVERY = timedelta(minutes=1)
"""How often the time of a pass that found nothing is written down."""


def sync_folder(connection: Connection, folder: Watched, tools: Tools, memory: Memory) -> Report:
    """Bring the archive up to date with one folder; FolderMissing when it is not there."""
    status = _status(connection, folder, tools)
    state = _met(folder, tools, memory, status)
    return FolderPass(connection, folder, tools, memory, status, state).run()


def read_news(connection: Connection, folder: Watched, tools: Tools, memory: Memory) -> Report:
    """Fetch what came into a folder since it was opened first, and no history; the pass over it is still to come."""
    if tools.store.folder(tools.mailbox, folder.name) is None:
        return Report()
    status = _status(connection, folder, tools)
    state = _met(folder, tools, memory, status)
    return FolderPass(connection, folder, tools, memory, status, state).news_alone()


def nothing_new(folder: Watched, tools: Tools, memory: Memory, status: FolderStatus) -> bool:
    """Whether a pass over the folder would find nothing to do, when it has these figures now."""
    name, now = folder.name, tools.clock.now()
    if goes_on(tools.budget, memory.put_off.get(name)):
        return False
    kept, token = memory.directory.get(name, memory), tools.directory()
    return name in memory.unfinished and plan.untouched(
        memory.settled.get(name),
        status,
        drafts=bool(memory.unfinished[name]),
        widened=kept is not token and kept != token,
        due=any(gap.due(now) for gap in _gaps(name, status, tools).values()),
    )


def waits(name: str, status: FolderStatus, tools: Tools) -> bool:
    """Whether messages of a folder did not come whole, so that they are asked for again at some time."""
    return bool(_gaps(name, status, tools))


def _gaps(name: str, status: FolderStatus, tools: Tools) -> dict[int, plan.Gap]:
    return plan.gaps_from(tools.store.meta(plan.kept_under("gaps", tools.mailbox, name, status.uidvalidity)))


def meet(connection: Connection, folders: Iterable[Watched], tools: Tools, memory: Memory) -> None:
    """Open each folder that was never opened, before any is read: what comes from then on is news in all of them.

    Where a message stands in several folders, one that is read hours after another would take for history what came
    meanwhile. A folder that cannot be opened is told of by whoever reads it.
    """
    for folder in folders:
        if tools.store.folder(tools.mailbox, folder.name) is None:
            try:
                _met(folder, tools, memory, _status(connection, folder, tools))
            except Throttled:
                raise  # this is said of the account, which is asked for nothing more
            except (FolderMissing, CommandRefused, ServerBusy):
                continue


def note_passes(names: Sequence[str], tools: Tools) -> None:
    """Write down that these folders were looked at now and had nothing new."""
    with tools.store.transaction(tools.clock.now()) as tx:
        for name in names:
            tx.end_pass(tools.mailbox, name)


def _status(connection: Connection, folder: Watched, tools: Tools) -> FolderStatus:
    status = connection.examine(folder.name)
    return status if status.uidnext else replace(status, uidnext=_next_uid(connection, folder, tools, status))


def _next_uid(connection: Connection, folder: Watched, tools: Tools, status: FolderStatus) -> int:
    """UIDNEXT of a server that leaves it out (RFC 3501, 6.3.1): one more than the highest UID there or seen before.

    Without the latter, the newest message's going away would look as if UIDNEXT went down.
    """
    state = tools.store.folder(tools.mailbox, folder.name)
    seen = state.last_uid if state is not None and state.uidvalidity == status.uidvalidity else 0
    return max(seen, *connection.uids(max(1, seen), None, at_most=status.exists), 0) + 1


def _met(folder: Watched, tools: Tools, memory: Memory, status: FolderStatus) -> FolderState:
    """What is known of the folder; a first meeting and a changed UIDVALIDITY are put on record."""
    name, mailbox = folder.name, tools.mailbox
    state = tools.store.folder(mailbox, name)
    how = plan.opened(state, status)
    if how is not plan.Opened.SAME:
        memory.live.pop(name, None)
        memory.directory.pop(name, None)
        memory.unfinished.pop(name, None)
        with tools.store.transaction(tools.clock.now()) as tx:
            if state is not None:
                new = status.uidvalidity
                tx.set_meta(plan.kept_under("renumbered_at", mailbox, name, new), str(status.uidnext))
                tx.record(
                    FolderRenumbered(
                        mailbox=mailbox, folder=name, old=state.uidvalidity, new=new, noticed_at=tx.now
                    )
                )
            tx.record(
                FolderOpened(
                    mailbox=mailbox,
                    folder=name,
                    uidvalidity=status.uidvalidity,
                    uidnext=plan.boundary(state, status),
                    opened_at=tx.now,
                )
            )
        if odd := plan.oddities(state, status):
            log.warning("mailbox.folder_odd", folder=name, odd=odd[0])
        state = tools.store.folder(mailbox, name)
    assert state is not None
    return state


class FolderPass:
    """The state of one pass over one folder."""

    def __init__(
        self,
        connection: Connection,
        folder: Watched,
        tools: Tools,
        memory: Memory,
        status: FolderStatus,
        state: FolderState,
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.tools = tools
        self.memory = memory
        self.status = status
        self.state = state
        self.intake = Intake(connection, folder, tools, memory, status=status, state=state)
        self.gaps = self.intake.gaps
        self.report = self.intake.report

    def run(self) -> Report:
        name, status = self.folder.name, self.status
        token = self.tools.directory()
        widened = self.memory.directory.get(name, self) != token
        due = [uid for uid, gap in self.gaps.items() if gap.due(self.tools.clock.now())]
        drafts = self._unfinished()
        settled = self.memory.settled.get(name)
        at_rest = plan.untouched(settled, status, drafts=bool(drafts), widened=widened, due=bool(due))
        if at_rest and not self._goes_on():
            self.report.skipped = True
            self._note_pass()
            return self.report
        widened = widened or name in self.memory.put_off  # what was wanted again may have been put off, too
        self.memory.settled.pop(name, None)
        self.report.odd = plan.oddities(self.state, status)
        for odd in self.report.odd:
            log.warning("mailbox.folder_odd", folder=name, odd=odd)
        try:
            self._news()
            self._close_gaps(due)
            self._compare()
            self._finish(drafts)
            if widened:
                self._fetch_excluded()
        except BudgetSpent as exc:
            self._put_off(news=exc.news)
            return self.report
        self._flags()
        self._end()
        self.memory.directory[name] = token
        return self.report

    # --- what is new --------------------------------------------------------------------------

    def news_alone(self) -> Report:
        """What came since the first look; for what the day has no bytes the pass over the folder finds that out."""
        with contextlib.suppress(BudgetSpent):
            self._ahead()
        return self.report

    def _news(self) -> None:
        budget, first = self.tools.budget, self.state.last_uid + 1
        if budget is not None and first < self.intake.first_news:
            self._ahead()
            budget.must_have(news=False)
        for start, end in windows(first, self.status.uidnext - 1, self.status.exists):
            found = self.connection.uids(start, end, at_most=self.status.exists)
            if budget is not None:  # some may have been read ahead
                known = self._known(start, end)
                found = tuple(uid for uid in found if uid not in known)
            self.intake.take(found, moving=True)

    def _ahead(self) -> None:
        """While history is not all here, and may not be for days: what came since the first look comes before it."""
        first = max(self.intake.first_news, self.state.last_uid + 1)
        for start, end in windows(first, self.status.uidnext - 1, self.status.exists):
            known = self._known(start, end) | self.gaps.keys()
            found = self.connection.uids(start, end, at_most=self.status.exists)
            self.intake.take([uid for uid in found if uid not in known])

    def _goes_on(self) -> bool:
        return goes_on(self.tools.budget, self.memory.put_off.get(self.folder.name))

    def _put_off(self, *, news: bool) -> None:
        """The day's bytes are spent, for history or for all: remember what waits, and that the rest was looked at."""
        name = self.folder.name
        if name not in self.memory.live:
            self.memory.live[name] = sum(len(self._known(*span)) for span in self._spans())
        left = self.status.exists - self.memory.live[name] - len(self.gaps)
        self.memory.put_off[name] = PutOff(messages=max(1, left), news=news)
        if not news:
            self._note_pass()
            self.memory.settled[name] = self.status
            self.memory.directory[name] = self.tools.directory()

    # --- what did not come whole --------------------------------------------------------------

    def _close_gaps(self, due: Sequence[int]) -> None:
        due = [uid for uid in due if uid in self.gaps]  # some may have come with the news
        if not due:
            return
        there = self.connection.present(due)
        for uid in set(due) - there:
            self.gaps.pop(uid, None)
        self.intake.take(sorted(there))

    # --- what is gone -------------------------------------------------------------------------

    def _compare(self) -> None:
        """When the numbers do not add up, look which messages are there: fetch the unknown, note the vanished."""
        name = self.folder.name
        live = self.memory.live.get(name)
        if live is None:
            live = sum(len(self._known(*span)) for span in self._spans())
            self.memory.live[name] = live
        if live + len(self.gaps) == self.status.exists and not self.report.odd:
            return
        unknown: list[int] = []
        gone: list[int] = []
        live = still = 0
        for span in self._spans():
            self.tools.pulse()
            known, there = self._known(*span), self._there(*span)
            for uid in [uid for uid in self.gaps if _within(uid, *span) and uid not in there]:
                self.gaps.pop(uid)
            unknown += sorted(there - known - self.gaps.keys())
            gone += known - there
            live += len(known)
            still += len(known & there)
        self.intake.take(unknown)
        if gone and self._believed(live, still):
            self._vanish(gone)
        self.memory.live.pop(name, None)

    def _spans(self) -> Iterator[tuple[int, int | None]]:
        """All UIDs there can be, a window at a time, so that a million of them are never in memory at once."""
        yield from windows(1, self.status.uidnext - 1, self.status.exists)
        yield max(1, self.status.uidnext), None

    def _known(self, first: int, last: int | None) -> frozenset[int]:
        here = (self.tools.mailbox, self.folder.name, self.status.uidvalidity)
        return self.tools.store.live_uids(*here, first=first, last=last)

    def _there(self, first: int, last: int | None) -> frozenset[int]:
        """What the server has in this span; what came after UIDNEXT was told is news of the next pass."""
        if last is None:
            return frozenset()
        return frozenset(self.connection.uids(first, last, at_most=self.status.exists))

    def _believed(self, live: int, there: int) -> bool:
        """An absurd loss is believed when a later pass sees it too."""
        key, store = self.intake.key("emptied"), self.tools.store
        before = store.meta(key) or ""
        seen = f"{there} of {live}" if plan.absurd(live, there) else ""
        if before != seen:
            with store.transaction(self.tools.clock.now()) as tx:
                tx.set_meta(key, seen)
        if not seen or before:
            return True
        odd = f"only {there} of {live} messages are there; looking again before that is believed"
        log.warning("mailbox.folder_odd", folder=self.folder.name, odd=odd)
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
        uids = [
            each.place.uid for each in left_out if each.reason not in plan.BEYOND_SCOPE and wanted_again(each)
        ]
        if uids:
            self.intake.take(sorted(self.connection.present(uids)), forced=True)
            self.memory.live.pop(self.folder.name, None)

    def _unfinished(self) -> frozenset[int]:
        """What is left out there because it is a draft."""
        name = self.folder.name
        if name not in self.memory.unfinished:
            left_out = self.tools.store.excluded(self.tools.mailbox, name, self.status.uidvalidity)
            self.memory.unfinished[name] = {e.place.uid for e in left_out if e.reason in plan.UNFINISHED}
        return frozenset(self.memory.unfinished[name])

    def _finish(self, drafts: frozenset[int]) -> None:
        """Take in what was a draft at the last pass and is none any more."""
        if not drafts:
            return
        there = self.connection.heads(sorted(drafts), header=False)
        done = sorted(head.uid for head in there if not plan.unfinished(plan.marks(head), b""))
        self.intake.take(done)
        if done or len(there) < len(drafts):
            self.memory.live.pop(self.folder.name, None)
            self.memory.unfinished.pop(self.folder.name, None)

    def _flags(self) -> None:
        since = self.state.highestmodseq
        if not since or self.status.highestmodseq <= since or not self.state.last_uid:
            return
        changed = self.connection.flags_since(since)
        before = {uid: flags for uid, flags in changed.items() if uid <= self.state.last_uid}
        if not before:
            return
        here = (self.tools.mailbox, self.folder.name, self.status.uidvalidity)
        known = self._known(min(before), max(before))
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
                            flags=kept_flags(before[uid]),
                            noticed_at=tx.now,
                        )
                    )
        self.report.flagged += len(ours)

    # --- the end ------------------------------------------------------------------------------

    def _end(self) -> None:
        name = self.folder.name
        now = self.tools.clock.now()
        with self.tools.store.transaction(now) as tx:
            tx.set_meta(self.intake.key("gaps"), plan.gaps_to(self.gaps))
            tx.advance(
                self.tools.mailbox,
                name,
                last_uid=max(self.state.last_uid, self.status.uidnext - 1, 0),
                highestmodseq=self.status.highestmodseq,
            )
            tx.end_pass(self.tools.mailbox, name)
        self.report.gaps = tuple(sorted(self.gaps))
        self.memory.batch.pop(name, None)
        self.memory.put_off.pop(name, None)
        # After something absurd the next pass looks again, whatever the numbers say.
        if not self.report.odd:
            self.memory.settled[name] = self.status

    def _note_pass(self) -> None:
        now = self.tools.clock.now()
        if self.state.last_pass is None or now - self.state.last_pass >= PASS_NOTED_EVERY:
            with self.tools.store.transaction(now) as tx:
                tx.end_pass(self.tools.mailbox, self.folder.name)


def _within(uid: int, first: int, last: int | None) -> bool:
    return first <= uid and (last is None or uid <= last)
