"""Other names in mail of the hold-out: no level may move, and hardly a score does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from levelhead.model import Level
from levelhead.policy.types import HeatPolicy
from written import LANGUAGES, judged, mail_bytes, material, read_mail

POLICY = HeatPolicy()
OTHERS = ("Anna", "Malik", "Ingrid", "Takumi", "Rosamund", "Grace", "Angel", "Dolores")
"""Given names that are put in the place of others; some are words, too."""

SURNAMES = ("Lawless", "Berger", "Okafor", "Savage", "Klein", "Moreau", "Fischer", "Costa")
NO_NAMES = {"Supplier", "Monsieur", "Dra", "Sra", "Madame", "Signora", "Cliente"}
"""What is greeted and is nobody's name."""

GREETED = re.compile(
    r"^(?:Hi|Hello|Hey|Dear|Hallo|Lieber?|Hola|Estimad[oa]|Querid[oa]|Bonjour|Chère?|Ciao|Buongiorno|Car[oa]|Olá|Oi"
    r"|Bom dia|Buenas|Buenos días|Beste|Dag|Moin|Servus|Guten Tag|Sehr geehrter?)"
    r"[, ] ?(?:Herr |Frau |Sra?\. |don |doña |M\. |Mme |Mr\.? |Mrs\.? |Ms\.? )?([A-ZÀ-Ý][a-zà-ÿ]{2,})[ ]*[,:!.]",
    re.MULTILINE,
)
SIGNED = re.compile(r"\n([A-ZÀ-Ý][a-zà-ÿ]{2,}) ([A-ZÀ-Ý][a-zà-ÿ]{2,})\Z")


@cache
def greeting() -> tuple[tuple[Any, str], ...]:
    """The mails that greet somebody by a given name, with that name."""
    found = ((mail, GREETED.search(mail.body)) for mail in material().mails("holdout"))
    return tuple((mail, name[1]) for mail, name in found if name and name[1] not in NO_NAMES)


def score(subject: str, body: str) -> float | None:
    """The score of a mail; None when it cannot be judged."""
    return judged(read_mail(mail_bytes(subject, body))).score


def level(value: float | None) -> Level:
    """The level of a score."""
    if value is None:
        return Level.UNKNOWN
    thresholds = ((POLICY.hostile, Level.HOSTILE), (POLICY.heated, Level.HEATED), (POLICY.tense, Level.TENSE))
    return next((found for least, found in thresholds if value >= least), Level.CALM)


def swapped(mail: Any, name: str) -> Iterator[float | None]:
    """The scores of a mail with another name wherever that name stands."""
    for turn in (0, 3):
        other = OTHERS[(mail.number + turn) % len(OTHERS)]
        word = re.compile(rf"\b{name}\b")
        yield score(word.sub(other, mail.subject), word.sub(other, mail.body))


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_name_of_whom_a_mail_greets_moves_no_score_wherever_the_name_stands(language: str) -> None:
    tried = [(mail, name) for mail, name in greeting() if mail.language == language]
    assert len(tried) >= 10
    for mail, name in tried[:: 1 if len(tried) < 40 else 3]:
        before = score(mail.subject, mail.body)
        assert all(after == before for after in swapped(mail, name)), (name, mail.body)


@pytest.mark.sweep
def test_another_name_in_any_of_the_mails_that_greet_by_name_moves_no_level() -> None:
    moved = [
        (name, mail.body)
        for mail, name in greeting()
        for after in swapped(mail, name)
        if level(after) is not level(score(mail.subject, mail.body))
    ]
    assert not moved


def signing() -> list[Any]:
    """The mails that end with a given name and a surname."""
    return [mail for mail in material().mails("holdout") if SIGNED.search(mail.body)]


def test_another_writer_below_a_mail_moves_no_level() -> None:
    mails = signing()
    assert len(mails) >= 30
    for mail in mails:
        who = f"{OTHERS[mail.number % len(OTHERS)]} {SURNAMES[mail.number % len(SURNAMES)]}"
        after = score(mail.subject, SIGNED.sub(f"\n{who}", mail.body))
        assert level(after) is level(score(mail.subject, mail.body)), (who, mail.body)
