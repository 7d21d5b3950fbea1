"""Plans: what is drafted, held, raised, superseded and answered, and for whom nothing happens at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from levelhead.hookspecs import Said
from levelhead.lifecycle import LIVE_DRAFTS, AlertState, DraftState
from levelhead.model import Address, Alert, Direction, Draft, Hold, Level, Message, Severity, Verdict
from levelhead.policy.calendar import always_open
from levelhead.policy.plan import (
    LiveDraft,
    OpenAlert,
    Rules,
    Surroundings,
    alert_key,
    draft_key,
    plan,
    why_no_warning,
)
from levelhead.policy.types import CooldownPolicy, LadderPolicy, Rung

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
COOLDOWN = CooldownPolicy(
    durations={Level.CALM: 0 * HOUR, Level.TENSE: HOUR / 2, Level.HEATED: 4 * HOUR, Level.HOSTILE: 24 * HOUR},
    business_time=False,
)
RULES = Rules(
    cooldown=COOLDOWN,
    ladder=LadderPolicy(rungs=(Rung(after=0 * HOUR, notify=("phone",)),)),
    calendar=always_open(ZoneInfo("Europe/Berlin")),
)
MESSAGE = Message(
    id="a" * 64,
    seq=7,
    client="acme",
    direction=Direction.IN,
    sender=Address(address="boss@acme.example"),
    received_at=NOW - HOUR,
    thread_key="t1",
)
DRAFT = Said("templates", Draft("Re: hello", "Dear boss"))
WARNING = Said("escalation", Alert("heat", Severity.WARNING, "acme is heated"))
HELD = LiveDraft(key="d1", state=DraftState.HELD, about=NOW - 2 * HOUR)
OPEN = OpenAlert(
    key="a1",
    rule="heat",
    severity=Severity.WARNING,
    state=AlertState.OPEN,
    next_rung_at=NOW + HOUR,
    about=NOW - 2 * HOUR,
)
AROUND = Surroundings(mailbox="work", drafts=(HELD,))


def verdict(level: Level = Level.HEATED, complete: bool = True) -> Verdict:
    score = None if level is Level.UNKNOWN else 700_000
    return Verdict(level=level, millionths=score, complete=complete)


def planned(message=MESSAGE, judged=None, draft=DRAFT, holds=(), alerts=(), around=AROUND, rules=RULES):
    return plan(message, judged or verdict(), draft, holds, alerts, around, rules, NOW)


def out(**changes):
    return replace(MESSAGE, id="b" * 64, direction=Direction.OUT, **changes)


# --- drafts ----------------------------------------------------------------------------------


def test_a_draft_is_held_by_the_latest_hold():
    holds = (
        Said("cooldown", Hold(NOW + 4 * HOUR, "heated")),
        Said("weekend", Hold(NOW + 60 * HOUR, "weekend")),
    )
    (held,) = planned(holds=holds).drafts
    assert (held.release_at, held.why, held.key) == (NOW + 60 * HOUR, "weekend", draft_key(MESSAGE.id))


def test_an_incomplete_verdict_is_held_as_long_as_heated_whatever_the_holds_say():
    for holds in ((), (Said("mine", Hold(NOW, "at once")),)):
        (held,) = planned(judged=verdict(Level.CALM, complete=False), holds=holds).drafts
        assert held.release_at == NOW + 4 * HOUR


def test_a_failed_hold_plugin_never_releases_a_draft_early():
    for level in Level:
        (held,) = planned(judged=verdict(level), around=replace(AROUND, hold_failed=True)).drafts
        assert held.release_at >= NOW + max(COOLDOWN.of(level), COOLDOWN.of(Level.HEATED))


def test_without_any_hold_plugin_the_configured_cool_down_stands():
    assert planned(judged=verdict(Level.HOSTILE)).drafts[0].release_at == NOW + 24 * HOUR
    assert planned(judged=verdict(Level.CALM)).drafts[0].release_at == NOW


def test_a_hold_in_the_past_is_not_before_now():
    (held,) = planned(holds=(Said("mine", Hold(NOW - HOUR, "long ago")),)).drafts
    assert held.release_at == NOW


@pytest.mark.parametrize(
    ("message", "around", "names"),
    [
        (replace(MESSAGE, history=True), AROUND, "history"),
        (replace(MESSAGE, automatic="list"), AROUND, "mailing list"),
        (replace(MESSAGE, automatic="bulk"), AROUND, "bulk"),
        (replace(MESSAGE, automatic="bounce"), AROUND, "delivery report"),
        (replace(MESSAGE, automatic="auto-reply"), AROUND, "automatic reply"),
        (replace(MESSAGE, automatic="calendar"), AROUND, "calendar"),
        (replace(MESSAGE, automatic="no-reply"), AROUND, "no replies"),
        (replace(MESSAGE, automatic="robot"), AROUND, "robot"),
        (replace(MESSAGE, direction=Direction.OUT), AROUND, "yourself"),
        (replace(MESSAGE, direction=Direction.OTHER), AROUND, "not from the client"),
        (replace(MESSAGE, received_at=NOW - timedelta(days=15)), AROUND, "14 days"),
        (replace(MESSAGE, sender=None), AROUND, "nobody"),
        (MESSAGE, replace(AROUND, same_as="c" * 64), "copy"),
        (MESSAGE, replace(AROUND, mailbox=""), "no mailbox"),
        (MESSAGE, replace(AROUND, drafting=False), "switched off"),
        (MESSAGE, replace(AROUND, answered=True), "answered already"),
        (MESSAGE, replace(AROUND, overtaken=True), "written again"),
        (MESSAGE, replace(AROUND, doubt="it has several From fields"), "several From fields"),
        (replace(MESSAGE, direction=Direction.OTHER), replace(AROUND, doubt="its domain"), "its domain"),
        (replace(MESSAGE, automatic="list"), replace(AROUND, doubt="its domain"), "its domain"),
        (replace(MESSAGE, history=True), replace(AROUND, doubt="its domain"), "history"),
    ],
)  # fmt: skip
def test_nothing_is_drafted_and_the_reason_is_said(message, around, names):
    result = planned(message, around=around)
    assert result.drafts == () and names in result.no_draft


def test_mail_whose_sender_is_in_doubt_supersedes_no_draft():
    assert planned(around=replace(AROUND, doubt="its name shows another address")).superseded == ()


def test_a_draft_that_does_not_go_where_the_client_asked_says_so():
    (held,) = planned(around=replace(AROUND, elsewhere="x@evil.example")).drafts
    assert "asks for replies at x@evil.example" in held.why and "addressed to its sender" in held.why


@pytest.mark.parametrize("direction", [Direction.IN, Direction.OTHER])
def test_a_pretender_is_warned_of_whoever_it_is_filed_under(direction):
    message = replace(MESSAGE, direction=direction)
    assert not why_no_warning(message, AROUND, COOLDOWN.stale_after, NOW)
    for quiet, around in (
        (replace(message, history=True), AROUND),
        (replace(message, direction=Direction.OUT), AROUND),
        (replace(message, received_at=NOW - timedelta(days=15)), AROUND),
        (message, replace(AROUND, same_as="c" * 64)),
    ):
        assert why_no_warning(quiet, around, COOLDOWN.stale_after, NOW)


def test_no_proposal_is_a_reason_too():
    assert planned(draft=None).no_draft == "no plugin proposed a reply"


# --- what a message makes obsolete -----------------------------------------------------------


@pytest.mark.parametrize("state", LIVE_DRAFTS)
def test_a_new_message_of_the_client_supersedes_live_drafts_and_is_answered_itself(state):
    result = planned(around=replace(AROUND, drafts=(replace(HELD, state=state),)))
    assert result.superseded == ("d1",) and result.drafts[0].key == draft_key(MESSAGE.id)


def test_my_own_reply_supersedes_the_draft_and_answers_the_alerts():
    result = planned(out(), around=replace(AROUND, alerts=(OPEN,), sent=True))
    assert (result.superseded, result.answered, result.drafts) == (("d1",), ("a1",), ())


def test_mail_in_my_name_that_was_not_seen_among_sent_mail_supersedes_and_answers_nothing():
    result = planned(out(), around=replace(AROUND, alerts=(OPEN,), doubt="anybody may have written it"))
    assert (result.superseded, result.answered, result.drafts) == ((), (), ())
    assert result.no_draft == "anybody may have written it"


@pytest.mark.parametrize("change", [{"automatic": "auto-reply"}, {"history": True}])
@pytest.mark.parametrize("direction", [Direction.IN, Direction.OUT])
def test_a_machine_and_history_supersede_and_answer_nothing(change, direction):
    # Mail of mine that is history and was brought from a file was seen in no mailbox.
    around = replace(AROUND, alerts=(OPEN,), sent=direction is Direction.OUT and "history" not in change)
    result = planned(replace(MESSAGE, direction=direction, **change), around=around)
    assert result.superseded == () == result.answered


def test_a_late_copy_of_my_own_reply_supersedes_and_answers_though_it_is_history_by_its_date():
    around = replace(AROUND, alerts=(OPEN,), sent=True)
    result = planned(out(history=True), around=around)
    assert (result.superseded, result.answered) == (("d1",), ("a1",))
    for silent in (out(history=True, automatic="auto-reply"), replace(MESSAGE, history=True)):
        assert planned(silent, around=around).superseded == () == planned(silent, around=around).answered
    copied = planned(out(history=True), around=replace(around, same_as="c" * 64))
    assert copied.superseded == () == copied.answered


def test_somebody_else_in_the_conversation_supersedes_nothing():
    assert planned(replace(MESSAGE, direction=Direction.OTHER)).superseded == ()


def test_a_copy_that_travelled_another_way_changes_nothing():
    result = planned(around=replace(AROUND, same_as="c" * 64, alerts=(OPEN,)), alerts=(WARNING,))
    assert (result.superseded, result.alerts, result.drafts) == ((), (), ())


def test_a_reply_that_is_older_than_the_mail_neither_supersedes_nor_answers():
    early = out(received_at=NOW - 3 * HOUR)
    result = planned(early, around=replace(AROUND, alerts=(OPEN,), sent=True))
    assert result.superseded == () == result.answered


def test_the_clients_own_message_does_not_answer_an_alert():
    assert planned(around=replace(AROUND, alerts=(OPEN,))).answered == ()


def test_a_draft_that_is_over_is_left_alone():
    over = replace(AROUND, drafts=(replace(HELD, state=DraftState.HANDLED),))
    assert planned(around=over).superseded == ()


# --- alerts ----------------------------------------------------------------------------------


def test_an_alert_is_raised_once_for_each_rule_with_the_highest_severity_said():
    louder = Said("mine", Alert("heat", Severity.CRITICAL, "threat"))
    other = Said("mine", Alert("promise", Severity.INFO, "due"))
    raised = planned(alerts=(WARNING, louder, other)).alerts
    assert [(each.alert.key, each.alert.severity) for each in raised] == [
        ("heat", "critical"),
        ("promise", "info"),
    ]
    assert raised[0].key == alert_key("heat", MESSAGE.id) and raised[0].next_rung_at == NOW + timedelta(
        minutes=1
    )


def test_the_same_trouble_again_is_counted_onto_the_open_alert():
    (counted,) = planned(alerts=(WARNING,), around=replace(AROUND, alerts=(OPEN,))).alerts
    assert (counted.repeat_of, counted.key, counted.next_rung_at) == ("a1", "a1", None)


def test_an_alert_that_gets_worse_is_told_sooner_but_not_while_snoozed():
    louder = Said("mine", Alert("heat", Severity.CRITICAL, "threat"))
    (worse,) = planned(alerts=(louder,), around=replace(AROUND, alerts=(OPEN,))).alerts
    assert worse.repeat_of == "a1" and worse.next_rung_at == NOW + timedelta(minutes=1)
    snoozed = replace(OPEN, state=AlertState.SNOOZED)
    assert planned(alerts=(louder,), around=replace(AROUND, alerts=(snoozed,))).alerts[0].next_rung_at is None


def test_an_acknowledged_alert_does_not_swallow_new_trouble():
    acked = replace(OPEN, state=AlertState.ACKNOWLEDGED)
    assert planned(alerts=(WARNING,), around=replace(AROUND, alerts=(acked,))).alerts[0].repeat_of == ""


def test_history_old_mail_my_own_mail_and_what_i_answered_raise_no_alert():
    quiet = (
        (replace(MESSAGE, history=True), AROUND),
        (out(), AROUND),
        (replace(MESSAGE, received_at=NOW - timedelta(days=15)), AROUND),
        (MESSAGE, replace(AROUND, answered=True)),
    )
    for message, around in quiet:
        assert planned(message, alerts=(WARNING,), around=around).alerts == ()


def test_without_a_channel_the_alert_is_raised_all_the_same():
    (raised,) = planned(alerts=(WARNING,), rules=replace(RULES, ladder=LadderPolicy())).alerts
    assert raised.next_rung_at is None


def test_keys_derive_from_the_message_and_never_from_the_thread():
    elsewhere = replace(MESSAGE, thread_key="t2")
    assert planned(elsewhere).drafts[0].key == planned().drafts[0].key
    assert draft_key("x") != alert_key("draft", "x") and len(draft_key("x")) == 16
