"""Erasure beside a real server and a real daemon, and erasures that die at every step."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]
Life = Callable[..., tuple[int, int]]

KILLED = -9
SECRET = "wombatish"
STRIDE = 1 if os.environ.get("LEVELHEAD_STRIDE") == "1" else 5


def bytes_of(home: Home) -> bytes:
    """Everything in the archive, the volumes unpacked."""
    volumes = sorted((home.archive / "volumes").glob("*.tar.zst"))
    unpacked = [
        subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout for path in volumes
    ]
    files = [path.read_bytes() for path in sorted(home.archive.rglob("*")) if path.is_file()]
    return b"".join((*unpacked, *files))


def is_gone(home: Home) -> None:
    assert SECRET.encode() not in bytes_of(home)
    verified = home.json("verify", "--deep")
    assert verified["ok"], verified


def fill(home: Home, write: Write, heated: str) -> None:
    """A calm and a heated message."""
    home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
    home.account.append(
        "INBOX", write(f"{SECRET}! {heated}", subject=f"A {SECRET} matter", own_id="<a2@northwind.example>")
    )


def heated_of(home: Home) -> str:
    (id,) = (line["id"] for line in home.lines("messages") if SECRET in line["subject"])
    return str(id)


@pytest.mark.sweep
def test_beside_a_running_daemon_a_message_goes_for_good_and_does_not_come_back(
    home: Home, write: Write, heated: str
) -> None:
    home.write_config(cooldown="1h")
    home.start()
    fill(home, write, heated)
    home.until(lambda: home.count("message.judged") == 2 and home.count("draft.placed") == 1)
    id = heated_of(home)
    said = home.json("erase", "Northwind", "--only", id, "--why", "asked for", "--yes")
    assert said["done"] and said["drafts"] == 1 and said["on_server"] == 1
    # The daemon goes on, sees news, and lets what is erased lie.
    home.account.append("INBOX", write("Thanks.", own_id="<a3@northwind.example>"))
    home.until(lambda: home.messages() == 2)
    assert home.stop() == 0
    assert id not in {line["id"] for line in home.lines("messages")}
    assert home.lines("search", SECRET) == []
    assert id not in {line["message"] for line in home.lines("held")}
    is_gone(home)
    compared = home.json("verify", "--server")
    assert compared["ok"]
    (inbox,) = (folder for folder in compared["server"] if folder["folder"] == "INBOX")
    assert (inbox["on_server"], inbox["reasons"], inbox["unexplained"]) == (3, {"erased": 1}, [])


@pytest.mark.sweep
def test_moved_to_another_folder_or_shown_under_new_numbers_it_is_left_alone(
    home: Home, write: Write, heated: str
) -> None:
    fill(home, write, heated)
    home.run("run", "--once")
    id = heated_of(home)
    home.run("erase", "Northwind", "--only", id, "--why", "asked for", "--yes")
    home.account.create("Moved")
    (uid,) = (uid for uid, data in home.account.read("INBOX").items() if SECRET.encode() in data)
    home.account.move("INBOX", uid, "Moved")
    home.run("run", "--once")
    data = home.account.read("Moved")
    home.account.recreate("Moved")
    for one in data.values():
        home.account.append("Moved", one)
    home.run("run", "--once")
    assert id not in {line["id"] for line in home.lines("messages")}
    assert home.json("verify", "--server")["ok"]
    is_gone(home)


# --- dying --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def one_life() -> Iterator[Life]:
    """One pass of the daemon, or one command, that is killed at a step (0: never); its status and its steps."""
    command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        assert zygote.stdin and zygote.stdout

        def ask(home: Home, *words: str, deadly: int = 0) -> tuple[int, int]:
            zygote.stdin.write(f"{home.config}\t{deadly}\t{json.dumps(words)}\n")
            zygote.stdin.flush()
            status, steps = zygote.stdout.readline().split()
            return int(status), int(steps)

        yield ask
        zygote.stdin.close()


def die_at_every(stride: int, first: int, one_life: Life, home: Home, write: Write, heated: str) -> None:
    """Kill erasures at step `first`, `first + stride`, ... until one comes to its end by itself."""
    home.write_config(cooldown="1h")
    assert one_life(home)[0] == 0
    fill(home, write, heated)
    assert one_life(home)[0] == 0
    assert len(home.lines("held")) == 1
    id = heated_of(home)
    home.archive.rename(home.path / "before")
    deadly, outcomes = first, set()
    while True:
        shutil.rmtree(home.archive, ignore_errors=True)
        shutil.copytree(home.path / "before", home.archive)
        status, steps = one_life(
            home, "erase", "Northwind", "--only", id, "--why", "x", "--yes", deadly=deadly
        )
        if status == 0:
            assert steps < deadly
            break
        assert status == KILLED, (home.path / "pass.log").read_text()[-4000:]
        # The next daemon finishes it, or it never happened.
        assert one_life(home)[0] == 0, (home.path / "pass.log").read_text()[-4000:]
        there = id in {line["id"] for line in home.lines("messages")}
        outcomes.add(there)
        if there:
            verified = home.json("verify", "--deep")
            assert verified["ok"], (deadly, verified)
            assert home.count("messages.erased") == 0
        else:
            assert home.count("messages.erased") == home.count("erasure.finished") == 1
            is_gone(home)
        deadly += stride
    print(f"from step {first} by {stride}: up to {steps} steps")
    assert outcomes == {True, False}
    is_gone(home)


@pytest.mark.sweep
@pytest.mark.parametrize("first", range(1, 6, STRIDE))
def test_an_erasure_that_dies_at_any_step_is_finished_or_never_happened(
    first: int, one_life: Life, home: Home, write: Write, heated: str
) -> None:
    die_at_every(5, first, one_life, home, write, heated)
