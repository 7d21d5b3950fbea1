"""Judges the same thing said in seven languages (`translated.toml`), by family of phrases.

A translation must not move the verdict by more than one level. Each sentence is a mail of its own without subject,
greeting or farewell, so that nothing but its words says anything, and no mail of the hold-out is harder.
`unseen.toml` holds the same for nothing of which a phrase was written or a word was learnt, and calm promises, and
`fresh.toml` what was written just before the phrases were compared language by language, and measured only afterwards;
`promised/` holds mails with promises and with real deadlines, from which nothing is learnt either.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from levelhead.heat.phrases import families
from levelhead.heat.weights import weights
from levelhead.model import Level
from training.judged import POLICY, scored
from training.material import HERE, LANGUAGES, mails
from training.tables import counted, plain, table

PROMISE = "promise"
"""What is calm in `unseen.toml`; all else there is of a family of heat."""

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
def said(name: str = "translated") -> tuple[Said, ...]:
    """Everything in a file with its scores; raises ValueError naming what lacks a language or a known family."""
    found = []
    for row in tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))["said"]:
        family, words = row["family"], {language: row.get(language, "") for language in LANGUAGES}
        if family not in {*heat_families(), PROMISE} or not all(words.values()):
            raise ValueError(
                f"{name}.toml: {family} {words['en']!r} lacks a language or is no family of heat or promise"
            )
        found.append(Said(family, words, {language: scored("", text) for language, text in words.items()}))
    return tuple(found)


def section() -> str:
    """The section on translations."""
    moved = [each for each in said() if each.apart > MOST]
    listed = [
        "More than one level apart:",
        "",
        *(f"- {each.family}: “{plain(each.name, 90)}”, {_ends(each)}" for each in moved),
        "",
    ]
    return "\n".join(
        [
            "The same thing said in seven languages should get the same level, or the next.",
            "Each sentence is judged alone, without subject, greeting or farewell: the hardest case, for the"
            " n-grams of a language know only the words that its authors wrote. So in a short text a phrase of the"
            f" table counts for more than they do{_idle()}.",
            f"{len(moved)} of {len(said())} are further apart than one level; a test names each of them and fails"
            " when there is another one.",
            "Phrases and sentences to learn from were written for these families; a part of a few of these sentences"
            " stood among the latter before (“Ik weet waar je woont”).",
            "",
            _rows(said()),
            "",
            *(listed if moved else ()),
            *_unseen(),
        ]
    )


def _rows(told: Sequence[Said]) -> str:
    rows = [
        [
            each.family,
            plain(each.name, 90),
            *(f"{each.scores[language]:.2f}" for language in LANGUAGES),
            str(each.apart),
        ]
        for each in told
    ]
    return table(["family", "in English", *LANGUAGES, "levels apart"], rows, words=(0, 1))


def _unseen() -> list[str]:
    """What is said of the sentences that were written last, and of promises."""
    hot = [each for each in said("unseen") if each.family != PROMISE]
    promises = [each for each in said("unseen") if each.family == PROMISE]
    calm = [score for each in promises for score in each.scores.values()]
    owed, due = promised()
    return [
        f"For these no sentence to learn from was written (the hand that wrote them is the same): {_counted(hot)}",
        "The phrases were later compared language by language, so that what is a phrase in one is one in all, by"
        " somebody who had read these sentences; so they are no longer unseen in every way.",
        "",
        _rows(hot),
        "",
        f"These were written just before that comparison, and measured only after it: {_counted(said('fresh'))}",
        "",
        _rows(said("fresh")),
        "",
        "A promise of the writer’s own is no deadline for the reader:"
        f" {counted(sum(score >= POLICY.heated for score in calm), len(calm))} of these sentences are heated,"
        f" {counted(sum(score >= POLICY.tense for score in calm), len(calm))} at least tense.",
        "",
        _rows(promises),
        "",
        "Of mails that nothing was learnt from,"
        f" {counted(sum(score >= POLICY.heated for score in owed), len(owed))} that promise something are heated,"
        f" and of those that set a real deadline {counted(sum(score >= POLICY.tense for score in due), len(due))}"
        " are at least tense.",
    ]


def _counted(told: Sequence[Said]) -> str:
    """How many are too far apart, and how many of their sentences are calm."""
    scores = [score for each in told for score in each.scores.values()]
    return (
        f"{sum(each.apart > MOST for each in told)} of {len(told)} are further apart than one level,"
        f" and {counted(sum(score < POLICY.tense for score in scores), len(scores))} of their sentences are calm."
    )


@cache
def promised() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The scores of the mails in `promised/` that are calm, and of those that are heated."""
    scores = [(mail.heated, scored(mail.subject, mail.body)) for mail in mails("promised")]
    return tuple([score for hot, score in scores if not hot]), tuple([score for hot, score in scores if hot])


def _idle() -> str:
    """The families of heat whose learnt weight is none, as the end of a sentence."""
    named = sorted(name for name in heat_families() if not weights().coefficients[name])
    return f" ({', '.join(named)}: nothing at all)" if named else ""


def _ends(each: Said) -> str:
    """The calmest and the hottest language, with their levels."""
    ordered = sorted(each.scores, key=lambda language: each.scores[language])
    told = (f"{level(each.scores[language]).value} in {language}" for language in (ordered[0], ordered[-1]))
    return " to ".join(told)
