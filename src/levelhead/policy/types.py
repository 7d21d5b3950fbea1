"""What the operator has decided, as plain values that the pure rules take. `daemon/app.py` makes them from Settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from levelhead.model import Level

Span = tuple[time, time]
"""From (inclusive) to (exclusive), in local time; equal ends: the whole day; an end before its start wraps midnight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPolicy:
    """Thresholds on the 0..1 score, the smallest score of each level, and what each label's strength weighs."""

    tense: float = 0.35
    heated: float = 0.6
    hostile: float = 0.85
    baseline: bool = True
    weights: Mapping[str, float] = field(default_factory=dict)
    """Factor on a label's share; 1 when not named, 0 mutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When work is done: `hours` by weekday (Monday 0) as spans of local time, without `holidays`."""

    zone: ZoneInfo
    hours: Mapping[int, tuple[Span, ...]]
    holidays: Callable[[date], bool] = lambda day: False


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownPolicy:
    """How long a reply is held by level; in business time when `business_time`."""

    durations: Mapping[Level, timedelta]
    business_time: bool = True
    stale_after: timedelta = timedelta(days=14)

    def of(self, level: Level) -> timedelta:
        """UNKNOWN is held as TENSE."""
        return self.durations[Level.TENSE if level is Level.UNKNOWN else level]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPolicy:
    """Whether replies are drafted, with which templates and signature."""

    enabled: bool = True
    templates: Path | None = None
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One step of the ladder: `after` the alert was raised, tell these channels, at any hour or in business hours."""

    after: timedelta
    notify: tuple[str, ...]
    business_hours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderPolicy:
    """How alerts climb. `quiet` is the span of local time in which nothing below `break_through` is delivered."""

    rungs: tuple[Rung, ...] = ()
    quiet: Span | None = None
    break_through: Level = Level.HOSTILE
    group_wait: timedelta = timedelta(minutes=1)
    repeat: timedelta | None = timedelta(hours=4)
    """After the last rung the last rung is told again this often, until somebody has it; None: not."""
