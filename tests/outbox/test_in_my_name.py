"""Mail in my name: it answers for me only where it was seen among sent mail, however many copies there are."""

from __future__ import annotations

from datetime import timedelta

import pytest

from levelhead.lifecycle import AlertState, DraftState
from levelhead.model import Alert, Direction, Level, Severity
from levelhead.outbox.owed import SCREEN
from levelhead.store.api import WORK

HOUR = timedelta(hours=1)
ANYBODYS = ["INBOX", "Junk", "Archive", "Projects"]
"""Folders that a stranger's mail reaches, by delivery or by a filter."""


@pytest.fixture
def heated(office):
    """An office with a held draft and an open alert about the client's mail, an hour old."""
    office.arrive()
    office.pay()
    office.clock.advance(hours=1)
    return office


def untouched(office) -> bool:
    states = office.the_draft().state, office.the_alert().state
    return states == (DraftState.HELD, AlertState.OPEN)


def answered(office) -> bool:
    states = office.the_draft().state, office.the_alert().state
    return states == (DraftState.SUPERSEDED, AlertState.ANSWERED)


@pytest.mark.parametrize("folder", ANYBODYS)
def test_mail_in_my_name_that_anybody_may_have_delivered_cancels_and_ends_nothing(heated, folder):
    forged = heated.arrive("forged", direction=Direction.OUT, folder=folder)
    heated.pay()
    assert untouched(heated)
    assert heated.store.message(forged.id).direction is Direction.OUT, "identities decide the direction"


def test_nor_does_it_when_it_was_there_before_we_watched(heated):
    heated.arrive("forged", direction=Direction.OUT, folder="INBOX", history=True)
    heated.pay()
    assert untouched(heated)


def test_it_keeps_no_draft_from_its_place_at_the_last_moment(heated):
    heated.clock.advance(hours=3)
    heated.arrive("forged", direction=Direction.OUT, folder="INBOX")
    heated.worker("mailbox:work").pay()
    assert heated.the_draft().state == DraftState.PLACED


def test_it_does_not_pass_for_an_answer_that_was_read_before_the_mail(office):
    office.arrive("forged", direction=Direction.OUT, folder="INBOX", received_at=office.clock.now() + HOUR)
    office.pay()
    message = office.arrive()
    office.pay()
    assert office.store.judged(message.id).no_draft == ""
    assert untouched(office)


def test_it_makes_no_cool_down_shorter(office):
    """What I have not answered still has to cool down, whatever somebody wrote in my name since."""
    office.panel.draft, reply = None, office.panel.draft
    first = office.arrive()
    office.pay()
    office.clock.advance(minutes=1)
    office.arrive("forged", direction=Direction.OUT, folder="INBOX")
    office.pay()
    office.panel.draft, office.panel.findings, office.panel.hold_for = reply, (), timedelta(0)
    office.arrive("calm", text="Well?", new_text="Well?")
    office.worker().pay()
    level = office.store.message(first.id).level
    assert office.the_draft().level is Level.CALM
    assert office.the_draft().release_at == first.received_at + office.rules.cooldown.of(level)


@pytest.mark.parametrize("order", [("INBOX", "Sent"), ("Sent", "INBOX")])
def test_whoever_sends_a_copy_to_themselves_has_answered_whichever_is_read_first(heated, order):
    """The copy that comes back has `Received` fields, so it is another message with the same Message-ID and text."""
    first = heated.arrive(order[0], direction=Direction.OUT, folder=order[0])
    if order[0] == "INBOX":
        heated.pay()
        assert untouched(heated)
    heated.clock.advance(seconds=1)
    heated.arrive(order[1], direction=Direction.OUT, folder=order[1], same_as=first.id)
    heated.pay()
    assert answered(heated)
    assert heated.facts("draft.superseded", "alert.answered") == ["draft.superseded", "alert.answered"]


def test_a_forged_copy_that_comes_before_my_answer_does_not_speak_for_it(heated):
    """Whoever guesses or sees my Message-ID and text could otherwise silence the real one beforehand."""
    forged = heated.arrive("forged", direction=Direction.OUT, folder="INBOX")
    heated.pay()
    second = heated.arrive("again", direction=Direction.OUT, folder="INBOX", same_as=forged.id)
    heated.pay()
    assert untouched(heated)
    assert second.id != forged.id
    heated.arrive("mine", direction=Direction.OUT, same_as=forged.id)
    heated.pay()
    assert answered(heated)


def test_my_answer_that_reaches_sent_late_is_not_silenced_by_the_copy_in_the_inbox(heated):
    copy = heated.arrive("copy", direction=Direction.OUT, folder="INBOX")
    heated.pay()
    late = heated.arrive("mine", direction=Direction.OUT, history=True, same_as=copy.id)
    heated.see(late)
    heated.pay()
    assert answered(heated)


def test_a_copy_of_what_i_sent_is_not_sent_again(office):
    """Somebody who has my old mail delivers it to me again; or I copy it to another folder of sent mail."""
    sent = office.arrive("mine", direction=Direction.OUT)
    office.pay()
    office.clock.advance(minutes=1)
    office.arrive()
    office.pay()
    office.clock.advance(minutes=1)
    office.arrive("delivered", direction=Direction.OUT, folder="INBOX", same_as=sent.id)
    office.arrive("copied", direction=Direction.OUT, folder="Sent", same_as=sent.id)
    office.pay()
    assert untouched(office)


def test_the_same_bytes_that_are_seen_among_sent_mail_later_answer_then(heated):
    """A crash between bytes and commit leaves my answer without a place; and a person can move it."""
    mine = heated.arrive("mine", direction=Direction.OUT, folder="INBOX")
    heated.pay()
    verdict = heated.store.judged(mine.id)
    assert untouched(heated)
    heated.clock.advance(minutes=5)
    heated.see(mine, "Sent")
    with heated.raw_store.transaction(heated.clock.now()) as tx:
        tx.add_job(WORK, SCREEN, f"{SCREEN}:{mine.id}", mine.id, tx.now)
    asked = list(heated.panel.asked)
    heated.pay()
    assert answered(heated)
    assert heated.store.judged(mine.id) == verdict and heated.panel.asked == asked, "it is judged once"


def test_an_alert_that_is_raised_after_it_is_told_as_if_it_were_not_there(office):
    office.panel.alerts = (Alert("heat", Severity.WARNING, "acme is heated", "Sleep on it."),)
    office.arrive()
    office.pay()
    for minutes in range(3):
        office.arrive(f"forged {minutes}", direction=Direction.OUT, folder="INBOX")
        office.pass_time(minutes=1)
    assert [channel for channel, _, _ in office.panel.delivered] == ["phone"]
    office.pass_time(hours=1)
    assert [channel for channel, _, _ in office.panel.delivered][:2] == ["phone", "partner"]
