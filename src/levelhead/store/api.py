"""The store in our words: what the rooms may ask and write, whatever the database.

Rules that every backend keeps (the contract suite in `tests/store/contract` checks them):

- A `Tx` is one short write transaction (`BEGIN IMMEDIATE` on SQLite). Whoever is handed one never commits.
- `tx.record(fact)` appends the fact to the ledger *and* changes the tables that the fact is about, so that the
  index can be made again by replaying the ledger. Tables of messages, sightings, verdicts, drafts, alerts, marks,
  mailboxes and plugins change in no other way. Cursors, jobs and meta are not facts.
- Nothing here asks what time it is: a transaction is opened with `now`.
- Keys of drafts and alerts and ids of messages are found by any unique prefix (messages: at least 8 characters);
  an unknown or ambiguous one raises UserError with one helpful sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from levelhead.model import Calibration, Job, Outcome, Parsed, Past
from levelhead.store.api_rows import (
    AlertRow,
    Counts,
    Cursor,
    DraftRow,
    Entry,
    Excluded,
    FolderState,
    Hit,
    Holding,
    KnownUids,
    MailboxRow,
    MessageFilter,
    MessageRow,
    Origin,
    PluginRow,
    Row,
    Sighting,
)

READ_BY = "read-by"
"""The meta key of how the messages in an index were read (`model.READING`) by whoever made it, so that a verifier tells
an older reading from damage. An index from before that was noted has none."""

if TYPE_CHECKING:
    from levelhead.facts import AlertNotified, Fact, MessageArchived, MessageJudged

__all__ = [
    "EVIDENCE",
    "READ_BY",
    "WORK",
    "AlertRow",
    "Counts",
    "Cursor",
    "DraftRow",
    "Entry",
    "Excluded",
    "FolderState",
    "Hit",
    "Holding",
    "KnownUids",
    "MailboxRow",
    "MessageFilter",
    "MessageRow",
    "Origin",
    "PluginRow",
    "Row",
    "Sighting",
    "Store",
    "Tx",
    "mailbox_lane",
]

WORK = "work"
"""The lane of jobs that the worker pays; a mailbox's lane is `mailbox_lane(name)`."""

EVIDENCE = "evidence"
"""The lane of jobs that ask somebody outside for a proof: in a loop of its own, so that nobody waits for them."""


def mailbox_lane(mailbox: str) -> str:
    """The lane of jobs that only this mailbox's own thread may pay."""
    return f"mailbox:{mailbox}"


def kept_note(mailbox: str) -> str:
    """The key of the word that is kept about a mailbox for whoever asks how it stands; empty when nothing is to say."""
    return f"mailbox.note:{mailbox}"


class Tx(Protocol):
    """One write transaction. Everything in it commits together or not at all."""

    @property
    def now(self) -> datetime:
        """The time that the transaction was opened with; facts in it bear this time."""

    def record(self, fact: Fact) -> None:
        """Append the fact to the ledger and change what it is about; raises WrongState for an impossible step."""

    def archive(self, fact: MessageArchived, parsed: Parsed) -> None:
        """Record an archived message together with what its bytes say (the parsed part is not in the ledger)."""

    def play(self, fact: Fact, parsed: Parsed) -> None:
        """Change what a fact of another ledger is about, without an entry of one's own; errors as `record`.

        For an index that is made to be compared with the other one, and thrown away. `parsed` is what a message says
        that the fact archives; with any other it is not looked at.
        """

    def advance(self, mailbox: str, folder: str, *, last_uid: int, highestmodseq: int | None = None) -> None:
        """Move a folder's cursor forward; a lower `last_uid` than the stored one is ignored."""

    def end_pass(self, mailbox: str, folder: str) -> None:
        """Note that a complete pass over the folder ended now."""

    def add_job(self, lane: str, kind: str, key: str, subject: str, due_at: datetime) -> None:
        """Owe something. A job of the same key is kept, with the new `due_at` and attempt 0."""

    def drop_job(self, key: str) -> None:
        """Owe it no longer; nothing happens when there is no such job."""

    def move_jobs(self, by: timedelta) -> None:
        """Put off (or bring forward) by as much whatever is owed; of what is being paid now, only the lease's end."""

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Done removes the job; Again puts it off and counts the attempt; Never keeps it as failed, with its why.

        A job whose `due_at` was changed since it was claimed (a person extended it) keeps the newer one on Done.
        """

    def set_meta(self, key: str, value: str) -> None:
        """Keep one word for ourselves."""

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Entries from `start` to the end, those of this transaction too."""

    def erase(self, entries: Iterable[int]) -> None:
        """Take salt and payload of these entries out of the ledger; their leaves stay. Some may be gone already."""

    def take_over(self, fresh: Store) -> None:
        """Let everything that follows from facts be as in `fresh`: messages, words, sightings, drafts, alerts.

        `fresh` is another store of this backend, played from this ledger without the erased entries; its ledger must
        be as long. Cursors, jobs, meta and the ledger itself stay as they are. ProgrammerError for any other store.
        """

    def drop_jobs_about(self, subjects: Iterable[str]) -> None:
        """Owe nothing any more that is about these messages, drafts or alerts."""

    # Reads inside the transaction, for decisions that must not race. Same meaning as on `Store`.
    def draft(self, key: str) -> DraftRow: ...
    def drafts(
        self, *, states: Sequence[str] | None = None, thread: str | None = None
    ) -> tuple[DraftRow, ...]: ...
    def alert(self, key: str) -> AlertRow: ...
    def alerts(
        self, *, states: Sequence[str] | None = None, thread: str | None = None, client: str | None = None
    ) -> tuple[AlertRow, ...]: ...
    def message(self, prefix: str) -> MessageRow: ...
    def origins(self, message: str) -> tuple[Origin, ...]: ...
    def judged(self, message: str) -> MessageJudged | None: ...
    def folder(self, mailbox: str, folder: str) -> FolderState | None: ...
    def meta(self, key: str) -> str | None: ...


