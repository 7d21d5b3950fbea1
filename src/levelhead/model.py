"""The nouns that walk from room to room: frozen values, no I/O, nothing of ours imported but `raw` and `values`.

What plugin authors write (`Finding`, `Draft`, `Hold`, `Alert`) may be positional; the rest is keyword-only.
A naive datetime is refused wherever one is taken.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from levelhead.raw import Raw
from levelhead.values import dataclass, field

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
"""What a label looks like: lower-case words joined by hyphens."""


def _aware(name: str, moment: datetime | None) -> None:
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"{name} has no time zone: {moment!r}; use datetime.now(timezone.utc) or similar")


def _text(name: str, value: object, *, empty: bool = False) -> None:
    if not isinstance(value, str) or not (empty or value.strip()):
        raise ValueError(f"{name} must be a text{'' if empty else ' that is not empty'}, not {value!r}")


class Level(StrEnum):
    """How heated a message is; ordered CALM < TENSE < HEATED < HOSTILE. UNKNOWN has no score and no rank."""

    CALM = "calm"
    TENSE = "tense"
    HEATED = "heated"
    HOSTILE = "hostile"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """0 (calm) to 3 (hostile); UNKNOWN counts as TENSE, because not knowing is held, not waved through."""
        return {"calm": 0, "tense": 1, "heated": 2, "hostile": 3, "unknown": 1}[self.value]


class Direction(StrEnum):
    """Who wrote: IN the client, OUT one of my identities, OTHER somebody else in the conversation."""

    IN = "in"
    OUT = "out"
    OTHER = "other"


class Severity(StrEnum):
    """How loud an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return {"info": 0, "warning": 1, "critical": 2}[self.value]


# --- where a message is seen, and how it arrives ----------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server keeps a message (RFC 3501, section 2.3.1.1)."""

    mailbox: str
    folder: str
    uidvalidity: int
    uid: int


