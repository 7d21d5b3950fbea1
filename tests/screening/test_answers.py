"""What a hook may return, and what becomes of anything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from itertools import count

import pytest

from levelhead.model import Alert, Delivered, Draft, Finding, Hold, Level, Point, Severity, Verdict
from levelhead.screening.answers import WrongAnswer, checked, plain, summary


def test_nothing_is_a_fine_answer_to_every_hook() -> None:
    for hook in ("detect", "classify", "draft_reply", "hold", "escalate", "deliver", "observe"):
        assert checked(hook, None) == ()


@pytest.mark.parametrize(
    ("hook", "value", "sentence"),
    [
        ("detect", True, "detect returned bool True; expected Finding, several of them, or None"),
        ("detect", "shouting", "detect returned str 'shouting'; expected Finding"),
        ("detect", {"label": 1}, "detect returned dict {'label': 1}; expected Finding"),
        ("detect", [Finding("a", 0.1), 5], "detect returned int 5 among others; expected Finding"),
        ("classify", Level.CALM, "classify returned Level .*; expected Verdict or None"),
        ("draft_reply", ("Re:", "Hello"), "draft_reply returned tuple .*; expected Draft or None"),
        ("hold", timedelta(hours=1), "hold returned timedelta .*; expected Hold or None"),
        ("hold", [Hold(datetime(2026, 1, 1, tzinfo=UTC), "x")], "expected Hold or None"),
        ("deliver", True, "deliver returned bool True; expected Delivered or None"),
        ("deliver", Delivered(5), "holds something else where a text belongs"),  # type: ignore[arg-type]
        ("observe", "seen", "observe returned str 'seen'; it returns nothing"),
    ],
)
def test_a_wrong_type_is_named_with_what_was_expected(hook: str, value: object, sentence: str) -> None:
    with pytest.raises(WrongAnswer, match=sentence):
        checked(hook, value)


def test_a_generator_of_findings_is_drained() -> None:
    def findings() -> Iterator[Finding]:
        yield Finding("a", 0.1)
        yield Finding("b", 0.2)

    assert [finding.label for finding in checked("detect", findings())] == ["a", "b"]


def test_a_generator_without_end_is_stopped() -> None:
    with pytest.raises(WrongAnswer, match="more than 200 answers"):
        checked("detect", (Finding("a", 0.1) for _ in count()))


def test_a_huge_answer_is_refused() -> None:
    with pytest.raises(WrongAnswer, match="at most 200,000 are taken"):
        checked("draft_reply", Draft("Re: x", "x" * 300_000))


def test_what_a_plugin_subclasses_comes_out_as_our_own_plain_types() -> None:
    class Label(StrEnum):
        LOUD = "loud"

    class Mine(Finding):
        pass

    (finding,) = checked("detect", Mine(Label.LOUD, 1, quotes=[Label.LOUD]))  # type: ignore[arg-type]
    assert type(finding) is Finding
    assert type(finding.label) is str and type(finding.quotes[0]) is str and type(finding.strength) is float


def test_a_hold_in_any_time_zone_comes_out_in_utc() -> None:
    (hold,) = checked("hold", Hold(datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=2))), "x"))
    assert hold.until == datetime(2026, 1, 1, 7, tzinfo=UTC)
    assert hold.until.tzinfo is UTC


def test_a_value_that_was_bent_behind_its_own_back_is_refused() -> None:
    finding = Finding("a", 0.1)
    object.__setattr__(finding, "strength", 17.0)
    with pytest.raises(ValueError, match="strength must be from -1 to 1"):
        checked("detect", finding)


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(level="heated", millionths=700_000),  # type: ignore[arg-type]
        Verdict(level=Level.HEATED, millionths=700_000, complete="yes"),  # type: ignore[arg-type]
        Verdict(level=Level.HEATED, millionths=700_000.0),  # type: ignore[arg-type]
        Verdict(level=Level.HEATED, millionths=1, labels=(1,)),  # type: ignore[arg-type]
    ],
)
def test_a_verdict_of_the_wrong_parts_is_refused(verdict: Verdict) -> None:
    with pytest.raises(WrongAnswer):
        checked("classify", verdict)


def test_an_answer_cannot_carry_anything_but_values() -> None:
    with pytest.raises(WrongAnswer, match="cannot hold"):
        plain(Delivered(print))  # type: ignore[arg-type]


def test_a_summary_says_what_was_answered_in_few_words() -> None:
    verdict = Verdict(
        level=Level.TENSE, millionths=400_000, because=(Point(plugin="p", label="l", millionths=400_000),)
    )
    assert summary(()) == ""
    assert summary((Finding("loud", 0.5), Finding("thanks", -0.25))) == "loud +0.50; thanks -0.25"
    assert summary((verdict,)) == "tense 0.400"
    assert summary((Verdict(level=Level.UNKNOWN, millionths=None),)) == "unknown"
    assert summary((Draft("Re: secret", "secret words"),)) == "a draft of 12 characters"
    assert summary((Alert("heat", Severity.WARNING, "x"),)) == "heat (warning)"
    assert summary((Delivered(),)) == "delivered"
    assert len(summary(tuple(Finding("label", 0.5) for _ in range(100)))) == 200
