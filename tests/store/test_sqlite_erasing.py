"""Erasing in the SQLite index: no byte of it stays in the file, its log or beside them, whoever has them open."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from levelhead import facts
from levelhead.errors import DiskFull, ProgrammerError, StoreDamaged, StoreLocked
from levelhead.model import Address, Parsed
from levelhead.store.api import Entry, Holding, MessageFilter
from levelhead.store.ledger import read_leaf
from levelhead.store.sqlite import SqliteStore, open_store
from levelhead.store.tombstones import tombstone
from servers.disks import fill, small_disk

CANARIES = {
    "subject": "Grauwacke",
    "sender": "quittenmus",
    "sender's name": "Zobelpelz",
    "text": "kandiszucker",
    "quote of a verdict": "PFEFFERMINZ",
    "draft": "Walnussbaum",
    "alert": "Sturmlaterne",
    "note": "Fliederbusch",
    "reason of a mark": "Haselmaus",
    "label": "eulenspiegel",
    "Message-ID": "muschelkalk",
}


def written(store: SqliteStore, make: Any) -> None:
    """Sixty messages, of which number 7 is full of words that are nowhere else."""
    # Debian's SQLite overwrites with zeros what is deleted, and that of others does not.
    store._links.mine().connection.execute("PRAGMA secure_delete = OFF")
    for number in range(1, 61):
        with store.transaction(make.noon) as tx:
            if number == 7:
                canaries(tx, make)
            else:
                tx.archive(make.archived(number), make.parsed(number))
                tx.record(make.judged(number))


def canaries(tx: Any, make: Any) -> None:
    words = CANARIES
    quote = facts.PointPart(
        plugin="tone",
        label=words["label"],
        millionths=1,
        why="capitals",
        quotes=(words["quote of a verdict"],),
    )
    tx.archive(make.archived(7), canary())
    tx.record(make.judged(7, because=(quote,), labels=(words["label"],)))
    tx.record(facts.MessageMarked(id=make.id(7), level="calm", why=words["reason of a mark"], actor="me"))
    tx.record(make.held("d", message=make.id(7), body=words["draft"]))
    tx.record(make.raised("a", message=make.id(7), body=words["alert"]))
    tx.record(facts.NoteTaken(client="Acme", text=words["note"], actor="me"))


def canary() -> Parsed:
    words = CANARIES
    return Parsed(
        sender=Address(address=f"{words['sender']}@acme.example", name=words["sender's name"]),
        subject=words["subject"],
        message_id=f"<{words['Message-ID']}@acme.example>",
        new_text=f"Where is the {words['text']}?",
    )


def erased(store: SqliteStore, beside: Path, make: Any) -> SqliteStore:
    """Message 7 is taken out; the store that was played without it."""
    gone = frozenset(range(12, 18))
    fresh = open_store(beside / "fresh.sqlite")
    play(store, fresh, make, gone)
    with store.transaction(make.noon) as tx:
        tx.erase(gone)
        tx.take_over(fresh)
    return fresh


def play(store: SqliteStore, fresh: SqliteStore, make: Any, gone: frozenset[int]) -> None:
    with fresh.transaction(make.noon) as tx:
        for entry in store.entries():
            if entry.seq in gone:
                entry = Entry(seq=entry.seq, leaf=entry.leaf, salt=None, payload=None)
            fact = None if entry.payload is None else facts.read(read_leaf(entry.leaf).type, entry.payload)
            parsed = make.parsed(fact.seq) if isinstance(fact, facts.MessageArchived) else None
            tx.replay(entry, fact, parsed)


def left(index: Path) -> set[str]:
    """What of the canaries stands in any file of the index, in whatever case.

    Another process reads: to open and close them here would give up the locks that SQLite has on them in this one.
    """
    files = list(index.parent.glob("*"))
    found = subprocess.run(["cat", *files], check=True, capture_output=True).stdout.lower()
    return {what for what, word in CANARIES.items() if word.lower().encode() in found}


# --- no byte is left ---------------------------------------------------------------------------

SEARCHING = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)

def count(word):
    return len(connection.execute("SELECT rowid FROM message_text WHERE message_text MATCH ?", (word,)).fetchall())

for line in sys.stdin:
    print(count("kandiszucker"), count("invoice"), flush=True)
"""

