"""Once a week, in the mailbox's own thread: written down, told when it does not add up, mended, never in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from levelhead.clock import FrozenClock, SystemClock
from levelhead.daemon import weekly
from levelhead.daemon.weekly import EVERY, FIRST, LATER, RULE, SOON, Weekly
from levelhead.errors import ConnectionLost
from levelhead.mailbox.opening import connect
from levelhead.mailbox.watch import Watcher
from levelhead.outbox.health import LASTING, Health
from levelhead.policy.types import Calendar, LadderPolicy
from levelhead.store.api_waits import Spent, budget_key
from servers.inbox import Inbox

pytestmark = pytest.mark.server

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def health(desk):
    desk.clock = FrozenClock(START)
    return Health(desk.store, desk.clock, LadderPolicy(), Calendar(zone=ZoneInfo("UTC"), hours={}))


@pytest.fixture
def watcher(desk, spec_of, spooled, health):
    """A watcher that compares, by a clock that the test moves."""

    def make(account, **changes):
        spec = spec_of(account, **changes)
        return Watcher(
            spec=spec,
            store=desk.store,
            clock=desk.clock,
            record=desk.record,
            spool=spooled,
            connect=lambda spec, clock, tick: connect(spec, SystemClock(), tick),
            compare=Weekly(spec, desk.store, desk.clock, health),
        )

    return make


def forget(desk, *uids):
    """The index loses these messages of INBOX, as no fact ever said."""
    with desk.store._links.mine().connection as sql:  # the store itself has no way to forget
        for uid in uids:
            sql.execute("DELETE FROM sighting WHERE folder = 'INBOX' AND uid = ?", (uid,))


def alerts(desk):
    return [row for row in desk.store.alerts(states=LASTING) if row.rule == f"{RULE}:post"]


def test_it_is_done_a_day_after_the_first_pass_and_then_every_week(mailbox_account, watcher, desk, mail):
    mailbox_account.fill("INBOX", [mail(1), mail(2)])
    watching = watcher(mailbox_account)
    watching.run_once()
    desk.clock.advance(FIRST - timedelta(minutes=1))
    watching.run_once()
    assert not desk.facts("server.compared")
    desk.clock.advance(minutes=1)
    watching.run_once()
    (fact,) = desk.facts("server.compared")
    assert fact.ok and fact.mailbox == "post"
    assert {part.folder: part.archived for part in fact.folders} == {"Sent": 0, "INBOX": 2, "Archive": 0}
    desk.clock.advance(EVERY - timedelta(minutes=1))
    watching.run_once()
    assert len(desk.facts("server.compared")) == 1
    desk.clock.advance(minutes=1)
    watching.run_once()
    assert [fact.compared_at for fact in desk.facts("server.compared")] == [
        START + FIRST,
        START + FIRST + EVERY,
    ]


def test_it_waits_while_mail_waits_for_another_days_bytes(mailbox_account, watcher, desk, mail):
    mailbox_account.fill("INBOX", [mail(1)])
    watching = watcher(mailbox_account)
    watching.run_once()
    spent = Spent(day=START.date(), spent=1, limit=1, waiting=5, news=False)
    for text, done in ((spent.text(), 0), (replace(spent, waiting=0).text(), 1)):
        with desk.store.transaction(desk.clock.now()) as tx:
            tx.set_meta(budget_key("post"), text)
        desk.clock.advance(FIRST)
        watching.run_once()
        assert len(desk.facts("server.compared")) == done


def test_a_new_process_goes_on_where_the_last_one_was(mailbox_account, watcher, desk):
    for _ in range(2):
        watcher(mailbox_account).run_once()
        desk.clock.advance(FIRST / 2)
    assert not desk.facts("server.compared")
    watcher(mailbox_account).run_once()
    assert len(desk.facts("server.compared")) == 1


def test_a_message_that_is_missing_is_told_once_fetched_and_the_alert_ends(
    mailbox_account, watcher, desk, mail
):
    """A lost message hides behind one that vanished unnoticed: their count is right, so that no pass looks."""
    mailbox_account.fill("INBOX", [mail(n) for n in range(4)])
    watching = watcher(mailbox_account)
    watching.run_once()
    uid = mailbox_account.append("INBOX", mail(7))
    watching.run_once()
    forget(desk, uid)
    mailbox_account.expunge("INBOX", 1)
    desk.bodies.clear()
    desk.clock.advance(FIRST)
    watching = watcher(mailbox_account)  # started anew, it counts what the index has
    watching.run_once()
    (fact,) = desk.facts("server.compared")
    inbox = next(part for part in fact.folders if part.folder == "INBOX")
    assert (fact.ok, inbox.unexplained, inbox.on_server) == (False, (uid,), 4)
    (alert,) = alerts(desk)
    assert alert.title == "A message of the mailbox post is not in the archive"
    assert "INBOX: 1 of 4 on the server" in alert.body
    desk.clock.advance(SOON)
    watching.run_once()
    assert desk.bodies == {("INBOX", uid): mail(7)}
    assert [fact.uids for fact in desk.facts("message.vanished")] == [(1,)]
    assert [fact.ok for fact in desk.facts("server.compared")] == [False, True]
    assert not alerts(desk)
    desk.clock.advance(EVERY)
    watching.run_once()
    assert len(desk.facts("server.compared")) == 3


def test_what_cannot_be_mended_is_one_alert_and_compared_once_a_day(desk, watcher, scripted, mail):
    class Withholding(Inbox):
        def bodies(self, found):
            return b""

    inbox = Withholding([1], mail)
    scripts = [inbox.script] * 9
    watching = watcher(scripted(*scripts))
    watching.run_once()
    for wait in (FIRST, SOON, SOON, LATER - SOON, SOON, LATER - SOON):
        desk.clock.advance(wait)
        watching.run_once()
    assert [fact.compared_at - START - FIRST for fact in desk.facts("server.compared")] == [
        timedelta(),
        SOON,
        SOON + LATER,
        SOON + 2 * LATER,
    ]
    assert len(desk.facts("alert.raised")) == 1 and len(alerts(desk)) == 1


def test_a_comparison_that_breaks_the_session_is_not_tried_again_for_a_day(
    mailbox_account, watcher, desk, monkeypatch
):
    watching = watcher(mailbox_account)
    watching.run_once()
    desk.clock.advance(FIRST)
    begun = []

    class Breaking:
        def __init__(self, *_):
            pass

        def steps(self):
            begun.append(1)
            raise ConnectionLost("the server hung up")
            yield

    monkeypatch.setattr(weekly, "comparison", Breaking)
    watching.run_once()  # the attempt after it has nothing to compare
    watching.run_once()
    assert begun == [1]
    desk.clock.advance(LATER)
    watching.run_once()
    assert begun == [1, 1]


def test_a_long_comparison_is_done_in_slices_between_which_news_is_looked_for(
    mailbox_account, watcher, desk, mail, monkeypatch
):
    """Each slice ends with its window; mail that comes in between is fetched before the comparison goes on."""
    monkeypatch.setattr(weekly, "SLICE", 0.0)
    mailbox_account.fill("INBOX", [mail(n) for n in range(3)])
    watching = watcher(mailbox_account)
    watching.run_once()
    desk.clock.advance(FIRST)
    connection = watching._open()
    slices = 0
    while watching.compare(connection):
        slices += 1
        uid = mailbox_account.append("INBOX", mail(100 + slices))
        watching._whole(connection)
        assert ("INBOX", uid) in desk.bodies
    connection.close()
    (fact,) = desk.facts("server.compared")
    assert slices >= 1 and fact.ok


def test_while_there_is_more_to_compare_the_next_pass_is_a_second_away(mailbox_account, watcher):
    watching = watcher(mailbox_account, poll_seconds=120)
    watching._more = True
    assert watching._seconds() == 1.0
    watching._more = False
    assert watching._seconds() == 120.0


def test_a_clock_that_was_set_back_does_not_put_it_off_for_years(mailbox_account, watcher, desk):
    desk.clock.advance(days=4000)
    watcher(mailbox_account).run_once()
    desk.clock.advance(days=-4000)
    watcher(mailbox_account).run_once()
    assert len(desk.facts("server.compared")) == 1
