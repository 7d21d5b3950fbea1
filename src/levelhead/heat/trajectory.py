"""The early warning: how likely one of the client's next two messages is heated, told before any has been.

Two small logistics whose coefficients only raise (each is 0 or more), so that no further sign of trouble makes a thread
look safer. The first says whether a message demands: it spares the courtesies, presses, names a fault. That is kept
with its verdict as the label `demand`. The second looks at a thread: who demands again, whose tone rises, who
waits for us, who writes faster, whom the client put in copy. It needs no text of earlier mail, which no thread keeps.
`training/trajectory.py` learns both and writes `trajectory.toml`, with what was measured on threads by another hand.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.resources import files

from levelhead.errors import UserError
from levelhead.heat.manners import bearing, courtesies
from levelhead.heat.thread import HOT, course
from levelhead.model import Direction, Past

DEMAND = "demand"
"""The label of a message that demands: no heat by itself, and remembered."""

DEMANDS_FROM = 0.5
"""The probability from which on a message demands."""

CALM_LOGIT, HOT_LOGIT = -3.0, 0.4
"""The logits of a score that count as no heat and as all of it: the baseline of a plain message, and `heated`."""

AHEAD = 2
"""How many of the client's next messages the probability is about."""

LEAST_TOLD = 0.2
"""Logits that a sign must add to be told."""

FILE = "trajectory.toml"

SLOW = timedelta(hours=48)
"""A wait for our answer that counts in full."""

SIGNS: Mapping[str, str] = {
    "demanding": "their message asks for what is due and spares the courtesies",
    "again": "they ask for it again",
    "turned": "their first message was friendlier",
    "rising": "this message is sharper than what they wrote before",
    "haste": "they write at shorter intervals",
    "readers": "they have put somebody new in copy",
    "slow": "they had to wait for an answer",
}
"""What may be seen of a thread, each from 0 to 1, and the sentence that is said of it."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What was learnt, and how well it does."""

    demand_bias: float
    demand: Mapping[str, float]
    """By what `manners.courtesies` tells of a text; logits, never below 0."""
    bias: float
    signs: Mapping[str, float]
    """By sign; logits, never below 0."""
    threshold: float
    """The probability from which on a warning is given."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """On threads that nothing was learnt from: `warned` in so many of `threads`, `right` in so many; `precision`,
    `recall` and `calm_warned` (of the calm threads) with their 95 % intervals (Wilson), `_low` and `_high`."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected of a thread: the probability, whether to warn of it now, and the signs."""

    probability: float
    warns: bool
    why: tuple[str, ...]
    """Sentences, the weightiest first."""


def demands(text: str, language: str = "", known: Trajectory | None = None) -> bool:
    """Whether a newly written text demands: curt, pressing, and about a fault."""
    known = known or trajectory()
    borne = bearing(text, language)
    # The fault, which takes longer to tell, only raises: often it makes no difference.
    if _logistic(known.demand_bias, known.demand, borne | {"fault": 1.0}) < DEMANDS_FROM:
        return False
    if _logistic(known.demand_bias, known.demand, borne | {"fault": 0.0}) >= DEMANDS_FROM:
        return True
    return _logistic(known.demand_bias, known.demand, courtesies(text, language)) >= DEMANDS_FROM


def outlook(
    letters: Sequence[Past], familiar: frozenset[str] = frozenset(), known: Trajectory | None = None
) -> Outlook | None:
    """What a thread lets expect after its last message, by the client; `letters` are in order, each with its verdict.

    None where there is nothing to foresee: the last is not the client's, it has no score, or the thread has been heated
    already, with it or before. A thread warns once: not where an earlier message, judged as it was, did so already.
    `familiar` are addresses that are nobody new (lower case).
    """
    known = known or trajectory()
    here = _chance(letters, familiar, known)
    if here is None:
        return None
    probability, seen = here
    parts = {name: coefficient * seen[name] for name, coefficient in known.signs.items()}
    told = sorted(
        (name for name, part in parts.items() if part >= LEAST_TOLD), key=lambda name: (-parts[name], name)
    )
    warns = probability >= known.threshold and not any(
        (earlier := _chance(letters[:count], familiar, known)) and earlier[0] >= known.threshold
        for count in range(1, len(letters))
    )
    return Outlook(probability, warns, tuple(SIGNS[name] for name in told))


def _chance(
    letters: Sequence[Past], familiar: frozenset[str], known: Trajectory
) -> tuple[float, dict[str, float]] | None:
    """The probability after the last of these letters and its signs, or None as `outlook` says."""
    if not letters or letters[-1].direction is not Direction.IN or letters[-1].score is None:
        return None
    if any(past.direction is Direction.IN and past.level in HOT for past in letters):
        return None
    seen = signs(letters, familiar)
    return _logistic(known.bias, known.signs, seen), seen


def signs(letters: Sequence[Past], familiar: frozenset[str] = frozenset()) -> dict[str, float]:
    """Every sign of `SIGNS` after the last of these letters, 0..1."""
    now, known = letters[-1], course(letters, familiar)
    earlier = [_heat(past.score) for past in known.theirs if past.score is not None]
    asked = [DEMAND in past.labels for past in known.theirs]
    asks = DEMAND in now.labels
    return {
        "demanding": float(asks),
        "again": float(asks and asked[-1:] == [True]),
        "turned": float(asks and not asked[0]) if asked else 0.0,
        "rising": max(0.0, _heat(now.score or 0.0) - math.fsum(earlier) / len(earlier)) if earlier else 0.0,
        "haste": float(len(known.gaps) > 1 and known.gaps[-1] <= known.gaps[-2] / 2),
        "readers": min(2, len(known.newcomers) + known.joined) / 2,
        "slow": min(1.0, known.waited / SLOW),
    }


def _heat(score: float) -> float:
    """A score as a part of the way, in logits, from a plain message to a heated one."""
    bounded = min(max(score, 1e-6), 1 - 1e-6)
    logit = math.log(bounded / (1 - bounded))
    return min(1.0, max(0.0, (logit - CALM_LOGIT) / (HOT_LOGIT - CALM_LOGIT)))


def _logistic(bias: float, coefficients: Mapping[str, float], values: Mapping[str, float]) -> float:
    return 1 / (1 + math.exp(-(bias + math.fsum(part * values[name] for name, part in coefficients.items()))))


@cache
def trajectory() -> Trajectory:
    """What ships; raises UserError when the file is damaged."""
    try:
        return read_trajectory(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UserError(f"heat/{FILE} is damaged ({exc}); install levelhead again") from exc


def read_trajectory(text: str) -> Trajectory:
    """What such a file says; raises ValueError, KeyError, TypeError or AttributeError for what is none."""
    table = tomllib.loads(text)
    return Trajectory(
        demand_bias=float(table["demand_bias"]),
        demand={name: float(value) for name, value in table["demand"].items()},
        bias=float(table["bias"]),
        signs={name: float(table["signs"][name]) for name in SIGNS},
        threshold=float(table["threshold"]),
        measured={name: float(value) for name, value in table["measured"].items()},
    )
