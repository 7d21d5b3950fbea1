"""The proof for a message: it holds for those entries and that checkpoint, and nothing else is handed out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory, ListedClient
from levelhead.clock import FrozenClock
from levelhead.errors import LevelheadError, StoreDamaged, Unavailable, UserError
from levelhead.evidence.checkpoints import checkpoints, origin, sign_checkpoint
from levelhead.evidence.note import Signer
from levelhead.evidence.proofs import _tells_of, prove
from levelhead.facts import MessageMarked
from levelhead.model import Arrival
from levelhead.raw import raw
from levelhead.store.api import Store
from levelhead.store.sqlite import open_store
from levelhead.tree import leaf_hash, verify_consistency, verify_inclusion

NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)


def letter(number: int) -> Any:
    return raw(
        f"From: anna@acme.example\r\nTo: me@studio.example\r\nSubject: {number}\r\n"
        f"Message-ID: <{number}@acme.example>\r\n\r\nHello {number}\r\n".encode()
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three checkpoints, with three messages before each, and a mark on the first message."""
    opened = open_store(tmp_path)
    directory = Directory.make(
        ["me@studio.example"], [ListedClient(name="Acme", addresses=("*@acme.example",))]
    )
    recorder = Recorder(
        opened, Volumes(tmp_path / "volumes"), FrozenClock(NOW), parse=parse, directory=directory
    )
    for day in range(3):
        recorder.record([Arrival(raw=letter(3 * day + number)) for number in range(3)])
        if not day:
            with opened.transaction(NOW) as tx:
                tx.record(MessageMarked(id=letter(0).digest, level="calm", why="", actor="me"))
        sign_checkpoint(opened, Signer(origin(opened), bytes(32)), NOW)
    recorder.record([Arrival(raw=letter(9))])
    yield opened
    opened.close()


def sizes(store: Store) -> list[int]:
    return [fact.size for _, fact in checkpoints(store)]


@pytest.mark.parametrize("number", range(9))
def test_every_message_is_proven_by_every_checkpoint_that_covers_it(store: Store, number: int) -> None:
    for size in sizes(store)[number // 3 :]:
        proof = prove(store, letter(number).digest, at=size)
        assert proof.checkpoint.size == size
        assert letter(number).digest.encode() in (proof.entry.payload or b"")
        root = bytes.fromhex(proof.checkpoint.root)
        assert verify_inclusion(leaf_hash(proof.entry.leaf), proof.entry.seq, size, proof.inclusion, root)


def test_the_newest_checkpoint_is_taken_and_any_two_are_proven_consistent(store: Store) -> None:
    message = letter(0).digest
    assert prove(store, message).checkpoint.size == sizes(store)[-1]
    for at, new in enumerate(sizes(store)):
        for old in sizes(store)[: at + 1]:
            proof = prove(store, message, at=new, since=old)
            assert proof.older is not None
            before, after = bytes.fromhex(proof.older.root), bytes.fromhex(proof.checkpoint.root)
            assert verify_consistency(old, new, before, after, proof.consistency)


def test_a_message_that_no_checkpoint_covers_yet_can_be_proven_later(store: Store) -> None:
    with pytest.raises(
        Unavailable, match=r"came in after the checkpoint of \d+ entries, which does not cover it"
    ):
        prove(store, letter(9).digest)
    with pytest.raises(Unavailable, match="came in after"):
        prove(store, letter(8).digest, at=sizes(store)[0])
    sign_checkpoint(store, Signer(origin(store), bytes(32)), NOW)
    assert prove(store, letter(9).digest).checkpoint.size == sizes(store)[-1]


def test_an_entry_that_only_names_the_message_is_not_the_one_that_archived_it(store: Store) -> None:
    entries = list(store.entries())
    mine = [entry.seq for entry in entries if _tells_of(entry, letter(0).digest)]
    names = [entry.seq for entry in entries if letter(0).digest.encode() in (entry.payload or b"")]
    assert (mine, len(names)) == ([0], 2)


def test_a_size_that_no_checkpoint_has_is_told_with_those_that_there_are(store: Store) -> None:
    first, *_, last = sizes(store)
    for wrong in ({"at": 2}, {"since": 2}):
        with pytest.raises(
            UserError, match=f"no checkpoint has 2 entries; there are those of {first}, .*{last}"
        ):
            prove(store, letter(0).digest, **wrong)
    with pytest.raises(UserError, match="is not older than"):
        prove(store, letter(0).digest, at=first, since=last)


def test_a_ledger_that_was_never_signed_proves_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(
        LevelheadError, match=r"no checkpoint was signed yet: name a file in \[evidence\]"
    ) as caught:
        prove(store, letter(0).digest)
    assert caught.value.exit_status == 1
    store.close()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), 'T17', 'T18') AS BLOB) WHERE seq = 2",
            "not those that",
        ),
        ("DELETE FROM entry WHERE seq = 2", "entry 2 of the ledger is missing"),
    ],
)
def test_a_ledger_that_was_changed_hands_out_no_proof(
    store: Store, tmp_path: Path, statement: str, sentence: str
) -> None:
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)
    connection.close()
    with pytest.raises(StoreDamaged, match=sentence):
        prove(store, letter(0).digest)
