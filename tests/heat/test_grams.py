"""Hashed n-grams: every word's part of the sum is known, and the engine counts exactly what the trainer counted."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.heat import grams as module
from levelhead.heat.grams import Choice, Grams, Told, features, parts
from levelhead.heat.weights import curve

words = st.text("abcdeé0!?.", min_size=1, max_size=12)
sentences = st.lists(st.lists(words, min_size=1, max_size=8), min_size=1, max_size=5)


@pytest.fixture
def grams() -> Grams:
    """A table of any weights at all."""
    return Grams(random.Random(5).randbytes(1 << 12), curve(1.0), bias=-0.5)


@given(sentences)
def test_the_engine_sums_the_very_features_that_the_trainer_counts(said: list[list[str]]) -> None:
    table = Grams(random.Random(5).randbytes(1 << 12), curve(1.0))
    told: Told = {}
    sums = [table.sentence(tokens, told) for tokens in said]
    counted = list(features(said))
    assert sum(count for _, count, _, _ in sums) == len(counted)
    assert math.isclose(
        sum(fresh for fresh, _, _, _ in sums), math.fsum(map(table.weight, counted)), abs_tol=1e-9
    )


@given(st.lists(words, min_size=1, max_size=8, unique=True))
def test_the_parts_of_the_words_sum_to_their_sentence(tokens: list[str]) -> None:
    table = Grams(random.Random(5).randbytes(1 << 12), curve(1.0))
    said = [module.normal(token) for token in tokens]
    if len(set(said)) == len(said):
        fresh, _, total, _ = table.sentence(said, {})
        assert math.isclose(math.fsum(table.words(said)), total, abs_tol=1e-9)
        assert math.isclose(fresh, total, abs_tol=1e-9) or len(set(said)) < len(said)


def test_a_word_said_again_counts_once(grams: Grams) -> None:
    told: Told = {}
    grams.sentence(["liar"], told)
    assert grams.sentence(["liar"], told)[:2] == (0.0, 0)


def test_an_unseen_form_shares_the_parts_of_a_known_word() -> None:
    assert set(parts("incompetence")) & set(parts("incompetent"))
    assert list(parts("you")) == ["you"]


def test_a_long_word_costs_no_more_than_its_beginning() -> None:
    assert len(list(parts("x" * 10_000))) == len(list(parts("x" * 1_000)))


def test_hostile_mail_cannot_fill_the_memory(grams: Grams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 10)
    for number in range(100):
        grams.sentence([f"word{number}"], {})
    assert len(grams._known) <= 10


def test_nothing_said_is_the_bias(grams: Grams) -> None:
    assert grams.bare([]) == grams.bias == grams.logit(0.0, 0)


def test_a_sentence_speaks_for_the_label_whose_table_weighs_its_words_the_most() -> None:
    dice = random.Random(6)
    tables = {name: Grams(dice.randbytes(1 << 12), curve(1.0)) for name in ("threat", "legal", "pressure")}
    for words in (["you", "will", "regret", "this"], ["our", "lawyer"], ["now"]):
        best = Choice(tables).best(words)
        assert tables[best].bare(words) == pytest.approx(max(each.bare(words) for each in tables.values()))
