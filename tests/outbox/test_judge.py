"""Judging: what commits together, what is not asked, and that nothing is judged twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from levelhead.hookspecs import PluginInfo
from levelhead.lifecycle import AlertState, DraftState
from levelhead.model import Address, Alert, Direction, Draft, Failure, Finding, Level, Severity, Verdict

HOUR = timedelta(hours=1)


def test_a_heated_message_is_judged_its_reply_held_and_an_alert_raised_in_one_transaction(office):
    message = office.arrive()
    office.pay()
    judged = office.store.judged(message.id)
    assert (judged.level, judged.complete, judged.decided_by) == ("heated", True, "weigh")
    assert sum(part.millionths for part in judged.because) == judged.millionths
    draft, alert = office.the_draft(), office.the_alert()
    assert (draft.state, draft.level, draft.plugin, draft.release_at) == (
        DraftState.HELD, "heated", "mine", office.clock.now() + 4 * HOUR,
    )  # fmt: skip
    assert (alert.state, alert.client, alert.title) == (AlertState.OPEN, "acme", "acme is heated")
    assert office.jobs() == {f"place:{draft.key}", f"climb:{alert.key}"}
    assert office.facts() == ["message.archived", "message.judged", "draft.held", "alert.raised"]


def test_everything_that_was_asked_is_on_record(office):
    message = office.arrive()
    office.pay()
    calls = office.store.judged(message.id).calls
    assert [call.hook for call in calls] == ["detect", "classify", "escalate", "draft_reply", "hold"]
    assert calls[0].took_us == 1500


def test_a_message_is_judged_once_however_often_it_is_owed(office):
    message = office.arrive()
    office.pay()
    asked = len(office.panel.asked)
    with office.store.transaction(office.clock.now()) as tx:
        tx.add_job("work", "screen", f"screen:{message.id}", message.id, tx.now)
    office.pay()
    assert len(office.panel.asked) == asked and office.facts().count("message.judged") == 1


def test_history_is_scored_and_causes_nothing(office):
    message = office.arrive(history=True)
    office.pay()
    judged = office.store.judged(message.id)
    assert judged.level == "heated" and "history" in judged.no_draft
    assert office.panel.asked == ["detect", "classify"] and office.jobs() == set()


@pytest.mark.parametrize("direction", [Direction.OUT, Direction.OTHER])
def test_what_the_client_did_not_write_is_scored_and_causes_no_draft_and_no_alert(office, direction):
    message = office.arrive(direction=direction)
    office.pay()
    assert office.store.judged(message.id).level == "heated"
    assert office.store.drafts() == () == office.store.alerts()


def test_a_machine_is_not_answered_and_its_reason_is_recorded(office):
    message = office.arrive(automatic="auto-reply")
    office.pay()
    assert "automatic reply" in office.store.judged(message.id).no_draft and office.store.drafts() == ()


def test_a_failed_detector_never_releases_a_draft(office):
    office.panel.failures = {"detect": "boom"}
    office.panel.hold_for = None
    message = office.arrive()
    office.pay()
    assert not office.store.judged(message.id).complete
    assert office.store.judged(message.id).level == "calm"
    assert office.the_draft().release_at == office.clock.now() + 4 * HOUR


@pytest.mark.parametrize("hook", ["classify", "hold"])
def test_a_failed_plugin_holds_at_least_as_long_as_heated(office, hook):
    office.panel.findings, office.panel.failures, office.panel.hold_for = (), {hook: "boom"}, None
    office.arrive()
    office.pay()
    assert office.the_draft().release_at >= office.clock.now() + 4 * HOUR


def test_a_broken_drafter_still_raises_the_alert(office):
    office.panel.failures = {"draft_reply": "boom"}
    message = office.arrive()
    office.pay()
    assert office.store.judged(message.id).no_draft == "no plugin proposed a reply"
    assert office.the_alert().state == AlertState.OPEN


def test_a_plugin_may_raise_the_level_and_not_lower_it(office):
    office.panel.verdicts = (Verdict(level=Level.CALM, millionths=10),)
    lowered = office.arrive("lowered")
    office.pay()
    office.panel.verdicts = (Verdict(level=Level.HOSTILE, millionths=990_000),)
    raised = office.arrive("raised")
    office.pay()
    assert office.store.judged(lowered.id).decided_by == "weigh"
    assert (office.store.judged(raised.id).level, office.store.judged(raised.id).decided_by) == (
        "hostile",
        "mine",
    )


def test_a_message_without_text_is_unknown_without_a_score_and_held_as_tense(office):
    office.panel.findings, office.panel.hold_for = (), None
    message = office.arrive(text="")
    office.pay()
    judged = office.store.judged(message.id)
    assert (judged.level, judged.millionths, judged.because) == ("unknown", None, ())
    assert office.the_draft().release_at == office.clock.now() + HOUR / 2


def test_own_reply_cancels_the_held_draft_and_ends_the_alert(office):
    office.arrive()
    office.pay()
    office.clock.advance(minutes=10)
    office.arrive("reply", direction=Direction.OUT)
    office.pay()
    assert office.the_draft().state == DraftState.SUPERSEDED
    assert office.the_alert().state == AlertState.ANSWERED
    assert office.jobs() == set()


def test_own_reply_that_was_read_before_the_mail_that_it_answers_still_counts(office):
    later = office.clock.now() + HOUR
    office.arrive("reply", direction=Direction.OUT, received_at=later)
    office.arrive("first")
    office.pay()
    assert office.store.drafts() == () == office.store.alerts()


def test_the_client_writing_again_cancels_the_held_draft_and_makes_a_new_one(office):
    office.arrive("first")
    office.pay()
    office.clock.advance(minutes=10)
    office.arrive("second")
    office.pay()
    assert [row.state for row in office.store.drafts()] == [DraftState.SUPERSEDED, DraftState.HELD]
    assert office.the_alert().count == 2


def test_two_messages_in_one_batch_leave_one_draft(office):
    office.arrive("first")
    office.clock.advance(minutes=1)
    office.arrive("second")
    office.pay()
    assert [row.state for row in office.store.drafts()] == [DraftState.HELD]
    assert office.the_alert().count == 2 and office.facts().count("alert.raised") == 1


def test_an_auto_reply_in_the_thread_cancels_nothing(office):
    office.arrive("first")
    office.pay()
    office.clock.advance(minutes=10)
    office.arrive("away", automatic="auto-reply")
    office.arrive("mine", automatic="auto-reply", direction=Direction.OUT)
    office.pay()
    assert office.the_draft().state == DraftState.HELD and office.the_alert().state == AlertState.OPEN


def test_a_message_in_another_thread_cancels_nothing(office):
    office.arrive("first")
    office.pay()
    office.clock.advance(minutes=10)
    office.arrive("elsewhere", thread_key="t2")
    office.pay()
    assert [row.state for row in office.store.drafts()] == [DraftState.HELD, DraftState.HELD]


def test_a_copy_under_another_senders_name_silences_nobody(office):
    stranger = Address(address="boss@acme.example.evil.test", name="The Boss")
    first = office.arrive("before", sender=stranger, client=stranger.address, thread_key="t0")
    office.pay()
    message = office.arrive("the client's own", same_as=first.id)
    office.pay()
    assert office.store.judged(message.id).no_draft == ""
    assert {row.message for row in office.store.drafts()} == {first.id, message.id}


def test_a_copy_that_travelled_another_way_is_judged_once_and_alerts_once(office):
    original = office.arrive("first")
    copy = office.arrive("copy", same_as=original.id)
    office.pay()
    assert office.panel.asked.count("detect") == 1
    first, second = office.store.judged(original.id), office.store.judged(copy.id)
    assert (second.millionths, second.because, second.labels) == (
        first.millionths,
        first.because,
        first.labels,
    )
    assert "copy" in second.no_draft and office.the_alert().count == 1
    assert office.the_draft().state == DraftState.HELD


def test_trouble_that_gets_worse_is_counted_onto_the_open_alert_with_its_severity(office):
    office.arrive("first")
    office.pay()
    office.pass_time(minutes=10)
    office.panel.alerts = (Alert("heat", Severity.CRITICAL, "acme threatens"),)
    office.arrive("second")
    office.pay()
    alert = office.the_alert()
    assert (alert.severity, alert.count) == ("critical", 2)
    assert alert.next_rung_at == office.clock.now() + timedelta(minutes=1)


def test_a_plugin_that_was_set_aside_is_an_alert_once(office):
    office.panel.set_aside = (
        PluginInfo(name="mine", origin="plugins/mine.py", state="set-aside", why="5 failures"),
    )
    office.arrive("first")
    office.arrive("second", thread_key="t2")
    office.pay()
    alert = office.the_alert("plugin-set-aside:mine")
    assert alert.state == AlertState.OPEN and "mine" in alert.title
    assert "plugin.set_aside" in office.facts()


def test_one_message_that_cannot_be_read_does_not_keep_the_others_from_being_judged(office):
    names = ("one", "two", "three", "four")
    messages = [office.arrive(name, thread_key=name) for name in names]
    del office.messages[messages[1].id]
    office.pay()
    assert [office.store.judged(each.id) is not None for each in messages] == [True, False, True, True]
    for _ in range(office.attempts):
        office.pass_time(hours=3)
    ((job, why),) = office.store.failed_jobs()
    assert job.subject == messages[1].id and "KeyError" in why
    assert "could not be judged" in office.the_alert(f"screen-given-up:{messages[1].id}").title


def test_words_that_are_half_a_character_reach_the_ledger_whole(office):
    office.panel.findings = (Finding("threat", 1.0, "why \ud800", ("quote \udcff",)),)
    office.panel.draft = Draft("Re: \udcff", "body \ud800")
    office.panel.alerts = (Alert("heat", Severity.WARNING, "title \ud800"),)
    message = office.arrive()
    office.pay()
    assert office.store.judged(message.id).because[1].why == "why ?"
    assert office.the_draft().body == "body ?" and office.the_alert().title == "title ?"


def test_nothing_is_drafted_when_drafting_is_switched_off(office):
    message = office.arrive()
    judge = office.judge
    judge._drafting = False
    opinion = judge.opinion(message)
    assert opinion.draft is None and "draft_reply" not in office.panel.asked


def test_an_old_message_that_comes_late_is_neither_answered_nor_alerted_about(office):
    office.arrive(received_at=office.clock.now() - timedelta(days=20))
    office.pay()
    assert office.store.drafts() == () == office.store.alerts()


def test_a_message_that_was_overtaken_is_not_answered_itself(office):
    first = office.arrive("first")
    office.messages[first.id] = replace(first)
    office.arrive("second", received_at=office.clock.now() + HOUR)
    office.pay()
    assert "written again" in office.store.judged(first.id).no_draft
    assert [row.message for row in office.store.drafts()] != [first.id]


def test_a_message_that_somebody_else_judged_meanwhile_is_not_judged_again(office):
    message = office.arrive()
    other, detect = office.judge, office.panel.detect
    (job,) = office.store.claim("work", office.clock.now(), limit=1, lease_seconds=0)

    def meanwhile(*args):
        office.panel.detect = detect
        other.judge(job)
        return detect(*args)

    office.panel.detect = meanwhile
    office.judge.judge(job)
    assert office.store.judged(message.id) is not None
    assert office.facts().count("message.judged") == 1 == office.facts().count("draft.held")


def test_in_a_backlog_each_message_knows_what_was_said_of_the_one_before_it(office):
    ids = [office.arrive(name, thread_key=thread).id for name, thread in (("a", "1"), ("b", "2"), ("c", "1"))]
    known = []
    classify = office.panel.classify

    def noting(message, thread, client, screening):
        known.append((message.id, [office.store.judged(id) is not None for id in ids]))
        return classify(message, thread, client, screening)

    office.panel.classify = noting
    office.pay()
    assert [id for id, _ in known] == ids
    assert known[2][1] == [True, True, False]


def test_a_plugin_that_is_set_aside_is_on_record_as_not_heard(office):
    failure = Failure(plugin="gone", hook="detect", error="set aside: it failed 5 times in a row")
    detect = office.panel.detect
    office.panel.detect = lambda *args: replace(detect(*args), failures=(failure,))
    message = office.arrive()
    office.pay()
    judged = office.store.judged(message.id)
    assert not judged.complete
    assert [(call.plugin, call.error) for call in judged.calls if call.error] == [("gone", failure.error)]


def test_a_later_automatic_reply_of_mine_is_not_an_answer(office):
    office.arrive(
        "away", direction=Direction.OUT, automatic="auto-reply", received_at=office.clock.now() + HOUR
    )
    office.arrive("first")
    office.pay()
    assert office.the_draft().state == DraftState.HELD and office.the_alert().state == AlertState.OPEN


def answer_that_came_late(office, **changes):
    """My reply, written ten minutes after the client's mail and read when it was history by its date."""
    written = office.clock.now() - timedelta(minutes=50)
    return office.arrive("reply", direction=Direction.OUT, history=True, received_at=written, **changes)


