"""Several real processes on one index, and processes that are killed in the middle."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import LevelheadError, StoreLocked
from levelhead.facts import NoteTaken
from levelhead.store import sqlite_open
from levelhead.store.ledger import check
from levelhead.store.sqlite import SqliteStore, open_store
from levelhead.tree import root_of

BEGIN = """
import signal, sys
from datetime import UTC, datetime
from pathlib import Path
from levelhead.facts import NoteTaken
from levelhead.store.sqlite import open_store

noon = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
store = open_store(Path(sys.argv[1]))

def note(tx, text):
    tx.record(NoteTaken(client="Acme", text=text, actor=sys.argv[2]))
"""

PAIRS = (
    BEGIN
    + """
for number in range(40):
    with store.transaction(noon) as tx:
        note(tx, f"{number} a")
        note(tx, f"{number} b")
store.close()
"""
)

ONCE = (
    BEGIN
    + """
with store.transaction(noon) as tx:
    note(tx, "theirs")
store.close()
"""
)

STOP_IN_THE_MIDDLE = (
    BEGIN
    + """
with store.transaction(noon) as tx:
    note(tx, "committed")
with store.transaction(noon) as tx:
    for number in range(20_000):
        note(tx, "x" * 200)
    tx.add_job("work", "screen", "screen:x", "x", noon)
    print("in the middle", flush=True)
    signal.pause()
"""
)

TRIPLES_FOREVER = (
    BEGIN
    + """
number = 0
while True:
    with store.transaction(noon) as tx:
        for part in "abc":
            note(tx, f"{number} {part}")
    print(number, flush=True)
    number += 1
"""
)


def start(script: str, index: Path, name: str = "me") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(index), name], stdout=subprocess.PIPE, text=True
    )


def notes(store: SqliteStore) -> list[tuple[str, str]]:
    """Who wrote what, oldest first."""
    found = [fact for _, fact in store.facts_about() if isinstance(fact, NoteTaken)]
    return [(fact.actor, fact.text) for fact in reversed(found)]


def whole(store: SqliteStore) -> bool:
    """Whether the ledger is one unbroken chain of right entries under its root."""
    entries = list(store.entries())
    return (
        [entry.seq for entry in entries] == list(range(len(entries)))
        and not any(check(entry) for entry in entries)
        and store.ledger_root() == root_of(entry.leaf for entry in entries)
    )


def test_processes_that_open_and_record_at_once_make_one_unbroken_ledger(index: Path) -> None:
    processes = [start(PAIRS, index, name) for name in ("one", "two", "three")]
    for process in processes:
        assert process.wait(60) == 0
        assert process.stdout is not None
        process.stdout.close()
    store = open_store(index)
    assert whole(store)
    found = notes(store)
    assert len(found) == 240
    for (who, first), (other, second) in zip(found[::2], found[1::2], strict=True):
        assert who == other
        assert (first[:-1], first[-1], second[-1]) == (second[:-1], "a", "b")
    store.close()


def test_a_process_killed_in_mid_transaction_loses_only_what_was_not_committed(
    index: Path, make: Any
) -> None:
    process = start(STOP_IN_THE_MIDDLE, index)
    assert process.stdout is not None
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    process.stdout.close()
    store = open_store(index, busy_seconds=1)
    assert notes(store) == [("me", "committed")]
    assert store.next_due("work") is None
    with store.transaction(make.noon) as tx:
        tx.record(NoteTaken(client="Acme", text="after", actor="me"))
    assert whole(store)
    store.close()


@pytest.mark.parametrize("acknowledged", [1, 7, 20])
def test_what_a_killed_process_had_acknowledged_is_all_there(index: Path, acknowledged: int) -> None:
    process = start(TRIPLES_FOREVER, index)
    assert process.stdout is not None
    for _ in range(acknowledged):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    store = open_store(index)
    assert whole(store)
    found = [text for _, text in notes(store)]
    assert len(found) >= 3 * acknowledged
    assert found == [f"{number // 3} {'abc'[number % 3]}" for number in range(len(found))]
    assert len(found) % 3 == 0
    store.close()


def test_a_write_that_reads_first_waits_for_another_and_is_not_refused(index: Path, make: Any) -> None:
    """A transaction that only turns into a writer later cannot wait: what it has read is old by then."""
    mine, theirs = open_store(index), open_store(index)
    inside, committed = threading.Event(), threading.Event()
    troubles: list[Exception] = []

    def other() -> None:
        try:
            with theirs.transaction(make.noon) as tx:
                assert tx.meta("word") in (None, "mine")
                inside.set()
                committed.wait(60)
                tx.set_meta("word", "theirs")
        except LevelheadError as exc:
            troubles.append(exc)

    thread = threading.Thread(target=other)
    with mine.transaction(make.noon) as tx:
        tx.set_meta("word", "mine")
        thread.start()
        early = inside.wait(0.5)
    committed.set()
    thread.join(60)
    assert not troubles
    assert not early, "it was inside although another one wrote"
    assert mine.meta("word") == "theirs"
    mine.close()
    theirs.close()


@pytest.mark.parametrize("here", [True, False], ids=["a thread of ours", "another process"])
def test_whoever_waits_already_is_called_off_when_somebody_wants_to_end(
    index: Path, make: Any, here: bool
) -> None:
    mine, ending = open_store(index), threading.Event()
    other = mine if here else open_store(index)
    mine.hurry(ending.is_set)
    refused: list[Exception] = []

    def write() -> None:
        try:
            with mine.transaction(make.noon):
                pass
        except StoreLocked as exc:
            refused.append(exc)

    thread = threading.Thread(target=write)
    with other.transaction(make.noon):
        thread.start()
        thread.join(2)
        assert thread.is_alive(), "it waits, because there is time"
        ending.set()
        thread.join(15)
        assert refused, "it would have waited for half a minute"
    mine.close()
    other.close()


class Refused:
    """A connection that is refused at once twice, as SQLite does where two programs change one index's journal mode."""

    def __init__(self) -> None:
        self.asked = 0

    def execute(self, _: str) -> Refused:
        self.asked += 1
        if self.asked < 3:
            exc = sqlite3.OperationalError("database is locked")
            exc.sqlite_errorcode = sqlite3.SQLITE_BUSY  # type: ignore[misc]
            raise exc
        return self

    def fetchone(self) -> tuple[str]:
        return ("wal",)


def test_who_opens_a_fresh_index_beside_another_asks_again_for_as_long_as_it_would_have_waited() -> None:
    connection = Refused()
    assert sqlite_open._ahead(connection, 30.0) == "wal"  # type: ignore[arg-type]
    assert connection.asked == 3
    with pytest.raises(sqlite3.OperationalError):
        sqlite_open._ahead(Refused(), 0.0)  # type: ignore[arg-type]


def test_a_second_handle_in_one_process_does_not_give_up_the_locks_of_the_first(
    index: Path, make: Any
) -> None:
    """Whoever closes a file gives up all locks of its process on it (POSIX); another then thinks it is alone."""
    first = open_store(index)
    with first.transaction(make.noon) as tx:
        tx.record(NoteTaken(client="Acme", text="one", actor="me"))
    open_store(index).close()
    assert start(ONCE, index).wait(60) == 0
    assert index.with_name("index.sqlite-wal").exists()
    with first.transaction(make.noon) as tx:
        tx.record(NoteTaken(client="Acme", text="two", actor="me"))
    other = open_store(index)
    assert notes(other) == notes(first) == [("me", "one"), ("me", "theirs"), ("me", "two")]
    other.close()
    first.close()
