"""The engine: what it says of a text adds up to the logit, points at words, and never fails."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from levelhead.heat import engine, score_many
from levelhead.heat.engine import REACH, Reading, probability, read
from levelhead.heat.language import LANGUAGES
from levelhead.heat.phrases import families
from levelhead.heat.text import LONGEST
from written import holdout

LABELS = {*engine.WHY, "shouting", "courtesy"} | {family.label for family in families().values()}
PIECES = (
    "You are a liar. ", "Thank you! ", "I WANT MY MONEY BACK ", "see you in court\n\n", "bonjour, ", ":) ", "!!! ",
    '"you are all crooks here" ', "https://a.example/b ", "Die Rechnung ist falsch. ", "\n- ", "?! ", "7 ",
)  # fmt: skip
mails = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
anything = st.one_of(mails, st.text(st.characters(), max_size=200))


def consistent(text: str, reading: Reading) -> None:
    """What holds of every reading."""
    assert math.isclose(
        math.fsum(cue.logits for cue in reading.cues) + reading.rest, reading.logit, abs_tol=1e-9
    )
    assert -REACH <= reading.logit <= REACH
    for cue in reading.cues:
        assert cue.label in LABELS and cue.why
        assert all(0 <= start < end <= len(text) for start, end in cue.spans)


@given(anything, st.sampled_from(["", *LANGUAGES]))
@example("", "")
@example("\ud800 \x00 ￿", "en")
@settings(max_examples=300)
def test_cues_and_the_rest_sum_to_the_logit_of_any_text(text: str, language: str) -> None:
    consistent(text, read(text, language))


def test_cues_and_the_rest_sum_to_the_logit_of_real_mail() -> None:
    for mail in holdout(200, seed=1):
        consistent(mail.text, read(mail.text, mail.language))


def test_the_same_text_always_reads_the_same() -> None:
    text = "You are a liar. I want my money back!!! :)"
    assert read(text, "en") == read(text, "en")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("You are a liar and an idiot.", "personal-attack"),
        ("This work is an absolute joke, it is garbage.", "attacks-work"),
        ("This is your last chance, fix it by noon or we cancel the contract.", "pressure"),
        ("My lawyer will sue you, see you in court.", "legal"),
        ("I want my money back now or I file a chargeback.", "payment-dispute"),
        ("I will post a one-star review and tell everybody.", "threat"),
        ("WHY IS NOBODY ANSWERING ME???", "shouting"),
        (
            "You will work through the weekend, and you will pick up whenever I call, day or night.",
            "boundary",
        ),
        (
            "How nice of you to grace us with an answer, I am so touched that you found a minute.",
            "passive-aggressive",
        ),
        (
            "I am so angry that I am shaking, you have broken every promise and ignored me for weeks!",
            "heated",
        ),
    ],
)
def test_heat_is_called_by_its_name(text: str, label: str) -> None:
    assert label in {cue.label for cue in read(text, "en").cues if cue.logits > 0}


def test_hot_places_are_words_that_raised_it() -> None:
    text = "The drawings came on Monday, thank you. You are a liar and a thief. See you on Tuesday at ten."
    spans = read(text, "en").hot_spans()
    assert any("liar" in text[start:end] for start, end in spans)
    assert not any("Tuesday" in text[start:end] for start, end in spans)


def test_a_long_sentence_is_quoted_where_it_is_hottest() -> None:
    long = "the plan that we talked about on the phone last week in the afternoon with your colleague " * 2
    text = f"Regarding {long} you are a liar and a cheat and I am sick of you, and about {long} we will see"
    quotes = [text[start:end] for cue in read(text, "en").cues if cue.logits > 0 for start, end in cue.spans]
    assert any("liar" in quote and len(quote.split()) <= engine.QUOTE_WORDS for quote in quotes)


def test_what_is_reported_in_quotation_marks_weighs_less_than_what_is_said() -> None:
    said = "You are liars and thieves, the whole lot of you. How do we answer?"
    reported = 'A visitor wrote "you are liars and thieves, the whole lot of you". How do we answer?'
    assert read(reported, "en").logit < read(said, "en").logit - 1


def test_quotation_marks_around_nearly_everything_hide_nothing() -> None:
    assert probability(read('"You are liars and thieves, the whole lot of you."', "en").logit) > 0.6


def test_a_text_behind_the_limit_changes_nothing() -> None:
    calm = "The plan is fine with us. " * (LONGEST // 20)
    assert read(calm, "en") == read(calm + " You are a liar. " * 10, "en")


def test_reading_is_linear_in_the_length_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: twice the text looks up at most a little more than twice the words."""
    looked_up = 0
    real = engine.Grams.sentence

    def counted(self: engine.Grams, tokens: tuple[str, ...], told: set[str]) -> tuple[float, int]:
        nonlocal looked_up
        looked_up += len(tokens)
        return real(self, tokens, told)

    monkeypatch.setattr(engine.Grams, "sentence", counted)
    counts = []
    for times in (20, 40, 80):
        looked_up = 0
        read("You are a liar and I want my money back, now. Thank you for nothing at all. " * times, "en")
        counts.append(looked_up)
    assert counts[1] <= 2.2 * counts[0] and counts[2] <= 2.2 * counts[1]


@pytest.mark.parametrize(
    "text",
    ["x" * 300_000, "! " * 100_000, '"' * 100_000, "a\n" * 100_000, "A" * 100_000, "…?!" * 60_000, "«" * 99_999,
     "you are " * 40_000, "www." * 50_000, "a@" * 60_000, "/a" * 60_000, "(((" * 60_000],
    ids=lambda text: repr(text[:6]),
)  # fmt: skip
def test_hostile_text_is_read(text: str) -> None:
    consistent(text, read(text))


def test_score_many_scores_whole_mails_and_points_into_them() -> None:
    quoted = (
        "Thanks, all fine!\n\nOn Tue, 4 Jun 2024 at 09:12 Ann <ann@acme.example> wrote:\n> You are a liar."
    )
    hot = "Hello,\nyou are a liar and a thief.\n\n> thanks for everything"
    calm, heated = score_many([quoted, hot])
    assert calm["score"] < 0.35 < heated["score"]
    assert heated["spans"] and all("> " not in hot[start:end] for start, end in heated["spans"])
