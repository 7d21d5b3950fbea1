"""Replay on every processor: other processes judge, and what is said is the same to the byte."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from levelhead.cli import trials
from levelhead.errors import Stopping
from levelhead.workers import Gone, Process

DROP_IN = """
from levelhead import Finding, hookimpl


@hookimpl
def detect(message):
    return Finding("seen", 0.1, why="it was seen")
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that judge, as they are started: two of them, for however few messages."""
    made: list[Process] = []

    def process(*words: Any, **named: Any) -> Process:
        made.append(Process(*words, **named))
        return made[-1]

    monkeypatch.setattr(trials, "FEWEST", 1)
    monkeypatch.setattr(trials, "AT_ONCE", 2)
    monkeypatch.setattr(trials, "Process", process)
    monkeypatch.setattr(trials, "processors", lambda: 2)
    monkeypatch.setattr("levelhead.archive.readers.processors", lambda: 2)
    return made


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "FEWEST", 1_000)


def test_two_processes_say_the_same_as_one(
    levelhead: Any, home: Path, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = home / "strict.toml"
    rules.write_text((home / "levelhead.toml").read_text() + "\n[heat]\ntense = 0.01\nheated = 0.02\n")
    several = levelhead("replay", "--with", rules, "--json")
    assert len(started) == 2
    assert not any(process.running for process in started)
    alone(monkeypatch)
    assert levelhead("replay", "--with", rules, "--json") == several
    assert len(started) == 2
    assert several.status == 0 and several.lines[-1]["summary"]["raised"] >= 1


@pytest.mark.sweep
def test_two_processes_say_the_same_of_one_plugin_and_to_a_reader(
    levelhead: Any, home: Path, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = (["replay", "--plugin", "tone", "--json"], ["replay"])
    several = [levelhead(*words) for words in asked]
    assert len(started) == 4
    alone(monkeypatch)
    assert [levelhead(*words) for words in asked] == several


@pytest.mark.sweep
def test_a_damaged_message_ends_a_replay_with_the_same_words(
    levelhead: Any, home: Path, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = home / "archive" / "volumes" / "000001.tar.zst"
    data = bytearray(volume.read_bytes())
    data[-40] ^= 0xFF
    volume.write_bytes(data)
    several = levelhead("replay", "--json")
    assert started and several.status == 1 and "is damaged" in several.err
    alone(monkeypatch)
    assert levelhead("replay", "--json") == several


@pytest.mark.sweep
def test_a_process_that_is_killed_is_replaced_and_what_it_was_asked_is_asked_again(
    levelhead: Any, home: Path, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = trials.Seat._told
    killed: list[Process] = []

    def killing(self: Any, ids: Any) -> Any:
        if self.process is not None and not killed:
            killed.append(self.process)
            self.process.kill()
        return told(self, ids)

    monkeypatch.setattr(trials.Seat, "_told", killing)
    several = levelhead("replay", "--json")
    assert killed and len(started) == 3
    alone(monkeypatch)
    assert levelhead("replay", "--json") == several


def test_a_message_over_which_every_process_ends_is_named(
    levelhead: Any, home: Path, letters: Any, monkeypatch: pytest.MonkeyPatch, started: list[Process]
) -> None:
    def never(self: Any, ids: Any) -> Any:
        raise Gone("it ended the worker process (SIGSEGV)")

    monkeypatch.setattr(trials.Seat, "_told", never)
    said = levelhead("replay", "--json")
    assert (said.status, said.out) == (3, "")
    first = letters.id(letters.all[0])[:12]
    assert said.err == (
        f"the message {first} cannot be judged again: it ended the worker process (SIGSEGV)\n"
    )


def test_a_plugin_of_ones_own_is_asked_by_one_process(
    levelhead: Any, home: Path, started: list[Process]
) -> None:
    plugins = home / "plugins"
    plugins.mkdir()
    (plugins / "seen.py").write_text(DROP_IN)
    *lines, _ = levelhead("replay", "--plugin", "seen", "--json").lines
    assert lines and not started


@pytest.mark.parametrize("when", ["started", "greeted"])
def test_a_seat_that_is_closed_while_its_process_comes_up_asks_it_nothing(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    seat = trials.Seat(opening=None)  # type: ignore[arg-type]  # nobody may get as far as to send it
    made: list[Process] = []
    asked: list[str] = []

    class Slow(Process):
        def __init__(self, *words: Any, **named: Any) -> None:
            super().__init__(*words, **named)
            made.append(self)
            # What `close` does first, when there is no process yet that it could kill.
            seat.closed = when == "started"

        def greet(self, seconds: float = 60.0) -> None:
            asked.append("greet")
            super().greet(seconds)
            seat.closed = True

        def ask(self, request: bytes, seconds: float) -> None:
            asked.append("ask")
            raise Gone("it was asked")

    monkeypatch.setattr(trials, "Process", Slow)
    with pytest.raises(Stopping):
        seat.told(["a"])
    assert asked == ([] if when == "started" else ["greet"])
    seat.close()
    assert not made[0].running


def test_who_breaks_off_while_the_last_messages_are_judged_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submitted, closed = threading.Event(), threading.Event()
    ended: list[bool] = []

    def rows() -> Any:
        yield type("Row", (), {"id": "a"})()
        submitted.set()

    def told(self: Any, ids: Any) -> Any:
        submitted.wait(5)
        # Just before it waits, a thread notices a signal only with the next one: Python looks between two steps.
        for _ in range(5):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            if closed.wait(2):
                break
        ended.append(closed.is_set())
        raise Stopping

    monkeypatch.setattr(trials.Seat, "told", told)
    monkeypatch.setattr(trials.Seat, "close", lambda self: closed.set())
    monkeypatch.setattr(trials, "AT_ONCE", 1)
    # A shell gives what it runs in the background no SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), trials.Seats(opening=None, count=2) as seats:  # type: ignore[arg-type]
            list(seats.judged(rows()))
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == [True]
