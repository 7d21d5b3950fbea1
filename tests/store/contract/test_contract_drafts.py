"""Drafts and alerts: every step of their lives, and how they are found."""

from __future__ import annotations

from typing import Any

import pytest

from levelhead import facts
from levelhead.errors import UserError
from levelhead.lifecycle import ALERT, DRAFT, LIVE_DRAFTS, OPEN_ALERTS, AlertState, DraftState, WrongState
from levelhead.model import Level
from levelhead.store.api import Store


def record(store: Store, make: Any, *found: facts.Fact) -> None:
    with store.transaction(make.noon) as tx:
        for fact in found:
            tx.record(fact)


def draft_facts(make: Any, key: str) -> dict[str, facts.Fact]:
    """One fact of each kind about a draft."""
    found: list[facts.Fact] = [
        make.held(key),
        make.placing(key),
        make.placed(key),
        facts.DraftSuperseded(key=key, by=make.id(2), why="the client wrote again"),
        facts.DraftExtended(key=key, release_at=make.at(hours=9), actor="me"),
        facts.DraftRescheduled(key=key, release_at=make.at(hours=5), by_seconds=3600),
        facts.DraftReleased(key=key, release_at=make.at(hours=1), why="it is fine", actor="me"),
        facts.DraftCancelled(key=key, actor="me"),
        facts.DraftExpired(key=key, why="too late"),
        facts.DraftHandled(key=key, why="edited"),
        facts.DraftRemoved(key=key),
        facts.DraftLeft(key=key, why="no UIDPLUS"),
        facts.DraftFailed(key=key, why="no such folder"),
    ]
    return {fact.name: fact for fact in found}


def alert_facts(make: Any, key: str) -> dict[str, facts.Fact]:
    """One fact of each kind that moves an alert."""
    found: list[facts.Fact] = [
        make.raised(key),
        facts.AlertCounted(key=key, message=make.id(2), severity="critical", counted_at=make.at(hours=1)),
        facts.AlertClimbed(key=key, rung=1, next_rung_at=make.at(hours=2)),
        facts.AlertSnoozed(key=key, until=make.at(hours=3), actor="me"),
        facts.AlertRescheduled(key=key, next_rung_at=make.at(hours=5), by_seconds=7200),
        facts.AlertAcknowledged(key=key, actor="me"),
        facts.AlertAnswered(key=key, by=make.id(2)),
        facts.AlertResolved(key=key, why="the mailbox is back"),
    ]
    return {fact.name: fact for fact in found}


def path_to(table: Any, state: str) -> list[str]:
    """The shortest way from nothing to a state."""
    paths: dict[str, list[str]] = {"": []}
    while state not in paths:
        for (before, event), after in table.items():
            if before in paths and after not in paths:
                paths[after] = [*paths[before], event]
    return paths[state]


@pytest.mark.parametrize("state", ["", *DraftState])
def test_a_draft_takes_exactly_the_steps_of_the_table(store: Store, make: Any, state: str) -> None:
    events = draft_facts(make, "k")
    assert {event for _, event in DRAFT} == set(events)
    for event in events:
        key = f"{event}-from-{state}"
        own = draft_facts(make, key)
        record(store, make, *(own[step] for step in path_to(DRAFT, state)))
        before = store.ledger_size()
        if (state, event) in DRAFT:
            record(store, make, own[event])
            assert store.draft(key).state == DRAFT[state, event]
        else:
            with pytest.raises(WrongState):
                record(store, make, own[event])
            assert store.ledger_size() == before
            if state:
                assert store.draft(key).state == state


@pytest.mark.parametrize("state", ["", *AlertState])
def test_an_alert_takes_exactly_the_steps_of_the_table(store: Store, make: Any, state: str) -> None:
    events = alert_facts(make, "k")
    assert {event for _, event in ALERT} == set(events)
    for event in events:
        key = f"{event}-from-{state}"
        own = alert_facts(make, key)
        record(store, make, *(own[step] for step in path_to(ALERT, state)))
        before = store.ledger_size()
        if (state, event) in ALERT:
            record(store, make, own[event])
            assert store.alert(key).state == ALERT[state, event]
        else:
            with pytest.raises(WrongState):
                record(store, make, own[event])
            assert store.ledger_size() == before


