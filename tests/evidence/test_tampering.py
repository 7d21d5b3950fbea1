"""Each structure of the archive, corrupted in each way: `verify` names it, and so does `verify --quick`.

A row of the table says what is done to the archive and what must be said of it. Below it stands what somebody can do
who may write everything and makes leaves, tree and files anew, but lacks the key.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.quick import verify_quick
from levelhead.archive.record import Recorder
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import Report, verify
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory, ListedClient
from levelhead.clock import FrozenClock
from levelhead.evidence.checkpoints import check_checkpoints, checkpoints, origin, sign_checkpoint
from levelhead.evidence.note import Checkpoint, Signer
from levelhead.facts import CheckpointSigned, Fact, NoteTaken
from levelhead.model import Arrival
from levelhead.raw import raw
from levelhead.store.api import Entry, MessageFilter
from levelhead.store.ledger import entry_of, read_leaf
from levelhead.store.sqlite import open_store
from levelhead.tree import HASH_SIZE, Frontier, leaf_hash, root_of

NOW = datetime(2026, 11, 20, 17, tzinfo=UTC)
SEED = bytes(32)
LEAVES, PAYLOADS = "000001.jsonl", "000001.payload.jsonl"


class Attic:
    """An archive in a folder, to be changed behind levelhead's back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mirror = Mirror(path / "ledger")
        self.volumes = Volumes(path / "volumes")

    def sql(self, statement: str, *values: Any) -> None:
        connection = sqlite3.connect(self.path / "index.sqlite", isolation_level=None)
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement, values)
        connection.close()

    def value(self, column: str, table: str, seq: int) -> bytes:
        connection = sqlite3.connect(self.path / "index.sqlite")
        ((found,),) = connection.execute(f"SELECT {column} FROM {table} WHERE seq = ?", (seq,)).fetchall()
        connection.close()
        return bytes(found)

    def entries(self) -> list[Entry]:
        store = open_store(self.path, read_only=True)
        found = list(store.entries())
        store.close()
        return found

    def facts(self) -> list[tuple[Entry, CheckpointSigned]]:
        store = open_store(self.path, read_only=True)
        found = list(checkpoints(store))
        store.close()
        return found

    @property
    def signer(self) -> Signer:
        return Signer(self.facts()[0][1].note.split("\n")[0], SEED)

    def frames(self) -> list[tuple[int, int]]:
        """Where each message lies in the volume: from, to."""
        store = open_store(self.path, read_only=True)
        found = [(row.offset, row.offset + row.length) for row in store.messages(MessageFilter())]
        store.close()
        return found

    def remake(self, entries: list[Entry]) -> None:
        """Index, tree and files as if these had always been the ledger's entries; each gets the number of its place."""
        frontier = Frontier()
        connection = sqlite3.connect(self.path / "index.sqlite")
        connection.execute("DELETE FROM payload")
        connection.execute("DELETE FROM entry")
        for place, entry in enumerate(entries):
            said = read_leaf(entry.leaf)
            leaf = dataclasses.replace(said, seq=place).to_bytes()
            frontier.append(leaf_hash(leaf))
            connection.execute(
                "INSERT INTO entry (seq, type, leaf) VALUES (?, ?, ?)", (place, said.type, leaf)
            )
            half = (place, entry.salt, entry.payload)
            connection.execute("INSERT INTO payload (seq, salt, payload) VALUES (?, ?, ?)", half)
        connection.execute("UPDATE frontier SET state = ?", (frontier.to_bytes(),))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'mirrored'", (str(len(entries)),))
        connection.commit()
        connection.close()
        shutil.rmtree(self.path / "ledger")
        store = open_store(self.path)
        self.mirror.catch_up(store)
        store.close()

    def verify(self, *, key: str | None = None) -> tuple[Report, Report]:
        """What `verify --deep` and `verify --quick` say."""
        look = functools.partial(check_checkpoints, verifier=key)
        store = open_store(self.path, read_only=True)
        try:
            deep = verify(
                store,
                self.volumes,
                self.mirror,
                parse_many=one_by_one(parse),
                open_store=open_store,
                checkpoints=look,
                deep=True,
            )
            return deep, verify_quick(store, self.mirror, checkpoints=look)
        finally:
            store.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three messages, two notes, a checkpoint, three notes, a checkpoint, a note: entries 0 to 10."""
    path = tmp_path_factory.mktemp("tampering") / "archive"
    path.mkdir()
    store, clock = open_store(path), FrozenClock(NOW)
    directory = Directory.make(
        ["me@studio.example"], [ListedClient(name="Acme", addresses=("*@acme.example",))]
    )
    recorder = Recorder(store, Volumes(path / "volumes"), clock, parse=parse, directory=directory)
    letters = [
        f"From: anna@acme.example\r\nTo: me@studio.example\r\nMessage-ID: <{one}@x>\r\n\r\n{one}\r\n".encode()
        for one in ("first", "second", "third")
    ]
    recorder.record([Arrival(raw=raw(letter)) for letter in letters])
    for count in (2, 3, 1):
        for _ in range(count):
            with store.transaction(NOW) as tx:
                tx.record(NoteTaken(client="Acme", text=f"call {store.ledger_size()}", actor="me"))
        if count > 1:
            sign_checkpoint(store, Signer(origin(store), SEED), NOW)
    Mirror(path / "ledger").keep_up(store, NOW)
    store.close()
    return path


@pytest.fixture
def attic(template: Path, tmp_path: Path) -> Attic:
    shutil.copytree(template, tmp_path / "archive")
    return Attic(tmp_path / "archive")


def everything(report: Report) -> str:
    return "\n".join((*report.damaged, *report.missing, *report.unexplained))


def test_the_archive_is_whole_before_anything_is_done(attic: Attic) -> None:
    kinds = [read_leaf(entry.leaf).type for entry in attic.entries()]
    assert [seq for seq, kind in enumerate(kinds) if kind == "checkpoint.signed"] == [5, 9]
    assert [seq for seq, kind in enumerate(kinds) if kind == "message.archived"] == [0, 1, 2]
    assert len(kinds) == 11
    for report in attic.verify(key=attic.signer.verifier):
        assert everything(report) == ""
        assert report.ok
        assert (report.size, report.root) == (11, root_of(one.leaf for one in attic.entries()).hex())


# --- ways to spoil bytes, a column of the index, lines of a file, stretches of a file ----------------


def flip(data: bytes) -> bytes:
    """One bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def column(
    name: str, table: str, seq: int, change: Callable[[bytes], bytes | None]
) -> Callable[[Attic], None]:
    def act(attic: Attic) -> None:
        changed = change(attic.value(name, table, seq))
        attic.sql(f"UPDATE {table} SET {name} = ? WHERE seq = ?", changed, seq)

    return act


