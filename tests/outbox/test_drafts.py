"""Drafts on the server: placed once, never early, and left alone as soon as a person has touched them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from levelhead.errors import CommandRefused, ConnectionLost
from levelhead.lifecycle import DraftState
from levelhead.model import Direction

LANE = "mailbox:work"


@pytest.fixture
def held(office):
    """An office with one held draft whose cool-down ends in four hours."""
    office.arrive()
    office.pay()
    return office


@pytest.fixture
def placed(held):
    """An office whose draft stands in the Drafts folder."""
    held.pass_time(hours=4)
    assert held.the_draft().state == DraftState.PLACED
    return held


def test_a_draft_appears_once_when_its_cool_down_ends_and_not_a_second_earlier(held):
    held.pass_time(hours=4, seconds=-1)
    assert held.drafts.kept == {} and held.the_draft().state == DraftState.HELD
    held.pass_time(seconds=1)
    assert list(held.drafts.kept) == [10] and held.the_draft().uid == 10
    held.pass_time(days=3)
    assert held.drafts.appended == 1
    draft_facts = [name for name in held.facts() if name.startswith("draft.")]
    assert draft_facts == ["draft.held", "draft.placing", "draft.placed"]


def test_a_server_that_does_not_tell_the_uid_is_asked_for_it(held):
    held.drafts.tells_uid = False
    held.drafts.put(b"Subject: somebody else's\r\n\r\n")
    held.pass_time(hours=4)
    assert (held.the_draft().state, held.the_draft().uid) == (DraftState.PLACED, 11)


def test_headers_that_the_server_did_not_keep_are_named(held):
    held.drafts.alter = lambda data: b"\r\n".join(
        line for line in data.split(b"\r\n") if not line.startswith(b"In-Reply-To")
    )
    held.pass_time(hours=4)
    placed = next(fact for _, fact in held.store.facts_about(kind="draft.placed"))
    assert placed.stripped == ("In-Reply-To",)


def test_a_draft_that_waited_too_long_expires(held):
    held.clock.advance(days=15)
    held.pay()
    assert held.the_draft().state == DraftState.EXPIRED and held.drafts.kept == {}


def test_own_reply_that_is_archived_and_not_yet_judged_cancels_at_the_last_moment(held):
    held.clock.advance(hours=4)
    held.arrive("reply", direction=Direction.OUT)
    held.worker(LANE).pay()
    assert held.drafts.kept == {} and held.the_draft().state == DraftState.SUPERSEDED
    held.pay()
    assert held.the_draft().state == DraftState.SUPERSEDED


def test_an_auto_reply_at_the_last_moment_cancels_nothing(held):
    held.clock.advance(hours=4)
    held.arrive("away", automatic="auto-reply")
    held.worker(LANE).pay()
    assert held.the_draft().state == DraftState.PLACED


def test_a_draft_extended_while_it_is_being_placed_is_not_placed(held):
    held.clock.advance(hours=4)
    key = held.the_draft().key

    class Meddled:
        def __getattr__(self, name):
            return getattr(held.drafts, name)

        def find(self, message_id):
            from datetime import timedelta

            held.hands.extend(key, timedelta(hours=1))
            return held.drafts.find(message_id)

    held.wrap_folder = lambda folder: Meddled()
    held.worker(LANE).pay()
    assert held.drafts.kept == {} and held.the_draft().state == DraftState.HELD
    held.wrap_folder = lambda folder: folder
    held.pass_time(hours=1)
    assert held.the_draft().state == DraftState.PLACED


def test_a_refused_append_is_tried_again_and_then_given_up_with_an_alert(held):
    class Full:
        def __getattr__(self, name):
            return getattr(held.drafts, name)

        def append(self, data, at):
            raise CommandRefused("[OVERQUOTA] no room")

    held.wrap_folder = lambda folder: Full()
    for _ in range(held.attempts + 1):
        held.pass_time(hours=5)
    assert held.the_draft().state == DraftState.FAILED
    assert "could not be placed" in held.the_alert(f"place-given-up:{held.the_draft().key}").title


def test_a_lost_connection_is_not_the_drafts_fault(held):
    from levelhead.outbox.drafts import THROUGH

    class Gone:
        def open(self):
            raise ConnectionLost("gone")

    held.clock.advance(hours=4)
    held.wrap_folder = lambda folder: Gone()
    worker = held.worker(LANE)
    worker._through = THROUGH
    for _ in range(20):
        with pytest.raises(ConnectionLost):
            worker.pay()
    held.wrap_folder = lambda folder: folder
    held.pay()
    assert held.the_draft().state == DraftState.PLACED


# --- in doubt after a crash ------------------------------------------------------------------


def crash_before_placed(office, *, appended: bool) -> None:
    """Die between the recorded intent and the recorded success, with or without the APPEND."""

    class Dying:
        def __getattr__(self, name):
            return getattr(office.drafts, name)

        def append(self, data, at):
            if appended:
                office.drafts.append(data, at)
            raise KeyboardInterrupt

    office.clock.advance(hours=4)
    office.wrap_folder = lambda folder: Dying()
    with pytest.raises(KeyboardInterrupt):
        office.worker(LANE).pay()
    office.wrap_folder = lambda folder: folder
    assert office.the_draft().state == DraftState.PLACING
    office.restart()


def test_after_a_crash_before_the_append_it_is_appended(held):
    crash_before_placed(held, appended=False)
    held.pay()
    assert held.the_draft().state == DraftState.PLACED and held.drafts.appended == 1


def test_after_a_crash_behind_the_append_it_is_found_and_not_appended_again(held):
    crash_before_placed(held, appended=True)
    held.pay()
    assert (held.the_draft().state, held.the_draft().uid) == (DraftState.PLACED, 10)
    assert held.drafts.appended == 1


def test_after_a_crash_a_draft_that_a_person_deleted_is_never_placed_again(held):
    crash_before_placed(held, appended=True)
    held.drafts.kept.clear()
    held.pass_time(days=1)
    assert held.the_draft().state == DraftState.HANDLED and held.drafts.appended == 1


def test_after_a_crash_a_draft_that_a_person_edited_is_theirs(held):
    crash_before_placed(held, appended=True)
    edited = held.drafts.kept.pop(10).replace(b"thank you", b"go away")
    held.drafts.put(edited)
    held.pay()
    assert held.the_draft().state == DraftState.HANDLED and list(held.drafts.kept.values()) == [edited]


def test_after_a_crash_under_a_new_uidvalidity_nothing_is_guessed(held):
    crash_before_placed(held, appended=False)
    held.drafts.uidvalidity = 2
    held.pay()
    assert held.the_draft().state == DraftState.HANDLED and held.drafts.appended == 0


def test_after_a_crash_my_own_reply_still_cancels(held):
    crash_before_placed(held, appended=True)
    held.clock.advance(minutes=1)
    held.arrive("reply", direction=Direction.OUT)
    held.pay()
    assert held.the_draft().state == DraftState.REMOVED and held.drafts.kept == {}


def test_after_a_crash_the_uid_proves_that_it_is_ours_even_if_the_server_wrote_it_anew(held):
    held.drafts.alter = lambda data: data.replace(b"thank you", b"thank=20you")
    crash_before_placed(held, appended=True)
    held.pay()
    assert (held.the_draft().state, held.the_draft().uid) == (DraftState.PLACED, 10)
    held.hands.cancel(held.the_draft().key)
    held.pay()
    assert held.the_draft().state == DraftState.REMOVED and held.drafts.kept == {}


# --- removing --------------------------------------------------------------------------------


def test_my_own_reply_removes_the_placed_draft(placed):
    placed.arrive("reply", direction=Direction.OUT)
    placed.pay()
    assert placed.the_draft().state == DraftState.REMOVED and placed.drafts.kept == {}


def test_a_server_that_adds_headers_does_not_make_it_look_edited(held):
    held.drafts.alter = lambda data: b"X-Server: was here\r\n" + data
    held.pass_time(hours=4)
    held.hands.cancel(held.the_draft().key)
    held.pay()
    assert held.the_draft().state == DraftState.REMOVED and held.drafts.kept == {}


def test_an_edited_draft_is_never_removed(placed):
    edited = placed.drafts.kept[10].replace(b"thank you", b"go away")
    placed.drafts.kept[10] = edited
    placed.hands.cancel(placed.the_draft().key)
    placed.pay()
    assert placed.the_draft().state == DraftState.HANDLED and placed.drafts.kept == {10: edited}


def test_a_draft_edited_the_way_mail_programs_do_it_is_never_removed(placed):
    edited = placed.drafts.kept.pop(10).replace(b"thank you", b"go away")
    placed.drafts.put(edited)
    placed.hands.cancel(placed.the_draft().key)
    placed.pay()
    assert placed.the_draft().state == DraftState.HANDLED and list(placed.drafts.kept.values()) == [edited]


def test_a_draft_that_was_sent_or_deleted_is_handled(placed):
    placed.drafts.kept.clear()
    placed.hands.cancel(placed.the_draft().key)
    placed.pay()
    assert placed.the_draft().state == DraftState.HANDLED


def test_without_uidplus_the_draft_is_left_and_said_so(placed):
    placed.drafts.uidplus = False
    placed.hands.cancel(placed.the_draft().key)
    placed.pay()
    assert placed.the_draft().state == DraftState.LEFT and len(placed.drafts.kept) == 1
    left = next(fact for _, fact in placed.store.facts_about(kind="draft.left"))
    assert "UIDPLUS" in left.why


def test_a_renumbered_folder_is_searched_and_only_our_own_bytes_are_removed(placed):
    data = placed.drafts.kept.pop(10)
    placed.drafts.uidvalidity, placed.drafts.kept[77] = 2, data
    placed.hands.cancel(placed.the_draft().key)
    placed.pay()
    assert placed.the_draft().state == DraftState.REMOVED and placed.drafts.kept == {}


def test_cancelled_while_it_was_being_appended_it_is_taken_out_again(held, logged):
    key = held.the_draft().key
    held.clock.advance(hours=4)

    class Slow:
        def __getattr__(self, name):
            return getattr(held.drafts, name)

        def append(self, data, at):
            uid = held.drafts.append(b"X-Server: was here\r\n" + data, at)
            held.hands.cancel(key)
            return uid

    held.wrap_folder = lambda folder: Slow()
    held.pay()
    assert held.the_draft().state == DraftState.REMOVED and held.drafts.kept == {}
    assert "job.failed" not in [entry["event"] for entry in logged]


def test_a_draft_of_an_earlier_life_of_the_index_is_found_and_not_doubled(held):
    composed = held.composer(held.the_draft(), held.clock.now())
    held.drafts.put(composed.data)
    held.pass_time(hours=4)
    assert (held.the_draft().state, held.the_draft().uid) == (DraftState.PLACED, 10)
    assert held.drafts.appended == 0


def test_a_late_copy_of_my_own_reply_cancels_at_the_last_moment(held):
    written = held.clock.now() + timedelta(minutes=10)
    held.clock.advance(hours=4)
    reply = held.arrive("reply", direction=Direction.OUT, history=True, received_at=written)
    held.see(reply)
    held.worker(LANE).pay()
    assert held.drafts.kept == {} and held.the_draft().state == DraftState.SUPERSEDED


def test_history_of_the_client_at_the_last_moment_cancels_nothing(held):
    held.clock.advance(hours=4)
    held.see(held.arrive("moved in", history=True), "INBOX")
    held.worker(LANE).pay()
    assert held.the_draft().state == DraftState.PLACED


def test_what_is_held_when_drafting_is_switched_off_expires_and_is_not_placed(held):
    held.drafting = False
    held.pass_time(hours=4)
    assert held.the_draft().state == DraftState.EXPIRED and held.drafts.kept == {}
    expired = next(fact for _, fact in held.store.facts_about(kind="draft.expired"))
    assert expired.why == "drafting was switched off"


def test_a_draft_that_stands_in_the_folder_stays_when_drafting_is_switched_off(placed):
    placed.drafting = False
    placed.arrive("again")
    placed.pay()
    assert placed.store.drafts()[0].state == DraftState.REMOVED
