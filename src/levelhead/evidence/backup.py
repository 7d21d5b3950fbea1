"""Backup: the archive copied while it is in use, and the drill that shows that the copy is worth something.

A backup is a folder with the archive's own layout (index, volumes, the ledger's files), `SHA256SUMS` over all of it,
and `backup.json`, which says what it is and whether it was finished. The index is copied first, as it stands at one
moment; of volumes and ledger, which grow, as much as that index tells of. A later run into the same folder copies what
is new, after it has made sure that what was copied before is still the beginning of what is there; what differs is
replaced only by bytes that are sound (see `kept`). A file that an erasure has written anew is copied whole, so that
what was erased is not in the copy any more either.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from levelhead import clock
from levelhead.archive.blanking import Stretch
from levelhead.archive.erased import erased
from levelhead.archive.folder import INDEX, LEDGER, VOLUMES
from levelhead.archive.mirror import LOCK, Mirror
from levelhead.archive.volumes import Volumes
from levelhead.durable import sync_folder
from levelhead.errors import DiskFull, LevelheadError, NewerSchema, StoreDamaged, Unavailable, UserError
from levelhead.evidence.kept import (
    PIECE,
    Meter,
    Piece,
    Progress,
    Standing,
    digest_of,
    must_be_worth_copying,
    must_go_on,
    pour,
    size_of,
    standing,
)
from levelhead.store.api import MessageFilter, Store

SCHEMA = 1
"""The form of `backup.json`."""
ABOUT = "backup.json"
SUMS = "SHA256SUMS"

_STARTS = 5
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)\Z")

OpenStore = Callable[[Path], Store]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What a backup holds: `bytes` in `files`, the ledger's `size` and `root` (hex), and its manifest's SHA-256."""

    files: int
    bytes: int
    copied: int
    """How many of these bytes were written by this run; the others were there."""
    messages: int
    size: int
    root: str
    manifest: str


# --- making ------------------------------------------------------------------------------------


def back_up(
    archive: Path,
    store: Store,
    out: Path,
    *,
    now: datetime,
    open_copy: OpenStore,
    progress: Progress | None = None,
) -> BackedUp:
    """Copy the archive into `out`: a new or empty folder, or an earlier backup of this archive, which is brought up
    to date.

    Raises UserError for any other folder, NewerSchema for a backup of a newer levelhead, StoreDamaged when damaged
    bytes would take the place of those that an earlier run copied (nothing is changed then), DiskFull and Unavailable
    when it cannot be written: what is there then says of itself that it is not finished, and the next run goes on.
    """
    before = _prepare(archive, store, out)
    with _writing(out):
        stands, meter = None, Meter(progress)
        if (out / ABOUT).exists():
            gone, pieces = erased(store), _pieces(archive, store)
            meter.expect(sum(max(size_of(out / piece.name), piece.length) for piece in pieces))
            stands = standing(gone, pieces, out, before, meter)
            others = [piece for piece in pieces if piece.name not in stands.lengths]
            must_be_worth_copying(archive, store, others, out, meter)
            must_go_on(store, read_about(out), out)
        for _ in range(_STARTS):
            _say(out, {"complete": False, "made_at": clock.to_text(now), "archive": _origin(store)})
            (out / INDEX).unlink(missing_ok=True)
            store.copy_to(out / INDEX)
            copy = open_copy(out / INDEX)
            try:
                if stands is not None and stands.gone != erased(copy):
                    stands = standing(erased(copy), _pieces(archive, copy), out, before, Meter())
                if made := _complete(archive, store, copy, out, stands, now, meter):
                    return made
            finally:
                copy.close()
    raise Unavailable(f"messages are being erased, so that the backup in {out} is not finished; run it again")


def _complete(
    archive: Path,
    store: Store,
    copy: Store,
    out: Path,
    stands: Standing | None,
    now: datetime,
    meter: Meter,
) -> BackedUp | None:
    """Everything that the copied index tells of, the manifest, and the word that it is finished.

    None when an erasure has changed meanwhile what was to be copied.
    """
    try:
        copied = _copy_all(_pieces(archive, copy), out, stands, meter)
        # What the ledger's files are behind the index, which a busy daemon leaves for a moment, is made from the index.
        Mirror(out / LEDGER).catch_up(copy)
    except StoreDamaged:
        if erased(store) == erased(copy):
            raise
    if erased(store) != erased(copy):
        return None
    sums = {name: digest_of(out / name) for name in _files(out)}
    manifest = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode()
    _write(out / SUMS, manifest)
    made = BackedUp(
        files=len(sums),
        bytes=sum((out / name).stat().st_size for name in sums),
        copied=copied + (out / INDEX).stat().st_size,
        messages=copy.counts().messages,
        size=copy.ledger_size(),
        root=copy.ledger_root().hex(),
        manifest=hashlib.sha256(manifest).hexdigest(),
    )
    about = {"complete": True, "made_at": clock.to_text(now), "archive": _origin(copy), "size": made.size}
    _say(out, {**about, "root": made.root, "messages": made.messages, "manifest": made.manifest})
    return made


