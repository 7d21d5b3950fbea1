"""The measures of the report: arrays in, numbers out. Each takes weights, so that a bootstrap need not copy rows.

`hot` says of each row whether a person calls it heated, `score` how hot it was found, `weight` how often it counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS = 15
"""Bins of the calibration error, as many as the benchmark takes."""

Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Steps:
    """What stands above each distinct score, the highest first."""

    threshold: Floats
    hits: Floats
    """Weight of the heated rows at or above it."""
    alarms: Floats
    """Weight of the calm rows at or above it."""

    @property
    def recall(self) -> Floats:
        """The share of the heated rows; NaN without any."""
        return self.hits / (self.hits[-1] or math.nan)

    @property
    def false_alarms(self) -> Floats:
        """The share of the calm rows; NaN without any."""
        return self.alarms / (self.alarms[-1] or math.nan)

    @property
    def precision(self) -> Floats:
        """The share of the heated among those at or above."""
        return self.hits / np.maximum(self.hits + self.alarms, 1e-300)

    def auroc(self) -> float:
        """The chance that a heated row scores above a calm one, a tie counting half (Mann and Whitney 1947)."""
        recall, alarms = np.append(0.0, self.recall), np.append(0.0, self.false_alarms)
        return float(np.sum(np.diff(alarms) * (recall[1:] + recall[:-1]) / 2))

    def average_precision(self) -> float:
        """The precision at each step, weighted by the recall that the step adds."""
        return float(np.sum(np.diff(np.append(0.0, self.recall)) * self.precision))

    def recall_at(self, most: float) -> float:
        """The largest recall while at most that share of the calm rows alarms."""
        allowed = self.recall[self.false_alarms <= most + 1e-12]
        return float(allowed.max()) if len(allowed) else 0.0


def steps(hot: Flags, score: Floats, weight: Floats | None = None) -> Steps:
    """The steps of a threshold that goes down through the scores. Raises ValueError when there is no row."""
    if not len(score):
        raise ValueError("there is no row to measure")
    weight = np.ones(len(score)) if weight is None else weight
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)
    hits = np.cumsum(np.where(hot, weight, 0.0)[order])[last]
    alarms = np.cumsum(np.where(hot, 0.0, weight)[order])[last]
    return Steps(score[order][last], hits, alarms)


def auroc(hot: Flags, score: Floats, weight: Floats | None = None) -> float:
    """See `Steps.auroc`."""
    return steps(hot, score, weight).auroc()


def average_precision(hot: Flags, score: Floats, weight: Floats | None = None) -> float:
    """See `Steps.average_precision`."""
    return steps(hot, score, weight).average_precision()


def recall_at(hot: Flags, score: Floats, most: float, weight: Floats | None = None) -> float:
    """See `Steps.recall_at`."""
    return steps(hot, score, weight).recall_at(most)


def ece(hot: Flags, chance: Floats, weight: Floats | None = None, bins: int = BINS) -> float:
    """The expected calibration error: how far, on average, a bin's mean chance is from its share of heated rows."""
    return sum(abs(seen - told) * share for told, seen, share in reliability(hot, chance, weight, bins))


def reliability(
    hot: Flags, chance: Floats, weight: Floats | None = None, bins: int = BINS
) -> list[tuple[float, float, float]]:
    """For each bin of equal width with a row in it: its mean chance, its share of heated rows, its share of all."""
    weight = np.ones(len(chance)) if weight is None else weight
    place = np.minimum((chance * bins).astype(int), bins - 1)
    size = np.bincount(place, weight, bins)
    told, seen = np.bincount(place, weight * chance, bins), np.bincount(place, weight * hot, bins)
    return [
        (float(told[each] / size[each]), float(seen[each] / size[each]), float(size[each] / size.sum()))
        for each in range(bins)
        if size[each] > 0
    ]


def platt(hot: Flags, score: Floats, rounds: int = 200) -> Callable[[Floats], Floats]:
    """The two-parameter logistic fit (Platt 1999), by Newton's method on standardised scores."""
    middle, width = float(score.mean()), float(score.std()) or 1.0
    x, y = (score - middle) / width, hot.astype(float)
    slope, shift = 1.0, 0.0
    for _ in range(rounds):
        chance = _logistic(slope * x + shift)
        curve, error = np.maximum(chance * (1 - chance), 1e-9), chance - y
        matrix = np.array(
            [[(curve * x * x).sum() + 1e-3, (curve * x).sum()], [(curve * x).sum(), curve.sum() + 1e-3]]
        )
        step = np.linalg.solve(matrix, [(error * x).sum() + 1e-3 * slope, error.sum()])
        slope, shift = slope - float(step[0]), shift - float(step[1])
        if np.abs(step).sum() < 1e-7:
            break
    return lambda scores: _logistic(slope * (scores - middle) / width + shift)


def _logistic(logit: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); everything when there is nothing to go by."""
    if not total:
        return 0.0, 1.0
    share, spread = count / total, Z95 * Z95 / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(
    group: NDArray[np.int64],
    measure: Callable[[Floats], Sequence[float]],
    *,
    times: int = 500,
    seed: int = 7,
) -> list[tuple[float, float]]:
    """The 95 % percentile interval of each measure when groups of rows are drawn again (Efron 1979).

    `measure` takes a weight for each row. Rows of one group (the same text in two mails) are drawn together.
    """
    draw = np.random.default_rng(seed)
    names, place = np.unique(group, return_inverse=True)
    seen = [
        measure(
            np.bincount(draw.integers(0, len(names), len(names)), minlength=len(names))[place].astype(float)
        )
        for _ in range(times)
    ]
    low, high = np.nanquantile(np.array(seen), (0.025, 0.975), axis=0)
    return [(float(one), float(other)) for one, other in zip(low, high, strict=True)]
