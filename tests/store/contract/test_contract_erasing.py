"""Erasing: payloads that go while the ledger stays, another store's rows in place of the old ones, and tombstones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from levelhead import facts
from levelhead.errors import ProgrammerError
from levelhead.lifecycle import WrongState
from levelhead.model import Done
from levelhead.store.api import WORK, Entry, Holding, MessageFilter, Store
from levelhead.store.ledger import check, read_leaf
from levelhead.store.tombstones import tombstone
from levelhead.tree import root_of

KEY = "5a" * 32


def note(text: str = "called") -> facts.NoteTaken:
    return facts.NoteTaken(client="Acme", text=text, actor="me")


def erasure(**changes: Any) -> facts.MessagesErased:
    values: dict[str, Any] = {
        "client": "Acme",
        "messages": 1,
        "entries": ("0",),
        "frames": (),
        "tombstones": (),
        "last_seq": 0,
        "why": "asked by letter",
        "actor": "me",
        "erased_at": datetime(2026, 3, 6, 13, 0, tzinfo=UTC),
    }
    return facts.MessagesErased(**(values | changes))


def fact_of(entry: Entry) -> facts.Fact | None:
    return None if entry.payload is None else facts.read(read_leaf(entry.leaf).type, entry.payload)


def play(entries: Iterator[Entry], fresh: Any, make: Any, gone: Collection[int]) -> None:
    """Put a ledger's entries into another store, as if those that are to go had no payload."""
    with fresh.transaction(make.noon) as tx:
        for entry in entries:
            if entry.seq in gone:
                entry = Entry(seq=entry.seq, leaf=entry.leaf, salt=None, payload=None)
            fact = fact_of(entry)
            number = fact.seq if isinstance(fact, facts.MessageArchived) else 0
            tx.replay(entry, fact, make.parsed(number) if number else None)


def seen(store: Store) -> tuple[Any, ...]:
    """All that follows from facts, as far as anybody can ask for it."""
    rows = tuple(store.messages(MessageFilter()))
    return (
        rows,
        [
            (store.judged(row.id), store.marks(row.id), store.sightings(row.id), store.origins(row.id))
            for row in rows
        ],
        [(draft.key, draft.body) for draft in store.drafts()],
        [(alert, store.notified(alert.key)) for alert in store.alerts()],
        [list(store.holdings(what)) for what in Holding],
        found(store, "invoice"),
        found(store, "delivery number 2"),
    )


def found(store: Store, words: str) -> set[int]:
    return {hit.message.seq for hit in store.search(words, MessageFilter(), limit=1000)}


def in_another_thread(ask: Callable[[], Any]) -> Any:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask()))
    thread.start()
    thread.join()
    return answers[0]


OF_TWO = frozenset((1, 3, 5, 6, 8, 10, 15, 17, 19, 20))
"""The entries of `filled` that speak of message 2."""


@pytest.fixture
def filled(store: Store, make: Any) -> Store:
    """Two messages, each judged, seen, answered and told of; 2 is marked."""
    with store.transaction(make.noon) as tx:
        tx.archive(make.archived(1, thread="t"), make.parsed(1))
        tx.archive(make.archived(2, thread="u"), make.parsed(2))
        for number in (1, 2):
            tx.record(make.judged(number, labels=(f"label {number}",)))
        tx.record(make.opened())
        tx.record(facts.MessageMarked(id=make.id(2), level="calm", why="a joke", actor="me"))
        tx.record(make.sighted(2, 5))
        tx.record(make.sighted(1, 4))
        tx.record(make.held("draft-2", message=make.id(2), body="Dear Two"))
        tx.record(make.held("draft-1", body="Dear One"))
        tx.record(make.raised("alert-2", message=make.id(2)))
        tx.record(make.raised("alert-1"))
        tx.record(make.excluded(9))
        tx.record(facts.MailboxLost(mailbox="work", kind="login", why="refused", since=make.noon))
        tx.record(facts.PluginLoaded(plugin="tone", origin="builtin", digest="d" * 64))
        for key in ("alert-2", "alert-1"):
            told = facts.AlertNotified(key=key, rung=0, channel="phone", detail="sent", notified_at=make.noon)
            tx.record(told)
        for number in (2, 1):
            found = facts.CorrespondentFound(
                address=f"{number}@x.example", message=make.id(number), found_at=make.noon
            )
            tx.record(found)
        tx.record(make.excluded(10))
        for number in (2, 1):
            tx.record(make.brought(number))
        tx.add_job(WORK, "screen", "screen:2", make.id(2), make.noon)
        tx.add_job(WORK, "screen", "screen:1", make.id(1), make.noon)
        tx.set_meta("word", "kept")
        tx.advance("work", "INBOX", last_uid=5)
    return store


