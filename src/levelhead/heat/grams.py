"""The hashed n-grams: what single words, parts of words and pairs of words say, each a weight in one table.

A text's logit is the sum of the weights of its features divided by the square root of their number. Features are
hashed with CRC-32 into the table ("hashing trick", Weinberger et al. 2009); the parts of a word (Bojanowski et al.
2017) let an unseen form of a known word speak. As the sum is over words, what every word contributed is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from levelhead.heat.text import normal

PART = 5
"""Letters of a part of a word: shorter ones were measured to blur, longer ones to tell less."""

LONGEST_WORD = 24
"""Letters of a word whose parts are looked at."""

REMEMBERED = 40_000
"""Words whose sums are kept; a mailbox has few more, and hostile mail must not fill the memory."""


def parts(word: str) -> Iterable[str]:
    """The features of one normalised token: itself and, of a longer word, its parts with its edges marked."""
    yield word
    if len(word) >= PART - 1 and word[0].isalpha():
        edged = f"<{word[:LONGEST_WORD]}>"
        for start in range(len(edged) - PART + 1):
            yield "#" + edged[start : start + PART]


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


@dataclass(slots=True)
class Grams:
    """A table of weights (a power of two of them, one byte each, through `scale`) and what it says of sentences."""

    table: bytes
    scale: Sequence[float]
    """The weight that each of the 256 byte values stands for."""
    bias: float = 0.0
    _mask: int = field(init=False)
    _known: dict[str, tuple[str, float, int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._mask = len(self.table) - 1

    def weight(self, feature: str) -> float:
        """What one feature weighs."""
        return self.scale[self.table[crc32(feature.encode("utf-8", "surrogatepass")) & self._mask]]

    def sentence(self, tokens: Sequence[str], told: set[str]) -> tuple[float, int, float, int]:
        """Sum and number of the weights of a sentence's features that were not `told` yet; the same of all of them."""
        known, table, scale, mask = self._known, self.table, self.scale, self._mask
        fresh, fresh_count, total, count = 0.0, 0, 0.0, len(tokens) + 1
        before = "^"
        for token in (*tokens, "$"):
            if token != "$":
                word, weight, number = known.get(token) or self._learn(token)
                total += weight
                count += number
                if word not in told:
                    told.add(word)
                    fresh += weight
                    fresh_count += number
            else:
                word = "$"
            pair = f"{before} {word}"
            weight = scale[table[crc32(pair.encode("utf-8", "surrogatepass")) & mask]]
            total += weight
            if pair not in told:
                told.add(pair)
                fresh += weight
                fresh_count += 1
            before = word
        return fresh, fresh_count, total, count

    def alone(self, tokens: Sequence[str]) -> float:
        """The logit of a sentence that stands alone."""
        fresh, count, _, _ = self.sentence(tokens, set())
        return self.logit(fresh, count)

    def bare(self, tokens: Iterable[str]) -> float:
        """The logit of words alone, each once, without pairs: enough to tell what kind of text it is."""
        known = self._known
        total, count = 0.0, 0
        for token in dict.fromkeys(tokens):
            _, weight, number = known.get(token) or self._learn(token)
            total += weight
            count += number
        return self.logit(total, count)

    def words(self, words: Sequence[str]) -> list[float]:
        """What each token of a sentence contributes to its sum; a pair's weight is shared by its two."""
        shares = [0.0] * (len(words) + 1)
        before = "^"
        for index, token in enumerate(words):
            word, weight, _ = self._known.get(token) or self._learn(token)
            pair = self.weight(f"{before} {word}")
            shares[index] += weight + (pair / 2 if index else pair)
            if index:
                shares[index - 1] += pair / 2
            before = word
        if words:
            shares[len(words) - 1] += self.weight(f"{before} $")
        return shares[:-1]

    def logit(self, total: float, count: int) -> float:
        """The logit of a text whose features have this sum and number."""
        return total / math.sqrt(count or 1) + self.bias

    def _learn(self, token: str) -> tuple[str, float, int]:
        word = normal(token)
        weights = [self.weight(feature) for feature in parts(word)]
        learnt = (word, math.fsum(weights), len(weights))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[token] = learnt
        return learnt


@dataclass(slots=True)
class Choice:
    """Tables of several labels over the same words: which of them a sentence's words speak for the most."""

    tables: Mapping[str, Grams]
    _known: dict[str, tuple[tuple[float, ...], int]] = field(init=False, default_factory=dict)

    def best(self, tokens: Iterable[str]) -> str:
        """The label with the highest logit; of equal ones the first by name. There must be at least one label."""
        names = sorted(self.tables)
        sums, count = [0.0] * len(names), 0
        for token in dict.fromkeys(tokens):
            weights, number = self._known.get(token) or self._learn(token, names)
            sums = [total + weight for total, weight in zip(sums, weights, strict=True)]
            count += number
        logits = [self.tables[name].logit(total, count) for name, total in zip(names, sums, strict=True)]
        return names[max(range(len(names)), key=lambda index: (logits[index], -index))]

    def _learn(self, token: str, names: Sequence[str]) -> tuple[tuple[float, ...], int]:
        found = list(parts(normal(token)))
        learnt = (tuple(math.fsum(map(self.tables[name].weight, found)) for name in names), len(found))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[token] = learnt
        return learnt
