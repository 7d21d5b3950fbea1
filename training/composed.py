"""Composes the mails of the hold-out as they arrive: with signatures, small print and quoted earlier messages.

Every mail of the hold-out comes once, in a style that is drawn with a seed. Two more groups are made of the same texts:
`quoted-anger`, a calm answer with an angry mail quoted in it, and `angry-over-calm`, a heated mail with a long calm
conversation quoted in it. No header says what a mail is, so that words alone must tell a newsletter from a quarrel.
A group of its own, `legal-footer`, is calm mail with a legal notice in capitals below it.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from html import escape
from typing import Any

from training.material import HERE, Mail

SEED = 11
QUOTED_ANGER, ANGRY_OVER_CALM, LEGAL_FOOTER = "quoted-anger", "angry-over-calm", "legal-footer"
EACH = 208
"""Mails of each of the groups that are made."""

PEOPLE = ("blunt", "urgent-polite", "disappointed", "friendly-swearing")
"""Calm categories that a person wrote, so that somebody may have answered them."""

ANSWERS = ("blunt", "urgent-polite")
"""Calm categories that fit below an angry mail of the same thread."""

MACHINES = ("invoice", "newsletter")
"""Categories that nobody signs; they may end in small print."""

US = ("Robin Vale", "robin@vale-studio.example")
CLIENT = ("A. Client", "client@customer.example")


@dataclass(frozen=True, slots=True)
class Composed:
    """One mail as it arrives."""

    mail: Mail
    """Whose text is its newest."""
    subject: str
    category: str
    """The mail's own, or that of a group that was made."""
    style: str
    """How the earlier message is quoted; `alone` when there is none."""
    ending: str
    """The signature below it, its newest text's last part."""
    raw: bytes


def composed(kept: Sequence[Mail]) -> list[Composed]:
    """The mails as they arrive, the same on every run: each once, then the two groups that are made."""
    draw = random.Random(SEED)
    by_language: dict[str, tuple[list[Mail], list[Mail]]] = {}
    for mail in kept:
        quiet, angry = by_language.setdefault(mail.language, ([], []))
        if mail.heated:
            angry.append(mail)
        elif mail.heat == 0 and mail.category in PEOPLE:
            quiet.append(mail)
    found = [_arrived(mail, by_language[mail.language][0], draw) for mail in kept]
    answers = [mail for mail in kept if mail.heat == 0 and mail.category in ANSWERS]
    for mail in _some(answers, draw):
        earlier = draw.choice(by_language[mail.language][1])
        found.append(_over(mail, [earlier], QUOTED_ANGER, f"Re: {earlier.subject}".strip(), draw))
    for mail in _some([mail for mail in kept if mail.heated], draw):
        talk = draw.sample(by_language[mail.language][0], 3)
        found.append(_over(mail, talk, ANGRY_OVER_CALM, mail.subject, draw))
    return found


ANNOUNCED = {
    "newsletter": ("List-Unsubscribe", "<https://news.customer.example/leave>"),
    "out-of-office": ("Auto-Submitted", "auto-replied"),
    "invoice": ("Auto-Submitted", "auto-generated"),
}
"""The header with which the programs that send such mail announce it (RFC 2369, RFC 3834)."""


def announced(kept: Sequence[Mail]) -> list[Composed]:
    """The mails that programs send, with the header that says so; most programs, not all, set it."""
    found = []
    for mail in kept:
        if mail.category in ANNOUNCED:
            name, value = ANNOUNCED[mail.category]
            data = f"{name}: {value}\r\n".encode() + as_bytes(mail.subject, mail.body)
            found.append(Composed(mail, mail.subject, mail.category, "announced", "", data))
    return found


def footed(kept: Sequence[Mail]) -> list[Composed]:
    """Calm mails of people with a legal notice in capitals at their end, without any mark above it."""
    draw = random.Random(SEED)
    found = []
    for mail in _some([mail for mail in kept if mail.heat == 0 and mail.category in ANSWERS], draw):
        footer = f"\n\n{draw.choice(ENVELOPES[mail.language]['footers'])}"
        data = as_bytes(mail.subject, mail.body + footer)
        found.append(Composed(mail, mail.subject, LEGAL_FOOTER, "alone", footer, data))
    return found


def _some(mails: list[Mail], draw: random.Random) -> list[Mail]:
    return draw.sample(mails, min(EACH, len(mails)))


def _arrived(mail: Mail, others: Sequence[Mail], draw: random.Random) -> Composed:
    """A person's mail answers an earlier one in half the cases, a machine's never."""
    if (mail.heated or mail.category in PEOPLE) and draw.random() < 0.5:
        earlier = draw.choice([other for other in others if other is not mail])
        return _over(mail, [earlier], mail.category, mail.subject, draw)
    ending = _ending(mail, draw)
    return Composed(
        mail, mail.subject, mail.category, "alone", ending, as_bytes(mail.subject, mail.body + ending)
    )


