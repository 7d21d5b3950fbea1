"""How long a message is kept, and which cases need it longer. Pure.

A rule for a client counts for all of its mail; a rule for a folder counts for a message that was seen in no folder
without a rule. Of several rules that count the longest decides, and a case that needs a message beats them all. What no
rule counts for is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The operator's `[retention]`: how long, by the client's name and by the folder's."""

    clients: Mapping[str, timedelta] = field(default_factory=dict)
    folders: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether there is a rule at all."""
        return bool(self.clients or self.folders)

    def keeps(self, client: str, folders: Collection[str]) -> timedelta | None:
        """How long a message of this client that was seen in these folders is kept; None: for ever."""
        lengths = []
        if client in self.clients:
            lengths.append(self.clients[client])
        if folders and all(folder in self.folders for folder in folders):
            lengths.extend(self.folders[folder] for folder in folders)
        return max(lengths, default=None)

    def due(self, client: str, folders: Collection[str], received_at: datetime, now: datetime) -> bool:
        """Whether the time of a message is over."""
        length = self.keeps(client, folders)
        return length is not None and received_at + length <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case that needs a client's record; `since` (inclusive) and `until` (exclusive) bound the times of receipt."""

    name: str
    client: str
    since: datetime | None
    until: datetime | None
    why: str
    held_at: datetime

    def needs(self, client: str, received_at: datetime) -> bool:
        """Whether it needs a message."""
        return (
            client == self.client
            and (self.since is None or received_at >= self.since)
            and (self.until is None or received_at < self.until)
        )


def needed_by(cases: Iterable[Case], client: str, received_at: datetime) -> tuple[Case, ...]:
    """The cases that need a message."""
    return tuple(case for case in cases if case.needs(client, received_at))
