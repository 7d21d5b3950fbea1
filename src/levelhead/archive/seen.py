"""What is told of arrivals: when one was received, what became of each, and the fact about where it stands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from levelhead.facts import GmailPart, MessageBrought, MessageExcluded, MessageSighted
from levelhead.model import ERASED, Arrival, Gmail, Receipt
from levelhead.store.api import Tx

EARLIEST_YEAR = 1980
"""What says that it is from before is not believed."""


def believable(moment: datetime, now: datetime) -> bool:
    """Whether a moment that a message or a file names may be when it came: not before mail, and not in the future."""
    return moment.year >= EARLIEST_YEAR and moment <= now + timedelta(days=1)


def received_at(internal: datetime | None, written: datetime | None, now: datetime) -> datetime:
    """When a message was received: the server's word, else its Date unless that is absurd, else now."""
    if internal is not None:
        return internal
    if written is not None and believable(written, now):
        return written
    return now


def receipts(
    arrivals: Sequence[Arrival], seqs: Mapping[str, int], fresh: Collection[str], erased: Collection[str]
) -> tuple[Receipt, ...]:
    """Of several arrivals with the same bytes only the first is fresh."""
    seen: set[str] = set()
    told = []
    for arrival in arrivals:
        id = arrival.raw.digest
        gone = id in erased
        told.append(
            Receipt(
                message_id=id,
                digest=id,
                seq=0 if gone else seqs[id],
                fresh=id in fresh and id not in seen,
                erased=gone,
            )
        )
        seen.add(id)
    return tuple(told)


def placed(
    arrival: Arrival, erased: Collection[str], tx: Tx
) -> MessageSighted | MessageExcluded | MessageBrought | None:
    """The fact about where an arrival stands, on a server or in a file; None when that is known or not to be told."""
    if arrival.place is None:
        return None if arrival.raw.digest in erased else _brought(arrival, tx)
    return _left_out(arrival, tx.now) if arrival.raw.digest in erased else _sighted(arrival, tx.now)


def _brought(arrival: Arrival, tx: Tx) -> MessageBrought | None:
    """Once for each message and source, so that the ledger does not grow when somebody adds the same file again."""
    id, source = arrival.raw.digest, arrival.source
    if not source or any(origin.source == source for origin in tx.origins(id)):
        return None
    return MessageBrought(
        id=id,
        source=source,
        internal_date=arrival.internal_date,
        flags=arrival.flags,
        brought_at=tx.now,
    )


def _sighted(arrival: Arrival, now: datetime) -> MessageSighted:
    assert arrival.place is not None
    return MessageSighted(
        id=arrival.raw.digest,
        mailbox=arrival.place.mailbox,
        folder=arrival.place.folder,
        uidvalidity=arrival.place.uidvalidity,
        uid=arrival.place.uid,
        internal_date=arrival.internal_date,
        flags=arrival.flags,
        seen_at=now,
        sent=arrival.sent,
        gmail=_said_by_gmail(arrival.gmail),
    )


def _said_by_gmail(said: Gmail | None) -> GmailPart | None:
    if said is None:
        return None
    return GmailPart(
        id=said.id, thread=said.thread, labels=said.labels, refused=said.refused, by_id=said.by_id
    )


def _left_out(arrival: Arrival, now: datetime) -> MessageExcluded:
    """No id and no addresses: whoever reads it learns where an erased message stands, and not which one it was."""
    assert arrival.place is not None
    return MessageExcluded(
        mailbox=arrival.place.mailbox,
        folder=arrival.place.folder,
        uidvalidity=arrival.place.uidvalidity,
        uid=arrival.place.uid,
        internal_date=arrival.internal_date,
        reason=ERASED,
        addresses=(),
        seen_at=now,
    )
