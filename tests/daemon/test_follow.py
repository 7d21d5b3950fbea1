"""The follower behind the ledger."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from levelhead.clock import FrozenClock
from levelhead.daemon.follow import Follower
from levelhead.facts import Fact, NoteTaken
from levelhead.store.sqlite import SqliteStore, open_store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def note(store: SqliteStore, text: str) -> NoteTaken:
    fact = NoteTaken(client="Northwind", text=text, actor="sam")
    with store.transaction(NOON) as tx:
        tx.record(fact)
    return fact


def test_every_fact_is_seen_once_in_order_over_a_restart(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    seen: list[Fact] = []
    first, second = note(store, "one"), note(store, "two")
    follower = Follower(store, FrozenClock(NOON), observe=seen.append, mirror=lambda: None)
    assert follower.follow() == 2
    third = note(store, "three")
    again = Follower(store, FrozenClock(NOON), observe=seen.append, mirror=lambda: None)
    assert again.follow() == 1
    assert again.follow() == 0
    assert seen == [first, second, third]
    store.close()


def test_a_follower_that_dies_before_it_kept_its_place_shows_the_facts_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    seen: list[Fact] = []
    fact = note(store, "one")

    class Died(Exception):
        pass

    def dies() -> None:
        raise Died

    with contextlib.suppress(Died):
        Follower(store, FrozenClock(NOON), observe=seen.append, mirror=dies).follow()
    Follower(store, FrozenClock(NOON), observe=seen.append, mirror=lambda: None).follow()
    assert seen == [fact, fact]
    store.close()
