"""Alerts about a mailbox that is not watched: told at once, then daily, until it is over or somebody has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from levelhead.lifecycle import AlertState
from levelhead.model import Severity
from levelhead.outbox.health import BLIND

HOUR = timedelta(hours=1)


def rings(office) -> int:
    return len(office.panel.delivered)


def lose(office, rule: str = "mailbox-refused") -> str:
    """An alert about a mailbox, whose ladder was climbed to its end."""
    key = office.health.raise_health(rule, "work", Severity.CRITICAL, "work is lost", "log in again")
    office.pass_time(minutes=1)
    office.pass_time(hours=1)
    return key


@pytest.mark.parametrize("repeat", [None, timedelta(days=7)])
@pytest.mark.parametrize("rule", sorted(BLIND))
def test_a_blind_mailbox_is_told_daily_whatever_the_ladder_repeats(office, rule, repeat):
    office.ladder = replace(office.ladder, repeat=repeat)
    lose(office, rule)
    before = rings(office)
    for day in range(1, 8):
        office.pass_time(hours=23, minutes=59)
        assert rings(office) == before + day - 1, "not before a day is over"
        office.pass_time(minutes=1)
        assert rings(office) == before + day


def test_a_ladder_that_repeats_sooner_than_daily_is_left_as_it_is(office):
    lose(office)
    before = rings(office)
    office.pass_time(hours=4)
    assert rings(office) == before + 1


def test_other_alerts_stay_silent_where_the_ladder_repeats_nothing(office):
    office.ladder = replace(office.ladder, repeat=None)
    lose(office, "disk-full")
    before = rings(office)
    for _ in range(3):
        office.pass_time(days=1)
    assert rings(office) == before


def test_who_has_a_blind_mailbox_is_not_told_of_it_again(office):
    office.ladder = replace(office.ladder, repeat=None)
    key = lose(office)
    before = rings(office)
    office.hands.ack(key)
    for _ in range(4):
        office.pass_time(days=1)
    assert (
        rings(office) == before and office.the_alert("mailbox-refused:work").state == AlertState.ACKNOWLEDGED
    )


def test_a_snooze_silences_the_daily_word_for_as_long_as_it_says(office):
    office.ladder = replace(office.ladder, repeat=None)
    key = lose(office)
    before = rings(office)
    office.hands.snooze(key, 60 * HOUR)
    office.pass_time(hours=59)
    assert rings(office) == before
    office.pass_time(hours=1)
    assert rings(office) == before + 1
    office.pass_time(days=1)
    assert rings(office) == before + 2


def test_a_restart_neither_repeats_the_word_within_the_day_nor_forgets_the_next(office):
    office.ladder = replace(office.ladder, repeat=None)
    lose(office)
    before = rings(office)
    for hours in (0, 11, 12.9):
        office.pass_time(hours=hours)
        office.restart()
        # Whoever looks after a restart finds the same trouble, and raises the same alert again.
        office.health.raise_health(
            "mailbox-refused", "work", Severity.CRITICAL, "work is lost", "log in again"
        )
        office.pass_time(seconds=1)
        assert rings(office) == before
    office.pass_time(minutes=6)
    assert rings(office) == before + 1


def test_the_word_ends_with_the_trouble(office):
    office.ladder = replace(office.ladder, repeat=None)
    lose(office)
    before = rings(office)
    office.health.resolve_health("mailbox-refused", "work", "the mailbox is watched again")
    office.pass_time(days=3)
    assert rings(office) == before and office.jobs() == set()
