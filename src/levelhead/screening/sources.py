"""Where plugins come from: drop-in files, installed packages, built-ins; and who could have written a file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from levelhead.errors import LevelheadError
from levelhead.hookspecs import PROJECT

LARGEST_FILE = 1_000_000
"""Bytes; a plugin that is larger is refused."""


class Refused(LevelheadError):
    """A plugin that is not taken in; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One plugin before it is loaded: a checked file (`code`) or a package's entry point (`entry`)."""

    name: str
    origin: str
    code: bytes = b""
    digest: str = ""
    """SHA-256 of `code` in lower-case hex; empty for a package."""
    entry: str = ""
    """`package.module:object` of an entry point."""


def plugin_name(path: Path) -> str:
    """`friday_evening.py` is called `friday-evening`."""
    return path.stem.replace("_", "-")


def drop_ins(folder: Path | None) -> tuple[Path, ...]:
    """The files of the folder that count as plugins, by file name; Refused when it cannot be read."""
    if folder is None or not folder.exists():
        return ()
    try:
        found = [path for path in folder.iterdir() if path.suffix == ".py" and path.name[0] not in "._"]
    except OSError as exc:
        raise Refused(f"the plugins folder {folder} cannot be read: {exc.strerror}") from exc
    return tuple(sorted(path for path in found if not path.is_dir()))


def packages() -> tuple[Source, ...]:
    """The plugins of installed packages (entry points of the group `levelhead`), by name."""
    found = {
        point.name: Source(
            name=point.name,
            origin=f"package {point.dist.name if point.dist else point.value}",
            entry=point.value,
        )
        for point in entry_points(group=PROJECT)
    }
    return tuple(found[name] for name in sorted(found))


def read_file(path: Path) -> Source:
    """A drop-in file as the bytes that were checked; raises Refused when somebody else could have written them.

    The folder, the file and, for a symbolic link, what it leads to and its folder must belong to me or root and be
    writable by nobody else; no folder above may be writable by everybody. The bytes are read once, from the file
    that was looked at, so that what was checked is what runs.
    """
    try:
        real = path.resolve(strict=True)
        for folder in {path.parent.resolve(), real.parent}:
            _check_folder(folder)
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Refused(f"{path} is not an ordinary file")
            _check_owner(real, found)
            code = stream.read(LARGEST_FILE + 1)
    except OSError as exc:
        raise Refused(f"{path} cannot be read: {exc.strerror}") from exc
    if len(code) > LARGEST_FILE:
        raise Refused(f"{path} is larger than {LARGEST_FILE:,} bytes; a plugin is a small file")
    return Source(
        name=plugin_name(path), origin=str(path), code=code, digest=hashlib.sha256(code).hexdigest()
    )


def _check_folder(folder: Path) -> None:
    _check_owner(folder, folder.stat())
    for above in folder.parents:
        mode = above.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise Refused(f"everybody may write to {above}, a folder above it: run chmod o-w {above}")


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise Refused(
            f"{path} belongs to user {found.st_uid}, who is neither me nor root: run sudo chown {os.geteuid()} {path}"
        )
    others = [
        word
        for bit, word in ((stat.S_IWGRP, "its group"), (stat.S_IWOTH, "everybody"))
        if found.st_mode & bit
    ]
    if others:
        raise Refused(f"{' and '.join(others)} may write to {path}: run chmod go-w {path}")


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean NAME?)`, or empty when nothing is near."""
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