def test_a_held_draft_comes_back_as_it_was_held(store: Store, make: Any) -> None:
    record(store, make, make.held("k"))
    row = store.draft("k")
    assert (row.key, row.state, row.message, row.client) == ("k", "held", make.id(1), "Acme")
    assert (row.thread, row.mailbox, row.subject, row.body) == (
        "thread-1",
        "work",
        "Re: Invoice",
        "Dear Anna",
    )
    assert (row.level, row.why, row.plugin) == (Level.HEATED, "held for 4 hours", "templates")
    assert (row.created_at, row.release_at) == (make.noon, make.at(hours=4))
    assert (row.folder, row.uidvalidity, row.uid, row.uidnext_before, row.message_id, row.digest) == (
        "",
        0,
        0,
        0,
        "",
        "",
    )


def test_a_person_moves_the_release_of_a_held_draft(store: Store, make: Any) -> None:
    own = draft_facts(make, "k")
    record(store, make, make.held("k"), own["draft.extended"])
    assert store.draft("k").release_at == make.at(hours=9)
    record(store, make, own["draft.released"])
    assert (store.draft("k").release_at, store.draft("k").state) == (make.at(hours=1), "held")


def test_what_waits_goes_along_with_a_clock_that_is_set(store: Store, make: Any) -> None:
    record(store, make, make.held("k"), draft_facts(make, "k")["draft.rescheduled"])
    assert (store.draft("k").release_at, store.draft("k").state) == (make.at(hours=5), "held")
    record(store, make, make.raised("a"), alert_facts(make, "a")["alert.rescheduled"])
    assert (store.alert("a").next_rung_at, store.alert("a").state) == (make.at(hours=5), "open")


def test_a_placed_draft_knows_what_was_placed_and_where(store: Store, make: Any) -> None:
    record(store, make, make.held("k"), make.placing("k"))
    row = store.draft("k")
    assert (row.folder, row.uidvalidity, row.uidnext_before, row.uid) == ("Drafts", 3, 40, 0)
    assert (row.message_id, row.digest) == ("<draft@studio.example>", "d" * 64)
    record(store, make, make.placing("k", uidnext=45), make.placed("k"))
    row = store.draft("k")
    assert (row.state, row.uid, row.uidnext_before) == ("placed", 41, 45)


def test_drafts_are_chosen_by_state_and_thread_oldest_first(store: Store, make: Any) -> None:
    record(
        store,
        make,
        make.held("late", created_at=make.at(hours=2)),
        make.held("early", created_at=make.at(hours=1)),
        make.held("other", thread="thread-9", message=make.id(9)),
        make.held("gone"),
        facts.DraftCancelled(key="gone", actor="me"),
    )
    assert [row.key for row in store.drafts(states=LIVE_DRAFTS, thread="thread-1")] == ["early", "late"]
    assert [row.key for row in store.drafts(states=[DraftState.CANCELLED])] == ["gone"]
    assert len(store.drafts()) == 4
    assert store.drafts(states=[]) == ()
    assert [row.key for row in store.drafts(message=make.id(9))] == ["other"]
    assert store.drafts(states=LIVE_DRAFTS, message=make.id(2)) == ()
    with store.transaction(make.noon) as tx:
        assert tx.drafts(thread="thread-9") == store.drafts(thread="thread-9")


