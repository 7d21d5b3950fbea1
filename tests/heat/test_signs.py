"""Signs that are no words: capitals, clusters of marks, smiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.heat.signs import Signs, signs
from levelhead.heat.text import fold


def seen(text: str) -> Signs:
    return signs(text, fold(text))


def test_capitals_shout_the_more_of_them_the_louder() -> None:
    stressed = seen("I have asked you THREE times for the plan.").shouting
    run = seen("I have asked you and STILL HAVE NOTHING HERE to show for it, so please call.").shouting
    whole = seen("WHERE IS THE PLAN THAT YOU PROMISED").shouting
    assert 0 < stressed < run < whole


@pytest.mark.parametrize(
    "text", ["Please send the PDF to NASA and the BBC.", "The CMS and the API", "OK", "A B C D"]
)
def test_abbreviations_do_not_shout(text: str) -> None:
    assert seen(text).shouting == 0


def test_more_marks_shout_louder_up_to_a_limit() -> None:
    assert 0 == seen("Well!").shouting < seen("Well!!!").shouting < seen("Well!!! Yes??? Now?!").shouting
    assert seen("Well!!! " * 40).shouting == seen("Well!!! " * 400).shouting < 1


@pytest.mark.parametrize("smile", [":)", ";-)", ":D", "😀", "🙏", "👍"])
def test_a_smile_is_seen(smile: str) -> None:
    assert seen(f"Any news? {smile}").smiling > 0


@pytest.mark.parametrize("text", ["at 10:Dublin", "see (a;b) or 3:0", "Any news?"])
def test_what_only_looks_like_a_smile_is_none(text: str) -> None:
    assert seen(text).smiling == 0


@given(st.text(max_size=300))
def test_every_place_that_is_named_lies_within_the_text(text: str) -> None:
    found = seen(text)
    assert 0 <= found.shouting <= 1 and 0 <= found.smiling <= 1
    assert all(0 <= start < end <= len(text) for start, end in (*found.loud, *found.smiles))
