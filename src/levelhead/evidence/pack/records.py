"""What the ledger says about the messages of a pack, entry by entry: which entries go along, and which are opened.

An entry is *opened* when its salt and payload go along; otherwise only its leaf does, which tells its time and its kind
and nothing else. An entry that also speaks of other mail is not opened, and one that only speaks of other mail is not
there at all; `withheld` says what that means for the entry that archived a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from levelhead import facts as fact_module
from levelhead.evidence.pack.selection import Survey, Tell, fact_of, kind_of
from levelhead.evidence.pack.sentences import sentence
from levelhead.evidence.pack.withheld import Withheld
from levelhead.facts import (
    AlertCounted,
    AlertRaised,
    DraftHeld,
    Fact,
    MarkUndone,
    MessageArchived,
    MessageAuthenticated,
    MessageBrought,
    MessageFlagged,
    MessageJudged,
    MessageMarked,
    MessageRelabelled,
    MessagesErased,
    MessageSighted,
    MessageVanished,
    NoteTaken,
    PackExported,
)
from levelhead.store.api import Entry, Store
from levelhead.store.ledger import read_leaf

_OF_ONE_MESSAGE = (
    MessageArchived,
    MessageSighted,
    MessageBrought,
    MessageRelabelled,
    MessageAuthenticated,
)
"""Facts that tell of one message and of no other."""

_OF_ONE_AND_MORE = (MessageJudged, MessageMarked, MarkUndone)
"""Facts about one message whose words can speak of others: a verdict looks at the conversation."""

_LOOKED_AT = frozenset(
    name
    for name in fact_module.names()
    if name.partition(".")[0] in ("message", "messages", "mark", "draft", "alert", "note", "pack")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry that goes along, with what it says in one sentence and the exhibits that it is about."""

    entry: Entry
    time: datetime
    kind: str
    fact: Fact
    opened: bool
    sentence: str
    exhibits: tuple[int, ...]
    """Empty for what is about the client as a whole."""


@dataclass(slots=True)
class _State:
    """What earlier entries tell about who later ones are about: places on servers, keys of drafts and of alerts."""

    places: dict[tuple[str, str, int, int], str] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)
    alerts: dict[str, str] = field(default_factory=dict)
    """By key: the id of the exported message, or empty for an alert about the client."""


def records(store: Store, survey: Survey, held: Withheld, tell: Tell) -> Iterator[Record]:
    """The entries that go along, in order."""
    state = _State()
    size = survey.point.checkpoint.size
    for entry in store.entries(0, size):
        if entry.seq % 1000 == 0:
            tell("records", entry.seq, size)
        if kind_of(entry.leaf) not in _LOOKED_AT:
            continue
        fact = fact_of(entry)
        if fact is None:
            continue
        found = _about(fact, survey, state)
        if found is None:
            continue
        ids, alone = found
        time = read_leaf(entry.leaf).time
        if ids or survey.wanted.covers(time):
            yield Record(
                entry=entry,
                time=time,
                kind=fact.name,
                fact=fact,
                opened=alone and held.opens(fact),
                sentence=sentence(fact),
                exhibits=tuple(sorted(survey.by_id[id].number for id in ids)),
            )


def _about(fact: Fact, survey: Survey, state: _State) -> tuple[tuple[str, ...], bool] | None:
    """The exported messages that a fact is about, and whether it is about no others; None when it does not go along."""
    chosen = survey.by_id
    if isinstance(fact, _OF_ONE_MESSAGE):
        if fact.id not in chosen:
            return None
        if isinstance(fact, MessageSighted):
            state.places[(fact.mailbox, fact.folder, fact.uidvalidity, fact.uid)] = fact.id
        return (fact.id,), True
    if isinstance(fact, MessageFlagged):
        id = state.places.get((fact.mailbox, fact.folder, fact.uidvalidity, fact.uid))
        return None if id is None else ((id,), True)
    if isinstance(fact, MessageVanished):
        ids = [state.places.get((fact.mailbox, fact.folder, fact.uidvalidity, uid)) for uid in fact.uids]
        ours = tuple(id for id in ids if id is not None)
        return (ours, len(ours) == len(ids)) if ours else None
    if survey.wanted.only:
        return None
    return _about_more(fact, survey, state)


def _about_more(fact: Fact, survey: Survey, state: _State) -> tuple[tuple[str, ...], bool] | None:
    """The same for facts that may speak of the client's other mail, which only a pack of all of it tells."""
    chosen, wanted = survey.by_id, survey.wanted
    if isinstance(fact, _OF_ONE_AND_MORE):
        return ((fact.id,), True) if fact.id in chosen else None
    if isinstance(fact, NoteTaken | PackExported):
        return ((), True) if fact.client == wanted.client else None
    if isinstance(fact, MessagesErased):
        # That something is missing is told; which messages of others went with it is not.
        return ((), bool(fact.client)) if fact.client in ("", wanted.client) else None
    if isinstance(fact, DraftHeld) and fact.message in chosen:
        state.drafts[fact.key] = fact.message
    if isinstance(fact, AlertRaised) and fact.client == wanted.client and fact.message in {"", *chosen}:
        state.alerts[fact.key] = fact.message
    if isinstance(fact, AlertCounted) and fact.key in state.alerts:
        return ((fact.message,), True) if fact.message in chosen else None
    key = getattr(fact, "key", None)
    known = state.drafts if fact.name.startswith("draft.") else state.alerts
    if key is None or key not in known:
        return None
    return ((known[key],) if known[key] else ()), True
