"""The goals that were set for the detector, beside what is reached here on the nearest measure of our own.

The mails that the goals speak of are not ours: the page says what stands in for them, and where nothing does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training import evidence
from training.composed import ANNOUNCED, QUOTED_ANGER
from training.judged import ALARM, Columns
from training.material import mails
from training.metrics import Floats, average_precision
from training.tables import (
    Ranking,
    Value,
    alarms,
    by_category,
    percent,
    plain,
    ranking,
    share,
    table,
)

COLD = ("cold-formal", "contempt", "passive-aggressive", "veiled")
"""Heated categories without a hot word."""

SPARED = {
    QUOTED_ANGER: "quoted anger",
    "blunt": "blunt",
    "urgent-polite": "urgent and polite",
    "disappointed": "civil disappointment",
    "out-of-office": "out of office",
    "invoice": "invoices",
    "newsletter": "newsletters",
    "caps": "capitals, and legal footers in capitals",
    "friendly-swearing": "friendly swearing",
}
"""Calm categories whose alarms have a goal."""

MOST, MOST_SWEARING = 0.02, 0.1
ELSEWHERE = "cannot be measured here"

LACKING = (
    ("telecom complaints: AUROC", "0.82", "0.75"),
    ("issue threads locked as too heated: AUROC", "0.74", "0.69"),
    ("kernel mail: AUROC", "0.70", "0.64"),
)
"""Goals for which there is nothing in our material: what, wanted, best before."""

POSTS = (
    ("offensive tweets: AUROC", 0.84, "0.83", "told-br", "no post of this source was learnt from"),
    (
        "angry tweets: AUROC",
        0.88,
        "0.83",
        "brighter",
        "many of its posts are so short that they are read as mail as well, which tells nothing of them",
    ),
)
"""Goals on posts: what, wanted, best before, the source that stands in, the reason when it is not reached."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: what was wanted, what was the best before, what is measured here, and whether that reaches it."""

    what: str
    wanted: str
    before: str
    measured: str
    answer: str
    reason: str = ""

    def row(self) -> list[str]:
        """Its line in the table."""
        return [self.what, self.wanted, self.before, self.measured, self.answer]


def answer(value: Value, wanted: float, *, most: bool = False) -> str:
    """Whether a goal is reached, and whether the interval leaves a doubt; `most`: smaller is better."""
    reached = value.value <= wanted if most else value.value >= wanted
    doubt = value.low < wanted < value.high
    return ("reached" if reached else "**not reached**") + (", the interval holds the goal" if doubt else "")


def section(seen: Columns, calibration: tuple[Value, Value], public: Mapping[str, Ranking]) -> str:
    """The goals as a table, what stands in for what, and the reason for each that is not reached."""
    goals = [
        *_ranked(seen),
        _calibrated(seen, calibration[0]),
        _evident(seen),
        *_public(public),
        *_categories(seen),
        Goal("speed, time to load, memory", "", "", "at the end of the page", "at the end of the page"),
    ]
    half = average_precision(seen.hot, seen.score, halved(seen))
    return "\n".join(
        [
            "The mails and sources that the goals speak of are kept from us, so each is measured on the"
            " nearest thing that we have:",
            "",
            f"- client mail: all {len(seen.rows)} composed mails, of which"
            f" {percent(float(seen.hot.mean()))} are heated;"
            f" weighted so that half are, as in the mails of the goal, the average precision is {half:.3f};",
            f"- cold contemptuous mail: {', '.join(COLD)} against all calm mail;",
            "- offensive tweets: Portuguese tweets (told-br), from which nothing was learnt because of"
            " their licence;",
            "- angry tweets: short posts in four languages (brighter), by a source that was learnt from;",
            "- telecom complaints, locked issue threads and kernel mail: there is no such text in our"
            " material.",
            "",
            table(
                ["goal", "wanted", "best before", "here", "and so"],
                (goal.row() for goal in goals),
                words=(0, 4),
            ),
            *_reasons(goals),
        ]
    )


def _reasons(goals: Sequence[Goal]) -> list[str]:
    """Why goals are not reached; those with one reason are told together."""
    why: dict[str, list[str]] = {}
    for goal in goals:
        if goal.reason and "**" in goal.answer:
            why.setdefault(goal.reason, []).append(goal.what)
    if not why:
        return []
    return [
        "",
        "Not reached, and why:",
        "",
        *(f"- {'; '.join(names)}: {reason}" for reason, names in why.items()),
    ]


