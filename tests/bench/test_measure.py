"""What is measured is there: processor time and memory of a child, of its children, and of orphans."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.measure import (
    Broken,
    Cost,
    Running,
    command_of,
    median,
    percentile,
    quick,
    ratio,
    resident,
    rounds,
    run,
)

PYTHON = [sys.executable, "-I", "-S", "-c"]
BURN = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"
HOLD = (
    "x = bytearray({size})\nfor at in range(0, len(x), 4096): x[at] = 1\nimport time; time.sleep({seconds})\n"
)


def nested(code: str, *, wait: bool) -> str:
    """A program that has another one do it, and waits for that one or ends before it."""
    end = "p.wait()" if wait else "import os; os._exit(0)"
    return (
        f"import subprocess, sys\np = subprocess.Popen([sys.executable, '-I', '-S', '-c', {code!r}])\n{end}"
    )


@pytest.mark.parametrize("how", ["itself", "a child", "an orphan"])
def test_the_processor_time_of_all_that_a_program_starts_is_counted(how: str) -> None:
    code = BURN.format(seconds=0.15)
    if how != "itself":
        code = nested(code, wait=how == "a child")
    assert 0.15 <= run([*PYTHON, code]).cpu < 0.5


def test_a_program_that_waits_costs_time_and_no_processor() -> None:
    cost = run([*PYTHON, "import time; time.sleep(0.2)"])
    assert cost.wall >= 0.2
    assert cost.cpu < 0.15


def test_the_memory_of_a_program_is_seen() -> None:
    cost = run([*PYTHON, HOLD.format(size=60_000_000, seconds=0.1)])
    assert 60e6 < cost.own < 90e6
    assert cost.all >= cost.own


def test_the_memory_of_a_helper_is_told_apart() -> None:
    cost = run([*PYTHON, nested(HOLD.format(size=60_000_000, seconds=0.1), wait=True)])
    assert cost.own < 40e6
    assert cost.all > 60e6


def test_what_runs_can_be_looked_at() -> None:
    with Running([*PYTHON, BURN.format(seconds=0.1) + "time.sleep(60)"]) as running:
        while running.cpu() < 0.1:
            assert running.running
        assert resident(running.pid) > 1e6
        assert running.processes() == [running.pid]
        assert running.stop(statuses=[-15]).cpu >= 0.1


def test_a_module_is_called_by_its_name() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"], stdout=-3, stderr=-3
    )
    try:
        while command_of(process.pid) == "":
            time.sleep(0.001)
        assert command_of(process.pid) == "http.server"
    finally:
        process.kill()
        process.wait()


def test_a_program_that_fails_breaks_the_measurement_with_its_complaint(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="ended with 3\nwhy it failed"):
        run([*PYTHON, "import sys; sys.stderr.write('why it failed'); sys.exit(3)"], stderr=tmp_path / "said")
    with pytest.raises(Broken, match="ended with 1"):
        quick([*PYTHON, "raise SystemExit(1)"])


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(Broken, match="no-such-program could not be started"):
        run(["no-such-program"])


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    kept = tmp_path / "pid"
    code = f"import os, time; open({str(kept)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(Broken, match="took longer"):
        run([*PYTHON, nested(code, wait=True)], seconds=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int(kept.read_text()), 0)


def test_nothing_stays_when_a_measurement_is_left() -> None:
    with Running([*PYTHON, "import time; time.sleep(60)"]) as running:
        pid = running.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_everybody_has_a_turn_in_each_round() -> None:
    order: list[str] = []

    def turn(name: str) -> Cost:
        order.append(name)
        return Cost(wall=len(order), cpu=0)

    found = rounds(2, {"a": lambda: turn("a"), "b": lambda: turn("b")})
    assert order == ["a", "b", "a", "b"]
    assert [cost.wall for cost in found["b"]] == [2, 4]


def test_who_breaks_is_left_out_and_the_others_go_on() -> None:
    failed: dict[str, str] = {}
    turns = iter([Cost(wall=1, cpu=0), Broken("b is broken")])

    def unsteady() -> Cost:
        said = next(turns)
        if isinstance(said, Broken):
            raise said
        return said

    found = rounds(3, {"a": lambda: Cost(wall=2, cpu=0), "b": unsteady}, failed)
    assert list(found) == ["a"] and len(found["a"]) == 3
    assert failed == {"b": "b is broken"}
    turns = iter([Broken("b is broken")])
    with pytest.raises(Broken, match="b is broken"):
        rounds(1, {"b": unsteady})


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    ours = [Cost(wall=wall, cpu=1) for wall in (1, 10, 100)]
    theirs = [Cost(wall=wall, cpu=1) for wall in (2, 40, 50)]
    assert ratio(ours, theirs, lambda cost: cost.wall) == 0.5
    assert median(ours, lambda cost: cost.wall) == 10


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert percentile(values, 0.99) == 198
    assert percentile(values, 0.5) == 100
    assert percentile([7.0], 0.99) == 7
