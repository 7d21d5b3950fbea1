"""What the mailbox room speaks with itself and with those who wire it: a small IMAP connection and its values.

Everything here is plain values and protocols. `connection.py` is the real `Connection`; tests script their own.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from levelhead.errors import BadBody
from levelhead.model import Gmail
from levelhead.raw import Raw

Tls = Literal["implicit", "starttls", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSpec:
    """Everything that is needed to watch one mailbox. `secret` is asked at each login and its answer never kept."""

    name: str
    host: str
    port: int
    user: str
    secret: Callable[[], str] = field(repr=False)
    tls: Tls = "implicit"
    """`none` is for loopback or for an operator who said `insecure`; it is never fallen back to."""
    ca_file: Path | None = None
    auth: Literal["password", "oauth2"] = "password"
    """With `oauth2` the secret is an access token, sent by OAUTHBEARER or XOAUTH2."""
    renew: Callable[[str], str] | None = field(repr=False, default=None)
    """Gives another secret than this one, which the server has refused; it is asked once for each login."""
    mend: str = ""
    """The command that a person runs when the login is refused; empty when there is none."""
    received: Callable[[int], None] = field(repr=False, default=lambda size: None)
    """Told how many bytes come from the server."""
    folders: tuple[str, ...] = ("auto",)
    drafts: str | None = None
    sent: str | None = None
    """A folder for sent mail beside those that are found by their role."""
    poll_seconds: float = 120.0
    idle: bool = True
    idle_seconds: float = 540.0
    """How long one IDLE lasts before it is renewed; below the 29 minutes of RFC 2177 and most NAT time-outs."""
    timeout_seconds: float = 60.0
    """Every command ends within this time, plus what its expected bytes take at `bytes_per_second`."""
    bytes_per_second: int = 20_000
    """The slowest line that is still waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderInfo:
    """One answer to LIST: the decoded name, the separator, and attributes in lower case (`\\drafts`)."""

    name: str
    separator: str = ""
    attributes: frozenset[str] = frozenset()

    @property
    def selectable(self) -> bool:
        return not self.attributes & {"\\noselect", "\\nonexistent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderStatus:
    """What SELECT or EXAMINE answered (RFC 3501, 6.3.1); `uidnext` and `highestmodseq` are 0 when not told."""

    uidvalidity: int
    uidnext: int
    exists: int
    highestmodseq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What a server said of its folders at one moment. `same_folders`: LIST said what it said at the last `folders`.

    `told` has the figures of each folder of which the server gave all that it was asked.
    """

    same_folders: bool
    told: Mapping[str, FolderStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A message before its body: `size` is RFC822.SIZE in bytes, `head` its header, cut at `HEAD_LIMIT`."""

    uid: int
    size: int
    internal_date: datetime | None
    flags: tuple[str, ...]
    head: bytes = field(default=b"", repr=False)
    gmail: Gmail | None = None
    """What Gmail says of it; None from any other server."""


HEAD_LIMIT = 102_400
"""Bytes of a header that are looked at before its body is wanted; Postfix cuts there too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The bytes of a message. `size_differs` when the server sent them twice alike and announced another size."""

    raw: Raw
    size_differs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """The server's word where an APPEND went (RFC 4315); both None when it did not say."""

    uidvalidity: int | None
    uid: int | None


class IdleEnd(StrEnum):
    """Why an IDLE ended: the server told of a change, somebody woke us, the time was over, or the machine slept."""

    CHANGED = "changed"
    WOKEN = "woken"
    OVER = "over"
    SLEPT = "slept"


class SpoolWriter(Protocol):
    """Where a large body is written piece by piece; `discard` throws away what was not finished."""

    def write(self, data: bytes) -> object: ...
    def finish(self) -> Raw: ...
    def discard(self) -> object: ...


class Decision(Protocol):
    """Whether a message belongs in the archive, and if not why, and who it is between."""

    @property
    def archive(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def addresses(self) -> Sequence[str]: ...


class Connection(Protocol):
    """One logged-in IMAP connection of one thread. Every method raises a `MailboxError` and nothing else of IMAP.

    After `ConnectionLost` or `ServerBusy` the connection may be dead; close it and connect again.
    """

    @property
    def capabilities(self) -> frozenset[str]:
        """In upper case, as told after the login."""

    def prefix(self) -> str:
        """The prefix of the personal namespace (RFC 2342), such as `INBOX.`, or empty."""

    def folders(self) -> tuple[FolderInfo, ...]:
        """All folders (LIST)."""

    def examine(self, folder: str) -> FolderStatus:
        """Open a folder read-only; FolderMissing when it is not there.

        A server that then tells no UIDNEXT (Courier) keeps none of the UIDs it gives: there it is opened by SELECT.
        """

    def select(self, folder: str) -> FolderStatus:
        """Open a folder for writing; only ever Drafts."""

    def create(self, folder: str) -> None:
        """Make a folder; only ever Drafts."""

    def standing(self, folder: str) -> FolderStatus | None:
        """What EXAMINE said of this folder when it is the open one and nobody has told of a change since.

        None for any other folder, and when anything was asked meanwhile but `glance` and `idle`.
        """

    def glance(self, folders: Sequence[str]) -> Glance | None:
        """The figures of these folders without opening any, in one round trip; None where the server cannot tell.

        What the open folder has is told only while it is `standing`, because many servers are wrong about it in STATUS.
        """

    def noop(self) -> None:
        """Say nothing (NOOP), so that the session stays alive and a dead one is found out by ConnectionLost."""

    def uids(self, first: int, last: int | None, *, at_most: int) -> tuple[int, ...]:
        """Ascending UIDs from `first` to `last` (None: no end); `at_most` is how many answers can be expected."""

    def present(self, uids: Sequence[int]) -> frozenset[int]:
        """Which of these UIDs are in the folder."""

    def heads(self, uids: Sequence[int], *, header: bool = True) -> tuple[Head, ...]:
        """Size, date, flags and header of those that are there, in ascending order of UID."""

    def bodies(
        self, sizes: Mapping[int, int], spool: Callable[[], SpoolWriter]
    ) -> Iterator[tuple[int, Body | BadBody]]:
        """The exact bytes of each, checked against its announced size; BadBody (returned) for one that is not whole."""

    def flags_since(self, modseq: int) -> Mapping[int, tuple[str, ...]]:
        """Flags of the messages that changed after `modseq` (RFC 7162); empty without CONDSTORE."""

    def find_message_id(self, message_id: str) -> tuple[int, ...]:
        """UIDs in the open folder whose Message-ID is this one; UnsafeArgument for what is no Message-ID."""

    def append(self, folder: str, data: bytes, flags: Sequence[str], at: datetime) -> Appended:
        """Put a message into a folder; `at` is aware, in any zone. FolderMissing, CommandRefused (quota, size).

        After ConnectionLost nobody knows whether it arrived; whoever asks looks for it before trying again.
        """

    def expunge(self, uid: int) -> bool:
        """Remove exactly this message of the selected folder; False, and nothing changed, without UIDPLUS."""

    def idle(self, wake: Wake, seconds: float) -> IdleEnd:
        """Wait for news of the open folder (RFC 2177); CommandRefused when the server will not."""

    def close(self) -> None:
        """End the session; never raises."""


class Wake:
    """A bell that other threads ring: `set()` ends an IDLE or a pause of the watcher at once."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._rung = threading.Event()

    def set(self) -> None:
        """Ring; any number of rings before a `clear` count as one."""
        if not self._rung.is_set():
            self._rung.set()
            with contextlib.suppress(OSError):
                self._far.send(b"!")

    def is_set(self) -> bool:
        return self._rung.is_set()

    def fileno(self) -> int:
        """A descriptor that is readable while the bell is set."""
        return self._near.fileno()

    def clear(self) -> None:
        self._rung.clear()
        with contextlib.suppress(OSError):
            while self._near.recv(64):
                pass

    def close(self) -> None:
        self._near.close()
        self._far.close()
