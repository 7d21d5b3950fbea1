"""A legitimate complaint: a sentence that names a concrete fault. It is no heat, and deserves an answer in any tone."""

from __future__ import annotations

from levelhead.heat.aside import aside
from levelhead.heat.engine import prepared
from levelhead.heat.weights import Weights, weights

SURE = 0.5
"""The logit from which a sentence is said to name a fault."""


def complaint(text: str, known: Weights | None = None) -> tuple[int, int] | None:
    """Where the sentence stands that names a fault the most plainly, or None when none does."""
    grams = (known or weights()).complaint
    kept = aside(text)
    best, found = SURE, None
    for segment in prepared(kept.text).sentences:
        if len(segment.words) >= 3 and (logit := grams.alone(segment.words)) > best:
            best, found = logit, kept.place(segment.start, segment.end)
    return found
