"""Alerts: told by rung, until somebody has them; a channel that fails never ends a ladder in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from levelhead.errors import UserError
from levelhead.hookspecs import Channel
from levelhead.lifecycle import AlertState
from levelhead.model import Alert, Direction, Severity
from levelhead.policy.calendar import parse_span
from levelhead.policy.types import LadderPolicy, Rung

HOUR = timedelta(hours=1)


@pytest.fixture
def alarmed(office):
    """An office with one open alert that nobody has been told of yet."""
    office.arrive()
    office.pay()
    return office


def told(office) -> list[tuple[str, int]]:
    return [(channel, rung) for channel, _, rung in office.panel.delivered]


def test_an_alert_climbs_its_ladder_and_then_repeats_the_last_rung(alarmed):
    alarmed.pass_time(seconds=59)
    assert told(alarmed) == []
    alarmed.pass_time(seconds=1)
    assert told(alarmed) == [("phone", 0)]
    alarmed.pass_time(hours=1)
    assert told(alarmed) == [("phone", 0), ("partner", 1)]
    alarmed.pass_time(hours=4)
    alarmed.pass_time(hours=4)
    assert told(alarmed)[2:] == [("partner", 2), ("partner", 3)]
    assert len({key for _, key, _ in alarmed.panel.delivered}) == 1


def test_an_acknowledged_alert_never_fires_again(alarmed):
    alarmed.pass_time(minutes=1)
    alarmed.hands.ack(alarmed.the_alert().key[:8])
    assert not any(key.startswith(("climb", "notify")) for key in alarmed.jobs())
    for _ in range(10):
        alarmed.pass_time(days=30)
    assert told(alarmed) == [("phone", 0)] and alarmed.the_alert().state == AlertState.ACKNOWLEDGED


def test_an_alert_acknowledged_between_the_rung_and_the_telling_is_told_to_nobody(alarmed):
    alarmed.clock.advance(minutes=1)
    alarmed.worker().pay(limit=1)
    assert any(key.startswith("notify") for key in alarmed.jobs())
    alarmed.hands.ack(alarmed.the_alert().key)
    alarmed.pass_time(days=1)
    assert told(alarmed) == []


def test_a_rung_that_was_claimed_before_the_acknowledgement_tells_nobody(alarmed):
    alarmed.clock.advance(minutes=1)
    (job,) = alarmed.store.claim("work", alarmed.clock.now(), limit=1, lease_seconds=0)
    alarmed.hands.ack(alarmed.the_alert().key)
    alarmed.alerts.climb(job)
    alarmed.pass_time(days=1)
    assert told(alarmed) == [] and "alert.climbed" not in alarmed.facts()


def test_my_own_reply_ends_the_ladder(alarmed):
    alarmed.pass_time(minutes=1)
    alarmed.arrive("reply", direction=Direction.OUT)
    alarmed.pass_time(days=1)
    assert told(alarmed) == [("phone", 0)] and alarmed.the_alert().state == AlertState.ANSWERED


def test_a_snoozed_alert_is_quiet_and_then_climbs_on(alarmed):
    alarmed.pass_time(minutes=1)
    alarmed.hands.snooze(alarmed.the_alert().key, 5 * HOUR)
    alarmed.pass_time(hours=4, minutes=59)
    assert told(alarmed) == [("phone", 0)] and alarmed.the_alert().state == AlertState.SNOOZED
    alarmed.pass_time(minutes=1)
    assert told(alarmed) == [("phone", 0), ("partner", 1)] and alarmed.the_alert().state == AlertState.OPEN


def test_snoozing_in_the_moment_of_a_rung_still_counts(alarmed):
    alarmed.clock.advance(minutes=1)
    (job,) = alarmed.store.claim("work", alarmed.clock.now(), limit=1, lease_seconds=0)
    alarmed.hands.snooze(alarmed.the_alert().key, 5 * HOUR)
    alarmed.alerts.climb(job)
    alarmed.pay()
    assert told(alarmed) == [] and alarmed.the_alert().state == AlertState.SNOOZED
    alarmed.pass_time(hours=5)
    assert told(alarmed) == [("phone", 0)]


def test_a_ladder_survives_a_restart(alarmed):
    alarmed.pass_time(minutes=1)
    alarmed.restart()
    alarmed.pass_time(hours=1)
    assert told(alarmed) == [("phone", 0), ("partner", 1)]


def test_a_machine_that_slept_tells_one_rung_and_not_all_of_them_at_once(alarmed):
    alarmed.pass_time(days=2)
    assert told(alarmed) == [("phone", 0)]


def test_more_of_the_same_is_counted_and_told_as_one(alarmed):
    for number in range(19):
        alarmed.clock.advance(seconds=1)
        alarmed.arrive(f"again-{number}")
    alarmed.pass_time(minutes=1)
    assert told(alarmed) == [("phone", 0)] and alarmed.the_alert().count == 20


def test_quiet_hours_keep_an_alert_for_the_morning_and_a_threat_breaks_through(office):
    office.ladder = replace(office.ladder, quiet=parse_span("16:30-08:00"))
    office.panel.alerts = (
        Alert("heat", Severity.WARNING, "heated"),
        Alert("threat", Severity.CRITICAL, "threat"),
    )
    office.arrive()
    office.pass_time(minutes=1)
    office.pass_time(minutes=1)
    loud = office.the_alert("threat").key
    assert [key for _, key, _ in office.panel.delivered] == [loud]
    morning = office.the_alert("heat").next_rung_at.astimezone(ZoneInfo("Europe/Berlin"))
    assert (morning.hour, morning.day) == (8, 21)


def test_a_word_that_is_tried_again_waits_for_quiet_hours_to_end(alarmed):
    alarmed.panel.broken_channels = {"phone"}
    alarmed.pass_time(minutes=1)
    alarmed.panel.broken_channels = set()
    alarmed.ladder = replace(alarmed.ladder, quiet=parse_span("16:30-08:00"))
    alarmed.pass_time(minutes=5)
    assert told(alarmed) == []


def test_a_channel_that_fails_is_tried_again_with_a_growing_pause(alarmed):
    alarmed.panel.broken_channels = {"phone"}
    alarmed.pass_time(minutes=1)
    alarmed.panel.broken_channels = set()
    alarmed.pay()
    assert told(alarmed) == []
    alarmed.pass_time(seconds=30)
    assert told(alarmed) == [("phone", 0)]
    assert alarmed.facts("alert.undelivered", "alert.notified") == ["alert.undelivered", "alert.notified"]


def test_a_channel_that_keeps_failing_hands_over_to_the_next_rung_at_once_and_is_itself_an_alert(alarmed):
    alarmed.panel.broken_channels = {"phone"}
    for _ in range(6):
        alarmed.pass_time(minutes=2)
    assert ("partner", 1) in told(alarmed)
    blamed = alarmed.the_alert("channel-failed:phone")
    assert blamed.state == AlertState.OPEN and "phone" in blamed.title


def test_on_the_last_rung_another_configured_channel_is_told(alarmed):
    alarmed.pass_time(minutes=1)
    alarmed.panel.broken_channels = {"partner", "phone"}
    alarmed.pass_time(hours=1)
    for _ in range(12):
        alarmed.pass_time(minutes=2)
    assert ("pager", 1) in told(alarmed)


@pytest.fixture
def alone(office):
    """An office whose only channel is out, with one alert."""
    office.channels = ("phone",)
    office.ladder = LadderPolicy(rungs=(Rung(after=0 * HOUR, notify=("phone",)),), repeat=None)
    office.panel.alerts = (Alert("heat", Severity.WARNING, "acme is heated", "Sleep on it."),)
    office.panel.broken_channels = {"phone"}
    office.arrive()
    office.pay()
    return office


def minutes(office, number):
    for _ in range(number):
        office.pass_time(minutes=1)


@pytest.mark.parametrize("repeat", [None, 4 * HOUR])
def test_an_alert_that_nobody_took_is_told_soon_after_the_network_is_back(alone, repeat):
    alone.ladder = replace(alone.ladder, repeat=repeat)
    minutes(alone, 9 * 60)
    assert told(alone) == []
    alone.panel.broken_channels = set()
    minutes(alone, 15)
    heat = [word for word in alone.panel.delivered if word[1] == alone.the_alert().key]
    assert 1 <= len(heat) <= 2
    assert alone.the_alert("channel-failed:phone").state == AlertState.RESOLVED
    minutes(alone, 60)
    assert [word for word in alone.panel.delivered if word[1] == alone.the_alert().key] == heat


def test_tries_that_go_on_are_recorded_once_an_hour(alone):
    minutes(alone, 60)
    before = alone.facts("alert.undelivered")
    minutes(alone, 10 * 60)
    facts = [fact for _, fact in alone.store.facts_about(kind="alert.undelivered")]
    assert 9 <= len(facts) - len(before) <= 11
    assert not any(fact.final for fact in facts if fact.key == alone.the_alert().key)


@pytest.mark.parametrize("act", ["ack", "answer"])
def test_an_alert_that_nobody_took_is_tried_until_somebody_has_it(alone, act):
    minutes(alone, 60)
    if act == "ack":
        alone.hands.ack(alone.the_alert().key)
    else:
        alone.arrive("reply", direction=Direction.OUT)
    minutes(alone, 16)
    assert not [key for key in alone.jobs() if alone.the_alert().key in key]


def test_tries_that_go_on_wait_for_quiet_hours_to_end(alone):
    alone.ladder = replace(alone.ladder, quiet=parse_span("18:30-08:00"))
    minutes(alone, 40)
    alone.clock.advance(hours=2)
    alone.panel.broken_channels = set()
    minutes(alone, 60)
    assert told(alone) == [], "it is 20:41 in Berlin"
    alone.clock.advance(hours=12)
    minutes(alone, 1)
    assert ("phone", alone.the_alert().key, 0) in alone.panel.delivered


def test_a_channel_is_not_waited_for_once_another_one_has_taken_the_alert(alarmed):
    alarmed.panel.broken_channels = {"phone"}
    alarmed.ladder = replace(alarmed.ladder, repeat=None)
    minutes(alarmed, 60)
    assert ("partner", 1) in told(alarmed)
    assert not [key for key in alarmed.jobs() if key.startswith("notify")]


def test_a_channel_is_not_waited_for_once_another_one_was_told_in_its_place(alarmed):
    alarmed.ladder = replace(alarmed.ladder, repeat=None)
    alarmed.panel.broken_channels = {"partner"}
    minutes(alarmed, 120)
    assert ("phone", 1) in told(alarmed)
    assert not [key for key in alarmed.jobs() if key.startswith("notify")]


def test_a_channel_that_has_a_new_name_is_told_in_place_of_the_old_one(alone):
    alone.pass_time(minutes=1)
    alone.panel.broken_channels = set()
    alone.channels = ("mobile",)
    alone.ladder = replace(alone.ladder, rungs=(Rung(after=0 * HOUR, notify=("mobile",)),))
    minutes(alone, 2)
    assert ("mobile", alone.the_alert().key, 0) in alone.panel.delivered


def test_when_no_channel_takes_anything_the_alerts_stay_visible_and_make_no_others(alarmed):
    alarmed.panel.broken_channels = set(alarmed.channels)
    alarmed.ladder = replace(alarmed.ladder, repeat=None)
    for _ in range(200):
        alarmed.pass_time(hours=1)
    assert alarmed.the_alert().state == AlertState.OPEN
    assert {row.rule for row in alarmed.store.alerts()} == {
        "heat",
        *(f"channel-failed:{one}" for one in alarmed.channels),
    }


def test_a_channel_that_works_again_ends_its_alert(alarmed):
    alarmed.panel.broken_channels = {"phone"}
    for _ in range(6):
        alarmed.pass_time(minutes=2)
    alarmed.panel.broken_channels = set()
    alarmed.pass_time(hours=2)
    alarmed.panel.alerts = (Alert("other", Severity.WARNING, "more"),)
    alarmed.arrive("more", thread_key="t2")
    alarmed.pass_time(minutes=2)
    alarmed.pass_time(minutes=2)
    assert alarmed.the_alert("channel-failed:phone").state == AlertState.RESOLVED


def test_a_channel_that_is_not_configured_any_more_is_given_up_at_once(alarmed):
    alarmed.channels = ("partner",)
    alarmed.pass_time(minutes=1)
    assert told(alarmed) == [("partner", 1)]
    undelivered = next(fact for _, fact in alarmed.store.facts_about(kind="alert.undelivered"))
    assert undelivered.final and "no channel is called phone" in undelivered.why


def test_a_channel_whose_secret_cannot_be_read_is_a_failure_like_any_other(alarmed):
    def no_secret() -> Channel:
        raise UserError("cannot read url_file")

    alerts = alarmed.alerts
    alerts._channels = {"phone": no_secret}
    alarmed.clock.advance(minutes=1)
    alarmed.worker().pay(limit=1)
    (job,) = [
        job
        for job in alarmed.store.claim("work", alarmed.clock.now(), limit=9, lease_seconds=0)
        if job.kind == "notify"
    ]
    alerts.notify(job)
    undelivered = next(fact for _, fact in alarmed.store.facts_about(kind="alert.undelivered"))
    assert undelivered.why == "cannot read url_file"


def test_without_channels_an_alert_is_raised_and_visible_and_nothing_is_owed(office):
    office.ladder = LadderPolicy()
    office.arrive()
    office.pay()
    assert office.the_alert().state == AlertState.OPEN
    assert [key for key in office.jobs() if not key.startswith("place")] == []
    assert office.the_alert().next_rung_at is None


def test_channels_that_come_later_do_not_wake_what_was_acknowledged(office):
    office.ladder = LadderPolicy()
    office.arrive()
    office.pay()
    office.hands.snooze(office.the_alert().key, HOUR)
    office.pass_time(hours=1)
    assert office.the_alert().state == AlertState.OPEN and told(office) == []


# --- health ----------------------------------------------------------------------------------


def test_trouble_of_levelhead_itself_is_one_alert_until_it_is_over(office):
    def raise_it(severity=Severity.WARNING):
        return office.health.raise_health("mailbox-lost", "work", severity, "work is lost", "log in again")

    first = raise_it()
    assert raise_it() == first and office.the_alert("mailbox-lost:work").count == 1
    raise_it(Severity.CRITICAL)
    assert office.the_alert("mailbox-lost:work").severity == "critical"
    office.health.raise_health("mailbox-lost", "home", Severity.WARNING, "home is lost", "")
    assert len(office.store.alerts()) == 2
    assert office.health.resolve_health("mailbox-lost", "work", "it is back")
    assert not office.health.resolve_health("mailbox-lost", "work", "it is back")
    office.clock.advance(seconds=1)
    assert raise_it() != first
    assert [row.state for row in office.store.alerts() if row.rule == "mailbox-lost:work"] == [
        "resolved",
        "open",
    ]


def test_trouble_that_is_known_is_said_again_without_a_write(office, monkeypatch):
    def raise_it(severity=Severity.WARNING):
        return office.health.raise_health("mailbox-lost", "work", severity, "work is lost", "log in again")

    first = raise_it()
    with monkeypatch.context() as patch:
        patch.setattr(office.store, "transaction", None)
        assert raise_it() == first
    assert raise_it(Severity.CRITICAL) == first
    assert office.the_alert("mailbox-lost:work").severity == "critical"


def test_a_health_alert_is_told_and_stops_when_it_is_resolved(office):
    office.health.raise_health("disk-full", "", Severity.CRITICAL, "the disk is full", "make room")
    office.pass_time(minutes=1)
    office.health.resolve_health("disk-full", "", "there is room")
    assert office.jobs() == set()
    office.pass_time(days=2)
    assert told(office) == [("phone", 0)]


def test_a_health_alert_joins_the_transaction_that_it_is_given(office):
    with pytest.raises(RuntimeError), office.store.transaction(office.clock.now()) as tx:
        office.health.raise_health("disk-full", "", Severity.CRITICAL, "full", "", tx=tx)
        raise RuntimeError
    assert office.store.alerts() == ()


def test_an_alert_that_cannot_even_be_tried_makes_one_alert_and_not_one_for_each(office):
    office.arrive()
    office.pay()
    office.panel.on_deliver = lambda notice, channel: 1 / 0
    for _ in range(60):
        office.pass_time(hours=2)
    assert len([row for row in office.store.alerts() if row.rule.startswith("notify-given-up")]) == 1
