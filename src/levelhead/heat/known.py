"""Which words are known: a Bloom filter (Bloom 1970) of the words of the seven languages.

It tells a short text in one of them, whose language its small words do not give away, from one in a language that
nobody taught the detector. About one unknown word in twenty-five is taken for a known one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from zlib import adler32, crc32

from levelhead.heat.text import TOKEN, fold, masked, shown

SIZE = 1 << 16
"""Bytes of the filter."""

PROBES = 3

NO_WORDS = re.compile(r"[#@]\w+|<\w+>")
DRAWN_OUT = re.compile(r"([^\W\d_])\1{3,}")


def filter_of(words: Iterable[str]) -> bytes:
    """A filter of these (folded) words."""
    bits = bytearray(SIZE)
    for word in words:
        for place in _places(word, SIZE):
            bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


def is_known(word: str, bits: bytes) -> bool:
    """Whether the filter holds the (folded) word; sometimes also when it does not."""
    return all(bits[place >> 3] >> (place & 7) & 1 for place in _places(word, len(bits)))


def coverage(text: str, bits: bytes) -> float:
    """The share of the letters of a text's distinct words, three letters and longer, that stand in known words, 0..1.

    Tags and names in posts are no words, and a letter that is drawn out stands once. A text without words counts as
    known, but not one that is nothing else than letters drawn out.
    """
    drawn = DRAWN_OUT.sub(r"\1", NO_WORDS.sub(" ", fold(masked(shown(text)))))
    words = {word for word in TOKEN.findall(drawn) if len(word) >= 3 and word[0].isalpha()}
    letters = sum(map(len, words))
    if not letters:
        return 0.0 if DRAWN_OUT.search(text) else 1.0
    return sum(len(word) for word in words if is_known(word, bits)) / letters


def _places(word: str, size: int) -> tuple[int, ...]:
    data = word.encode("utf-8", "surrogatepass")
    first, step = crc32(data), (adler32(data) * 2654435761 >> 7) | 1
    return tuple((first + turn * step) % (size * 8) for turn in range(PROBES))
