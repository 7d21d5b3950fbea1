"""Coverage: the times in which nobody watched a mailbox, read from facts alone.

A mailbox counts as watched up to the end of its last complete pass. The next complete pass writes `mailbox.unwatched`
when it ends more than the poll and `GRACE` later (`mailbox/watch.py`), so that each gap is on record once.
`mailbox.lost` and `mailbox.watched` tell what was known meanwhile: from them comes the gap that has not ended yet, and
those of ledgers from before there was `mailbox.unwatched`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from levelhead.facts import (
    DaemonStarted,
    DaemonStopped,
    Fact,
    MailboxLost,
    MailboxUnwatched,
    MailboxWatched,
)
from levelhead.store.api import Entry, Store

SHORTEST = timedelta(minutes=7)
"""The usual poll of 2 minutes and the grace of 5: what is shorter is no gap where no fact says that it is."""

KINDS = (
    MailboxUnwatched.name,
    MailboxLost.name,
    MailboxWatched.name,
    DaemonStarted.name,
    DaemonStopped.name,
)
"""The facts that `gaps` looks at; it passes over all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time in which a mailbox was not watched; `until` is None while nothing says that it has ended."""

    mailbox: str
    since: datetime
    until: datetime | None
    why: str
    seq: int
    """The entry of the ledger that says so."""


_Said = tuple[datetime, str, int]
"""Since when, why, and the entry that says so."""


@dataclass(slots=True)
class _Walk:
    """The state while the facts are gone through in order."""

    found: list[Gap] = field(default_factory=list)
    lost: dict[str, _Said | None] = field(default_factory=dict)
    """Of each mailbox that was ever spoken of: since when and why it is lost; None while it is watched."""
    stopped: _Said | None = None


def gaps(
    facts: Iterable[tuple[Entry, Fact]],
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    mailbox: str | None = None,
) -> tuple[Gap, ...]:
    """The gaps that reach into the time from `since` to `until` (None: no bound), by when they began; none is cut.

    `facts` come in any order, those of other kinds are passed over; give those up to a ledger's size, and the answer is
    what was known at that size. Of one that has not ended nobody knows more than when it began.
    """
    walk = _Walk()
    wanted = [(entry, fact) for entry, fact in facts if fact.name in KINDS]
    for entry, fact in sorted(wanted, key=lambda pair: pair[0].seq):
        _take(walk, entry.seq, fact)
    found = [*walk.found, *_open(walk, until)]
    return tuple(
        gap
        for gap in sorted(found, key=lambda gap: (gap.since, gap.mailbox, gap.seq))
        if mailbox in (None, gap.mailbox)
        and (until is None or gap.since < until)
        and (since is None or gap.until is None or gap.until > since)
    )


def not_running(why: str) -> str:
    """Why nobody watched after the daemon had ended on purpose, for the reason that it gave."""
    return f"levelhead was not running, after it had ended ({why})"


def facts_of(store: Store, size: int | None = None) -> Iterator[tuple[Entry, Fact]]:
    """The facts that `gaps` needs, of a ledger's first `size` entries (None: all of them)."""
    for kind in KINDS:
        for entry, fact in store.facts_about(kind=kind):
            if size is None or entry.seq < size:
                yield entry, fact


def _take(walk: _Walk, seq: int, fact: Fact) -> None:
    match fact:
        case MailboxUnwatched():
            walk.found.append(
                Gap(mailbox=fact.mailbox, since=fact.since, until=fact.until, why=fact.why, seq=seq)
            )
        case MailboxLost():
            walk.lost[fact.mailbox] = (fact.since, fact.why, seq)
        case MailboxWatched():
            walk.found += _before_there_were_gaps(fact, walk.lost.get(fact.mailbox), seq)
            walk.lost[fact.mailbox] = None
        case DaemonStopped():
            walk.stopped = (fact.stopped_at, fact.why, seq)
        case DaemonStarted():
            walk.stopped = None


def _before_there_were_gaps(fact: MailboxWatched, lost: _Said | None, seq: int) -> Sequence[Gap]:
    """The gap that an entry of an older version tells of; one of this version has a fact of its own."""
    if fact.told is not None or fact.blind_since is None or fact.watched_at - fact.blind_since <= SHORTEST:
        return ()
    why = lost[1] if lost is not None else ""
    return (Gap(mailbox=fact.mailbox, since=fact.blind_since, until=fact.watched_at, why=why, seq=seq),)


def _open(walk: _Walk, until: datetime | None) -> Iterator[Gap]:
    """What has not ended: a mailbox that is lost, and every mailbox while no daemon runs."""
    for name, lost in walk.lost.items():
        if lost is not None:
            since, why, seq = lost
        elif walk.stopped is not None:
            since, said, seq = walk.stopped
            why = not_running(said)
        else:
            continue
        if until is None or until - since > SHORTEST:
            yield Gap(mailbox=name, since=since, until=None, why=why, seq=seq)
