"""What happens on a message's walk: the archive, verdicts, drafts, alerts, the daemon."""

from __future__ import annotations

from datetime import datetime

from levelhead.facts.base import Fact, Part, named
from levelhead.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPart(Part):
    """One point of a verdict."""

    plugin: str
    label: str
    millionths: int
    why: str
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPart(Part):
    """One call of a plugin's hook; `took_us` is microseconds."""

    plugin: str
    hook: str
    took_us: int
    result: str
    error: str


# --- the archive -------------------------------------------------------------------------------


@named("message.archived")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageArchived(Fact):
    """A message's bytes are durable in a volume. `id` is their SHA-256; `offset` and `length` locate its frame."""

    id: str
    seq: int
    volume: int
    offset: int
    length: int
    size: int
    client: str
    direction: str
    thread: str
    thread_joins: tuple[str, ...]
    """Other threads of the same client that this message shows to be the same conversation."""
    received_at: datetime
    history: bool
    same_as: str
    """The id of an earlier copy that travelled another way (same Message-ID and body), or empty."""
    source: str
    frame: str = ""
    """SHA-256 of the frame's own bytes: a changed bit that decompresses to the same message is seen all the same."""
    doubts: tuple[str, ...] = ()
    """Defects that its bytes alone do not show (`size-mismatch`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GmailPart(Part):
    """What a server with Gmail's extensions (X-GM-EXT-1) said of a message at this place; its word alone."""

    id: str
    """X-GM-MSGID in decimal digits, or empty."""
    thread: str
    """X-GM-THRID in decimal digits, or empty."""
    labels: tuple[str, ...]
    """X-GM-LABELS when it was seen here first; that of the folder itself is not among them."""
    refused: tuple[str, ...]
    """Which of `id`, `thread` and `labels` came and could not be believed."""
    by_id: bool
    """True where the message was known by this id, its size and its header, and its body was not fetched from here."""


@named("message.sighted")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSighted(Fact):
    """An archived message was seen at a place on a server."""

    id: str
    mailbox: str
    folder: str
    uidvalidity: int
    uid: int
    internal_date: datetime | None
    flags: tuple[str, ...]
    seen_at: datetime
    sent: bool | None = None
    """Whether it stands among sent mail there, where no stranger delivers; None in entries of an older version."""
    gmail: GmailPart | None = None
    """What Gmail said of it; None from any other server, and in entries of an older version."""


@named("message.brought")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBrought(Fact):
    """An archived message was found in a file by `add`; recorded once for each message and source."""

    id: str
    source: str
    """The path as it was given, with the name inside a packed file; `-` for standard input."""
    internal_date: datetime | None
    """When it was delivered, as far as a Maildir tells."""
    flags: tuple[str, ...]
    """The flags that a Maildir keeps in the file's name, by their IMAP names."""
    brought_at: datetime


@named("message.excluded")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageExcluded(Fact):
    """A message was seen and not archived, for a reason (`scope`, `ignored`, `own-draft`, `draft`, `erased`)."""

    mailbox: str
    folder: str
    uidvalidity: int
    uid: int
    internal_date: datetime | None
    reason: str
    addresses: tuple[str, ...]
    """Who it is between, so that a new correspondent or a wider scope finds it again."""
    seen_at: datetime


@named("message.vanished")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageVanished(Fact):
    """What was sighted is no longer there on the server; the archived copy stays."""

    mailbox: str
    folder: str
    uidvalidity: int
    uids: tuple[int, ...]
    noticed_at: datetime


@named("message.flagged")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFlagged(Fact):
    """The flags of a sighted message changed on the server."""

    mailbox: str
    folder: str
    uidvalidity: int
    uid: int
    flags: tuple[str, ...]
    noticed_at: datetime


@named("message.relabelled")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRelabelled(Fact):
    """A changed directory of clients gave an archived message another client or direction."""

    id: str
    client: str
    direction: str
    thread: str


@named("correspondent.found")
@dataclass(frozen=True, slots=True, kw_only=True)
class CorrespondentFound(Fact):
    """I wrote to this address for the first time, so its mail is in scope from now on."""

    address: str
    message: str
    found_at: datetime


