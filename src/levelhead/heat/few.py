"""Few words: where a text is short, a phrase that was written down beforehand counts for more than its n-grams.

The n-grams of eight words rest on some forty weights, each learnt from whoever happened to write that language, and
say of one thing in seven languages anything from calm to hostile. A phrase of the table is as sure in eight words as in
eighty. So in a short text what calms in the n-grams counts for less, and its phrases of heat count for more, the
shorter the more. Nothing is ever lowered by that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from levelhead.heat.phrases import SHARES, Hit, families

SHORT = 17
"""Words of a text in which one strong phrase halves what calms in the n-grams; with twice as many it takes a
seventeenth of it."""

MOST = 1.5
"""The logit to which a short text is lifted at most, 0.82: heated, and hostile only if its n-grams say so too."""

MORE = 1.5
"""How much more phrases of heat count at most, as a share of what they count in a long text."""

SWEARING = "profanity"
"""Friends swear, too, so swearing says nothing of how a short text is meant."""

WHY = "in so few words such a phrase counts for more"


def lift(phrases: Sequence[Hit], words: int, parts: Mapping[str, float], bias: float) -> float:
    """The logits by which a text of so many words is hotter than its parts and bias sum to; never negative.

    `parts` are what its features add, in logits. What is friendly, too (thanks, an apology, a joke, a smile), is lifted
    by nothing.
    """
    named = families()
    friendly = parts.get("smiling", 0.0) or any(named[hit.family].label == "courtesy" for hit in phrases)
    told = sum(hit.share for hit in phrases if counts(hit))
    if friendly or not told or not words:
        return 0.0
    unsure = 1 - 1 / (1 + told * (SHORT / words) ** 4)
    calming = max(0.0, -parts.get("tone", 0.0) - parts.get("public", 0.0))
    heat = sum(part for name, part in parts.items() if name in named and named[name].label != "courtesy")
    return max(0.0, min(MOST - bias - sum(parts.values()), unsure * (calming + MORE * heat)))


def counts(hit: Hit) -> bool:
    """Whether a phrase says how a short text is meant: none that swears, and no single word (friends tease so)."""
    return hit.family != SWEARING and hit.share >= SHARES["mild"] and not hit.single


def label(phrases: Sequence[Hit]) -> str:
    """The label of the weightiest of the phrases that count; there must be one."""
    telling = filter(counts, phrases)
    return families()[max(telling, key=lambda hit: (hit.share, hit.end - hit.start, -hit.start)).family].label
