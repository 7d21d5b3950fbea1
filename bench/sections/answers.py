"""How long commands take to answer beside an archive of many messages."""

from __future__ import annotations

import sys
from functools import partial

from bench.core import Bench, Plot, Section, Table, Target
from bench.measure import Cost, median, quick, ratio, rounds

BARE = 'python3 -c "import sqlite3, json"'
VERSION = "levelhead --version"
WORD = "invoice"
"""What is searched for; a word that many messages have."""
MOST_BEYOND = 0.050
"""Seconds beyond `--version`."""
MOST_BY_BARE = 2.0


def run(bench: Bench) -> Section:
    """All commands in turn, so many times over."""
    home = bench.archived
    bench.say("asking for answers")
    one = home.json("messages", "--limit", "1")[0]["id"]
    asked = {
        f"levelhead search {WORD}": home.words("search", WORD),
        "levelhead messages --limit 50": home.words("messages", "--limit", "50"),
        "levelhead messages": home.words("messages"),
        "levelhead status": home.words("status"),
        "levelhead explain ID": home.words("explain", one[:12]),
    }
    commands = {
        BARE: [sys.executable, "-c", "import sqlite3, json"],
        VERSION: [*home.words()[:1], "--version"],
        **asked,
    }
    for words in commands.values():
        quick(words)  # the files of all are in memory from now on
    costs = rounds(bench.sizes.answers, {name: partial(quick, words) for name, words in commands.items()})
    return Section(
        title="Answers",
        prose=(
            f"Each command as a new process beside an archive of {bench.sizes.large_archive:,} messages, all in turn,"
            f" {bench.sizes.answers} times over; medians. The bare Python is the same interpreter.",
            "*Beyond*: the median over the rounds of the wall time less that of `levelhead --version` in the same"
            " round. `levelhead messages` without a limit lists the whole archive, and is told for comparison.",
        ),
        tables=(_table(costs),),
        plots=(
            Plot(
                file="answers",
                title="Answers: wall time",
                description="One bar for each command, shorter is better; the figures are those of the table.",
                axes=("milliseconds", ""),
                bars=tuple(
                    (name, 1000 * median(taken, lambda cost: cost.wall)) for name, taken in costs.items()
                ),
            ),
        ),
        targets=tuple(_targets(costs, [name for name in asked if name != "levelhead messages"])),
    )


def _beyond(taken: list[Cost], version: list[Cost]) -> float:
    pairs = [Cost(wall=one.wall - other.wall, cpu=0) for one, other in zip(taken, version, strict=True)]
    return median(pairs, lambda cost: cost.wall)


def _table(costs: dict[str, list[Cost]]) -> Table:
    bare, version = costs[BARE], costs[VERSION]
    return Table(
        head=("command", "wall, by bare Python", "CPU, by bare Python", "beyond, ms", "wall ms", "CPU ms"),
        rows=tuple(
            (
                f"`{name}`",
                f"{ratio(taken, bare, lambda cost: cost.wall):.1f}",
                f"{ratio(taken, bare, lambda cost: cost.cpu):.1f}",
                "" if name in (BARE, VERSION) else f"{1000 * _beyond(taken, version):.0f}",
                f"{1000 * median(taken, lambda cost: cost.wall):.0f}",
                f"{1000 * median(taken, lambda cost: cost.cpu):.0f}",
            )
            for name, taken in costs.items()
        ),
    )


def _targets(costs: dict[str, list[Cost]], asked: list[str]) -> list[Target]:
    by_bare = ratio(costs[VERSION], costs[BARE], lambda cost: cost.wall)
    found = [
        Target(
            name=f"`{VERSION}`",
            goal=f"at most twice `{BARE}`",
            measured=f"{by_bare:.1f} times its wall time",
            reached=by_bare <= MOST_BY_BARE,
        )
    ]
    for name in asked:
        beyond = _beyond(costs[name], costs[VERSION])
        found.append(
            Target(
                name=f"`{name}`",
                goal=f"under 50 ms beyond `{VERSION}`",
                measured=f"{1000 * beyond:.0f} ms beyond",
                reached=beyond < MOST_BEYOND,
            )
        )
    return found
