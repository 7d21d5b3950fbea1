"""The journey dies at every step in turn, by kill -9, and comes out whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from audit import whole

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]
Pass = Callable[["Home", int], tuple[int, int]]

KILLED = -9


STRIDE = 1 if os.environ.get("LEVELHEAD_STRIDE") == "1" else 6
"""Every sixth step in CI, where strace kills the daemon at its system calls as well; every one where that is asked."""


@pytest.fixture(scope="session")
def one_pass() -> Iterator[Pass]:
    """One full pass of the daemon that is killed at a step (0: never); its status and how many steps it took."""
    command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        assert zygote.stdin and zygote.stdout

        def ask(home: Home, deadly: int = 0) -> tuple[int, int]:
            zygote.stdin.write(f"{home.config}\t{deadly}\t[]\n")
            zygote.stdin.flush()
            status, steps = zygote.stdout.readline().split()
            return int(status), int(steps)

        yield ask
        zygote.stdin.close()


def die_at_every(
    stride: int, first: int, one_pass: Pass, write: Write, heated: str, make: Callable[[str], Home]
) -> None:
    """Kill passes at step `first`, `first + stride`, ... until one comes to its end by itself."""
    deadly, died = first, 0
    while True:
        home = make(str(deadly))
        home.write_config(cooldown="0s")
        home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
        sent = write(
            "Hi!", sender="me@studio.example", to="maria@northwind.example", own_id="<b1@studio.example>"
        )
        home.account.append("Sent", sent)
        assert one_pass(home, 0)[0] == 0, (home.path / "pass.log").read_text()[-4000:]
        home.phone.received.clear()
        home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
        status, steps = one_pass(home, deadly)
        if status == 0:
            assert steps < deadly
            break
        assert status == KILLED, (home.path / "pass.log").read_text()[-4000:]
        died += 1
        assert one_pass(home, 0)[0] == 0, (home.path / "pass.log").read_text()[-4000:]
        whole(home)
        deadly += stride
    print(f"from step {first} by {stride}: died {died} times, a whole pass takes {steps} steps")
    assert died


@pytest.mark.parametrize("first", (1,))
def test_a_pass_that_dies_at_a_step_loses_nothing_and_doubles_nothing(
    first: int, one_pass: Pass, write: Write, heated: str, make_home: Callable[[Path], Home], tmp_path: Path
) -> None:
    die_at_every(27, first * 3, one_pass, write, heated, lambda name: make_home(tmp_path / name))


@pytest.mark.sweep
@pytest.mark.parametrize("first", range(1, 9, STRIDE))
def test_a_pass_that_dies_at_any_step_loses_nothing_and_doubles_nothing(
    first: int, one_pass: Pass, write: Write, heated: str, make_home: Callable[[Path], Home], tmp_path: Path
) -> None:
    die_at_every(8, first, one_pass, write, heated, lambda name: make_home(tmp_path / name))


def answered_at_every(
    stride: int, first: int, one_pass: Pass, write: Write, heated: str, make: Callable[[str], Home]
) -> None:
    """The other end of the story: a draft is held, I answer from elsewhere, and the pass that sees it dies."""
    deadly, died = first, 0
    while True:
        home = make(str(deadly))
        home.write_config(cooldown="1h")
        assert one_pass(home, 0)[0] == 0
        home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
        assert one_pass(home, 0)[0] == 0
        answer = write(
            "I call you.", sender="me@studio.example", to="maria@northwind.example",
            own_id="<b2@studio.example>", references=("<a2@northwind.example>",),
        )  # fmt: skip
        home.account.append("Sent", answer)
        status, steps = one_pass(home, deadly)
        if status == 0:
            assert steps < deadly
            break
        died += 1
        assert one_pass(home, 0)[0] == 0, (home.path / "pass.log").read_text()[-4000:]
        assert home.json("verify", "--deep")["ok"]
        assert home.count("message.archived") == home.count("message.judged") == 2
        assert home.count("draft.superseded") == 1
        assert home.count("alert.answered") == 1
        assert home.lines("held") == home.lines("alerts") == []
        assert not home.account.read("Drafts")
        deadly += stride
    print(f"from step {first} by {stride}: died {died} times, a whole pass takes {steps} steps")
    assert died


@pytest.mark.sweep
@pytest.mark.parametrize("first", range(1, 5, STRIDE))
def test_a_pass_that_dies_at_any_step_of_learning_of_my_answer_cancels_all_the_same(
    first: int, one_pass: Pass, write: Write, heated: str, make_home: Callable[[Path], Home], tmp_path: Path
) -> None:
    answered_at_every(4, first, one_pass, write, heated, lambda name: make_home(tmp_path / name))