def exchanged(name: str, table: str, one: int, other: int) -> Callable[[Attic], None]:
    def act(attic: Attic) -> None:
        first, second = attic.value(name, table, one), attic.value(name, table, other)
        attic.sql(f"UPDATE {table} SET {name} = ? WHERE seq = ?", second, one)
        attic.sql(f"UPDATE {table} SET {name} = ? WHERE seq = ?", first, other)

    return act


def copied(name: str, table: str, source: int, target: int) -> Callable[[Attic], None]:
    def act(attic: Attic) -> None:
        attic.sql(f"UPDATE {table} SET {name} = ? WHERE seq = ?", attic.value(name, table, source), target)

    return act


def statements(*all_of_them: str) -> Callable[[Attic], None]:
    def act(attic: Attic) -> None:
        for one in all_of_them:
            attic.sql(one)

    return act


def added(entry: Callable[[Attic], Entry]) -> Callable[[Attic], None]:
    """An entry behind the last, of which the tree knows nothing."""

    def act(attic: Attic) -> None:
        made = entry(attic)
        kind = read_leaf(made.leaf).type
        attic.sql("INSERT INTO entry (seq, type, leaf) VALUES (?, ?, ?)", made.seq, kind, made.leaf)
        attic.sql(
            "INSERT INTO payload (seq, salt, payload) VALUES (?, ?, ?)", made.seq, made.salt, made.payload
        )

    return act


def forged(fact: Fact, seq: int) -> Entry:
    return entry_of(fact, seq=seq, time=NOW, salt=bytes(32))


def again(attic: Attic) -> Entry:
    """The last entry once more, under the next number."""
    last = attic.entries()[-1]
    leaf = dataclasses.replace(read_leaf(last.leaf), seq=last.seq + 1).to_bytes()
    return dataclasses.replace(last, seq=last.seq + 1, leaf=leaf)


def frontier(change: Callable[[bytes], bytes]) -> Callable[[Attic], None]:
    def act(attic: Attic) -> None:
        connection = sqlite3.connect(attic.path / "index.sqlite")
        ((state,),) = connection.execute("SELECT state FROM frontier").fetchall()
        connection.close()
        attic.sql("UPDATE frontier SET state = ?", change(bytes(state)))

    return act


def lines(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Attic], None]:
    def act(attic: Attic) -> None:
        path = attic.path / "ledger" / name
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return act


