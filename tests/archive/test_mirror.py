from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from levelhead import facts
from levelhead.archive.mirror import MIRRORED, Mirror
from levelhead.errors import DiskFull, StoreDamaged
from levelhead.store.ledger import check
from levelhead.store.sqlite import SqliteStore, open_store
from levelhead.tree import root_of

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)


def take_notes(store: SqliteStore, count: int, text: str = "called, 5 € – \u2028 calm") -> None:
    with store.transaction(NOON) as tx:
        for _ in range(count):
            tx.record(facts.NoteTaken(client="Acme", text=text, actor="me"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    numbers = itertools.count()
    opened = open_store(
        tmp_path / "index.sqlite", salt=lambda: hashlib.sha256(str(next(numbers)).encode()).digest()
    )
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def test_the_files_hold_the_very_leaves_and_their_payloads(store: SqliteStore, folder: Path) -> None:
    take_notes(store, 3)
    assert Mirror(folder).catch_up(store) == 3
    lines = (folder / "000001.jsonl").read_bytes().split(b"\n")
    assert lines[:-1] == [entry.leaf for entry in store.entries()]
    assert root_of(lines[:-1]) == store.ledger_root()
    payloads = [json.loads(line) for line in (folder / "000001.payload.jsonl").read_bytes().splitlines()]
    assert [one["seq"] for one in payloads] == [0, 1, 2]
    assert [bytes.fromhex(one["salt"]) for one in payloads] == [entry.salt for entry in store.entries()]
    assert [one["payload"].encode() for one in payloads] == [entry.payload for entry in store.entries()]


def test_what_was_mirrored_is_not_written_again(store: SqliteStore, folder: Path) -> None:
    take_notes(store, 2)
    assert Mirror(folder).catch_up(store) == 2
    before = (folder / "000001.jsonl").read_bytes()
    assert Mirror(folder).catch_up(store) == 0
    take_notes(store, 2)
    assert Mirror(folder).catch_up(store) == 2
    assert (folder / "000001.jsonl").read_bytes().startswith(before)
    assert list(Mirror(folder).read()) == list(store.entries())


def test_the_files_alone_give_every_entry_back(store: SqliteStore, folder: Path) -> None:
    take_notes(store, 5)
    Mirror(folder).catch_up(store)
    assert list(Mirror(folder).read(3)) == list(store.entries(3))
    assert all(check(entry) == "" for entry in Mirror(folder).read())
    assert list(Mirror(folder / "nowhere").read()) == []


@pytest.mark.parametrize("name", ["000001.jsonl", "000001.payload.jsonl"])
def test_after_a_crash_at_any_byte_of_a_file_the_mirror_comes_out_whole(
    store: SqliteStore, folder: Path, name: str
) -> None:
    take_notes(store, 4)
    Mirror(folder).catch_up(store)
    leaves, payloads = (folder / "000001.jsonl").read_bytes(), (folder / "000001.payload.jsonl").read_bytes()
    whole = leaves if name == "000001.jsonl" else payloads
    for length in range(0, len(whole), 7):
        # A leaf is written only when its payload is durable: as many leaves as payloads, or fewer.
        kept = whole[:length].count(b"\n")
        few = b"".join(line + b"\n" for line in leaves.splitlines()[: min(kept, 2)])
        (folder / "000001.payload.jsonl").write_bytes(payloads if name == "000001.jsonl" else whole[:length])
        (folder / "000001.jsonl").write_bytes(whole[:length] if name == "000001.jsonl" else few)
        assert list(Mirror(folder).read()) == list(store.entries(0, min(kept, 4 if whole is leaves else 2)))
        Mirror(folder).catch_up(store)
        assert (folder / "000001.jsonl").read_bytes() == leaves
        assert (folder / "000001.payload.jsonl").read_bytes() == payloads


def test_an_incomplete_last_line_is_cut_and_said_so(store: SqliteStore, folder: Path) -> None:
    take_notes(store, 2)
    Mirror(folder).catch_up(store)
    with (folder / "000001.jsonl").open("ab") as file:
        file.write(b'{"v":1,"seq":2,"ti')
    with structlog.testing.capture_logs() as logs:
        Mirror(folder).catch_up(store)
    assert logs == [{"event": "mirror.cut", "log_level": "warning", "file": "000001.jsonl", "bytes": 18}]
    assert list(Mirror(folder).read()) == list(store.entries())


def test_a_line_longer_than_a_block_is_found_whole(store: SqliteStore, folder: Path) -> None:
    take_notes(store, 2, text="x" * 300_000)
    Mirror(folder).catch_up(store)
    take_notes(store, 1)
    assert Mirror(folder).catch_up(store) == 1
    assert list(Mirror(folder).read()) == list(store.entries())


def test_files_that_know_more_than_the_index_are_a_contradiction(
    store: SqliteStore, folder: Path, tmp_path: Path
) -> None:
    take_notes(store, 3)
    Mirror(folder).catch_up(store)
    older = open_store(tmp_path / "older.sqlite")
    take_notes(older, 2)
    with pytest.raises(StoreDamaged, match="hold 3 entries and the index only 2"):
        Mirror(folder).catch_up(older)
    older.close()


def test_files_of_another_ledger_are_a_contradiction(
    store: SqliteStore, folder: Path, tmp_path: Path
) -> None:
    take_notes(store, 3)
    Mirror(folder).catch_up(store)
    other = open_store(tmp_path / "other.sqlite")
    take_notes(other, 4)
    before = (folder / "000001.jsonl").read_bytes()
    with pytest.raises(StoreDamaged, match=r"entry 2 in .* is not the one that the index holds"):
        Mirror(folder).catch_up(other)
    assert (folder / "000001.jsonl").read_bytes() == before
    other.close()


def test_lost_payloads_are_not_passed_over(store: SqliteStore, folder: Path) -> None:
    take_notes(store, 3)
    Mirror(folder).catch_up(store)
    (folder / "000001.payload.jsonl").unlink()
    with pytest.raises(StoreDamaged, match="lost payloads"):
        Mirror(folder).catch_up(store)
    with pytest.raises(StoreDamaged, match="missing"):
        list(Mirror(folder).read())


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("000001.jsonl", b'"seq":1,', b'"seq":5,'),
        ("000001.jsonl", b'"v":1', b'"v":0'),
        ("000001.payload.jsonl", b'"seq":1,', b'"seq":5,'),
        ("000001.payload.jsonl", b'"salt":"', b'"salt":"zz'),
        ("000001.payload.jsonl", b'{"seq":1', b'["seq":1'),
    ],
)
def test_a_changed_line_is_named(store: SqliteStore, folder: Path, name: str, old: bytes, new: bytes) -> None:
    take_notes(store, 3)
    Mirror(folder).catch_up(store)
    path = folder / name
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(StoreDamaged, match=name):
        list(Mirror(folder).read())


