"""The snippet: the words around what was searched for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

WIDTH = 160
"""Characters, at most."""

BEFORE = 40
"""Characters that may stand before the first word that was found."""

_WORD = re.compile(r"\w+")


def snippet(query: str, texts: Iterable[str]) -> str:
    """The first place in these texts where a word of the query stands, on one line; else how the first text begins."""
    words = {_folded(word) for word in _WORD.findall(query)}
    lines = [" ".join(text.split()) for text in texts]
    for line in lines:
        for found in _WORD.finditer(line):
            if any(_folded(found.group()).startswith(word) for word in words):
                return _cut(line, found.start())
    return _cut(next(filter(None, lines), ""), 0)


def _folded(word: str) -> str:
    """Without case and accents, as the index compares words."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def _cut(line: str, at: int) -> str:
    start = max(0, at - BEFORE)
    if start:
        # Begin with a whole word where there is one nearby.
        start = line.find(" ", start, at) + 1 or start
    end = min(len(line), start + WIDTH)
    return ("…" if start else "") + line[start:end].strip() + ("…" if end < len(line) else "")
