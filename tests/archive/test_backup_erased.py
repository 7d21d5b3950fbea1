"""A backup of an archive with erasures: whole, and brought up to date without what was erased."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from archive import erasing
from levelhead.archive.erased import erased
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.archive.volumes import Volumes
from levelhead.errors import StoreDamaged, Unavailable
from levelhead.evidence import backup, kept
from levelhead.evidence.backup import BackedUp, back_up, differences
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store

Archive = Any
CANARY = "pathetic excuses"


@pytest.fixture
def filled(archive: Archive, mail: Any, arrival: Any) -> Archive:
    """Four messages; the canary is in the second and the last, in bytes that do not compress away."""
    bodies = (f"{n} {CANARY if n in (2, 4) else 'calm'} {os.urandom(300).hex()}" for n in range(1, 5))
    archive.recorder.record(
        [
            arrival(mail(f"Subject {n} {CANARY if n in (2, 4) else ''}", message_id=f"<{n}@x>", body=body), n)
            for n, body in enumerate(bodies, 1)
        ]
    )
    return archive


def rows(archive: Archive) -> Any:
    return tuple(archive.store.messages(MessageFilter()))


def copied(archive: Archive, out: Path) -> BackedUp:
    return back_up(archive.path, archive.store, out, now=archive.clock.now(), open_copy=open_store)


def problems(out: Path) -> list[str]:
    """What `restore --check` would say."""
    store = open_store(out / "index.sqlite", read_only=True)
    try:
        report = verify(
            store,
            Volumes(out / "volumes"),
            Mirror(out / "ledger"),
            parse_many=one_by_one(parse),
            open_store=open_store,
            deep=True,
        )
    finally:
        store.close()
    return [*differences(out), *report.damaged, *report.missing, *report.unexplained]


def plain(out: Path) -> bytes:
    """Every byte of a backup, and what its volumes hold when they are unpacked."""
    volumes = Volumes(out / "volumes")
    messages = [
        volumes.read(member.frame).read() for number in volumes.numbers() for member in volumes.scan(number)
    ]
    return b"".join(messages) + b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())


def test_a_backup_that_is_brought_up_to_date_does_not_hold_erased_messages_any_more(
    filled: Archive, tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    copied(filled, out)
    assert CANARY.encode() in plain(out)
    _, second, _, last = rows(filled)
    compressed = [
        Volumes(out / "volumes").path(1).read_bytes()[r.offset + 200 : r.offset + 260] for r in (second, last)
    ]
    assert all(piece in plain(out) for piece in compressed)
    erasing.erase(filled, second, last)
    filled.store.compact()
    made = copied(filled, out)
    assert made.messages == 2
    assert CANARY.encode() not in plain(out)
    assert not [piece for piece in compressed if piece in plain(out)]
    assert problems(out) == []


def test_a_second_run_after_an_erasure_copies_nothing_again(filled: Archive, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    erasing.erase(filled, rows(filled)[3])
    copied(filled, out)
    assert copied(filled, out).copied == (out / "index.sqlite").stat().st_size


def test_volumes_of_nothing_but_blanks_are_part_of_a_backup(filled: Archive, tmp_path: Path) -> None:
    erasing.erase(filled, *rows(filled))
    copied(filled, tmp_path / "copy")
    assert problems(tmp_path / "copy") == []
    assert Volumes(tmp_path / "copy" / "volumes").end() == filled.volumes.end()


def test_a_backup_of_an_unfinished_erasure_says_so_when_it_is_looked_at(
    filled: Archive, tmp_path: Path
) -> None:
    erasing.decide(filled, rows(filled)[1])
    copied(filled, tmp_path / "copy")
    found = problems(tmp_path / "copy")
    assert len(found) == 3
    assert all("levelhead erase --finish" in one for one in found)


def test_an_erasure_that_comes_meanwhile_is_in_the_backup(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the index in the copy would tell of a message that its volume has not."""
    copy_volumes, meanwhile = backup._volumes, [rows(filled)[1], rows(filled)[3]]

    def slowly(*what: Any) -> Any:
        if meanwhile:
            erasing.erase(filled, meanwhile.pop())
        yield from copy_volumes(*what)

    monkeypatch.setattr(backup, "_volumes", slowly)
    assert copied(filled, tmp_path / "copy").messages == 2
    assert problems(tmp_path / "copy") == []


