"""Checkpoints: each covers what stands before it, and whatever is changed in or under one is named."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from levelhead.errors import StoreDamaged, UserError
from levelhead.evidence.checkpoints import (
    check_checkpoints,
    checkpoints,
    covering,
    latest,
    origin,
    sign_checkpoint,
    tree_of,
)
from levelhead.evidence.note import Checkpoint, Signer, verify_note
from levelhead.facts import NoteTaken
from levelhead.store.api import Store
from levelhead.store.sqlite import open_store
from levelhead.tree import leaf_hash

NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def note(store: Store, count: int = 1) -> None:
    with store.transaction(NOW) as tx:
        for number in range(count):
            tx.record(NoteTaken(client="Acme", text=f"call {number}", actor="me"))


@pytest.fixture
def signer(store: Store) -> Signer:
    note(store)
    return Signer(origin(store), bytes(32))


def problems(store: Store, **keys: Any) -> list[str]:
    return list(check_checkpoints(checkpoints(store), tree_of(store.entries()), **keys))


def test_the_name_of_a_ledger_comes_from_its_first_leaf_and_stays(store: Store, signer: Signer) -> None:
    first = leaf_hash(next(store.entries()).leaf)
    assert signer.origin == f"levelhead/{first.hex()[:16]}"
    note(store, 5)
    assert origin(store) == signer.origin


def test_an_empty_ledger_has_nothing_to_sign(store: Store) -> None:
    assert latest(store) is None
    with pytest.raises(UserError, match="no entry yet"):
        origin(store)
    with pytest.raises(UserError, match="no entry yet"):
        sign_checkpoint(store, Signer("levelhead/x", bytes(32)), NOW)


def test_a_checkpoint_signs_every_entry_before_itself(store: Store, signer: Signer) -> None:
    note(store, 4)
    root = store.ledger_root()
    signed = sign_checkpoint(store, signer, NOW)
    assert (signed.size, signed.root) == (5, root.hex())
    assert verify_note(signed.note, signed.verifier) == Checkpoint(origin=signer.origin, size=5, root=root)
    ((entry, fact),) = checkpoints(store)
    assert (entry.seq, fact) == (5, signed)
    assert latest(store) == signed
    assert [covering(store, seq) for seq in (4, 5)] == [signed, None]


def test_nothing_is_signed_twice(store: Store, signer: Signer) -> None:
    first = sign_checkpoint(store, signer, NOW)
    assert sign_checkpoint(store, signer, NOW + timedelta(days=1)) == first
    assert store.ledger_size() == 2
    note(store)
    assert sign_checkpoint(store, signer, NOW).size == 3
    assert sign_checkpoint(store, Signer(signer.origin, bytes([1]) * 32), NOW).size == 4


def test_another_ledgers_key_signs_nothing(store: Store, signer: Signer) -> None:
    with pytest.raises(UserError, match="the signing key is that of levelhead/other"):
        sign_checkpoint(store, Signer("levelhead/other", bytes(32)), NOW)


def test_whole_checkpoints_of_one_key_have_nothing_wrong(store: Store, signer: Signer) -> None:
    assert problems(store) == []
    for _ in range(5):
        note(store, 3)
        sign_checkpoint(store, signer, NOW)
    assert problems(store) == []
    assert problems(store, verifier=signer.verifier) == []


def test_a_checkpoint_of_another_key_than_the_configured_one_is_named_until_it_is_named_former(
    store: Store, signer: Signer
) -> None:
    other = Signer(signer.origin, bytes([1]) * 32)
    sign_checkpoint(store, other, NOW)
    note(store)
    sign_checkpoint(store, signer, NOW)
    (said,) = problems(store, verifier=signer.verifier)
    assert said.startswith(
        f"the checkpoint in entry 1 is signed by the key {other.verifier}, which is not the"
    )
    (said,) = problems(store)
    assert "not that of the newest checkpoint" in said
    assert problems(store, verifier=signer.verifier, former=[other.verifier]) == []
    assert problems(store, former=[other.verifier]) == []


def test_a_whole_ledger_of_another_key_is_not_believed(store: Store, signer: Signer) -> None:
    """Who makes everything anew can sign it too, but not with the key that somebody kept."""
    sign_checkpoint(store, Signer(signer.origin, bytes([1]) * 32), NOW)
    assert problems(store) == []
    assert len(problems(store, verifier=signer.verifier)) == 1


BENT = {
    "size": (lambda one: {"size": one.size - 1}, "the checkpoint in entry 4 is of 3 entries, and 4 are there"),
    "larger": (lambda one: {"size": one.size + 1}, "is of 5 entries, and 4 are there"),
    "root": (lambda one: {"root": "00" * 32}, "has not the root of the entries before it"),
    "note's root": (lambda one: {"note": one.note.replace(one.note.split("\n")[2], "A" * 43 + "=")}, "size or root"),
    "note's size": (lambda one: {"note": one.note.replace("\n4\n", "\n3\n")}, "a note of another size or root"),
    "origin": (lambda one: {"note": one.note.replace("levelhead/", "levelfoot/")}, "another ledger, levelfoot/"),
    "no note": (lambda one: {"note": one.root}, "cannot be read: the note has no signatures"),
    "signature": (lambda one: {"note": one.note[:-10] + "AAAA" + one.note[-6:]}, "signature is not right"),
    "key": (lambda one: {"verifier": one.verifier[:-2] + "AA"}, "is signed by the key"),
    "no key": (lambda one: {"verifier": ""}, "the text is no public key"),
}  # fmt: skip


@pytest.mark.parametrize("what", BENT)
def test_whatever_is_bent_in_a_checkpoint_is_named(store: Store, signer: Signer, what: str) -> None:
    note(store, 3)
    whole = sign_checkpoint(store, signer, NOW)
    entry = checkpoints(store)[0][0]
    change, sentence = BENT[what]
    bent = dataclasses.replace(whole, **change(whole))
    found = list(check_checkpoints([(entry, bent)], tree_of(store.entries()), verifier=signer.verifier))
    assert any(sentence in said for said in found), found
    assert all(said.startswith("the checkpoint in entry 4") for said in found)


def test_an_entry_that_changed_is_narrowed_down_by_the_checkpoints_around_it(
    store: Store, signer: Signer
) -> None:
    for _ in range(4):
        note(store, 4)
        sign_checkpoint(store, signer, NOW)
    entries = list(store.entries())
    assert [entry.seq for entry, _ in checkpoints(store)] == [5, 10, 15, 20]
    entries[7] = dataclasses.replace(entries[7], leaf=entries[7].leaf.replace(b":7,", b":8,"))
    (said,) = check_checkpoints(checkpoints(store), tree_of(entries))
    assert said == (
        "the checkpoint in entry 10 has not the root of the entries before it, nor have 2 checkpoints after it:"
        " one of the entries from 5 to 9, or the checkpoint, was changed after it was signed"
    )


def test_a_checkpoint_whose_root_alone_was_changed_is_named_beside_those_that_fit(
    store: Store, signer: Signer
) -> None:
    for _ in range(4):
        note(store, 4)
        sign_checkpoint(store, signer, NOW)
    found = list(checkpoints(store))
    found[1] = (found[1][0], dataclasses.replace(found[1][1], root="00" * 32))
    said = [one for one in check_checkpoints(found, tree_of(store.entries())) if "has not the root" in one]
    assert said == [
        "the checkpoint in entry 10 has not the root of the entries before it: one of the entries from 5 to 9,"
        " or the checkpoint, was changed after it was signed"
    ]


def test_a_ledger_shorter_than_its_checkpoint_is_named(store: Store, signer: Signer) -> None:
    note(store, 3)
    sign_checkpoint(store, signer, NOW)
    (said,) = check_checkpoints(checkpoints(store), tree_of(list(store.entries())[:3]))
    assert "is of 4 entries, and 3 are there before it" in said


def test_a_tree_is_made_of_whole_ledgers_only(store: Store, signer: Signer) -> None:
    note(store, 3)
    entries = list(store.entries())
    with pytest.raises(StoreDamaged, match="entry 1 of the ledger is missing"):
        tree_of(entries[:1] + entries[2:])


def test_without_the_extra_no_signature_counts_as_checked(
    store: Store, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_checkpoint(store, signer, NOW)
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    (said,) = problems(store)
    assert said.startswith("the signature of the checkpoint in entry 1 was not checked: ")
    assert "pip install 'levelhead[evidence]'" in said
