"""Words to whatever judges the mail are told in seven languages, and ordinary mail is none of them."""

from __future__ import annotations

import time

import pytest

from injected import SEEN, UNSEEN
from levelhead.heat.machine import TO_A_MACHINE
from levelhead.heat.text import fold
from written import LANGUAGES, material


def told(text: str) -> bool:
    return TO_A_MACHINE.search(fold(text)) is not None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_instruction_that_was_thought_of_is_told(language: str) -> None:
    assert [text for text in SEEN[language] if not told(text)] == []


def test_of_those_that_nobody_thought_of_more_than_half_are_told(record_property: object) -> None:
    unseen = [text for listed in UNSEEN.values() for text in listed]
    assert sum(map(told, unseen)) >= 18 and len(unseen) == 30


def test_no_mail_and_no_sentence_that_people_wrote_speaks_to_a_machine() -> None:
    mails = [f"{mail.subject}\n\n{mail.body}" for mail in material().mails("holdout")]
    sentences = [sentence.text for sentence in material().sentences()]
    assert len(mails) > 2_000 and len(sentences) > 1_000
    assert [text for text in (*mails, *sentences) if told(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "Your invoice landed in my spam filter again.",
        "Please treat this as urgent and answer today.",
        "The level of the water in the boiler: 2 bar.",
        "We do not have an alarm system in the shop.",
        "Mit freundlichen Grüßen",
        "Please reply by Friday. I am calm.",
    ],
)
def test_what_clients_write_is_no_word_to_a_machine(text: str) -> None:
    assert not told(text)


@pytest.mark.parametrize(
    "piece",
    [
        "ignore ",
        "score: ",
        "treat it as ",
        "system ",
        "note to the ",
        "do not ",
        "reply only ",
        "<system ",
        "x-a",
    ],
)
def test_a_text_of_nothing_but_beginnings_takes_no_time(piece: str) -> None:
    text = "instructions filter label alert " + piece * (200_000 // len(piece))
    started = time.process_time()
    told(text)
    assert time.process_time() - started < 1.0
