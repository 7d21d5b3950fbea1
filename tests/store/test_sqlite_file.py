"""The SQLite index as a file: its rights, its form, reading without writing, and what a failing disk does to it."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levelhead import facts
from levelhead.errors import (
    DiskFull,
    LevelheadError,
    NewerSchema,
    ProgrammerError,
    StoreDamaged,
    StoreLocked,
    Unavailable,
    UserError,
)
from levelhead.store import sqlite_open
from levelhead.store.api import Holding, MessageFilter
from levelhead.store.sqlite import SqliteStore, open_store
from levelhead.store.sqlite_open import Links, prepare

NOTE = facts.NoteTaken(client="Acme", text="called", actor="me")


def note(store: SqliteStore, make: Any, count: int = 1) -> None:
    with store.transaction(make.noon) as tx:
        for _ in range(count):
            tx.record(NOTE)


# --- rights and settings -------------------------------------------------------------------------


def test_index_and_folder_are_private(sqlite_store: SqliteStore, index: Path, make: Any) -> None:
    note(sqlite_store, make)
    assert index.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in index.parent.iterdir()} == {0o600}


def test_an_index_that_others_could_read_is_made_private(index: Path) -> None:
    open_store(index).close()
    index.chmod(0o644)
    open_store(index).close()
    assert index.stat().st_mode & 0o777 == 0o600


def test_a_folder_stands_for_the_index_in_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.path == tmp_path / "index.sqlite"
    store.close()
    assert (tmp_path / "index.sqlite").exists()


def test_every_connection_is_durable_and_checks_its_keys(sqlite_store: SqliteStore) -> None:
    def settings() -> list[Any]:
        connection = sqlite_store._links.mine().connection
        return [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    found = [settings()]
    other = threading.Thread(target=lambda: found.append(settings()))
    other.start()
    other.join()
    assert found == [["wal", 2, 1]] * 2


def test_a_disk_without_write_ahead_logs_is_refused(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite_open._connect
    # SQLite's `unix-none` cannot share memory between processes and stays in another journal mode without an error.
    monkeypatch.setattr(sqlite_open, "_connect", lambda uri, busy: connect(uri + "&vfs=unix-none", busy))
    with pytest.raises(Unavailable, match="stays in journal mode delete"):
        open_store(index)


def test_the_connection_of_a_thread_that_ended_is_closed(sqlite_store: SqliteStore) -> None:
    kept: list[sqlite3.Connection] = []
    other = threading.Thread(target=lambda: kept.append(sqlite_store._links.mine().connection))
    other.start()
    other.join()
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        kept[0].execute("SELECT 1")


# --- the form of the tables ----------------------------------------------------------------------


def test_an_index_of_a_newer_levelhead_is_left_alone(index: Path) -> None:
    open_store(index).close()
    connection = sqlite3.connect(index)
    connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    before = index.read_bytes()
    for read_only in (False, True):
        with pytest.raises(NewerSchema, match="has form 99") as caught:
            open_store(index, read_only=read_only)
        assert caught.value.exit_status == 2
    assert index.read_bytes() == before


@pytest.mark.parametrize("statement", ["CREATE TABLE other (x)", "CREATE TABLE meta (key, value)"])
def test_a_file_of_something_else_is_left_alone(index: Path, statement: str) -> None:
    index.parent.mkdir()
    connection = sqlite3.connect(index)
    connection.execute(statement)
    connection.close()
    with pytest.raises(StoreDamaged, match="no index of levelhead"):
        open_store(index)


def test_a_file_that_is_no_database_is_left_alone(index: Path) -> None:
    index.parent.mkdir()
    index.write_bytes(b"Dear Anna, " * 1000)
    with pytest.raises(StoreDamaged, match="is damaged"):
        open_store(index)
    assert index.read_bytes() == b"Dear Anna, " * 1000


OLD = ("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)", "CREATE TABLE word (old TEXT)")
STEPS = {
    1: ("ALTER TABLE word RENAME COLUMN old TO newer",),
    2: ("ALTER TABLE word RENAME COLUMN newer TO newest", "INSERT INTO word VALUES ('from the second step')"),
}


@pytest.fixture
def old_index(index: Path) -> Iterator[Path]:
    """An index of a made-up older form."""
    links = Links(sqlite_open.resolve(index, read_only=False), read_only=False, busy_seconds=1)
    prepare(links, tables=OLD, migrations={}, schema=1)
    links.mine().connection.execute("INSERT INTO word VALUES ('kept')")
    links.close()
    yield index


def words(index: Path, column: str) -> list[str]:
    connection = sqlite3.connect(index)
    try:
        return [word for (word,) in connection.execute(f'SELECT "{column}" FROM word ORDER BY rowid')]
    finally:
        connection.close()


def test_an_older_index_is_brought_up_to_date_after_a_backup(old_index: Path) -> None:
    links = Links(old_index, read_only=False, busy_seconds=1)
    prepare(links, tables=(), migrations=STEPS, schema=3)
    links.close()
    assert words(old_index, "newest") == ["kept", "from the second step"]
    backup = old_index.with_name("index.sqlite.form-1.backup")
    assert words(backup, "old") == ["kept"]
    assert backup.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in old_index.parent.iterdir()) == ["index.sqlite", backup.name]
    links = Links(old_index, read_only=False, busy_seconds=1)
    prepare(links, tables=(), migrations={}, schema=3)
    links.close()


def test_a_migration_that_fails_changes_nothing(old_index: Path) -> None:
    links = Links(old_index, read_only=False, busy_seconds=1)
    broken = STEPS | {2: ("ALTER TABLE word RENAME COLUMN newer TO newest", "NONSENSE")}
    with pytest.raises(sqlite3.OperationalError):
        prepare(links, tables=(), migrations=broken, schema=3)
    links.close()
    assert words(old_index, "old") == ["kept"]
    links = Links(old_index, read_only=False, busy_seconds=1)
    prepare(links, tables=(), migrations=STEPS, schema=3)
    links.close()
    assert words(old_index, "newest") == ["kept", "from the second step"]


def test_an_index_of_the_first_form_learns_its_clients_labels(index: Path, make: Any) -> None:
    store = open_store(index)
    with store.transaction(make.noon) as tx:
        for number, labels in ((1, ("a", "b", "a")), (2, ("b",))):
            tx.archive(make.archived(number), make.parsed(number))
            tx.record(make.judged(number, labels=labels))
        tx.archive(make.archived(3, direction="out"), make.parsed(3))
        tx.record(make.judged(3))
    store.close()
    connection = sqlite3.connect(index)
    for table in ("client_label", "tombstone", "erasure", "origin", "opening"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("DROP INDEX sighting_server_id")
    for column in ("server_id", "labels", "by_id"):
        connection.execute(f"ALTER TABLE sighting DROP COLUMN {column}")
    connection.execute("ALTER TABLE message DROP COLUMN in_sent")
    connection.execute("ALTER TABLE message DROP COLUMN attachments")
    connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    store = open_store(index)
    assert store.calibration("Acme").labels == {"a": 1, "b": 2}
    store.close()


def test_an_index_of_the_sixth_form_learns_what_servers_call_messages(
    index: Path, tmp_path: Path, make: Any
) -> None:
    store, new = open_store(index), open_store(tmp_path / "new.sqlite")
    said = facts.GmailPart(id="77", thread="", labels=("A",), refused=(), by_id=True)
    for one in (store, new):
        with one.transaction(make.noon) as tx:
            tx.archive(make.archived(1), make.parsed(1))
            tx.record(make.sighted(1, 5))
    store.close()
    connection = sqlite3.connect(index)
    connection.execute("DROP INDEX sighting_server_id")
    for column in ("server_id", "labels", "by_id"):
        connection.execute(f"ALTER TABLE sighting DROP COLUMN {column}")
    connection.execute("UPDATE meta SET value = '6' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    store = open_store(index)
    assert store.sightings(make.id(1)) == new.sightings(make.id(1))
    assert list(store.holdings(Holding.PART)) == list(new.holdings(Holding.PART))
    with store.transaction(make.noon) as tx:
        tx.record(make.sighted(1, 6, gmail=said))
    assert [id for id, _ in store.named_by_server("work", "77")] == [make.id(1)]
    for one in (store, new):
        one.close()


def test_an_older_index_is_not_changed_by_a_reader(old_index: Path) -> None:
    links = Links(old_index, read_only=True, busy_seconds=1)
    with pytest.raises(UserError, match="older form 1"):
        prepare(links, tables=(), migrations=STEPS, schema=3)
    links.close()
    assert words(old_index, "old") == ["kept"]


# --- reading without writing ---------------------------------------------------------------------


def test_there_is_nothing_to_read_before_the_first_run(index: Path) -> None:
    with pytest.raises(UserError, match="there is no index"):
        open_store(index, read_only=True)
    assert not index.exists()


def test_a_reader_sees_what_a_running_daemon_commits(
    sqlite_store: SqliteStore, index: Path, make: Any
) -> None:
    note(sqlite_store, make)
    reader = open_store(index, read_only=True)
    seen = reader.version()
    assert reader.ledger_size() == 1
    with sqlite_store.transaction(make.noon) as tx:
        tx.record(NOTE)
        assert reader.ledger_size() == 1
    assert reader.ledger_size() == 2
    assert reader.version() != seen
    with pytest.raises(ProgrammerError, match="for reading only"), reader.transaction(make.noon):
        pass
    reader.close()


def test_a_reader_beside_no_daemon_reads_all(sqlite_store: SqliteStore, index: Path, make: Any) -> None:
    note(sqlite_store, make, 3)
    sqlite_store.close()
    for _ in range(2):
        reader = open_store(index, read_only=True)
        assert reader.ledger_size() == 3
        reader.close()


READ_AS_NOBODY = """
import os, sys
from pathlib import Path
from levelhead.errors import LevelheadError
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store