@pytest.fixture
def without_two(backend: Any, filled: Store, make: Any) -> Store:
    """A store that was played from the ledger of `filled` as if nobody had spoken of message 2."""
    fresh: Store = backend.fresh()
    play(filled.entries(), fresh, make, OF_TWO)
    return fresh


# --- the ledger --------------------------------------------------------------------------------


def test_erased_entries_keep_their_leaves_and_the_tree_its_root(filled: Store, make: Any) -> None:
    before, root = list(filled.entries()), filled.ledger_root()
    with filled.transaction(make.noon) as tx:
        tx.erase([1, 3])
    after = list(filled.entries())
    assert [(entry.seq, entry.leaf) for entry in after] == [(entry.seq, entry.leaf) for entry in before]
    assert [entry.seq for entry in after if entry.salt is None and entry.payload is None] == [1, 3]
    assert all(one == other for one, other in zip(before, after, strict=True) if one.seq not in (1, 3))
    assert filled.ledger_root() == root == root_of(entry.leaf for entry in after)
    assert not any(check(entry) for entry in after)
    assert [entry.seq for entry, _ in filled.facts_about(kind="message.archived")] == [0]


def test_an_entry_may_be_erased_again(filled: Store, make: Any) -> None:
    for _ in range(2):
        with filled.transaction(make.noon) as tx:
            tx.erase(iter((1, 3)))
    assert [entry.seq for entry in filled.entries() if entry.payload is None] == [1, 3]


@pytest.mark.parametrize("number", [-1, 22])
def test_an_entry_that_the_ledger_does_not_have_cannot_be_erased(
    filled: Store, make: Any, number: int
) -> None:
    before = list(filled.entries())
    with pytest.raises(ProgrammerError, match="of 22"), filled.transaction(make.noon) as tx:
        tx.erase([0, number])
    assert list(filled.entries()) == before


