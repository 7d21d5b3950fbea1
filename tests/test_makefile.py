"""What `make` says to somebody whose Python cannot build the environment: one sentence with what to install."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def make_venv(tmp_path: Path):
    """Runs `make venv` with a Python made of these lines of shell, for an environment in a folder of its own."""

    def run(script: str) -> subprocess.CompletedProcess[str]:
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(
            ["make", "venv", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"],
            cwd=ROOT,
            env=kept,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def sentences(said: subprocess.CompletedProcess[str]) -> list[str]:
    """What was said, less make's own line about the recipe that failed."""
    lines = (said.stdout + said.stderr).splitlines()
    return [line for line in lines if not line.startswith(("make:", "make["))]


def test_a_python_without_venv_is_told_which_package_to_install(make_venv, tmp_path: Path) -> None:
    said = make_venv('case "$2" in *venv*) echo "No module named venv" >&2; exit 1;; esac')
    assert said.returncode == 2
    (sentence,) = sentences(said)
    assert "apt install python3-venv" in sentence
    assert not (tmp_path / "venv").exists()


def test_a_python_that_is_too_old_is_told_which_one_is_needed(make_venv, tmp_path: Path) -> None:
    said = make_venv('[ "$1" = --version ] && echo "Python 3.10.4" && exit 0; exit 1')
    assert said.returncode == 2
    (sentence,) = sentences(said)
    assert "3.11" in sentence and "Python 3.10.4" in sentence and "make PYTHON=" in sentence
    assert not (tmp_path / "venv").exists()


def test_a_python_that_is_not_there_is_told_in_one_sentence_too(tmp_path: Path) -> None:
    said = subprocess.run(
        ["make", "venv", "PYTHON=no-such-python", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 2
    (sentence,) = sentences(said)
    assert "no-such-python" in sentence and "3.11" in sentence
