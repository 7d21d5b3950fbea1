"""What a newer levelhead wrote is refused in one sentence that names it, not taken for damage, and not changed."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from levelhead.archive.frames import Damage, Frame, Member, volume_head
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.rebuild import rebuild
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.archive.volumes import Volumes
from levelhead.errors import NewerSchema
from levelhead.raw import raw
from levelhead.store.ledger import check, read_leaf
from levelhead.store.sqlite import open_store
from servers.requirements import require

NEWER = volume_head(2)


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path / "archive" / "volumes")


def filled(volumes: Volumes) -> tuple[Frame, ...]:
    return volumes.append([(1, raw(b"one")), (2, raw(b"two"))])


def without_head(volumes: Volumes, number: int = 1) -> bytes:
    return volumes.path(number).read_bytes()[volumes.start(number) :]


# --- volumes -------------------------------------------------------------------------------------


def test_every_volume_says_its_schema_to_any_tar(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path / "volumes", roll_bytes=1)
    for seq in (1, 2):
        volumes.append([(seq, raw(b"%d" % seq))])
    for number in (1, 2):
        with volumes.path(number).open("rb") as stream:
            content = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read()
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            assert len(archive.getmembers()) == 1
            assert archive.pax_headers == {"comment": '{"levelhead":"volume","schema":1}'}


@pytest.mark.parametrize("options", [["--zstd"], []])
def test_tar_says_nothing_about_the_head_even_of_an_empty_volume(
    volumes: Volumes, options: list[str], tmp_path: Path
) -> None:
    tar = require("tar", "tar")
    require("zstd", "zstd")
    filled(volumes)
    empty = tmp_path / "empty.tar.zst"
    empty.write_bytes(volume_head())
    for path, names in ((volumes.path(1), 2), (empty, 0)):
        done = subprocess.run([tar, *options, "-tf", path], capture_output=True, text=True, check=True)
        assert (len(done.stdout.splitlines()), done.stderr) == (names, "")


def test_a_volume_from_before_heads_is_read_and_grows_as_it_is(volumes: Volumes) -> None:
    frames = filled(volumes)
    start = volumes.start(1)
    volumes.path(1).write_bytes(without_head(volumes))
    older = Volumes(volumes.folder)
    assert older.start(1) == 0
    for body, frame in zip((b"one", b"two"), frames, strict=True):
        assert older.read(replace(frame, offset=frame.offset - start)).read() == body
    older.append([(3, raw(b"three"))])
    assert older.start(1) == 0
    found = list(older.walk(1))
    assert [item.seq for item in found if isinstance(item, Member)] == [1, 2, 3]
    assert len(found) == 3


def test_a_newer_volume_is_neither_read_nor_written_nor_repaired(volumes: Volumes) -> None:
    frames = filled(volumes)
    volumes.path(1).write_bytes(NEWER + without_head(volumes) + b"\x28\xb5")
    before = volumes.path(1).read_bytes()
    fresh = Volumes(volumes.folder)
    for attempt in (
        lambda: fresh.read(frames[0]),
        lambda: fresh.check(raw(b"one").digest, frames[0]),
        lambda: fresh.append([(3, raw(b"three"))]),
        lambda: fresh.repair(),
        lambda: list(fresh.walk(1, frames[1].offset)),
        fresh.must_be_known,
    ):
        with pytest.raises(
            NewerSchema, match=r"000001\.tar\.zst has form 2, .* use the newer levelhead"
        ) as caught:
            attempt()
        assert caught.value.exit_status == 2
    assert volumes.path(1).read_bytes() == before


def test_a_flipped_bit_of_a_head_is_damage_and_no_newer_schema(volumes: Volumes) -> None:
    frames = filled(volumes)
    clean = volumes.path(1).read_bytes()
    start = volumes.start(1)
    for position in range(start):
        for bit in range(8):
            bad = bytearray(clean)
            bad[position] ^= 1 << bit
            volumes.path(1).write_bytes(bad)
            fresh = Volumes(volumes.folder)
            assert fresh.read(frames[0]).read() == b"one"
            found = list(fresh.walk(1))
            members = [item for item in found if isinstance(item, Member)]
            assert [member.frame for member in members] == list(frames)
            # A few bits change nothing that is read; whatever else was hit is named.
            damage = sum(item.length for item in found if isinstance(item, Damage))
            assert fresh.start(1) + damage == start


@pytest.mark.parametrize("said", ["{}", "[]", '{"schema":"1"}', '{"schema":true}', "{"])
def test_a_head_that_says_no_schema_is_damage(volumes: Volumes, said: str) -> None:
    filled(volumes)
    header = tarfile.TarInfo.create_pax_global_header({"comment": said})
    head = zstandard.ZstdCompressor(write_checksum=True).compress(header)
    volumes.path(1).write_bytes(head + without_head(volumes))
    assert [type(item) for item in Volumes(volumes.folder).walk(1)] == [Damage, Member, Member]


# --- the ledger ------------------------------------------------------------------------------------


@pytest.fixture
def newer(archive: Any, mail: Any, arrival: Any) -> Any:
    """An archive whose ledger was written by a newer levelhead, in index and files."""
    archive.recorder.record([arrival(mail("one"), 1)])
    archive.mirror.catch_up(archive.store)
    leaves = archive.path / "ledger" / "000001.jsonl"
    leaves.write_bytes(leaves.read_bytes().replace(b'{"v":1,', b'{"v":2,'))
    return archive


@pytest.mark.parametrize(
    "leaf", [b'{"v":2}', b'{"v":2,"seq":7,"more":[]}', b'{"v":3,"seq":"x","commit":null}']
)
def test_a_leaf_of_a_later_form_is_newer_whatever_else_it_says(leaf: bytes) -> None:
    with pytest.raises(NewerSchema, match=r"of the ledger has form \d, .* use the newer levelhead"):
        read_leaf(leaf)


@pytest.mark.parametrize("leaf", [b'{"v":true}', b'{"v":"2"}', b'{"v":2.0}', b'{"v":0}', b'[{"v":2}]', b"2"])
def test_what_only_looks_like_a_later_form_is_no_leaf(leaf: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_leaf(leaf)


def test_ledger_files_of_a_later_form_are_refused_by_name(newer: Any) -> None:
    named = r"ledger/000001\.jsonl cannot be used: entry \d of the ledger has form 2"
    mirror = Mirror(newer.path / "ledger")
    with pytest.raises(NewerSchema, match=named):
        list(mirror.read())
    before = {path: path.read_bytes() for path in (newer.path / "ledger").iterdir()}
    with pytest.raises(NewerSchema, match=named):
        mirror.keep_up(newer.store, newer.clock.now())
    assert {path: path.read_bytes() for path in (newer.path / "ledger").iterdir()} == before
    with pytest.raises(NewerSchema, match=named):
        newer.verify()


def test_entries_of_a_later_form_are_neither_verified_nor_rebuilt(newer: Any, tmp_path: Path) -> None:
    class Newer:
        """The store, with the entries that a newer program would have written."""

        def __getattr__(self, name: str) -> object:
            return getattr(newer.store, name)

        def entries(self, *span: int) -> Any:
            for entry in newer.store.entries(*span):
                yield replace(entry, leaf=entry.leaf.replace(b'"v":1', b'"v":2'))

    store: Any = Newer()
    entry = next(store.entries(0))
    with pytest.raises(NewerSchema, match="entry 0"):
        check(entry)
    with pytest.raises(NewerSchema, match="entry 0"):
        verify(store, newer.volumes, parse_many=one_by_one(parse), open_store=open_store)
    target = open_store(tmp_path / "again.sqlite")
    with pytest.raises(NewerSchema, match="entry 0"):
        rebuild(
            [entry],
            read_raw=lambda fact: raw(b""),
            parse_many=one_by_one(parse),
            store=target,
            now=newer.clock.now(),
        )
    target.close()
