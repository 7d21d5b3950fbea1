from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from levelhead import facts
from levelhead.errors import NewerSchema, ProgrammerError
from levelhead.store import ledger
from levelhead.store.api import Entry
from levelhead.store.ledger import Leaf, check, entry_of, read_leaf

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
SALT = bytes(range(32))
NOTE = facts.NoteTaken(client="Acme", text="called", actor="me")


@pytest.fixture
def entry() -> Entry:
    return entry_of(NOTE, seq=7, time=NOON, salt=SALT)


def test_a_leaf_is_these_bytes_and_no_others(entry: Entry) -> None:
    commit = hashlib.sha256(SALT + b'{"actor":"me","client":"Acme","text":"called"}').hexdigest()
    assert entry.leaf.decode() == (
        '{"v":1,"seq":7,"time":"2026-03-06T12:00:00.000000Z","type":"note.taken","commit":"' + commit + '"}'
    )
    assert read_leaf(entry.leaf) == Leaf(seq=7, time=NOON, type="note.taken", commit=commit)


def test_a_whole_entry_and_an_erased_one_are_right(entry: Entry) -> None:
    assert check(entry) == ""
    assert check(replace(entry, salt=None, payload=None)) == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"payload": b"{}"}, "is not what its leaf commits to"),
        ({"salt": bytes(32)}, "is not what its leaf commits to"),
        ({"salt": None}, "lost one half"),
        ({"payload": None}, "lost one half"),
        ({"seq": 8}, "the leaf in place 8 says that it is entry 7"),
        ({"leaf": b""}, "cannot be read"),
    ],
)
def test_a_changed_entry_is_named_in_one_sentence(
    entry: Entry, change: dict[str, object], sentence: str
) -> None:
    changed = replace(entry, **change)  # type: ignore[arg-type]  # one field of several types
    assert sentence in check(changed)


def test_every_changed_byte_of_a_leaf_is_seen(entry: Entry) -> None:
    for at in range(len(entry.leaf)):
        for new in (entry.leaf[at] ^ 1, 0, 0xFF):
            changed = entry.leaf[:at] + bytes([new]) + entry.leaf[at + 1 :]
            try:
                leaf = read_leaf(changed)
            except ValueError:
                continue
            # What still reads as a leaf says something else, and the tree's root tells them apart.
            assert leaf != read_leaf(entry.leaf)
            assert leaf.to_bytes() == changed


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"[]",
        b"7",
        b"\xff",
        b"{}",
        b"[" * 100_000,
        b'{"v":0,"seq":7,"time":"2026-03-06T12:00:00.000000Z","type":"note.taken","commit":"%s"}'
        % (b"0" * 64),
        b'{"v":1,"seq":7.0,"time":"2026-03-06T12:00:00.000000Z","type":"note.taken","commit":"%s"}'
        % (b"0" * 64),
        b'{"v":1,"seq":7,"time":"2026-03-06T12:00:00Z","type":"note.taken","commit":"%s"}' % (b"0" * 64),
        b'{"v":1,"seq":7,"time":"2026-03-06T12:00:00.000000Z","type":"a\\"b.c","commit":"%s"}' % (b"0" * 64),
        b'{"v":1,"seq":7,"time":"2026-03-06T12:00:00.000000Z","type":"note.taken","commit":"%s"} '
        % (b"0" * 64),
        b'{"v":1,"seq":7,"time":7,"type":"note.taken","commit":"%s"}' % (b"0" * 64),
        b'{"v":1,"seq":7,"time":"2026-03-06T12:00:00.000000Z","type":"note.taken","commit":"%s"}'
        % (b"A" * 64),
    ],
)
def test_what_is_not_exactly_a_leaf_is_refused(leaf: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_leaf(leaf)


def test_a_short_salt_is_a_mistake() -> None:
    with pytest.raises(ProgrammerError, match="32 bytes"):
        entry_of(NOTE, seq=0, time=NOON, salt=b"short")


def test_every_fact_has_a_name_that_a_leaf_can_bear() -> None:
    for name in facts.names():
        assert read_leaf(Leaf(seq=0, time=NOON, type=name, commit="0" * 64).to_bytes()).type == name


def said(data: bytes) -> object:
    try:
        return read_leaf(data)
    except (ValueError, NewerSchema) as exc:
        return str(exc)


def test_a_leaf_that_is_read_by_its_pattern_is_read_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = (
        b'{"v":1,"seq":120,"time":"2026-02-28T23:59:59.123456Z","type":"note.taken","commit":"'
        + b"0a" * 32
        + b'"}'
    )
    changed = [
        leaf[:at] + other + leaf[at + cut :]
        for at in range(len(leaf) + 1)
        for other in (b"", b"0", b"3", b"9", b"a", b"_", b" ", b'"', b"\n", b"\xd9\xa3")
        for cut in (0, 1)
    ]
    assert isinstance(said(leaf), Leaf)
    by_pattern = [said(one) for one in changed]
    monkeypatch.setattr(ledger, "CANONICAL", re.compile(b"(?!)"))
    assert by_pattern == [said(one) for one in changed]
