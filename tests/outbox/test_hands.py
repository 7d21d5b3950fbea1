"""What people do: each act recorded with its actor, each act that comes too late one clear sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from levelhead.errors import UserError
from levelhead.lifecycle import AlertState, DraftState, WrongState
from levelhead.model import Level
from levelhead.outbox.hands import Hands

HOUR = timedelta(hours=1)


@pytest.fixture
def held(office):
    office.arrive()
    office.pay()
    return office


def actor_of(office, kind):
    return next(fact for _, fact in office.store.facts_about(kind=kind)).actor


def test_releasing_places_the_draft_now_and_records_why(held):
    row = held.hands.release(held.the_draft().key[:6], "we spoke on the phone")
    assert row.release_at == held.clock.now()
    held.pay()
    assert held.the_draft().state == DraftState.PLACED and actor_of(held, "draft.released") == "me"


def test_releasing_needs_a_reason(held):
    with pytest.raises(UserError, match="why you end"):
        held.hands.release(held.the_draft().key, "  ")


def test_extending_counts_from_the_end_of_the_hold(held):
    until = held.the_draft().release_at
    assert held.hands.extend(held.the_draft().key, HOUR).release_at == until + HOUR
    held.pass_time(hours=4)
    assert held.drafts.kept == {}
    held.pass_time(hours=1)
    assert held.the_draft().state == DraftState.PLACED and actor_of(held, "draft.extended") == "me"


def test_extending_beyond_the_time_in_which_an_answer_makes_sense_is_refused(held):
    with pytest.raises(UserError, match="stale_after"):
        held.hands.extend(held.the_draft().key, timedelta(days=15))
    assert held.the_draft().release_at == held.clock.now() + 4 * HOUR


def test_cancelling_a_held_draft_means_that_it_never_appears(held):
    held.hands.cancel(held.the_draft().key)
    held.pass_time(days=1)
    assert held.drafts.kept == {} and held.the_draft().state == DraftState.CANCELLED
    assert actor_of(held, "draft.cancelled") == "me"


def test_cancelling_a_placed_draft_takes_it_out_again(held):
    held.pass_time(hours=4)
    held.hands.cancel(held.the_draft().key)
    held.pay()
    assert held.drafts.kept == {} and held.the_draft().state == DraftState.REMOVED


@pytest.mark.parametrize("act", ["release", "extend"])
def test_an_act_that_comes_too_late_is_one_clear_sentence(held, act):
    held.pass_time(hours=4)
    more = "because" if act == "release" else HOUR
    with pytest.raises(WrongState, match="the draft is placed"):
        getattr(held.hands, act)(held.the_draft().key, more)


def test_cancelling_twice_is_refused(held):
    held.hands.cancel(held.the_draft().key)
    with pytest.raises(WrongState, match="cancelled"):
        held.hands.cancel(held.the_draft().key)


def test_an_unknown_key_is_refused_and_nothing_is_recorded(held):
    before = held.facts()
    for act in (held.hands.cancel, held.hands.ack, lambda key: held.hands.release(key, "because")):
        with pytest.raises(UserError, match="zzz"):
            act("zzz")
    assert held.facts() == before


def test_acknowledging_twice_is_refused(held):
    held.hands.ack(held.the_alert().key)
    assert held.the_alert().state == AlertState.ACKNOWLEDGED and actor_of(held, "alert.acknowledged") == "me"
    with pytest.raises(WrongState, match="acknowledged"):
        held.hands.ack(held.the_alert().key)


@pytest.mark.parametrize("duration", [timedelta(0), -HOUR])
def test_no_duration_is_refused(held, duration):
    with pytest.raises(UserError, match="30m"):
        held.hands.snooze(held.the_alert().key, duration)
    with pytest.raises(UserError, match="30m"):
        held.hands.extend(held.the_draft().key, duration)


def test_a_duration_beyond_all_calendars_is_refused(held):
    with pytest.raises(UserError, match="calendars"):
        held.hands.snooze(held.the_alert().key, timedelta(days=999_999_999))


def test_a_mark_is_recorded_and_can_be_taken_back(held):
    (message,) = held.messages
    held.hands.mark(message[:10], Level.CALM, "she always writes so")
    assert held.store.marks(message) == "calm" and held.store.calibration("acme").marks == {"calm": 1}
    held.hands.undo_mark(message[:10])
    assert held.store.marks(message) is None
    with pytest.raises(UserError, match="no mark"):
        held.hands.undo_mark(message[:10])


def test_nobody_marks_a_message_as_unknown(held):
    with pytest.raises(UserError, match="calm, tense, heated or hostile"):
        held.hands.mark(next(iter(held.messages)), Level.UNKNOWN)


def test_a_note_is_recorded_for_a_client_that_is_known(held):
    held.hands.note("acme", "called, all calm", known=frozenset())
    held.hands.note("listed", "new client", known=frozenset({"listed"}))
    with pytest.raises(UserError, match="'amce'"):
        held.hands.note("amce", "typo", known=frozenset({"listed"}))
    with pytest.raises(UserError, match="needs a text"):
        held.hands.note("acme", " ")
    assert held.facts().count("note.taken") == 2 and actor_of(held, "note.taken") == "me"


def test_what_is_held_for_a_mailbox_that_is_gone_cannot_be_released_and_can_be_cancelled(held):
    hands = Hands(held.store, held.clock, "me", mailboxes=["home"])
    with pytest.raises(UserError, match="mailbox work, which is not configured any more"):
        hands.release(held.the_draft().key, "we spoke on the phone")
    assert "draft.released" not in held.facts()
    assert Hands(held.store, held.clock, "me", mailboxes=["work"]).release(held.the_draft().key, "because")
    assert hands.cancel(held.the_draft().key).state == DraftState.CANCELLED
