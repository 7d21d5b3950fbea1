"""Which entries of a pack of single messages stay closed, because they name a message that is not in it.

The entry that archived a message names the first copy of it (`same_as`) and its conversation. Conversations had keys
made from their first message before they were random, and whoever holds that message can make such a key again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from levelhead.archive.conversations import derived_key, tells_nothing
from levelhead.evidence.pack.selection import Survey, fact_of, kind_of
from levelhead.facts import (
    Fact,
    MessageArchived,
    MessageAuthenticated,
    MessageBrought,
    MessageRelabelled,
    MessageSighted,
)
from levelhead.store.api import Store

_BINDING = (MessageSighted, MessageBrought, MessageAuthenticated)
"""Facts other than the archiving one that tell a message's digest, so that their entries prove it as well."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """What stays closed, and what is opened though it names others."""

    survey: Survey
    closed: frozenset[str]
    """Messages whose archiving entry is not opened."""
    telling: tuple[str, ...]
    """Messages whose archiving entry is opened though it names another, because no other entry proves them."""

    def opens(self, fact: Fact) -> bool:
        """Whether the entry of this fact, which is about one message of the pack, may be opened."""
        if not self.survey.wanted.only:
            return True
        if isinstance(fact, MessageArchived):
            return fact.id not in self.closed
        return not isinstance(fact, MessageRelabelled) or tells_nothing(fact.thread)


def withheld(store: Store, survey: Survey) -> Withheld:
    """Look at the messages of the pack, and at the ledger where one of them names others. StoreDamaged as `fact_of`."""
    if not survey.wanted.only:
        return Withheld(survey, frozenset(), ())
    naming = [one.fact.id for one in survey.chosen if _names_another(one.fact, survey)]
    bound = _bound(store, survey, naming) if naming else frozenset()
    return Withheld(survey, bound, tuple(id for id in naming if id not in bound))


def _names_another(fact: MessageArchived, survey: Survey) -> bool:
    if fact.same_as and fact.same_as not in survey.by_id:
        return True
    known = {derived_key(one.fact.client, one.fact.id) for one in survey.chosen}
    return any(
        not tells_nothing(key) and key not in known for key in (fact.thread, *fact.thread_joins) if key
    )


def _bound(store: Store, survey: Survey, ids: Collection[str]) -> frozenset[str]:
    """Those of the messages that another entry before the checkpoint tells the digest of."""
    kinds = {one.name for one in _BINDING}
    wanted = {id: id.encode() for id in ids}
    found: set[str] = set()
    for entry in store.entries(0, survey.point.checkpoint.size):
        if entry.payload is None or kind_of(entry.leaf) not in kinds:
            continue
        if any(digest in entry.payload for digest in wanted.values()):
            fact = fact_of(entry)
            if isinstance(fact, _BINDING) and fact.id in wanted:
                found.add(fact.id)
    return frozenset(found)
