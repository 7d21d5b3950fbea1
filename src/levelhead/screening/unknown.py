"""Which messages cannot be judged, and why: no text, encrypted, or a language that no detector knows. Pure."""

from __future__ import annotations

import unicodedata

from levelhead.heat.known import coverage
from levelhead.heat.language import LANGUAGES, foreign, latin
from levelhead.heat.text import masked
from levelhead.heat.weights import weights
from levelhead.model import Message

TELLING = 40
"""Letters; a text with fewer is too short for its language to be told, and is judged with every list."""

LOOKED_AT = 20_000
"""Characters of a message from which script and length are told."""

KNOWN = 0.35
"""The share of a text that must be words of the seven languages when nothing else tells which it is in."""

KNOWN_ALL_THE_SAME = 0.7
"""That share when its small words rather look like another language's: neighbours share many words."""


LOGS = 0.4
"""The share of a text in logs, paths and addresses from which its language does not matter: nobody is speaking."""


def unknown_reason(message: Message) -> str:
    """Why this message cannot be judged, or empty when it can. The reason is a few words, fit for a label.

    `encrypted`: its text is not to be read. `no text`: nothing was newly written but perhaps attachments.
    `unsupported language`: most of its letters are not Latin, or its small words are another language's, or it is long
    enough to tell and was not told, and most of its words are words of none of the seven.
    """
    if message.encrypted:
        return "encrypted"
    text = message.new_text[:LOOKED_AT]
    if not any(map(_shown, text)):
        return "no text"
    if not latin(text):
        return "unsupported language"
    if message.language in LANGUAGES or _mostly_logs(text):
        return ""
    other, short = foreign(text), sum(map(str.isalpha, text)) < TELLING
    if short and not other:
        return ""
    # A few words that look like another language say less than many.
    least = KNOWN_ALL_THE_SAME if other and not short else KNOWN
    return "" if coverage(text, weights().words) >= least else "unsupported language"


def _mostly_logs(text: str) -> bool:
    kept, whole = (len("".join(each.split())) for each in (masked(text), text))
    return kept <= (1 - LOGS) * whole


def _shown(character: str) -> bool:
    """Whether a character says anything: a letter, or a picture such as a thumb or an angry face."""
    return character.isalpha() or unicodedata.category(character) == "So"
