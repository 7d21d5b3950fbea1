"""Files that are written once, for their owner only: all of them or none, and never over one that is there already."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from levelhead.errors import UserError


def there_already(path: Path) -> UserError:
    """What is said of a file that stands in the way."""
    return UserError(f"{path} is there already; --force puts a new one in its place")


def place(files: Mapping[Path, bytes], *, replace: bool) -> None:
    """Write each file with mode 0600, durably, in that order; folders that are missing are made for their owner only.

    All are whole on the disk before the first one appears under its name. What was put there is taken away again when
    a later one fails, and when somebody ends the program; only an older file that was replaced stays so.
    UserError for a file that is there already unless `replace`, OSError when the disk fails.
    """
    with contextlib.ExitStack() as undo:
        staged = {path: undo.enter_context(_staged(path, data, undo)) for path, data in files.items()}
        for path, beside in staged.items():
            if replace:
                fresh = not os.path.lexists(path)
                beside.replace(path)
                if fresh:
                    undo.callback(path.unlink, missing_ok=True)
            else:
                try:
                    path.hardlink_to(beside)
                except FileExistsError:
                    raise there_already(path) from None
                undo.callback(path.unlink, missing_ok=True)
        for folder in dict.fromkeys(path.parent for path in files):
            _sync(folder)
        for beside in staged.values():
            beside.unlink(missing_ok=True)
        undo.pop_all()


@contextlib.contextmanager
def _staged(path: Path, data: bytes, undo: contextlib.ExitStack) -> Iterator[Path]:
    """The file whole on the disk under another name, which goes away at the end."""
    _make(path.parent, undo)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _make(folder: Path, undo: contextlib.ExitStack) -> None:
    for one in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        one.mkdir(mode=0o700)
        undo.callback(_remove_if_empty, one)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
