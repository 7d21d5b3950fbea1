"""The hashed n-grams: what single words, parts of words and pairs of words say, each a weight in one table.

A text's logit is the sum of the weights of its features divided by the square root of their number. Features are
hashed with CRC-32 into the table ("hashing trick", Weinberger et al. 2009); the parts of a word (Bojanowski et al.
2017) let an unseen form of a known word speak. As the sum is over words, what every word contributed is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import add
from typing import TypeVar
from zlib import crc32

from levelhead.heat.text import normal

PART = 5
"""Letters of a part of a word: shorter ones were measured to blur, longer ones to tell less."""

LONGEST_WORD = 24
"""Letters of a word whose parts are looked at."""

REMEMBERED = 20_000
"""Words whose sums are kept by a table: most of what a mailbox says, and hostile mail must not fill the memory."""

_PART_BEGUN = crc32(b"#")
_EDGE_BEGUN = crc32(b"^ ")
"""CRC-32 can be taken in pieces: what a part and the first pair of a sentence begin with is hashed once for all."""


def parts(word: str) -> Iterable[str]:
    """The features of one normalised token: itself and, of a longer word, its parts with its edges marked."""
    yield word
    if len(word) >= PART - 1 and word[0].isalpha():
        edged = f"<{word[:LONGEST_WORD]}>"
        for start in range(len(edged) - PART + 1):
            yield "#" + edged[start : start + PART]


def hashes(word: str, data: bytes) -> list[int]:
    """The CRC-32 of each of the parts of a normalised token, whose bytes are given; its own comes first."""
    found = [crc32(data)]
    if len(word) < PART - 1 or not word[0].isalpha():
        return found
    if len(word) != len(data):
        return [crc32(_bytes(part)) for part in parts(word)]
    edged, begun = b"<%b>" % data[:LONGEST_WORD], _PART_BEGUN
    found += [crc32(edged[start : start + PART], begun) for start in range(len(edged) - PART + 1)]
    return found


@lru_cache(maxsize=512)
def _hashed(token: str) -> tuple[str, bytes, list[int]]:
    """A token as it is counted, its bytes, and its hashes: for a moment, because several tables learn it in turn."""
    word = normal(token)
    data = _bytes(word)
    return word, data, hashes(word, data)


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")


def pairs(words: Sequence[str]) -> list[str]:
    """The pairs of neighbours of a sentence of normalised tokens, its edges among them."""
    return [f"{first} {second}" for first, second in zip(("^", *words), (*words, "$"), strict=True)]


def features(sentences: Iterable[Sequence[str]]) -> Iterable[str]:
    """Every feature of a text of sentences of tokens, a repeated word or pair once; the trainer counts these too."""
    told: set[str] = set()
    for tokens in sentences:
        words = [normal(token) for token in tokens]
        for word in words:
            if word not in told:
                told.add(word)
                yield from parts(word)
        for pair in pairs(words):
            if pair not in told:
                told.add(pair)
                yield pair


Learnt = tuple[str, float, int, bytes, int, float]
"""Of a token: as it is counted, sum and number of its parts' weights, its bytes, its hash as a pair's first word, and
the sum of its parts' weights in the companion of the table, or here again where it has none."""

Told = dict[str | tuple[str, str], str]
"""What a text has said so far: each word with the one before it when it was said first, and further pairs."""

Kept = TypeVar("Kept")


