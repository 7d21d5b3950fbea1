"""What was not seen while the daemon was down is one gap, with its reason, whatever ended the daemon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from levelhead.clock import SteadyClock, SystemClock
from levelhead.config.load import load
from levelhead.daemon.app import Daemon, Signals
from levelhead.daemon.down import KILLED, whole_since, why_down
from levelhead.daemon.systemd import Notifier
from levelhead.evidence.coverage import facts_of, gaps
from levelhead.facts import DaemonStarted, DaemonStopped, Fact, FolderOpened
from levelhead.store.sqlite import open_store

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENDED = "levelhead was not running, after it had ended (one pass)"


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = open_store(tmp_path / "index.sqlite")
    yield store
    store.close()


def record(store: Any, fact: Fact) -> None:
    with store.transaction(NOON) as tx:
        tx.record(fact)


def test_a_daemon_that_ended_on_purpose_says_why_and_a_killed_one_that_nobody_asked_it(store: Any) -> None:
    assert why_down(store) == KILLED
    record(store, DaemonStarted(version="1", started_at=NOON))
    assert why_down(store) == KILLED
    record(store, DaemonStopped(why="one pass", stopped_at=NOON))
    assert why_down(store) == ENDED
    record(store, DaemonStarted(version="1", started_at=NOON))
    assert why_down(store) == KILLED


def test_a_pass_that_was_cut_short_counts_from_the_folder_that_was_read_longest_ago(store: Any) -> None:
    """`Old` is watched no more: what was not read since the start is no part of a pass."""

    def passed(folder: str, minutes: float) -> None:
        at = NOON + timedelta(minutes=minutes)
        with store.transaction(at) as tx:
            tx.record(FolderOpened(mailbox="post", folder=folder, uidvalidity=1, uidnext=1, opened_at=at))
            tx.end_pass("post", folder)

    assert whole_since(store) == {}
    passed("Old", -90)
    assert whole_since(store) == {"post": NOON - timedelta(minutes=90)}
    record(store, DaemonStarted(version="1", started_at=NOON))
    for folder, minutes in (("Sent", 1), ("INBOX", 2), ("Sent", 50)):
        passed(folder, minutes)
    assert whole_since(store) == {"post": NOON + timedelta(minutes=2)}


# --- one pass after the other, as `run --once` makes them ------------------------------------------


class Machine(SystemClock):
    """The machine's clock, ahead by what the test says."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def once(mailbox_account: Any, tmp_path: Path) -> Callable[..., list[Any]]:
    """Makes one pass some hours later; answers with all gaps that are on record."""
    config = tmp_path / "levelhead.toml"
    machine = Machine()

    def go(hours: float = 0, *, mailbox: bool = True, killed: bool = False) -> list[Any]:
        machine.ahead += timedelta(hours=hours)
        text = '[me]\naddresses = ["me@studio.example"]\n[archive]\npath = "archive"\n'
        if mailbox:
            text += (
                f'[[mailbox]]\nname = "post"\nhost = "{mailbox_account.host}"\nport = {mailbox_account.port}\n'
                f'user = "{mailbox_account.user}"\npassword_file = "password"\nca_file = "{mailbox_account.ca_file}"\n'
            )
        config.write_text(text)
        (tmp_path / "password").write_text(mailbox_account.password)
        (tmp_path / "password").chmod(0o600)
        daemon = Daemon(load(config), SteadyClock(machine), Signals(), Notifier({}))
        if killed:
            daemon._close = lambda *_: None  # type: ignore[method-assign]  # nothing is written down at its end
        assert daemon.once() == 0
        store = open_store(tmp_path / "archive" / "index.sqlite", read_only=True)
        try:
            return [
                (round((gap.until - gap.since) / timedelta(hours=1), 1) if gap.until else None, gap.why)
                for gap in gaps(facts_of(store), None, machine.now())
            ]
        finally:
            store.close()

    return go


@pytest.mark.server
def test_each_time_without_a_daemon_is_one_gap_with_its_reason(once: Callable[..., list[Any]]) -> None:
    assert once() == []
    assert once(0.05) == [], "shorter than the poll and the grace"
    assert once(3, killed=True) == [(3.0, ENDED)]
    assert once(1) == [(3.0, ENDED), (1.0, KILLED)]


@pytest.mark.server
def test_a_mailbox_that_was_taken_out_of_the_configuration_is_unwatched(
    once: Callable[..., list[Any]],
) -> None:
    once()
    once(1, mailbox=False)
    assert once(1, mailbox=False) == [(None, "it is not in the configuration")]
    assert once(1) == [(3.0, "it is not in the configuration")]
