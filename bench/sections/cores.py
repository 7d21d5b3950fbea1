"""Commands that read the whole archive: how many cores they use, and whether they show how far they are."""

from __future__ import annotations

import os
import pty
import re
import threading
from pathlib import Path

from bench.core import Bench, Section, Table, Target, seconds
from bench.home import Home
from bench.measure import Cost
from bench.measure import run as run_program

COMMANDS = (("replay",), ("verify", "--deep"))
ENOUGH = 0.8
"""The share of all cores that counts as every core: starting and summing up are done by one."""
LEFT = re.compile(r"(?i)\b(left|remaining|eta|to go|\d+ ?(s|sec|seconds?|min|minutes?|hours?))\b")
"""Words by which a line of progress tells how long it will still take."""


def watched(home: Home, words: tuple[str, ...]) -> tuple[Cost, str]:
    """A command with a terminal for its complaints, as a person would see it; what it cost and what stood there."""
    ours, theirs = pty.openpty()
    said: list[bytes] = []

    def listen() -> None:
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                return  # everybody has closed the other end
            if not piece:
                return
            said.append(piece)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        cost = run_program(home.words(*words), cwd=home.path, stderr=Path(os.ttyname(theirs)))
    finally:
        os.close(theirs)
        listener.join(10)
        os.close(ours)
    return cost, b"".join(said).decode(errors="replace")


def run(bench: Bench) -> Section:
    """Each command once: what is told is a ratio within one run."""
    home, cores = bench.archived, len(os.sched_getaffinity(0))
    rows, targets = [], []
    for words in COMMANDS:
        name = " ".join(("levelhead", *words))
        bench.say(name)
        cost, said = watched(home, words)
        used = cost.cpu / cost.wall
        steps = said.count("\r")
        shown = steps > 1 and any(sign.isdigit() for sign in said)
        told = bool(LEFT.search(said))
        progress = (
            ("yes, with how long it will take" if told else "yes, without an estimate") if shown else "no"
        )
        rows.append(
            (
                f"`{name}`",
                f"{used:.2f} of {cores}",
                progress,
                seconds(cost.wall),
                seconds(cost.cpu),
                f"{bench.sizes.large_archive / cost.wall:,.0f}",
            )
        )
        targets += [
            Target(
                name=f"`{name}`, cores",
                goal="every core",
                measured=f"{used:.2f} of {cores}",
                reached=used >= ENOUGH * cores,
            ),
            Target(
                name=f"`{name}`, progress",
                goal="progress with an honest estimate",
                measured=progress,
                reached=shown and told,
            ),
        ]
    return Section(
        title="Every core",
        prose=(
            f"Over the archive of {bench.sizes.large_archive:,} short messages, with a terminal to show progress on."
            " Cores used are processor time by wall time, starting up included; from"
            f" {ENOUGH:.0%} of all on it counts as every core.",
        ),
        tables=(
            Table(
                head=("command", "cores used", "progress shown", "wall s", "CPU s", "messages a second"),
                rows=tuple(rows),
            ),
        ),
        targets=tuple(targets),
    )
