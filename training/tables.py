"""Writes the tables of the report: rounded numbers, shares with their intervals, what is asked of every group."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from training.judged import ALARM, TENSE, Columns
from training.metrics import Floats, bootstrap, steps, wilson

TIMES = 500
"""Draws of a bootstrap."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: Sequence[int] = (0,)) -> str:
    """A table in Markdown; the columns numbered in `words` are words, the others are figures."""
    lines = [_row(head), _row(["---" if number in words else "---:" for number in range(len(head))])]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


@dataclass(frozen=True, slots=True)
class Value:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "none"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def percent(share: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * share:.1f} %"


def counted(count: int, total: int) -> str:
    """A count and its share with the Wilson interval."""
    if not total:
        return "none"
    low, high = wilson(count, total)
    return f"{count} of {total}: {percent(count / total)} ({100 * low:.1f} to {100 * high:.1f})"


def share(count: int, total: int) -> Value:
    """A share with its Wilson interval."""
    return Value(count / total if total else float("nan"), *wilson(count, total))


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well scores rank heated above calm."""

    auroc: Value
    precision: Value
    """The average precision."""
    at_five: Value
    """Recall while at most 5 % of the calm ones alarm."""
    at_one: Value


def ranking(seen: Columns, score: Floats | None = None) -> Ranking:
    """The ranking of these mails, by the product's scores or by others; intervals from a bootstrap by source mail."""
    chosen = seen.score if score is None else score

    def measure(weight: Floats | None) -> tuple[float, float, float, float]:
        known = steps(seen.hot, chosen, weight)
        return known.auroc(), known.average_precision(), known.recall_at(0.05), known.recall_at(0.01)

    ends = bootstrap(seen.group, measure, times=TIMES)
    return Ranking(*(Value(value, *end) for value, end in zip(measure(None), ends, strict=True)))


def alarms(seen: Columns, threshold: float) -> tuple[int, int]:
    """How many of these mails score at least that, and how many there are."""
    return int((seen.score >= threshold).sum()), len(seen.rows)


def by(seen: Columns, key: Callable[[int], str]) -> dict[str, Columns]:
    """The mails by what `key` says of a row's number, in alphabetical order."""
    names = [key(number) for number in range(len(seen.rows))]
    return {name: seen.only([each == name for each in names]) for name in sorted(set(names))}


def by_category(seen: Columns) -> dict[str, Columns]:
    """The mails by category."""
    return by(seen, lambda number: seen.rows[number].mail.category)


GROUP_HEAD = (
    "calm",
    "heated",
    "AUROC",
    f"found at {ALARM}",
    f"false alarms at {ALARM}",
    f"false alarms at {TENSE}",
)


def group_row(name: str, seen: Columns) -> list[str]:
    """What is said of a language, an author, a group of registers."""
    calm, hot = seen.only(~seen.hot), seen.only(seen.hot)
    both = len(calm.rows) and len(hot.rows)
    return [
        name,
        str(len(calm.rows)),
        str(len(hot.rows)),
        str(ranking(seen).auroc) if both else "none",
        counted(*alarms(hot, ALARM)),
        counted(*alarms(calm, ALARM)),
        counted(*alarms(calm, TENSE)),
    ]


def plain(text: str, most: int) -> str:
    """A text in one line that Markdown leaves as it is, cut at `most` letters."""
    text = " ".join(text.split())
    cut = text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", cut)
