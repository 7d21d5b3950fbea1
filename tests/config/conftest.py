"""A configuration written to a file and loaded, or its problems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.config.load import load
from levelhead.config.settings import Settings
from levelhead.errors import ConfigError, Problem

BASE = """\
[me]
addresses = ["me@example.com"]
timezone = "Europe/Berlin"

[archive]
path = "archive"
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write_file(more: str, base: str = BASE) -> Path:
        path = tmp_path / "levelhead.toml"
        path.write_text(base + more, encoding="utf-8")
        path.chmod(0o644)
        return path

    return write_file


@pytest.fixture
def settings_of(write: Callable[..., Path]) -> Callable[..., Settings]:
    return lambda more="", base=BASE: load(write(more, base))


@pytest.fixture
def problems_of(write: Callable[..., Path]) -> Callable[..., tuple[Problem, ...]]:
    def refused(more: str, base: str = BASE) -> tuple[Problem, ...]:
        with pytest.raises(ConfigError) as caught:
            load(write(more, base))
        return caught.value.problems

    return refused
