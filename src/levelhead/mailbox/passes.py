"""One pass over several folders, and what it came to; a folder that cannot be read keeps no other from being read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from levelhead.clock import Clock
from levelhead.errors import CommandRefused, ConnectionLost, FolderMissing, ServerBusy, Throttled
from levelhead.mailbox.api import Connection, FolderStatus, Glance
from levelhead.mailbox.budget import goes_on
from levelhead.mailbox.folders import Chosen, Watched
from levelhead.mailbox.gmail import CAPABILITY
from levelhead.mailbox.plan import unchanged
from levelhead.mailbox.sight import Seen
from levelhead.mailbox.sync import (
    PASS_NOTED_EVERY,
    meet,
    note_passes,
    nothing_new,
    read_news,
    sync_folder,
    waits,
)
from levelhead.mailbox.tools import Memory, Report, Tools
from levelhead.mailbox.wire import Stopped

log = structlog.get_logger()

WHOLE_EVERY = 900.0
"""Seconds after which a pass opens every folder, whatever STATUS and NOOP have said of them since the last one."""
WHILE_LOOKING = timedelta(seconds=30)
"""Mail that came at most so long before a glance may have come after it: the server's clock is not ours."""
FEW = 100
"""More messages than these do not come between a glance and the opening of a folder right after it."""
KEPT_BACK = "the server had kept back news when it was asked what has changed"
"""Why there is a gap when a whole pass finds what STATUS or NOOP did not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What a pass came to. `missing` are folders that could not be read, and why; `quiet` had nothing new at a glance.

    `surprising` are folders that had something new although a glance right before had shown nothing.
    """

    reports: dict[str, Report] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    quiet: list[str] = field(default_factory=list)
    surprising: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    """Folders whose new mail waits for another day's bytes."""

    def incomplete(self, before: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
        """Folder and UID of each message that did not come whole; as `before` in a folder that was not looked into."""
        looked_into = {name for name, report in self.reports.items() if not report.skipped}
        kept = {(name, uid) for name, uid in before if name not in looked_into}
        return frozenset(kept | {(name, uid) for name, report in self.reports.items() for uid in report.gaps})


def read(
    connection: Connection,
    folders: Iterable[Watched],
    tools: Tools,
    memory: Memory,
    *,
    told: Mapping[str, FolderStatus],
    whole: bool,
) -> Passed:
    """Sync the folders in their order; those that by what a glance has `told` have nothing new only if `whole`.

    Raises ConnectionLost, and ServerBusy when no folder could be read for it and none was quiet.
    """
    found = Passed()
    busy: ServerBusy | None = None
    folders = tuple(folders)
    if whole and CAPABILITY in connection.capabilities:
        meet(connection, folders, tools, memory)
    early = _news_first(connection, folders, tools, memory, told)
    for folder in folders:
        tools.pulse()
        quiet = folder.name in told and nothing_new(folder, tools, memory, told[folder.name])
        if quiet and not whole:
            found.quiet.append(folder.name)
            continue
        try:
            report = sync_folder(connection, folder, tools, memory)
        except (FolderMissing, CommandRefused) as exc:
            found.missing[folder.name] = str(exc)
            continue
        except Throttled:
            raise  # this is said of the account, and not of the folder
        except ServerBusy as exc:
            # One damaged folder must not keep the others from being read; a busy server refuses them all.
            found.missing[folder.name], busy = str(exc), exc
            continue
        except ConnectionLost:
            if busy is not None:
                raise busy from None
            raise
        found.reports[folder.name] = report.with_earlier(early.get(folder.name))
        settled = memory.settled.get(folder.name)
        # It may have been read for another reason that came up meanwhile, such as a wider scope.
        if quiet and settled is not None and not unchanged(settled, told[folder.name]):
            found.surprising.append(folder.name)
    if busy is not None and not found.reports and not found.quiet:
        raise busy
    if tools.budget is not None:
        tools.budget.note(tools.store, tools.clock, tools.mailbox, memory.put_off)
        found.behind.extend(name for name, each in memory.put_off.items() if each.news)
    return found


def _news_first(
    connection: Connection,
    folders: Sequence[Watched],
    tools: Tools,
    memory: Memory,
    told: Mapping[str, FolderStatus],
) -> dict[str, Report]:
    """Before history goes on that was put off, which may take hours: what is new in all folders, those behind it too.

    A folder that cannot be read is told of by the pass over it.
    """
    early: dict[str, Report] = {}
    if not any(goes_on(tools.budget, memory.put_off.get(folder.name)) for folder in folders[:-1]):
        return early
    for folder in folders:
        tools.pulse()
        if folder.name in told and nothing_new(folder, tools, memory, told[folder.name]):
            continue
        try:
            early[folder.name] = read_news(connection, folder, tools, memory)
        except Throttled:
            raise
        except (FolderMissing, CommandRefused, ServerBusy):
            continue
    return early


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A glance that a pass goes by, or that what it finds is held against."""

    glance: Glance
    asked_at: datetime
    by_noop: str
    """The folder that was open then, of which NOOP told; or empty."""

    @property
    def told(self) -> Mapping[str, FolderStatus]:
        """What folders had by it."""
        return self.glance.told


class Rounds:
    """The passes of one watcher: whether the next one opens every folder, and whether there is anything to do.

    What it has learnt about the server stays when the connection ends.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._believed = True
        self._whole_seen: Seen | None = None
        """When the last complete pass that opened every folder ended."""
        self._checked_at: float | None = None
        """When a pass last held every folder against a glance over the same connection."""
        self._noted_at: datetime | None = None
        self.kept_back_since: Seen | None = None
        """Since when the server may have kept news back; None once that is on record."""
        self._ended_by_glance = 0
        """How many connections a glance has ended, until one on which glances lasted."""
        self._just_ended = False
        """Whether the connection that was last is one of them."""
        self.alone = False
        """Whether there is one pass and no other, so that no poll will go by what a glance says."""
        self.connected()

    def connected(self) -> None:
        """A new connection is there. It does without glances if one ended the last; after two such, all do."""
        self._connected_at = self._clock.monotonic()
        self._without = self._just_ended or self._ended_by_glance >= 2
        self._just_ended = False
        self._answered = True
        """Whether the server has said anything since the last pause."""
        self._whole_at: float | None = None
        self._settled: tuple[Glance, object, int] | None = None
        """A glance, a directory of clients and a version of the store with which there was nothing to do."""

    def look_before(self, connection: Connection, folders: Iterable[Watched], memory: Memory) -> Look | None:
        """A look that what a pass finds is held against, where an earlier pass left anything to go by."""
        return self.look(connection, folders) if memory.settled and not self.alone else None

    def read(
        self,
        connection: Connection,
        chosen: Chosen,
        folders: Iterable[Watched],
        tools: Tools,
        memory: Memory,
        look: Look | None,
        *,
        whole: bool,
    ) -> Passed:
        """Sync these of the chosen folders (`read`), and see whether what is found contradicts the look before."""
        memory.keep_waiting({folder.name for folder in chosen.watched})
        found = read(connection, folders, tools, memory, told=look.told if look else {}, whole=whole)
        self._answered = self._answered or bool(found.reports)
        # Now and then it is written down which folders were quiet.
        if found.quiet and self._note_is_due():
            note_passes(found.quiet, tools)
            self._noted_at = self._clock.now()
        if found.surprising and look is not None:
            self._weigh(connection, chosen, found.surprising, look)
        lacking = dict.fromkeys(chosen.missing, "it is not on the server")
        return replace(found, missing=lacking | found.missing)

    @property
    def first(self) -> bool:
        """Whether no pass over this connection has opened every folder yet."""
        return self._whole_at is None

    def paused(self) -> None:
        """Nobody has spoken for a while: a connection that is found to have ended may have ended in that time."""
        self._answered = False

    def answered(self) -> None:
        """The server has said something."""
        self._answered = True

    def look(self, connection: Connection, folders: Iterable[Watched]) -> Look | None:
        """What folders look like from outside; None where the server cannot tell, or has told wrong before."""
        if self._without or not self._believed:
            return None
        asked_at = self._clock.now()
        try:
            found = connection.glance([folder.name for folder in folders])
        except Stopped:
            raise
        except (ConnectionLost, ServerBusy):
            if self._answered:
                self._ended_by_glance, self._just_ended = self._ended_by_glance + 1, True
                log.info("mailbox.ended_by_glance", times=self._ended_by_glance)
            raise
        self._answered = True
        if self._clock.monotonic() - self._connected_at >= WHOLE_EVERY:
            self._ended_by_glance = 0
        if found is None:
            return None
        by_noop = next((name for name in found.told if connection.standing(name)), "")
        return Look(glance=found, asked_at=asked_at, by_noop=by_noop)

    def whole_is_due(self, look: Look) -> bool:
        """Whether a pass over what has changed is not enough: folders came or went, or it is time."""
        since = None if self._whole_at is None else self._checked_at
        return not look.glance.same_folders or since is None or self._clock.monotonic() - since >= WHOLE_EVERY

    def whole_begins(self, *, checked: bool) -> None:
        """A pass begins that opens every folder; `checked` when a glance over this connection went before it."""
        self._whole_at = self._clock.monotonic()
        if checked or self._checked_at is None:
            self._checked_at = self._whole_at

    def whole_ended(self, seen: Seen | None) -> None:
        """A complete pass that opened every folder has ended."""
        self._whole_seen = seen

    def _weigh(self, connection: Connection, chosen: Chosen, names: Sequence[str], look: Look) -> None:
        """Folders of these `names` had news although a look right before had told of none: did the server hide it?

        Then no glance is believed again, and since the last whole pass nobody knows what was seen.
        """
        # First, because asking once more may end the session: then it is on record with the next.
        before, self.kept_back_since = self.kept_back_since, self.kept_back_since or self._whole_seen
        again = self._asked_again(connection, chosen, names)
        says = {} if again is None else {n: each for n, each in again.told.items() if n != look.by_noop}
        hiding = [name for name in names if self._hid(connection, name, look, says.get(name))]
        if not hiding:
            self.kept_back_since = before
            return
        self._believed = False
        log.warning("mailbox.status_unbelieved", folders=len(hiding))

    def _asked_again(self, connection: Connection, chosen: Chosen, names: Sequence[str]) -> Look | None:
        """One more glance, with a folder open that is none of these: of an open folder STATUS is not asked."""
        other = next((folder.name for folder in chosen.watched if folder.name not in names), None)
        with contextlib.suppress(CommandRefused, FolderMissing):
            if other is not None:
                connection.examine(other)
        return self.look(connection, [folder for folder in chosen.watched if folder.name in names])

    def _hid(self, connection: Connection, name: str, look: Look, says: FolderStatus | None) -> bool:
        """Whether the server kept news of a folder back at this look, or it came only between then and the pass.

        `says` is what STATUS says when it is asked again, None where only NOOP had told. A server that still says the
        same hides it. One that has looked itself meanwhile is known by the mail that is new.
        """
        before = look.told[name]
        if says == before:
            return True
        try:
            status = connection.examine(name)
            new = connection.uids(before.uidnext, None, at_most=status.exists)
            heads = connection.heads(new[:FEW], header=False)
        except (CommandRefused, FolderMissing):
            return True
        if status.uidvalidity != before.uidvalidity or len(new) > FEW:
            return True
        return hid_mail(
            [head.internal_date for head in heads],
            look,
            now=self._clock.now(),
            whole=self._whole_seen.at if self._whole_seen is not None else None,
            only_noop=says is None,
        )

    def settle(self, look: Look, directory: object, version: int, tools: Tools) -> None:
        """By this look, with this directory of clients and this version of the store there was nothing to do.

        As long as no message waits to be asked for again, that changes with one of them alone.
        """
        if not any(waits(name, status, tools) for name, status in look.told.items()):
            self._settled = look.glance, directory, version

    def still(self, look: Look, tools: Tools) -> bool:
        """Whether all that is as it was, and no time of a pass is to be written down."""
        if self._settled is None or self._note_is_due():
            return False
        before, directory, version = self._settled
        return before is look.glance and directory is tools.directory() and version == tools.store.version()

    def _note_is_due(self) -> bool:
        return self._noted_at is None or abs(self._clock.now() - self._noted_at) >= PASS_NOTED_EVERY


def hid_mail(
    dates: Iterable[datetime | None], look: Look, *, now: datetime, whole: datetime | None, only_noop: bool
) -> bool:
    """Whether mail with these INTERNALDATEs was there already at a look that did not tell of it. Pure.

    `whole` is when the last whole pass ended: what came after that and before the look was hidden. What is older was
    moved in at any time, and counts only where nobody but NOOP had told (`only_noop`). Where flags changed or mail went
    away none was hidden.
    """
    first, last = look.asked_at - WHILE_LOOKING, now + WHILE_LOOKING
    other = [date for date in dates if date is None or not first <= date <= last]
    late = any(date is not None and whole is not None and date >= whole for date in other)
    return late or bool(other and only_noop)
