"""Which kind a text is of, client mail or a public text (a post, a comment), and what the words of public texts say.

The two have a table of n-grams each, because people are angry in other words there: on the one kind, the table of the
other tells next to nothing. A text is read by both, in shares that sum to one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from levelhead.heat.grams import Told
from levelhead.heat.text import Segment
from levelhead.heat.weights import Weights

SLOPE, LENGTH, PARAGRAPHS = 1.5, 0.7, 2.0
"""What the kind of the words, the length and a paragraph's end count, in logits. The first two are what a logistic
regression found over mails and single sentences of mails that nothing was learnt from, and public rows, sharpened. The
last is less than it found: our posts hardly ever have paragraphs, but others may."""

USUAL, LONGEST = 12, 30
"""Words of a text whose length says nothing, and beyond which it says no more: a short text is rather a post."""

LEAST = 0.05
"""A share of less than this is none: then a text is mail and nothing else, and need not be read twice."""


@dataclass(frozen=True, slots=True)
class Posted:
    """How far a text is read as a public one (0 in plain mail, 1 at most), and what it says as one."""

    share: float = 0.0
    logit: float = 0.0
    """Of the n-grams of public texts, times the share."""
    parts: tuple[float, ...] = ()
    """Of each sentence its part of that."""
    alone: tuple[float, ...] = ()
    """Of each sentence the sum of its features' weights, were it the whole text, times the share."""
    bias: float = 0.0
    """Of the n-grams, times the share."""


def posted(text: str, sentences: Sequence[Segment], known: Weights) -> Posted:
    """How far a text of such sentences is read as a public one; in plain mail no n-grams are looked up for it."""
    words = [*chain.from_iterable([sentence.words for sentence in sentences])]
    known.heat.accompany(known.kind)
    mail = likeness(words, known.heat.bare(words), paragraphs=has_paragraphs(text))
    share = (1 / (1 + math.exp(max(-60.0, min(60.0, mail)))) - LEAST) / (1 - LEAST)
    if share <= 0:
        return Posted()
    told: Told = {}
    sums = [known.public.sentence(sentence.words, told) for sentence in sentences]
    root = math.sqrt(sum(count for _, count, _, _ in sums) or 1) / share
    parts = tuple(fresh / root for fresh, _, _, _ in sums)
    alone = tuple(total * share for _, _, total, _ in sums)
    bias = known.public.bias * share
    return Posted(share, math.fsum(parts) + bias, parts, alone, bias)


def has_paragraphs(text: str) -> bool:
    """Whether a paragraph ends within a text, as a subject does above a body."""
    return "\n\n" in text.strip()


def likeness(words: Sequence[str], kind: float, *, paragraphs: bool) -> float:
    """The logit of a text's being mail: of what kind its words are, how many, and whether it has paragraphs."""
    length = math.log((min(len(words), LONGEST) + 1) / USUAL)
    return SLOPE * kind + LENGTH * length + PARAGRAPHS * paragraphs