def pieces(change: Callable[[bytes, list[bytes]], list[bytes]]) -> Callable[[Attic], None]:
    """Change the volume, cut into its head and its three messages."""

    def act(attic: Attic) -> None:
        path, frames = attic.volumes.path(1), attic.frames()
        data = path.read_bytes()
        path.write_bytes(b"".join(change(data[: frames[0][0]], [data[start:stop] for start, stop in frames])))

    return act


PEAK = slice(8, 8 + HASH_SIZE)
MESSAGE = r"the message [0-9a-f]{12} in volume 000001 at offset \d+"

NO_FRONTIER = "bytes cannot be the frontier of a tree of 11 leaves"

TABLE: dict[tuple[str, str], tuple[Callable[[Attic], None], str]] = {
    ("leaf", "flip"): (column("leaf", "entry", 6, flip), "the leaf of entry 6 cannot be read"),
    ("leaf", "remove"): (statements("DELETE FROM entry WHERE seq = 6"), "entry 6 of the ledger is missing"),
    ("leaf", "remove the last"): (statements("DELETE FROM entry WHERE seq = 10"), "10 entries and its tree has 11"),
    ("leaf", "reorder"): (exchanged("leaf", "entry", 6, 7), "the leaf in place 6 says that it is entry 7"),
    ("leaf", "truncate"): (column("leaf", "entry", 6, lambda leaf: leaf[:50]), "the leaf of entry 6 cannot be read"),
    ("leaf", "insert"): (
        added(lambda attic: forged(NoteTaken(client="Acme", text="never said", actor="me"), 11)),
        "the ledger holds 12 entries and its tree has 11 leaves",
    ),
    ("leaf", "duplicate"): (copied("leaf", "entry", 6, 7), "the leaf in place 7 says that it is entry 6"),
    ("entry", "reorder"): (
        statements(
            *(
                f"UPDATE {table} SET seq = {new} WHERE seq = {old}"
                for table in ("entry", "payload")
                for old, new in ((6, -1), (7, 6), (-1, 7))
            )
        ),
        "the leaf in place 6 says that it is entry 7",
    ),
    ("entry", "duplicate"): (added(again), "the ledger holds 12 entries and its tree has 11 leaves"),
    ("payload", "flip"): (column("payload", "payload", 6, flip), "the payload of entry 6 is not what"),
    ("payload", "remove"): (column("payload", "payload", 6, lambda _: None), "entry 6 has lost one half"),
    ("payload", "remove both halves"): (
        statements("DELETE FROM payload WHERE seq = 6"),
        r"the payload of entry 6 \(note.taken\) was taken out",
    ),
    ("payload", "reorder"): (exchanged("payload", "payload", 6, 7), "the payload of entry 7 is not what"),
    ("payload", "truncate"): (column("payload", "payload", 6, lambda one: one[:-1]), "the payload of entry 6 is not"),
    ("payload", "insert"): (column("payload", "payload", 6, lambda one: one + b" "), "the payload of entry 6 is not"),
    ("payload", "duplicate"): (copied("payload", "payload", 6, 7), "the payload of entry 7 is not what"),
    ("salt", "flip"): (column("salt", "payload", 6, flip), "the payload of entry 6 is not what"),
    ("salt", "remove"): (column("salt", "payload", 6, lambda _: None), "entry 6 has lost one half"),
    ("salt", "reorder"): (exchanged("salt", "payload", 6, 7), "the payload of entry 6 is not what"),
    ("salt", "truncate"): (column("salt", "payload", 6, lambda salt: salt[:-1]), "the payload of entry 6 is not what"),
    ("salt", "insert"): (column("salt", "payload", 6, lambda salt: salt + b"\0"), "the payload of entry 6 is not what"),
    ("salt", "duplicate"): (copied("salt", "payload", 6, 7), "the payload of entry 7 is not what"),
    ("frontier", "flip"): (
        frontier(lambda state: state[:8] + flip(state[PEAK]) + state[PEAK.stop :]),
        "the ledger's root is not the root of its entries",
    ),
    ("frontier", "remove"): (statements("DELETE FROM frontier"), "the ledger holds 11 entries and its tree has 0"),
    ("frontier", "reorder"): (
        frontier(lambda state: state[:8] + state[PEAK.stop : PEAK.stop + HASH_SIZE] + state[PEAK] + state[72:]),
        "the ledger's root is not the root of its entries",
    ),
    ("frontier", "truncate"): (frontier(lambda state: state[:-1]), NO_FRONTIER),
    ("frontier", "insert"): (frontier(lambda state: state + bytes(32)), NO_FRONTIER),
    ("frontier", "duplicate"): (frontier(lambda state: state + state[PEAK]), NO_FRONTIER),
    ("checkpoint", "flip"): (column("payload", "payload", 5, flip), "the payload of entry 5 is not what"),
    ("checkpoint", "remove"): (statements("DELETE FROM entry WHERE seq = 5"), "entry 5 of the ledger is missing"),
    ("checkpoint", "reorder"): (exchanged("payload", "payload", 5, 9), "the payload of entry 5 is not what"),
    ("checkpoint", "truncate"): (column("payload", "payload", 5, lambda one: one[:-9]), "the payload of entry 5 is"),
    ("checkpoint", "insert"): (
        added(lambda attic: forged(attic.facts()[1][1], 11)),
        "the ledger holds 12 entries and its tree has 11 leaves",
    ),
    ("checkpoint", "duplicate"): (copied("payload", "payload", 5, 9), "the payload of entry 9 is not what"),
    ("volume", "flip"): (pieces(lambda head, all_: [head, all_[0], flip(all_[1]), all_[2]]), MESSAGE),
    ("volume", "remove"): (pieces(lambda head, all_: [head, all_[0], all_[2]]), MESSAGE),
    ("volume", "remove the last"): (pieces(lambda head, all_: [head, all_[0], all_[1]]), MESSAGE),
    ("volume", "reorder"): (pieces(lambda head, all_: [head, all_[1], all_[0], all_[2]]), MESSAGE),
    ("volume", "truncate"): (pieces(lambda head, all_: [head, all_[0], all_[1], all_[2][:-1]]), MESSAGE),
    ("volume", "insert"): (pieces(lambda head, all_: [head, all_[0], b"\0", *all_[1:]]), MESSAGE),
    ("volume", "insert at the end"): (
        pieces(lambda head, all_: [head, *all_, bytes(9)]),
        r"volume 000001 has 9 bytes at offset \d+ that no message accounts for",
    ),
    ("volume", "duplicate"): (
        pieces(lambda head, all_: [head, *all_, all_[0]]),
        r"the whole message [0-9a-f]{12} lies in volume 000001 at offset \d+, and no entry",
    ),
    ("volume", "flip in the head"): (pieces(lambda head, all_: [flip(head), *all_]), "volume 000001 has"),
}  # fmt: skip

