"""What the store answers with: frozen values in our words, whatever the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from levelhead.model import Address, Direction, Level, Place
from levelhead.values import dataclass

MORE = "…"
"""Ends an opening that is not all of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the ledger: `leaf` is the exact bytes hashed into the tree, `salt` + `payload` its commitment.

    `salt` and `payload` are None when they were erased; the tree does not need them.
    """

    seq: int
    leaf: bytes
    salt: bytes | None
    payload: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message as the index knows it. `parsed` fields that lists and decisions need; the bytes are in a volume."""

    id: str
    seq: int
    volume: int
    offset: int
    length: int
    size: int
    client: str
    direction: Direction
    thread: str
    sender: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    date: datetime | None
    received_at: datetime
    language: str
    message_id: str
    automatic: str
    history: bool
    same_as: str
    defects: tuple[str, ...]
    level: Level | None
    """None until judged."""
    millionths: int | None
    labels: tuple[str, ...]
    in_sent: bool | None = None
    """Whether a folder for sent mail has shown it; None while no mailbox has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A message at a place, with when it was first and last seen there and when it vanished."""

    message: str
    place: Place
    internal_date: datetime | None
    flags: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime
    vanished_at: datetime | None
    server_id: str = ""
    """What Gmail calls the message in this account, or empty."""
    labels: tuple[str, ...] = ()
    """Gmail's, when it was seen here first, without that of the folder."""
    by_id: bool = False
    """True where it was known by `server_id`, size and header, and no body was fetched from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A file that `add` brought a message from, with what a Maildir tells of it, and when it was brought first."""

    source: str
    internal_date: datetime | None
    flags: tuple[str, ...]
    brought_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """A message that was seen and not archived, and why."""

    place: Place
    internal_date: datetime | None
    reason: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownUids:
    """What is known of a span of UIDs of a folder: archived and live, left out and why, archived and vanished."""

    archived: frozenset[int]
    excluded: Mapping[int, str]
    """The reason by UID."""
    vanished: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderState:
    """How far a folder has been read. `first_uidnext` parts history from news; `last_uid` is the highest handled."""

    mailbox: str
    folder: str
    uidvalidity: int
    first_uidnext: int
    last_uid: int
    highestmodseq: int
    last_pass: datetime | None
    """When the last complete pass over this folder ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a folder is read once a batch is recorded; commits with the batch."""

    mailbox: str
    folder: str
    last_uid: int
    highestmodseq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """A drafted reply and where it stands (`state` is a `DraftState`)."""

    key: str
    state: str
    message: str
    client: str
    thread: str
    mailbox: str
    subject: str
    body: str
    level: Level
    why: str
    plugin: str
    created_at: datetime
    release_at: datetime
    folder: str
    uidvalidity: int
    uid: int
    """0 until placed."""
    uidnext_before: int
    message_id: str
    digest: str
    """SHA-256 of the bytes that were APPENDed, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """An alert and where it stands (`state` is an `AlertState`); `rung` is the next to be notified."""

    key: str
    state: str
    rule: str
    client: str
    thread: str
    message: str
    severity: str
    title: str
    body: str
    raised_at: datetime
    rung: int
    next_rung_at: datetime | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRow:
    """What is known of a mailbox: `state` is `watched`, `lost` or `new`; `why` and `since` go with `lost`."""

    name: str
    state: str
    kind: str
    why: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow:
    """A plugin as last reported: `state` is `loaded`, `refused` or `set-aside`."""

    name: str
    state: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers for `status`. `backlog` is archived messages that are not judged yet."""

    messages: int
    backlog: int
    held: int
    open_alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages to list; None means any. Times are inclusive at `since`, exclusive at `until`."""

    client: str | None = None
    thread: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    level: Level | None = None
    direction: Direction | None = None
    attachment: bool | None = None
    """Whether they have an attachment; mail whose row was made by an older levelhead is left out either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A search result: the message, and how its newly written text begins, with single spaces between the words.

    `opening` is None for a message that was recorded before openings were kept.
    """

    message: MessageRow
    opening: str | None

    @property
    def whole(self) -> bool:
        """Whether `opening` is all of the text."""
        return self.opening is not None and not self.opening.endswith(MORE)


class Holding(Enum):
    """Rows that follow from facts and messages, by kind, as far as no other question answers them whole."""

    MESSAGE = "message"
    MARK = "mark"
    THREAD = "thread"
    MENTION = "mention"
    CLIENT = "client"
    CLIENT_LABEL = "label of client"
    CORRESPONDENT = "correspondent"
    EXCLUSION = "exclusion"
    ORIGIN = "origin of message"
    TOMBSTONE = "tombstone"
    ERASURE = "erasure"
    """The tombstones' key and the highest number of a message when anything was erased; one row, or none."""
    WORD = "word"
    """The words that a message is found by, as one digest."""
    OPENING = "opening of message number"
    """How its newly written text begins; an index that was made by an older levelhead lacks some."""
    LOST_WORD = "lost word"
    """Words that messages have and that a search does not find them by; a sound index has none, or very odd ones."""
    PART = "part"
    """The tables and whatever else the database consists of."""


Row = tuple[tuple[Any, ...], Mapping[str, object]]
"""A row's key, and its other columns by name."""
