"""One more message never makes a cool-down shorter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from levelhead.hookspecs import Said
from levelhead.lifecycle import DraftState
from levelhead.model import Draft, Hold, Level
from levelhead.policy.plan import LiveDraft, Rules, Surroundings, Unanswered, plan
from levelhead.policy.types import Calendar, CooldownPolicy, LadderPolicy
from levelhead.testing import make_message, make_verdict

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = Rules(
    cooldown=CooldownPolicy(
        durations={
            Level.CALM: timedelta(0),
            Level.TENSE: timedelta(minutes=30),
            Level.HEATED: timedelta(hours=4),
            Level.HOSTILE: timedelta(hours=24),
        },
        business_time=False,
    ),
    ladder=LadderPolicy(),
    calendar=Calendar(zone=ZoneInfo("UTC"), hours={}),
)


def held_until(around: Surroundings, *, said: datetime = NOON) -> tuple[datetime, str]:
    """When the answer to a calm message is released, that a `hold` plugin would let go at `said`."""
    message = make_message("Well? I am waiting.", received_at=NOON)
    what = plan(
        message,
        make_verdict(Level.CALM),
        Said("templates", Draft("Re: x", "Hello")),
        (Said("cooldown", Hold(said, "calm")),),
        (),
        around,
        RULES,
        NOON,
    )
    (draft,) = what.drafts
    return draft.release_at, draft.why


@pytest.mark.parametrize(
    ("level", "before", "left"),
    [
        (Level.HOSTILE, timedelta(hours=1), timedelta(hours=23)),
        (Level.HEATED, timedelta(hours=1), timedelta(hours=3)),
        (Level.UNKNOWN, timedelta(minutes=10), timedelta(minutes=20)),
        (Level.HOSTILE, timedelta(hours=30), timedelta(0)),
        (Level.CALM, timedelta(minutes=1), timedelta(0)),
    ],
)
def test_a_calm_word_after_a_heated_one_waits_for_the_heated_one(
    level: Level, before: timedelta, left: timedelta
) -> None:
    unanswered = (
        Unanswered(level=level, received_at=NOON - before),
        Unanswered(level=Level.CALM, received_at=NOON),
    )
    until, why = held_until(Surroundings(mailbox="office", unanswered=unanswered))
    assert until == NOON + left
    assert ("has not cooled down" in why) is (left > timedelta(0))


def test_the_hold_of_a_superseded_draft_is_inherited_with_what_a_person_added_to_it() -> None:
    extended = LiveDraft(
        key="k", state=DraftState.HELD, about=NOON - timedelta(hours=1), release_at=NOON + timedelta(days=2)
    )
    until, _ = held_until(Surroundings(mailbox="office", drafts=(extended,)))
    assert until == NOON + timedelta(days=2)


def test_a_longer_hold_of_its_own_wins() -> None:
    unanswered = (Unanswered(level=Level.HEATED, received_at=NOON),)
    until, why = held_until(
        Surroundings(mailbox="office", unanswered=unanswered), said=NOON + timedelta(hours=9)
    )
    assert (until, why) == (NOON + timedelta(hours=9), "calm")
