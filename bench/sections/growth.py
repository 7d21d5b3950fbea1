"""What a message costs as the archive grows, and whether that stays the same."""

from __future__ import annotations

import json
import sys
from typing import Any

from bench.core import Bench, Line, Plot, Section, Table, Target
from bench.measure import run as run_program

MOST = 1.25
"""The dearest message by the cheapest, at most."""


def run(bench: Bench) -> Section:
    """One archive that grows, in a process of its own (`bench/growing.py`)."""
    sizes = bench.sizes
    bench.say(f"growing an archive to {sizes.growth[-1]:,} messages and {sizes.synthetic:,} synthetic ones")
    home = bench.home(bench.server.user(), "growth")
    plan = json.dumps({"sizes": sizes.growth, "step": sizes.step, "synthetic": sizes.synthetic})
    said = home.path / "said"
    words = [sys.executable, "-m", "bench.growing", str(home.config), plan]
    # It looks for `bench` where this process does.
    run_program(words, stdout=said, stderr=home.log, pause=0.2)
    found = [json.loads(line) for line in said.read_text().splitlines()]
    bench.remove(home.path)
    return Section(
        title="Growth",
        prose=(
            f"Processor time of one message, the mean of the last {sizes.step:,} before an archive has the size that is"
            " told, by its own recorder and its own judge, without a server; of the process and its workers.",
            f"The last row is after {sizes.synthetic:,} synthetic messages were put into the index: rows, threads,"
            " mentions, places and texts; the ledger and the volumes hold none of them.",
        ),
        tables=(_table(found, sizes.step),),
        plots=(_plot(found, sizes.step),),
        targets=tuple(_targets(found)),
    )


def _per_message(row: dict[str, Any], name: str, step: int) -> float:
    """Milliseconds."""
    return 1000 * float(row[name]) / step


def _table(found: list[dict[str, Any]], step: int) -> Table:
    first = found[0]
    return Table(
        head=(
            "messages in the archive",
            "recorded, by the first",
            "judged, by the first",
            "recorded, CPU ms",
            "judged, CPU ms",
        ),
        rows=tuple(
            (
                f"{row['messages']:,}" + (", most of them synthetic" if row.get("synthetic") else ""),
                f"{row['recorded'] / first['recorded']:.2f}",
                f"{row['judged'] / first['judged']:.2f}",
                f"{_per_message(row, 'recorded', step):.2f}",
                f"{_per_message(row, 'judged', step):.2f}",
            )
            for row in found
        ),
    )


def _plot(found: list[dict[str, Any]], step: int) -> Plot:
    return Plot(
        file="growth",
        title="What a message costs as the archive grows",
        description="Two lines, the cost of recording and of judging a message; level lines are good.",
        axes=("messages in the archive", "CPU milliseconds a message"),
        lines=tuple(
            Line(name=name, points=tuple((row["messages"], _per_message(row, name, step)) for row in found))
            for name in ("recorded", "judged")
        ),
        logarithmic=True,
    )


def _targets(found: list[dict[str, Any]]) -> list[Target]:
    targets = []
    for name in ("recorded", "judged"):
        costs = [row[name] for row in found]
        worst = max(costs) / min(costs)
        targets.append(
            Target(
                name=f"flat growth, {name}",
                goal="the dearest message at most 25 % above the cheapest",
                measured=f"{100 * (worst - 1):.0f} % above, from {found[0]['messages']:,} to"
                f" {found[-1]['messages']:,} messages",
                reached=worst <= MOST,
            )
        )
    return targets
