"""Volumes: what was acknowledged can be read back whole, whatever happens to the file's end."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import subprocess
import sys
import tarfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from levelhead.archive.frames import Damage, Frame, Member, Stamp, member_name
from levelhead.archive.volumes import Volumes
from levelhead.errors import DiskFull, ProgrammerError, StoreDamaged
from levelhead.raw import Raw, raw
from servers.requirements import require

SMALL = (b"", b"From: a@example.org\r\n\r\nhello\r\n", b"x" * 512, os.urandom(700), b"\x28\xb5\x2f\xfd" * 9)


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path / "archive" / "volumes")


def filled(volumes: Volumes, bodies: tuple[bytes, ...] = SMALL) -> tuple[Frame, ...]:
    return volumes.append([(seq, raw(body)) for seq, body in enumerate(bodies, 1)])


def large(tmp_path: Path, size: int) -> Raw:
    import hashlib

    path = tmp_path / "large.bin"
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        for _ in range(size // 1_000_000):
            piece = os.urandom(500_000) * 2
            digest.update(piece)
            stream.write(piece)
    return Raw(digest=digest.hexdigest(), size=path.stat().st_size, path=path)


def test_every_message_comes_back_byte_for_byte_by_one_seek(volumes: Volumes) -> None:
    frames = filled(volumes)
    for body, frame in reversed(list(zip(SMALL, frames, strict=True))):
        assert volumes.read(frame).read() == body
        assert volumes.read_checked(raw(body).digest, frame).read() == body
        with volumes.open(frame) as stream:
            assert stream.read() == body


def test_frames_follow_each_other_without_a_gap(volumes: Volumes) -> None:
    frames = filled(volumes) + volumes.append([(6, raw(b"later"))])
    assert [frame.offset for frame in frames[1:]] == [frame.end for frame in frames[:-1]]
    assert volumes.end() == (1, frames[-1].end)


def test_files_are_for_their_owner_alone(volumes: Volumes) -> None:
    old = os.umask(0)
    try:
        filled(volumes)
    finally:
        os.umask(old)
    assert volumes.folder.stat().st_mode & 0o777 == 0o700
    assert volumes.path(1).stat().st_mode & 0o777 == 0o600


def test_every_frame_says_its_size_and_carries_a_checksum(volumes: Volumes) -> None:
    data = bytearray()
    for frame in filled(volumes):
        data = volumes.path(1).read_bytes()[frame.offset : frame.end]
        parameters = zstandard.get_frame_parameters(data)
        assert parameters.has_checksum
        assert parameters.content_size % 512 == 0


def test_a_decompressed_volume_is_an_ordinary_tar(volumes: Volumes) -> None:
    filled(volumes)
    with volumes.path(1).open("rb") as stream:
        reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        archive = tarfile.open(fileobj=io.BytesIO(reader.read()))  # noqa: SIM115
    found = [(member.name, archive.extractfile(member)) for member in archive]
    assert [name for name, _ in found] == [
        member_name(n, raw(body).digest) for n, body in enumerate(SMALL, 1)
    ]
    assert [stream.read() for _, stream in found if stream] == list(SMALL)


def test_tar_and_zstd_alone_get_everything_out(volumes: Volumes, tmp_path: Path) -> None:
    require("tar", "tar")
    require("zstd", "zstd")
    filled(volumes)
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "--zstd", "-xf", volumes.path(1), "-C", out], check=True)
    assert [path.read_bytes() for path in sorted(out.iterdir())] == list(SMALL)
    subprocess.run(["zstd", "-tq", volumes.path(1)], check=True)


def test_tar_gets_a_message_out_that_is_doubted(volumes: Volumes, tmp_path: Path) -> None:
    require("tar", "tar")
    require("zstd", "zstd")
    volumes.append([(1, raw(b"a"))], stamps=[Stamp(doubts=("size-mismatch",))])
    listed = subprocess.run(
        ["tar", "--zstd", "-tvf", volumes.path(1)], check=True, capture_output=True
    ).stdout
    assert b"/size-mismatch " in listed
    subprocess.run(["tar", "--zstd", "-xf", volumes.path(1), "-C", tmp_path], check=True)
    assert [path.read_bytes() for path in tmp_path.glob("*.eml")] == [b"a"]


def test_doubts_that_have_no_room_are_a_mistake_and_write_nothing(volumes: Volumes) -> None:
    with pytest.raises(ProgrammerError, match="no room"):
        volumes.append([(1, raw(b"a"))], stamps=[Stamp(doubts=("x" * 16, "y" * 15))])
    assert list(volumes.numbers()) == []


def test_a_volume_remembers_time_history_and_doubts_of_a_message(volumes: Volumes) -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)
    ancient = datetime(1950, 1, 1, tzinfo=UTC)
    stamps = [Stamp(received_at=moment, history=True), Stamp(doubts=("a-b", "c")), Stamp(received_at=ancient)]
    volumes.append([(1, raw(b"a")), (2, raw(b"b")), (3, raw(b"c"))], stamps=stamps)
    found = [member.stamp for member in volumes.scan(1)]
    assert found == [
        Stamp(received_at=moment.replace(microsecond=0), history=True),
        Stamp(doubts=("a-b", "c")),
        Stamp(),
    ]
    with pytest.raises(ProgrammerError):
        volumes.append([(4, raw(b"d"))], stamps=stamps)


def test_a_batch_is_made_durable_with_one_sync_and_a_new_file_with_one_more(tmp_path: Path) -> None:
    synced: list[str] = []

    def sync(handle: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        os.fsync(handle)

    volumes = Volumes(tmp_path / "volumes", sync=sync)
    filled(volumes)
    assert synced == [tmp_path.name, "000001.tar.zst", "volumes"]
    synced.clear()
    volumes.append([(seq, raw(b"%d" % seq)) for seq in range(10, 210)])
    assert synced == ["000001.tar.zst"]


def test_a_full_volume_is_followed_by_the_next(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path / "volumes", roll_bytes=1000)
    frames = [volumes.append([(seq, raw(os.urandom(600)))])[0] for seq in range(1, 6)]
    assert [frame.volume for frame in frames] == [1, 1, 2, 2, 3]
    assert volumes.numbers() == (1, 2, 3)
    assert [member.seq for number in volumes.numbers() for member in volumes.scan(number)] == [1, 2, 3, 4, 5]
    (frame,) = volumes.append([(6, raw(b"x"))], first_volume=9)
    assert (frame.volume, frame.offset) == (9, volumes.start(9))


def test_a_large_message_goes_through_with_flat_memory(volumes: Volumes, tmp_path: Path) -> None:
    message = large(tmp_path, 48_000_000)
    tracemalloc.start()
    (frame,) = volumes.append([(1, message)])
    back = volumes.read_checked(message.digest, frame)
    volumes.check(message.digest, frame)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12_000_000
    assert back.path is not None
    assert back.size == message.size
    with message.open() as one, back.open() as other:
        assert one.read() == other.read()
    back.discard()
    assert list((tmp_path / "archive" / "spool").iterdir()) == []


def test_a_compressed_bomb_is_read_with_flat_memory(volumes: Volumes, tmp_path: Path) -> None:
    path = tmp_path / "zeros"
    with path.open("wb") as stream:
        stream.truncate(200_000_000)
    import hashlib

    digest = hashlib.sha256(bytes(200_000_000)).hexdigest()
    (frame,) = volumes.append([(1, Raw(digest=digest, size=200_000_000, path=path))])
    assert frame.length < 50_000
    tracemalloc.start()
    volumes.check(digest, frame)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12_000_000


# --- the end of the file ---------------------------------------------------------------------


def test_whatever_byte_a_crash_cuts_at_only_the_incomplete_frame_goes(tmp_path: Path) -> None:
    source = Volumes(tmp_path / "source")
    frames = filled(source, (b"", SMALL[1], b"x" * 600, os.urandom(60)))
    data = source.path(1).read_bytes()
    ends = [0, source.start(1)] + [frame.end for frame in frames]
    for length in range(len(data) + 1):
        for keep in (None, (1, frames[1].end)):
            after = keep or (1, 0)
            if length < after[1]:
                continue
            volumes = Volumes(tmp_path / "copy", sync=lambda handle: None)
            volumes.folder.mkdir(exist_ok=True)
            volumes.path(1).write_bytes(data[:length])
            repair = volumes.repair(after, keep=keep)
            whole = max(end for end in ends if end <= length)
            assert volumes.path(1).read_bytes() == data[:whole]
            assert [member.frame for member in repair.whole] == [
                f for f in frames if after[1] < f.end <= whole
            ]
            assert sum(cut.length for cut in repair.cut) == length - whole
            assert not repair.damaged


def test_repair_lists_only_frames_that_the_index_does_not_know(volumes: Volumes) -> None:
    filled(volumes)
    known = {raw(SMALL[0]).digest: 1, raw(SMALL[3]).digest: 4}
    repair = volumes.repair(known=lambda ids: {id: known[id] for id in ids if id in known})
    assert [member.seq for member in repair.whole] == [2, 3, 5]


def test_damage_that_is_not_the_tail_is_never_cut(volumes: Volumes) -> None:
    frames = filled(volumes)
    before = bytearray(volumes.path(1).read_bytes())
    before[frames[2].offset + 20] ^= 0xFF
    volumes.path(1).write_bytes(before)
    repair = volumes.repair()
    assert volumes.path(1).read_bytes() == bytes(before)
    assert [member.seq for member in repair.whole] == [1, 2, 4, 5]
    assert [(damage.offset, damage.length) for damage in repair.damaged] == [
        (frames[2].offset, frames[2].length)
    ]
    assert not repair.cut


def test_a_flipped_length_in_the_middle_never_takes_the_later_frames_along(volumes: Volumes) -> None:
    frames = filled(volumes)
    clean = volumes.path(1).read_bytes()
    for position in range(frames[1].offset, frames[1].end):
        for bit in (position % 8, (position + 5) % 8):
            bad = bytearray(clean)
            bad[position] ^= 1 << bit
            volumes.path(1).write_bytes(bad)
            repair = volumes.repair()
            assert volumes.path(1).read_bytes() == bytes(bad)
            assert {member.seq for member in repair.whole} >= {1, 3, 4, 5}
            for body, frame in zip(SMALL, frames, strict=True):
                if frame is not frames[1]:
                    assert volumes.read_checked(raw(body).digest, frame).read() == body
            with pytest.raises(StoreDamaged):
                volumes.check(raw(SMALL[1]).digest, frames[1])


def test_a_damaged_last_frame_is_kept_while_the_index_is_lost(volumes: Volumes) -> None:
    frames = filled(volumes)
    bad = bytearray(volumes.path(1).read_bytes())
    bad[frames[-1].end - 1] ^= 1
    volumes.path(1).write_bytes(bad)
    repair = volumes.repair()
    assert volumes.path(1).read_bytes() == bytes(bad)
    assert str(repair.damaged[0]).startswith(f"volume 000001 at offset {frames[-1].offset}: ")
    assert not repair.cut


def test_zero_bytes_after_a_power_cut_go_because_they_were_never_acknowledged(volumes: Volumes) -> None:
    frames = filled(volumes)
    with volumes.path(1).open("ab") as stream:
        stream.write(bytes(5000))
    repair = volumes.repair((1, frames[-1].end), keep=(1, frames[-1].end))
    assert [cut.length for cut in repair.cut] == [5000]
    assert volumes.end() == (1, frames[-1].end)


def test_a_whole_frame_after_torn_pages_is_found(volumes: Volumes) -> None:
    frames = filled(volumes)
    bad = bytearray(volumes.path(1).read_bytes())
    bad[frames[3].offset : frames[3].end] = bytes(frames[3].length)
    volumes.path(1).write_bytes(bad)
    repair = volumes.repair((1, frames[2].end), keep=(1, frames[2].end))
    assert [member.seq for member in repair.whole] == [5]
    assert [(damage.offset, damage.length) for damage in repair.damaged] == [
        (frames[3].offset, frames[3].length)
    ]


def test_only_the_last_volume_is_ever_cut(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path / "volumes", roll_bytes=1)
    for seq in (1, 2):
        volumes.append([(seq, raw(b"%d" % seq))])
    for number in (1, 2):
        with volumes.path(number).open("ab") as stream:
            stream.write(b"\x28\xb5")
    repair = volumes.repair()
    assert [cut.volume for cut in repair.cut] == [2]
    assert [damage.volume for damage in repair.damaged] == [1]


def test_a_frame_hidden_in_a_message_is_not_taken_for_a_message(tmp_path: Path) -> None:
    inner = Volumes(tmp_path / "inner")
    filled(inner, (os.urandom(2000),))
    forged = os.urandom(300_000) + inner.path(1).read_bytes() + os.urandom(300_000)
    volumes = Volumes(tmp_path / "volumes")
    (first, second) = volumes.append([(1, raw(b"first")), (2, raw(forged))])
    assert inner.path(1).read_bytes() in volumes.path(1).read_bytes()
    assert [member.digest for member in volumes.scan(1)] == [raw(b"first").digest, raw(forged).digest]
    with volumes.path(1).open("r+b") as stream:
        stream.truncate(second.end - 10)
    repair = volumes.repair((1, first.end), keep=(1, first.end))
    assert not repair.whole
    assert volumes.end() == (1, first.end)


# --- a damaged frame ---------------------------------------------------------------------------


def test_any_flipped_bit_of_a_frame_is_seen_and_named(volumes: Volumes) -> None:
    body = b"From: a@example.org\r\nSubject: hello\r\n\r\n" + b"hello world, " * 20
    (frame,) = volumes.append([(1, raw(body))])
    clean = volumes.path(1).read_bytes()
    for position in range(frame.offset, frame.end):
        for bit in range(8):
            bad = bytearray(clean)
            bad[position] ^= 1 << bit
            volumes.path(1).write_bytes(bad)
            with pytest.raises(
                StoreDamaged,
                match=f"message {raw(body).digest[:12]} in volume 000001 at offset {frame.offset}",
            ):
                volumes.check(raw(body).digest, frame)
            if bit == position % 8:
                with pytest.raises(StoreDamaged):
                    volumes.read_checked(raw(body).digest, frame)


def test_another_message_in_the_place_is_seen(volumes: Volumes) -> None:
    frames = filled(volumes)
    with pytest.raises(StoreDamaged, match="another message"):
        volumes.check(raw(SMALL[0]).digest, frames[1])
    with pytest.raises(StoreDamaged, match="hash"):
        volumes.read_checked(raw(SMALL[0]).digest, frames[1])


def test_a_missing_volume_is_named(volumes: Volumes) -> None:
    with pytest.raises(
        StoreDamaged, match=r"volume 000007 at offset 12 is damaged: the volume's file is missing"
    ):
        volumes.read_checked("ab" * 32, Frame(volume=7, offset=12, length=100))


def test_walking_tells_whole_frames_and_damage_in_order(volumes: Volumes) -> None:
    frames = filled(volumes)
    bad = bytearray(volumes.path(1).read_bytes())
    bad[frames[1].offset] ^= 1
    volumes.path(1).write_bytes(bad)
    kinds = [type(found) for found in volumes.walk(1)]
    assert kinds == [Member, Damage, Member, Member, Member]


# --- a failing disk ----------------------------------------------------------------------------


def no_room(code: int, *, after: int):
    left = [after]

    def write(handle: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(code, os.strerror(code))
        written = os.write(handle, data[: left[0]])
        left[0] -= written
        return written

    return write


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("created", [True, False])
def test_a_full_disk_leaves_the_volume_as_it_was(tmp_path: Path, code: int, created: bool) -> None:
    good = Volumes(tmp_path / "volumes")
    if not created:
        filled(good)
    before = good.path(1).read_bytes() if not created else None
    full = Volumes(tmp_path / "volumes", write=no_room(code, after=50))
    with pytest.raises(DiskFull, match="no room"):
        full.append([(9, raw(os.urandom(3_000_000)))])
    assert (good.path(1).read_bytes() if good.path(1).exists() else None) == before
    assert volumes_work(good)


def volumes_work(volumes: Volumes) -> bool:
    (frame,) = volumes.append([(10, raw(b"again"))])
    return volumes.read(frame).read() == b"again"


def test_a_disk_that_cannot_sync_acknowledges_nothing(tmp_path: Path) -> None:
    good = Volumes(tmp_path / "volumes")
    filled(good)
    before = good.path(1).read_bytes()

    def sync(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        Volumes(tmp_path / "volumes", sync=sync).append([(9, raw(b"x"))])
    assert good.path(1).read_bytes() == before
    assert volumes_work(good)


def test_a_spool_file_that_vanished_leaves_no_half_batch(volumes: Volumes, tmp_path: Path) -> None:
    filled(volumes)
    before = volumes.path(1).read_bytes()
    gone = Raw(digest="00" * 32, size=5, path=tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        volumes.append([(6, raw(b"x")), (7, gone)])
    assert volumes.path(1).read_bytes() == before


FILE_LIMIT = """
import os, signal, resource, sys
from pathlib import Path
from levelhead.archive.volumes import Volumes
from levelhead.errors import DiskFull
from levelhead.raw import raw
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
volumes = Volumes(Path(sys.argv[1]))
volumes.append([(1, raw(os.urandom(50_000)))])
try:
    volumes.append([(2, raw(os.urandom(20_000))), (3, raw(os.urandom(80_000)))])
