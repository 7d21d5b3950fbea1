"""Two indexes side by side: what one says of messages, sightings, drafts and the rest, and what it should say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import AbstractContextManager
from enum import Enum
from functools import partial
from itertools import islice
from typing import NamedTuple

from levelhead.errors import LevelheadError, UserError
from levelhead.store.api import READ_BY, Holding, MessageFilter, MessageRow, Row, Store


class Kind(Enum):
    """Whether something is there and wrong, is not there, is there and nothing tells why, or is only out of date."""

    DAMAGED = "damaged"
    MISSING = "missing"
    UNEXPLAINED = "unexplained"
    OUTDATED = "outdated"
    """Nothing is wrong: an earlier program read the same bytes in its way. Only `levelhead rebuild` is left to do."""


class Finding(NamedTuple):
    """One thing that is wrong, in one sentence."""

    kind: Kind
    sentence: str


Found = Callable[[Kind, str], None]
Quiet = Callable[[], AbstractContextManager[None]]
"""A while in which nobody archives a message."""
Again = Callable[[], bool]
"""Plays what was written meanwhile into the copy; True when there was something."""

_TRIES = 3
_PAGE = 500
"""Messages that are compared at once."""


def lacking(due: int, seq: int) -> str:
    """The sentence for entry `seq` of the ledger in the place where entry `due` was to come; `seq` is the larger."""
    last = seq - 1
    what = f"entry {last} of the ledger is" if last == due else f"entries {due} to {last} are"
    return f"{what} missing"


FIELDS: Mapping[str, str] = {
    "seq": "number",
    "volume": "volume",
    "offset": "offset",
    "length": "length",
    "size": "size",
    "client": "client",
    "direction": "direction",
    "thread": "thread",
    "sender": "sender",
    "to": "recipients",
    "cc": "copies",
    "subject": "subject",
    "date": "date",
    "received_at": "time of receipt",
    "message_id": "Message-ID",
    "history": "mark as history",
    "same_as": "earlier copy",
    "level": "level",
    "millionths": "score",
    "labels": "labels",
    "in_sent": "mark as sent",
}
"""What must be the same in a message's row."""


PARSED = frozenset(("sender", "to", "cc", "subject", "date", "message_id"))
"""Of these the ones that only a message's bytes say; nothing can be said of them when the bytes are damaged."""


def compare_messages(store: Store, copy: Store, unread: Set[str], again: Again, found: Found) -> None:
    """Name every message whose row, sightings, verdict or mark differ, and every one that is in only one index.

    `unread` has the ids of messages whose bytes could not be parsed.
    """
    for id in _other_than(store, copy):
        for kind, sentence in _settled(partial(_message_findings, store, copy, unread, id), again):
            found(kind, sentence)
    for id in _ids(store, found):
        if id not in copy.known([id]) and not (again() and id in copy.known([id])):
            found(Kind.UNEXPLAINED, f"the index has message {id[:12]}, which no entry of the ledger tells of")


def _other_than(store: Store, copy: Store) -> Iterator[str]:
    """The messages of the copy of which the other index may say something else, in the copy's order."""
    rows = copy.messages(MessageFilter())
    while ids := [row.id for row in islice(rows, _PAGE)]:
        try:
            theirs = store.prints(ids)
        except (LevelheadError, ValueError):
            yield from ids  # one by one it is seen which of them cannot be read
            continue
        ours = copy.prints(ids)
        yield from (id for id in ids if id not in theirs or theirs[id] != ours[id])


def _settled(look: Callable[[], list[Finding]], again: Again) -> list[Finding]:
    """What is found, once it is not explained by what was written meanwhile."""
    findings = look()
    for _ in range(_TRIES):
        if not findings or not again():
            break
        findings = look()
    return findings


def _ids(store: Store, found: Found) -> Iterable[str]:
    try:
        for row in store.messages(MessageFilter()):
            yield row.id
    except (LevelheadError, ValueError) as exc:
        found(Kind.DAMAGED, f"the index cannot list all of its messages: {exc}")


