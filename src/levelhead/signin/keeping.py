"""The file of a sign-in: its refresh token on disk, replaced so that a crash at any moment leaves a whole one.

A new token is written beside the old one, made durable and read back before it takes its place. Room for it is made
before the provider is asked, since the old token may be worth nothing once a new one is given. What a crash left beside
is newer than what is in place, and is taken in when it is whole.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shlex
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path

from levelhead import clock
from levelhead.clock import Clock
from levelhead.durable import make_folder, sync_folder
from levelhead.errors import Stopping, Unavailable, UserError
from levelhead.masking import VAULT
from levelhead.signin.providers import Identity

SCHEMA = "levelhead-sign-in/1"
ROOM = 32_768
"""Bytes that are reserved for a sign-in; tokens of Microsoft have some 2,000."""
LOCK_SECONDS = 30.0
"""How long another process may take over a renewal before we say that it takes too long."""
SLICE = 0.1

REMEMBERED = 10
"""Refresh tokens of one file that stay masked: the one in use and those before it. Some providers (Microsoft) do not
revoke what is spent, so that one before these may still be worth something; it was told to nobody but the provider, and
is in no file any more."""

FOR_A_PERSON = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP})
"""Errors of a file that stay until somebody mends its rights, or the link in its place; others may pass."""
OTHERS = 0o077
"""The rights of everybody but the owner."""
WRITABLE = 0o022
"""Those of them that let somebody write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of a sign-in."""

    account: str
    client_id: str
    token_url: str
    scope: str
    refresh_token: str = field(repr=False)
    signed_in_at: datetime
    """When a person signed in."""
    ends_at: datetime | None
    """When it ends, as the provider said; None where it said nothing."""
    told_at: datetime | None
    """When the provider said so; None where it said nothing."""
    number: int = 1
    """Counts the writings of this file; of two the higher is the newer."""

    @property
    def identity(self) -> Identity:
        """Which registration it was made with."""
        return self.token_url, self.client_id, self.scope, self.account


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFile:
    """One sign-in's file. All of it raises UserError for a file that cannot be trusted, Unavailable for the disk."""

    path: Path

    @property
    def beside(self) -> Path:
        """Where the next one is written before it takes the place of this one."""
        return self.path.with_name(f".{self.path.name}.new")

    def read(self) -> Kept | None:
        """What is kept, None when nobody has signed in."""
        data = _trusted(self.path)
        if data is None:
            return None
        kept = parsed(data)
        if kept is None:
            raise UserError(f"the sign-in in {self.path} cannot be read; remove it and sign in again")
        self.mask(kept)
        return kept

    def mask(self, kept: Kept) -> None:
        """Hide its refresh token, and the last ones of this file that it has followed."""
        VAULT.turn(("refresh", self.path), kept.refresh_token, REMEMBERED)

    def seen(self) -> Kept | None:
        """The same for one who only looks and takes no lock: what a crash left beside counts if none is in place."""
        return self.read() or parsed(_trusted(self.beside) or b"")

    def stamp(self) -> tuple[int, int, int] | None:
        """Differs when the file is another one; None when there is none. Cheap, and reads nothing."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextlib.contextmanager
    def locked(self, clock: Clock, stopping: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Hold this sign-in against other processes and threads; whatever a crash left is settled first.

        Stopping when `stopping()` says so while another holds it.
        """
        with self._naming():
            _make_folder(self.path.parent)
            handle = os.open(
                self.path.with_name(f".{self.path.name}.lock"),
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
                0o600,
            )
        try:
            with self._naming():
                self._take(handle, clock, stopping)
                self._settle()
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def room(self) -> Iterator[Room]:
        """Room for the next one, durable before the provider is asked; what is not kept leaves no trace."""
        with self._naming():
            self.beside.unlink(missing_ok=True)
            handle = os.open(
                self.beside,
                os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW,
                0o600,
            )
        room = Room(self, handle)
        try:
            with self._naming():
                _write(handle, b" " * ROOM)
            yield room
        finally:
            os.close(handle)
            if not room.written:
                with contextlib.suppress(OSError):
                    self.beside.unlink(missing_ok=True)

    def store(self, kept: Kept, clock: Clock) -> Kept:
        """Keep what a person has just signed in to, in the place of whatever was kept before; as it is kept."""
        with self.locked(clock):
            before = self._ours()
            numbered = replace(kept, number=before.number + 1 if before else 1)
            with self.room() as room:
                room.keep(numbered)
        return numbered

    def try_out(self, clock: Clock) -> None:
        """Raises what `store` would raise, before a person is sent off to sign in."""
        with self.locked(clock):
            self._ours()
            with self.room():
                pass

    def _ours(self) -> Kept | None:
        """What is in place and may be replaced; UserError for what is no sign-in, and somebody may want to keep."""
        data = _trusted(self.path)
        if data is None or not data.strip():
            return None
        kept = parsed(data)
        if kept is None and SCHEMA.partition("/")[0].encode() not in data:
            raise UserError(
                f"{self.path} is no sign-in, and is not overwritten: name another file, or remove this one"
            )
        return kept

    def put_in_place(self) -> None:
        """The last step: what was written beside takes the place of the old one, durably."""
        self.beside.replace(self.path)
        sync_folder(self.path.parent)

    def _take(self, handle: int, clock: Clock, stopping: Callable[[], bool]) -> None:
        end, never = clock.monotonic() + LOCK_SECONDS, threading.Event()
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if stopping():
                    raise Stopping from None
                if clock.monotonic() >= end or clock.wait(never, SLICE):
                    raise Unavailable(
                        f"another levelhead is at work on the sign-in {self.path.name}"
                    ) from None

    def _settle(self) -> None:
        """After a crash between the two writes: a whole one beside is taken in if it is newer, else it is removed."""
        data = _trusted(self.beside)
        if data is None:
            return
        newer, kept = parsed(data), parsed(_trusted(self.path) or b"")
        if newer is not None and (kept is None or newer.number > kept.number):
            self.put_in_place()
        else:
            self.beside.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise Unavailable(f"the sign-in {self.path} cannot be kept: {exc.strerror or exc}") from exc


