"""The proof for one message: its entry, the path from there to a signed checkpoint, and from an older one to that."""

from __future__ import annotations

from dataclasses import dataclass

from levelhead import facts
from levelhead.errors import LevelheadError, StoreDamaged, Unavailable, UserError
from levelhead.evidence.checkpoints import checkpoints
from levelhead.facts import CheckpointSigned, MessageArchived
from levelhead.store.api import Entry, Store
from levelhead.store.ledger import read_leaf
from levelhead.tree import HASH_SIZE, Tree, leaf_hash, verify_consistency, verify_inclusion

SHOWN = 5
"""How many sizes of checkpoints a sentence names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All that somebody needs who has the message and trusts the key; `inclusion` begins beside the leaf.

    `older` and `consistency` (how the older checkpoint became this one) are there when an older one was named.
    """

    id: str
    entry: Entry
    checkpoint: CheckpointSigned
    inclusion: tuple[bytes, ...]
    older: CheckpointSigned | None
    consistency: tuple[bytes, ...]


def prove(store: Store, message: str, *, at: int | None = None, since: int | None = None) -> Proof:
    """The proof that a message (its whole id) was in the ledger at the checkpoint of size `at` (None: the newest).

    `since` is the size of an older checkpoint. UserError for a size that no checkpoint has, LevelheadError when
    nothing was ever signed, Unavailable when the message came in after the checkpoint, StoreDamaged when the entries
    are not those that were signed.
    """
    signed = {one.size: one for _, one in checkpoints(store)}
    if not signed:
        raise LevelheadError(
            "no checkpoint was signed yet: name a file in [evidence] key_file and run levelhead"
        )
    checkpoint = _of_size(signed, max(signed) if at is None else at)
    older = None if since is None else _of_size(signed, since)
    if older is not None and older.size > checkpoint.size:
        raise UserError(f"the checkpoint of {older.size} entries is not older than that of {checkpoint.size}")
    tree, entry = _tree_and_entry(store, message, checkpoint.size)
    if entry is None:
        raise Unavailable(
            f"the message {message[:12]} came in after the checkpoint of {checkpoint.size} entries, which does not"
            " cover it; levelhead run signs one every day, and levelhead export signs one at once"
        )
    proof = Proof(
        id=message,
        entry=entry,
        checkpoint=checkpoint,
        inclusion=tree.inclusion(entry.seq),
        older=older,
        consistency=() if older is None else tree.consistency(older.size),
    )
    _must_hold(proof)
    return proof


def _of_size(signed: dict[int, CheckpointSigned], size: int) -> CheckpointSigned:
    if size in signed:
        return signed[size]
    sizes = sorted(signed)
    known = ", ".join(str(one) for one in sizes[-SHOWN:])
    last = f"the last {SHOWN} have" if len(sizes) > SHOWN else "there are those of"
    raise UserError(f"no checkpoint has {size} entries; {last} {known}")


def _tree_and_entry(store: Store, message: str, size: int) -> tuple[Tree, Entry | None]:
    """The tree over the first `size` entries, and the one among them that archived the message."""
    hashes, found, wanted = bytearray(), None, f'"{message}"'.encode()
    for place, entry in enumerate(store.entries(0, size)):
        if entry.seq != place:
            break
        hashes += leaf_hash(entry.leaf)
        if (
            found is None
            and entry.payload is not None
            and wanted in entry.payload
            and _tells_of(entry, message)
        ):
            found = entry
    if len(hashes) != size * HASH_SIZE:
        raise StoreDamaged(
            f"entry {len(hashes) // HASH_SIZE} of the ledger is missing; levelhead verify says more"
        )
    return Tree(bytes(hashes[start : start + HASH_SIZE]) for start in range(0, len(hashes), HASH_SIZE)), found


def _tells_of(entry: Entry, message: str) -> bool:
    """Whether it is the entry that archived the message, and not one that only names it."""
    try:
        kind = read_leaf(entry.leaf).type
        fact = facts.read(kind, entry.payload or b"") if kind == MessageArchived.name else None
    except ValueError as exc:
        raise StoreDamaged(f"entry {entry.seq} cannot be read: {exc}; levelhead verify says more") from exc
    return isinstance(fact, MessageArchived) and fact.id == message


def _must_hold(proof: Proof) -> None:
    """Nobody is handed a proof that does not prove."""
    root = bytes.fromhex(proof.checkpoint.root)
    size = proof.checkpoint.size
    whole = verify_inclusion(leaf_hash(proof.entry.leaf), proof.entry.seq, size, proof.inclusion, root)
    if whole and proof.older is not None:
        older = bytes.fromhex(proof.older.root)
        whole = verify_consistency(proof.older.size, size, older, root, proof.consistency)
    if not whole:
        raise StoreDamaged(
            "the ledger's entries are not those that the checkpoint was signed over; levelhead verify says more"
        )
