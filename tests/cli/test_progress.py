"""How far a long command is: on one line, with an estimate that is made of the pace, and for nobody but a terminal."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levelhead.cli import progress
from levelhead.cli.progress import Estimate, roughly
from levelhead.clock import FrozenClock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """What somebody at a terminal sees on stderr from now on; made in the test itself, whose streams are its own."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


def passed(clock: FrozenClock, seconds: float) -> None:
    clock.advance(seconds=seconds)


def test_an_estimate_follows_from_the_pace() -> None:
    clock = FrozenClock(NOON)
    estimate = Estimate(clock)
    passed(clock, 10)
    assert estimate.left(100, 1_000) == pytest.approx(90)


def test_nothing_is_guessed_at_in_the_first_seconds_nor_while_nothing_is_done() -> None:
    clock = FrozenClock(NOON)
    estimate = Estimate(clock)
    passed(clock, 1)
    assert estimate.left(500, 1_000) is None
    passed(clock, 60)
    assert Estimate(clock).left(0, 1_000) is None


def test_a_steady_pace_is_told_within_a_second_and_starting_up_is_no_part_of_it() -> None:
    clock = FrozenClock(NOON)
    estimate = Estimate(clock)
    assert estimate.left(0, 1_000) is None
    passed(clock, 2)  # starting up
    told = []
    for done in range(20, 200, 20):
        told.append(estimate.left(done, 1_000))
        passed(clock, 0.1)
    assert told[:4] == [None] * 4
    assert told[4:] == [pytest.approx((1_000 - done) / 200) for done in range(100, 200, 20)]


def test_a_word_or_two_and_a_small_share_are_no_pace() -> None:
    clock = FrozenClock(NOON)
    few, little = Estimate(clock), Estimate(clock)
    for step in range(8):
        passed(clock, 0.1)
        assert little.left(step, 1_000) is None
        if step % 3 == 0:
            assert few.left(100 * (step + 1), 1_000) is None


def test_slower_work_of_the_last_half_minute_makes_the_estimate_longer() -> None:
    clock = FrozenClock(NOON)
    estimate = Estimate(clock)
    for done in range(0, 1_000, 100):
        estimate.left(done, 2_000)
        passed(clock, 1)
    for done in range(1_000, 1_060):
        estimate.left(done, 2_000)
        passed(clock, 1)
    assert estimate.left(1_060, 2_000) == pytest.approx(940, rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (7.4, "7 s"), (12.0, "10 s"), (88.0, "90 s"), (200.0, "3 min"), (7_900.0, "2 h 10 min")],
)
def test_an_estimate_is_told_as_exactly_as_it_is(seconds: float, words: str) -> None:
    assert roughly(seconds) == words


def test_a_terminal_is_told_on_one_line_which_is_cleared_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = a_screen(monkeypatch)
    clock = FrozenClock(NOON)
    tell = progress.entries(clock)
    assert tell is not None
    for done in range(0, 1_001, 50):
        tell(done, 1_000)
        passed(clock, 1)
    said = screen.getvalue()
    assert "500 of 1000 entries, about 10 s left" in said
    assert "\n" not in said and said.endswith("\r\033[K")


def test_a_program_that_reads_stderr_is_told_nothing() -> None:
    assert progress.entries() is None


def test_replay_and_verify_say_how_far_they_are(
    levelhead: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = a_screen(monkeypatch)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    levelhead("replay")
    assert " messages" in screen.getvalue()
    monkeypatch.setattr("levelhead.archive.verify.AT_ONCE", 2)
    levelhead("verify", "--deep")
    assert " % verified" in screen.getvalue()
