"""Volumes: files that hold every message's exact bytes and need no levelhead to be read. They only grow; in the place
of an erased message stands a blank of the same length.

Only whole batches are acknowledged: `append` returns after its one fsync, or leaves the file as it was. The format
of a frame is in `frames.py` and on the page `docs/reference/format.md`.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from levelhead.archive.blanking import Stretch, blank_volume, by_volume
from levelhead.archive.frames import (
    PIECE,
    BadFrame,
    Blank,
    Damage,
    Frame,
    Member,
    MemberStream,
    Sink,
    Stamp,
    check_member,
    compressor,
    volume_head,
    volume_start,
    write_frame,
)
from levelhead.archive.spool import NO_ROOM, Spool
from levelhead.archive.waiting import wait_for
from levelhead.archive.walking import walk
from levelhead.clock import Clock, SystemClock
from levelhead.durable import make_folder, sync_folder
from levelhead.errors import DiskFull, ProgrammerError, StoreDamaged
from levelhead.raw import Raw
from levelhead.values import dataclass

ROLL_BYTES = 256 * 1024**2
"""Bytes; a batch begins a new volume when the last one is this large or larger."""

End = tuple[int, int]
"""A volume's number and an offset in it: everything before is accounted for."""

_VOLUME = re.compile(r"(\d{6,})\.tar\.zst\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What `repair` found and did: tails that were `cut`, `whole` frames nobody knew, and damage that was left."""

    cut: tuple[Damage, ...] = ()
    whole: tuple[Member, ...] = ()
    damaged: tuple[Damage, ...] = ()


class Volumes:
    """The folder `volumes/` with 000001.tar.zst and so on (files 0600, folder 0700). Safe for threads and processes."""

    def __init__(
        self,
        folder: Path,
        *,
        roll_bytes: int = ROLL_BYTES,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = os.fsync,
        clock: Clock | None = None,
    ) -> None:
        """`write` and `sync` are os.write and os.fsync, and the place where a test makes the disk fail."""
        self.folder = folder
        self._spool = Spool(folder.parent / "spool")
        self._roll_bytes = roll_bytes
        self._write = write
        self._sync = sync
        self._looked_at: set[int] = set()
        self._clock = clock or SystemClock()
        self._mutex = threading.RLock()
        self._held = 0
        self._lock_handle = -1
        self.hurried: Callable[[], bool] = lambda: False

    # --- who may append ------------------------------------------------------------------------

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only appender among all threads and processes; may be nested within one thread.

        A recorder holds it from `append` until its index commit, so that whoever holds it knows that frames which
        the index does not know were left by a crash. StoreLocked when another process holds it for too long.
        """
        with self._mutex:
            if not self._held:
                self._lock_handle = self._take_lock()
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1
                if not self._held:
                    os.close(self._lock_handle)

    def _take_lock(self) -> int:
        make_folder(self.folder, self._sync)
        path = self.folder / ".lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            wait_for(handle, path, self._clock, hurried=self.hurried)
        except BaseException:
            os.close(handle)
            raise
        return handle

    # --- where things are ----------------------------------------------------------------------

    def path(self, number: int) -> Path:
        """The file of a volume."""
        return self.folder / f"{number:06}.tar.zst"

    def numbers(self) -> tuple[int, ...]:
        """The volumes that there are, in order."""
        with suppress(FileNotFoundError):
            names = [_VOLUME.match(path.name) for path in self.folder.iterdir()]
            return tuple(sorted(int(name[1]) for name in names if name))
        return ()

    def strangers(self) -> tuple[str, ...]:
        """Names in the folder that are neither volumes nor the lock."""
        with suppress(FileNotFoundError):
            names = sorted(path.name for path in self.folder.iterdir())
            ours = {".lock", *(self.path(number).name for number in self.numbers())}
            return tuple(name for name in names if name not in ours)
        return ()

    def end(self) -> End:
        """The last volume and its size in bytes; (1, 0) when there is none yet."""
        numbers = self.numbers()
        return (numbers[-1], self.path(numbers[-1]).stat().st_size) if numbers else (1, 0)

    def start(self, number: int) -> int:
        """Where a volume's first message lies: after the head, or 0 in an older volume or after a damaged head.

        NewerSchema when a newer program wrote the volume.
        """
        with self.path(number).open("rb") as volume:
            return volume_start(volume, self.path(number))

    def must_be_known(self) -> None:
        """Raise NewerSchema when a newer program wrote one of the volumes."""
        for number in self.numbers():
            self.start(number)

    # --- writing -------------------------------------------------------------------------------

    def append(
        self, items: Sequence[tuple[int, Raw]], *, stamps: Sequence[Stamp] = (), first_volume: int = 1
    ) -> tuple[Frame, ...]:
        """Write these (seq, message) durably at the end, with one fsync, and say where each frame lies.

        `stamps` go with `items` in order; `first_volume` is the lowest volume that may be written to. DiskFull when
        there is no room, OSError when the disk fails: the file then ends where it did before. NewerSchema when
        a newer program wrote the last volume.
        """
        if not items:
            return ()
        if len(stamps) not in (0, len(items)):
            raise ProgrammerError(f"{len(stamps)} stamps for {len(items)} messages")
        with self.lock():
            number, size = self._place_for_batch(first_volume)
            created = not self.path(number).exists()
            if not created:
                self.start(number)
            handle = os.open(self.path(number), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.lseek(handle, size, os.SEEK_SET)
                frames = self._write_batch(handle, number, size, items, stamps)
                self._sync(handle)
                if created:
                    sync_folder(self.folder, self._sync)
            except BaseException as exc:
                self._take_back(handle, number, size, created=created)
                if isinstance(exc, OSError) and exc.errno in NO_ROOM:
                    raise DiskFull(
                        f"no room in {self.folder} for {len(items)} new messages ({exc.strerror}); nothing was "
                        "written, and fetching goes on where it stopped once there is room"
                    ) from exc
                raise
            finally:
                os.close(handle)
            return frames

    def _place_for_batch(self, first_volume: int) -> End:
        number, size = self.end()
        if size >= self._roll_bytes:
            number, size = number + 1, 0
        return (number, size) if number >= first_volume else (first_volume, 0)

    def _write_batch(
        self,
        handle: int,
        number: int,
        offset: int,
        items: Sequence[tuple[int, Raw]],
        stamps: Sequence[Stamp],
    ) -> tuple[Frame, ...]:
        sink, zstd = _Buffer(handle, self._write), compressor()
        if not offset:
            head = volume_head()
            sink.write(head)
            offset += len(head)
        frames = []
        for (seq, raw), stamp in zip(items, stamps or [Stamp()] * len(items), strict=True):
            length, digest = write_frame(sink, seq, raw, stamp, zstd)
            frames.append(Frame(volume=number, offset=offset, length=length, digest=digest))
            offset += length
        sink.flush()
        return tuple(frames)

    def _take_back(self, handle: int, number: int, size: int, *, created: bool) -> None:
        """Undo a batch that was not acknowledged; what cannot be undone is found and settled before the next one."""
        with suppress(OSError):
            os.ftruncate(handle, size)
            if created:
                self.path(number).unlink()

    def blank(self, frames: Iterable[Stretch]) -> int:
        """Put blanks in the place of erased messages' frames; how many bytes of them were not blank before.

        Each volume is old or new, whatever crashes. StoreDamaged for frames that overlap; else as `blank_volume`.
        """
        with self.lock():
            done = sum(
                blank_volume(self.path(number), places, self._write, self._sync)
                for number, places in by_volume(frames)
            )
            # Even if nothing was left to do: who did it may have died before the new name was durable.
            sync_folder(self.folder, self._sync)
            return done

    # --- reading -------------------------------------------------------------------------------

    @contextmanager
    def open(self, frame: Frame) -> Iterator[MemberStream]:
        """A stream of one message's bytes, in pieces; StoreDamaged, naming the place, when the frame is bad."""
        what = f"the message in volume {frame.volume:06} at offset {frame.offset}"
        with self._naming(what), self._file(frame.volume) as volume:
            yield MemberStream(volume, frame)

    def read(self, frame: Frame) -> Raw:
        """The message in a frame, checked against the digest in its name; StoreDamaged when it is not whole."""
        with self.open(frame) as stream:
            return self._checked(stream, frame, stream.digest)

    def read_checked(self, id: str, frame: Frame) -> Raw:
        """The message of that id; StoreDamaged names message, volume and offset when its bytes are not these.

        Large ones come as a file in the spool folder: the caller discards the handle after use.
        """
        with self._naming(_where(id, frame)), self._file(frame.volume) as volume:
            return self._checked(MemberStream(volume, frame), frame, id)

    def check(self, id: str, frame: Frame, keep: Sink | None = None) -> None:
        """Read a message through to its end, giving its bytes to `keep`; StoreDamaged as `read_checked`.

        Writes nothing anywhere else. Bytes given to `keep` before an error are not to be used.
        """
        with self._naming(_where(id, frame)), self._file(frame.volume) as volume:
            member = check_member(volume, frame.volume, frame.offset, keep)
            if member.digest != id:
                raise BadFrame(f"another message is stored there, {member.digest[:12]}")
            if member.frame.length != frame.length or frame.digest not in ("", member.frame.digest):
                raise BadFrame("the frame's bytes are not those that were written")

    def _checked(self, stream: MemberStream, frame: Frame, id: str) -> Raw:
        with self._spool.writer() as writer:
            while piece := stream.read(PIECE):
                writer.write(piece)
            if stream.end() != frame.digest and frame.digest:
                raise BadFrame("the frame's bytes are not those that were written")
            raw = writer.finish()
        if raw.digest != id:
            raw.discard()
            raise BadFrame("the bytes do not hash to its id")
        return raw

    @contextmanager
    def _naming(self, what: str) -> Iterator[None]:
        try:
            yield
        except Blank as exc:
            raise StoreDamaged(f"{what} was erased") from exc
        except BadFrame as exc:
            raise StoreDamaged(f"{what} is damaged: {exc}") from exc
        except OSError as exc:
            if exc.errno != errno.EIO:
                raise
            raise StoreDamaged(f"{what} is damaged: the disk cannot read it") from exc

    @contextmanager
    def _file(self, number: int) -> Iterator[BinaryIO]:
        try:
            volume = self.path(number).open("rb")
        except FileNotFoundError as exc:
            raise BadFrame("the volume's file is missing") from exc
        with volume:
            if number not in self._looked_at:
                volume_start(volume, self.path(number))
                self._looked_at.add(number)
            yield volume

    # --- walking without the index ---------------------------------------------------------------

    def scan(self, number: int, from_offset: int = 0) -> Iterator[Member]:
        """The whole frames of a volume in order, each read through and hashed; damage is stepped over."""
        return (found for found in self.walk(number, from_offset) if isinstance(found, Member))

    def walk(
        self, number: int, from_offset: int = 0, *, believe_lengths: bool = False
    ) -> Iterator[Member | Damage]:
        """Everything in a volume from a frame's beginning on: whole frames, and the damage between them.

        The volume's head is no part of it, and blanks are stepped over. NewerSchema when a newer program wrote it.
        After damage it goes on at the next whole frame. With `believe_lengths` a frame that reaches past the end of
        the file is the last thing; without, its inside is searched too, because the length itself may be damaged.
        """
        with self.path(number).open("rb") as volume:
            offset = max(from_offset, volume_start(volume, self.path(number)))
            yield from walk(volume, number, offset, believe_lengths=believe_lengths)

    def repair(
        self,
        after: End = (1, 0),
        *,
        keep: End | None = None,
        known: Callable[[Sequence[str]], Container[str]] = lambda digests: (),
    ) -> Repair:
        """Look at all that lies after `after`: cut an incomplete tail of the last volume, and list unknown frames.

        `keep` is how far the index reaches: nothing before it is ever cut, and after it the damaged tail of the last
        volume goes, because it was never acknowledged. Without `keep` only a frame that the file ends within is cut.
        `known` tells which digests the index has. Damage anywhere else is reported and left.
        """
        with self.lock():
            whole: list[Member] = []
            damaged: list[Damage] = []
            for number in self.numbers():
                if number >= after[0]:
                    start = after[1] if number == after[0] else 0
                    found = self.walk(number, start, believe_lengths=keep is not None)
                    whole.extend(_unknown(_keep_damage(found, damaged), known))
            cut = [damage for damage in damaged if self._is_tail(damage, keep)]
            for damage in cut:
                self._cut(damage)
            self._drop_empty(keep)
            left = tuple(damage for damage in damaged if damage not in cut)
            return Repair(cut=tuple(cut), whole=tuple(whole), damaged=left)

    def _is_tail(self, damage: Damage, keep: End | None) -> bool:
        at_the_end = (damage.volume, damage.offset + damage.length) == self.end()
        if keep is None:
            return at_the_end and damage.cut_short
        return at_the_end and (damage.volume, damage.offset) >= keep

    def _drop_empty(self, keep: End | None) -> None:
        """Remove a last volume that was begun and holds no message, so that none without a reason ever lies there."""
        number, size = self.end()
        begun = keep is not None and keep <= (number, 0) and number in self.numbers()
        if begun and size <= self.start(number):
            self.path(number).unlink()
            sync_folder(self.folder, self._sync)

    def _cut(self, damage: Damage) -> None:
        handle = os.open(self.path(damage.volume), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(handle, damage.offset)
            self._sync(handle)
        finally:
            os.close(handle)


class _Buffer:
    """Collects what is written to a file into large writes, and sees short ones through."""

    def __init__(self, handle: int, write: Callable[[int, bytes], int]) -> None:
        self._handle = handle
        self._write = write
        self._held = bytearray()

    def write(self, data: bytes, /) -> None:
        self._held += data
        if len(self._held) >= 1024**2:
            self.flush()

    def flush(self) -> None:
        left = bytes(self._held)
        self._held.clear()
        while left:
            left = left[self._write(self._handle, left) :]


def _where(id: str, frame: Frame) -> str:
    return f"the message {id[:12]} in volume {frame.volume:06} at offset {frame.offset}"


def _keep_damage(found: Iterable[Member | Damage], damaged: list[Damage]) -> Iterator[Member]:
    for item in found:
        if isinstance(item, Damage):
            damaged.append(item)
        else:
            yield item


def _unknown(members: Iterator[Member], known: Callable[[Sequence[str]], Container[str]]) -> Iterator[Member]:
    while batch := tuple(islice(members, 500)):
        have = known([member.digest for member in batch])
        yield from (member for member in batch if member.digest not in have)
