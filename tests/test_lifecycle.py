from __future__ import annotations

import itertools

import pytest

from levelhead import facts
from levelhead.errors import UserError
from levelhead.lifecycle import (
    ALERT,
    DRAFT,
    LIVE_DRAFTS,
    OPEN_ALERTS,
    AlertState,
    DraftState,
    Table,
    WrongState,
    step,
)

TABLES = [(DRAFT, DraftState, "draft"), (ALERT, AlertState, "alert")]


@pytest.mark.parametrize(("table", "states", "what"), TABLES)
def test_every_step_is_made_by_a_fact_of_that_kind(table: Table, states: type, what: str) -> None:
    for state, event in table:
        assert event in facts.names()
        assert event.startswith(what + ".")
        assert state == "" or state in list(states)
        assert table[state, event] in list(states)


@pytest.mark.parametrize(("table", "states", "what"), TABLES)
def test_every_state_can_be_reached(table: Table, states: type, what: str) -> None:
    reached = {""}
    while new := {after for (before, _), after in table.items() if before in reached} - reached:
        reached |= new
    assert reached - {""} == set(states)


@pytest.mark.parametrize(("table", "states", "what"), TABLES)
def test_a_step_that_the_table_lacks_is_one_helpful_sentence(table: Table, states: type, what: str) -> None:
    events = [name for name in facts.names() if name.startswith(what + ".")]
    for state, event in itertools.product(["", *states], events):
        if (state, event) not in table:
            end = " already" if event == f"{what}.{state}" else ", so it cannot"
            with pytest.raises(WrongState, match=f"the {what} is {state or 'not there'}{end}"):
                step(table, state, event)


def test_a_late_act_is_the_callers_mistake_and_no_crash() -> None:
    with pytest.raises(UserError):
        step(DRAFT, DraftState.REMOVED, "draft.cancelled")


def test_a_draft_that_a_person_took_over_is_never_touched_again() -> None:
    assert not [event for state, event in DRAFT if state == DraftState.HANDLED]


def test_a_draft_that_ended_stays_ended() -> None:
    for state in set(DraftState) - {*LIVE_DRAFTS, DraftState.REMOVING}:
        assert not [event for before, event in DRAFT if before == state]


def test_every_live_draft_can_become_obsolete() -> None:
    for state in LIVE_DRAFTS:
        assert (state, "draft.superseded") in DRAFT
        assert (state, "draft.cancelled") in DRAFT


def test_an_acknowledged_alert_never_climbs_again() -> None:
    for state in set(AlertState) - set(OPEN_ALERTS):
        events = {event for before, event in ALERT if before == state}
        # Trouble that was acknowledged can still get worse or be over.
        assert events <= ({"alert.counted", "alert.resolved"} if state == AlertState.ACKNOWLEDGED else set())
        assert "alert.climbed" not in events
