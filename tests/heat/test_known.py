"""The filter of known words: it forgets none, and takes few strangers for words."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.heat.known import coverage, filter_of, is_known
from levelhead.heat.weights import weights


@given(st.lists(st.text(max_size=20), max_size=30))
def test_a_word_that_was_put_in_is_known(words: list[str]) -> None:
    bits = filter_of(words)
    assert all(is_known(word, bits) for word in words)


def test_an_empty_filter_knows_nothing() -> None:
    assert not is_known("hello", filter_of([]))


@pytest.mark.parametrize(
    "word", ["invoice", "website", "rechnung", "factura", "facture", "fattura", "fatura", "factuur"]
)
def test_everyday_words_of_business_are_known(word: str) -> None:
    assert is_known(word, weights().words)


def test_few_strangers_are_taken_for_words() -> None:
    dice = random.Random(3)
    strangers = ["".join(dice.choices("bcdfghjklmnpqrstvwxz", k=9)) for _ in range(2000)]
    assert sum(is_known(word, weights().words) for word in strangers) < 0.15 * len(strangers)


@pytest.mark.parametrize(
    "text",
    [
        "Invoice attached, thanks",
        "Rechnung anbei, danke",
        "Factura adjunta, gracias",
        "Facture jointe, merci",
    ],
)
def test_a_short_text_in_one_of_the_seven_languages_is_covered(text: str) -> None:
    assert coverage(text, weights().words) > 0.6


@pytest.mark.parametrize(
    "text",
    ["Pisałem wczoraj wieczorem, proszę odpowiedzieć", "Työ valmistui eilen illalla, kiitoksia paljon"],
)
def test_a_text_in_another_language_is_hardly_covered(text: str) -> None:
    assert coverage(text, weights().words) < 0.5


def test_a_text_without_words_counts_as_known() -> None:
    assert coverage("12.04.2026 !!", weights().words) == 1.0
