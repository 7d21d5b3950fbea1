"""Checkpoints in the ledger: signing where it stands, finding them again, and holding them against the entries.

A checkpoint is signed in the transaction that records it, so that the one of size N is entry N: it covers every entry
before itself, and nobody can write in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from levelhead.archive.verify import Signed
from levelhead.errors import ProgrammerError, StoreDamaged, UserError
from levelhead.evidence.note import Checkpoint, Signer, read_note, verify_note
from levelhead.facts import CheckpointSigned, Fact
from levelhead.store.api import Entry, Store
from levelhead.tree import Tree, leaf_hash

ORIGIN_DIGITS = 16
"""Hex digits of the first leaf's hash in the name of a ledger."""


def origin_of(first: Entry) -> str:
    """The name of the ledger that begins with this entry: `levelhead/` and 16 hex digits of its leaf's hash.

    That leaf commits to a random salt and never changes, so that the name is unique, stays, and needs no setting.
    """
    if first.seq != 0:
        raise ProgrammerError(f"entry {first.seq} is not the first")
    return _name(leaf_hash(first.leaf))


def name_in(tree: Tree) -> str:
    """The name of the ledger whose leaves the tree is made of; it must have one."""
    return _name(tree.leaf(0))


def _name(first: bytes) -> str:
    return "levelhead/" + first.hex()[:ORIGIN_DIGITS]


def origin(store: Store) -> str:
    """The ledger's name; UserError while it has no entry."""
    for entry in store.entries(0, 1):
        return origin_of(entry)
    raise UserError("the ledger has no entry yet, so that there is nothing to sign")


def checkpoints(store: Store) -> tuple[Signed, ...]:
    """All checkpoints with their entries, oldest first."""
    found = [(entry, fact) for entry, fact in _newest_first(store) if isinstance(fact, CheckpointSigned)]
    return tuple(reversed(found))


def latest(store: Store) -> CheckpointSigned | None:
    """The newest checkpoint, or None when nothing was signed yet."""
    return next((fact for _, fact in _newest_first(store, 1) if isinstance(fact, CheckpointSigned)), None)


def covering(store: Store, seq: int) -> CheckpointSigned | None:
    """The newest checkpoint, when it covers entry `seq`; None when none does yet."""
    newest = latest(store)
    return newest if newest is not None and newest.size > seq else None


def _newest_first(store: Store, limit: int | None = None) -> Iterator[tuple[Entry, Fact]]:
    return store.facts_about(kind=CheckpointSigned.name, limit=limit)


def sign_checkpoint(store: Store, signer: Signer, now: datetime) -> CheckpointSigned:
    """Sign the ledger as it stands and record that; the newest one again when it covers everything but itself.

    UserError for a signer of another ledger or an empty ledger.
    """
    if signer.origin != (name := origin(store)):
        raise UserError(f"the signing key is that of {signer.origin}, and this ledger is {name}")
    with store.transaction(now) as tx:
        # Whoever opened a transaction is the only one to write, so that size and root are of one moment.
        size, newest = store.ledger_size(), latest(store)
        if newest is not None and newest.size == size - 1 and newest.verifier == signer.verifier:
            return newest
        root = store.ledger_root()
        note = signer.sign(Checkpoint(origin=name, size=size, root=root))
        signed = CheckpointSigned(size=size, root=root.hex(), note=note, verifier=signer.verifier)
        tx.record(signed)
    return signed


def check_checkpoints(
    found: Sequence[Signed], tree: Tree, *, verifier: str | None = None, former: Collection[str] = ()
) -> Iterator[str]:
    """What is wrong with the checkpoints of a ledger, one sentence each; `tree` is made of its leaves again.

    With `verifier`, the public half of the configured key, each must be signed by it or by one of `former`; without,
    all by the key of the newest or by one of `former`. That each root is that of the same leaves again is also what
    makes all checkpoints consistent with each other.
    """
    if not found:
        return
    name = _name(tree.leaf(0))
    keys = {*former, verifier or found[-1][1].verifier}
    fits = 0
    changed: list[int] = []
    for entry, signed in found:
        where = f"the checkpoint in entry {entry.seq}"
        if signed.size != entry.seq or signed.size > tree.size:
            yield f"{where} is of {signed.size} entries, and {min(entry.seq, tree.size)} are there before it"
        elif signed.root != tree.root(signed.size).hex():
            changed.append(entry.seq)
        elif not changed:
            fits = signed.size
        yield from _against_note(signed, where, name)
        yield from _against_keys(signed, where, keys, configured=verifier is not None)
    if changed:
        yield _unfit(changed, fits)


def _unfit(changed: list[int], since: int) -> str:
    """What is to be said of checkpoints whose root is not that of the entries before them; up to `since` all fits."""
    first = changed[0]
    more = f", nor have {len(changed) - 1} checkpoints after it" if len(changed) > 1 else ""
    return (
        f"the checkpoint in entry {first} has not the root of the entries before it{more}: one of the entries from"
        f" {since} to {first - 1}, or the checkpoint, was changed after it was signed"
    )


def _against_note(signed: CheckpointSigned, where: str, name: str) -> Iterator[str]:
    try:
        said, _ = read_note(signed.note)
    except ValueError as exc:
        yield f"{where} cannot be read: {exc}"
        return
    if said.origin != name:
        yield f"{where} is of another ledger, {said.origin}"
    if (said.size, said.root.hex()) != (signed.size, signed.root):
        yield f"{where} has a note of another size or root than its own"


def _against_keys(
    signed: CheckpointSigned, where: str, keys: Collection[str], *, configured: bool
) -> Iterator[str]:
    if signed.verifier not in keys:
        whose = "the configured one" if configured else "that of the newest checkpoint"
        yield (
            f"{where} is signed by the key {signed.verifier}, which is not {whose};"
            " when that was yours before, name it in [evidence] former_keys"
        )
    try:
        verify_note(signed.note, signed.verifier)
    except ValueError as exc:
        yield f"{where} is not signed as it says: {exc}"
    except UserError as exc:
        yield f"the signature of {where} was not checked: {exc}"


def tree_of(entries: Iterable[Entry]) -> Tree:
    """The tree over the leaves of these entries, which must begin with entry 0 and leave none out."""
    return Tree(_leaf_hashes(entries))


def _leaf_hashes(entries: Iterable[Entry]) -> Iterator[bytes]:
    for place, entry in enumerate(entries):
        if entry.seq != place:
            raise StoreDamaged(f"entry {place} of the ledger is missing; levelhead verify says more")
        yield leaf_hash(entry.leaf)
