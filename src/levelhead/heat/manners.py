"""How a client speaks while they still hold back: whether they greet or thank, and how they press for an answer.

Words of seven languages (`manners.toml`). None of them is heat by itself; the trajectory counts them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from levelhead.heat.aside import aside
from levelhead.heat.engine import prepared
from levelhead.heat.grams import Grams
from levelhead.heat.language import LANGUAGES
from levelhead.heat.text import LONGEST, fold
from levelhead.heat.weights import Weights, weights

MOST_DEMANDS = 3
"""Different words of pressing that count."""

GREETED_WITHIN = 60
"""Characters at the beginning in which a greeting stands, or it is none."""

LEAST_WORDS = 3
"""Words of a sentence that can name a fault."""

SURE = 3.0
"""The logit at which it is certain that a sentence names a fault, or that it does not."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How one text speaks."""

    kind: bool
    """Whether it greets, thanks, asks nicely or takes leave."""
    demands: int
    """How many different words of pressing it has, `MOST_DEMANDS` at most."""


def manners(text: str, language: str = "") -> Manners:
    """The manners of a newly written text; with no language known, those of all seven. Linear in its length."""
    folded = fold(text[:LONGEST]).strip()
    chosen = language if language in LANGUAGES else ""
    pressing = {match.group() for match in _words("demands", chosen).finditer(folded)}
    greets = _words("greeting", chosen).search(folded[:GREETED_WITHIN])
    return Manners(
        kind=bool(greets or _words("kindness", chosen).search(folded)),
        demands=min(MOST_DEMANDS, len(pressing)),
    )


def courtesies(text: str, language: str = "", known: Weights | None = None) -> dict[str, float]:
    """What a text tells of somebody who demands, each from 0 to 1: `curt`, `pressing`, and `fault`, which it names."""
    return bearing(text, language) | {"fault": _fault(text, (known or weights()).complaint)}


def bearing(text: str, language: str = "") -> dict[str, float]:
    """What a text's manners alone tell of that: `curt` and `pressing`."""
    spoken = manners(text, language)
    return {"curt": 0.0 if spoken.kind else 1.0, "pressing": spoken.demands / MOST_DEMANDS}


def _fault(text: str, grams: Grams) -> float:
    """How plainly the plainest sentence names a fault: its logit from -`SURE` to `SURE`."""
    sentences = prepared(aside(text).text).sentences
    said = (grams.alone(each.words) for each in sentences if len(each.words) >= LEAST_WORDS)
    logit = max(said, default=-SURE)
    return (min(max(logit, -SURE), SURE) + SURE) / (2 * SURE)


@cache
def _words(what: str, language: str) -> re.Pattern[str]:
    """One pattern for whole words and, with a `*`, for words that begin so; the longest phrases first."""
    table = _table()[what]
    listed = {fold(phrase) for each in ((language,) if language else LANGUAGES) for phrase in table[each]}
    options = (
        re.escape(phrase).replace(r"\*", r"\w*").replace(r"\ ", r"\s+")
        for phrase in sorted(listed, key=lambda phrase: (-len(phrase), phrase))
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(options)})(?!\w)")


@cache
def _table() -> Mapping[str, Mapping[str, list[str]]]:
    with files(__package__).joinpath("manners.toml").open("rb") as stream:
        return tomllib.load(stream)