FLIPPED = {
    LEAVES: "the mirror cannot be read after entry 5: .* its fields are not those of a leaf",
    # It hits the salt, whose digits are random, so that it leaves a digit or none.
    PAYLOADS: "entry 6 is not the same in the mirror and in the index|the line of entry 6 cannot be read",
}

for name, what in ((LEAVES, "mirror's leaves"), (PAYLOADS, "mirror's payloads")):
    TABLE |= {
        (what, "flip"): (lines(name, lambda all_: [*all_[:6], flip(all_[6]), *all_[7:]]), FLIPPED[name]),
        (what, "flip a line's end"): (
            lines(name, lambda all_: [*all_[:6], all_[6][:-1] + b"\x0b", *all_[7:]]),
            "the mirror cannot be read after entry 5",
        ),
        (what, "remove"): (
            lines(name, lambda all_: all_[:6] + all_[7:]),
            "the mirror cannot be read after entry 5",
        ),
        (what, "remove the last"): (
            lines(name, lambda all_: all_[:-1]),
            "the mirror ends after 10 of 11 entries",
        ),
        (what, "reorder"): (
            lines(name, lambda all_: [*all_[:6], all_[7], all_[6], *all_[8:]]),
            "the mirror cannot be read after entry 5",
        ),
        (what, "truncate"): (lines(name, lambda all_: [*all_[:-1], all_[-1][:-3]]), "bytes behind entry 9"),
        (what, "insert"): (
            lines(name, lambda all_: [*all_[:6], b"{}\n", *all_[6:]]),
            "the mirror cannot be read after entry 5",
        ),
        (what, "insert at the end"): (lines(name, lambda all_: [*all_, b"{}\n"]), "3 bytes behind entry 10"),
        (what, "duplicate"): (
            lines(name, lambda all_: [*all_[:6], all_[6], *all_[6:]]),
            "the mirror cannot be read after entry 6",
        ),
        (what, "empty"): (lines(name, lambda _: []), "has 0 bytes and no entry"),
    }


@pytest.mark.parametrize(("structure", "way"), TABLE)
def test_whatever_is_corrupted_is_named(attic: Attic, structure: str, way: str) -> None:
    act, sentence = TABLE[structure, way]
    act(attic)
    for report in attic.verify()[: 1 if structure == "volume" else 2]:
        assert not report.ok
        matches(report, sentence)


