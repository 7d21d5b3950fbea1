"""The entry format of the ledger: a leaf that tells nothing, and apart from it the salt and payload that it commits to.

A leaf is the exact bytes of `{"v":1,"seq":N,"time":"...Z","type":"message.archived","commit":"<hex>"}` with
`commit` = SHA-256(salt || payload). Salt and payload can be erased; the tree over the leaves does not notice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from datetime import datetime

from levelhead import clock
from levelhead.errors import NewerSchema, ProgrammerError
from levelhead.facts import Fact
from levelhead.store.api import Entry
from levelhead.values import dataclass

VERSION = 1
"""The `v` of every leaf that this program writes."""

SALT_SIZE = 32
"""Bytes of random salt before each payload, so that a short payload cannot be guessed from its commitment."""

_TYPE = re.compile(r"[a-z_]+\.[a-z_]+\Z")
_COMMIT = re.compile(r"[0-9a-f]{64}\Z")

CANONICAL = re.compile(
    rb'\{"v":%d,"seq":(0|[1-9][0-9]{0,17}),"time":"((\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z)",'
    rb'"type":"([a-z_]+\.[a-z_]+)","commit":"([0-9a-f]{64})"\}\Z' % VERSION
)
"""The bytes of a leaf, as far as a pattern tells: its seq, time, day, type and commitment. Whether there is such a
day it does not tell, and longer numbers it leaves to `read_leaf`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What a leaf says: the entry's place, time and kind, and its commitment (64 hex digits)."""

    seq: int
    time: datetime
    type: str
    commit: str

    def to_bytes(self) -> bytes:
        """The canonical bytes: keys in this order, no spaces."""
        time = clock.to_text(self.time)
        return (
            f'{{"v":{VERSION},"seq":{self.seq},"time":"{time}","type":"{self.type}","commit":"{self.commit}"}}'
        ).encode()


def commitment(salt: bytes, payload: bytes) -> str:
    """SHA-256 over salt and payload, in hex."""
    return hashlib.sha256(salt + payload).hexdigest()


def entry_of(fact: Fact, *, seq: int, time: datetime, salt: bytes) -> Entry:
    """The entry that records `fact` as number `seq` (from 0); `salt` is 32 fresh random bytes."""
    if len(salt) != SALT_SIZE:
        raise ProgrammerError(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
    if not _TYPE.match(fact.name):
        raise ProgrammerError(f"a fact's name is two words with a dot between them, not {fact.name!r}")
    payload = fact.payload()
    leaf = Leaf(seq=seq, time=time, type=fact.name, commit=commitment(salt, payload))
    return Entry(seq=seq, leaf=leaf.to_bytes(), salt=salt, payload=payload)


def read_leaf(data: bytes) -> Leaf:
    """What the bytes of a leaf say; raises ValueError unless they are exactly what `Leaf.to_bytes` writes.

    NewerSchema for a leaf of a later form: it may be whole, and only a newer program can tell.
    """
    if found := CANONICAL.match(data):
        seq, at, _, kind, commit = found.groups()
        # A day that is not in the calendar is told of below, as all else that is wrong.
        with contextlib.suppress(ValueError):
            return Leaf(
                seq=int(seq), time=clock.from_text(at.decode()), type=kind.decode(), commit=commit.decode()
            )
    try:
        values = json.loads(data)
        _refuse_newer(values)
        if list(values) != ["v", "seq", "time", "type", "commit"] or values["v"] != VERSION:
            raise ValueError("its fields are not those of a leaf")
        time = clock.from_text(values["time"])
        leaf = Leaf(seq=values["seq"], time=time, type=values["type"], commit=values["commit"])
        well_typed = type(leaf.seq) is int and _TYPE.match(leaf.type) and _COMMIT.match(leaf.commit)
        if not well_typed or leaf.to_bytes() != data:
            raise ValueError("its bytes are not in the canonical form")
    except (TypeError, AttributeError, RecursionError, UnicodeDecodeError) as exc:
        raise ValueError("it is not a JSON object") from exc
    return leaf


def _refuse_newer(values: object) -> None:
    if not isinstance(values, dict) or type(form := values.get("v")) is not int or form <= VERSION:
        return
    seq = values.get("seq")
    raise NewerSchema(
        f"{f'entry {seq}' if type(seq) is int else 'an entry'} of the ledger has form {form}, and this levelhead"
        f" knows forms up to {VERSION}; use the newer levelhead that wrote it"
    )


def check(entry: Entry) -> str:
    """What is wrong with an entry, in one sentence; empty when leaf, seq and commitment agree.

    An erased entry (neither salt nor payload) is right as long as its leaf is. NewerSchema as `read_leaf`.
    """
    try:
        leaf = read_leaf(entry.leaf)
    except ValueError as exc:
        return f"the leaf of entry {entry.seq} cannot be read: {exc}"
    if leaf.seq != entry.seq:
        return f"the leaf in place {entry.seq} says that it is entry {leaf.seq}"
    if entry.salt is None and entry.payload is None:
        return ""
    if entry.salt is None or entry.payload is None:
        return f"entry {entry.seq} has lost one half of its salt and payload"
    if commitment(entry.salt, entry.payload) != leaf.commit:
        return f"the payload of entry {entry.seq} is not what its leaf commits to"
    return ""
