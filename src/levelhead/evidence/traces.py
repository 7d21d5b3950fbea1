"""What the ledger tells of some messages: every entry that speaks of them, and what an erasure has to know besides.

An entry speaks of a message when it archived, saw, flagged, judged, marked, relabelled or authenticated it, and when
it belongs to a draft or an alert that was made for it. An entry that speaks of something else and only names a message
(the newer message that made a draft obsolete, the reply that ended an alert, a count) stays: it holds the id, which is
a digest, and nothing of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from levelhead import facts
from levelhead.errors import StoreDamaged
from levelhead.evidence.pack.selection import fact_of, kind_of
from levelhead.facts import (
    AlertCounted,
    AlertRaised,
    CorrespondentFound,
    DraftHeld,
    Fact,
    FramePart,
    MessageArchived,
    MessageExcluded,
    MessageFlagged,
    MessageSighted,
    NoteTaken,
)
from levelhead.store.api import Entry, Store

_BY_ID: Mapping[str, str] = {
    facts.MessageArchived.name: "id",
    facts.MessageSighted.name: "id",
    facts.MessageBrought.name: "id",
    facts.MessageRelabelled.name: "id",
    facts.MessageJudged.name: "id",
    facts.MessageMarked.name: "id",
    facts.MarkUndone.name: "id",
    facts.MessageAuthenticated.name: "id",
    facts.VolumeAdopted.name: "id",
    facts.CorrespondentFound.name: "message",
}
"""Facts about one message, and the field that names it."""

_OTHERS = {MessageFlagged.name, NoteTaken.name}

Spot = tuple[str, str, int, int]
"""Mailbox, folder, UIDVALIDITY, UID."""


@dataclass(slots=True)
class Traces:
    """What is found of some messages while the ledger is walked, entry by entry and in order.

    `whole` is a client whose record goes altogether: then notes, drafts and alerts about it are traces as well, as far
    as they were there when that was decided (`upto`, the entry at which it was); what comes in meanwhile stays.
    """

    ids: frozenset[str]
    whole: str = ""
    upto: int = 0
    entries: set[int] = field(default_factory=set)
    frames: list[FramePart] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    """Which of the messages the ledger has archived."""
    drafts: set[str] = field(default_factory=set)
    alerts: set[str] = field(default_factory=set)
    counted: dict[str, str] = field(default_factory=dict)
    """Of alerts among the traces the latest message that was counted onto them and stays."""
    notes: int = 0
    taught: list[CorrespondentFound] = field(default_factory=list)
    """Whom I wrote to for the first time in one of these messages."""
    _spots: set[Spot] = field(default_factory=set)
    """Where one of them was seen last."""
    _seen: dict[Spot, int] = field(default_factory=dict)
    """The entry of each sighting of one of them; of several at one place the latest."""

    def look(self, entry: Entry) -> None:
        """Take one more entry into account; erased ones and those of a later kind tell nothing. StoreDamaged."""
        kind = kind_of(entry.leaf)
        if entry.payload is None or not self._may_tell(kind):
            return
        fact = fact_of(entry)
        if fact is not None and self._tells(entry.seq, fact):
            self.entries.add(entry.seq)

    def left_out_before(self, excluded: Iterable[tuple[Entry, Fact]]) -> None:
        """Take into account what was left out at these places before one of the messages was archived from there.

        Such an entry has the addresses of the message, which was out of scope then.
        """
        for entry, fact in excluded:
            if isinstance(fact, MessageExcluded) and entry.seq < self._seen.get(_spot(fact), -1):
                self.entries.add(entry.seq)

    def _may_tell(self, kind: str) -> bool:
        return kind in _BY_ID or kind in _OTHERS or kind.startswith(("draft.", "alert."))

    def _tells(self, seq: int, fact: Fact) -> bool:
        if (name := _BY_ID.get(fact.name)) is not None:
            about = getattr(fact, name) in self.ids
            if isinstance(fact, MessageSighted):
                (self._spots.add if about else self._spots.discard)(_spot(fact))
                if about:
                    self._seen[_spot(fact)] = seq
            elif about and isinstance(fact, MessageArchived):
                self.found.add(fact.id)
                self.frames.append(FramePart(volume=fact.volume, offset=fact.offset, length=fact.length))
            elif about and isinstance(fact, CorrespondentFound):
                self.taught.append(fact)
            return about
        if isinstance(fact, MessageFlagged):
            return _spot(fact) in self._spots
        if isinstance(fact, NoteTaken):
            about = self._goes(seq, fact.client)
            self.notes += about
            return about
        return self._of_draft_or_alert(seq, fact)

    def _goes(self, seq: int, client: str) -> bool:
        """Whether an entry about a client goes because all of that client's record does."""
        return bool(self.whole) and client == self.whole and seq < self.upto

    def _of_draft_or_alert(self, seq: int, fact: Any) -> bool:
        keys = self.drafts if fact.name.startswith("draft.") else self.alerts
        if isinstance(fact, DraftHeld | AlertRaised) and (
            fact.message in self.ids
            or (fact.message == "" and self._goes(seq, fact.client))
            or (isinstance(fact, AlertRaised) and self._of_levelhead(fact.rule))
        ):
            keys.add(fact.key)
        if isinstance(fact, AlertCounted) and fact.key in keys and fact.message not in {"", *self.ids}:
            self.counted[fact.key] = fact.message
        return fact.key in keys

    def _of_levelhead(self, rule: str) -> bool:
        """Whether an alert about levelhead itself (`rule:subject`) is about one of the messages, or a draft for one."""
        subject = rule.partition(":")[2]
        return bool(subject) and (subject in self.ids or subject in self.drafts)


def _spot(fact: MessageSighted | MessageFlagged | MessageExcluded) -> Spot:
    return fact.mailbox, fact.folder, fact.uidvalidity, fact.uid


def traces_of(
    store: Store,
    ids: frozenset[str],
    whole: str = "",
    *,
    size: int | None = None,
    tell: Callable[[int], None] = lambda seq: None,
) -> Traces:
    """Walk the first `size` entries of a ledger (None: all). `tell` hears which entry was read.

    StoreDamaged when one of the messages is not in it.
    """
    found = Traces(ids=ids, whole=whole, upto=store.ledger_size() if size is None else size)
    for entry in store.entries(0, size):
        found.look(entry)
        if entry.seq % 1000 == 0:
            tell(entry.seq)
    if lacking := ids - found.found:
        raise StoreDamaged(
            f"the ledger does not tell of message {min(lacking)[:12]}, which the index has;"
            " nothing was erased, levelhead verify says more"
        )
    found.left_out_before(store.facts_about(kind=MessageExcluded.name))
    return found