def matches(report: Report, sentence: str) -> None:
    assert re.search(sentence, everything(report)), everything(report)


@pytest.mark.parametrize("way", ["flip", "remove", "reorder", "truncate", "insert", "duplicate"])
def test_the_table_has_every_way_for_every_structure(way: str) -> None:
    structures = {"leaf", "payload", "salt", "frontier", "checkpoint", "volume"}
    structures |= {"mirror's leaves", "mirror's payloads"}
    assert {structure for structure, this in TABLE if this == way} >= structures


# --- by somebody who can make everything anew, but lacks the key --------------------------------------


def reworded(entries: list[Entry], seq: int) -> list[Entry]:
    """The entries with one note that says something else, under a leaf that commits to that."""
    said = json.loads(entries[seq].payload or b"") | {"text": "something else"}
    return [*entries[:seq], forged(NoteTaken(**said), seq), *entries[seq + 1 :]]


def resigned(attic: Attic, entries: list[Entry], signer: Signer) -> list[Entry]:
    """The entries with every checkpoint signed anew."""
    made: list[Entry] = []
    for seq, entry in enumerate(entries):
        numbered = dataclasses.replace(read_leaf(entry.leaf), seq=seq).to_bytes()
        if b'"checkpoint.signed"' in entry.leaf:
            root = root_of(one.leaf for one in made)
            note = signer.sign(Checkpoint(origin=signer.origin, size=seq, root=root))
            fact = CheckpointSigned(size=seq, root=root.hex(), note=note, verifier=signer.verifier)
            made.append(forged(fact, seq))
        else:
            made.append(dataclasses.replace(entry, seq=seq, leaf=numbered))
    return made


REMADE: dict[str, tuple[Callable[[Attic, list[Entry]], list[Entry]], str]] = {
    "flip": (lambda attic, all_: reworded(all_, 6), "entries from 5 to 8, or the checkpoint, was changed"),
    "flip early": (lambda attic, all_: reworded(all_, 3), "nor have 1 checkpoints after it: one of the entries from 0"),
    "remove": (lambda attic, all_: all_[:6] + all_[7:], "checkpoint in entry 8 is of 9 entries, and 8 are there"),
    "reorder": (lambda attic, all_: [*all_[:6], all_[7], all_[6], *all_[8:]], "checkpoint in entry 9 has not the root"),
    "insert": (
        lambda attic, all_: [*all_[:6], forged(NoteTaken(client="Acme", text="x", actor="me"), 6), *all_[6:]],
        "checkpoint in entry 10 is of 9 entries, and 10 are there",
    ),
    "duplicate": (lambda attic, all_: [*all_[:7], all_[6], *all_[7:]], "checkpoint in entry 10 is of 9 entries"),
    "remove a checkpoint": (lambda attic, all_: all_[:5] + all_[6:], "checkpoint in entry 8 is of 9 entries"),
    "sign it anew with another key": (
        lambda attic, all_: resigned(attic, reworded(all_, 3), Signer(attic.signer.origin, bytes([1]) * 32)),
        "which is not the configured one",
    ),
    "sign it anew in the key's name": (
        lambda attic, all_: [
            forged(dataclasses.replace(attic.facts()[0][1], verifier=attic.signer.verifier, note=one), 5)
            if seq == 5
            else entry
            for one in [attic.facts()[0][1].note[:-8] + "AAAAAAA\n"]
            for seq, entry in enumerate(all_)
        ],
        "is not signed as it says",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", REMADE)
def test_a_ledger_made_anew_without_the_key_does_not_fit_its_checkpoints(attic: Attic, way: str) -> None:
    change, sentence = REMADE[way]
    key = attic.signer.verifier
    attic.remake(change(attic, attic.entries()))
    for report in attic.verify(key=key):
        matches(report, sentence)


def test_a_ledger_made_anew_as_it_was_is_whole(attic: Attic) -> None:
    before = attic.verify()[0].root
    attic.remake(attic.entries())
    assert [(report.ok, report.root) for report in attic.verify()] == [(True, before)] * 2


def test_what_only_a_witness_outside_can_know(attic: Attic) -> None:
    """Cut at its end, or signed anew by who has the key, a ledger is whole in itself: anchors are for this."""
    key = attic.signer.verifier
    whole = attic.entries()
    attic.remake(whole[:9])
    assert [report.ok for report in attic.verify(key=key)] == [True, True]
    attic.remake(resigned(attic, reworded(whole, 3), attic.signer))
    assert [report.ok for report in attic.verify(key=key)] == [True, True]
