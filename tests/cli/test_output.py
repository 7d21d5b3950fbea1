"""What a command prints cannot steer a terminal, and what a program reads is JSON."""

from __future__ import annotations

import json

import pytest

from levelhead.cli.output import Output, cell, counted, dump, line_of, lines_of

HOSTILE = "\x1b]0;owned\x07 a\x9b31m b\u202etxt.exe\u2066 c\x00 d\u200b e\udc80 \U000e0041"


@pytest.mark.parametrize(
    "character", [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\u200f"]
)
def test_no_control_character_reaches_a_terminal(character: str) -> None:
    assert (
        character not in lines_of(f"a{character}b").replace("\n", "").replace("\t", "") or character in "\n\t"
    )
    assert character not in line_of(f"a{character}b")


def test_what_is_escaped_can_still_be_read() -> None:
    assert lines_of("stop\x1b[2J") == "stop\\u001b[2J"
    assert lines_of("invoice\u202efdp.exe") == "invoice\\u202efdp.exe"
    assert lines_of("Grüße, 你好, שלום\nzweite Zeile") == "Grüße, 你好, שלום\nzweite Zeile"


def test_a_line_break_in_a_cell_makes_no_second_row(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).many([{"subject": "one\ntwo\tthree"}], ["subject"], "nothing")
    assert capsys.readouterr().out == "subject\none two three\n"


def test_json_is_one_ascii_line_whatever_the_mail_holds(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).one({"subject": HOSTILE}, "unused")
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert printed.count("\n") == 1
    assert json.loads(printed)["subject"] == HOSTILE


def test_a_list_is_json_lines_and_an_empty_list_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).many([{"a": 1}, {"a": 2}], ["a"], "nothing")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"a": 1}, {"a": 2}]
    Output(as_json=True).many([], ["a"], "nothing")
    assert capsys.readouterr().out == ""


def test_json_never_holds_a_number_that_json_does_not_know() -> None:
    with pytest.raises(ValueError):
        dump({"score": float("nan")})


def test_cells_are_short_and_plain() -> None:
    assert cell(None) == "-"
    assert cell(0.123456) == "0.12"
    assert cell(["a", "b"]) == "a, b"
    assert cell("2026-03-06T16:00:00.000000Z") == "2026-03-06 16:00Z"
    assert cell("0123456789ab" + "0" * 52) == "0123456789ab"


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (1, "message", "1 message"),
        (0, "message", "0 messages"),
        (1, "entry", "1 entry"),
        (2, "entry", "2 entries"),
    ],
)
def test_a_count_of_one_has_its_noun_in_the_singular(count: int, noun: str, said: str) -> None:
    assert counted(count, noun) == said