@named("folder.opened")
@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOpened(Fact):
    """A folder was examined for the first time under this UIDVALIDITY; UIDs below `uidnext` are history."""

    mailbox: str
    folder: str
    uidvalidity: int
    uidnext: int
    opened_at: datetime


@named("folder.renumbered")
@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRenumbered(Fact):
    """The server changed a folder's UIDVALIDITY; nothing local was deleted, its messages are looked at again."""

    mailbox: str
    folder: str
    old: int
    new: int
    noticed_at: datetime


@named("volume.repaired")
@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRepaired(Fact):
    """An incomplete last frame, left by a crash before its message was acknowledged, was cut off."""

    volume: int
    cut_bytes: int
    at_offset: int


@named("volume.adopted")
@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeAdopted(Fact):
    """A whole frame that the index did not know was taken in; the crash came between bytes and commit."""

    id: str
    volume: int
    offset: int


@named("index.rebuilt")
@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRebuilt(Fact):
    """The index was made again from volumes and ledger."""

    messages: int
    facts: int


# --- judging -----------------------------------------------------------------------------------


@named("message.judged")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageJudged(Fact):
    """A message was screened and weighed; the points sum to `millionths`, which is None for level unknown."""

    id: str
    level: str
    millionths: int | None
    because: tuple[PointPart, ...]
    labels: tuple[str, ...]
    complete: bool
    decided_by: str
    calls: tuple[CallPart, ...]
    no_draft: str
    judged_at: datetime


@named("message.marked")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageMarked(Fact):
    """A person said what level a message really is; only this client's calibration follows."""

    id: str
    level: str
    why: str
    actor: str


@named("mark.undone")
@dataclass(frozen=True, slots=True, kw_only=True)
class MarkUndone(Fact):
    """A person took a mark back."""

    id: str
    actor: str


# --- held drafts -------------------------------------------------------------------------------


@named("draft.held")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftHeld(Fact):
    """A reply was drafted and is held back until `release_at`."""

    key: str
    message: str
    client: str
    thread: str
    mailbox: str
    subject: str
    body: str
    level: str
    why: str
    plugin: str
    created_at: datetime
    release_at: datetime


@named("draft.superseded")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSuperseded(Fact):
    """The conversation went on (`by` is the newer message), so the draft is obsolete."""

    key: str
    by: str
    why: str


@named("draft.extended")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftExtended(Fact):
    """A person made the cool-down longer."""

    key: str
    release_at: datetime
    actor: str


@named("draft.released")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReleased(Fact):
    """A person ended the cool-down early and said why; the draft is placed next."""

    key: str
    release_at: datetime
    why: str
    actor: str


@named("draft.rescheduled")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRescheduled(Fact):
    """The machine's clock was set by `by_seconds`, and the end of the cool-down went along: it lasts as long."""

    key: str
    release_at: datetime
    by_seconds: int


@named("draft.cancelled")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftCancelled(Fact):
    """A person threw the draft away."""

    key: str
    actor: str


@named("draft.expired")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftExpired(Fact):
    """The cool-down ended too long after the message (`stale_after`), or after drafting was switched off; see `why`."""

    key: str
    why: str


@named("draft.placing")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPlacing(Fact):
    """The intent to APPEND, with the folder's UIDNEXT before it, so that a crash is told from a person's act."""

    key: str
    folder: str
    uidvalidity: int
    uidnext: int
    message_id: str
    digest: str


@named("draft.placed")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPlaced(Fact):
    """The draft stands in the Drafts folder; `stripped` names headers that the server did not keep."""

    key: str
    folder: str
    uidvalidity: int
    uid: int
    stripped: tuple[str, ...]
    placed_at: datetime


@named("draft.handled")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftHandled(Fact):
    """A person edited, moved, sent or deleted the placed draft: it is theirs, and never touched again."""

    key: str
    why: str


@named("draft.removed")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRemoved(Fact):
    """Our own unedited draft, obsolete by now, was taken out of the Drafts folder."""

    key: str


@named("draft.left")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLeft(Fact):
    """An obsolete draft stays in the Drafts folder because it cannot be removed alone (no UIDPLUS)."""

    key: str
    why: str


@named("draft.failed")
@dataclass(frozen=True, slots=True, kw_only=True)
class DraftFailed(Fact):
    """The draft could not be placed; an alert says so."""

    key: str
    why: str


# --- alerts ------------------------------------------------------------------------------------


