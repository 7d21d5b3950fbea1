"""Another program holds the store: the daemon waits, says so once, and still ends when it is asked to."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from levelhead.archive.lock import holder

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]


@contextmanager
def locked(index: Path) -> Iterator[None]:
    """Hold the write lock of the index, as a hanging program would."""
    other = sqlite3.connect(index, isolation_level=None, timeout=30)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@pytest.mark.sweep
def test_sigterm_ends_a_daemon_whose_store_is_locked_by_another_program(home: Home, write: Write) -> None:
    home.start()
    with locked(home.archive / "index.sqlite"):
        home.account.append("INBOX", write("Hello?"))  # a loop wants to write this down
        home.config.write_text("nonsense")
        home.hang_up()
        home.until(lambda: "config.refused" in home.log())  # and the main thread that
        begin = time.monotonic()
        assert home.stop() == 0
        seconds = time.monotonic() - begin
    print(f"from SIGTERM to the end with a locked store: {seconds:.2f} s")
    assert seconds < 10
    assert "Traceback" not in home.log()
    assert not home.phone.received, "to be asked to end is no trouble"
    home.write_config()
    home.run("run", "--once")
    assert home.count("message.archived") == 1
    assert home.json("verify", "--deep")["ok"]


def test_sigterm_ends_a_daemon_that_waits_for_the_store_at_its_start(home: Home) -> None:
    home.run("run", "--once")
    with locked(home.archive / "index.sqlite"):
        home.start(wait=False)
        home.until(lambda: holder(home.archive / "lock"))
        begin = time.monotonic()
        assert home.stop() == 0
        seconds = time.monotonic() - begin
    assert seconds < 10
    assert "Traceback" not in home.log()