@dataclass(slots=True)
class Grams:
    """A table of weights (a power of two of them, one byte each, through `scale`) and what it says of sentences."""

    table: bytes
    scale: Sequence[float]
    """The weight that each of the 256 byte values stands for."""
    bias: float = 0.0
    _mask: int = field(init=False)
    _known: dict[str, Learnt] = field(init=False, default_factory=dict)
    _companion: Grams | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._mask = len(self.table) - 1

    def weight(self, feature: str) -> float:
        """What one feature weighs."""
        return self.scale[self.table[crc32(_bytes(feature)) & self._mask]]

    def sentence(self, tokens: Sequence[str], told: Told) -> tuple[float, int, float, int]:
        """Sum and number of the weights of a sentence's features that were not `told` yet; the same of all of them.

        A pair whose second word is new is new itself, so that it need not be looked up.
        """
        known, table, scale, mask = self._known, self.table, self.scale, self._mask
        fresh, fresh_count, total, count = 0.0, 0, 0.0, len(tokens) + 1
        before, begun = "^", _EDGE_BEGUN
        for token in tokens:
            word, weight, number, data, going_on, _ = known.get(token) or self._learn(token)
            pair = scale[table[crc32(data, begun) & mask]]
            total = total + weight + pair
            count += number
            if word not in told:
                told[word] = before
                fresh = fresh + weight + pair
                fresh_count += number + 1
            elif told[word] != before and (before, word) not in told:
                told[before, word] = ""
                fresh += pair
                fresh_count += 1
            before, begun = word, going_on
        pair = scale[table[crc32(b"$", begun) & mask]]
        if (before, "$") not in told:
            told[before, "$"] = ""
            fresh += pair
            fresh_count += 1
        return fresh, fresh_count, total + pair, count

    def alone(self, tokens: Sequence[str]) -> float:
        """The logit of a sentence that stands alone."""
        fresh, count, _, _ = self.sentence(tokens, {})
        return self.logit(fresh, count)

    def accompany(self, other: Grams) -> None:
        """Make another table the companion of this one: what words weigh there is learnt and kept together."""
        if self._companion is not other:
            self._companion = other
            self._known.clear()

    def bare(self, tokens: Iterable[str]) -> float:
        """The logit of words alone, each once, without pairs, in the companion or else here.

        It is enough to tell what kind of text it is.
        """
        known = self._known
        total, count = 0.0, 0
        for token in dict.fromkeys(tokens):
            learnt = known.get(token) or self._learn(token)
            total += learnt[5]
            count += learnt[2]
        return (self._companion or self).logit(total, count)

    def words(self, words: Sequence[str]) -> list[float]:
        """What each token of a sentence contributes to its sum; a pair's weight is shared by its two."""
        shares = [0.0] * (len(words) + 1)
        begun = _EDGE_BEGUN
        for index, token in enumerate(words):
            _, weight, _, data, going_on, _ = self._known.get(token) or self._learn(token)
            pair = self.scale[self.table[crc32(data, begun) & self._mask]]
            shares[index] += weight + (pair / 2 if index else pair)
            if index:
                shares[index - 1] += pair / 2
            begun = going_on
        if words:
            shares[len(words) - 1] += self.scale[self.table[crc32(b"$", begun) & self._mask]]
        return shares[:-1]

    def sum(self, found: Iterable[int]) -> float:
        """What features with these hashes weigh together."""
        table, scale, mask = self.table, self.scale, self._mask
        return math.fsum([scale[table[each & mask]] for each in found])

    def logit(self, total: float, count: int) -> float:
        """The logit of a text whose features have this sum and number."""
        return total / math.sqrt(count or 1) + self.bias

    def _learn(self, token: str) -> Learnt:
        word, data, found = _hashed(token)
        weight = self.sum(found)
        beside = self._companion.sum(found) if self._companion else weight
        learnt = (word, weight, len(found), data, crc32(b" ", found[0]), beside)
        return _kept(self._known, token, learnt)


def _kept(known: dict[str, Kept], token: str, learnt: Kept) -> Kept:
    """What was learnt of a token, kept for the next time; where there is too much of it, all else is forgotten."""
    if len(known) >= REMEMBERED:
        known.clear()
    known[token] = learnt
    return learnt


@dataclass(slots=True)
class Choice:
    """Tables of several labels over the same words: which of them a sentence's words speak for the most."""

    tables: Mapping[str, Grams]
    _ordered: tuple[tuple[str, Grams], ...] = field(init=False)
    _known: dict[str, tuple[tuple[float, ...], int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._ordered = tuple(sorted(self.tables.items(), key=lambda item: item[0]))

    def best(self, tokens: Iterable[str]) -> str:
        """The label with the highest logit; of equal ones the first by name. There must be at least one label."""
        known = self._known
        sums, count = [0.0] * len(self._ordered), 0
        for token in dict.fromkeys(tokens):
            weights, number = known.get(token) or self._learn(token)
            sums = list(map(add, sums, weights))
            count += number
        logits = [table.logit(total, count) for (_, table), total in zip(self._ordered, sums, strict=True)]
        return self._ordered[logits.index(max(logits))][0]

    def _learn(self, token: str) -> tuple[tuple[float, ...], int]:
        _, _, found = _hashed(token)
        weights = tuple([table.sum(found) for _, table in self._ordered])
        return _kept(self._known, token, (weights, len(found)))
