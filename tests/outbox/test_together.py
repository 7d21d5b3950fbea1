"""Many messages are judged together: what was judged is kept when it ends early, and slow plugins get one at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from levelhead.errors import Stopping
from levelhead.outbox import judge as judging
from levelhead.store.api import WORK

NAMES = ("one", "two", "three", "four", "five")


@pytest.fixture(autouse=True)
def _two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "TOGETHER", 2)


def owed(office) -> tuple[list[str], tuple]:
    """Five messages in conversations of their own, and the jobs that owe their judgement."""
    ids = [office.arrive(name, thread_key=name).id for name in NAMES]
    return ids, office.store.claim(WORK, office.clock.now(), limit=50, lease_seconds=0.0)


def judged(office, ids: list[str]) -> list[bool]:
    return [office.store.judged(id) is not None for id in ids]


def test_plugins_are_asked_about_several_messages_at_once(office, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    answer = office.panel.detect_many
    monkeypatch.setattr(
        office.panel,
        "detect_many",
        lambda about, tick: (sizes.append(len(about)), answer(about))[1],
        raising=False,
    )
    ids, jobs = owed(office)
    office.judge.judge_many(jobs)
    assert judged(office, ids) == [True] * 5
    assert sizes == [2, 2, 1]


def test_what_was_judged_before_the_end_is_kept_and_the_rest_stays_owed(
    office, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, asked = office.panel.detect_many, []

    def stops_at_the_second(about, tick):
        asked.append(len(about))
        if len(asked) == 2:
            raise Stopping
        return answer(about)

    monkeypatch.setattr(office.panel, "detect_many", stops_at_the_second, raising=False)
    ids, jobs = owed(office)
    with pytest.raises(Stopping):
        office.judge.judge_many(jobs)
    assert judged(office, ids) == [True, True, False, False, False]
    monkeypatch.undo()
    office.pay()
    assert judged(office, ids) == [True] * 5


def test_slow_plugins_are_asked_about_one_message_at_a_time(office, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    answer = office.panel.detect_many

    def slow(about, tick):
        sizes.append(len(about))
        office.clock.advance(timedelta(seconds=judging.ROUND_SECONDS + 1))
        return answer(about)

    monkeypatch.setattr(office.panel, "detect_many", slow, raising=False)
    ids, jobs = owed(office)
    office.judge.judge_many(jobs)
    assert judged(office, ids) == [True] * 5
    assert sizes == [2, 1, 1, 1]