SIZE_MISMATCH = "size-mismatch"
"""The defect of a message whose server sent it twice alike and announced another size (RFC822.SIZE)."""
UNREAD = "unread"
"""The defect, with a reason behind it, of a message that no parser could read: only its header block was looked at."""
HEADERS_UNREAD = "headers-unread"
"""The defect of one whose header block could not be read either."""
ERASED = "erased"
"""The reason in `message.excluded` for a message that was erased here and still stands on its server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gmail:
    """What a server with Gmail's extensions to IMAP (X-GM-EXT-1) says of a message at one place; its word alone."""

    id: str = ""
    """X-GM-MSGID in decimal digits, the same wherever this account shows the message; empty when it is not known."""
    thread: str = ""
    """X-GM-THRID in decimal digits, or empty."""
    labels: tuple[str, ...] = ()
    """X-GM-LABELS, sorted; system labels begin with a backslash. That of the folder itself is not among them."""
    refused: tuple[str, ...] = ()
    """Which of `id`, `thread` and `labels` came and could not be believed; what could be read of labels is kept."""
    by_id: bool = False
    """True where the archived message was known by this id, by its size and by its header, and no body was fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message as a room of ours receives it. `place` is None for what `add` brings; `flags` are IMAP's."""

    raw: Raw
    place: Place | None = None
    internal_date: datetime | None = None
    flags: tuple[str, ...] = ()
    history: bool = False
    """True when it was there before we watched: archived and scored, but no draft and no alert."""
    source: str = ""
    """For `add`: the path it came from."""
    doubts: tuple[str, ...] = ()
    """Defects that its bytes alone do not show: `SIZE_MISMATCH`."""
    sent: bool = False
    """True when it was found in a folder for sent mail, where no stranger delivers."""
    gmail: Gmail | None = None
    """What Gmail says of it; None from any other server."""

    def __post_init__(self) -> None:
        _aware("internal_date", self.internal_date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The archive's word that a message is durable. `fresh` is False when its bytes were already there.

    `erased`: it was erased once and is not archived again, so that `seq` is 0 and nothing of it is kept.
    """

    message_id: str
    digest: str
    seq: int
    fresh: bool
    erased: bool = False


# --- a message, read --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One mailbox of RFC 5322: `address` is the bare addr-spec, domain lower-case; `name` the display name."""

    address: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part of a message that is not its text. `name` is the sender's word: never a path to write to."""

    name: str
    type: str
    size: int
    digest: str


READING = 1
"""Which way of reading mail this program has: raised whenever the same bytes may give another `Parsed`, so that what an
index has by an earlier reading is told from what somebody changed in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What the bytes alone say; made by `archive.parse`, which never raises and lists `defects` instead."""

    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    subject: str = ""
    date: datetime | None = None
    message_id: str = ""
    """The Message-ID with its angle brackets, or empty."""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    """All fields in order, decoded, control characters removed."""
    text: str = ""
    new_text: str = ""
    """The newly written part: quotes, signature, disclaimer and forwarded parts set aside."""
    whole_judged: bool = False
    """True when setting aside would have taken too much, so that `new_text` is the whole text."""
    language: str = ""
    """ISO 639-1, or empty when it is not known."""
    attachments: tuple[Attachment, ...] = ()
    automatic: str = ""
    """Why a machine wrote this (`list`, `bulk`, `bounce`, `auto-reply`, `calendar`, `no-reply`), or empty."""
    encrypted: bool = False
    body_digest: str = ""
    """SHA-256 over what is the same in two copies that travelled different ways: the body and its MIME type."""
    defects: tuple[str, ...] = ()
    heard: str = ""
    """How the words read (`heat.heard.packed`), where that was asked for besides; empty otherwise."""

    def __post_init__(self) -> None:
        _aware("date", self.date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One archived message, as plugins see it. `id` is the SHA-256 of its raw bytes."""

    id: str
    seq: int
    client: str
    direction: Direction
    sender: Address | None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    date: datetime | None = None
    received_at: datetime
    text: str = ""
    new_text: str = ""
    whole_judged: bool = False
    """True when setting aside would have taken too much, so that `new_text` is the whole text."""
    language: str = ""
    thread_key: str = ""
    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()
    automatic: str = ""
    encrypted: bool = False
    history: bool = False
    size: int = 0
    defects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _aware("date", self.date)
        _aware("received_at", self.received_at)

    def header(self, name: str) -> str | None:
        """The first field of that name, whatever its case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One earlier message of a thread, short enough to keep many."""

    id: str
    direction: Direction
    received_at: datetime
    sender: str
    subject: str
    level: Level | None = None
    score: float | None = None
    recipients: tuple[str, ...] = ()
    """Lower-case addresses in To and Cc, each once."""
    labels: tuple[str, ...] = ()
    """The labels of its verdict, strongest first; empty when it is not judged."""
    certain: bool = True
    """False for mail in my name (`out`) that was seen in a mailbox and never in a folder for sent mail."""

    def __post_init__(self) -> None:
        _aware("received_at", self.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation with one client; `messages` are the earlier ones, oldest first, at most the last 50."""

    key: str
    client: str
    messages: tuple[Past, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a client's own past says: how many messages were judged, their mean score, marks by level, labels."""

    judged: int = 0
    mean: float = 0.0
    deviation: float = 0.0
    marks: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    """How many of the judged messages had each label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client: many addresses, one history."""

    name: str
    addresses: tuple[str, ...] = ()
    language: str = ""
    notes: str = ""
    listed: bool = False
    """True when the configuration names them, False for a correspondent that was found."""
    first_contact: datetime | None = None
    calibration: Calibration = field(default_factory=Calibration)

    def __post_init__(self) -> None:
        _aware("first_contact", self.first_contact)


# --- what plugins say --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """What a `detect` plugin noticed. `strength` is -1..1 (negative calms); `quotes` are words of the message."""

    label: str
    strength: float
    why: str = ""
    quotes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.label, str) or not SLUG.match(self.label):
            raise ValueError(f"a label is lower-case words joined by hyphens, not {self.label!r}")
        if isinstance(self.strength, bool) or not isinstance(self.strength, int | float):
            raise ValueError(f"strength must be a number from -1 to 1, not {self.strength!r}")
        if not math.isfinite(self.strength) or not -1 <= self.strength <= 1:
            raise ValueError(f"strength must be from -1 to 1, not {self.strength!r}")
        _text("why", self.why, empty=True)
        if isinstance(self.quotes, str):
            raise ValueError("quotes must be a tuple of texts, not one text")
        object.__setattr__(self, "strength", float(self.strength))
        object.__setattr__(self, "quotes", tuple(self.quotes))
        for quote in self.quotes:
            _text("a quote", quote)


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply that a plugin proposes. It is only ever placed in the Drafts folder, never sent."""

    subject: str
    body: str

    def __post_init__(self) -> None:
        _text("subject", self.subject, empty=True)
        _text("body", self.body)


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the draft back until then; of several holds the latest wins."""

    until: datetime
    why: str

    def __post_init__(self) -> None:
        if not isinstance(self.until, datetime):
            raise ValueError(f"until must be a datetime, not {self.until!r}")
        _aware("until", self.until)
        _text("why", self.why)
        object.__setattr__(self, "until", self.until.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Alert:
    """A call for help. `key` names the rule; one alert is open per client, thread and key at a time."""

    key: str
    severity: Severity
    title: str
    body: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not SLUG.match(self.key):
            raise ValueError(f"an alert's key is lower-case words joined by hyphens, not {self.key!r}")
        object.__setattr__(self, "severity", Severity(self.severity))
        _text("title", self.title)
        _text("body", self.body, empty=True)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A transport's word that an alert has left; `detail` is shown to the operator."""

    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A finding with the name of the plugin that said it, stamped by the host."""

    plugin: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A plugin's call that did not answer well. `took` is in seconds."""

    plugin: str
    hook: str
    error: str
    took: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The record of one call of one plugin, for `explain`. `took_ms` is milliseconds."""

    plugin: str
    hook: str
    took_ms: float
    result: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """All that the `detect` plugins said of one message."""

    message_id: str
    noted: tuple[Noted, ...] = ()
    failures: tuple[Failure, ...] = ()
    unknown: str = ""
    """Why the message cannot be judged (no text, unsupported language, encrypted), or empty."""
    first_contact: bool = False
    """Whether nothing was exchanged with this client before the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One named share of a score; the points of a verdict sum to its score exactly (in millionths)."""

    plugin: str
    label: str
    millionths: int
    why: str = ""
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How heated a message is and why. `millionths` is the score, 0..1,000,000, None when `level` is UNKNOWN."""

    level: Level
    millionths: int | None
    because: tuple[Point, ...] = ()
    labels: tuple[str, ...] = ()
    complete: bool = True
    """False when a plugin that should have been heard was not; the hold is then at least that of HEATED."""
    decided_by: str = "weigh"

    def __post_init__(self) -> None:
        if (self.millionths is None) != (self.level is Level.UNKNOWN):
            raise ValueError("a verdict has a score unless its level is unknown")
        if self.millionths is not None:
            if not 0 <= self.millionths <= 1_000_000:
                raise ValueError(f"a score is from 0 to 1, not {self.millionths / 1e6}")
            if self.because and sum(point.millionths for point in self.because) != self.millionths:
                raise ValueError("the points of a verdict must sum to its score")

    @property
    def score(self) -> float | None:
        """0..1, or None when unknown."""
        return None if self.millionths is None else self.millionths / 1_000_000


# --- what follows ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDraft:
    """A draft on its way into being held. `key` never derives from a thread."""

    key: str
    draft: Draft
    release_at: datetime
    why: str

    def __post_init__(self) -> None:
        _aware("release_at", self.release_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedAlert:
    """An alert to open (`repeat_of` empty) or to count onto the open one whose key `repeat_of` names."""

    key: str
    alert: Alert
    next_rung_at: datetime | None
    repeat_of: str = ""

    def __post_init__(self) -> None:
        _aware("next_rung_at", self.next_rung_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that follows from one verdict; carried out in one transaction."""

    drafts: tuple[HeldDraft, ...] = ()
    alerts: tuple[RaisedAlert, ...] = ()
    superseded: tuple[str, ...] = ()
    """Keys of held or placed drafts that this message makes obsolete."""
    answered: tuple[str, ...] = ()
    """Keys of open alerts that this message (my own reply) answers."""
    no_draft: str = ""
    """Why nothing is drafted, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something owed. `lane` is the worker that pays it: `work`, or a mailbox's name; `attempt` counts from 0."""

    id: int
    lane: str
    kind: str
    key: str
    subject: str
    due_at: datetime
    attempt: int = 0

    def __post_init__(self) -> None:
        _aware("due_at", self.due_at)


@dataclass(frozen=True, slots=True)
class Done:
    """The debt is paid."""


@dataclass(frozen=True, slots=True)
class Again:
    """Not yet; try at `at`."""

    at: datetime
    why: str

    def __post_init__(self) -> None:
        _aware("at", self.at)


@dataclass(frozen=True, slots=True)
class Never:
    """It cannot be paid; a person is told."""

    why: str


Outcome = Done | Again | Never
