"""Cutting a text up: places stay where they were, and what is nobody's tone is blanked out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from levelhead.heat.text import LONGEST, REPORTED, fold, masked, normal, segments

anything = st.text(st.characters(), max_size=200)


@given(anything)
@example("İSTANBUL ŒUVRE straße ǅ ﬁn Ǆ")
def test_folding_keeps_every_character_in_its_place(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(anything, st.integers(0, 200))
@example("` é", 1)
@example("Ünal’s \u0142 text", 6)
def test_a_piece_folds_alike_alone_and_within_its_text(text: str, at: int) -> None:
    assert fold(text[:at]) + fold(text[at:]) == fold(text)


@given(anything)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_folding_takes_capitals_accents_and_curly_apostrophes() -> None:
    assert fold("Ça n’était PAS Ærø, Škoda!") == "ca n'etait pas ærø, skoda!".replace("ø", "o")


@given(anything)
def test_masking_keeps_every_character_in_its_place(text: str) -> None:
    assert len(masked(text)) == len(text)


@pytest.mark.parametrize(
    "noise",
    [
        "https://idiot.example/kill?you=liar",
        "liar.thief@stupid.example",
        "at com.example.Kill.stupid(Kill.java:12)",
        'File "/srv/stupid/liar.py", line 3, in kill',
        "2026-03-01 12:00:01 FATAL worker killed child",
        "/var/log/stupid/liar.log",
    ],
)
def test_addresses_logs_and_paths_are_nobody_s_tone(noise: str) -> None:
    assert masked(f"See\n{noise}\nplease").split() == ["See", "please"]


@given(anything)
def test_sentences_follow_each_other_and_lie_within_the_text(text: str) -> None:
    found = list(segments(text, fold(text)))
    assert all(sentence.words and 0 <= sentence.start < sentence.end <= len(text) for sentence in found)
    assert all(one.end <= two.start for one, two in pairwise(found))


def test_sentences_end_at_marks_empty_lines_and_items_of_a_list() -> None:
    text = "One here. Two there!\n\nthree\n- four\n- five"
    assert [text[each.start : each.end].strip() for each in segments(text, fold(text))] == [
        "One here.", "Two there!", "three", "- four", "- five",
    ]  # fmt: skip


def test_numbers_and_clusters_of_marks_count_alike_however_long() -> None:
    assert normal("7") == normal("1234567")
    assert normal("!!") == normal("!!!!!!") != normal("!")
    assert normal("?!") == normal("!?!?") != normal("??")
    assert normal("...") == normal("…")


@pytest.mark.parametrize(
    "said",
    [
        '"you are all liars here"',
        "“you are all liars here”",
        "„ihr seid alle Lügner“",
        "«vous êtes menteurs»",
    ],
)
def test_several_words_in_quotation_marks_are_reported(said: str) -> None:
    assert REPORTED.search(f"She wrote {said} to me.")


def test_one_word_in_quotation_marks_is_scorn_and_not_reported() -> None:
    assert not REPORTED.search('Your "service" is a joke.')


def test_a_letter_of_anger_is_shorter_than_what_is_read() -> None:
    assert LONGEST >= 10_000
