"""Search: forgiving of what people type, exact about what they mean."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levelhead.errors import UserError
from levelhead.model import Address, Direction
from levelhead.store.api import MessageFilter, Store


@pytest.fixture
def library(store: Store, make: Any) -> Store:
    """Four messages with words to find."""
    words = [
        {"subject": "Invoice 42 is late", "new_text": "Please pay. The delivery was a disaster."},
        {"subject": "Delivery", "new_text": "Ich möchte die Überweisung für Straße 5 sehen"},
        {
            "subject": "Hello",
            "new_text": "invoice invoice",
            "sender": Address(address="bo.k@bolt.example", name="Bo"),
        },
        {"subject": "Über uns", "new_text": "", "cc": (Address(address="copy@acme.example", name="Cosima"),)},
    ]
    with store.transaction(make.noon) as tx:
        for number, one in enumerate(words, 1):
            changes = {"client": "Bolt", "direction": "out"} if number == 3 else {}
            tx.archive(make.archived(number, **changes), make.parsed(number, **one))
    return store


def found(store: Store, query: str, **wanted: Any) -> list[int]:
    return [hit.message.seq for hit in store.search(query, MessageFilter(**wanted))]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("disaster", [1]),
        ("DISASTER please", [1]),
        ("disaster überweisung", []),
        ("uberweisung", [2]),
        ("strasse", []),
        ("straße", [2]),
        ('"pay the delivery"', [1]),
        ('"delivery the pay"', []),
        ("deliv*", [2, 1]),
        ('"the deliv"*', [1]),
        ("delivery -disaster", [2]),
        ('delivery -"was a disaster" -nothing', [2]),
        ("bo.k@bolt.example", [3]),
        ("@bolt.example", [3]),
        ("<bo.k@bolt.example>,", [3]),
        ("cosima", [4]),
        ("Anna Kroger", [4, 2, 1]),
        ("invoice AND OR NOT", []),
        ("invoice:42", [1]),
        ("invoice & (42) ^ ;", [1]),
        ("NEAR(invoice", []),
        ("late - ", [1]),
        ("'; DROP TABLE message; --", []),
        ("in\0voice", []),
    ],
)
def test_a_query_finds_what_it_means(library: Store, query: str, numbers: list[int]) -> None:
    assert sorted(found(library, query)) == sorted(numbers)


def test_the_best_come_first(library: Store) -> None:
    assert found(library, "delivery") == [2, 1]
    assert found(library, "invoice") == [1, 3]


def test_a_search_keeps_to_its_filter(library: Store, make: Any) -> None:
    assert found(library, "invoice", client="Acme") == [1]
    assert found(library, "invoice", direction=Direction.OUT) == [3]
    assert found(library, "invoice", since=make.at(minutes=2)) == [3]
    assert [hit.message.seq for hit in library.search("anna", MessageFilter(), limit=2)] != []
    assert len(list(library.search("anna", MessageFilter(), limit=2))) == 2


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "names no word"),
        ("  - & ()", "names no word"),
        ("-only -these", "names no word"),
        ('an "open quotation', "left open"),
        (" ".join(f"w{number}" for number in range(65)), "more than 64 words"),
    ],
)
def test_a_query_without_sense_gets_one_sentence(library: Store, query: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        library.search(query, MessageFilter())


@given(query=st.text(max_size=60))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_query_breaks_the_search(library: Store, query: str) -> None:
    try:
        assert isinstance(list(library.search(query, MessageFilter())), list)
    except UserError as exc:
        assert "\n" not in str(exc)


def test_a_hit_brings_the_opening_of_its_text(library: Store) -> None:
    (hit,) = library.search("delivery disaster", MessageFilter())
    assert hit.opening == "Please pay. The delivery was a disaster." and hit.whole
    (hit,) = library.search("uns", MessageFilter())
    assert hit.opening == "" and hit.whole


def test_an_opening_has_single_spaces_and_says_when_more_follows(store: Store, make: Any) -> None:
    texts = ["one\n\n  two\tthree", "word " * 4_000, " " * 30_000 + "late", "x" * 50_000]
    with store.transaction(make.noon) as tx:
        for number, text in enumerate(texts, 1):
            tx.archive(make.archived(number), make.parsed(number, subject="same", new_text=text))
    short, long, empty, one_word = (
        hit for _, hit in sorted((h.message.seq, h) for h in store.search("same", MessageFilter()))
    )
    assert (short.opening, short.whole) == ("one two three", True)
    assert long.opening is not None and long.opening.startswith("word word ") and not long.whole
    assert len(long.opening) <= 10_000 and long.opening.endswith("…")
    assert not empty.whole and not one_word.whole
