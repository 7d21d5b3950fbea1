"""The snippet: the words around what was searched for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

WIDTH = 160
"""Characters, at most."""

BEFORE = 40
"""Characters that may stand before the first word that was found."""

_WORD = re.compile(r"\w+")


def snippet(query: str, opening: str, whole: Callable[[], str] = lambda: "") -> str:
    """The first place where a word of the query stands, on one line; else how the text begins.

    `whole` gives all of the text, empty when there is no more than its `opening`; it is asked only when that does not
    hold a word.
    """
    words = tuple(_folded(word) for word in _WORD.findall(query))
    line = ""
    for text in (opening, whole):
        line = " ".join((text if isinstance(text, str) else text()).split()) or line
        for found in _WORD.finditer(line):
            if _folded(found.group()).startswith(words):
                return _cut(line, found.start())
    return _cut(line, 0)


def _folded(word: str) -> str:
    """Without case and accents, as the index compares words."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def _cut(line: str, at: int) -> str:
    start = max(0, at - BEFORE)
    if start:
        # Begin with a whole word where there is one nearby.
        start = line.find(" ", start, at) + 1 or start
    end = min(len(line), start + WIDTH)
    return ("…" if start else "") + line[start:end].strip() + ("…" if end < len(line) else "")
