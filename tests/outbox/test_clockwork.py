"""A clock that somebody sets: what waits, waits as long as was meant, and nothing waits for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levelhead.lifecycle import AlertState, DraftState
from levelhead.outbox.clockwork import SET, move_what_waits
from levelhead.store.api import WORK

HOUR = timedelta(hours=1)


@pytest.fixture
def held(office):
    office.arrive()
    office.pay()
    return office


def set_clock(office, by: timedelta) -> None:
    """What the daemon does when somebody has set the clock; to `office.clock` a jump is as if nobody had waited."""
    with office.store.transaction(office.clock.now() + by) as tx:
        move_what_waits(tx, round(by.total_seconds()))
    office.clock._now += by


@pytest.mark.parametrize("by", [3 * HOUR, 48 * HOUR, -HOUR, -24 * 365 * HOUR])
def test_a_cool_down_is_as_long_as_it_was_set_whatever_the_clock_is_set_to(held, by):
    set_clock(held, by)
    held.pass_time(hours=3, minutes=59)
    assert held.the_draft().state == DraftState.HELD and held.drafts.kept == {}
    held.pass_time(minutes=1)
    assert held.the_draft().state == DraftState.PLACED and len(held.drafts.kept) == 1


@given(jumps=st.lists(st.integers(-300_000, 300_000), max_size=5))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_number_of_jumps_leaves_the_cool_down_as_it_was(jumps, new_office, tmp_path_factory):
    office = new_office(tmp_path_factory.mktemp("office") / "index.sqlite")
    office.arrive()
    office.pay()
    for jump in jumps:
        set_clock(office, timedelta(seconds=jump))
        office.pass_time(minutes=47)
    office.pass_time(hours=4, minutes=-47 * len(jumps) - 1)
    assert office.the_draft().state == DraftState.HELD
    office.pass_time(minutes=1)
    assert office.the_draft().state == DraftState.PLACED
    office.raw_store.close()


def test_a_clock_that_is_set_back_keeps_no_alert_and_no_verdict_waiting(held):
    second = held.arrive("second", subject="And?", thread_key="t2")
    set_clock(held, -24 * HOUR)
    held.pay()
    assert held.store.judged(second.id) is not None, "what was owed at once is paid at once"
    key = next(row.key for row in held.raw_store.alerts() if row.thread == "t1")
    held.pass_time(minutes=2)
    assert ("phone", key, 0) in held.panel.delivered, "it is told a minute after it was raised, not a day"
    held.pass_time(hours=1)
    assert ("partner", key, 1) in held.panel.delivered, "the next rung comes an hour after the first"


def test_a_snoozed_alert_stays_quiet_as_long_as_was_asked_for(held):
    held.hands.snooze(held.the_alert().key, 2 * HOUR)
    set_clock(held, 5 * HOUR)
    told = list(held.panel.delivered)
    held.pass_time(hours=1, minutes=59)
    assert held.panel.delivered == told and held.the_alert().state == AlertState.SNOOZED
    held.pass_time(minutes=1)
    assert held.panel.delivered != told and held.the_alert().state == AlertState.OPEN


def test_what_is_not_waiting_any_more_is_left_alone(held):
    held.pass_time(hours=4)
    held.hands.ack(held.the_alert().key)
    before = held.the_draft()
    set_clock(held, HOUR)
    assert held.the_draft() == before
    assert held.facts("draft.rescheduled", "alert.rescheduled") == []
    (jumped,) = [fact for _, fact in held.raw_store.facts_about(kind="clock.jumped")]
    assert (jumped.by_seconds, jumped.why, jumped.noticed_at) == (3600, SET, held.clock.now())


def test_a_debt_that_is_being_paid_while_the_clock_is_set_is_paid_once(held):
    held.arrive("second", subject="And?", thread_key="t2")
    (job,) = held.store.claim(WORK, held.clock.now(), limit=1, lease_seconds=60)
    set_clock(held, HOUR)
    held.judge.judge(job)
    asked = list(held.panel.asked)
    held.pass_time(hours=2)
    assert held.panel.asked.count("detect") == asked.count("detect")