def _copy_all(pieces: list[Piece], out: Path, stands: Standing | None, meter: Meter) -> int:
    """Bring each piece; how many bytes were written."""
    starts = [stands.lengths.get(piece.name, 0) if stands is not None else 0 for piece in pieces]
    meter.expect(sum(piece.length for piece in pieces) - sum(starts))
    copied = 0
    for piece, start in zip(pieces, starts, strict=True):
        written = _bring(piece, out / piece.name, start)
        meter.add(written)
        copied += written
    return copied


def _prepare(archive: Path, store: Store, out: Path) -> Mapping[str, str]:
    """Make `out`, or see that it is a backup of this archive; what its manifest says of its files."""
    inside, target = archive.resolve(), out.resolve()
    if target == inside or inside in target.parents or target in inside.parents:
        raise UserError(
            f"{out} lies in the archive or around it; name a folder elsewhere, best on another disk"
        )
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {path.name for path in out.iterdir()}
    except (FileExistsError, NotADirectoryError) as exc:
        raise UserError(f"{out} is a file; name a folder for the backup") from exc
    except OSError as exc:
        raise Unavailable(f"the folder {out} cannot be made: {exc.strerror}") from exc
    if not names:
        return {}
    if ABOUT not in names:
        raise UserError(
            f"{out} is neither empty nor a backup; name a new folder, or one made by levelhead backup"
        )
    about = read_about(out)
    if about.get("archive") not in ("", _origin(store)):
        raise UserError(f"{out} is the backup of another archive; name a folder of its own for this one")
    with contextlib.suppress(StoreDamaged):
        # Of an unfinished one nothing is believed but what is read again anyway.
        return read_sums(out) if about.get("complete") else {}
    return {}


def _origin(store: Store) -> str:
    """What tells one archive from another: the digest of its ledger's first leaf; empty before there is one."""
    first = next(store.entries(0, 1), None)
    return "" if first is None else hashlib.sha256(first.leaf).hexdigest()


def _pieces(archive: Path, store: Store) -> list[Piece]:
    return [*_volumes(archive, store), *_ledger(archive, store)]


def _volumes(archive: Path, copy: Store) -> Iterator[Piece]:
    """Each volume up to the end of the last message that the index knows, or of the last that was erased."""
    ends: dict[int, int] = {}
    places: Iterator[Stretch] = chain(copy.messages(MessageFilter()), erased(copy).frames)
    for place in places:
        ends[place.volume] = max(ends.get(place.volume, 0), place.offset + place.length)
    volumes = Volumes(archive / VOLUMES)
    for number, end in sorted(ends.items()):
        path = volumes.path(number)
        yield Piece(name=f"{VOLUMES}/{path.name}", source=path, length=end)


def _ledger(archive: Path, copy: Store) -> Iterator[Piece]:
    """Each file of the ledger up to the last entry that the index holds."""
    for path, length in Mirror(archive / LEDGER).lengths(copy.ledger_size()):
        yield Piece(name=f"{LEDGER}/{path.name}", source=path, length=length)


def _bring(piece: Piece, target: Path, start: int) -> int:
    """Make `target` the first bytes of its source; how many were written. Its own first `start` bytes stand."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        source = piece.source.open("rb")
    except OSError as exc:
        raise Unavailable(
            f"{piece.source} cannot be read: {exc.strerror}; levelhead verify says what the archive has lost"
        ) from exc
    with source:
        source.seek(start)
        handle = os.open(
            target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (0 if start else os.O_TRUNC), 0o600
        )
        with os.fdopen(handle, "wb") as out:
            out.seek(start)
            out.truncate()
            written = pour(source, out.write, piece.length - start)
            if written < piece.length - start:
                raise StoreDamaged(
                    f"{piece.source} ends {piece.length - start - written} bytes before its last message does;"
                    " levelhead verify says more"
                )
            out.flush()
            os.fsync(out.fileno())
    return written


# --- reading -----------------------------------------------------------------------------------


def read_about(folder: Path) -> dict[str, Any]:
    """What a backup says of itself. UserError when it is none, NewerSchema when a newer levelhead made it."""
    try:
        about = json.loads((folder / ABOUT).read_bytes())
        schema = about["schema"]
    except FileNotFoundError as exc:
        raise UserError(
            f"{folder} is no backup: it has no {ABOUT}; name a folder that levelhead backup made"
        ) from exc
    except OSError as exc:
        raise Unavailable(f"{folder / ABOUT} cannot be read: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise UserError(
            f"{folder / ABOUT} cannot be read as the note of a backup; make a new backup"
        ) from exc
    if type(schema) is int and schema > SCHEMA:
        raise NewerSchema(
            f"{folder} is a backup of form {schema}, and this levelhead knows forms up to {SCHEMA};"
            " use the newer levelhead that made it"
        )
    return dict(about)


def read_sums(folder: Path) -> dict[str, str]:
    """The digests of its manifest by name; StoreDamaged when it is missing or has a line of another form."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise StoreDamaged(f"{folder / SUMS} cannot be read") from exc
    found = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.match(line)
        # Whoever can write the manifest must not make us read or write outside of the folder.
        if match is None or not _plain(match[2]):
            raise StoreDamaged(f"line {number} of {folder / SUMS} is no digest and name")
        found[match[2]] = match[1]
    return found


