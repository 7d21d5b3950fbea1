"""What follows from a folder's numbers: new, renumbered or unchanged, what is history, what is absurd. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from levelhead.clock import from_text, to_text
from levelhead.mailbox import gmail
from levelhead.mailbox.api import FolderStatus, Head
from levelhead.model import ERASED
from levelhead.store.api import FolderState

LATE = timedelta(days=1)
"""A message is taken as moved in late only when its INTERNALDATE is this much older than the last complete pass.

The server's clock is not ours (a machine that takes local time for UTC is off by hours), and mail comes in while a pass
is under way: news must never be taken for history, which gets no draft and no alert.
"""
TRIES = 5
"""How many passes in a row a message that does not come whole is asked for; later once in `RARELY`."""
RARELY = timedelta(days=1)
OWN_DRAFT = b"x-levelhead-draft:"
DRAFT = "\\draft"
UNFINISHED = frozenset({"own-draft", "draft"})
"""Reasons that hold only while a message bears the flag \\Draft."""
BEYOND_SCOPE = UNFINISHED | {ERASED}
"""Reasons that no wider scope and no new correspondent changes."""


class Opened(StrEnum):
    """How a folder meets us: never seen before, as we know it, or with another UIDVALIDITY."""

    FIRST = "first"
    SAME = "same"
    RENUMBERED = "renumbered"


def opened(state: FolderState | None, status: FolderStatus) -> Opened:
    """Compare what we know of a folder with what EXAMINE says."""
    if state is None:
        return Opened.FIRST
    return Opened.SAME if state.uidvalidity == status.uidvalidity else Opened.RENUMBERED


def boundary(state: FolderState | None, status: FolderStatus) -> int:
    """The UIDNEXT to record: UIDs below it are history.

    After a change of UIDVALIDITY numbers say nothing, so none is history by number (1); dates decide. When not even a
    first pass was complete before the change, everything there is history.
    """
    if state is None or state.last_pass is None:
        return status.uidnext
    return 1


def is_history(
    uid: int,
    date: datetime | None,
    *,
    first_uidnext: int,
    last_pass: datetime | None,
    now: datetime,
    stale: timedelta,
) -> bool:
    """Whether a message was there before we watched, moved in late, or is too old to be answered."""
    if uid < first_uidnext:
        return True
    if date is None:
        return False
    return date < now - stale or (last_pass is not None and date < last_pass - LATE)


def unchanged(before: FolderStatus | None, status: FolderStatus) -> bool:
    """Whether nothing can have happened since a pass that ended with `before` (with CONDSTORE: not even a flag).

    A server may leave UIDNEXT out (Courier does): then `before` holds a number of our own, which says nothing.
    """
    return before is not None and before == replace(status, uidnext=status.uidnext or before.uidnext)


def untouched(
    before: FolderStatus | None, status: FolderStatus, *, drafts: bool, widened: bool, due: bool
) -> bool:
    """Whether a pass over a folder has nothing to do: it is `unchanged`, and there is no other reason to look.

    `drafts`: some are left out there. `widened`: others are clients now. `due`: messages are to be asked for again.
    """
    # Without CONDSTORE no number tells that the flag of a draft went away.
    told = not drafts or bool(status.highestmodseq)
    return unchanged(before, status) and told and not widened and not due


def oddities(state: FolderState | None, status: FolderStatus) -> tuple[str, ...]:
    """Observations that are a fault to report, not news to believe."""
    if state is None:
        return ()
    found = []
    if status.uidvalidity < state.uidvalidity:
        found.append(f"UIDVALIDITY went down from {state.uidvalidity} to {status.uidvalidity}")
    if status.uidvalidity == state.uidvalidity and 0 < status.uidnext <= state.last_uid:
        found.append(f"UIDNEXT went down to {status.uidnext} below UID {state.last_uid}, which we have seen")
    return tuple(found)


def absurd(live: int, there: int) -> bool:
    """Whether so much is gone at once that a second look on a later pass must agree: all, or most of many."""
    return live > 0 and (there == 0 or (live >= 20 and there < live // 2))


def unfinished(flags: Iterable[str], head: bytes) -> str:
    """`own-draft` or `draft` for what bears the flag \\Draft, with our mark in its header or not; else empty.

    The flag decides, because only who has the mailbox can set it; our mark alone could be in anybody's mail.
    """
    if all(flag.lower() != DRAFT for flag in flags):
        return ""
    return "own-draft" if _bears_our_mark(head) else "draft"


def marks(head: Head) -> tuple[str, ...]:
    """The flags of a message, and \\Draft where Gmail's label says so."""
    labels = head.gmail.labels if head.gmail is not None else ()
    return (*head.flags, DRAFT) if any(label.lower() in gmail.DRAFTS for label in labels) else head.flags


def stands_in_sent(head: Head) -> bool:
    """Whether Gmail's label tells that it stands among sent mail, wherever it is shown."""
    return head.gmail is not None and any(label.lower() == gmail.SENT for label in head.gmail.labels)


def same_header(header: bytes, beginning: bytes) -> bool:
    """Whether this is the whole header, cut at `HEAD_LIMIT`, of a message with these first `HEAD_LIMIT` bytes."""
    whole, end, _ = beginning.partition(b"\r\n\r\n")
    return bool(header) and header == whole + end


def _bears_our_mark(head: bytes) -> bool:
    """`head` may go on into the body."""
    header = head.partition(b"\r\n\r\n")[0].partition(b"\n\n")[0].lower()
    return header.startswith(OWN_DRAFT) or b"\n" + OWN_DRAFT in header


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A message that did not come whole: how often it was tried, and when last."""

    tries: int
    tried_at: datetime

    def due(self, now: datetime) -> bool:
        return self.tries < TRIES or now - self.tried_at >= RARELY


def kept_under(what: str, mailbox: str, folder: str, uidvalidity: int) -> str:
    """The name under which the store keeps one word about a folder, such as its `gaps`."""
    return f"mailbox.{what}:{mailbox}:{folder}:{uidvalidity}"


def gaps_from(text: str | None) -> dict[int, Gap]:
    """The gaps of a folder as kept in one word of the store."""
    if not text:
        return {}
    return {
        int(uid): Gap(tries=tries, tried_at=from_text(at)) for uid, (tries, at) in json.loads(text).items()
    }


def gaps_to(gaps: dict[int, Gap]) -> str:
    """What `gaps_from` reads."""
    kept = {str(uid): [gap.tries, to_text(gap.tried_at)] for uid, gap in sorted(gaps.items())}
    return json.dumps(kept, separators=(",", ":"))
