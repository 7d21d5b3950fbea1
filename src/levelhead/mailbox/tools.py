"""What a pass over a folder works with, what is remembered between passes, and what a pass reports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from levelhead.clock import Clock
from levelhead.mailbox.api import Decision, FolderStatus, SpoolWriter
from levelhead.mailbox.budget import Budget, PutOff
from levelhead.model import Arrival, Receipt
from levelhead.raw import Raw
from levelhead.store.api import Cursor, Excluded, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a pass works with; all of it is handed in by whoever wires the mailbox."""

    mailbox: str
    store: Store
    clock: Clock
    record: Callable[[Sequence[Arrival], Cursor | None], Sequence[Receipt]]
    spool: Callable[[], SpoolWriter]
    decide: Callable[[bytes], Decision] | None = None
    """Whether a message with this header is archived; None: everything is."""
    wanted_again: Callable[[Excluded], bool] | None = None
    directory: Callable[[], object] = lambda: None
    """A token that differs when `wanted_again` may answer differently."""
    stale_after: timedelta = timedelta(days=14)
    pulse: Callable[[], None] = lambda: None
    stopping: Callable[[], bool] = lambda: False
    room: Callable[[int], None] = lambda size: None
    """Raises DiskFull unless there is room for so many bytes."""
    archived: Callable[[str], Raw | None] = lambda id: None
    """The bytes of an archived message by its id, to be discarded; None when they cannot be had."""
    budget: Budget | None = None
    """What may be fetched today; None: everything."""


@dataclass(slots=True)
class Memory:
    """What a watcher keeps between passes and can lose without harm."""

    settled: dict[str, FolderStatus] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)
    directory: dict[str, object] = field(default_factory=dict)
    batch: dict[str, int] = field(default_factory=dict)
    unfinished: dict[str, set[int]] = field(default_factory=dict)
    """UIDs by folder that are left out as long as they bear the flag \\Draft."""
    put_off: dict[str, PutOff] = field(default_factory=dict)
    """What waits for another day's bytes, by folder."""

    def keep_waiting(self, watched: Collection[str]) -> None:
        """Forget what waits in folders that are not watched any more; one that is watched again is read anew."""
        for name in self.put_off.keys() - watched:
            for each in (self.put_off, self.settled, self.live, self.directory):
                each.pop(name, None)


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

    def with_earlier(self, news: Report | None) -> Report:
        """The same with what was read of the folder right before, in this pass over all of them."""
        if news is not None:
            self.archived += news.archived
            self.excluded += news.excluded
        return self
