"""Holds: what is not known makes them longer, never shorter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from levelhead.hookspecs import Said
from levelhead.model import Hold, Level
from levelhead.policy.calendar import parse_hours
from levelhead.policy.holds import latest, release_at, spoken
from levelhead.policy.types import Calendar, CooldownPolicy

FRIDAY = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)  # 17:00 in Berlin
OFFICE = Calendar(zone=ZoneInfo("Europe/Berlin"), hours=parse_hours("Mon-Fri 09:00-17:30"))
COOLDOWN = CooldownPolicy(
    durations={
        Level.CALM: timedelta(0),
        Level.TENSE: timedelta(minutes=30),
        Level.HEATED: timedelta(hours=4),
        Level.HOSTILE: timedelta(hours=24),
    }
)


def until(level: Level, complete: bool = True, policy: CooldownPolicy = COOLDOWN) -> datetime:
    return release_at(level, complete, FRIDAY, policy, OFFICE)[0]


def test_a_calm_message_is_not_held():
    assert until(Level.CALM) == FRIDAY


def test_an_unknown_message_is_held_as_a_tense_one():
    assert until(Level.UNKNOWN) == until(Level.TENSE) == datetime(2026, 11, 20, 16, 30, tzinfo=UTC)


def test_a_failed_detector_never_releases_a_draft_early():
    for level in Level:
        assert until(level, complete=False) >= max(until(level), until(Level.HEATED))
    assert until(Level.HOSTILE, complete=False) == until(Level.HOSTILE)


def test_plain_time_is_used_when_the_operator_says_so():
    plain = CooldownPolicy(durations=COOLDOWN.durations, business_time=False)
    assert until(Level.HEATED, policy=plain) == FRIDAY + timedelta(hours=4)
    assert until(Level.HEATED) == datetime(2026, 11, 23, 11, 30, tzinfo=UTC)


def test_every_hold_says_why_in_one_sentence():
    for level in Level:
        for complete in (True, False):
            why = release_at(level, complete, FRIDAY, COOLDOWN, OFFICE)[1]
            assert why and "\n" not in why
    assert "4h of working time" in release_at(Level.HEATED, True, FRIDAY, COOLDOWN, OFFICE)[1]


@given(st.sampled_from(list(Level)), st.booleans(), st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)))
def test_no_hold_is_shorter_than_its_level_asks_for(level, complete, when):
    now = when.replace(tzinfo=UTC)
    assert release_at(level, complete, now, COOLDOWN, OFFICE)[0] >= now + COOLDOWN.of(level)


def test_of_several_holds_the_latest_wins_and_none_undercuts_the_floor():
    later, earlier = FRIDAY + timedelta(hours=9), FRIDAY + timedelta(hours=1)
    holds = (
        Said("a", Hold(earlier, "soon")),
        Said("b", Hold(later, "weekend")),
        Said("c", Hold(FRIDAY, "now")),
    )
    assert latest(holds, (FRIDAY, "floor")) == (later, "weekend")
    assert latest(holds[:1], (later, "floor")) == (later, "floor")
    assert latest((), (FRIDAY, "floor")) == (FRIDAY, "floor")


def test_durations_are_spoken_as_people_write_them():
    said = {
        timedelta(0): "0s",
        timedelta(minutes=90): "1h 30m",
        timedelta(hours=24): "24h",
        timedelta(days=3): "3d",
    }
    assert {duration: spoken(duration) for duration in said} == said