def differences(folder: Path) -> Iterator[str]:
    """What is not as the manifest says, one sentence a file; every byte is read."""
    about = read_about(folder)
    if not about.get("complete"):
        yield f"the backup in {folder} was not finished; run levelhead backup into it again"
        return
    try:
        if digest_of(folder / SUMS) != about.get("manifest"):
            yield f"{SUMS} is not the manifest that {ABOUT} names: one of them was changed"
        sums = read_sums(folder)
    except (StoreDamaged, OSError) as exc:
        yield str(exc)
        return
    there = set(_files(folder))
    for name, digest in sums.items():
        if name not in there:
            yield f"{name} is missing"
            continue
        try:
            if digest_of(folder / name) != digest:
                yield f"{name} was changed: its bytes are not those that were copied"
        except OSError as exc:
            yield f"{name} cannot be read: {exc.strerror}"
    for name in sorted(there - set(sums)):
        yield f"{name} is not part of the backup"


# --- putting back ------------------------------------------------------------------------------


def must_be_free(archive: Path) -> None:
    """Raise UserError unless a backup may be put back there: nothing, or an empty folder."""
    if archive.exists() and (not archive.is_dir() or any(archive.iterdir())):
        raise UserError(
            f"{archive} is not empty: a backup is put back over no archive; move what is there away"
        )


def put_back(folder: Path, archive: Path, progress: Progress | None = None) -> int:
    """Make `archive` (absent, or an empty folder) of a backup; how many files were copied.

    Each byte is compared with the manifest on its way; nothing stands in the archive's place before all of it does.
    Raises UserError when there is an archive, StoreDamaged when the backup is not whole, DiskFull, Unavailable.
    """
    about = read_about(folder)
    if not about.get("complete"):
        raise StoreDamaged(f"the backup in {folder} was not finished; use another one")
    must_be_free(archive)
    sums = read_sums(folder)
    of, done = sum(size_of(folder / name) for name in sums), 0
    half = archive.with_name(archive.name + ".part")
    with _writing(archive):
        _remove(half)
        half.mkdir(mode=0o700, parents=True)
        try:
            for name, digest in sums.items():
                _put(folder / name, half / name, digest)
                done += (half / name).stat().st_size
                if progress is not None:
                    progress(done, of)
            for part in {(half / name).parent for name in sums} | {half}:
                sync_folder(part)
            half.rename(archive)
            sync_folder(archive.parent)
        except BaseException:
            _remove(half)
            raise
    return len(sums)


def _put(source: Path, target: Path, digest: str) -> None:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    found = hashlib.sha256()
    try:
        stream = source.open("rb")
    except OSError as exc:
        raise StoreDamaged(f"{source} cannot be read: {exc.strerror}; the backup is not whole") from exc
    with stream, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while piece := stream.read(PIECE):
            found.update(piece)
            out.write(piece)
        out.flush()
        os.fsync(out.fileno())
    if found.hexdigest() != digest:
        raise StoreDamaged(f"{source} was changed since the backup was made; nothing was put back")


# --- files -------------------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[str]:
    """The names of the files in a backup, but for what it says of itself and for locks."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in (ABOUT, SUMS) and path.name not in (LOCK, ".lock"):
            yield name


def _plain(name: str) -> bool:
    return not name.startswith("/") and not {"..", ".", ""} & set(name.split("/"))


def _say(out: Path, about: Mapping[str, Any]) -> None:
    _write(out / ABOUT, json.dumps({"schema": SCHEMA, **about}, indent=1).encode() + b"\n")


def _write(path: Path, data: bytes) -> None:
    """Put a small file in its place, whole and durable."""
    half = path.with_name(path.name + ".part")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.rename(path)
    sync_folder(path.parent)


def _remove(folder: Path) -> None:
    """Take away what an earlier run left unfinished."""
    if folder.is_dir():
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    """What a disk says against being written, in our words."""
    try:
        yield
    except DiskFull as exc:
        raise DiskFull(f"there is no room for the backup in {out}; make some and run it again") from exc
    except LevelheadError:
        raise
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"there is no room in {out}; make some and run it again, nothing was lost"
            ) from exc
        what = exc.filename or "a file of the archive or of the backup"
        raise Unavailable(f"the backup into {out} failed: {what}: {exc.strerror}") from exc