def test_a_late_copy_of_my_own_reply_cancels_the_held_draft_and_ends_the_alert(office):
    office.arrive()
    office.pay()
    office.clock.advance(hours=1)
    office.see(answer_that_came_late(office))
    office.pay()
    assert office.the_draft().state == DraftState.SUPERSEDED
    assert office.the_alert().state == AlertState.ANSWERED


@pytest.mark.parametrize("change", ["automatic", "copy"])
def test_a_late_automatic_reply_or_copy_of_mine_is_not_an_answer(office, change):
    before = office.arrive("before", direction=Direction.OUT)
    office.arrive()
    office.pay()
    office.clock.advance(hours=1)
    changes = {"automatic": "auto-reply"} if change == "automatic" else {"same_as": before.id}
    office.see(answer_that_came_late(office, **changes))
    office.pay()
    assert office.the_draft().state == DraftState.HELD and office.the_alert().state == AlertState.OPEN


def test_a_reply_from_before_the_mail_is_not_an_answer_however_late_it_comes(office):
    office.clock.advance(hours=1)
    office.arrive()
    office.pay()
    office.clock.advance(minutes=20)
    office.see(answer_that_came_late(office))
    office.pay()
    assert office.the_draft().state == DraftState.HELD and office.the_alert().state == AlertState.OPEN


