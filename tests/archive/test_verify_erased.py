"""Verify after an erasure: what is gone rightly is no finding, and everything else that is gone or still there is."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archive import erasing
from levelhead.archive.erased import erased, numbers
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.quick import verify_quick
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import Report, verify
from levelhead.archive.volumes import Volumes
from levelhead.facts import CaseHeld, ErasureFinished, FramePart, MessagesErased
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store

Archive = Any
MOMENT = datetime(2026, 11, 20, 17, tzinfo=UTC)
FINISH = "levelhead erase --finish"


@pytest.fixture
def filled(archive: Archive, mail: Any, arrival: Any) -> Archive:
    """Four messages, all of them seen in a folder."""
    archive.recorder.record(
        [arrival(mail(f"canary {n}", message_id=f"<{n}@x>", body=f"body {n} " * 20), n) for n in range(1, 5)]
    )
    return archive


def rows(archive: Archive) -> Any:
    return tuple(archive.store.messages(MessageFilter()))


@pytest.fixture
def without_two(filled: Archive) -> Archive:
    """The second and the last of them are erased."""
    _, second, _, last = rows(filled)
    erasing.erase(filled, second, last)
    return filled


def quick(archive: Archive, *, index: bool = True) -> Report:
    return verify_quick(archive.store if index else None, archive.mirror)


def without_index(archive: Archive) -> Report:
    return verify(None, archive.volumes, archive.mirror, parse_many=one_by_one(parse), open_store=open_store)


def sql(archive: Archive, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(archive.path / "index.sqlite", isolation_level=None)
    connection.execute(statement, values)
    connection.close()


def all_of(report: Report) -> list[str]:
    return [*report.damaged, *report.missing, *report.unexplained]


def the_fact(archive: Archive) -> tuple[int, MessagesErased]:
    ((seq, fact),) = erased(archive.store).all
    return seq, fact


# --- right -------------------------------------------------------------------------------------


def test_an_archive_without_its_erased_messages_is_whole(without_two: Archive) -> None:
    report = without_two.verify(deep=True)
    assert all_of(report) == []
    assert (report.ok, report.checked) == (True, 2)
    assert all_of(quick(without_two)) == []
    assert all_of(without_index(without_two)) == []
    assert all_of(quick(without_two, index=False)) == []
    assert any(entry.payload is None for entry in without_two.store.entries())


def test_nothing_of_an_erased_message_is_left_in_volumes_and_ledger(
    without_two: Archive, tmp_path: Path
) -> None:
    files = [path for part in ("volumes", "ledger") for path in (without_two.path / part).iterdir()]
    everything = b"".join(path.read_bytes() for path in files)
    volume = Volumes(without_two.path / "volumes")
    everything += b"".join(volume.read(member.frame).read() for member in volume.scan(1))
    for number, there in ((1, True), (2, False), (3, True), (4, False)):
        assert (b"body %d " % number in everything) is there
    gone = [frame for _, fact in erased(without_two.store).all for frame in fact.frames]
    data = volume.path(1).read_bytes()
    assert all(set(data[one.offset + 8 : one.offset + one.length]) == {0} for one in gone)


def test_an_archive_whose_messages_are_all_erased_is_whole(filled: Archive) -> None:
    erasing.erase(filled, *rows(filled))
    assert all_of(filled.verify(deep=True)) == []


def test_what_comes_after_an_erasure_is_whole_too(without_two: Archive, mail: Any, arrival: Any) -> None:
    without_two.recorder.record([arrival(mail("later"), 9)])
    assert all_of(without_two.verify(deep=True)) == []
    first, *_ = rows(without_two)
    erasing.erase(without_two, first)
    assert all_of(without_two.verify(deep=True)) == []
    assert all_of(quick(without_two)) == []


def test_a_read_only_copy_of_an_archive_with_erasures_is_whole(without_two: Archive, tmp_path: Path) -> None:
    without_two.store.compact()
    shutil.copytree(without_two.path, tmp_path / "copy")
    store = open_store(tmp_path / "copy" / "index.sqlite", read_only=True)
    volumes, mirror = Volumes(tmp_path / "copy" / "volumes"), Mirror(tmp_path / "copy" / "ledger")
    report = verify(store, volumes, mirror, parse_many=one_by_one(parse), open_store=open_store, deep=True)
    store.close()
    assert all_of(report) == []


# --- broken off --------------------------------------------------------------------------------


@pytest.mark.parametrize("done", [(), (0,), (1,), (0, 1)])
def test_an_erasure_that_was_broken_off_is_named_with_what_is_left_of_it(
    filled: Archive, done: tuple[int, ...]
) -> None:
    erasing.decide(filled, *rows(filled)[1:3])
    for step in done:
        erasing.STEPS[step](filled)
    seq, fact = the_fact(filled)
    first, *more = numbers(fact.entries)
    open_, left, whole = (
        f"the erasure in entry {seq} is not finished, so that something of what it erased may still be in the archive;"
        f" {FINISH} finishes it",
        f"the payload of entry {first} and {len(more)} more are still in the ledger's files after the erasure in entry"
        f" {seq}; {FINISH} takes it out",
        f"2 of 2 messages that the erasure in entry {seq} erased still lie in their volumes, the first in volume 000001"
        f" at offset {fact.frames[0].offset}; {FINISH} takes it out",
    )
    in_files = [] if 0 in done else [left]
    in_volumes = [] if 1 in done else [whole]
    assert sorted(all_of(filled.verify(deep=True))) == sorted([open_, *in_files, *in_volumes])
    assert sorted(all_of(without_index(filled))) == sorted([open_, *in_files, *in_volumes])
    assert sorted(all_of(quick(filled))) == sorted([open_, *in_files])
    assert sorted(all_of(quick(filled, index=False))) == sorted([open_, *in_files])
    for step in erasing.STEPS:
        step(filled)
    assert all_of(filled.verify(deep=True)) == []


def test_a_payload_that_came_back_into_the_index_is_named(filled: Archive) -> None:
    before = list(filled.store.entries())
    erasing.erase(filled, *rows(filled)[1:2])
    seq, fact = the_fact(filled)
    one = before[next(numbers(fact.entries))]
    sql(
        filled,
        "UPDATE payload SET salt = ?, payload = ? WHERE seq = ?",
        one.salt,
        one.payload,
        one.seq,
    )
    said = f"the payload of entry {one.seq} is still in the index after the erasure in entry {seq}; {FINISH}"
    for report in (filled.verify(), quick(filled)):
        assert [problem for problem in report.unexplained if problem.startswith(said)], all_of(report)
        assert f"entry {one.seq} is not the same in the mirror and in the index" in report.damaged


# --- wrong -------------------------------------------------------------------------------------


def test_a_payload_that_no_erasure_names_is_missed(without_two: Archive) -> None:
    kept = next(e.seq for e in without_two.store.entries(1) if e.payload is not None)
    with without_two.store.transaction(MOMENT) as tx:
        tx.erase([kept])
    without_two.mirror.erase({kept})
    for report in (without_two.verify(), quick(without_two), without_index(without_two)):
        assert [one for one in report.missing if f"the payload of entry {kept} (" in one]


def test_an_erasure_without_its_fact_leaves_its_payloads_missed(without_two: Archive) -> None:
    """Whoever erases the trace of erasing is seen."""
    seq, fact = the_fact(without_two)
    with without_two.store.transaction(MOMENT) as tx:
        tx.erase([seq])
    without_two.mirror.erase({seq})
    for report in (without_two.verify(), quick(without_two)):
        missed = [one for one in report.missing if "was taken out of the ledger" in one]
        assert len(missed) == 1 + len(list(numbers(fact.entries)))
        assert f"the payload of entry {seq} (messages.erased) was taken out of the ledger" in missed
    assert any("no message accounts for" in one for one in without_two.verify().unexplained)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("case", " (case.held), which nobody may erase"),
        ("erasure", " (messages.erased), which nobody may erase"),
        ("later", ", which is not before it"),
    ],
)
def test_an_erasure_of_what_nobody_may_erase_is_named(
    without_two: Archive, entry: str, sentence: str
) -> None:
    seq, fact = the_fact(without_two)
    held = CaseHeld(
        case="1 O 12/26", client="Acme", since=None, until=None, why="suit", actor="me", held_at=MOMENT
    )
    with without_two.store.transaction(MOMENT) as tx:
        tx.record(held)
    case = without_two.store.ledger_size() - 1
    named = {"case": case, "erasure": seq, "later": case + 2}[entry]
    with without_two.store.transaction(MOMENT) as tx:
        tx.record(replace(fact, entries=(str(named),), frames=()))
    if entry != "later":
        with without_two.store.transaction(MOMENT) as tx:
            tx.erase([named])
        without_two.mirror.erase({named})
    without_two.mirror.catch_up(without_two.store)
    said = f"the erasure in entry {case + 1} names entry {named}{sentence}"
    for report in (without_two.verify(), quick(without_two), without_index(without_two)):
        assert said in report.damaged, all_of(report)


def test_an_erasure_that_another_one_names_is_believed_all_the_same(without_two: Archive) -> None:
    seq, fact = the_fact(without_two)
    with without_two.store.transaction(MOMENT) as tx:
        tx.record(replace(fact, entries=(str(seq),), frames=()))
    without_two.mirror.catch_up(without_two.store)
    last = without_two.store.ledger_size() - 1
    said = f"the erasure in entry {last} names entry {seq} (messages.erased), which nobody may erase"
    for report in (without_two.verify(), quick(without_two), without_index(without_two)):
        assert all_of(report) == [said]


def test_a_blank_that_was_filled_again_is_named(without_two: Archive) -> None:
    seq, fact = the_fact(without_two)
    with without_two.volumes.path(1).open("r+b") as file:
        file.seek(fact.frames[0].offset + 20)
        file.write(b"hidden")
    for deep in (False, True):
        (said,) = without_two.verify(deep=deep).damaged
        assert f"bytes at offset {fact.frames[0].offset}, where a message lay" in said
        assert f"the erasure in entry {seq} erased, and they are neither blank" in said


def test_a_blank_that_nobody_tells_of_is_unexplained(filled: Archive) -> None:
    """A message that is only blanked is missed, and so are bytes that no message accounts for."""
    row = rows(filled)[1]
    filled.volumes.blank([row])
    (said,) = filled.verify().damaged
    assert f"{row.id[:12]} in volume 000001 at offset {row.offset} was erased" in said
    with filled.volumes.path(1).open("ab") as file:
        file.write(b"\x50\x2a\x4d\x18\x04\0\0\0\0\0\0\0")
    end = filled.volumes.end()[1] - 12
    (said,) = filled.verify(deep=True).unexplained
    assert said == f"volume 000001 has 12 bytes at offset {end} that no message accounts for"


def test_an_erasure_that_names_the_place_of_a_message_which_is_there_is_named(without_two: Archive) -> None:
    row, *_ = rows(without_two)
    _, fact = the_fact(without_two)
    place = FramePart(volume=row.volume, offset=row.offset, length=row.length)
    with without_two.store.transaction(MOMENT) as tx:
        tx.record(replace(fact, entries=(), frames=(place,)))
    without_two.mirror.catch_up(without_two.store)
    last = without_two.store.ledger_size() - 1
    said = f"the erasure in entry {last} names the place of message {row.id[:12]}, which the ledger still tells of"
    assert said in without_two.verify().damaged


def test_a_volume_that_ends_before_its_blanks_do_is_named(without_two: Archive) -> None:
    size = without_two.volumes.end()[1]
    with without_two.volumes.path(1).open("r+b") as file:
        file.truncate(size - 10)
    report = without_two.verify()
    assert all_of(report) == ["volume 000001 ends 10 bytes before its last message does"]


def test_a_volume_of_blanks_that_is_gone_is_missed(filled: Archive) -> None:
    erasing.erase(filled, *rows(filled))
    filled.volumes.path(1).unlink()
    assert all_of(filled.verify()) == ["volume 000001, where erased messages lay, is missing"]


def test_an_erasure_that_is_said_to_be_finished_and_never_was_is_named(filled: Archive) -> None:
    with filled.store.transaction(MOMENT) as tx:
        tx.record(ErasureFinished(entry=0))
    filled.mirror.catch_up(filled.store)
    for report in (filled.verify(), quick(filled)):
        assert any("says that the erasure of entry 0 is finished" in one for one in report.damaged)


def test_a_payload_that_only_the_files_have_is_another_difference_without_an_erasure(
    filled: Archive,
) -> None:
    with filled.store.transaction(MOMENT) as tx:
        tx.erase([2])
    for report in (filled.verify(), quick(filled)):
        assert "entry 2 is not the same in the mirror and in the index" in report.damaged


# --- meanwhile ---------------------------------------------------------------------------------


def test_an_erasure_that_comes_meanwhile_is_no_finding(filled: Archive) -> None:
    """What was played before it is played anew without what it took."""
    read = filled.volumes.check
    asked: list[str] = []

    def check(id: str, *rest: Any) -> None:
        asked.append(id)
        if len(asked) == 3:
            erasing.erase(filled, *rows(filled)[:2])
        read(id, *rest)

    filled.volumes.check = check
    report = filled.verify()
    assert all_of(report) == []
    assert report.checked == 2


def test_an_erasure_that_comes_while_the_ledger_alone_is_read_is_no_finding(
    filled: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levelhead.store.sqlite.PAGE", 1)
    entries: Callable[..., Any] = filled.store.entries
    asked: list[int] = []

    def slowly(*span: Any) -> Any:
        asked.append(1)
        for entry in entries(*span):
            if len(asked) == 1 and entry.seq == 2:
                asked.append(2)
                erasing.erase(filled, *rows(filled)[:2])
            yield entry

    monkeypatch.setattr(filled.store, "entries", slowly)
    assert all_of(quick(filled)) == []
    assert len(erased(filled.store).all) == 1


@pytest.mark.parametrize("folder", ["volumes", "ledger"])
def test_a_file_that_is_just_being_written_anew_is_not_strange_and_one_that_stays_is(
    filled: Archive, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    half = filled.path / folder / "000001.part"
    half.write_bytes(b"half")
    name = f"the file 000001.part in the folder of the {folder} is not one of ours"
    assert all_of(filled.verify()) == [name]

    def waited(*rest: Any, **more: Any) -> None:
        half.unlink(missing_ok=True)

    module = "levelhead.archive.volumes" if folder == "volumes" else "levelhead.archive.mirror"
    monkeypatch.setattr(f"{module}.wait_for", waited)
    assert all_of(filled.verify()) == []