class Store(Protocol):
    """The index, the jobs and the ledger. Safe to use from several threads and beside other processes."""

    def transaction(self, now: datetime) -> AbstractContextManager[Tx]:
        """Open a write transaction; commits at the end, rolls back on an exception; StoreLocked when it stays busy."""

    def hurry(self, asked: Callable[[], bool]) -> None:
        """Once `asked()` is true no write waits long for another, because somebody wants to end."""

    def close(self) -> None:
        """Give back every connection; the store is asked no more."""

    def copy_to(self, path: Path) -> None:
        """Write the index as it stands at one moment into a new file, durably; others may write meanwhile.

        Raises UserError when something is there already, DiskFull and DiskFailed as a transaction does.
        """

    def version(self) -> int:
        """A number that changes when another connection or process has written; cheap enough to ask every second."""

    # messages
    def known(self, ids: Sequence[str]) -> Mapping[str, int]:
        """Which of these message ids are archived, with their seq."""

    def message(self, prefix: str) -> MessageRow:
        """The one message whose id begins so; UserError for none, for several, and below 8 characters."""

    def messages(self, wanted: MessageFilter, *, limit: int | None = None) -> Iterator[MessageRow]:
        """In order of seq."""

    def last_seq(self) -> int:
        """The highest seq given out, 0 for none; that of an erased message is never given out again."""

    def erased(self, ids: Iterable[str]) -> frozenset[str]:
        """Which of these ids were erased, as far as tombstones tell."""

    def sightings(self, message: str) -> tuple[Sighting, ...]:
        """Where a message (its whole id) was seen, first seen first, vanished ones too; empty for an unknown id."""

    def origins(self, message: str) -> tuple[Origin, ...]:
        """The files that a message (its whole id) was brought from, the first one first; empty for an unknown id."""

    def judged(self, message: str) -> MessageJudged | None:
        """The latest verdict on a message (its whole id); None when it is not judged or not known."""

    def marks(self, message: str) -> str | None:
        """The level that a person gave, or None."""

    def copy_of(self, message_id: str, body_digest: str) -> str:
        """The id of an archived message with this Message-ID and body, or empty."""

    def named(self, message_ids: Iterable[str]) -> tuple[MessageRow, ...]:
        """Archived messages of any client that bear one of these Message-IDs, the latest last."""

    def threads_of(self, client: str, message_ids: Iterable[str]) -> tuple[str, ...]:
        """Canonical keys of this client's threads that hold or mention any of these Message-IDs, oldest first."""

    def past(self, thread: str, *, before_seq: int | None = None, limit: int = 50) -> tuple[Past, ...]:
        """The latest messages of a thread, oldest first."""

    def calibration(self, client: str) -> Calibration:
        """What is normal for this client; for one without judged messages, a Calibration that knows nothing."""

    def first_contact(self, client: str) -> datetime | None:
        """When this client's earliest message was received, either way; None without any.

        Mail in my name that mailboxes showed, and none of them among sent mail, is no contact.
        """

    def clients(self) -> tuple[str, ...]:
        """Names of all clients with archived messages, in order of the alphabet."""

    def correspondents(self) -> frozenset[str]:
        """Addresses (lower-case) that I have written to."""

    def search(self, query: str, wanted: MessageFilter, *, limit: int = 50) -> Iterator[Hit]:
        """Full text over subject, people and new text, best first; a malformed query raises UserError."""

    # folders
    def folder(self, mailbox: str, folder: str) -> FolderState | None:
        """How far a folder is read; None when it was never opened."""

    def folders(self, mailbox: str | None = None) -> tuple[FolderState, ...]:
        """All folders that were ever opened, of one mailbox or of all, by name."""

    def live_uids(
        self, mailbox: str, folder: str, uidvalidity: int, *, first: int = 1, last: int | None = None
    ) -> frozenset[int]:
        """UIDs from `first` to `last` (None: no end) sighted or excluded there and not vanished."""

    def known_uids(self, mailbox: str, folder: str, uidvalidity: int, first: int, last: int) -> KnownUids:
        """What is known of the UIDs from `first` to `last` there; what was excluded and vanished is not."""

    def excluded(self, mailbox: str, folder: str, uidvalidity: int) -> Iterator[Excluded]:
        """What was left out there and has not vanished, by UID."""

    def named_by_server(self, mailbox: str, server_id: str) -> tuple[tuple[str, int], ...]:
        """Id and size of messages that a mailbox has shown under this id of its server's, the latest archived first.

        At most eight of such sightings are looked at, however often a server gives an id.
        """

    # what is owed
    def claim(self, lane: str, now: datetime, *, limit: int, lease_seconds: float) -> tuple[Job, ...]:
        """Take due jobs of a lane, oldest due first, in a tiny transaction; a claim ends with its lease."""

    def next_due(self, lane: str) -> datetime | None:
        """When the next job of a lane falls due (or its lease ends), None when nothing is owed."""

    def failed_jobs(self) -> tuple[tuple[Job, str], ...]:
        """Jobs that were settled with Never, and why."""

    # drafts and alerts
    def draft(self, key: str) -> DraftRow:
        """The draft of that key, or the one whose key begins so; UserError for none and for several."""

    def drafts(
        self, *, states: Sequence[str] | None = None, thread: str | None = None, message: str | None = None
    ) -> tuple[DraftRow, ...]:
        """Drafts that fit all that is given (None: any), of a thread or its aliases, to one message; oldest first."""

    def alert(self, key: str) -> AlertRow:
        """The alert of that key, or the one whose key begins so; UserError for none and for several."""

    def alerts(
        self,
        *,
        states: Sequence[str] | None = None,
        thread: str | None = None,
        client: str | None = None,
        message: str | None = None,
    ) -> tuple[AlertRow, ...]:
        """Alerts that fit all that is given (None: any), first raised first."""

    def notified(self, alert: str) -> tuple[AlertNotified, ...]:
        """Who was told of an alert (its whole key), in order; empty for an unknown one."""

    # the daemon
    def mailboxes(self) -> tuple[MailboxRow, ...]:
        """Mailboxes of which something was recorded, by name."""

    def plugins(self) -> tuple[PluginRow, ...]:
        """All plugins as last reported, by name."""

    def counts(self) -> Counts:
        """The numbers for `status`, at one moment."""

    def backlog(self) -> Mapping[str, int]:
        """Archived messages that are not judged yet, by the mailbox that they were seen in."""

    def meta(self, key: str) -> str | None:
        """The word that was kept under this key; None for none."""

    # the whole of it
    def compact(self) -> bool:
        """Rewrite the index without what was deleted from it, and empty its log; others may read meanwhile.

        False when a reader kept the log from being emptied: try again. DiskFull when there is no room for a copy.
        """

    def integrity(self) -> tuple[str, ...]:
        """What the database finds wrong with itself, in sentences; empty when it is sound. Reads all of it."""

    def holdings(self, what: Holding) -> Iterator[Row]:
        """All rows of one kind in order of their keys, to be compared with those of another store."""

    def prints(self, ids: Sequence[str]) -> Mapping[str, object]:
        """Of each of these messages that is there a value; two stores whose values are equal say the same of it.

        That is what `message`, `sightings`, `judged` and `marks` say. Values that differ may say the same all the same.
        """

    # the ledger
    def ledger_size(self) -> int:
        """How many entries the ledger has; the next one gets this number as its seq."""

    def ledger_root(self) -> bytes:
        """The RFC 9162 Merkle tree head over all leaves."""

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Entries from `start` up to, not including, `stop` (None: the end), in order of seq."""

    def facts_about(
        self, *, kind: str | None = None, limit: int | None = None
    ) -> Iterator[tuple[Entry, Fact]]:
        """Readable facts, newest first; erased ones are passed over."""