if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    store = open_store(Path(sys.argv[1]), read_only=True)
    print(store.ledger_size(), len(list(store.messages(MessageFilter()))), store.version() == store.version())
    store.close()
except LevelheadError as exc:
    print(type(exc).__name__, exc)
"""


@pytest.fixture
def sealed() -> Iterator[Path]:
    """A folder that a stranger can read, and nobody but root can write."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def read_as_nobody(folder: Path) -> str:
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", READ_AS_NOBODY, str(folder / "index.sqlite")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_copy_that_cannot_be_written_is_read_as_it_lies_there(
    sqlite_store: SqliteStore, index: Path, sealed: Path, make: Any
) -> None:
    with sqlite_store.transaction(make.noon) as tx:
        tx.archive(make.archived(1), make.parsed(1))
        tx.record(NOTE)
    sqlite_store.close()
    shutil.copy(index, sealed)
    assert read_as_nobody(sealed) == "2 1 True"


def test_a_copy_taken_in_mid_write_is_not_read_as_if_it_were_whole(
    sqlite_store: SqliteStore, index: Path, sealed: Path, make: Any
) -> None:
    note(sqlite_store, make)
    shutil.copy(index, sealed)
    shutil.copy(index.with_name("index.sqlite-wal"), sealed)
    answer = read_as_nobody(sealed)
    assert answer.startswith("Unavailable")
    assert "copied while it was written" in answer