def test_an_erasure_that_makes_a_file_shorter_meanwhile_is_no_damage(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring, meanwhile = backup._bring, [rows(filled)[1]]

    def slowly(*what: Any) -> int:
        if meanwhile:
            erasing.erase(filled, meanwhile.pop())
        return bring(*what)

    monkeypatch.setattr(backup, "_bring", slowly)
    assert copied(filled, tmp_path / "copy").messages == 3
    assert problems(tmp_path / "copy") == []


def test_an_erasure_between_the_comparison_and_the_copy_leaves_nothing_of_it_in_the_backup(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "copy"
    copied(filled, out)
    compare, meanwhile = backup.standing, [rows(filled)[1], rows(filled)[3]]

    def then_erased(*what: Any) -> Any:
        stands = compare(*what)
        if meanwhile:
            assert stands.lengths
            erasing.erase(filled, *meanwhile)
            filled.store.compact()
            meanwhile.clear()
        return stands

    monkeypatch.setattr(backup, "standing", then_erased)
    assert copied(filled, out).messages == 2
    assert CANARY.encode() not in plain(out) and problems(out) == []


def test_while_an_erasure_is_under_way_no_file_is_believed_to_stay_as_it_is(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "copy"
    copied(filled, out)
    erasing.decide(filled, rows(filled)[1])
    bring, starts = backup._bring, list[int]()

    def counted(piece: Any, target: Path, start: int) -> int:
        starts.append(start)
        return bring(piece, target, start)

    monkeypatch.setattr(backup, "_bring", counted)
    copied(filled, out)
    assert starts == [0, 0, 0]


def test_an_update_compares_each_byte_once_and_tells_once_that_all_is_done(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mail: Any, arrival: Any
) -> None:
    out, told = tmp_path / "copy", list[tuple[int, int]]()
    copied(filled, out)
    filled.recorder.record([arrival(mail("Another"), 5)])
    filled.mirror.catch_up(filled.store)
    hashed, hash_of = [], kept.hash_of

    def counted(source: Any, length: int) -> str:
        hashed.append(source.name)
        return hash_of(source, length)

    monkeypatch.setattr(kept, "hash_of", counted)
    monkeypatch.setattr(kept, "_differing", None)
    back_up(
        filled.path,
        filled.store,
        out,
        now=filled.clock.now(),
        open_copy=open_store,
        progress=lambda done, of: told.append((done, of)),
    )
    assert len(hashed) == len(set(hashed)) == 3, "a volume and two files of the ledger"
    shares = [done / of for done, of in told]
    assert shares == sorted(shares) and shares.count(1.0) == 1 and shares[-1] == 1.0
    assert problems(out) == []


def test_a_file_that_is_too_short_without_an_erasure_is_damage_as_ever(
    filled: Archive, tmp_path: Path
) -> None:
    os.truncate(filled.volumes.path(1), rows(filled)[3].offset)
    with pytest.raises(StoreDamaged, match="bytes before its last message does"):
        copied(filled, tmp_path / "copy")


def test_a_backup_that_erasures_overtake_without_end_is_not_finished_and_says_so(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_STARTS", 2)
    copy_volumes, meanwhile = backup._volumes, list(rows(filled))

    def slowly(*what: Any) -> Any:
        erasing.erase(filled, meanwhile.pop())
        yield from copy_volumes(*what)

    monkeypatch.setattr(backup, "_volumes", slowly)
    with pytest.raises(Unavailable, match=r"messages are being erased.*run it again"):
        copied(filled, tmp_path / "copy")
    assert "was not finished" in next(differences(tmp_path / "copy"))
    assert len(erased(filled.store).all) == 2