@pytest.mark.parametrize("what", ["draft", "alert"])
def test_a_key_is_found_by_any_unique_beginning(store: Store, make: Any, what: str) -> None:
    for key in ("abc", "abc-2", "abd", "100%_x"):
        record(store, make, make.held(key) if what == "draft" else make.raised(key))
    find = getattr(store, what)
    assert find("abc").key == "abc"
    assert find("abc-").key == "abc-2"
    assert find("100%").key == "100%_x"
    for wrong, sentence in (
        ("ab", "several"),
        ("abcd", "no " + what),
        ("%", "no " + what),
        ("", "no " + what),
    ):
        with pytest.raises(UserError, match=f"{sentence}.* begins? with"):
            find(wrong)
    with store.transaction(make.noon) as tx:
        assert getattr(tx, what)("abd").key == "abd"


def test_a_raised_alert_comes_back_as_it_was_raised(store: Store, make: Any) -> None:
    record(store, make, make.raised("a"))
    row = store.alert("a")
    assert (row.key, row.state, row.rule, row.client, row.thread) == ("a", "open", "heat", "Acme", "thread-1")
    assert (row.message, row.severity, row.title) == (make.id(1), "warning", "A heated message")
    assert (row.body, row.raised_at) == ("Read it, and do not answer yet.", make.noon)
    assert (row.rung, row.next_rung_at, row.count) == (0, make.at(minutes=1), 1)


def test_the_same_trouble_is_counted_and_never_gets_quieter(store: Store, make: Any) -> None:
    record(store, make, make.raised("a"))
    for severity, wanted in (("info", "warning"), ("critical", "critical"), ("warning", "critical")):
        record(
            store,
            make,
            facts.AlertCounted(key="a", message=make.id(2), severity=severity, counted_at=make.noon),
        )
        assert store.alert("a").severity == wanted
    assert store.alert("a").count == 4


def test_the_ladder_stops_at_once_when_somebody_has_it(store: Store, make: Any) -> None:
    for end in ("alert.acknowledged", "alert.answered", "alert.resolved"):
        own = alert_facts(make, end)
        record(store, make, own["alert.raised"], own["alert.climbed"])
        assert (store.alert(end).rung, store.alert(end).next_rung_at) == (1, make.at(hours=2))
        record(store, make, own[end])
        assert store.alert(end).next_rung_at is None


def test_a_snoozed_alert_goes_on_when_the_quiet_ends(store: Store, make: Any) -> None:
    own = alert_facts(make, "a")
    record(store, make, own["alert.raised"], own["alert.snoozed"])
    assert (store.alert("a").state, store.alert("a").next_rung_at) == ("snoozed", make.at(hours=3))


def test_what_channels_took_is_remembered_in_order(store: Store, make: Any) -> None:
    took = [
        facts.AlertNotified(
            key="a", rung=rung, channel=channel, detail="202", notified_at=make.at(hours=rung)
        )
        for rung, channel in ((0, "phone"), (0, "mail"), (1, "phone"))
    ]
    record(store, make, make.raised("a"), make.raised("b"), *took)
    record(store, make, facts.AlertUndelivered(key="a", rung=1, channel="mail", why="refused", final=False))
    assert store.notified("a") == tuple(took)
    assert store.notified("b") == ()


def test_alerts_are_chosen_by_state_thread_and_client(store: Store, make: Any) -> None:
    record(
        store,
        make,
        make.raised("late", raised_at=make.at(hours=1)),
        make.raised("early"),
        make.raised("health", client="", thread=""),
        make.raised("other", client="Bolt", message=make.id(9)),
        make.raised("had"),
        facts.AlertAcknowledged(key="had", actor="me"),
    )
    assert [row.key for row in store.alerts(states=OPEN_ALERTS, client="Acme")] == ["early", "late"]
    assert [row.key for row in store.alerts(states=OPEN_ALERTS, client="")] == ["health"]
    assert [row.key for row in store.alerts(thread="thread-1", client="Bolt")] == ["other"]
    assert [row.key for row in store.alerts(message=make.id(9))] == ["other"]
    assert store.alerts(states=OPEN_ALERTS, message=make.id(2)) == ()
    with store.transaction(make.noon) as tx:
        assert tx.alerts(states=OPEN_ALERTS) == store.alerts(states=OPEN_ALERTS)
        assert len(tx.alerts()) == 5