READING = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
for line in sys.stdin:
    print(*connection.execute("SELECT count(*) FROM message").fetchone(), flush=True)
"""


@contextmanager
def another_process(script: str, index: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(index)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.communicate(timeout=60)


def ask(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    print(file=process.stdin, flush=True)
    return process.stdout.readline().strip()


def test_no_byte_of_what_was_erased_is_left_while_others_have_the_index_open(
    sqlite_store: SqliteStore, index: Path, tmp_path: Path, make: Any
) -> None:
    written(sqlite_store, make)
    other = open_store(index)
    with another_process(SEARCHING, index) as process:
        assert ask(process) == "1 59"
        assert len(list(other.search("invoice", MessageFilter(), limit=99))) == 59
        assert left(index) == set(CANARIES)
        erased(sqlite_store, tmp_path, make).close()
        assert left(index), "nothing is left for compact to take away"
        assert sqlite_store.compact() is True
        assert left(index) == set()
        assert ask(process) == "0 59"
    assert list(other.search(CANARIES["text"], MessageFilter())) == []
    assert len(list(other.search("invoice", MessageFilter(), limit=99))) == 59
    assert other.integrity() == sqlite_store.integrity() == ()
    assert list(other.holdings(Holding.LOST_WORD)) == []
    other.close()
    assert left(index) == set()


def test_the_log_is_not_empty_as_long_as_somebody_reads_and_a_second_try_empties_it(
    index: Path, tmp_path: Path, make: Any
) -> None:
    store = open_store(index, busy_seconds=0.1)
    written(store, make)
    with another_process(READING, index) as process:
        assert ask(process) == "60"
        erased(store, tmp_path, make).close()
        assert store.compact() is False
        assert left(index) == set(CANARIES)
        assert ask(process) == "60"
    assert len(list(store.messages(MessageFilter()))) == 59
    assert store.compact() is True
    assert left(index) == set()
    assert index.with_name("index.sqlite-wal").stat().st_size == 0
    store.close()


# --- what can go wrong -------------------------------------------------------------------------


def test_a_disk_without_room_for_a_copy_is_one_sentence_and_nothing_is_lost(
    tmp_path: Path, make: Any
) -> None:
    with small_disk(tmp_path / "archive", "8m") as disk:
        store = open_store(disk)
        written(store, make)
        assert store.compact() is True
        erased(store, tmp_path, make).close()
        entries = list(store.entries())
        fill(disk, leave=100_000)
        with pytest.raises(DiskFull, match=r"no room to rewrite the index .*SQLITE_TMPDIR"):
            store.compact()
        assert list(store.entries()) == entries
        assert len(list(store.messages(MessageFilter()))) == 59
        (disk / "somebody-elses").unlink()
        assert store.compact() is True
        assert left(store.path) == set()
        store.close()


def test_an_index_that_somebody_else_writes_is_not_compacted(index: Path, make: Any) -> None:
    store = open_store(index, busy_seconds=0.1)
    written(store, make)
    other = sqlite3.connect(index, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked, match="busy"):
        store.compact()
    other.execute("ROLLBACK")
    other.close()
    assert store.compact() is True
    store.close()


def test_a_reader_compacts_nothing(sqlite_store: SqliteStore, index: Path) -> None:
    reader = open_store(index, read_only=True)
    with pytest.raises(ProgrammerError, match="for reading only"):
        reader.compact()
    reader.close()


def test_an_error_names_the_index_that_it_came_from(
    sqlite_store: SqliteStore, index: Path, tmp_path: Path, make: Any
) -> None:
    written(sqlite_store, make)
    fresh = open_store(tmp_path / "fresh.sqlite")
    play(sqlite_store, fresh, make, frozenset())
    connection = sqlite_store._links.mine().connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match=str(index.parent)), sqlite_store.transaction(make.noon) as tx:
        for _ in range(300):
            tx.record(facts.NoteTaken(client="Acme", text="x" * 1000, actor="me"))
    other = sqlite3.connect(fresh.path)
    other.execute("DROP TABLE notice")
    other.close()
    with pytest.raises(StoreDamaged, match=r"fresh\.sqlite"), sqlite_store.transaction(make.noon) as tx:
        tx.take_over(fresh)
    fresh.close()
    assert len(list(sqlite_store.messages(MessageFilter()))) == 60


def test_tombstones_are_taken_over_too(
    sqlite_store: SqliteStore, index: Path, tmp_path: Path, make: Any
) -> None:
    key = "5a" * 32
    with sqlite_store.transaction(make.noon) as tx:
        tx.record(facts.ErasureKeyed(key=key))
    fresh = open_store(tmp_path / "fresh.sqlite")
    play(sqlite_store, fresh, make, frozenset())
    other = sqlite3.connect(index)
    other.execute("UPDATE erasure SET key = ?, last_seq = 9", ("00" * 32,))
    other.execute("INSERT INTO tombstone VALUES (?)", (tombstone("00" * 32, make.id(1)),))
    other.commit()
    other.close()
    assert sqlite_store.erased([make.id(1)]) == {make.id(1)}
    with sqlite_store.transaction(make.noon) as tx:
        tx.take_over(fresh)
    fresh.close()
    assert list(sqlite_store.holdings(Holding.TOMBSTONE)) == []
    assert list(sqlite_store.holdings(Holding.ERASURE)) == [((1,), {"key": key, "last_seq": 0})]


def test_a_key_that_is_none_is_damage(sqlite_store: SqliteStore, index: Path, make: Any) -> None:
    with sqlite_store.transaction(make.noon) as tx:
        tx.record(facts.ErasureKeyed(key="5a" * 32))
    other = sqlite3.connect(index)
    other.execute("UPDATE erasure SET key = 'no key'")
    other.commit()
    other.close()
    with pytest.raises(StoreDamaged, match="levelhead rebuild makes it again"):
        sqlite_store.erased([make.id(1)])


# --- memory and form ---------------------------------------------------------------------------


def test_rows_are_taken_over_one_after_the_other(
    sqlite_store: SqliteStore, tmp_path: Path, make: Any
) -> None:
    with sqlite_store.transaction(make.noon) as tx:
        for uid in range(1, 1001):
            tx.record(make.excluded(uid, addresses=("a" * 1000,)))
    fresh = open_store(tmp_path / "fresh.sqlite")
    play(sqlite_store, fresh, make, frozenset())
    tracemalloc.start()
    try:
        with sqlite_store.transaction(make.noon) as tx:
            tx.take_over(fresh)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    fresh.close()
    assert peak < 300_000


def test_an_index_of_the_third_form_learns_of_erasures(index: Path, tmp_path: Path, make: Any) -> None:
    store = open_store(index)
    written(store, make)
    store.close()
    connection = sqlite3.connect(index)
    connection.executescript(
        "DROP TABLE tombstone; DROP TABLE erasure; DROP TABLE origin; DROP TABLE opening;"
        " DROP INDEX sighting_server_id;"
        " ALTER TABLE sighting DROP COLUMN server_id; ALTER TABLE sighting DROP COLUMN labels;"
        " ALTER TABLE sighting DROP COLUMN by_id;"
        " UPDATE meta SET value = '3' WHERE key = 'schema'"
    )
    connection.close()
    store, new = open_store(index), open_store(tmp_path / "new.sqlite")
    assert index.with_name("index.sqlite.form-3.backup").exists()
    assert list(store.holdings(Holding.PART)) == list(new.holdings(Holding.PART))
    assert store.last_seq() == 60
    erased(store, tmp_path, make).close()
    with store.transaction(make.noon) as tx:
        tx.record(facts.ErasureKeyed(key="5a" * 32))
    assert store.erased([make.id(7)]) == frozenset()
    assert store.integrity() == ()
    for one in (store, new):
        one.close()
