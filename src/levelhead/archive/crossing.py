"""How what was read of messages crosses from the reader's process: plain values that are made into `Parsed` again."""

from __future__ import annotations

from collections.abc import Sequence

from levelhead.model import Address, Attachment, Parsed
from levelhead.pipes import BadFrame
from levelhead.plain import from_json, many, moment, row, text, texts, to_json, truth, whole

OUT_OF_MEMORY = "out of memory"
"""The answer when there was not enough for it."""

LARGEST_ANSWER = 16_000_000
"""Bytes; a text and its new part have at most a million characters each, of four bytes each."""


def packed(answer: Sequence[Parsed] | str, about: Sequence[str]) -> bytes:
    """What the other process says of some messages, and of which; TypeError where a parser gave back something else."""
    return to_json((tuple(about), answer))


def read_parsed(data: bytes, about: Sequence[str]) -> tuple[Parsed, ...] | str:
    """What was read of the messages with these digests, or OUT_OF_MEMORY; BadFrame when it is neither.

    An answer names the messages that it is about, so that one that was meant for somebody else is never taken.
    """
    named, found = row(from_json(data), 2)
    if texts(named) != tuple(about):
        raise BadFrame("an answer about other messages")
    if found == OUT_OF_MEMORY:
        return OUT_OF_MEMORY
    return tuple(map(_parsed, row(found, len(about))))


def _parsed(value: object) -> Parsed:
    # fmt: off
    (
        sender, reply_to, to, cc, bcc, subject, date, message_id, in_reply_to, references, headers,
        body, new_text, whole_judged, language, attachments, automatic, encrypted, body_digest, defects, heard,
    ) = row(value, 21)
    # fmt: on
    return Parsed(
        sender=None if sender is None else _address(sender),
        reply_to=_addresses(reply_to),
        to=_addresses(to),
        cc=_addresses(cc),
        bcc=_addresses(bcc),
        subject=text(subject),
        date=None if date is None else moment(date),
        message_id=text(message_id),
        in_reply_to=texts(in_reply_to),
        references=texts(references),
        headers=tuple(map(_field, many(headers))),
        text=text(body),
        new_text=text(new_text),
        whole_judged=truth(whole_judged),
        language=text(language),
        attachments=tuple(map(_attachment, many(attachments))),
        automatic=text(automatic),
        encrypted=truth(encrypted),
        body_digest=text(body_digest),
        defects=texts(defects),
        heard=text(heard),
    )


def _addresses(value: object) -> tuple[Address, ...]:
    return tuple(map(_address, many(value)))


def _address(value: object) -> Address:
    address, name = row(value, 2)
    return Address(address=text(address), name=text(name))


def _field(value: object) -> tuple[str, str]:
    name, said = row(value, 2)
    return text(name), text(said)


def _attachment(value: object) -> Attachment:
    name, kind, size, digest = row(value, 4)
    return Attachment(name=text(name), type=text(kind), size=whole(size), digest=text(digest))
