"""When the machine's clock is set, everything that waits goes along, so that it waits as long as was meant."""

from __future__ import annotations

from datetime import timedelta

from levelhead.facts import AlertRescheduled, ClockJumped, DraftRescheduled
from levelhead.lifecycle import OPEN_ALERTS, DraftState
from levelhead.store.api import Tx

SET = "somebody set the clock"
SLEPT = "the machine slept"


def move_what_waits(tx: Tx, seconds: int) -> int:
    """Record that the clock was set by so many seconds and move every hold, rung and debt; how many replies are held.

    Runs inside a transaction whose `now` is the new time. Without it, a clock that is set forward ends a cool-down
    early, and one that is set back keeps replies, alerts and verdicts waiting for as long as it was wrong.
    """
    by = timedelta(seconds=seconds)
    tx.record(ClockJumped(by_seconds=seconds, noticed_at=tx.now, why=SET))
    held = tx.drafts(states=(DraftState.HELD,))
    for draft in held:
        tx.record(DraftRescheduled(key=draft.key, release_at=draft.release_at + by, by_seconds=seconds))
    for alert in tx.alerts(states=OPEN_ALERTS):
        if alert.next_rung_at is not None:
            moved = alert.next_rung_at + by
            tx.record(AlertRescheduled(key=alert.key, next_rung_at=moved, by_seconds=seconds))
    tx.move_jobs(by)
    return len(held)
