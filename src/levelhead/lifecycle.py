"""The states of drafts and alerts as tables. The diagrams in the docs are drawn from them.

`step(table, state, fact_name)` is the only way from one state to the next; a step that the table does not have is
refused with `WrongState`, so that an act which comes too late (a cancel after the draft was placed) is one clear
sentence instead of a broken row.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from levelhead.errors import UserError


class DraftState(StrEnum):
    """Where a drafted reply stands."""

    HELD = "held"
    PLACING = "placing"
    PLACED = "placed"
    REMOVING = "removing"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    HANDLED = "handled"
    REMOVED = "removed"
    LEFT = "left"
    FAILED = "failed"


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    SNOOZED = "snoozed"
    ACKNOWLEDGED = "acknowledged"
    ANSWERED = "answered"
    RESOLVED = "resolved"


class WrongState(UserError):
    """What was asked does not fit the state that the draft or alert is in."""


Table = Mapping[tuple[str, str], str]

DRAFT: Table = {
    ("", "draft.held"): DraftState.HELD,
    (DraftState.HELD, "draft.extended"): DraftState.HELD,
    (DraftState.HELD, "draft.released"): DraftState.HELD,
    (DraftState.HELD, "draft.rescheduled"): DraftState.HELD,
    (DraftState.HELD, "draft.superseded"): DraftState.SUPERSEDED,
    (DraftState.HELD, "draft.cancelled"): DraftState.CANCELLED,
    (DraftState.HELD, "draft.expired"): DraftState.EXPIRED,
    (DraftState.HELD, "draft.failed"): DraftState.FAILED,
    (DraftState.HELD, "draft.placing"): DraftState.PLACING,
    (DraftState.PLACING, "draft.placing"): DraftState.PLACING,
    (DraftState.PLACING, "draft.placed"): DraftState.PLACED,
    (DraftState.PLACING, "draft.handled"): DraftState.HANDLED,
    (DraftState.PLACING, "draft.failed"): DraftState.FAILED,
    (DraftState.PLACING, "draft.superseded"): DraftState.REMOVING,
    (DraftState.PLACING, "draft.cancelled"): DraftState.REMOVING,
    (DraftState.PLACED, "draft.superseded"): DraftState.REMOVING,
    (DraftState.PLACED, "draft.cancelled"): DraftState.REMOVING,
    (DraftState.PLACED, "draft.handled"): DraftState.HANDLED,
    (DraftState.REMOVING, "draft.removed"): DraftState.REMOVED,
    (DraftState.REMOVING, "draft.handled"): DraftState.HANDLED,
    (DraftState.REMOVING, "draft.left"): DraftState.LEFT,
    (DraftState.REMOVING, "draft.superseded"): DraftState.REMOVING,
}

ALERT: Table = {
    ("", "alert.raised"): AlertState.OPEN,
    (AlertState.OPEN, "alert.counted"): AlertState.OPEN,
    (AlertState.SNOOZED, "alert.counted"): AlertState.SNOOZED,
    (AlertState.OPEN, "alert.rescheduled"): AlertState.OPEN,
    (AlertState.SNOOZED, "alert.rescheduled"): AlertState.SNOOZED,
    (AlertState.OPEN, "alert.climbed"): AlertState.OPEN,
    (AlertState.SNOOZED, "alert.climbed"): AlertState.OPEN,
    (AlertState.OPEN, "alert.snoozed"): AlertState.SNOOZED,
    (AlertState.SNOOZED, "alert.snoozed"): AlertState.SNOOZED,
    (AlertState.OPEN, "alert.acknowledged"): AlertState.ACKNOWLEDGED,
    (AlertState.SNOOZED, "alert.acknowledged"): AlertState.ACKNOWLEDGED,
    (AlertState.OPEN, "alert.answered"): AlertState.ANSWERED,
    (AlertState.SNOOZED, "alert.answered"): AlertState.ANSWERED,
    (AlertState.OPEN, "alert.resolved"): AlertState.RESOLVED,
    (AlertState.SNOOZED, "alert.resolved"): AlertState.RESOLVED,
    (AlertState.ACKNOWLEDGED, "alert.resolved"): AlertState.RESOLVED,
    (AlertState.ACKNOWLEDGED, "alert.counted"): AlertState.ACKNOWLEDGED,
}

LIVE_DRAFTS = (DraftState.HELD, DraftState.PLACING, DraftState.PLACED)
"""States in which a newer message in the conversation makes a draft obsolete."""

OPEN_ALERTS = (AlertState.OPEN, AlertState.SNOOZED)
"""States in which an alert still climbs."""


def step(table: Table, state: str, event: str) -> str:
    """The state after `event` (a fact's name); raises WrongState when the table has no such step."""
    try:
        return table[state, event]
    except KeyError:
        what, act = event.split(".", 1)
        if act == state:
            raise WrongState(f"the {what} is {state} already") from None
        raise WrongState(f"the {what} is {state or 'not there'}, so it cannot be {act} now") from None
