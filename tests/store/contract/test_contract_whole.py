"""The whole of a store: its own soundness, and its rows laid beside those of another one."""

from __future__ import annotations

from typing import Any

import pytest

from levelhead import facts
from levelhead.model import Parsed
from levelhead.store.api import Holding, Store


@pytest.fixture
def filled(store: Store, make: Any) -> Store:
    """Two messages of one client in one thread, one marked; a stranger found and one left out."""
    with store.transaction(make.noon) as tx:
        tx.archive(make.archived(1, thread="t"), make.parsed(1))
        tx.archive(make.archived(2, thread="t"), make.parsed(2))
        tx.record(make.judged(1))
        tx.record(facts.MessageMarked(id=make.id(1), level="calm", why="a joke", actor="me"))
        tx.record(facts.CorrespondentFound(address="zoe@x.example", message=make.id(2), found_at=make.noon))
        tx.record(make.opened())
        tx.record(make.excluded(9))
    return store


def test_a_store_that_was_only_written_by_us_is_sound(filled: Store) -> None:
    assert filled.integrity() == ()


@pytest.mark.parametrize("what", Holding)
def test_an_empty_store_holds_nothing_but_its_parts(store: Store, what: Holding) -> None:
    assert bool(list(store.holdings(what))) is (what is Holding.PART)


@pytest.mark.parametrize(
    ("what", "keys"),
    [
        (Holding.THREAD, [("t",)]),
        (Holding.CLIENT, [("Acme",)]),
        (Holding.CLIENT_LABEL, [("Acme", "shouting")]),
        (Holding.CORRESPONDENT, [("zoe@x.example",)]),
        (Holding.EXCLUSION, [("work", "INBOX", 7, 9)]),
    ],
)
def test_rows_are_told_by_their_keys(filled: Store, what: Holding, keys: list[Any]) -> None:
    assert [key for key, _ in filled.holdings(what)] == keys


def test_rows_of_messages_marks_and_words_go_by_the_messages_ids(filled: Store, make: Any) -> None:
    both = sorted((make.id(number),) for number in (1, 2))
    assert [key for key, _ in filled.holdings(Holding.MESSAGE)] == both
    assert [key for key, _ in filled.holdings(Holding.WORD)] == both
    ((key, mark),) = filled.holdings(Holding.MARK)
    assert (key, mark["level"], mark["why"], mark["actor"]) == ((make.id(1),), "calm", "a joke", "me")


def test_a_clients_sums_are_told(filled: Store) -> None:
    ((_, sums),) = filled.holdings(Holding.CLIENT)
    assert sums == {"messages": 2, "judged": 1, "total": 400_000, "squares": 400_000**2}


def test_words_of_other_texts_have_other_digests(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        for number, text in enumerate(("one two", "two one", "one  two!"), 1):
            tx.archive(make.archived(number), make.parsed(1, new_text=text))
    digests = {key[0]: row["words"] for key, row in store.holdings(Holding.WORD)}
    first, second, third = (digests[make.id(number)] for number in (1, 2, 3))
    assert first != second
    assert first == third


def test_many_rows_come_once_each_and_in_order(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        for number in range(1, 1203):
            tx.archive(make.archived(number), make.parsed(number))
    keys = [key for key, _ in store.holdings(Holding.MESSAGE)]
    assert len(keys) == 1202
    assert keys == sorted(set(keys))


def test_what_is_played_changes_the_tables_and_no_ledger(filled: Store, backend: Any, make: Any) -> None:
    other = backend.fresh()
    with other.transaction(make.noon) as tx:
        tx.play(make.archived(1, thread="t"), make.parsed(1))
        tx.play(make.archived(2, thread="t"), make.parsed(2))
        tx.play(make.judged(1), Parsed())
        tx.play(facts.MessageMarked(id=make.id(1), level="calm", why="a joke", actor="me"), Parsed())
        tx.play(
            facts.CorrespondentFound(address="zoe@x.example", message=make.id(2), found_at=make.noon),
            Parsed(),
        )
        tx.play(make.opened(), Parsed())
        tx.play(make.excluded(9), Parsed())
    assert other.ledger_size() == 0
    for what in Holding:
        assert list(other.holdings(what)) == list(filled.holdings(what)), what
    assert other.message(make.id(1)) == filled.message(make.id(1))


def test_prints_differ_where_something_else_is_said_of_a_message(
    filled: Store, backend: Any, make: Any
) -> None:
    ids = [make.id(1), make.id(2), make.id(3)]
    before = filled.prints(ids)
    assert set(before) == {make.id(1), make.id(2)}
    with filled.transaction(make.noon) as tx:
        tx.record(facts.MessageMarked(id=make.id(1), level="tense", why="", actor="me"))
    after = filled.prints(ids)
    assert after[make.id(1)] != before[make.id(1)] and after[make.id(2)] == before[make.id(2)]
    with filled.transaction(make.noon) as tx:
        tx.record(make.judged(2))
    assert filled.prints(ids)[make.id(2)] != before[make.id(2)]
