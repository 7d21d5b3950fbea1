"""backup and restore: a copy made beside a daemon, brought up to date, checked byte by byte, and put back."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from levelhead.evidence import backup
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store


@pytest.fixture
def copy(levelhead, home: Path) -> Path:
    """A finished backup of the archive."""
    said = levelhead("backup", "copy", "--json")
    assert (said.status, said.err) == (0, "")
    return home / "copy"


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("lock", ".lock", "index.sqlite-shm", "index.sqlite-wal")
    }


# --- backup -------------------------------------------------------------------------------------


def test_a_backup_is_whole_and_its_digests_are_those_of_sha256sum(levelhead, copy: Path) -> None:
    said = levelhead("restore", "--check", copy, "--json")
    assert said.status == 0
    assert said.one["ok"] and said.one["messages"] == 5
    run = subprocess.run(
        ["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=copy, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_a_backup_is_recorded_with_the_size_and_root_of_what_it_holds(
    levelhead, copy: Path, home: Path
) -> None:
    about = json.loads((copy / "backup.json").read_text())
    store = open_store(home / "archive" / "index.sqlite", read_only=True)
    (entry, fact) = next(store.facts_about(kind="backup.made"))
    store.close()
    assert (fact.size, fact.root, fact.manifest) == (about["size"], about["root"], about["manifest"])
    assert entry.seq >= fact.size
    assert levelhead("verify").status == 0


def test_nobody_else_may_read_a_backup(copy: Path) -> None:
    assert not [path for path in (copy, *copy.rglob("*")) if path.stat().st_mode & 0o077]


def test_a_backup_is_an_archive_that_can_be_asked(levelhead, copy: Path, home: Path, letters) -> None:
    shutil.move(home / "archive", home / "away")
    shutil.copytree(copy, home / "archive")
    assert levelhead("show", letters.id(letters.hostile)[:12], "--raw").status == 0
    assert levelhead("verify").status == 0


def test_a_second_run_copies_only_what_is_new(levelhead, copy: Path, home: Path, letters) -> None:
    index = (copy / "index.sqlite").stat().st_size
    (home / "new.eml").write_bytes(letters.calm.replace(b"Friday's", b"Monday's"))
    levelhead("add", "new.eml")
    one = levelhead("backup", "copy", "--json").one
    assert one["messages"] == 6
    assert 0 < one["copied"] - index < one["bytes"] - index
    assert levelhead("restore", "--check", copy).status == 0


def test_a_second_run_mends_what_was_changed_in_the_copy(levelhead, copy: Path) -> None:
    (volume,) = copy.glob("volumes/*.tar.zst")
    data = bytearray(volume.read_bytes())
    data[200] ^= 1
    volume.write_bytes(data)
    assert levelhead("restore", "--check", copy).status == 1
    assert levelhead("backup", "copy").status == 0
    assert levelhead("restore", "--check", copy).status == 0


def test_a_backup_beside_a_writer_holds_what_its_index_tells_of_and_no_more(
    levelhead, home: Path, letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail that comes in while the files are copied is the next backup's."""
    written = []

    def and_meanwhile(archive, copy):
        if not written:
            written.append(home / "meanwhile.eml")
            written[0].write_bytes(letters.hostile.replace(b"WHERE", b"Where"))
            assert levelhead("add", written[0]).status == 0
        return volumes(archive, copy)

    volumes = backup._volumes
    monkeypatch.setattr(backup, "_volumes", and_meanwhile)
    one = levelhead("backup", "copy", "--json").one
    assert one["messages"] == 5
    assert levelhead("messages", "--json").lines[-1]["seq"] == 6
    assert levelhead("restore", "--check", "copy").status == 0


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def refused(levelhead, copy: Path) -> str:
    """What a run into `copy` says against it, when it changes nothing there."""
    before = files(copy)
    said = levelhead("backup", "copy")
    assert (said.status, said.out) == (1, "")
    assert files(copy) == before
    assert len(said.err.splitlines()) == 1
    assert "nothing was copied" in said.err and "levelhead verify" in said.err
    return said.err


