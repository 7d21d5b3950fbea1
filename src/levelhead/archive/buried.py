"""When and why messages were erased that somebody brings again: looked up by their tombstones, and only then."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from levelhead.facts import ErasureKeyed, MessagesErased
from levelhead.store.api import Store
from levelhead.store.tombstones import tombstone


def buried(store: Store, ids: Collection[str]) -> Mapping[str, MessagesErased]:
    """The erasure that took each of these messages, the latest of several; those that nothing tells of are left out."""
    keys = [
        fact.key for _, fact in store.facts_about(kind=ErasureKeyed.name) if isinstance(fact, ErasureKeyed)
    ]
    stones = {tombstone(key, id): id for key in keys for id in ids}
    found: dict[str, MessagesErased] = {}
    for _, fact in store.facts_about(kind=MessagesErased.name):
        if isinstance(fact, MessagesErased):
            for stone in stones.keys() & set(fact.tombstones):
                found.setdefault(stones[stone], fact)
    return found