def _message_findings(store: Store, copy: Store, unread: Set[str], id: str) -> list[Finding]:
    short = id[:12]
    try:
        theirs = store.message(id)
    except UserError:
        return [Finding(Kind.MISSING, f"message {short} is in the ledger and not in the index")]
    except (LevelheadError, ValueError) as exc:
        return [Finding(Kind.DAMAGED, f"the index cannot read its row of message {short}: {exc}")]
    different = _different(theirs, copy.message(id), PARSED if id in unread else frozenset())
    findings = [
        Finding(
            Kind.DAMAGED,
            f"the index has another {name} for message {short} than its bytes and the ledger say",
        )
        for name in different
    ]
    asked: tuple[tuple[str, Callable[[Store], object]], ...] = (
        ("sightings", lambda one: one.sightings(id)),
        ("verdict", lambda one: one.judged(id)),
        ("mark", lambda one: one.marks(id)),
    )
    for what, ask in asked:
        if sentence := _disagreement(store, copy, f"{what} of message {short}", ask):
            findings.append(Finding(Kind.DAMAGED, sentence))
    return findings


def _different(theirs: MessageRow, ours: MessageRow, unsaid: frozenset[str]) -> list[str]:
    said = ((field, name) for field, name in FIELDS.items() if field not in unsaid)
    return [name for field, name in said if getattr(theirs, field) != getattr(ours, field)]


def _disagreement(store: Store, copy: Store, what: str, ask: Callable[[Store], object]) -> str:
    try:
        same = ask(store) == ask(copy)
    except (LevelheadError, ValueError) as exc:
        return f"the index cannot read the {what}: {exc}"
    return "" if same else f"the {what} in the index are not those of the ledger"


# --- the rest of the index ---------------------------------------------------------------------


def compare_rest(store: Store, copy: Store, again: Again, found: Found) -> None:
    """Name every draft, alert, folder, mailbox, plugin, correspondent and client that differs."""
    tables: tuple[tuple[str, Callable[[Store], Mapping[str, object]]], ...] = (
        ("draft", lambda one: {row.key: row for row in one.drafts()}),
        ("alert", lambda one: {row.key: (row, one.notified(row.key)) for row in one.alerts()}),
        ("folder", _folders),
        ("mailbox", lambda one: {row.name: row for row in one.mailboxes()}),
        ("plugin", lambda one: {row.name: row for row in one.plugins()}),
        ("correspondent", lambda one: dict.fromkeys(one.correspondents())),
        ("client", lambda one: {name: one.calibration(name) for name in one.clients()}),
    )
    for what, ask in tables:
        for kind, sentence in _settled(partial(_table_findings, store, copy, what, ask), again):
            found(kind, sentence)


def _folders(store: Store) -> Mapping[str, object]:
    """Folders without their cursors, which are no facts, and with what was seen there and not archived."""
    return {
        f"{row.folder} of {row.mailbox}": (
            row.uidvalidity,
            row.first_uidnext,
            tuple(store.excluded(row.mailbox, row.folder, row.uidvalidity)),
        )
        for row in store.folders()
    }


def _table_findings(
    store: Store, copy: Store, what: str, ask: Callable[[Store], Mapping[str, object]]
) -> list[Finding]:
    try:
        theirs = ask(store)
    except (LevelheadError, ValueError) as exc:
        return [Finding(Kind.DAMAGED, f"the index cannot read its {what} rows: {exc}")]
    ours = ask(copy)
    findings = []
    for key in sorted(ours.keys() | theirs.keys()):
        if key not in theirs:
            findings.append(Finding(Kind.MISSING, f"{what} {key} is in the ledger and not in the index"))
        elif key not in ours:
            findings.append(
                Finding(
                    Kind.UNEXPLAINED, f"the index has {what} {key}, which no entry of the ledger tells of"
                )
            )
        elif theirs[key] != ours[key]:
            findings.append(Finding(Kind.DAMAGED, f"{what} {key} in the index is not what the ledger says"))
    return findings


# --- rows that nobody asks for one by one ------------------------------------------------------

_OF_BYTES = {Holding.MENTION, Holding.WORD, Holding.OPENING}
"""Rows that follow from messages' bytes alone."""

_READINGS = {
    "language": "language",
    "automatic": "sign of a machine",
    "defects": "list of defects",
    "mentions": "list of mentioned Message-IDs",
    "body_digest": "digest of the text",
    "words": "list of words to search",
    "text": "opening",
}
"""What a better parser may read differently in the same bytes."""


