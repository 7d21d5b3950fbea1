"""The example `plugins/keywords.py`, asked as its users ask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.testing import ask, make_message

PLUGIN = Path(__file__).parents[2] / "plugins" / "keywords.py"
TABLE = {
    "strength": 0.4,
    "words": {"scope-creep": ["one more small thing"], "deadline": ["launch day", "go live"]},
}


def test_it_sleeps_until_its_table_is_written() -> None:
    assert ask(PLUGIN, "detect", message=make_message("one more small thing")) == ()


def test_each_label_is_one_finding_with_the_words_as_they_were_written() -> None:
    text = "One  more small\nthing: we GO LIVE early, go live!"
    first, second = ask(PLUGIN, "detect", settings=TABLE, message=make_message(text))
    assert (first.label, first.strength, first.quotes) == ("scope-creep", 0.4, ("One  more small\nthing",))
    assert (second.label, second.quotes) == ("deadline", ("GO LIVE", "go live"))


def test_only_whole_words_count_and_no_pattern_is_read_into_them() -> None:
    table = {"words": {"odd": ["c++", "a.b"]}}
    assert ask(PLUGIN, "detect", settings=table, message=make_message("axb cargo lives")) == ()
    (finding,) = ask(PLUGIN, "detect", settings=table, message=make_message("we use C++ here"))
    assert finding.quotes == ("C++",)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"words": ["a"]}, "words is a table"),
        ({"words": {"a": "b"}}, "a must be a list of words"),
        ({"words": {"Not A Slug": ["b"]}}, "a label is lower-case words"),
        ({"words": {"a": ["b"]}, "strength": 3}, "strength must be from -1 to 1"),
    ],
)
def test_a_table_that_makes_no_sense_refuses_the_plugin_in_a_sentence(
    table: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        ask(PLUGIN, "detect", settings=table)
