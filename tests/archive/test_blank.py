"""Blanks: an erased message's bytes are gone from its volume, and everything else stays what and where it was."""

from __future__ import annotations

import errno
import io
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.archive import blank as blanks
from levelhead.archive.blank import BLANK_MAGIC, HEADER, blank_length, is_blank, parts, write_blank
from levelhead.archive.frames import Damage, Frame, Member
from levelhead.archive.volumes import Volumes
from levelhead.errors import DiskFull, ProgrammerError, StoreDamaged
from levelhead.raw import raw
from servers.requirements import require

BODIES = (b"one " * 40, os.urandom(9000), b"three " * 40, b"four " * 40)


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path / "archive" / "volumes")


def filled(volumes: Volumes, bodies: tuple[bytes, ...] = BODIES) -> tuple[Frame, ...]:
    first = volumes.end()[1]
    return volumes.append([(seq, raw(body)) for seq, body in enumerate(bodies, first + 1)])


def damage(volumes: Volumes, offset: int, data: bytes, number: int = 1) -> None:
    with volumes.path(number).open("r+b") as file:
        file.seek(offset)
        file.write(data)


# --- the form ----------------------------------------------------------------------------------


@given(length=st.integers(HEADER, 3000), most=st.integers(2 * HEADER, 700))
def test_a_blank_takes_exactly_the_room_that_it_is_to_take(length: int, most: int) -> None:
    found = parts(length, most)
    assert sum(found) == length
    assert all(HEADER <= part <= most for part in found)


def test_a_blank_of_more_than_four_gigabytes_is_several_skippable_frames_and_takes_no_room(
    tmp_path: Path,
) -> None:
    """No test reads so many zeros; that each of the headers is where the one before it says is enough."""
    length = 2**33 + 15
    with (tmp_path / "blank").open("w+b") as file:
        write_blank(file.fileno(), 0, length)
        at, seen = 0, 0
        while at < length:
            file.seek(at)
            head = file.read(HEADER)
            assert head[:4] == BLANK_MAGIC
            at, seen = at + HEADER + int.from_bytes(head[4:], "little"), seen + 1
        assert (at, seen, os.fstat(file.fileno()).st_size) == (length, 3, length)
        assert os.fstat(file.fileno()).st_blocks * 512 < 100_000


def test_a_blank_in_several_parts_is_one_blank(tmp_path: Path) -> None:
    with (tmp_path / "blank").open("w+b") as file:
        file.write(b"before")
        file.flush()
        write_blank(file.fileno(), 6, 1003, most=100)
        assert blank_length(file, 6) == 1003
        assert is_blank(file, 6, 1003)
        assert not is_blank(file, 6, 1002) and not is_blank(file, 6, 1004)
        assert blank_length(file, 0) == blank_length(file, 5) == blank_length(file, 2000) == 0


@pytest.mark.parametrize("length", [0, 7])
def test_a_blank_that_has_no_room_for_its_header_is_a_mistake(length: int) -> None:
    with pytest.raises(ProgrammerError, match="header"):
        parts(length)


def test_a_blank_is_never_written_over_something(tmp_path: Path) -> None:
    with (tmp_path / "volume").open("w+b") as file:
        file.write(b"secret" * 20)
        file.flush()
        with pytest.raises(ProgrammerError, match="has 120 bytes"):
            write_blank(file.fileno(), 100, 20)
        file.seek(0)
        assert file.read() == b"secret" * 20


@pytest.mark.parametrize("spoilt", [0, 3, 4, 7, 8, 40, 59])
def test_a_blank_that_holds_anything_but_zeros_is_none(spoilt: int) -> None:
    whole = BLANK_MAGIC + (52).to_bytes(4, "little") + bytes(52)
    assert blank_length(io.BytesIO(whole), 0) == 60
    data = bytearray(whole)
    data[spoilt] ^= 1
    assert not is_blank(io.BytesIO(bytes(data)), 0, 60)
    assert not is_blank(io.BytesIO(whole[:-1]), 0, 60)


# --- in a volume -------------------------------------------------------------------------------


def test_a_blanked_message_is_gone_and_no_other_byte_changes(volumes: Volumes) -> None:
    frames = filled(volumes)
    before = volumes.path(1).read_bytes()
    gone = frames[1]
    assert volumes.blank([gone]) == gone.length
    after = volumes.path(1).read_bytes()
    assert len(after) == len(before)
    assert after[: gone.offset] == before[: gone.offset]
    assert after[gone.end :] == before[gone.end :]
    assert after[gone.offset : gone.end].count(0) >= gone.length - HEADER
    assert volumes.path(1).stat().st_mode & 0o777 == 0o600
    for body, frame in zip(BODIES, frames, strict=True):
        if frame != gone:
            assert volumes.read(frame).read() == body


