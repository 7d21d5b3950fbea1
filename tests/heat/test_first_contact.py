"""From the text of somebody who writes for the first time to its verdict: spared, but not when it threatens."""

from __future__ import annotations

import pytest

from added import KINDS, THREATS
from levelhead.model import Client, Level, Message, Noted, Screening, Thread, Verdict
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import weigh
from levelhead.screening.builtin import tone
from written import LANGUAGES, mail_bytes, read_mail

ANGRY = {
    "en": "You are incompetent idiots, and your work is a disgrace.",
    "de": "Ihr seid unfähige Idioten, und eure Arbeit ist eine Schande.",
    "es": "Sois unos idiotas incompetentes y vuestro trabajo es una vergüenza.",
    "fr": "Vous êtes des idiots incompétents et votre travail est une honte.",
    "it": "Siete degli idioti incompetenti e il vostro lavoro è una vergogna.",
    "pt": "Vocês são uns idiotas incompetentes e o vosso trabalho é uma vergonha.",
    "nl": "Jullie zijn incompetente idioten en jullie werk is een schande.",
}


def verdict(message: Message, *, first: bool) -> Verdict:
    """The verdict on a message from somebody who is no listed client, the first ever or not."""
    who = Client(name="bob@acme.example", addresses=("bob@acme.example",))
    findings = tone.detect(message, Thread(key="", client=who.name), who)
    noted = tuple(Noted(plugin="tone", finding=finding) for finding in findings)
    screening = Screening(message_id=message.id, noted=noted, first_contact=first)
    return weigh(screening, who, HeatPolicy())


def letter(text: str) -> Message:
    """The text as a mail, read as the archive reads it."""
    return read_mail(mail_bytes("", text))


NEVER_SPARED = ("legal action", "public", "violence", "authority")
"""Kinds of threat whose labels are `threat` and `legal`; the others are of a payment and of a contract's end."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", NEVER_SPARED)
def test_a_first_message_that_threatens_is_judged_as_any_other(kind: str, language: str) -> None:
    message = letter(THREATS[language][KINDS.index(kind)])
    assert verdict(message, first=True) == verdict(message, first=False)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["legal action", "violence"])
def test_a_first_message_that_threatens_with_a_court_or_with_blows_is_hostile(
    kind: str, language: str
) -> None:
    message = letter(THREATS[language][KINDS.index(kind)])
    assert verdict(message, first=True).level is Level.HOSTILE


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [None, "chargeback", "ultimatum"])
def test_a_first_message_in_anger_over_money_or_with_an_ultimatum_is_tense_at_most(
    kind: str | None, language: str
) -> None:
    message = letter(ANGRY[language] if kind is None else THREATS[language][KINDS.index(kind)])
    later, first = verdict(message, first=False), verdict(message, first=True)
    assert first.level in (Level.CALM, Level.TENSE)
    assert sum(point.millionths for point in first.because) == first.millionths
    taken = [point.millionths for point in first.because if point.label == "first-contact"]
    assert bool(taken) is (later.level not in (Level.CALM, Level.TENSE)) and all(each < 0 for each in taken)
    if kind is None:
        assert later.level is Level.HOSTILE and taken
