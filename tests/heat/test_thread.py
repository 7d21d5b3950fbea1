"""What a thread adds to its newest message: it only raises, a little, and only for what has happened in it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelhead.heat.engine import Cue
from levelhead.heat.thread import LOGITS, MOST, course, habit_cue, thread_cues
from levelhead.model import Address, Calibration, Direction, Level, Noted, Past, Screening
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import weigh
from levelhead.screening.builtin import thread as plugin
from levelhead.testing import NOW, make_client, make_message, make_thread

CLIENT = make_client(addresses=("bob@acme.example",))
CHASING = "Still no answer. When will it be done?"


def past(hours: float, direction: Direction = Direction.IN, **fields: Any) -> Past:
    """A message so many hours before the newest."""
    mine = direction is Direction.OUT
    values: dict[str, Any] = {
        "id": f"{hours}{direction}",
        "direction": direction,
        "received_at": NOW - timedelta(hours=hours),
        "sender": "me@studio.example" if mine else "bob@acme.example",
        "subject": "The website",
        "recipients": ("bob@acme.example",) if mine else ("me@studio.example",),
    }
    return Past(**(values | fields))


def ours(hours: float) -> Past:
    return past(hours, Direction.OUT)


def labels(*before: Past, text: str = CHASING, **fields: Any) -> tuple[str, ...]:
    cues = thread_cues(make_message(text, **fields), make_thread(*before), CLIENT)
    return tuple(cue.label for cue in cues)


def test_the_first_message_of_a_thread_has_no_cue() -> None:
    assert labels(cc=(Address(address="boss@acme.example"),)) == ()


def test_a_calm_exchange_has_no_cue() -> None:
    assert labels(past(50), ours(40), past(30), ours(10)) == ()


@pytest.mark.parametrize("level", [Level.HEATED, Level.HOSTILE])
def test_a_heated_message_before_raises_the_score(level: Level) -> None:
    hot = past(5, level=level, score=0.7)
    assert labels(hot, ours(4)) == ("thread-heated",)
    assert labels(replace(hot, level=Level.TENSE), ours(4)) == ()
    assert labels(replace(hot, level=None), ours(4)) == ()


def test_only_the_clients_last_message_before_heats_this_one_and_not_for_ever() -> None:
    hot = past(50, level=Level.HEATED, score=0.7)
    assert labels(hot, past(40, level=Level.CALM), ours(30)) == ()
    assert labels(replace(hot, direction=Direction.OTHER), ours(30)) == ()
    assert labels(replace(hot, received_at=NOW - timedelta(days=15)), ours(30)) == ()


def test_three_messages_within_a_day_without_an_answer_are_a_burst() -> None:
    assert labels(past(20), past(10)) == ("burst",)
    assert labels(past(30), past(10)) == ()
    assert labels(past(20), ours(15), past(10)) == ()
    assert labels(past(20), past(10, Direction.OTHER)) == ()


def test_gaps_that_halve_twice_are_told_and_those_of_a_chat_are_not() -> None:
    assert labels(past(70), ours(60), past(30), ours(20), past(10), ours(1)) == ("shorter-gaps",)
    assert labels(past(70), ours(60), past(30), ours(20), past(16), ours(1)) == ()
    assert labels(past(30), ours(20), past(10), ours(1)) == (), "one gap that is shorter is no rhythm"
    assert labels(past(0.7), ours(0.6), past(0.3), ours(0.2), past(0.1), ours(0.05)) == (), "a chat"


def test_a_client_who_chases_after_three_days_of_silence_is_told() -> None:
    assert labels(past(73)) == ("our-silence",)
    assert labels(past(71)) == ()
    assert labels(past(100), ours(90)) == ()
    assert labels(past(100), past(90, Direction.OTHER)) == ("our-silence",), (
        "nobody else's mail is our answer"
    )


def test_silence_is_nothing_to_a_client_who_does_not_ask_for_anything() -> None:
    assert labels(past(73), text="The parts have arrived, thanks!") == ()


def test_somebody_new_in_copy_is_told_once() -> None:
    boss = (Address(address="Boss@acme.example"),)
    assert labels(past(9), ours(8), cc=boss) == ("new-recipients",)
    known = past(9, recipients=("me@studio.example", "boss@acme.example"))
    assert labels(known, ours(8), cc=boss) == ()
    assert labels(past(9), replace(ours(8), sender="boss@acme.example"), cc=boss) == (), "they wrote already"


def test_the_clients_own_address_and_the_mailbox_that_received_it_are_not_new() -> None:
    for address in ("bob@acme.example", "Bob@ACME.example"):
        assert labels(past(9), ours(8), cc=(Address(address=address),)) == ()
    other = (Address(address="studio@elsewhere.example"),)
    assert labels(past(9), ours(8), to=other) == ("new-recipients",)
    assert labels(past(9), ours(8), to=other, headers=(("Delivered-To", "<Studio@elsewhere.example>"),)) == ()


def test_nobody_elses_and_no_machines_message_has_a_cue() -> None:
    hot = past(5, level=Level.HOSTILE, score=0.9)
    assert labels(hot) == ("thread-heated",)
    assert labels(hot, direction=Direction.OUT) == ()
    assert labels(hot, direction=Direction.OTHER) == ()
    assert labels(hot, automatic="auto-reply") == ()


def test_what_is_later_than_the_message_is_not_before_it() -> None:
    assert labels(past(73), ours(-5)) == ("our-silence",), "our answer is read first, and answers nothing yet"
    assert labels(past(-1, level=Level.HOSTILE), past(-2)) == ()


def test_what_anybody_may_have_written_in_our_name_is_no_answer_of_ours() -> None:
    forged = replace(ours(10), certain=False, recipients=("boss@acme.example",))
    assert labels(past(80), ours(10)) == (), "an answer ends the wait"
    assert labels(past(80), forged) == labels(past(80)) == ("our-silence",)
    boss = (Address(address="boss@acme.example"),)
    assert "new-recipients" in labels(past(80), forged, cc=boss)


def test_the_order_in_which_a_thread_was_archived_changes_nothing() -> None:
    four = [past(70, level=Level.HEATED, score=0.7), past(30), past(10), ours(80)]
    found = {labels(*order) for order in itertools.permutations(four)}
    assert len(found) == 1


def everything() -> tuple[Past, ...]:
    return (past(90), past(80), past(20), past(8, level=Level.HOSTILE, score=0.95))


def test_each_cue_says_why_in_one_sentence() -> None:
    message = make_message(CHASING, cc=(Address(address="boss@acme.example"),))
    for cue in thread_cues(message, make_thread(*everything()), CLIENT):
        assert cue.why and cue.why[0].islower() and not cue.why.endswith(".")
        assert "boss@" not in cue.why


pasts = st.lists(
    st.builds(
        past,
        st.floats(0.01, 500),
        st.sampled_from(Direction),
        level=st.sampled_from(Level),
        score=st.floats(0, 1),
        recipients=st.sets(st.sampled_from(["me@studio.example", "a@x.example", "b@x.example"])).map(tuple),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(pasts)
def test_cues_only_raise_each_once_and_never_far(before: list[Past]) -> None:
    message = make_message(CHASING, cc=(Address(address="a@x.example"), Address(address="c@x.example")))
    cues = thread_cues(message, make_thread(*before), CLIENT)
    assert all(0 < cue.logits <= LOGITS[cue.label] for cue in cues)
    assert len({cue.label for cue in cues}) == len(cues)
    assert sum(cue.logits for cue in cues) <= MOST + 1e-9


@settings(deadline=None)
@given(pasts)
def test_a_thread_alone_never_makes_a_plain_message_tense(before: list[Past]) -> None:
    message = make_message("Fine.", cc=(Address(address="a@x.example"), Address(address="c@x.example")))
    found = plugin.detect(message, make_thread(*before), CLIENT)
    noted = tuple(Noted(plugin="thread", finding=finding) for finding in found)
    for baseline in (False, True):
        calm = replace(CLIENT, calibration=Calibration(judged=500, mean=0.03, deviation=0.01))
        verdict = weigh(Screening(message_id=message.id, noted=noted), calm, HeatPolicy(baseline=baseline))
        assert verdict.level is Level.CALM
        assert sum(point.millionths for point in verdict.because) == verdict.millionths


def test_the_course_counts_whom_the_client_brought_in() -> None:
    boss = past(20, recipients=("me@studio.example", "boss@acme.example"))
    known = course((past(30), boss, ours(10), past(0)))
    assert (known.joined, known.newcomers, len(known.theirs)) == (1, (), 2)
    assert course((past(0),)).joined == 0


# --- habit -------------------------------------------------------------------------------------

LOUD = (
    Cue("shouting", 1.5, "it shouts"),
    Cue("shouting", 0.5, "it shouts"),
    Cue("threat", 2.0, "it threatens"),
)


def shouter(judged: int, times: int) -> Any:
    return make_client(calibration=Calibration(judged=judged, labels={"shouting": times}))


def test_capitals_of_a_habitual_shouter_count_half_and_it_is_said_why() -> None:
    cue = habit_cue(LOUD, shouter(5, 2))
    assert cue is not None
    assert (cue.label, cue.logits) == ("habit-shouting", -1.0)
    assert cue.why == "2 of this client's 5 judged messages shout, so capitals count half"


@pytest.mark.parametrize(("judged", "times"), [(4, 4), (5, 1), (100, 39), (0, 0)])
def test_too_few_messages_or_too_seldom_is_no_habit(judged: int, times: int) -> None:
    assert habit_cue(LOUD, shouter(judged, times)) is None


def test_a_habit_takes_nothing_from_a_message_that_does_not_shout() -> None:
    assert habit_cue(LOUD[2:], shouter(10, 9)) is None
    assert habit_cue((), shouter(10, 9)) is None
