"""What makes the record provable: checkpoints, witnesses, signatures of others, gaps; what was given away or erased."""

from __future__ import annotations

from datetime import datetime

from levelhead.facts.base import Fact, Part, named
from levelhead.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePart(Part):
    """One DKIM signature of a message (RFC 6376) and what was found; `result` as in RFC 8601 section 2.7.1."""

    domain: str
    selector: str
    result: str
    why: str
    key: str
    """The DNS name of its key; empty when the signature names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart(Part):
    """A DNS TXT record as it was answered, which is what a signature can be proven by when the key is gone."""

    name: str
    record: str
    """The record's octets in base64; empty when there was none."""
    answer: str
    """`found`, `none` (the domain says that there is no such key) or `failed` (nobody answered)."""
    dnssec: str
    """`secure` (the resolver says that it validated the answer), `insecure`, or `unknown`."""
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPart(Part):
    """One folder held against its server; the numbers count UIDs. `gone` are archived ones that vanished meanwhile."""

    folder: str
    uidvalidity: int
    on_server: int
    archived: int
    excluded: int
    gone: int
    unexplained: tuple[int, ...]
    """UIDs on the server that are neither archived nor excluded for a reason; the first hundred."""
    newer: int = 0
    """Messages that came after the folder was read last; they are no part of `on_server`."""
    why: str = ""
    """Why the folder could not be compared; empty when it was."""


@named("checkpoint.signed")
@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSigned(Fact):
    """The ledger's first `size` entries were signed as they stood; `note` is a signed note of C2SP, whole."""

    size: int
    root: str
    note: str
    verifier: str
    """The public half of the key that signed, as C2SP signed-note writes it."""


@named("anchor.stamped")
@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorStamped(Fact):
    """A time-stamp authority (RFC 3161) stamped a checkpoint."""

    size: int
    root: str
    authority: str
    token: str
    """The authority's whole answer, DER in base64."""
    stamped_at: datetime


@named("anchor.witnessed")
@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorWitnessed(Fact):
    """A checkpoint was told to a witness through a channel, outside of this machine."""

    size: int
    root: str
    channel: str
    told_at: datetime


@named("anchor.failed")
@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorFailed(Fact):
    """An authority or a witness could not be reached; it is tried again. Written once a day while it lasts."""

    size: int
    anchor: str
    """The authority's URL or the channel's name."""
    why: str


@named("message.authenticated")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAuthenticated(Fact):
    """What the signatures of a message said soon after it came in, with the keys that they were checked by."""

    id: str
    checked_at: datetime
    resolver: str
    """The address of the DNS server that was asked."""
    signatures: tuple[SignaturePart, ...]
    unchecked: int
    """How many more signatures the message has that nobody looked at."""
    chain: str
    """What ARC (RFC 8617) says: `none`, `pass`, `fail` or `temperror`."""
    chain_why: str
    keys: tuple[KeyPart, ...]
    unfit: str = ""
    """Why no signature could be held against the message (it is too large, its header is not well-formed), or empty."""


@named("mailbox.unwatched")
@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxUnwatched(Fact):
    """Nobody watched a mailbox in this time: what came and went in it meanwhile was not seen."""

    mailbox: str
    since: datetime
    until: datetime
    why: str


@named("server.compared")
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCompared(Fact):
    """Every folder of a mailbox was counted against the archive."""

    mailbox: str
    ok: bool
    folders: tuple[ComparedPart, ...]
    compared_at: datetime


@named("pack.exported")
@dataclass(frozen=True, slots=True, kw_only=True)
class PackExported(Fact):
    """Evidence about a client was handed out; `size` and `root` are those of the checkpoint that it was made at."""

    client: str
    actor: str
    size: int
    root: str
    messages: int
    manifest: str
    """The SHA-256 of the pack's manifest."""
    part: bool
    """Whether only some messages were asked for."""


@named("backup.made")
@dataclass(frozen=True, slots=True, kw_only=True)
class BackupMade(Fact):
    """The archive was copied; `size` and `root` are those of the ledger in the copy."""

    actor: str
    size: int
    root: str
    files: int
    manifest: str
    """The SHA-256 of the copy's manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePart(Part):
    """Where the bytes of an erased message lay; blank since then."""

    volume: int
    offset: int
    length: int


@named("case.held")
@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHeld(Fact):
    """A person said that a case needs a client's record: nothing of it is purged or erased until the case ends.

    `since` and `until` bound the times of receipt of the messages that it needs; None: no bound.
    """

    case: str
    client: str
    since: datetime | None
    until: datetime | None
    why: str
    actor: str
    held_at: datetime


@named("case.ended")
@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEnded(Fact):
    """A person said that a case needs nothing any more."""

    case: str
    why: str
    actor: str


@named("erasure.keyed")
@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureKeyed(Fact):
    """The key of this archive's tombstones was made; recorded once, before the first erasure.

    The log shows its name alone, and `observe` does not get it.
    """

    key: str
    """32 random bytes in hex."""


@named("erasure.refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRefused(Fact):
    """An erasure was asked for and refused, because these cases need the record; nothing was erased."""

    client: str
    cases: tuple[str, ...]
    why: str
    """The refusal as it was told, with its dates."""
    actor: str


@named("messages.erased")
@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesErased(Fact):
    """Messages were erased, and with them the salts and payloads of the entries that told of them.

    Their leaves stay, so that the tree does not notice.
    """

    client: str
    """Whose they were; empty when they were of several."""
    messages: int
    entries: tuple[str, ...]
    """The entries whose salt and payload were erased: `N`, or `N-M` for N up to and including M; ascending."""
    frames: tuple[FramePart, ...]
    tombstones: tuple[str, ...]
    """HMAC-SHA-256 of each id by the archive's key, in hex: a message is known again by it, and not found by it."""
    last_seq: int
    """The highest number of a message that was given out so far, so that none is given out twice."""
    why: str
    actor: str
    erased_at: datetime


@named("erasure.finished")
@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureFinished(Fact):
    """All that an erasure had to rewrite is rewritten: volumes, the ledger's files, the index and its log."""

    entry: int
    """The entry of the `messages.erased`."""