# --- a disk that fails ---------------------------------------------------------------------------


def test_a_full_disk_refuses_the_write_and_keeps_the_rest(sqlite_store: SqliteStore, make: Any) -> None:
    note(sqlite_store, make)
    connection = sqlite_store._links.mine().connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match="no room is left") as caught:
        note(sqlite_store, make, 2000)
    assert caught.value.exit_status == 3
    assert sqlite_store.ledger_size() == 1
    connection.execute(f"PRAGMA max_page_count = {pages + 10_000}")
    note(sqlite_store, make, 2000)
    assert sqlite_store.ledger_size() == 2001


FAILING_DISK = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from levelhead import facts
from levelhead.errors import DiskFailed
from levelhead.store.sqlite import open_store

store = open_store(Path(sys.argv[1]))
note = facts.NoteTaken(client="Acme", text="x" * 1000, actor="me")

def write(count):
    with store.transaction(datetime(2026, 3, 6, tzinfo=UTC)) as tx:
        for _ in range(count):
            tx.record(note)

write(1)
before = store._links.mine()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
size = Path(sys.argv[1] + "-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, hard))
try:
    write(3000)
except DiskFailed as exc:
    print("refused:", exc)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert store._links.mine() is not before, "the poisoned connection is used again"
assert store.ledger_size() == 1
write(2)
print("goes on:", store.ledger_size())
store.close()
"""


def test_a_connection_that_saw_the_disk_fail_is_not_used_again(index: Path) -> None:
    """The kernel refuses to let a file grow (RLIMIT_FSIZE), which SQLite reports as an I/O error."""
    done = subprocess.run(
        [sys.executable, "-c", FAILING_DISK, str(index)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "refused: the disk under the index" in done.stdout
    assert "goes on: 3" in done.stdout


def test_a_connection_that_could_be_opened_for_reading_only_is_not_used_again(
    sqlite_store: SqliteStore, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite falls back to reading where one open(2) for writing fails, whatever the reason was."""
    connect, failing = sqlite_open._connect, [True]

    def hindered(uri: str, busy_seconds: float) -> sqlite3.Connection:
        return connect(uri.replace("mode=rw", "mode=ro") if failing.pop() else uri, busy_seconds)

    note(sqlite_store, make)
    sqlite_store._links.drop()
    monkeypatch.setattr(sqlite_open, "_connect", hindered)
    with pytest.raises(Unavailable, match="readonly database"):
        note(sqlite_store, make)
    failing.append(False)
    note(sqlite_store, make)
    assert sqlite_store.ledger_size() == 2


def test_a_damaged_index_says_what_to_do(sqlite_store: SqliteStore, index: Path, make: Any) -> None:
    with sqlite_store.transaction(make.noon) as tx:
        for number in range(1, 300):
            tx.archive(make.archived(number), make.parsed(number))
    sqlite_store.close()
    data = bytearray(index.read_bytes())
    for at in range(8192, len(data)):
        data[at] ^= 0x55
    index.write_bytes(data)
    with pytest.raises(StoreDamaged, match=r"is damaged .* levelhead rebuild makes it again"):
        list(open_store(index).messages(MessageFilter()))


def test_a_tree_that_does_not_belong_to_its_entries_is_seen_before_anything_is_written(
    sqlite_store: SqliteStore, index: Path, make: Any
) -> None:
    note(sqlite_store, make, 3)
    other = sqlite3.connect(index)
    other.execute("DELETE FROM entry WHERE seq = 2")
    other.commit()
    other.close()
    with pytest.raises(StoreDamaged, match="holds 2 entries and its tree has 3 leaves"):
        note(sqlite_store, make)
    with pytest.raises(StoreDamaged):
        sqlite_store.ledger_root()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be made"):
        open_store(tmp_path / "file" / "index.sqlite")


def test_a_foreign_write_lock_is_one_sentence(index: Path, make: Any) -> None:
    store = open_store(index, busy_seconds=0.1)
    other = sqlite3.connect(index, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked, match="busy"):
        note(store, make)
    other.execute("ROLLBACK")
    other.close()
    note(store, make)
    store.close()


def test_an_id_can_be_used_as_a_path_with_strange_letters(tmp_path: Path, make: Any) -> None:
    store = open_store(tmp_path / "ordner ü?#%41" / "index.sqlite")
    note(store, make)
    store.close()
    assert (tmp_path / "ordner ü?#%41" / "index.sqlite").exists()
    assert os.listdir(tmp_path) == ["ordner ü?#%41"]


def test_no_statement_numbers_its_parameters() -> None:
    """Python 3.12 warns of `?1` with a sequence, and 3.14 refuses it."""
    for path in Path(sqlite_open.__file__).parent.glob("sqlite*.py"):
        assert not re.search(r"\?[0-9]", path.read_text()), path.name


# --- bytes that were changed ---------------------------------------------------------------------


def full(store: SqliteStore, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        for number in range(1, 30):
            tx.archive(make.archived(number), make.parsed(number))
            tx.record(make.judged(number))
        tx.record(make.opened())
        tx.record(make.sighted(1, 5))
        tx.record(make.held("d1"))
        tx.record(make.raised("a1"))


def ask_everything(store: SqliteStore, make: Any) -> None:
    """Every question, passing over what is refused in a sentence."""
    questions = (
        lambda: list(store.messages(MessageFilter())),
        lambda: [store.judged(make.id(number)) for number in range(1, 30)],
        lambda: [store.sightings(make.id(number)) for number in range(1, 30)],
        lambda: [store.message(make.id(number)) for number in range(1, 30)],
        lambda: list(store.search("invoice", MessageFilter())),
        lambda: store.past("thread-1"),
        lambda: (store.drafts(), store.alerts(), store.folders(), store.mailboxes(), store.plugins()),
        lambda: [store.calibration(client) for client in store.clients()],
        lambda: (store.counts(), store.correspondents(), store.first_contact("Acme"), store.next_due("work")),
        lambda: (list(store.entries()), store.ledger_root(), list(store.facts_about())),
        lambda: (store.integrity(), [list(store.holdings(what)) for what in Holding]),
    )
    for question in questions:
        with contextlib.suppress(LevelheadError):
            question()


def test_a_flipped_byte_anywhere_ends_in_a_sentence_and_never_in_a_traceback(
    sqlite_store: SqliteStore, index: Path, make: Any
) -> None:
    full(sqlite_store, make)
    sqlite_store.close()
    clean = index.read_bytes()
    chance = random.Random(7)
    for position in [*chance.sample(range(len(clean)), 250), *range(0, 4096, 37)]:
        bad = bytearray(clean)
        bad[position] ^= chance.choice((0xFF, 0x80, 0x01))
        index.write_bytes(bad)
        try:
            store = open_store(index, read_only=True)
        except LevelheadError:
            continue
        try:
            ask_everything(store, make)
        finally:
            store.close()


def test_a_text_that_is_no_utf8_is_damage_and_no_mistake_of_ours(
    sqlite_store: SqliteStore, index: Path, make: Any
) -> None:
    full(sqlite_store, make)
    sqlite_store.close()
    data = index.read_bytes()
    assert make.id(7).encode() in data
    index.write_bytes(data.replace(make.id(7).encode(), b"\xff" * 64))
    with pytest.raises(StoreDamaged, match="levelhead rebuild makes it again"):
        list(open_store(index).messages(MessageFilter()))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE verdict SET fact = X'FF'",
        "UPDATE verdict SET fact = '{}'",
        "UPDATE message SET direction = 'sideways'",
        "UPDATE message SET recipients = '[1]'",
        "UPDATE message SET received_at = 'yesterday'",
        "UPDATE client SET squares = 0",
    ],
)
def test_a_row_that_no_value_can_be_made_of_is_damage_within_a_transaction_too(
    sqlite_store: SqliteStore, index: Path, make: Any, change: str
) -> None:
    full(sqlite_store, make)
    other = sqlite3.connect(index)
    other.execute(change.replace("'{}'", "CAST('{}' AS BLOB)"))
    other.commit()
    other.close()

    def read(source: Any) -> None:
        source.judged(make.id(1))
        source.message(make.id(1))
        sqlite_store.calibration("Acme")

    with pytest.raises(StoreDamaged, match="levelhead rebuild makes it again"):
        read(sqlite_store)
    with (
        pytest.raises(StoreDamaged, match="levelhead rebuild makes it again"),
        sqlite_store.transaction(make.noon) as tx,
    ):
        read(tx)


def test_an_entry_filed_under_another_kind_than_its_leaf_says_is_no_sound_index(
    sqlite_store: SqliteStore, index: Path, make: Any
) -> None:
    note(sqlite_store, make, 3)
    other = sqlite3.connect(index)
    other.execute("UPDATE entry SET type = 'x' WHERE seq = 1")
    other.commit()
    other.close()
    assert sqlite_store.integrity() == ("entry 1 is filed under 'x', and its leaf says otherwise",)