def test_mail_of_mine_that_was_brought_from_a_file_answers_nothing(office):
    office.arrive()
    office.pay()
    office.clock.advance(hours=1)
    answer_that_came_late(office)
    office.pay()
    assert office.the_draft().state == DraftState.HELD and office.the_alert().state == AlertState.OPEN


def test_a_late_copy_of_my_own_reply_that_was_read_first_still_counts(office):
    office.clock.advance(hours=1)
    office.see(answer_that_came_late(office))
    message = office.arrive("first", received_at=office.clock.now() - HOUR)
    office.pay()
    assert office.store.judged(message.id).no_draft == "you have answered already"
    assert office.store.drafts() == () == office.store.alerts()


@pytest.mark.parametrize("folder", ["INBOX", "Sent"])
def test_my_own_old_mail_that_comes_back_by_another_way_is_not_an_answer(office, folder):
    old = office.arrive("mine", direction=Direction.OUT, history=True)
    office.see(old)
    office.clock.advance(hours=1)
    office.arrive()
    office.pay()
    office.clock.advance(minutes=1)
    office.arrive("by way of a list", direction=Direction.OUT, same_as=old.id, folder=folder)
    office.pay()
    assert office.the_draft().state == DraftState.HELD and office.the_alert().state == AlertState.OPEN


def test_a_copy_that_is_history_does_not_silence_the_one_that_is_news(office):
    old = office.arrive(history=True)
    office.pay()
    for name in ("second way", "third way"):
        office.clock.advance(seconds=1)
        office.arrive(name, same_as=old.id)
        office.pay()
    news, again = office.store.drafts(), office.store.alerts()
    assert len(news) == 1 == len(again)
    assert news[0].state == DraftState.HELD and news[0].message == again[0].message
    assert office.the_alert().count == 1


def test_a_copy_of_history_that_is_news_overtakes_what_came_before_it(office):
    old = office.arrive(history=True)
    first = office.arrive("question", received_at=office.clock.now() - HOUR)
    news = office.arrive("second way", same_as=old.id)
    office.pay()
    assert "has written again" in office.store.judged(first.id).no_draft
    assert office.the_draft().message == news.id