def test_what_is_blank_already_is_not_written_again(volumes: Volumes) -> None:
    frames = filled(volumes)
    volumes.blank(frames[1:3])
    which = volumes.path(1).stat().st_ino
    assert volumes.blank(frames[1:3]) == 0
    assert volumes.path(1).stat().st_ino == which
    assert volumes.blank(frames[1:]) == frames[3].length


def test_the_disk_gets_the_room_of_a_blank_back_and_a_second_erasure_does_not_take_it_again(
    volumes: Volumes,
) -> None:
    frames = filled(volumes, (os.urandom(1_000_000), b"small"))
    volumes.blank(frames[:1])
    assert volumes.path(1).stat().st_blocks * 512 < 100_000
    volumes.blank(frames)
    assert volumes.path(1).stat().st_blocks * 512 < 100_000
    assert volumes.path(1).stat().st_size == frames[-1].end


def test_tar_and_zstd_alone_read_over_blanks(volumes: Volumes, tmp_path: Path) -> None:
    require("tar", "tar")
    require("zstd", "zstd")
    frames = filled(volumes)
    volumes.blank([frames[0], frames[1], frames[3]])
    out = tmp_path / "out"
    out.mkdir()
    volume = str(volumes.path(1))
    for command in (["tar", "--zstd", "-xf", volume, "-C", str(out)], ["tar", "-xf", volume, "-C", str(out)]):
        subprocess.run(command, check=True)
        (only,) = out.iterdir()
        assert only.read_bytes() == BODIES[2]
        only.unlink()
    subprocess.run(["zstd", "-tq", volume], check=True)


def test_a_volume_whose_messages_are_all_blank_stays_and_grows_on(volumes: Volumes) -> None:
    volumes.blank(filled(volumes))
    assert volumes.numbers() == (1,)
    assert list(volumes.walk(1)) == []
    volumes.repair((1, 0), keep=(1, 0))
    assert volumes.numbers() == (1,)
    (frame,) = volumes.append([(9, raw(b"later"))])
    assert volumes.read(frame).read() == b"later"


def test_reading_an_erased_message_says_that_it_was_erased(volumes: Volumes) -> None:
    frames = filled(volumes)
    volumes.blank(frames[1:3])
    id = raw(BODIES[1]).digest
    said = f"volume 000001 at offset {frames[1].offset} was erased$"
    with pytest.raises(StoreDamaged, match=said):
        volumes.read(frames[1])
    with pytest.raises(StoreDamaged, match=said):
        volumes.read_checked(id, frames[1])
    with pytest.raises(StoreDamaged, match=f"{id[:12]} in {said}"):
        volumes.check(id, frames[1])


# --- walking and repairing ---------------------------------------------------------------------


def test_walking_steps_over_blanks(volumes: Volumes) -> None:
    frames = filled(volumes)
    volumes.blank([frames[0], frames[2], frames[3]])
    (only,) = volumes.walk(1)
    assert isinstance(only, Member) and only.frame == frames[1]
    assert list(volumes.scan(1, frames[2].offset)) == []


def test_a_blank_with_anything_but_zeros_inside_is_damage_and_what_follows_is_found(
    volumes: Volumes,
) -> None:
    frames = filled(volumes)
    volumes.blank([frames[1], frames[2]])
    damage(volumes, frames[1].offset + 100, b"x")
    first, broken, last = volumes.walk(1)
    assert isinstance(broken, Damage)
    assert (broken.offset, broken.length) == (frames[1].offset, frames[1].length)
    assert "no whole blank" in broken.why
    assert [one.frame for one in (first, last) if isinstance(one, Member)] == [frames[0], frames[3]]


def test_repair_neither_cuts_nor_adopts_nor_reports_a_blank(volumes: Volumes) -> None:
    frames = filled(volumes)
    volumes.blank(frames[2:])
    size = volumes.end()
    for keep in (None, (1, 0), (1, frames[1].end)):
        repair = volumes.repair((1, 0), keep=keep)
        assert [member.frame for member in repair.whole] == list(frames[:2])
        assert (repair.cut, repair.damaged, volumes.end()) == ((), (), size)


def test_a_torn_tail_behind_a_blank_is_cut_and_the_blank_is_not(volumes: Volumes) -> None:
    frames = filled(volumes)
    volumes.blank(frames[3:])
    end = volumes.end()
    (torn,) = volumes.append([(9, raw(os.urandom(500)))])
    os.truncate(volumes.path(1), torn.end - 1)
    repair = volumes.repair((1, 0), keep=(1, frames[2].end))
    assert [cut.offset for cut in repair.cut] == [end[1]]
    assert volumes.end() == end


# --- when it cannot be done --------------------------------------------------------------------