@named("alert.raised")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Fact):
    """An alert was opened; it climbs the ladder from `next_rung_at` until acknowledged or answered."""

    key: str
    rule: str
    client: str
    thread: str
    message: str
    severity: str
    title: str
    body: str
    plugin: str
    raised_at: datetime
    next_rung_at: datetime | None


@named("alert.counted")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCounted(Fact):
    """The same trouble again: counted onto the open alert instead of a new one."""

    key: str
    message: str
    severity: str
    counted_at: datetime


@named("alert.notified")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNotified(Fact):
    """A channel took the alert for this rung (0 is the first)."""

    key: str
    rung: int
    channel: str
    detail: str
    notified_at: datetime


@named("alert.undelivered")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertUndelivered(Fact):
    """A channel did not take the alert; it is tried again, or `final` says not."""

    key: str
    rung: int
    channel: str
    why: str
    final: bool


@named("alert.climbed")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertClimbed(Fact):
    """The ladder moved on: `rung` is notified next, at `next_rung_at` (None: the ladder has ended)."""

    key: str
    rung: int
    next_rung_at: datetime | None


@named("alert.rescheduled")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRescheduled(Fact):
    """The machine's clock was set by `by_seconds`, and the next rung (or the end of the quiet) went along."""

    key: str
    next_rung_at: datetime
    by_seconds: int


@named("alert.acknowledged")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAcknowledged(Fact):
    """Somebody said "I have it": every later rung stops at once."""

    key: str
    actor: str


@named("alert.snoozed")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSnoozed(Fact):
    """Quiet until then; the ladder goes on afterwards."""

    key: str
    until: datetime
    actor: str


@named("alert.answered")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAnswered(Fact):
    """My own reply was seen, so the alert ended by itself; `by` is that message."""

    key: str
    by: str


@named("alert.resolved")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlertResolved(Fact):
    """The trouble that raised the alert is over (a mailbox is back, a plugin works again)."""

    key: str
    why: str


# --- the daemon --------------------------------------------------------------------------------


@named("daemon.started")
@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStarted(Fact):
    """The daemon (or one full pass of `run --once`) began."""

    version: str
    started_at: datetime


@named("daemon.stopped")
@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStopped(Fact):
    """The daemon ended on purpose."""

    why: str
    stopped_at: datetime


@named("mailbox.lost")
@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxLost(Fact):
    """A mailbox cannot be watched; `kind` is `connection`, `busy`, `login`, `tls`, `folders`, `unseen` or `daemon`."""

    mailbox: str
    kind: str
    why: str
    since: datetime


@named("mailbox.watched")
@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxWatched(Fact):
    """A mailbox is watched (again); the gap from `blind_since` to `watched_at` is on record."""

    mailbox: str
    blind_since: datetime | None
    watched_at: datetime
    told: bool | None = None
    """Whether that gap was long enough for a `mailbox.unwatched`; None in entries of an older version."""


@named("plugin.loaded")
@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLoaded(Fact):
    """A plugin's code was taken in; `digest` is the SHA-256 of the file that runs."""

    plugin: str
    origin: str
    digest: str


@named("plugin.refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRefused(Fact):
    """A plugin was not loaded, and why."""

    plugin: str
    why: str


@named("plugin.set_aside")
@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSetAside(Fact):
    """A plugin failed so often that it is asked no more until the next start or reload."""

    plugin: str
    why: str


@named("plugin.gone")
@dataclass(frozen=True, slots=True, kw_only=True)
class PluginGone(Fact):
    """A plugin that was known is not there any more: its file was taken away or it was disabled."""

    plugin: str


@named("config.loaded")
@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigLoaded(Fact):
    """A configuration took effect; `digest` is the SHA-256 of the file."""

    digest: str


@named("config.refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefused(Fact):
    """A reload was asked for and the file was bad; the old configuration runs on."""

    why: str


@named("clock.jumped")
@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped(Fact):
    """The machine slept for `by_seconds`, or somebody set its clock by as much (below zero: back); `why` says which."""

    by_seconds: int
    noticed_at: datetime
    why: str = ""
    """Empty in ledgers from before levelhead told the two apart."""


@named("note.taken")
@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTaken(Fact):
    """A person wrote down a call or a decision about a client."""

    client: str
    text: str
    actor: str
