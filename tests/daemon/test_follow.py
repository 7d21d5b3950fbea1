"""The follower behind the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from levelhead.clock import FrozenClock
from levelhead.daemon.follow import FOLLOWED, Follower, Observer
from levelhead.errors import DiskFull
from levelhead.facts import ConfigRefused, ErasureKeyed, Fact, MessageJudged, NoteTaken
from levelhead.store.sqlite import SqliteStore, open_store


@pytest.fixture
def log() -> Iterator[structlog.testing.LogCapture]:
    capture = structlog.testing.LogCapture()
    structlog.reset_defaults()  # an earlier test may have left a filter
    structlog.configure(processors=[capture])
    yield capture
    structlog.reset_defaults()


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
    observer = Observer(store, FrozenClock(NOON), seen.append)
    assert observer.look(lambda: False) == 2
    third = note(store, "three")
    again = Observer(store, FrozenClock(NOON), seen.append)
    assert again.look(lambda: False) == 1
    assert again.look(lambda: False) == 0
    assert seen == [first, second, third]
    store.close()


def test_an_observer_that_dies_before_it_kept_its_place_shows_the_facts_again(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    seen: list[Fact] = []
    first, second = note(store, "one"), note(store, "two")

    def dies(fact: Fact) -> None:
        seen.append(fact)
        if fact == second:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        Observer(store, FrozenClock(NOON), dies).look(lambda: False)
    Observer(store, FrozenClock(NOON), seen.append).look(lambda: False)
    assert seen == [first, second, first, second]
    store.close()


def test_an_observer_ends_between_two_facts_when_asked_and_goes_on_there(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    seen: list[Fact] = []
    noted = [note(store, str(number)) for number in range(5)]
    Observer(store, FrozenClock(NOON), seen.append).look(lambda: len(seen) == 2)
    assert seen == noted[:2]
    Observer(store, FrozenClock(NOON), seen.append).look(lambda: False)
    assert seen == noted
    store.close()


def test_a_plugin_that_comes_later_is_not_shown_what_was_before_it(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    seen: list[Fact] = []
    note(store, "old")
    Follower(store, FrozenClock(NOON), mirror=lambda: None).follow()
    observer = Observer(store, FrozenClock(NOON), seen.append)
    fresh = note(store, "fresh")
    observer.look(lambda: False)
    assert seen == [fresh]
    store.close()


def test_the_ledger_is_mirrored_before_its_place_is_kept(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    note(store, "one")
    mirrored: list[str | None] = []
    Follower(store, FrozenClock(NOON), mirror=lambda: mirrored.append(store.meta(FOLLOWED))).follow()
    assert mirrored == [None]
    assert store.meta(FOLLOWED) == "1"
    store.close()


def test_the_log_names_what_happened_and_no_words_of_anybody(
    tmp_path: Path, log: structlog.testing.LogCapture
) -> None:
    store = open_store(tmp_path / "index.sqlite")
    with store.transaction(NOON) as tx:
        tx.record(NoteTaken(client="Northwind", text="a secret word", actor="sam@studio.example"))
        tx.record(ConfigRefused(why="line 3"))
    Follower(store, FrozenClock(NOON), mirror=lambda: None).follow()
    assert [(entry["event"], entry["log_level"]) for entry in log.entries] == [
        ("note.taken", "info"),
        ("config.refused", "warning"),
    ]
    assert "secret" not in str(log.entries)
    assert "sam@" not in str(log.entries)
    store.close()


def test_the_key_of_the_tombstones_reaches_neither_the_log_nor_a_plugin(
    tmp_path: Path, log: structlog.testing.LogCapture
) -> None:
    store = open_store(tmp_path / "index.sqlite")
    seen: list[Fact] = []
    with store.transaction(NOON) as tx:
        tx.record(ErasureKeyed(key="5e" * 32))
    fresh = note(store, "fresh")
    Observer(store, FrozenClock(NOON), seen.append).look(lambda: False)
    Follower(store, FrozenClock(NOON), mirror=lambda: None).follow()
    assert [entry["event"] for entry in log.entries] == ["erasure.keyed", "note.taken"]
    assert "5e5e" not in str(log.entries)
    assert seen == [fresh]
    store.close()


def test_what_was_recorded_earlier_is_logged_with_its_own_time(
    tmp_path: Path, log: structlog.testing.LogCapture
) -> None:
    store = open_store(tmp_path / "index.sqlite")
    clock = FrozenClock(NOON)
    follower = Follower(store, clock, mirror=lambda: None)
    note(store, "old")
    clock.advance(minutes=61)
    with store.transaction(clock.now()) as tx:
        tx.record(NoteTaken(client="Northwind", text="new", actor="sam"))
    clock.advance(seconds=60)
    follower.follow()
    assert [entry.get("at") for entry in log.entries] == ["2026-03-02T12:00:00.000000Z", None]
    store.close()


def test_what_cannot_be_mirrored_for_a_while_is_logged_once(
    tmp_path: Path, log: structlog.testing.LogCapture
) -> None:
    store = open_store(tmp_path / "index.sqlite")
    full = [DiskFull("no room")] * 3

    def mirror() -> None:
        if full:
            raise full.pop()

    follower = Follower(store, FrozenClock(NOON), mirror)
    note(store, "one")
    for number in range(3):
        with pytest.raises(DiskFull):
            follower.follow()
        note(store, str(number))
    assert follower.follow() == 4
    assert len(log.entries) == 4
    store.close()


def test_a_verdict_on_a_message_that_was_erased_meanwhile_is_logged_quietly(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    follower = Follower(store, FrozenClock(NOON), mirror=lambda: None)
    judged = MessageJudged(
        id="f" * 64,
        level="calm",
        millionths=1,
        because=(),
        labels=(),
        complete=True,
        decided_by="weigh",
        calls=(),
        no_draft="",
        judged_at=NOON,
    )
    assert follower._loudness(judged) == "debug"
    store.close()