def _ranked(seen: Columns) -> list[Goal]:
    foreign = seen.only([row.mail.mail.language != "en" for row in seen.rows])
    cold = seen.only([not row.heated or row.mail.category in COLD for row in seen.rows])
    whole = ranking(seen)
    return [
        _goal("client mail, whole body: AUROC", 0.95, "0.82", whole.auroc, weakest(seen)),
        _goal("client mail: average precision", 0.95, "0.78", whole.precision, weakest(seen)),
        _goal("client mail: recall at 5 % false alarms", 0.8, "0.21", whole.at_five, weakest(seen)),
        _goal("mail that is not English: AUROC", 0.96, "0.93", ranking(foreign).auroc, weakest(foreign)),
        _goal("cold contemptuous mail: AUROC", 0.95, "0.95", ranking(cold).auroc, weakest(cold)),
    ]


def _goal(what: str, wanted: float, before: str, value: Value, reason: str) -> Goal:
    return Goal(what, f"{wanted:.2f}", before, str(value), answer(value, wanted), reason)


def halved(seen: Columns) -> Floats:
    """Weights under which half of the mails are heated."""
    return np.where(seen.hot, 0.5 / seen.hot.mean(), 0.5 / (~seen.hot).mean())


def _calibrated(seen: Columns, error: Value) -> Goal:
    learnt = mails("mail")
    heated = sum(mail.heated for mail in learnt) / len(learnt)
    reason = (
        f"{percent(heated)} of the mails that the score was fitted on are heated,"
        f" {percent(float(seen.hot.mean()))} of these;"
        " what is left after a fit of two numbers stands under Calibration."
    )
    return Goal(
        "calibration error on mail", "at most 0.05", "", str(error), answer(error, 0.05, most=True), reason
    )


def _evident(seen: Columns) -> Goal:
    hot = seen.only(seen.hot)
    value = share(*evidence.touched(hot.rows))
    found = share(*evidence.touched(row for row in hot.rows if row.score >= ALARM))
    missed = share(*evidence.touched(row for row in hot.rows if row.score < ALARM))
    reason = f"{percent(found.value)} in the mails that reach {ALARM}, {percent(missed.value)} in the others."
    return Goal("phrases touched by a quote", "80 %", "", _percents(value), answer(value, 0.8), reason)


def _percents(value: Value) -> str:
    return f"{percent(value.value)} ({100 * value.low:.1f} to {100 * value.high:.1f})"


def _public(public: Mapping[str, Ranking]) -> list[Goal]:
    goals = [Goal(what, wanted, before, "", ELSEWHERE) for what, wanted, before in LACKING]
    for what, wanted, before, source, reason in POSTS:
        if source in public:
            value = public[source].auroc
            said = f"on other posts: {answer(value, wanted)}"
            goals.append(Goal(what, f"{wanted:.2f}", before, str(value), said, reason + "."))
        else:
            goals.append(Goal(what, f"{wanted:.2f}", before, "", ELSEWHERE))
    return goals


def _categories(seen: Columns) -> list[Goal]:
    calm = by_category(seen.only(~seen.hot))
    goals = []
    for name, words in SPARED.items():
        most = MOST_SWEARING if name == "friendly-swearing" else MOST
        count, total = alarms(calm[name], ALARM)
        value = share(count, total)
        measured = f"{_percents(value)} of {total}"
        said = answer(value, most, most=True)
        reason = _loudest(calm[name])
        if name in ANNOUNCED:
            words += ", by their words alone"
        goals.append(Goal(f"alarms: {words}", f"at most {100 * most:.0f} %", "", measured, said, reason))
    return goals


def _loudest(seen: Columns) -> str:
    """How many alarm by language, and what the hottest of them says."""
    loud = sorted((row for row in seen.rows if row.score >= ALARM), key=lambda row: -row.score)
    if not loud:
        return ""
    counts = Counter(row.mail.mail.language for row in loud)
    told = ", ".join(f"{language} {count}" for language, count in sorted(counts.items()))
    hottest = plain(loud[0].mail.mail.body, 110)
    return f"{len(loud)} reach {ALARM} ({told}); the hottest, at {loud[0].score:.2f}: “{hottest}”"


def weakest(seen: Columns) -> str:
    """Which heated mails are found least and which calm ones alarm most."""
    missed, loud = (
        [(count / total, name) for name, (count, total) in sorted(_alarming(group).items())]
        for group in (seen.only(seen.hot), seen.only(~seen.hot))
    )
    least = ", ".join(f"{name} ({percent(part)})" for part, name in sorted(missed)[:3])
    most = ", ".join(f"{name} ({percent(part)})" for part, name in sorted(loud, reverse=True)[:3])
    return f"found least at {ALARM} are {least}; most false alarms are in {most}."


def _alarming(seen: Columns) -> dict[str, tuple[int, int]]:
    return {name: alarms(each, ALARM) for name, each in by_category(seen).items()}