def test_a_transaction_reads_the_ledger_with_its_own_entries(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        for number in range(600):
            tx.record(note(str(number)))
    with store.transaction(make.noon) as tx:
        tx.record(note("the last"))
        tx.erase([7])
        entries = list(tx.entries())
        assert [entry.seq for entry in tx.entries(598)] == [598, 599, 600]
        assert list(tx.entries(601)) == []
        late = tx.entries()
    assert [entry.seq for entry in entries] == list(range(601))
    assert fact_of(entries[600]) == note("the last")
    assert [entry.seq for entry in entries if entry.payload is None] == [7]
    assert entries == list(store.entries())
    with pytest.raises(ProgrammerError, match="after it ended"):
        next(late)


# --- another store's rows ----------------------------------------------------------------------


def test_a_store_is_as_the_one_that_it_takes_over(filled: Store, without_two: Store, make: Any) -> None:
    before = seen(filled)
    with filled.transaction(make.noon) as tx:
        tx.erase(OF_TWO)
        tx.take_over(without_two)
    after = seen(filled)
    assert after == seen(without_two)
    assert after != before
    assert [row.seq for row in after[0]] == [1]
    assert [alert.key for alert in filled.alerts()] == ["alert-1"]
    assert filled.integrity() == ()
    assert filled.calibration("Acme").labels == {"label 1": 1}
    assert filled.correspondents() == {"1@x.example"}


def test_cursors_jobs_and_what_is_no_message_stay(filled: Store, without_two: Store, make: Any) -> None:
    def kept() -> tuple[Any, ...]:
        return (
            filled.folders(),
            filled.mailboxes(),
            filled.plugins(),
            filled.meta("word"),
            filled.ledger_root(),
        )

    before, entries = kept(), list(filled.entries())
    with filled.transaction(make.noon) as tx:
        tx.take_over(without_two)
    assert kept() == before
    assert list(filled.entries()) == entries
    assert len(filled.claim(WORK, make.noon, limit=9, lease_seconds=60)) == 2


def test_whoever_searched_before_finds_what_is_there_now(
    backend: Any, filled: Store, without_two: Store, make: Any
) -> None:
    other = backend.open()
    asked: list[Callable[[], set[int]]] = [
        lambda: found(filled, "invoice"),
        lambda: in_another_thread(lambda: found(filled, "invoice")),
        lambda: found(other, "invoice"),
    ]
    assert [ask() for ask in asked] == [{1, 2}] * 3
    with filled.transaction(make.noon) as tx:
        tx.take_over(without_two)
        assert found(other, "invoice") == {1, 2}
    assert [ask() for ask in asked] == [{1}] * 3


def test_words_of_many_transactions_give_way_to_those_of_one(backend: Any, store: Store, make: Any) -> None:
    """A full-text index remembers how its words lie, and there is little left of that when they lie otherwise."""
    for number in range(1, 31):
        with store.transaction(make.noon) as tx:
            tx.archive(make.archived(number), make.parsed(number))
        assert found(store, "invoice") == set(range(1, number + 1))
    fresh = backend.fresh()
    play(store.entries(), fresh, make, {6})
    with store.transaction(make.noon) as tx:
        tx.take_over(fresh)
    assert found(store, "invoice") == set(range(1, 31)) - {7}
    with store.transaction(make.noon) as tx:
        tx.archive(make.archived(31), make.parsed(31))
    assert found(store, "invoice") == set(range(1, 32)) - {7}
    assert store.integrity() == ()


def test_more_can_be_archived_in_the_same_transaction_and_later(
    filled: Store, without_two: Store, make: Any
) -> None:
    with filled.transaction(make.noon) as tx:
        tx.take_over(without_two)
        tx.archive(make.archived(3), make.parsed(3))
    with filled.transaction(make.noon) as tx:
        tx.archive(make.archived(4), make.parsed(4))
    assert found(filled, "invoice") == {1, 3, 4}
    assert filled.integrity() == ()
    assert list(filled.holdings(Holding.LOST_WORD)) == []


@pytest.mark.parametrize("count", [1, 510])
def test_what_a_transaction_archived_before_is_as_in_the_store_that_is_taken_over(
    backend: Any, filled: Store, without_two: Store, make: Any, count: int
) -> None:
    """Words that wait in memory for the end of a transaction are not written beside those of the other store."""
    with filled.transaction(make.noon) as tx:
        for number in range(3, 3 + count):
            tx.archive(make.archived(number), make.parsed(number))
        play(tx.entries(without_two.ledger_size()), without_two, make, {22})
        tx.take_over(without_two)
    assert found(filled, "invoice") == {1} | set(range(4, 3 + count))
    assert list(filled.holdings(Holding.WORD)) == list(without_two.holdings(Holding.WORD))
    assert filled.integrity() == ()


def test_a_transaction_that_fails_leaves_everything_as_it_was(
    filled: Store, without_two: Store, make: Any
) -> None:
    before, entries = seen(filled), list(filled.entries())
    with pytest.raises(KeyError), filled.transaction(make.noon) as tx:
        tx.erase(OF_TWO)
        tx.take_over(without_two)
        raise KeyError
    assert seen(filled) == before
    assert list(filled.entries()) == entries
    with filled.transaction(make.noon) as tx:
        tx.archive(make.archived(3), make.parsed(3))
    assert found(filled, "invoice") == {1, 2, 3}
    assert filled.integrity() == ()


@pytest.mark.parametrize("shorter", [True, False])
def test_a_store_with_another_ledger_is_not_taken_over(
    backend: Any, filled: Store, make: Any, shorter: bool
) -> None:
    other, before = backend.fresh(), seen(filled)
    with other.transaction(make.noon) as tx:
        for _ in range(21 if shorter else 22):
            tx.record(note())
    with pytest.raises(ProgrammerError, match="another ledger"), filled.transaction(make.noon) as tx:
        tx.take_over(other)
    assert seen(filled) == before


def test_a_store_takes_over_from_no_handle_of_its_own_and_from_nothing_else(
    backend: Any, filled: Store, make: Any
) -> None:
    for other in (filled, backend.open(), object()):
        with pytest.raises(ProgrammerError), filled.transaction(make.noon) as tx:
            tx.take_over(other)
    assert found(filled, "invoice") == {1, 2}


def test_a_refused_take_over_that_is_passed_over_does_not_commit(filled: Store, make: Any) -> None:
    with pytest.raises(ProgrammerError, match="passed over"), filled.transaction(make.noon) as tx:
        tx.erase([1])
        with pytest.raises(ProgrammerError):
            tx.take_over(filled)
    assert all(entry.payload is not None for entry in filled.entries())


# --- what is owed ------------------------------------------------------------------------------


def test_nothing_is_owed_about_what_was_erased_also_when_it_is_being_paid(filled: Store, make: Any) -> None:
    claimed = filled.claim(WORK, make.noon, limit=1, lease_seconds=60)
    assert [job.key for job in claimed] == ["screen:2"]
    with filled.transaction(make.noon) as tx:
        tx.add_job(WORK, "climb", "climb:alert-2", "alert-2", make.noon)
        tx.drop_jobs_about(iter([make.id(2), "alert-2", "nothing"]))
    left = filled.claim(WORK, make.at(hours=1), limit=9, lease_seconds=60)
    assert [job.key for job in left] == ["screen:1"]
    with filled.transaction(make.noon) as tx:
        tx.settle(claimed[0], Done())
    assert [job.key for job in filled.claim(WORK, make.at(hours=2), limit=9, lease_seconds=60)] == [
        "screen:1"
    ]


# --- tombstones --------------------------------------------------------------------------------


def test_an_erased_message_is_known_by_its_tombstone_and_no_other(store: Store, make: Any) -> None:
    ids = [make.id(1), make.id(2)]
    with store.transaction(make.noon) as tx:
        tx.archive(make.archived(1), make.parsed(1))
    assert store.erased(ids) == frozenset()
    with store.transaction(make.noon) as tx:
        tx.record(facts.ErasureKeyed(key=KEY))
    assert store.erased(ids) == frozenset()
    with store.transaction(make.noon) as tx:
        tx.record(erasure(tombstones=(tombstone(KEY, make.id(2)),)))
        tx.record(erasure(tombstones=(tombstone(KEY, make.id(2)), tombstone(KEY, make.id(3)))))
    assert store.erased(iter(ids)) == {make.id(2)}
    assert store.erased([]) == frozenset()
    assert make.id(2) not in store.known(ids)


def test_an_id_that_is_none_is_no_message_that_could_have_been_erased(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.record(facts.ErasureKeyed(key=KEY))
    with pytest.raises(ProgrammerError, match="in hex"):
        store.erased(["not an id"])


def test_an_archive_has_one_key_and_has_it_before_anything_is_erased(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        with pytest.raises(WrongState, match="before"):
            tx.record(erasure())
        tx.record(facts.ErasureKeyed(key=KEY))
        with pytest.raises(WrongState, match="already"):
            tx.record(facts.ErasureKeyed(key="00" * 32))
    assert [row for _, row in store.holdings(Holding.ERASURE)] == [{"key": KEY, "last_seq": 0}]
    assert store.ledger_size() == 1


def test_the_number_of_an_erased_message_is_never_given_out_again(
    backend: Any, store: Store, make: Any
) -> None:
    with store.transaction(make.noon) as tx:
        for number in (1, 2):
            tx.archive(make.archived(number), make.parsed(number))
        tx.record(facts.ErasureKeyed(key=KEY))
        tx.record(erasure(last_seq=2))
        tx.record(erasure(last_seq=1))
    fresh = backend.fresh()
    play(store.entries(), fresh, make, {1})
    with store.transaction(make.noon) as tx:
        tx.erase([1])
        tx.take_over(fresh)
    assert [row.seq for row in store.messages(MessageFilter())] == [1]
    assert store.last_seq() == fresh.last_seq() == 2
    with store.transaction(make.noon) as tx:
        tx.archive(make.archived(3), make.parsed(3))
    assert store.last_seq() == 3


# --- the whole of it ---------------------------------------------------------------------------


def test_a_compacted_store_is_what_it_was_for_everybody(backend: Any, filled: Store, make: Any) -> None:
    other = backend.open()
    before, entries = seen(filled), list(filled.entries())
    assert seen(other) == before
    assert filled.compact() is True
    assert seen(filled) == before
    assert seen(other) == before
    assert list(other.entries()) == entries
    with other.transaction(make.noon) as tx:
        tx.archive(make.archived(3), make.parsed(3))
    assert found(filled, "invoice") == {1, 2, 3}
    assert other.compact() is True


def test_a_store_is_not_compacted_inside_a_transaction(filled: Store, make: Any) -> None:
    with filled.transaction(make.noon), pytest.raises(ProgrammerError, match="inside"):
        filled.compact()
