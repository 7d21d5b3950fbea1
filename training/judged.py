"""Judges the composed mails as the product does: parsed from bytes, read by the built-in `tone`, weighed.

The client is known and nothing is remembered of them, so that a verdict rests on the mail alone: no thread, no
habit, and no sparing of a first contact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from levelhead.archive.parse import parse
from levelhead.heat.newtext import new_text_of
from levelhead.model import Client, Direction, Message, Noted, Screening, Thread, Verdict
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import weigh
from levelhead.raw import raw
from levelhead.screening.builtin import tone
from levelhead.screening.unknown import unknown_reason
from training.composed import Composed, as_bytes
from training.metrics import Flags, Floats

POLICY = HeatPolicy()
ALARM, TENSE = POLICY.heated, POLICY.tense
"""The scores from which a mail is heated and from which it is tense."""

WHO = Client(name="Customer", addresses=("client@customer.example",), listed=True)
ARRIVED = datetime(2026, 3, 3, 10, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Judged:
    """One mail and what was said of it."""

    mail: Composed
    message: Message
    verdict: Verdict
    prepared: bool
    """Whether all of the newest text was found and nothing else but, perhaps, a part of its signature."""

    @property
    def heated(self) -> bool:
        """Whether its author meant it to be heated."""
        return self.mail.mail.heated

    @property
    def score(self) -> float:
        """0..1; 0 when it cannot be judged, because then nothing is alarmed."""
        return self.verdict.score or 0.0

    @property
    def whole(self) -> str:
        """Subject and whole text, as a tool without preparation gets it."""
        return f"{self.message.subject}\n\n{self.message.text}"

    @property
    def newest(self) -> str:
        """Subject and newest text as they were written, as a tool behind perfect preparation gets it."""
        return self.mail.mail.text


def judged(mails: Iterable[Composed]) -> list[Judged]:
    """Every mail with its verdict."""
    return [_judged(mail) for mail in mails]


def _judged(mail: Composed) -> Judged:
    message = as_message(mail.raw)
    wanted, got = _bare(new_text_of(mail.mail.body).text), _bare(message.new_text)
    prepared = got.startswith(wanted) and _bare(mail.ending).startswith(got[len(wanted) :].strip())
    return Judged(mail, message, _verdict(message), prepared)


def scored(subject: str, body: str) -> float:
    """The score of a mail with this subject and body, judged as every mail here; 0 when it cannot be judged."""
    message = as_message(as_bytes(subject, body))
    return _verdict(message).score or 0.0


def _verdict(message: Message) -> Verdict:
    found = tuple(
        Noted(plugin="tone", finding=finding)
        for finding in tone.detect(message, Thread(key="", client=WHO.name), WHO)
    )
    return weigh(Screening(message_id=message.id, noted=found, unknown=unknown_reason(message)), WHO, POLICY)


def _bare(text: str) -> str:
    return " ".join(text.split())


def as_message(data: bytes) -> Message:
    """The message that these bytes are, from the client."""
    known = parse(raw(data))
    return Message(
        id=raw(data).digest,
        seq=1,
        client=WHO.name,
        direction=Direction.IN,
        sender=known.sender,
        to=known.to,
        subject=known.subject,
        date=known.date,
        received_at=ARRIVED,
        text=known.text,
        new_text=known.new_text,
        language=known.language,
        headers=known.headers,
        automatic=known.automatic,
        encrypted=known.encrypted,
        size=len(data),
        defects=known.defects,
    )


@dataclass(frozen=True, slots=True)
class Columns:
    """Judged mails as columns."""

    rows: tuple[Judged, ...]
    hot: Flags
    score: Floats
    group: NDArray[np.int64]
    """Which mail of the hold-out a row was made of; rows of one are drawn together."""

    def only(self, mask: Sequence[bool] | Flags) -> Columns:
        """The rows where `mask` holds."""
        keep = np.asarray(mask, bool)
        rows = tuple(row for row, kept in zip(self.rows, keep, strict=True) if kept)
        return Columns(rows, self.hot[keep], self.score[keep], self.group[keep])


def columns(rows: Sequence[Judged]) -> Columns:
    """The columns of these rows."""
    numbers: dict[tuple[str, int], int] = {}
    group = [numbers.setdefault((row.mail.mail.author, row.mail.mail.number), len(numbers)) for row in rows]
    return Columns(
        tuple(rows),
        np.array([row.heated for row in rows], bool),
        np.array([row.score for row in rows], float),
        np.array(group, np.int64),
    )