except DiskFull as exc:
    print(exc, volumes.end())
"""


def test_the_kernel_s_own_refusal_is_told_as_a_full_disk(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, tmp_path / "volumes"], capture_output=True, text=True, check=True
    )
    volumes = Volumes(tmp_path / "volumes")
    assert "no room in" in done.stdout
    assert [member.seq for member in volumes.scan(1)] == [1]
    assert volumes.end()[1] < 60_000
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000


# --- several processes -------------------------------------------------------------------------

APPENDER = """
import os, sys
from pathlib import Path
from levelhead.archive.volumes import Volumes
from levelhead.raw import raw
volumes = Volumes(Path(sys.argv[1]), roll_bytes=200_000)
start = int(sys.argv[2])
for batch in range(20):
    volumes.append([(start + 10 * batch + n, raw(os.urandom(1000 + n))) for n in range(10)])
    print(batch, flush=True)
"""


def appender(folder: Path, start: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, folder, str(start)], stdout=subprocess.PIPE, text=True
    )


def test_processes_that_append_at_once_never_overwrite_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "volumes"
    writers = [appender(folder, 1), appender(folder, 1001)]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    volumes = Volumes(folder)
    found = [item for number in volumes.numbers() for item in volumes.walk(number)]
    assert not [item for item in found if isinstance(item, Damage)]
    assert sorted(m.seq for m in found if isinstance(m, Member)) == [*range(1, 201), *range(1001, 1201)]
    assert len(volumes.numbers()) > 1


def test_a_killed_appender_frees_the_lock_and_leaves_what_it_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "volumes"
    writer = appender(folder, 1)
    assert writer.stdout is not None
    for _ in range(3):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    volumes = Volumes(folder)
    repair = volumes.repair()
    assert not repair.damaged
    assert {member.seq for member in repair.whole} >= set(range(1, 31))
    assert volumes_work(volumes)
