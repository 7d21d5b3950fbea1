"""The other tools in the report, and the pictures: enough to trust what they show."""

from __future__ import annotations

from training.draw import Curve, picture, thinned
from training.peers import OURS, found, word_list
from training.registers import OTHERS, group_of


def test_the_word_list_gives_more_chillies_to_hotter_words() -> None:
    calm, sharp, hot = word_list(
        ["Thanks, see you on Friday.", "This is unacceptable.", "You fucking idiot."]
    )
    assert calm == 0 < sharp < hot


def test_the_word_list_is_always_there_and_a_missing_tool_is_named() -> None:
    ready, missing = found()
    assert OURS in ready
    assert set(missing).isdisjoint(ready)
    assert {"VADER", "AFINN"} <= {*ready, *missing}


def test_the_first_group_that_fits_a_register_counts() -> None:
    assert group_of("lawyer") == "law and authorities"
    assert group_of("korean-esl") == "second language"
    assert group_of("grandma") == OTHERS


def test_a_thinned_curve_keeps_its_ends() -> None:
    points = [(number / 1000, 0.5) for number in range(1001)]
    kept = thinned(points)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert 200 < len(kept) < 400


def test_words_in_a_picture_are_no_markup() -> None:
    drawn = picture("a <b>", "c & d", ("x", "y"), [Curve("e", [(0, 0), (1, 1)], [3, 3])])
    assert "<b>" not in drawn
    assert "c &amp; d" in drawn
