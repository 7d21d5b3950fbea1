"""The seeds, and every finding of the fuzzer, kept: none raises, none takes long. The bounded hunt is a sweep."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fuzz import seeds, targets

RUN = Path(__file__).parent / "run.py"
SECONDS = {"message": 25, "answer": 10, "volume": 10, "frame": 10}
"""How long each target is fuzzed in `.ci/run`."""


@pytest.mark.parametrize("target", targets.TARGETS)
def test_no_seed_and_no_finding_of_the_fuzzer_escapes(target: str) -> None:
    given = list(seeds.of(target))
    assert given
    for data in given:
        targets.TARGETS[target](data)


@pytest.mark.sweep
@pytest.mark.parametrize("target", targets.TARGETS)
def test_a_bounded_hunt_finds_nothing(target: str, tmp_path: Path) -> None:
    if find_spec("atheris") is None:
        made_for = sys.version_info < (3, 12)
        wanted = made_for and os.environ.get("LEVELHEAD_REQUIRE") == "all"
        assert not wanted, "atheris is not installed (pip install atheris)"
        pytest.skip("atheris, which hunts for inputs, is not installed")
    done = subprocess.run(
        [sys.executable, str(RUN), target, str(SECONDS[target]), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=SECONDS[target] * 4 + 60,
    )
    left = [(path.name, path.read_bytes()) for path in tmp_path.iterdir()]
    assert done.returncode == 0 and not left, f"{left}\n{done.stderr[-3000:]}"
    assert "Done" in done.stderr or "stat::number_of_executed_units" in done.stderr
