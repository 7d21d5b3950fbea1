"""Completeness: the UIDs that a server shows, held against those that the archive accounts for. Pure.

In every folder that is watched, what is on the server is archived, or left out for a recorded reason; whatever is
neither is unexplained. Messages that came after the folder was read last are counted apart. What was archived and is no
longer on the server is gone, and its copy stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from levelhead.facts import ComparedPart, ServerCompared
from levelhead.store.api import KnownUids

NAMED = 100
"""How many unexplained UIDs of a folder are named; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A span of UIDs compared. `on_server` = `archived` + what `reasons` count + the `unexplained`."""

    on_server: int = 0
    archived: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How many were left out, by reason."""
    gone: int = 0
    unexplained: tuple[int, ...] = ()
    """The lowest `NAMED` of them."""
    unnamed: int = 0
    """How many more are unexplained."""

    def __add__(self, other: Tally) -> Tally:
        """Both together; the spans must not overlap."""
        named = sorted({*self.unexplained, *other.unexplained})
        return Tally(
            on_server=self.on_server + other.on_server,
            archived=self.archived + other.archived,
            reasons=self.reasons + other.reasons,
            gone=self.gone + other.gone,
            unexplained=tuple(named[:NAMED]),
            unnamed=self.unnamed + other.unnamed + len(named[NAMED:]),
        )


def doubtful(there: frozenset[int], known: KnownUids) -> frozenset[int]:
    """What the server shows and nothing accounts for, at a first look: some of it may just have been deleted."""
    return there - known.archived - known.excluded.keys()


def tally(there: frozenset[int], known: KnownUids) -> Tally:
    """One span compared, or one that was looked at again; `known` must have been read after `there`."""
    neither = sorted(doubtful(there, known))
    return Tally(
        on_server=len(there),
        archived=len(there & known.archived),
        reasons=Counter(known.excluded[uid] for uid in there & known.excluded.keys()),
        gone=len((known.archived | known.vanished) - there),
        unexplained=tuple(neither[:NAMED]),
        unnamed=len(neither[NAMED:]),
    )


def looked_again(there: frozenset[int], known: KnownUids, still: frozenset[int], again: KnownUids) -> Tally:
    """One span compared, after a second look at what was doubtful: what is `still` there, and what is known by then."""
    doubts = doubtful(there, known)
    certain = frozenset(there | known.archived | known.vanished) - doubts
    return tally(there - doubts, _only(known, certain)) + tally(still & doubts, _only(again, doubts))


def _only(known: KnownUids, uids: frozenset[int]) -> KnownUids:
    """What is known of these UIDs alone."""
    return KnownUids(
        archived=known.archived & uids,
        excluded={uid: reason for uid, reason in known.excluded.items() if uid in uids},
        vanished=known.vanished & uids,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderCompared:
    """One watched folder held against its server. `why` says why it could not be compared, else it is empty."""

    folder: str
    uidvalidity: int = 0
    tally: Tally = field(default_factory=Tally)
    newer: int = 0
    """Messages on the server that came after the folder was read last."""
    read_at: datetime | None = None
    """When it was read last; None before its first complete reading."""
    incomplete: tuple[int, ...] = ()
    """Unexplained UIDs, among those that are named, which do not come whole from the server and are tried again."""
    why: str = ""

    @property
    def unexplained(self) -> int:
        """How many UIDs nothing accounts for."""
        return len(self.tally.unexplained) + self.tally.unnamed

    @property
    def ok(self) -> bool:
        return not self.why and not self.unexplained

    @property
    def excluded(self) -> int:
        return self.tally.reasons.total()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxCompared:
    """Every watched folder of a mailbox compared, and the names of all others with why they are not watched.

    `error` says why the mailbox could not be asked at all, else it is empty.
    """

    mailbox: str
    folders: tuple[FolderCompared, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether every folder was compared and nothing is unexplained; a mailbox without a folder shows nothing."""
        return not self.error and bool(self.folders) and all(folder.ok for folder in self.folders)


def fact_of(found: MailboxCompared, now: datetime) -> ServerCompared:
    """The comparison as the ledger keeps it."""
    return ServerCompared(
        mailbox=found.mailbox,
        ok=found.ok,
        folders=tuple(_part(folder) for folder in found.folders),
        compared_at=now,
    )


def _part(folder: FolderCompared) -> ComparedPart:
    return ComparedPart(
        folder=folder.folder,
        uidvalidity=folder.uidvalidity,
        on_server=folder.tally.on_server,
        archived=folder.tally.archived,
        excluded=folder.excluded,
        gone=folder.tally.gone,
        unexplained=folder.tally.unexplained,
        newer=folder.newer,
        why=folder.why,
    )


def sentences(found: Iterable[MailboxCompared]) -> Iterator[str]:
    """What is not explained, a sentence for each message and for each folder that could not be compared."""
    for mailbox in found:
        for folder in mailbox.folders:
            where = f"{folder.folder} of mailbox {mailbox.mailbox}"
            if folder.why:
                yield f"{where}: {folder.why}"
            for uid in folder.tally.unexplained:
                more = (
                    "it does not come whole from the server and is tried again"
                    if uid in folder.incomplete
                    else "it is neither archived nor left out for a reason"
                )
                yield f"{where}: message {uid} is on the server, and {more}"
            if folder.tally.unnamed:
                yield f"{where}: {folder.tally.unnamed} more messages are on the server and not in the archive"
        if not mailbox.folders and not mailbox.error:
            yield f"mailbox {mailbox.mailbox}: no folder of it is watched, so there is nothing to compare"