def test_files_are_numbered_by_the_entries_they_hold(store: SqliteStore, folder: Path) -> None:
    mirror = Mirror(folder, per_file=3)
    for count in (2, 5, 1):
        take_notes(store, count)
        mirror.catch_up(store)
    assert [len((folder / f"{n:06}.jsonl").read_bytes().splitlines()) for n in (1, 2, 3)] == [3, 3, 2]
    assert list(mirror.read()) == list(store.entries())
    assert list(mirror.read(4)) == list(store.entries(4))
    assert list(mirror.read(8)) == []
    (folder / "000002.jsonl").unlink()
    with pytest.raises(StoreDamaged, match=r"000002\.jsonl is missing"):
        list(mirror.read())


def test_an_erased_payload_is_mirrored_as_such(store: SqliteStore, folder: Path, tmp_path: Path) -> None:
    take_notes(store, 1)
    copy = open_store(tmp_path / "copy.sqlite")
    with copy.transaction(NOON) as tx:
        for entry in store.entries():
            tx.replay(type(entry)(seq=entry.seq, leaf=entry.leaf, salt=None, payload=None), None, None)
    Mirror(folder).catch_up(copy)
    (entry,) = Mirror(folder).read()
    assert (entry.salt, entry.payload, check(entry)) == (None, None, "")
    assert copy.ledger_root() == store.ledger_root()
    copy.close()


def test_a_full_disk_is_told_apart(store: SqliteStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take_notes(store, 1)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFull, match="no room"):
        Mirror(folder).catch_up(store)
    monkeypatch.undo()
    Mirror(folder).catch_up(store)
    assert list(Mirror(folder).read()) == list(store.entries())


def test_the_files_are_private(store: SqliteStore, folder: Path) -> None:
    take_notes(store, 1)
    Mirror(folder).catch_up(store)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


NOTE_AND_MIRROR = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from levelhead import facts
from levelhead.archive.mirror import Mirror
from levelhead.store.sqlite import open_store

store = open_store(Path(sys.argv[1]))
for _ in range(15):
    with store.transaction(datetime(2026, 3, 6, tzinfo=UTC)) as tx:
        for _ in range(3):
            tx.record(facts.NoteTaken(client="Acme", text="called", actor="me"))
    Mirror(Path(sys.argv[2])).catch_up(store)
store.close()
"""


def test_two_processes_mirror_one_ledger_without_a_double_or_a_gap(store: SqliteStore, folder: Path) -> None:
    command = [sys.executable, "-c", NOTE_AND_MIRROR, str(store.path), str(folder)]
    workers = [subprocess.Popen(command) for _ in range(2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert store.ledger_size() == 90
    assert list(Mirror(folder).read()) == list(store.entries())


def test_how_far_the_files_reach_is_noted_once_and_only_when_it_changes(
    store: SqliteStore, folder: Path
) -> None:
    take_notes(store, 2)
    mirror = Mirror(folder)
    mirror.keep_up(store, NOON)
    assert store.meta(MIRRORED) == "2"
    version = store.version()
    mirror.keep_up(store, NOON)
    assert store.version() == version, "nothing new is no write"
