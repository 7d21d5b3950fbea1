"""Whether mail is read as it was when the number of this reading was given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from bench import corpus
from levelhead.archive.parse import parse
from levelhead.model import READING, Parsed
from levelhead.raw import Raw, raw

KNOWN = (1, "dbe1d2dce3faadb1")
"""The number of a reading, and what it makes of these messages."""

FOOTERS = {
    "en": "THIS E-MAIL IS CONFIDENTIAL AND MAY BE PRIVILEGED. IF YOU ARE NOT THE RECIPIENT, DELETE IT.",
    "de": "DIESE E-MAIL IST VERTRAULICH. WENN SIE NICHT DER EMPFÄNGER SIND, LÖSCHEN SIE SIE BITTE.",
}


def answers() -> Iterator[Raw]:
    """Short mails with what is set aside: a quote, a signature, a footer, a forwarded mail."""
    for number, (language, footer) in enumerate(FOOTERS.items()):
        for tail in (
            "-- \nAnna\nAcme",
            "Best regards\nAnna",
            "On Mon, 1 Jun 2026 at 10:00, Me <me@studio.example> wrote:\n> The invoice\n> is attached.",
            "-----Original Message-----\nFrom: Me\nSent: Monday\nTo: Anna\nSubject: Invoice\n\nIt is attached.",
            footer,
        ):
            yield raw(
                "\r\n".join(
                    (
                        "From: Anna <anna@acme.example>",
                        "To: me@studio.example",
                        f"Subject: Re: invoice {number}",
                        f"Message-ID: <{number}.{language}@acme.example>",
                        "In-Reply-To: <0@studio.example>",
                        "Content-Type: text/plain; charset=utf-8",
                        "",
                        "I have waited for three weeks now, and nobody answers. Where is my order?",
                        "",
                        *tail.split("\n"),
                        "",
                    )
                ).encode()
            )


def said(parsed: Parsed) -> object:
    """What an index keeps of a reading."""
    return (
        str(parsed.sender),
        parsed.subject,
        str(parsed.date),
        parsed.message_id,
        parsed.in_reply_to,
        parsed.references,
        parsed.text,
        parsed.new_text,
        parsed.language,
        parsed.automatic,
        parsed.body_digest,
        parsed.defects,
    )


def test_a_program_that_reads_mail_differently_says_so_by_another_number() -> None:
    """When this fails, what is read has changed (or these messages have): give `model.READING` the next number if an
    archive of yesterday would be read differently, and note the new digest here."""
    digest = hashlib.sha256()
    for message in (*answers(), *(raw(mail) for mail in corpus.mails(300, seed=7))):
        digest.update(json.dumps(said(parse(message))).encode())
    assert (READING, digest.hexdigest()[:16]) == KNOWN
