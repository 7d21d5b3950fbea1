"""Which entries an erasure names, whether it may, and the ledger's files without what it names."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead import facts
from levelhead.archive import anew
from levelhead.archive.erased import PROTECTED, erased, erased_of, numbers, ranges, without
from levelhead.archive.mirror import Mirror
from levelhead.errors import DiskFull, StoreDamaged
from levelhead.facts import Fact, FramePart
from levelhead.store.sqlite import SqliteStore, open_store

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
CANARY = "the canary sings"
KEYED = facts.ErasureKeyed(key="ab" * 32)


def erasure(*entries: str, frames: tuple[FramePart, ...] = ()) -> facts.MessagesErased:
    return facts.MessagesErased(
        client="Acme",
        messages=1,
        entries=entries,
        frames=frames,
        tombstones=(),
        last_seq=1,
        why="asked for",
        actor="me",
        erased_at=NOON,
    )


def note(text: str = CANARY) -> facts.NoteTaken:
    return facts.NoteTaken(client="Acme", text=text, actor="me")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    count = itertools.count()
    opened = open_store(
        tmp_path / "index.sqlite", salt=lambda: hashlib.sha256(str(next(count)).encode()).digest()
    )
    yield opened
    opened.close()


@pytest.fixture
def record(store: SqliteStore) -> Callable[..., None]:
    def tell(*what: Fact) -> None:
        with store.transaction(NOON) as tx:
            for fact in what:
                tx.record(fact)

    return tell


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "ledger", per_file=4)


def payloads(mirror: Mirror) -> list[bool]:
    return [entry.payload is not None for entry in mirror.read()]


def folder(mirror: Mirror) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(mirror._folder.iterdir())}


# --- ranges ------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 60)))
def test_ranges_name_the_numbers_that_they_were_made_of(some: set[int]) -> None:
    assert list(numbers(ranges(some))) == sorted(some)


def test_ranges_are_short_and_written_in_one_way_only() -> None:
    assert ranges([7, 3, 4, 5, 5, 9, 10]) == ("3-5", "7", "9-10")
    assert ranges([]) == ()


@pytest.mark.parametrize(
    "wrong", [("x",), ("",), ("-3",), ("3-",), ("03",), ("3-2",), ("5", "5"), ("5-7", "6"), ("1 ",), ("٣",), (3,)]
)  # fmt: skip
def test_what_is_no_range_is_refused(wrong: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no range of entries"):
        list(numbers(wrong))


# --- what a ledger says ------------------------------------------------------------------------


def test_an_erasure_is_open_until_it_is_finished(store: SqliteStore, record: Callable[..., None]) -> None:
    frames = (FramePart(volume=1, offset=62, length=99),)
    record(note(), note(), note(), KEYED, erasure("0-1", frames=frames), erasure("2"))
    for known in (erased(store), erased_of(store.entries())):
        assert known.entries == {0, 1, 2}
        assert known.frames == frames
        assert [seq for seq, _ in known.open] == [seq for seq, _ in known.all] == [4, 5]
    record(facts.ErasureFinished(entry=4))
    for known in (erased(store), erased_of(store.entries())):
        assert [seq for seq, _ in known.open] == [5]
        assert known.entries == {0, 1, 2}
        assert known.problems == ()


def test_an_entry_that_cannot_be_read_tells_of_no_erasure(
    store: SqliteStore, record: Callable[..., None]
) -> None:
    record(note(), KEYED, erasure("0"))
    entries = [type(one)(seq=one.seq, leaf=one.leaf, salt=one.salt, payload=b"{}") for one in store.entries()]
    assert erased_of(entries).all == ()


@pytest.mark.parametrize(
    ("fact", "sentence"),
    [
        (erasure("2"), "the erasure in entry 2 names entry 2, which is not before it"),
        (erasure("0-99999999999999999"), "the erasure in entry 2 names entry 99999999999999999, which is not"),
        (erasure("0-1"), r"the erasure in entry 2 names entry 1 \(erasure.keyed\), which nobody may erase"),
        (erasure("x"), "the erasure in entry 2 cannot be read: 'x' is no range of entries"),
        (facts.ErasureFinished(entry=0), "entry 2 says that the erasure of entry 0 is finished, and there is no"),
    ],
)  # fmt: skip
def test_an_erasure_that_cannot_be_believed_is_named_and_names_nothing(
    store: SqliteStore, record: Callable[..., None], fact: Fact, sentence: str
) -> None:
    record(note(), KEYED, fact)
    known = erased_of(store.entries())
    (problem,) = known.problems
    assert re.match(sentence, problem), problem
    assert (known.entries, known.all) == (frozenset(), ())


def test_nobody_erases_the_trace_of_erasing() -> None:
    mine = {"messages.erased", "message.archived", "note.taken", "checkpoint.signed"}
    assert mine & PROTECTED == {"messages.erased", "checkpoint.signed"}
    kinds = ("erasure.", "case.", "checkpoint.", "anchor.")
    assert {name for name in facts.names() if name.startswith(kinds)} <= PROTECTED


def test_entries_without_their_payloads_keep_their_leaves(
    store: SqliteStore, record: Callable[..., None]
) -> None:
    record(note(), note(), note())
    found = list(without(store.entries(), {1}))
    assert [entry.payload is None for entry in found] == [False, True, False]
    assert [entry.salt is None for entry in found] == [False, True, False]
    assert [entry.leaf for entry in found] == [entry.leaf for entry in store.entries()]


# --- the ledger's files ------------------------------------------------------------------------


@pytest.fixture
def told(store: SqliteStore, record: Callable[..., None], mirror: Mirror) -> Mirror:
    """Ten notes in three pairs of files; the canary is in those of entries 1, 2 and 8."""
    record(*(note(f"{CANARY} {n}" if n in (1, 2, 8) else f"note {n}") for n in range(10)))
    mirror.catch_up(store)
    return mirror


def test_an_erased_payload_leaves_the_files_and_nothing_else_changes(told: Mirror) -> None:
    before = folder(told)
    assert told.erase({1, 2, 8}) == 3
    after = folder(told)
    assert not [name for name, data in after.items() if CANARY.encode() in data]
    assert payloads(told) == [n not in (1, 2, 8) for n in range(10)]
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"000001.payload.jsonl", "000003.payload.jsonl"} and before.keys() == after.keys()
    lines = after["000001.payload.jsonl"].splitlines()
    assert lines[1] == b'{"seq":1,"salt":null,"payload":null}'
    assert [lines[0], lines[3]] == [before["000001.payload.jsonl"].splitlines()[n] for n in (0, 3)]
    assert (told._folder / "000001.payload.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_is_erased_already_is_not_written_again(told: Mirror) -> None:
    told.erase({1})
    which = (told._folder / "000001.payload.jsonl").stat().st_ino
    assert told.erase({1}) == 0
    assert told.erase(()) == 0
    assert (told._folder / "000001.payload.jsonl").stat().st_ino == which


def test_an_erased_mirror_is_caught_up_as_ever(
    told: Mirror, store: SqliteStore, record: Callable[..., None]
) -> None:
    with store.transaction(NOON) as tx:
        tx.erase([1, 2, 8])
    told.erase({1, 2, 8})
    record(note("later"))
    assert told.catch_up(store) == 1
    assert list(told.read()) == list(store.entries())


def test_what_the_files_do_not_hold_yet_is_written_as_the_index_has_it(
    told: Mirror, store: SqliteStore, record: Callable[..., None]
) -> None:
    record(note(CANARY))
    with store.transaction(NOON) as tx:
        tx.erase([10])
    assert told.erase({10}) == 0
    told.catch_up(store)
    assert payloads(told)[10] is False


def test_half_a_line_that_a_crash_left_is_cut_lest_it_holds_what_is_erased(
    told: Mirror, store: SqliteStore
) -> None:
    path = told._folder / "000003.payload.jsonl"
    path.write_bytes(path.read_bytes() + b'{"seq":10,"salt":null,"payload":"' + CANARY.encode())
    told.erase({0})
    assert path.read_bytes().endswith(b"}\n")
    assert path.read_bytes().count(CANARY.encode()) == 1, "that of entry 8, which stays"


def test_the_new_name_of_a_file_is_durable_even_if_somebody_else_gave_it(
    told: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}")))
    for _ in range(2):  # who did it the first time may have died before
        told.erase({1})
        assert synced.pop() == str(told._folder)


def test_a_full_disk_leaves_the_files_as_they_were_and_the_next_attempt_goes_on(
    told: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = folder(told)
    with monkeypatch.context() as patched:
        patched.setattr(anew.Path, "rename", full)
        with pytest.raises(DiskFull, match="no room for the ledger's files"):
            told.erase({1})
    assert folder(told) == before
    assert told.erase({1}) == 1


def test_a_line_in_another_ones_place_is_refused_and_nothing_changes(told: Mirror) -> None:
    path = told._folder / "000001.payload.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], *lines[2:]]))
    before = folder(told)
    with pytest.raises(StoreDamaged, match=r"holds entry 2 in the place of entry 1.*verify"):
        told.erase({1})
    assert folder(told) == before


def test_who_reads_the_files_meanwhile_reads_every_entry_once(
    told: Mirror, store: SqliteStore, record: Callable[..., None]
) -> None:
    """The file of payloads becomes shorter, and longer again, under a reader that goes on where it stopped."""
    reader = told.walk()
    read = [next(reader) for _ in range(10)]
    with store.transaction(NOON) as tx:
        tx.erase([8, 9])
    told.erase({8, 9})
    record(note("later"), note("later still"))
    told.catch_up(store)
    read += list(reader)
    assert [entry if isinstance(entry, str) else entry.seq for entry in read] == list(range(12))