def _over(mail: Mail, earlier: Sequence[Mail], category: str, subject: str, draw: random.Random) -> Composed:
    """A mail with earlier messages quoted in it, the newest first, the older ones quoted in the newer."""
    words = ENVELOPES[mail.language]
    style = draw.choice(sorted(STYLES))
    ending = _ending(mail, draw)
    talk = ""
    for one in reversed(earlier[1:]):
        talk = f"{one.body}\n\n{_wrote(words, draw)}\n{_marked(talk)}" if talk else one.body
    quoted = earlier[0].body
    if talk:
        quoted = f"{quoted}\n\n{_wrote(words, draw)}\n{_marked(talk)}"
    data = STYLES[style](subject, mail.body, ending, quoted, words, draw)
    return Composed(mail, subject, category, style, ending, data)


def _ending(mail: Mail, draw: random.Random) -> str:
    """What stands below four texts in ten: a signature with or without its dashes, a telephone's line, small print."""
    words = ENVELOPES[mail.language]
    kind = draw.choice(("dashes", "bare", "telephone", "print"))
    if draw.random() >= 0.4:
        return ""
    if mail.category in MACHINES:
        return f"\n\n{words['print']}"
    if kind == "telephone":
        return f"\n\n{draw.choice(words['telephone'])}"
    signature = draw.choice(words["signatures"])
    if kind == "dashes":
        return f"\n\n-- \n{signature}"
    return f"\n\n{signature}" + (f"\n\n{words['print']}" if kind == "print" else "")


def _wrote(words: dict[str, Any], draw: random.Random) -> str:
    return str(draw.choice(words["wrote"])).format(name=US[0], mail=US[1])


def _marked(text: str) -> str:
    return "\n".join(
        f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in text.split("\n")
    )


def _block(words: dict[str, Any], subject: str) -> str:
    """The fields that a program writes above an earlier message."""
    values = (f"{US[0]} <{US[1]}>", words["sent"], f"{CLIENT[0]} <{CLIENT[1]}>", subject)
    return "\n".join(f"{name}: {value}" for name, value in zip(words["fields"], values, strict=True))


Style = Callable[[str, str, str, str, dict[str, Any], random.Random], bytes]


def _above(
    subject: str, body: str, ending: str, quoted: str, words: dict[str, Any], draw: random.Random
) -> bytes:
    return as_bytes(subject, f"{body}{ending}\n\n{_wrote(words, draw)}\n\n{_marked(quoted)}")


def _below(
    subject: str, body: str, ending: str, quoted: str, words: dict[str, Any], draw: random.Random
) -> bytes:
    return as_bytes(subject, f"{_wrote(words, draw)}\n{_marked(quoted)}\n\n{body}{ending}")


def _between(
    subject: str, body: str, ending: str, quoted: str, words: dict[str, Any], draw: random.Random
) -> bytes:
    """The answer's first paragraph stands in the middle of what it answers, the rest below."""
    first, _, rest = body.partition("\n\n")
    lines = quoted.split("\n")
    top, bottom = "\n".join(lines[: len(lines) // 2 + 1]), "\n".join(lines[len(lines) // 2 + 1 :])
    text = f"{_wrote(words, draw)}\n{_marked(top)}\n\n{first}\n"
    text += f"\n{_marked(bottom)}\n" if bottom.strip() else ""
    return as_bytes(subject, f"{text}\n{rest}".rstrip() + ending)


def _fields(
    subject: str, body: str, ending: str, quoted: str, words: dict[str, Any], draw: random.Random
) -> bytes:
    return as_bytes(subject, f"{body}{ending}\n\n{_block(words, subject)}\n\n{quoted}")


def _original(
    subject: str, body: str, ending: str, quoted: str, words: dict[str, Any], draw: random.Random
) -> bytes:
    return as_bytes(subject, f"{body}{ending}\n\n{words['original']}\n{_block(words, subject)}\n\n{quoted}")


def _html(
    subject: str, body: str, ending: str, quoted: str, words: dict[str, Any], draw: random.Random
) -> bytes:
    """HTML alone, the earlier message in a blockquote."""
    new, old, wrote = (
        escape(text).replace("\n", "<br>\n") for text in (body + ending, quoted, _wrote(words, draw))
    )
    quote = f'<div class="gmail_quote"><div>{wrote}</div><blockquote>{old}</blockquote></div>'
    return as_bytes(subject, f"<html><body><div>{new}</div><br>{quote}</body></html>", subtype="html")


STYLES: dict[str, Style] = {
    "above the quote": _above,
    "below the quote": _below,
    "between the quotes": _between,
    "block of fields": _fields,
    "original message": _original,
    "HTML": _html,
}
"""Where the new text stands, or how the earlier one is marked."""


def as_bytes(subject: str, text: str, subtype: str = "plain") -> bytes:
    """The mail with this subject and text, as it goes over the wire."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = f"{CLIENT[0]} <{CLIENT[1]}>"
    message["To"] = f"{US[0]} <{US[1]}>"
    message["Subject"] = subject
    message["Date"] = "Tue, 03 Mar 2026 10:02:00 +0000"
    message.set_content(text + "\n", subtype=subtype, cte="base64")
    return message.as_bytes()


ENVELOPES: dict[str, dict[str, Any]] = tomllib.loads((HERE / "envelopes.toml").read_text(encoding="utf-8"))
