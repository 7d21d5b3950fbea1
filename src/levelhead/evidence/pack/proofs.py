"""The ledger's part of a pack: entries with their inclusion proofs, checkpoints, consistency proofs, time stamps."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from levelhead.errors import StoreDamaged
from levelhead.evidence.note import Checkpoint
from levelhead.evidence.pack.folder import Folder
from levelhead.evidence.pack.selection import Point, Survey, point_of
from levelhead.facts import AnchorStamped, AnchorWitnessed
from levelhead.store.api import Entry, Store
from levelhead.tree import Tree

CHECKPOINT = "ledger/checkpoint.txt"
KEYS = "ledger/keys.txt"
ENTRIES = "ledger/entries.jsonl"
CONSISTENCY = "ledger/consistency.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A word from outside about an earlier checkpoint: a time stamp (`token` is a file of the pack) or a witness."""

    entry: int
    size: int
    root: str
    by: str
    at: datetime
    token: str
    """The file with the authority's answer; empty for a witness."""


def entry_line(entry: Entry, tree: Tree, size: int, *, opened: bool) -> bytes:
    """An entry with its inclusion proof (RFC 9162, section 2.1.3), as one line of JSON; hashes in base64."""
    value = {
        "seq": entry.seq,
        "leaf": entry.leaf.decode(),
        "salt": entry.salt.hex() if opened and entry.salt is not None else None,
        "payload": entry.payload.decode() if opened and entry.payload is not None else None,
        "path": [_base64(one) for one in tree.inclusion(entry.seq, size)],
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def write_checkpoint(folder: Folder, point: Point) -> None:
    """The checkpoint that everything is proven against."""
    folder.write(CHECKPOINT, (point.note or point.checkpoint.body()).encode())


def add_entries(file: BinaryIO, store: Store, survey: Survey, seqs: Iterable[int]) -> None:
    """Opened entries about no message: gaps in coverage and anchors."""
    for seq in sorted(set(seqs)):
        for entry in store.entries(seq, seq + 1):
            file.write(entry_line(entry, survey.tree, survey.point.checkpoint.size, opened=True))


def write_anchors(folder: Folder, store: Store, survey: Survey) -> tuple[Anchor, ...]:
    """Time stamps and witnesses of earlier checkpoints, the proofs that those led to this one, and who signed any.

    For each message the first of each kind that covers it, and the last of all: more would tell how the ledger grew.
    """
    found = sorted(
        [*_stamped(store, survey), *_witnessed(store, survey)], key=lambda pair: (pair[0].size, pair[0].entry)
    )
    kept: list[Anchor] = []
    lines = []
    keys = {survey.point.verifier: None}
    for size in sorted({pair[0].size for pair in _enough(found, survey)}):
        earlier = point_of(store, survey.tree, size)
        if earlier.note:
            folder.write(f"ledger/checkpoints/{size:012}.txt", earlier.note.encode())
            keys[earlier.verifier] = None
        lines.append(_consistency_line(earlier.checkpoint, survey))
    for anchor, token in _enough(found, survey):
        if anchor.token:
            folder.write(anchor.token, token)
        kept.append(anchor)
    if lines:
        folder.write(CONSISTENCY, b"".join(lines))
    if signers := [key for key in keys if key]:
        folder.write(KEYS, "".join(f"{key}\n" for key in signers).encode())
    return tuple(kept)


_Found = tuple[Anchor, bytes]


def _stamped(store: Store, survey: Survey) -> Iterable[_Found]:
    size = survey.point.checkpoint.size
    for entry, fact in store.facts_about(kind=AnchorStamped.name):
        if isinstance(fact, AnchorStamped) and entry.seq < size:
            _must_be_ours(survey, entry, fact.size, fact.root)
            try:
                token = base64.b64decode(fact.token, validate=True)
            except (binascii.Error, ValueError) as exc:
                raise StoreDamaged(f"the time stamp in entry {entry.seq} cannot be read") from exc
            yield (
                Anchor(
                    entry=entry.seq,
                    size=fact.size,
                    root=fact.root,
                    by=fact.authority,
                    at=fact.stamped_at,
                    token=f"timestamps/{fact.size:012}-{entry.seq}.tsr",
                ),
                token,
            )


def _witnessed(store: Store, survey: Survey) -> Iterable[_Found]:
    size = survey.point.checkpoint.size
    for entry, fact in store.facts_about(kind=AnchorWitnessed.name):
        if isinstance(fact, AnchorWitnessed) and entry.seq < size:
            _must_be_ours(survey, entry, fact.size, fact.root)
            anchor = Anchor(
                entry=entry.seq, size=fact.size, root=fact.root, by=fact.channel, at=fact.told_at, token=""
            )
            yield anchor, b""


def _must_be_ours(survey: Survey, entry: Entry, size: int, root: str) -> None:
    if not 0 < size <= entry.seq or survey.tree.root(size).hex() != root:
        raise StoreDamaged(
            f"the anchor in entry {entry.seq} is of a root that the ledger never had; levelhead verify says more"
        )


def _enough(found: Sequence[_Found], survey: Survey) -> Sequence[_Found]:
    """Of each kind the first that covers each message, and the last."""
    kept: dict[int, _Found] = {}
    for stamps in (True, False):
        ours = [one for one in found if bool(one[0].token) == stamps]
        wanted = {one.entry for one in survey.chosen}
        for one in ours:
            covered = {entry for entry in wanted if entry < one[0].size}
            if covered:
                kept[one[0].entry] = one
                wanted -= covered
        kept |= {one[0].entry: one for one in ours[-1:]}
    return [kept[entry] for entry in sorted(kept)]


def _consistency_line(earlier: Checkpoint, survey: Survey) -> bytes:
    """That the tree of an earlier checkpoint is the beginning of this one (RFC 9162, section 2.1.4)."""
    size = survey.point.checkpoint.size
    value = {
        "size": earlier.size,
        "root": _base64(earlier.root),
        "path": [_base64(one) for one in survey.tree.consistency(earlier.size, size)],
    }
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