def test_a_damaged_message_does_not_take_the_place_of_its_good_copy(
    levelhead, copy: Path, home: Path, letters
) -> None:
    store = open_store(home / "archive" / "index.sqlite", read_only=True)
    row = list(store.messages(MessageFilter()))[2]
    store.close()
    flip(home / "archive" / "volumes" / "000001.tar.zst", row.offset + row.length // 2)
    (home / "new.eml").write_bytes(letters.calm.replace(b"Friday's", b"Monday's"))
    assert levelhead("add", "new.eml").status == 0
    said = refused(levelhead, copy)
    assert f"the message {row.id[:12]} in volume 000001" in said
    assert "copy/volumes/000001.tar.zst is kept" in said


def test_a_lost_volume_does_not_take_its_copy_along(levelhead, copy: Path, home: Path) -> None:
    (home / "archive" / "volumes" / "000001.tar.zst").unlink()
    assert "the volume's file is missing" in refused(levelhead, copy)


def test_a_volume_that_was_cut_short_does_not_take_the_place_of_its_copy(
    levelhead, copy: Path, home: Path
) -> None:
    volume = home / "archive" / "volumes" / "000001.tar.zst"
    os.truncate(volume, volume.stat().st_size - 9)
    assert "in volume 000001 at offset" in refused(levelhead, copy)


def test_a_changed_payload_does_not_take_the_place_of_its_good_copy(
    levelhead, copy: Path, home: Path
) -> None:
    payloads = home / "archive" / "ledger" / "000001.payload.jsonl"
    lines = payloads.read_bytes().splitlines(keepends=True)
    payloads.write_bytes(b"".join(lines).replace(b"Harbour", b"Harbeur", 1))
    seq = next(i for i, line in enumerate(lines) if b"Harbour" in line)
    said = refused(levelhead, copy)
    assert f"entry {seq} is not the same in the ledger's files and in the index" in said
    assert "copy/ledger/000001.payload.jsonl is kept" in said


def test_an_unfinished_backup_keeps_its_good_copy_as_well(levelhead, copy: Path, home: Path) -> None:
    about = json.loads((copy / "backup.json").read_text())
    (copy / "backup.json").write_text(json.dumps(about | {"complete": False}))
    flip(home / "archive" / "volumes" / "000001.tar.zst", 900)
    before = files(copy)
    assert levelhead("backup", "copy").status == 1
    assert files(copy) == before


def test_an_erasure_explains_no_damage_to_a_message_that_it_does_not_name(
    levelhead, copy: Path, home: Path, letters
) -> None:
    hostile, living = letters.id(letters.hostile), letters.id(letters.calm)
    store = open_store(home / "archive" / "index.sqlite", read_only=True)
    row = store.message(living)
    store.close()
    erased = levelhead("erase", "Harbour Ltd", "--only", hostile, "--yes", "--why", "asked for")
    assert erased.status == 0
    at = row.offset + row.length // 2
    flip(home / "archive" / "volumes" / "000001.tar.zst", at)
    assert living[:12] in refused(levelhead, copy)
    flip(home / "archive" / "volumes" / "000001.tar.zst", at)
    assert levelhead("backup", "copy").status == 0, "an erasure alone is no damage"
    assert levelhead("restore", "--check", "copy").status == 0


def test_after_damage_verify_ends_with_where_to_read_on_but_not_in_its_json(levelhead, home: Path) -> None:
    assert "docs/how-to/backup.md" not in levelhead("verify").out
    flip(home / "archive" / "volumes" / "000001.tar.zst", 900)
    said = levelhead("verify")
    assert said.status == 1
    assert "docs/how-to/backup.md" in said.out.splitlines()[-1]
    assert "backup.md" not in levelhead("verify", "--json").out


def test_a_damaged_archive_is_whole_again_after_its_backup_was_put_back(
    levelhead, copy: Path, home: Path, letters
) -> None:
    """As the page on backups tells: the damaged archive is moved away, and newer mail is added again."""
    (home / "new.eml").write_bytes(letters.calm.replace(b"Friday's", b"Monday's"))
    assert levelhead("add", "new.eml").status == 0
    flip(home / "archive" / "volumes" / "000001.tar.zst", 900)
    refused(levelhead, copy)
    (home / "archive").rename(home / "damaged")
    aside = (home / "levelhead.toml").read_text().replace('path = "archive"', 'path = "damaged"')
    (home / "damaged.toml").write_text(aside)
    new = letters.id((home / "new.eml").read_bytes())
    assert levelhead("show", new, "--raw", "--config", "damaged.toml").status == 0
    assert levelhead("restore", "copy").status == 0
    assert levelhead("show", new, "--raw").status != 0
    assert levelhead("add", "new.eml").status == 0
    assert len(levelhead("messages", "--json").lines) == 6
    assert levelhead("verify").status == 0
    assert levelhead("backup", "copy").status == 0
    assert levelhead("restore", "--check", "copy").status == 0


@pytest.mark.parametrize("where", [".", "archive", "archive/copy"])
def test_a_backup_into_the_archive_or_around_it_is_refused(levelhead, home: Path, where: str) -> None:
    before = files(home / "archive")
    said = levelhead("backup", where)
    assert said.status == 2
    assert "lies in the archive or around it" in said.err
    assert files(home / "archive") == before


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(levelhead, home: Path) -> None:
    (home / "mine").mkdir()
    (home / "mine" / "notes.txt").write_text("mine")
    said = levelhead("backup", "mine")
    assert said.status == 2
    assert "neither empty nor a backup" in said.err
    assert files(home / "mine") == {"notes.txt": b"mine"}


def test_the_backup_of_another_archive_is_refused(levelhead, copy: Path, home: Path, letters) -> None:
    shutil.rmtree(home / "archive")
    (home / "one.eml").write_bytes(letters.calm)
    levelhead("add", "one.eml")
    before = files(copy)
    said = levelhead("backup", "copy")
    assert said.status == 2
    assert "another archive" in said.err
    assert files(copy) == before


def test_a_file_in_the_place_of_the_folder_is_told(levelhead, home: Path) -> None:
    (home / "file").write_text("")
    said = levelhead("backup", "file")
    assert said.status == 2
    assert said.err == f"{'file'} is a file; name a folder for the backup\n"


def test_a_full_disk_leaves_a_backup_that_says_that_it_is_not_finished_and_can_be_finished(
    levelhead, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(backup, "pour", full)
        said = levelhead("backup", "copy")
    assert said.status == 3
    assert "no room" in said.err and said.err.count("\n") == 1
    check = levelhead("restore", "--check", "copy")
    assert check.status == 1
    assert "not finished" in check.out
    assert levelhead("backup", "copy").status == 0
    assert levelhead("restore", "--check", "copy").status == 0


# --- restore ------------------------------------------------------------------------------------


def damage(copy: Path, what: str) -> str:
    """Spoil a backup; what the answer must name."""
    volume = next(copy.glob("volumes/*.tar.zst"))
    leaves = next(copy.glob("ledger/*1.jsonl"))
    match what:
        case "a flipped bit of a volume":
            data = bytearray(volume.read_bytes())
            data[-30] ^= 1
            volume.write_bytes(data)
            return volume.name
        case "a volume cut short":
            os.truncate(volume, volume.stat().st_size - 1)
            return volume.name
        case "a missing file":
            leaves.unlink()
            return leaves.name
        case "a strange file":
            (copy / "volumes" / "000009.tar.zst").write_bytes(b"x")
            return "000009.tar.zst"
        case "a flipped bit of the index":
            data = bytearray((copy / "index.sqlite").read_bytes())
            data[5000] ^= 1
            (copy / "index.sqlite").write_bytes(data)
            return "index.sqlite"
        case "a line of the manifest":
            lines = (copy / "SHA256SUMS").read_text().splitlines(keepends=True)
            (copy / "SHA256SUMS").write_text("".join(lines[1:]))
            return "SHA256SUMS"
        case "a changed file with a manifest to match":
            sums = copy / "SHA256SUMS"
            old = hashlib.sha256(volume.read_bytes()).hexdigest()
            data = bytearray(volume.read_bytes())
            data[-30] ^= 1
            volume.write_bytes(data)
            sums.write_text(sums.read_text().replace(old, hashlib.sha256(data).hexdigest()))
            about = json.loads((copy / "backup.json").read_text())
            about["manifest"] = hashlib.sha256(sums.read_bytes()).hexdigest()
            (copy / "backup.json").write_text(json.dumps(about))
            return "message"  # the ledger in the copy tells what the manifest does not
    raise AssertionError(what)


@pytest.mark.parametrize(
    "what",
    [
        "a flipped bit of a volume",
        "a volume cut short",
        "a missing file",
        "a strange file",
        "a flipped bit of the index",
        "a line of the manifest",
        "a changed file with a manifest to match",
    ],
)
def test_a_spoilt_backup_is_named_and_nothing_is_put_back(
    levelhead, copy: Path, home: Path, what: str
) -> None:
    named = damage(copy, what)
    said = levelhead("restore", "--check", copy, "--json")
    assert said.status == 1
    assert not said.one["ok"]
    assert any(named in problem for problem in said.one["problems"]), said.one["problems"]
    shutil.rmtree(home / "archive")
    said = levelhead("restore", copy)
    assert said.status == 1
    assert "nothing was put back" in said.out
    assert not (home / "archive").exists() and not (home / "archive.part").exists()


def test_a_lost_archive_is_put_back_byte_for_byte(levelhead, copy: Path, home: Path, letters) -> None:
    shutil.rmtree(home / "archive")
    said = levelhead("restore", copy, "--json")
    assert said.status == 0
    assert said.one["restored"] == str(home / "archive")
    there = files(home / "archive")
    assert there == {
        name: data for name, data in files(copy).items() if name not in ("backup.json", "SHA256SUMS")
    }
    assert levelhead("verify", "--deep").status == 0
    assert len(levelhead("messages", "--json").lines) == 5
    assert levelhead("mark", letters.id(letters.calm)[:12], "tense").status == 0


@pytest.mark.parametrize("marks", [0, 20])
def test_an_archive_put_back_from_an_older_backup_does_not_cut_a_newer_one_back(
    levelhead, copy: Path, home: Path, letters, marks: int
) -> None:
    later = letters.calm.replace(b"Subject: ", b"Subject: Once more: ")
    assert levelhead("add", "-", stdin=later).status == 0
    assert levelhead("backup", "friday").status == 0
    newer = files(home / "friday")
    shutil.rmtree(home / "archive")
    assert levelhead("restore", copy).status == 0
    for turn in range(marks):  # it may have become longer than the newer backup meanwhile
        assert levelhead("mark", letters.id(letters.calm)[:12], ("tense", "calm")[turn % 2]).status == 0
    said = levelhead("backup", "friday")
    assert said.status == 2 and "holds entries that this archive does not have" in said.err
    assert files(home / "friday") == newer
    assert levelhead("restore", "--check", "friday").status == 0
    assert levelhead("backup", copy).status == 0


def test_a_backup_is_put_back_over_no_archive(levelhead, copy: Path, home: Path) -> None:
    before = files(home / "archive")
    said = levelhead("restore", copy)
    assert said.status == 2
    assert "move what is there away" in said.err
    assert files(home / "archive") == before


def test_what_changes_while_it_is_put_back_leaves_nothing_half_made(
    levelhead, copy: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def and_then_it_changes(folder: Path) -> dict[str, str]:
        return {name: "0" * 64 if "volumes" in name else digest for name, digest in read(folder).items()}

    shutil.rmtree(home / "archive")
    read = backup.read_sums
    monkeypatch.setattr(backup, "differences", lambda folder: iter(()))
    monkeypatch.setattr(backup, "read_sums", and_then_it_changes)
    said = levelhead("restore", copy)
    assert said.status == 1
    assert "nothing was put back" in said.err
    assert not (home / "archive").exists() and not (home / "archive.part").exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "./x"])
def test_a_manifest_that_leads_out_of_the_folder_is_refused(levelhead, copy: Path, name: str) -> None:
    with (copy / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  {name}\n")
    with pytest.raises(backup.StoreDamaged, match="no digest and name"):
        backup.read_sums(copy)


def test_what_is_no_backup_is_told(levelhead, home: Path) -> None:
    said = levelhead("restore", "--check", home / "archive")
    assert said.status == 2
    assert "is no backup" in said.err


def test_a_backup_of_a_newer_levelhead_is_refused(levelhead, copy: Path) -> None:
    about = json.loads((copy / "backup.json").read_text()) | {"schema": 9}
    (copy / "backup.json").write_text(json.dumps(about))
    said = levelhead("restore", "--check", copy)
    assert said.status == 2
    assert "newer levelhead" in said.err
