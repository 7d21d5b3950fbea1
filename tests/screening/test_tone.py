"""The plugin `tone`: what the engine reads becomes findings whose points sum to the engine's own probability."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from levelhead.heat.engine import Cue, probability, read
from levelhead.heat.heard import readable
from levelhead.model import Calibration, Client, Finding, Level, Message, Thread
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import BASELINE_LOGIT
from levelhead.screening.builtin import tone
from levelhead.screening.unknown import unknown_reason
from written import holdout, judged, labels, mail_bytes, read_mail, score_text

Write = Callable[..., Message]
HOT = "You are a liar and a thief. I want my money back today or my lawyer will sue you!!!"
MACHINES = [*tone.MACHINE, "something-new"]


@cache
def letters() -> tuple[Message, ...]:
    """A few hundred mails of the hold-out as the archive reads them, but none of machines or unknown languages."""
    read_all = (read_mail(mail_bytes(mail.subject, mail.body)) for mail in holdout(300, seed=2))
    return tuple(each for each in read_all if not each.automatic and not unknown_reason(each))


def told(message: Message, client: Client | None = None) -> list[Finding]:
    """What the plugin finds in a message."""
    nobody = client or Client(name="ACME")
    return list(tone.detect(message, Thread(key="t1", client="ACME"), nobody))


def test_the_score_of_a_mail_is_the_engine_s_probability() -> None:
    for message in letters():
        expected = probability(read(readable(message.subject, message.new_text), message.language).logit)
        assert judged(message).score == pytest.approx(expected, abs=5e-5), message.new_text


def test_the_points_of_every_mail_sum_to_its_score() -> None:
    for message in letters():
        verdict = judged(message)
        assert sum(point.millionths for point in verdict.because) == verdict.millionths


def test_a_finding_is_never_stronger_than_a_finding_can_be() -> None:
    for message in letters():
        assert all(-1 <= finding.strength <= 1 and finding.why for finding in told(message))


def test_what_one_finding_cannot_carry_follows_without_the_words_once_more() -> None:
    first, second = tone._findings(Cue("threat", 6.0, "it threatens you", ((0, 8),)), "I warn you")
    assert (first.strength, second.strength) == (1.0, 0.5)
    assert (first.quotes, second.quotes) == (("I warn y",), ())
    assert first.why != second.why


def test_a_sentence_that_adds_little_and_holds_no_known_phrase_is_given_no_name() -> None:
    text = "Thanks so much for the quick fix, the site looks wonderful now!"
    assert {cue.label for cue in read(text, "en").cues} <= {"wording", "courtesy"}


def test_quotes_are_words_of_the_message() -> None:
    for message in letters():
        said = " ".join(f"{message.subject} {message.new_text}".split())
        quotes = [quote for finding in told(message) for quote in finding.quotes]
        assert all(quote in said and len(quote) <= tone.QUOTE_LETTERS for quote in quotes), (quotes, said)


def test_what_raised_a_heated_mail_the_most_quotes_it() -> None:
    hot = [message for message in letters() if judged(message).level in (Level.HEATED, Level.HOSTILE)]
    assert hot
    assert sum(any(one.quotes for one in told(each) if one.strength > 0) for each in hot) > 0.9 * len(hot)


@pytest.mark.parametrize("kind", MACHINES)
def test_the_mail_of_a_machine_is_calm_whatever_it_says(write_message: Write, kind: str) -> None:
    verdict = judged(write_message(HOT, automatic=kind))
    assert verdict.level is Level.CALM and verdict.score == pytest.approx(0.0293, abs=1e-4)
    points = [point for point in verdict.because if point.label == "automatic"]
    assert points and all(point.millionths < 0 for point in points)
    assert all("not judged as anger" in point.why for point in points)


def test_the_mail_of_a_machine_that_is_calmer_yet_stays_as_it_is(write_message: Write) -> None:
    message = write_message("Thank you so much, we love it, all the best :)", subject="", automatic="list")
    if read(readable(message.subject, message.new_text), "en").logit < tone.MACHINE_LOGIT:
        assert "automatic" not in labels(told(message))
    assert judged(message).score <= 0.03


def test_capitals_of_a_client_who_always_writes_so_count_half(write_message: Write) -> None:
    message = write_message("WHERE IS THE PLAN THAT YOU PROMISED ME??? I WANT IT TODAY!!!")
    habit = Client(name="ACME", calibration=Calibration(judged=10, labels={"shouting": 9}))
    stranger, known = labels(told(message)), labels(told(message, habit))
    assert "habit-shouting" not in stranger
    assert known["habit-shouting"] == pytest.approx(-stranger["shouting"] / 2, abs=1e-5)
    assert judged(message, client=habit).score < judged(message).score


def test_a_fault_that_is_named_is_a_label_and_moves_nothing(write_message: Write) -> None:
    message = write_message("Thank you for the visit. The tap in the kitchen is still leaking. See you soon.")
    (remark,) = [finding for finding in told(message) if finding.label == "legitimate-complaint"]
    verdict = judged(message)
    assert remark.strength == 0 and "leaking" in remark.quotes[0]
    assert "legitimate-complaint" in verdict.labels
    assert [part.millionths for part in verdict.because if part.label == "legitimate-complaint"] == [0]
    without = probability(read(readable(message.subject, message.new_text), "en").logit)
    assert verdict.score == pytest.approx(without, abs=5e-5)


def test_the_subject_is_read_with_the_message(write_message: Write) -> None:
    calm = write_message("Please see the subject.", subject="The plan")
    hot = write_message("Please see the subject.", subject="You are a liar and a thief")
    assert judged(hot).score > judged(calm).score + 0.1


@pytest.mark.parametrize("prefix", ["Re:", "RE:", "AW:", "Fwd:", "Antw:", "TR:", "RV:", "R:"])
def test_the_subject_of_an_answer_was_somebody_s_before(write_message: Write, prefix: str) -> None:
    message = write_message("Fine by me.", subject=f"{prefix} you are a liar and a thief")
    assert judged(message).score == judged(write_message("Fine by me.", subject="")).score


def test_a_quoted_older_message_is_not_judged(write_message: Write) -> None:
    message = replace(write_message("Fine by me."), text="Fine by me.\n> you are a liar")
    assert judged(message).score == judged(write_message("Fine by me.")).score


def test_a_message_with_nothing_in_it_is_no_finding_of_heat(write_message: Write) -> None:
    assert judged(write_message("", subject="")).level is Level.UNKNOWN
    assert all(finding.strength <= 1 for finding in told(write_message("", subject="")))
    assert math.isfinite(sum(finding.strength for finding in told(write_message("...", subject=""))))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("You are a liar and an idiot.", "personal-attack"),
        ("What you sent us is garbage and a complete waste of our money.", "attacks-work"),
        ("This is your last chance. Fix it by noon or we cancel the contract.", "pressure"),
        ("I want my money back today or I will file a chargeback.", "payment-dispute"),
        ("I will leave a one-star review so that everybody knows how you treat people.", "threat"),
    ],
)
def test_plain_anger_is_tense_at_least_and_called_by_its_name(
    text: str, label: str, write_message: Write
) -> None:
    assert score_text(text, "en") >= HeatPolicy().tense
    assert label in judged(write_message(text, subject="")).labels


def test_nothing_but_a_baseline_is_taken_for_granted() -> None:
    assert probability(BASELINE_LOGIT) < HeatPolicy().tense