def compare_holdings(
    store: Store, copy: Store, unread: Set[str], again: Again, found: Found, quiet: Quiet
) -> None:
    """Name every row of any other kind that differs. `unread` has the ids of messages that could not be parsed.

    Whole tables are read, and a busy daemon changes them meanwhile: what differs is looked at again in a `quiet` while.
    What another version of this program read in the bytes is told by kind, not message by message.
    """
    older = store.meta(READ_BY) != copy.meta(READ_BY)
    outdated = Counter[str]()
    for what in Holding:
        if what is Holding.LOST_WORD and not _has_any(store, what):
            continue  # and the copy is not asked, which takes as long
        look = partial(_holding_findings, store, copy, what, unread, older)
        if not look():
            continue
        with quiet():
            again()
            for kind, sentence in _settled(look, again):
                if kind is Kind.OUTDATED:
                    outdated[sentence] += 1
                else:
                    found(kind, sentence)
    for reading, count in outdated.items():
        found(
            Kind.OUTDATED,
            f"the {reading} of {count} message{'' if count == 1 else 's'} in the index is not what this version"
            " reads in the bytes: another one read them; levelhead rebuild brings it up to date",
        )


def _has_any(store: Store, what: Holding) -> bool:
    try:
        return any(True for _ in store.holdings(what))
    except LevelheadError:
        return True


def _holding_findings(
    store: Store, copy: Store, what: Holding, unread: Set[str], older: bool
) -> list[Finding]:
    """What differs. With `older` the name of a reading, as outdated, where only the reading can be the reason."""
    findings: list[Finding] = []
    theirs, ours = store.holdings(what), copy.holdings(what)
    try:
        for key, mine, other in _side_by_side(theirs, ours):
            if mine == other or key[0] in unread or (unread and what in _OF_BYTES):
                continue  # what the bytes say is not known, and that they are damaged is told already
            if older and what in _OF_BYTES:
                # Who is mentioned stands with each message as well, and is told from there.
                findings += [Finding(Kind.OUTDATED, _READINGS[column]) for column in mine or other or ()]
            elif mine is None and what is not Holding.OPENING:  # that is read from the message's bytes then
                name = _named(what, key)
                findings.append(Finding(Kind.MISSING, f"{name} is in the ledger and not in the index"))
            elif mine is not None and other is None:
                name = _named(what, key)
                findings.append(
                    Finding(Kind.UNEXPLAINED, f"the index has {name}, which no entry of the ledger tells of")
                )
            elif mine is not None and other is not None:
                findings += [
                    _row_finding(what, key, column, older)
                    for column in other
                    if mine[column] != other[column]
                ]
    except (LevelheadError, ValueError, TypeError) as exc:
        findings.append(Finding(Kind.DAMAGED, f"the index cannot read its {what.value} rows: {exc}"))
    return findings


def _named(what: Holding, key: tuple[object, ...]) -> str:
    return f"{what.value} {' '.join(str(part) for part in key)}"


def _row_finding(what: Holding, key: tuple[object, ...], column: str, older: bool) -> Finding:
    if column in _READINGS and older:
        return Finding(Kind.OUTDATED, _READINGS[column])
    if column in _READINGS:
        message = f"number {key[0]}" if what is Holding.OPENING else str(key[0])[:12]
        return Finding(
            Kind.DAMAGED,
            f"the {_READINGS[column]} of message {message} in the index differs from what this version reads"
            " in its bytes; levelhead rebuild brings it up to date",
        )
    return Finding(
        Kind.DAMAGED, f"{_named(what, key)} in the index has another {column} than the ledger says"
    )


_Beside = tuple[tuple[object, ...], Mapping[str, object] | None, Mapping[str, object] | None]


def _side_by_side(theirs: Iterator[Row], ours: Iterator[Row]) -> Iterator[_Beside]:
    """Rows of two stores by their keys, both in order; None where one has no such row."""
    mine, other = next(theirs, None), next(ours, None)
    while mine is not None or other is not None:
        if other is None or (mine is not None and mine[0] < other[0]):
            assert mine is not None
            yield mine[0], mine[1], None
            mine = next(theirs, None)
        elif mine is None or other[0] < mine[0]:
            yield other[0], None, other[1]
            other = next(ours, None)
        else:
            yield mine[0], mine[1], other[1]
            mine, other = next(theirs, None), next(ours, None)
