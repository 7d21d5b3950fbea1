"""Promises: which phrases that name a day are said by somebody who commits himself, and not by somebody who demands.

The phrases are those of `promise` in `phrases.toml` ("you will have the texts by Friday noon"). One is no promise where
its sentence holds a strong phrase of heat, or goes on with a condition or a demand ("... or I stop every payment").
"""

from __future__ import annotations

from collections.abc import Sequence

from levelhead.heat.phrases import Hit, families
from levelhead.heat.text import TOKEN, Segment

FAMILY = "promise"

DEMANDS = frozenset((
    "or", "else", "otherwise", "oder", "sonst", "andernfalls", "ansonsten", "senao", "altrimenti", "oppure",
    "sinon", "autrement", "anders", "fixed", "repaired", "clear", "understood", "repariert", "verstanden",
    "arreglado", "claro", "repare", "clair", "risolto", "chiaro", "resolvido", "geregeld", "duidelijk",
    "begrepen",
))  # fmt: skip
"""Words of the seven languages (folded) beside which a promise is a demand."""

OR = {"es": "o", "it": "o", "fr": "ou", "pt": "ou", "nl": "of"}
"""How a demand goes on in one language and not in another, where the same letters are an article."""


def kept_promises(hits: Sequence[Hit], sentences: Sequence[Segment], folded: str, language: str) -> list[Hit]:
    """The phrases without the promises that are none."""
    if all(hit.family != FAMILY for hit in hits):
        return list(hits)
    hot = [hit.start for hit in hits if hit.share >= 1 and families()[hit.family].label != "courtesy"]
    demands = DEMANDS | {OR.get(language, "or")}
    return [hit for hit in hits if hit.family != FAMILY or _promises(hit, hot, sentences, folded, demands)]


def _promises(
    hit: Hit, hot: Sequence[int], sentences: Sequence[Segment], folded: str, demands: frozenset[str]
) -> bool:
    """Whether nothing in the sentence of a phrase heats or demands; `hot` is where phrases of heat begin."""
    inside = (each for each in sentences if each.start <= hit.start < each.end)
    sentence = next(inside, Segment(hit.start, hit.end, ()))
    if any(sentence.start <= start < sentence.end for start in hot):
        return False
    return demands.isdisjoint(TOKEN.findall(folded, sentence.start, sentence.end))
