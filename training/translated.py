"""Judges the same thing said in seven languages (`translated.toml`), by family of phrases.

A translation must not move the verdict by more than one level. Each sentence is a mail of its own without subject,
greeting or farewell, so that nothing but its words says anything, and no mail of the hold-out is harder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from levelhead.heat.phrases import families
from levelhead.heat.weights import weights
from levelhead.model import Level
from training.judged import POLICY, scored
from training.material import HERE, LANGUAGES
from training.tables import plain, table

MOST = 1
"""Levels by which a translation may move the verdict."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing in every language, and its scores; the English sentence is its name."""

    family: str
    words: Mapping[str, str]
    scores: Mapping[str, float]

    @property
    def name(self) -> str:
        """The English sentence."""
        return self.words["en"]

    @property
    def apart(self) -> int:
        """Levels between the calmest and the hottest language."""
        ranks = [level(score).rank for score in self.scores.values()]
        return max(ranks) - min(ranks)


def heat_families() -> set[str]:
    """The families of phrases that raise a score."""
    return {name for name, family in families().items() if family.label not in ("courtesy", "")}


def level(score: float) -> Level:
    """The level of a score at the thresholds that ship."""
    thresholds = ((POLICY.hostile, Level.HOSTILE), (POLICY.heated, Level.HEATED), (POLICY.tense, Level.TENSE))
    return next((found for least, found in thresholds if score >= least), Level.CALM)


@cache
def said() -> tuple[Said, ...]:
    """Everything in the file with its scores; raises ValueError naming what lacks a language or a known family."""
    found = []
    for row in tomllib.loads((HERE / "translated.toml").read_text(encoding="utf-8"))["said"]:
        family, words = row["family"], {language: row.get(language, "") for language in LANGUAGES}
        if family not in heat_families() or not all(words.values()):
            raise ValueError(
                f"translated.toml: {family} {words['en']!r} lacks a language or is no family of heat"
            )
        found.append(Said(family, words, {language: scored("", text) for language, text in words.items()}))
    return tuple(found)


def section() -> str:
    """The section on translations."""
    moved = [each for each in said() if each.apart > MOST]
    rows = [
        [
            each.family,
            plain(each.name, 90),
            *(f"{each.scores[language]:.2f}" for language in LANGUAGES),
            str(each.apart),
        ]
        for each in said()
    ]
    return "\n".join(
        [
            "The same thing said in seven languages should get the same level, or the next.",
            "Each sentence is judged alone, without subject, greeting or farewell: the hardest case, for the"
            " n-grams of a language know only the words that its authors wrote, and many a phrase of the table weighs"
            f" too little to overrule them ({', '.join(_idle())}: nothing at all).",
            f"{len(moved)} of {len(rows)} are further apart than one level; a test names each of them and fails"
            " when there is another one.",
            "",
            table(["family", "in English", *LANGUAGES, "levels apart"], rows, words=(0, 1)),
            "",
            "More than one level apart:",
            "",
            *(f"- {each.family}: “{plain(each.name, 90)}”, {_ends(each)}" for each in moved),
        ]
    )


def _idle() -> list[str]:
    """The families of heat whose learnt weight is none."""
    return sorted(name for name in heat_families() if not weights().coefficients[name])


def _ends(each: Said) -> str:
    """The calmest and the hottest language, with their levels."""
    ordered = sorted(each.scores, key=lambda language: each.scores[language])
    told = (f"{level(each.scores[language]).value} in {language}" for language in (ordered[0], ordered[-1]))
    return " to ".join(told)
