"""Which phrases of threat are explicit threats of the writer to the reader, and what they weigh then."""

from __future__ import annotations

import pytest

from added import KINDS, NO_THREATS, THREATS
from levelhead.heat import few
from levelhead.heat.engine import measure, read
from levelhead.heat.language import LANGUAGES
from levelhead.heat.weights import weights

FLOWERS = "The plan is fine with us, and the colours are lovely. " * 12


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_a_threat_of_every_kind_is_explicit_in_every_language(kind: int, language: str) -> None:
    assert measure(THREATS[language][kind], language, weights()).threats


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_threat_that_is_told_or_denied_is_none(language: str) -> None:
    for text in NO_THREATS[language]:
        assert not measure(text, language, weights()).threats, text


@pytest.mark.parametrize(
    "text",
    [
        "If you do not answer we will sue you.",
        "Don't make me take you to court.",
        "Nobody answers, so we will sue you.",
        "My lawyer says that we will sue you.",
    ],
)
def test_a_denial_elsewhere_in_the_sentence_takes_no_threat_away(text: str) -> None:
    assert measure(text, "en", weights()).threats


@pytest.mark.parametrize(
    "text", ["We do not want to sue you.", "The guide covers small claims and chargebacks."]
)
def test_what_is_denied_or_said_in_general_is_no_threat(text: str) -> None:
    assert not measure(text, "en", weights()).threats


def test_a_threat_is_as_hot_below_calm_words_as_it_is_alone_but_for_what_few_words_earn() -> None:
    alone = read("We will sue you.", "en")
    earned = sum(cue.logits for cue in alone.cues if cue.why == few.WHY)
    assert read(FLOWERS + "We will sue you.", "en").logit >= alone.logit - earned - 1e-9


@pytest.mark.parametrize(
    "text",
    [
        "A customer left us a one-star review.",
        "Ein Gast hat uns einen Stern gegeben.",
        "Un client nous attaque en justice.",
    ],
)
def test_what_some_customer_does_is_no_threat_of_who_writes(text: str) -> None:
    assert not measure(text, "", weights()).threats


@pytest.mark.parametrize(
    "text",
    ["As a customer I will sue you.", "Als Kunde gehe ich vor Gericht.", "We and our guests will sue you."],
)
def test_who_writes_as_a_customer_threatens_all_the_same(text: str) -> None:
    assert measure(text, "", weights()).threats


def test_what_a_threat_adds_is_told_and_sums_up() -> None:
    reading = read(FLOWERS + "We will sue you.", "en")
    assert any("explicit threat" in cue.why for cue in reading.cues)
    assert sum(cue.logits for cue in reading.cues) + reading.rest == pytest.approx(reading.logit)


def test_a_text_is_hotter_with_a_threat_than_without_it_whatever_it_says_besides() -> None:
    furious = "You are a liar and a thief, and I have had enough of your pathetic excuses. "
    for before in (FLOWERS, furious, furious * 3, "Please send the files. "):
        without = read(before, "en").logit
        assert read(f"{before}We will sue you.", "en").logit > without


def test_a_review_that_the_reader_is_asked_for_is_no_threat() -> None:
    def threatens(text: str) -> bool:
        return measure(text, "en", weights()).features.get("review-threat", 0.0) > 0

    assert not threatens("Could you leave a review for us, and would love one on Trustpilot.")
    assert not threatens("Please leave a review.")
    assert threatens("Could you answer, or I will leave a review on Trustpilot.")
    assert threatens("Please answer us at last before we leave a review.")
