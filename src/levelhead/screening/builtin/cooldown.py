"""The built-in `cooldown` plugin: holds a drafted reply for as long as its level asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from levelhead import Hold, Level, Verdict, hookimpl
from levelhead.policy.holds import release_at
from levelhead.policy.types import Calendar, CooldownPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownSettings:
    """How long by level, and which hours count."""

    policy: CooldownPolicy
    calendar: Calendar


@hookimpl
def configure(settings: Mapping[str, Any]) -> CooldownSettings:
    """The durations that ship, on the clock on the wall, for whoever gives none."""
    durations = {
        Level.CALM: timedelta(0),
        Level.TENSE: timedelta(minutes=30),
        Level.HEATED: timedelta(hours=4),
        Level.HOSTILE: timedelta(hours=24),
    }
    return CooldownSettings(
        policy=CooldownPolicy(durations=durations, business_time=False),
        calendar=Calendar(zone=ZoneInfo("UTC"), hours={}),
    )


@hookimpl
def hold(verdict: Verdict, now: datetime, settings: CooldownSettings) -> Hold:
    """Until the cool-down of the verdict's level is over; an incomplete verdict waits as long as a heated one."""
    until, why = release_at(verdict.level, verdict.complete, now, settings.policy, settings.calendar)
    return Hold(until, why)