def test_a_full_disk_leaves_the_volume_as_it_was_and_the_next_attempt_goes_on(tmp_path: Path) -> None:
    full = False

    def write(handle: int, data: bytes) -> int:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(handle, data)

    volumes = Volumes(tmp_path / "archive" / "volumes", write=write)
    frames = filled(volumes)
    before = volumes.path(1).read_bytes()
    full = True
    with pytest.raises(DiskFull, match=r"000001\.tar\.zst anew.*levelhead erase --finish"):
        volumes.blank(frames[1:2])
    assert volumes.path(1).read_bytes() == before
    assert volumes.strangers() == ()
    full = False
    assert volumes.blank(frames[1:2]) == frames[1].length


def test_a_disk_that_cannot_sync_leaves_the_volume_as_it_was(tmp_path: Path) -> None:
    broken = False

    def sync(handle: int) -> None:
        if broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(handle)

    volumes = Volumes(tmp_path / "archive" / "volumes", sync=sync)
    frames = filled(volumes)
    before = volumes.path(1).read_bytes()
    broken = True
    with pytest.raises(OSError, match="Input/output"):
        volumes.blank(frames[1:2])
    assert volumes.path(1).read_bytes() == before
    assert volumes.strangers() == ()


def test_the_new_file_is_durable_before_it_takes_the_old_ones_place_and_its_name_afterwards(
    tmp_path: Path,
) -> None:
    synced: list[tuple[str, bool]] = []
    volume = tmp_path / "archive" / "volumes" / "000001.tar.zst"
    old = -1

    def sync(handle: int) -> None:
        os.fsync(handle)
        name = Path(os.readlink(f"/proc/self/fd/{handle}")).name
        synced.append((name, volume.exists() and volume.stat().st_ino == old))

    volumes = Volumes(tmp_path / "archive" / "volumes", sync=sync)
    frames = filled(volumes)
    old = volume.stat().st_ino
    synced.clear()
    volumes.blank(frames[:1])
    assert synced == [("000001.tar.zst.part", True), ("volumes", False)]
    synced.clear()
    volumes.blank(frames[:1])
    assert [name for name, _ in synced] == ["volumes"], "who did it may have died before its name was durable"


def test_what_a_crash_left_beside_a_volume_is_used_up_by_the_next_attempt(volumes: Volumes) -> None:
    frames = filled(volumes)
    (volumes.folder / "000001.tar.zst.part").write_bytes(b"half" * 9999)
    volumes.blank(frames[:1])
    assert volumes.strangers() == ()
    assert volumes.read(frames[3]).read() == BODIES[3]


def test_a_reader_that_has_the_old_file_open_reads_on(volumes: Volumes) -> None:
    frames = filled(volumes)
    with volumes.open(frames[1]) as stream:
        start = stream.read(10)
        volumes.blank(frames[1:2])
        assert start + stream.read() == BODIES[1]


def test_a_frame_that_the_file_ends_within_is_blank_to_its_own_end(volumes: Volumes) -> None:
    """What was left of the message goes, and the volume has its length again."""
    frames = filled(volumes)
    os.truncate(volumes.path(1), frames[3].offset + 20)
    volumes.blank([frames[3]])
    assert volumes.end() == (1, frames[3].end)
    assert list(volumes.walk(1, frames[2].end)) == []


def test_frames_that_are_not_there_are_passed_over(volumes: Volumes) -> None:
    frames = filled(volumes)
    os.truncate(volumes.path(1), frames[2].offset)
    beyond = Frame(volume=7, offset=0, length=99)
    assert volumes.blank([frames[3], beyond]) == 0
    assert volumes.end() == (1, frames[2].offset)


def test_messages_that_are_said_to_lie_over_each_other_are_refused(volumes: Volumes) -> None:
    frames = filled(volumes)
    before = volumes.path(1).read_bytes()
    over = Frame(volume=1, offset=frames[1].offset, length=frames[1].length + 1)
    with pytest.raises(StoreDamaged, match="lie over each other in volume 000001"):
        volumes.blank([over, frames[2]])
    assert volumes.path(1).read_bytes() == before


def test_messages_of_several_volumes_are_blanked_each_in_its_own(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path / "archive" / "volumes", roll_bytes=1)
    frames = [volumes.append([(seq, raw(body))])[0] for seq, body in enumerate(BODIES, 1)]
    assert volumes.blank([frames[2], frames[0]]) == frames[0].length + frames[2].length
    assert [list(volumes.scan(number)) == [] for number in volumes.numbers()] == [True, False, True, False]


def test_zeros_are_looked_at_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blanks, "_PIECE", 10)
    whole = BLANK_MAGIC + (52).to_bytes(4, "little") + bytes(52)
    assert blank_length(io.BytesIO(whole), 0) == 60
    assert blank_length(io.BytesIO(whole[:-1] + b"x"), 0) == 0
