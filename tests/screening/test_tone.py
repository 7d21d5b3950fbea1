"""Plain business anger and the calm mail that uses the same words, in seven languages and many registers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.heat.language import language_of
from levelhead.model import Client, Message, Noted, Screening
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import weigh
from levelhead.screening.builtin import tone

Write = Callable[..., Message]
Score = Callable[[str, str], float]

EXAMPLES = Path(__file__).parent / "examples"


def examples(name: str) -> list[dict[str, str]]:
    """The lines of one file of examples: `language`, `text`, and for heated ones `register` and `kind`."""
    return [json.loads(line) for line in (EXAMPLES / name).read_text(encoding="utf-8").splitlines()]


CALM, HEATED = examples("calm.jsonl"), examples("heated.jsonl")


@pytest.fixture
def score(write_message: Write, client: Client) -> Score:
    """The score of a text when it is in that language, or in whichever language is told for ''."""

    def judge(text: str, language: str) -> float:
        message = write_message(text, language=language or language_of(text))
        noted = tuple(Noted(plugin="tone", finding=finding) for finding in tone.detect(message))
        verdict = weigh(Screening(message_id=message.id, noted=noted), client, HeatPolicy())
        assert verdict.score is not None
        return verdict.score

    return judge


@pytest.mark.parametrize("example", CALM, ids=lambda row: f"{row['language']}: {row['text'][:30]}")
def test_calm_mail_stays_calm_whatever_words_it_uses(score: Score, example: dict[str, str]) -> None:
    for language in (example["language"], ""):
        assert score(example["text"], language) < HeatPolicy().tense


@pytest.mark.parametrize(
    "example", HEATED, ids=lambda row: f"{row['language']} {row['register']}: {row['text'][:30]}"
)
def test_one_plain_line_of_anger_is_tense_and_a_mail_of_them_heated(
    score: Score, example: dict[str, str]
) -> None:
    least = HeatPolicy().tense if example["kind"] == "line" else HeatPolicy().heated
    for language in (example["language"], ""):
        assert score(example["text"], language) >= least


def test_the_examples_cover_every_language_and_many_registers() -> None:
    assert {row["language"] for row in CALM} == {row["language"] for row in HEATED} == set(tone.LANGUAGES)
    assert {row["register"] for row in HEATED} >= {
        "curt", "formal-cold", "florid", "trades", "agency", "lawyer", "newcomer",
    }  # fmt: skip


def labels(message: Message) -> dict[str, tuple[str, ...]]:
    return {finding.label: finding.quotes for finding in tone.detect(message)}


def test_a_phrase_never_reaches_into_the_next_sentence(write_message: Write) -> None:
    assert labels(write_message("I will cancel. The contract is fine.")) == {}
    assert "cancellation" in labels(write_message("I will cancel\nthe contract"))
    assert "ultimatum" in labels(write_message("You have 24 hours."))


def test_what_overlaps_a_harmless_phrase_is_no_finding(write_message: Write) -> None:
    assert labels(write_message("We will cancel the contract with our old hosting provider.")) == {}
    assert labels(write_message("We will cancel the contract.")) == {
        "cancellation": ("We will cancel the contract",)
    }


def test_the_beginning_and_the_end_of_a_sentence_can_be_asked_for(write_message: Write) -> None:
    assert "contempt" in labels(write_message("This is not acceptable."))
    assert labels(write_message("This is not acceptable paper for the press.")) == {}


def test_more_marks_shout_louder_up_to_a_limit(write_message: Write) -> None:
    def shouting(text: str) -> float:
        (finding,) = tone.detect(write_message(text))
        return finding.strength

    assert shouting("Well!!!") < shouting("Well!!! Yes??? Now?!") < shouting("Well!!! " * 4)
    assert shouting("Well!!! " * 4) == shouting("Well!!! " * 400) == pytest.approx(0.3)


def test_every_phrase_of_the_table_can_be_found_and_begins_with_a_word() -> None:
    """A slip in the table, such as a stray slash or hyphen, would otherwise make a phrase that never fits."""
    for family, row in tone._table().items():
        for grade in tone.SHARES:
            listed = row.get(grade, {})
            assert isinstance(listed, dict)
            for language, phrases in listed.items():
                for phrase in phrases:
                    slots = tone._slots(phrase)
                    assert slots[0].words or slots[0].beginnings, (family, language, phrase)
                    assert not slots[0].optional, (family, language, phrase)
                    assert sum(slot.gap for slot in slots) <= 4, (family, language, phrase)
                    for piece in phrase.removeprefix("^").split():
                        if "/" in piece or "?" in piece:
                            assert tone._PLACE.fullmatch(tone.fold(piece)), (family, language, phrase)


def test_what_is_said_once_counts_once_however_many_phrases_fit_it(write_message: Write) -> None:
    (finding,) = tone.detect(write_message("We have talked; I want my money back"))
    assert finding.label == "chargeback" and finding.strength == pytest.approx(0.8)
    assert finding.quotes == ("I want my money back",)
