"""What a pack is about: a checkpoint of the ledger, and the messages of one client as the ledger knew them then.

Everything comes from entries before the checkpoint's size, never from the index as it is today.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from levelhead import facts
from levelhead.errors import StoreDamaged, UserError
from levelhead.evidence.checkpoints import origin_of
from levelhead.evidence.note import Checkpoint
from levelhead.facts import CheckpointSigned, Fact, MessageArchived, MessageRelabelled
from levelhead.store.api import Entry, Store
from levelhead.store.ledger import check, read_leaf
from levelhead.tree import Tree, leaf_hash

SHORTEST_ID = 8
"""Characters of a message's id that name it."""

Tell = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for: a client's name, times (`since` inclusive, `until` exclusive), or beginnings of ids."""

    client: str
    since: datetime | None = None
    until: datetime | None = None
    only: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.only and (self.since or self.until):
            raise UserError("--only names the messages one by one; leave --since and --until away, or --only")
        if self.since and self.until and self.since >= self.until:
            raise UserError("--since is not before --until, so that no time is left between them")

    def covers(self, moment: datetime) -> bool:
        """Whether a moment lies in the wanted time."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The point of the ledger that a pack is made at; `note` is its signed note, and empty when nobody signed it."""

    checkpoint: Checkpoint
    as_of: datetime
    """The time of the last entry before it, which is every date of the pack."""
    note: str = ""
    verifier: str = ""
    """The public key that signed, as `origin+key id+base64`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A message of the pack: the entry that archived it, what that said, and who wrote to whom."""

    number: int
    """Which exhibit it is, from 1."""
    entry: int
    fact: MessageArchived
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The tree up to the checkpoint, and the messages in order of time."""

    point: Point
    tree: Tree
    chosen: tuple[Chosen, ...]
    wanted: Wanted
    by_id: Mapping[str, Chosen] = field(repr=False)


def kind_of(leaf: bytes) -> str:
    """The name of a leaf's fact, without reading the rest of it."""
    return leaf.partition(b'"type":"')[2].partition(b'"')[0].decode("ascii", "replace")


def fact_of(entry: Entry) -> Fact | None:
    """The fact of an entry; None for one that was erased or is of a later kind, StoreDamaged for a changed one."""
    if wrong := check(entry):
        raise StoreDamaged(f"{wrong}; levelhead verify says more")
    if entry.payload is None:
        return None
    try:
        return facts.read(kind_of(entry.leaf), entry.payload)
    except KeyError:
        return None
    except ValueError as exc:
        raise StoreDamaged(f"entry {entry.seq} cannot be read: {exc}; levelhead verify says more") from exc


def point_of(store: Store, tree: Tree, size: int) -> Point:
    """The point after the first `size` entries; with its note, when the entry behind them is their checkpoint."""
    first, last = (next(iter(store.entries(at, at + 1))) for at in (0, size - 1))
    checkpoint = Checkpoint(origin=origin_of(first), size=size, root=tree.root(size))
    as_of = read_leaf(last.leaf).time
    for entry in store.entries(size, size + 1):
        signed = fact_of(entry) if kind_of(entry.leaf) == CheckpointSigned.name else None
        if isinstance(signed, CheckpointSigned) and signed.size == size:
            if signed.root != checkpoint.root.hex():
                raise StoreDamaged(
                    f"the checkpoint of {size} entries has another root than they have; levelhead verify says more"
                )
            return Point(checkpoint=checkpoint, as_of=as_of, note=signed.note, verifier=signed.verifier)
    return Point(checkpoint=checkpoint, as_of=as_of)


def survey(store: Store, wanted: Wanted, size: int, tell: Tell) -> Survey:
    """Walk the first `size` entries: the tree over their leaves, and who the client's messages are.

    UserError for ids that are not this client's, StoreDamaged for an entry that its leaf contradicts.
    """
    tree = Tree()
    found: dict[str, tuple[int, MessageArchived]] = {}
    filed: dict[str, tuple[str, str]] = {}
    ours = f'"client":{json.dumps(wanted.client, ensure_ascii=False)}'.encode()
    for entry in store.entries(0, size):
        if entry.seq != tree.size:
            raise StoreDamaged(f"entry {tree.size} of the ledger is missing; levelhead verify says more")
        tree.append(leaf_hash(entry.leaf))
        kind = kind_of(entry.leaf)
        if kind == MessageArchived.name and entry.payload is not None and ours in entry.payload:
            fact = fact_of(entry)
            if isinstance(fact, MessageArchived) and fact.client == wanted.client:
                found[fact.id] = (entry.seq, fact)
        elif kind == MessageRelabelled.name and isinstance(fact := fact_of(entry), MessageRelabelled):
            filed[fact.id] = (fact.client, fact.direction)
        if entry.seq % 1000 == 0:
            tell("ledger", entry.seq, size)
    if tree.size != size:
        raise UserError(f"the ledger has {tree.size} entries, and not {size}")
    for id, (client, _) in filed.items():
        if client != wanted.client:
            found.pop(id, None)
    _add_refiled(store, size, found, {id for id, (client, _) in filed.items() if client == wanted.client})
    picked = _picked(wanted, found)
    chosen = tuple(
        Chosen(
            number=number,
            entry=entry_seq,
            fact=fact,
            direction=filed.get(fact.id, ("", fact.direction))[1],
        )
        for number, (entry_seq, fact) in enumerate(
            sorted(picked, key=lambda pair: (pair[1].received_at, pair[0])), start=1
        )
    )
    return Survey(
        point=point_of(store, tree, size),
        tree=tree,
        chosen=chosen,
        wanted=wanted,
        by_id={one.fact.id: one for one in chosen},
    )


def _add_refiled(
    store: Store, size: int, found: dict[str, tuple[int, MessageArchived]], ids: set[str]
) -> None:
    """Messages that were archived under another name and filed under this one before the checkpoint."""
    missing = ids - set(found)
    if not missing:
        return
    for entry, fact in store.facts_about(kind=MessageArchived.name):
        if isinstance(fact, MessageArchived) and entry.seq < size and fact.id in missing:
            found[fact.id] = (entry.seq, fact)


def _picked(
    wanted: Wanted, found: Mapping[str, tuple[int, MessageArchived]]
) -> Sequence[tuple[int, MessageArchived]]:
    if not wanted.only:
        return [pair for pair in found.values() if wanted.covers(pair[1].received_at)]
    return [found[id] for id in dict.fromkeys(_meant(wanted, found))]


def _meant(wanted: Wanted, found: Mapping[str, tuple[int, MessageArchived]]) -> Iterator[str]:
    for text in wanted.only:
        prefix = text.strip().lower()
        if len(prefix) < SHORTEST_ID:
            raise UserError(f"{text!r} is too short: write at least {SHORTEST_ID} characters of the id")
        fitting = [id for id in found if id.startswith(prefix)]
        if not fitting:
            raise UserError(f"no message of {wanted.client} has an id that begins with {prefix!r}")
        if len(fitting) > 1:
            raise UserError(f"several messages of {wanted.client} have an id that begins with {prefix!r}")
        yield fitting[0]
