"""Which messages cannot be judged, and why: no text, encrypted, or a language that no detector knows. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from levelhead.model import Message

LANGUAGES = frozenset({"en", "de", "es", "fr", "pt", "it", "nl"})
"""The languages (ISO 639-1) that the built-in detector judges."""

TELLING = 40
"""Letters; a text with fewer is too short for its language to be told, and is judged with every list."""

LOOKED_AT = 20_000
"""Characters of a message from which script and length are told."""

_WORD = re.compile(r"[^\W\d_]")


def unknown_reason(message: Message) -> str:
    """Why this message cannot be judged, or empty when it can. The reason is a few words, fit for a label.

    `encrypted`: its text is not to be read. `no text`: nothing was newly written but perhaps attachments.
    `unsupported language`: it is told to be in another language than the seven, or it is long enough to tell and
    was not told, or most of its letters are not Latin.
    """
    if message.encrypted:
        return "encrypted"
    letters = _WORD.findall(message.new_text[:LOOKED_AT])
    if not letters:
        return "no text"
    if _latin(letters) * 2 < len(letters):
        return "unsupported language"
    if message.language in LANGUAGES or (not message.language and len(letters) < TELLING):
        return ""
    return "unsupported language"


def _latin(letters: Iterable[str]) -> int:
    return sum(1 for letter in letters if letter.isascii() or "LATIN" in unicodedata.name(letter, ""))
