"""FETCH answers as values: read with imapclient's parser, kept per UID, two answers for one never overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imapclient.datetime_util import parse_to_datetime
from imapclient.response_parser import parse_response

from levelhead.clock import utc
from levelhead.mailbox import gmail
from levelhead.model import Gmail

_BODY = re.compile(rb"BODY\[(.*)\](?:<(\d+)>)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """A value given for a body or its part; `data` None is a NIL.

    `origin` is the first byte of a part (RFC 3501, 7.4.2) and None where the whole is given.
    """

    data: bytes | None
    origin: int | None = None


@dataclass(slots=True)
class Answer:
    """What was said of one UID. `bodies` and `headers` are all values given for its body and its header, in order."""

    uid: int
    size: int | None = None
    date: datetime | None = None
    flags: tuple[str, ...] | None = None
    bodies: list[Piece] = field(default_factory=list)
    headers: list[Piece] = field(default_factory=list)
    beyond: dict[bytes, list[Any]] = field(default_factory=dict)
    """All values given for each of Gmail's items."""

    def gmail(self) -> Gmail | None:
        """What Gmail says of it; None when it said nothing."""
        return gmail.said(*(self.beyond.get(name, ()) for name in (gmail.ID, gmail.THREAD, gmail.LABELS)))


def read(data: Iterable[Any], *, labels: bool = False) -> dict[int, Answer]:
    """All answers of one FETCH by UID; those without a UID are news of other messages and left out.

    `labels`: those of Gmail were asked for.
    Raises imapclient's ProtocolError, ValueError, TypeError or RecursionError for what is no answer.
    """
    items = gmail.lifted(data) if labels else [item for item in data if item is not None]
    flat = parse_response(items) if items else ()
    if len(flat) % 2:
        raise ValueError("a FETCH answer without its items")
    found: dict[int, Answer] = {}
    for parts in flat[1::2]:
        if not isinstance(parts, tuple) or len(parts) % 2:
            raise ValueError("a FETCH answer that is no list of pairs")
        pairs = [(_name(name), value) for name, value in zip(parts[::2], parts[1::2], strict=True)]
        uid = next((value for name, value in pairs if name == b"UID"), None)
        if not isinstance(uid, int):
            continue
        answer = found.setdefault(uid, Answer(uid))
        for name, value in pairs:
            _take(answer, name, value)
    return found


def _name(name: Any) -> bytes:
    if not isinstance(name, bytes):
        raise ValueError("a FETCH item without a name")
    return name.upper()


def _take(answer: Answer, name: bytes, value: Any) -> None:
    if name == b"RFC822.SIZE" and isinstance(value, int):
        answer.size = value
    elif name == b"INTERNALDATE" and isinstance(value, bytes):
        answer.date = _date(value)
    elif name == b"FLAGS" and isinstance(value, tuple):
        answer.flags = tuple(_flag(flag) for flag in value)
    elif name in gmail.NAMES:
        answer.beyond.setdefault(name, []).append(value)
    elif found := _BODY.fullmatch(name):
        if isinstance(value, int):
            value = str(value).encode()  # a server that sends the body 42 as a bare atom
        origin = int(found[2]) if found[2] is not None else None
        piece = Piece(value if isinstance(value, bytes) else None, origin)
        (answer.headers if found[1] else answer.bodies).append(piece)


def _flag(flag: Any) -> str:
    return flag.decode("ascii", "replace") if isinstance(flag, bytes) else str(flag)


def _date(value: bytes) -> datetime | None:
    try:
        moment = parse_to_datetime(value, normalise=False)
        return utc(moment) if moment.tzinfo is not None else None
    except (ValueError, OverflowError, TypeError):
        return None
