"""Ten years of somebody's mail, made up from a seed: the same seed makes the same bytes on every machine.

Kinds and sizes are those of a small studio's mailbox: mostly short text, much of it as HTML too, newsletters, and now
and then an attachment that is larger than all the rest. Their mean is 27 KB. The words are those of the invented mails
that the heat detector learns from, shuffled by the sentence, so that what indexes and judges has real work; one mail in
twenty is an angry one.
"""

from __future__ import annotations

import base64
import html
import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path

ME = "me@studio.example"
CLIENTS = tuple(
    f"{name}@{firm}.example"
    for firm in ("acme", "brook", "corto", "delmar", "ebbe", "fjord", "gallus", "hafen", "isola", "juno")
    for name in ("anna", "ben", "carla")
)
OTHERS = tuple(f"news@letter{number}.example" for number in range(40))
FIRST = datetime(2015, 3, 2, 8, 0, tzinfo=UTC)
_MAIL = Path(__file__).parent.parent / "training" / "mail"
_LINE = 76


@cache
def _sentences(heated: bool) -> tuple[str, ...]:
    """Every sentence of the mails that are learnt from, calm ones or the others, in a fixed order."""
    found: dict[str, None] = {}
    wanted = False
    for path in sorted(_MAIL.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("@ "):
                wanted = (line.split()[-1] in "123") is heated
            if not wanted or line[:2] in ("@ ", "S:", "! ") or line.startswith("#"):
                continue
            found |= dict.fromkeys(part for part in re.split(r"(?<=[.!?])\s+", line.strip()) if len(part) > 8)
    return tuple(found)


def sentences() -> tuple[str, ...]:
    """The calm sentences that messages are made of, in a fixed order."""
    return _sentences(False)


def mails(count: int, seed: int = 1, first: int = 0) -> Iterator[bytes]:
    """So many messages with CRLF line ends, beginning with number `first` of that seed; each can be made alone."""
    for number in range(first, first + count):
        yield mail(number, seed)


def mail(number: int, seed: int = 1) -> bytes:
    """The message of that number."""
    chance = random.Random(f"{seed}/{number}")
    kind = chance.choices(("text", "both", "newsletter", "attachment"), weights=(44, 34, 14, 8))[0]
    stranger = chance.choice(OTHERS) if kind == "newsletter" else chance.choice(CLIENTS)
    mine = kind != "newsletter" and chance.random() < 0.35
    sender, to = (ME, stranger) if mine else (stranger, ME)
    # A conversation is some five messages long; who answers names the one before.
    before = number - chance.randrange(1, 40)
    answers = kind != "newsletter" and chance.random() < 0.7 and before >= 0
    subject = _words(chance, 60).title() if not answers else f"Re: {_words(chance, 50)}"
    head = [
        f"Return-Path: <{sender}>",
        f"Received: from mx{number % 7}.relay.example (mx.relay.example [192.0.2.{number % 250}])",
        f"\tby mail.studio.example (Postfix) with ESMTPS id {chance.getrandbits(40):010X}",
        f"\tfor <{to}>; {format_datetime(_date(number))}",
        f"From: {sender.split('@')[0].title()} <{sender}>",
        f"To: {to}",
        f"Subject: {_encoded(subject)}",
        f"Date: {format_datetime(_date(number))}",
        f"Message-ID: <{number}.{seed}@bench.example>",
        "MIME-Version: 1.0",
    ]
    if answers:
        head += [
            f"In-Reply-To: <{before}.{seed}@bench.example>",
            f"References: <{before}.{seed}@bench.example>",
        ]
    if kind == "newsletter":
        head += ["List-Unsubscribe: <mailto:leave@letter.example>", "Precedence: bulk"]
    return "\r\n".join(
        (*head, *_body(kind, chance, _sentences(kind != "newsletter" and chance.random() < 0.05)))
    ).encode()


def short(number: int, seed: int = 1) -> bytes:
    """A message of half a kilobyte, for mailboxes that are to be large in number alone."""
    chance = random.Random(f"short/{seed}/{number}")
    stranger = chance.choice(CLIENTS)
    lines = [
        f"From: {stranger.split('@')[0].title()} <{stranger}>",
        f"To: {ME}",
        f"Subject: {_encoded(_words(chance, 50))}",
        f"Date: {format_datetime(_date(number))}",
        f"Message-ID: <short{number}.{seed}@bench.example>",
        "MIME-Version: 1.0",
        *_part_head("text/plain"),
        "",
        chance.choice(_sentences(chance.random() < 0.05)),
        chance.choice(_sentences(False)),
        "",
    ]
    return "\r\n".join(lines).encode()


def _date(number: int) -> datetime:
    return FIRST + timedelta(minutes=26 * number, seconds=number % 53)


def _words(chance: random.Random, most: int) -> str:
    text = chance.choice(_sentences(False))
    return text[:most].rsplit(" ", 1)[0] if len(text) > most else text


def _encoded(text: str) -> str:
    if text.isascii():
        return text
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


def _body(kind: str, chance: random.Random, pool: Sequence[str]) -> list[str]:
    if kind == "text":
        return [*_part_head("text/plain"), "", *_text(chance, pool, chance.choice((2, 3, 5, 8, 14)))]
    if kind == "newsletter":
        return [
            *_part_head("text/html"),
            "",
            *_html(chance, chance.choices(pool, k=chance.randrange(20, 90))),
        ]
    border = f"b{chance.getrandbits(64):016x}"
    sub = "alternative" if kind == "both" else "mixed"
    lines = [f'Content-Type: multipart/{sub}; boundary="{border}"', "", f"--{border}"]
    text = _text(chance, pool, chance.choice((3, 6, 12)))
    lines += [*_part_head("text/plain"), "", *text, f"--{border}"]
    if kind == "both":
        # The same words twice, as mail programs write them.
        lines += [*_part_head("text/html"), "", *_html(chance, [line for line in text if line])]
    else:
        size = int(chance.lognormvariate(11.75, 0.9))
        lines += [
            'Content-Type: application/pdf; name="plan.pdf"',
            "Content-Transfer-Encoding: base64",
            'Content-Disposition: attachment; filename="plan.pdf"',
            "",
            *_base64(chance, min(size, 6_000_000)),
        ]
    return [*lines, f"--{border}--", ""]


def _part_head(kind: str) -> list[str]:
    return [f"Content-Type: {kind}; charset=utf-8", "Content-Transfer-Encoding: 8bit"]


def _text(chance: random.Random, pool: Sequence[str], sentences: int) -> list[str]:
    lines = ["Hello,", ""]
    for number in range(sentences):
        lines.append(chance.choice(pool))
        if number % 4 == 3:
            lines.append("")
    lines += ["", "Kind regards", ""]
    if chance.random() < 0.5:
        lines += ["On Monday somebody wrote:", *(f"> {chance.choice(pool)}" for _ in range(sentences))]
    return [*lines, ""]


_STYLE = (
    "font-family:Helvetica,Arial,sans-serif;font-size:14px;line-height:1.5;color:#333333;margin:0 0 12px 0"
)


def _html(chance: random.Random, sentences: Sequence[str]) -> list[str]:
    lines = ["<html><head><style>p { margin: 0 }</style></head><body>", '<table width="100%"><tr><td>']
    for number, sentence in enumerate(sentences):
        lines += [
            f'<table role="presentation" cellpadding="0" cellspacing="0" style="{_STYLE}"><tr><td style="{_STYLE}">',
            f'<p style="{_STYLE}">{html.escape(sentence, quote=False)}</p></td></tr></table>',
        ]
        if number % 9 == 8:
            lines.append(
                f'<a href="https://letter.example/{chance.getrandbits(48):x}"><b>More</b></a></td></tr><tr><td>'
            )
    return [*lines, "</td></tr></table></body></html>", ""]


def _base64(chance: random.Random, size: int) -> list[str]:
    text = base64.b64encode(chance.randbytes(size)).decode()
    return [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
