"""Mail written by hand by authors the detector never learnt from, judged as the product judges it."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from email.message import EmailMessage
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from levelhead.archive.parse import parse
from levelhead.heat.aside import aside
from levelhead.heat.language import language_of
from levelhead.model import Client, Message, Noted, Screening, Thread, Verdict
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import weigh
from levelhead.raw import raw
from levelhead.screening.builtin import tone
from levelhead.screening.unknown import unknown_reason
from levelhead.testing import make_client, make_message, make_thread

ROOT = Path(__file__).parents[1]
ATTRIBUTION = "On Tue, 4 Jun 2024 at 09:12 Ann Smith <ann@acme.example> wrote:"
LANGUAGES = ("en", "de", "es", "fr", "it", "pt", "nl")


@cache
def material() -> Any:
    """The module that reads the training material; it lies beside `src`, so that it is not installed."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    return import_module("training.material")


@cache
def holdout(count: int, seed: int) -> tuple[Any, ...]:
    """At most that many mails of the hold-out (`Mail`: language, category, heated, body), half of them heated."""
    dice = random.Random(seed)
    hot, calm = [], []
    for mail in material().mails("holdout"):
        (hot if mail.heated else calm).append(mail)
    return tuple(dice.sample(hot, min(len(hot), count // 2)) + dice.sample(calm, min(len(calm), count // 2)))


def mail_bytes(subject: str, body: str, html: str = "") -> bytes:
    """A mail as it arrives: plain text, or HTML alone when there is some."""
    mail = EmailMessage()
    mail["From"] = "Bob Builder <bob@acme.example>"
    mail["To"] = "me@studio.example"
    mail["Subject"] = " ".join(subject.split())
    mail["Message-ID"] = "<1@acme.example>"
    if html:
        mail.set_content(html, subtype="html")
    else:
        mail.set_content(body)
    return mail.as_bytes()


def read_mail(data: bytes) -> Message:
    """The message that the archive makes of these bytes."""
    parsed = parse(raw(data))
    return make_message(
        parsed.new_text,
        whole_judged=parsed.whole_judged,
        subject=parsed.subject,
        language=parsed.language,
        automatic=parsed.automatic,
        defects=parsed.defects,
    )


def judged(message: Message, thread: Thread | None = None, client: Client | None = None) -> Verdict:
    """The verdict on a message when only `tone` speaks, weighed as the daemon weighs."""
    client = client or make_client()
    findings = tone.detect(message, thread or make_thread(), client)
    screening = Screening(
        message_id=message.id,
        noted=tuple(Noted(plugin="tone", finding=finding) for finding in findings),
        unknown=unknown_reason(message),
    )
    return weigh(screening, client, HeatPolicy())


def score(subject: str, body: str, html: str = "") -> float:
    """The score (0..1) of a mail from its bytes to its verdict; an AssertionError when it cannot be judged."""
    verdict = judged(read_mail(mail_bytes(subject, body, html)))
    assert verdict.score is not None, (verdict.labels, subject, body)
    return verdict.score


def score_text(text: str, language: str = "") -> float:
    """The score of newly written text without a subject."""
    verdict = judged(make_message(text, subject="", language=language or language_of(aside(text).text)))
    assert verdict.score is not None, (verdict.labels, text)
    return verdict.score


def labels(findings: Iterable[Any]) -> dict[str, float]:
    """What each label adds, in strength."""
    sums: dict[str, float] = {}
    for finding in findings:
        sums[finding.label] = sums.get(finding.label, 0.0) + finding.strength
    return sums