class Room:
    """A reserved place for one sign-in."""

    def __init__(self, file: TokenFile, handle: int) -> None:
        self._file = file
        self._handle = handle
        self.written = False
        """Whether a whole one stands there, so that it must not be thrown away."""

    def keep(self, kept: Kept) -> None:
        """Write, make durable, read back, put in place; Unavailable when the disk fails, and then nothing is lost."""
        data = text_of(kept).encode("ascii")
        if len(data) > ROOM:
            raise UserError(f"the sign-in of {kept.account} is longer than {ROOM} bytes; no provider's is")
        with self._file._naming():
            # Padded to the room that is there already: nothing about the file changes but what it says.
            _write(self._handle, data.ljust(ROOM))
            if parsed(os.pread(self._handle, ROOM, 0)) != kept:
                raise OSError(0, "what was written does not read back")
            self.written = True
            self._file.put_in_place()


def text_of(kept: Kept) -> str:
    """As it lies in the file: JSON with a checksum of all the rest."""
    values = {
        key: clock.to_text(value) if isinstance(value, datetime) else value
        for key, value in asdict(kept).items()
    }
    values = {"schema": SCHEMA, **values}
    return json.dumps(values | {"sha256": _digest(values)}, indent=1) + "\n"


def parsed(data: bytes) -> Kept | None:
    """The sign-in that `text_of` wrote; None for anything else, half of one included."""
    try:
        values = json.loads(data)
        said = values.pop("sha256")
        if values.pop("schema") != SCHEMA or said != _digest({"schema": SCHEMA, **values}):
            return None
        if values.keys() != {one.name for one in fields(Kept)}:
            return None
        times = {
            key: None if values[key] is None else clock.from_text(values[key])
            for key in ("ends_at", "told_at")
        }
        return Kept(**{**values, **times, "signed_in_at": clock.from_text(values["signed_in_at"])})
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def _digest(values: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _trusted(path: Path) -> bytes | None:
    """The bytes of a file that is ours (or root's) and readable by nobody else; None when there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as exc:
        kind = UserError if exc.errno in FOR_A_PERSON else Unavailable
        raise kind(f"the sign-in {path} cannot be read: {exc.strerror}") from None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"the sign-in {path} is not a file")
        if found.st_uid not in (0, os.geteuid()):
            raise UserError(f"the sign-in {path} belongs to somebody else, who could change it")
        if found.st_mode & OTHERS:
            raise UserError(f"the sign-in is open to others: run `chmod 600 {shlex.quote(str(path))}`")
        try:
            return stream.read(ROOM + 1)
        except OSError as exc:
            raise Unavailable(f"the sign-in {path} cannot be read: {exc.strerror}") from None


def _make_folder(folder: Path) -> None:
    """The folder of sign-ins, for its owner only; UserError for one that others may write into."""
    make_folder(folder)
    found = folder.stat()
    if found.st_uid not in (0, os.geteuid()):
        raise UserError(f"the folder {folder} belongs to somebody else; a sign-in is not kept there")
    if found.st_mode & WRITABLE:
        # Who may write there can put another file in the place of ours; who may only look sees names.
        raise UserError(
            f"others may write into the folder of sign-ins: run `chmod 700 {shlex.quote(str(folder))}`"
        )


def _write(handle: int, data: bytes) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(handle, data[done:], done)
    os.fsync(handle)
