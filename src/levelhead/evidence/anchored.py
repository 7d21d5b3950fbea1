"""What anchors have said, read back from the ledger: how each stands, and whether what they said still fits."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from levelhead.archive.verify import Anchored, Signed
from levelhead.errors import UserError
from levelhead.evidence import stamps
from levelhead.evidence.checkpoints import name_in
from levelhead.evidence.note import Checkpoint
from levelhead.facts import AnchorFailed, AnchorStamped, AnchorWitnessed
from levelhead.store.api import Store
from levelhead.store.ledger import read_leaf
from levelhead.tree import Tree

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

RECENT = 1_000
"""How many of the latest facts of a kind are looked through for those about one anchor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How an anchor stands; times are those of the ledger's entries."""

    size: int = 0
    """How many entries its last checkpoint covers; 0 before the first."""
    at: datetime | None = None
    """When it was reached last."""
    failing_since: datetime | None = None
    """The first failure since then; None while it is well."""
    failed_at: datetime | None = None
    """The last failure that was written down."""
    why: str = ""


def state_of(store: Store, name: str, *, witness: bool) -> State:
    """How the authority of that URL, or the witness behind that channel, stands."""
    seq, size, at = -1, 0, None
    kind = AnchorWitnessed.name if witness else AnchorStamped.name
    for entry, fact in store.facts_about(kind=kind, limit=RECENT):
        if isinstance(fact, AnchorStamped | AnchorWitnessed) and _who(fact) == name:
            seq, size, at = entry.seq, fact.size, read_leaf(entry.leaf).time
            break
    failures = []
    for entry, fact in store.facts_about(kind=AnchorFailed.name, limit=RECENT):
        if entry.seq < seq:
            break
        if isinstance(fact, AnchorFailed) and fact.anchor == name:
            failures.append((read_leaf(entry.leaf).time, fact.why))
    if not failures:
        return State(size=size, at=at)
    (failed_at, why), (since, _) = failures[0], failures[-1]
    return State(size=size, at=at, failing_since=since, failed_at=failed_at, why=why)


def _who(fact: AnchorStamped | AnchorWitnessed) -> str:
    return fact.authority if isinstance(fact, AnchorStamped) else fact.channel


@dataclass(slots=True, kw_only=True)
class Stamps:
    """What `verify` finds of time stamps: how many there are, how many fit their checkpoints, and who signed those."""

    ca_file: Path | None = None
    present: int = 0
    checked: int = 0
    signers: Counter[str] = field(default_factory=Counter)
    """How many stamps each subject of a certificate signed."""
    unchecked: str = ""
    """Why signatures were not checked; empty when each was."""

    def look(self, anchored: Sequence[Anchored], signed: Sequence[Signed], tree: Tree) -> Iterator[str]:
        """What is wrong with the anchors of a ledger, one sentence each; `tree` is made of its leaves again."""
        notes = {fact.size: fact.note for _, fact in signed}
        self.present = sum(isinstance(fact, AnchorStamped) for _, fact in anchored)
        roots = self._roots() if self.present else ()
        for entry, fact in anchored:
            where = f"the anchor in entry {entry.seq}"
            if not 0 < fact.size <= min(entry.seq, tree.size):
                yield f"{where} is of {fact.size} entries, and {min(entry.seq, tree.size)} are there before it"
            elif fact.root != tree.root(fact.size).hex():
                yield f"{where} is of a root that the ledger never had: an entry before it, or itself, was changed"
            elif isinstance(fact, AnchorStamped):
                body = Checkpoint(origin=name_in(tree), size=fact.size, root=tree.root(fact.size)).body()
                texts = [text.encode() for text in (body, notes.get(fact.size)) if text]
                if wrong := self._wrong(fact, texts, roots):
                    yield f"the time stamp in entry {entry.seq} does not prove its checkpoint: {wrong}"

    def _wrong(self, fact: AnchorStamped, texts: Sequence[bytes], roots: Sequence[Certificate]) -> str:
        try:
            stamp = stamps.read_answer(base64.b64decode(fact.token, validate=True))
            stamps.must_be_on(stamp, *texts)
            if stamp.at != fact.stamped_at:
                return "its time is not the one that was recorded"
            if roots:
                stamps.must_be_signed(stamp, roots)
        except binascii.Error:
            return "it is not in base64"
        except ValueError as exc:
            return str(exc)
        except UserError as exc:
            self.unchecked = str(exc)
            return ""
        self.checked += 1
        self.signers[stamp.signer] += 1
        return ""

    def _roots(self) -> Sequence[Certificate]:
        if self.ca_file is None:
            self.unchecked = "[anchors] ca_file names no root certificates"
            return ()
        try:
            return stamps.roots_of(self.ca_file)
        except UserError as exc:
            self.unchecked = str(exc)
            return ()
