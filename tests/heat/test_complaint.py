"""A legitimate complaint: the sentence that names a fault is found in any tone, and praise is none."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.heat.complaint import complaint
from levelhead.heat.text import LONGEST, fold, segments
from levelhead.heat.weights import weights
from written import holdout


def test_sentences_that_people_marked_as_naming_a_fault_read_more_so_than_others() -> None:
    """A share, because it is learnt: of two sentences, one of them marked, the marked one reads more so."""
    grams = weights().complaint
    marked, others = [], []
    for mail in holdout(2000, seed=4):
        faults = [words for label, words in mail.quotes if label == "legitimate-complaint"]
        marked += [sentence.words for words in faults for sentence in segments(words, fold(words))]
        if not faults and not mail.heated:
            others += [sentence.words for sentence in segments(mail.body, fold(mail.body))]
    usual = sorted(map(grams.alone, others))
    above = [bisect_left(usual, grams.alone(words)) / len(usual) for words in marked]
    assert sum(above) / len(above) > 0.7


@pytest.mark.parametrize("temper", ["Thank you for the visit.", "You idiots!"])
def test_the_sentence_that_names_a_fault_is_pointed_at_in_any_tone(temper: str) -> None:
    text = f"{temper} The tap in the kitchen is still leaking. See you soon."
    span = complaint(text)
    assert span is not None and "leaking" in text[slice(*span)]


@pytest.mark.parametrize(
    "text",
    [
        "Thank you so much, we love it!",
        "Vielen Dank, alles wunderbar.",
        "See you on Tuesday at ten then.",
        "",
        "Ok",
    ],
)
def test_thanks_and_appointments_are_no_complaint(text: str) -> None:
    assert complaint(text) is None


def test_a_fault_that_somebody_else_is_quoted_with_is_not_the_client_s() -> None:
    text = 'All fine here, thanks. Our tenant asked: "Why is the tap in the kitchen still leaking today?" Best, Ann'
    span = complaint(text)
    assert span is None or "leaking" not in text[slice(*span)]


@given(st.text(max_size=300))
def test_looking_for_a_complaint_never_fails(text: str) -> None:
    span = complaint(text)
    assert span is None or 0 <= span[0] < span[1] <= len(text) <= LONGEST
