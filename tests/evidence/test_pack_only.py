"""A pack of single messages: what names a message that is not in it stays out, as far as the proof does without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.packs import CLIENT, OTHER, OURS, START, Said, World, files, ids, lines, mail, table_of, verify
from levelhead.archive.conversations import Conversations, derived_key
from levelhead.facts import MessageArchived, MessageBrought, MessageRelabelled
from levelhead.model import Place

FIRST = OURS[0]
COPY = b"Received: from one.example by other.example; Mon, 02 Mar 2026 10:00:01 +0100\r\n" + FIRST
REPLY = mail(60, "Re: Start of the work", "Rather on Tuesday.").replace(
    b"MIME-Version", b"In-Reply-To: <n1@harbour.example>\r\nMIME-Version"
)


def place(uid: int) -> Place:
    return Place(mailbox="office", folder="INBOX", uidvalidity=7, uid=uid)


def of(message: bytes) -> str:
    (id,) = ids((message,))
    return id


@pytest.fixture
def alone(own_world: World, tmp_path: Path) -> Callable[..., tuple[Path, Any]]:
    """Makes a pack of these messages and of no others, and what was said about it."""

    def make(*messages: bytes, **more: Any) -> tuple[Path, Any]:
        out = tmp_path / f"p{len(list(tmp_path.glob('p*')))}"
        asked = more or {"only": tuple(of(one) for one in messages)}
        return out, own_world.pack(out, size=own_world.size(), **asked)

    return make


Alone = Callable[..., tuple[Path, Any]]


def archived(pack: Path) -> dict[str, Any]:
    """The only entry that archived a message."""
    (one,) = (
        one for one in lines(pack / "ledger/entries.jsonl") if '"type":"message.archived"' in one["leaf"]
    )
    return one


def told(pack: Path) -> bytes:
    return b"\n".join(files(pack).values())


def as_before(monkeypatch: pytest.MonkeyPatch, *joins: str) -> str:
    """New messages get the key that an older version made for the conversation that FIRST began."""
    key = derived_key(CLIENT, of(FIRST))
    monkeypatch.setattr(Conversations, "thread", lambda *_: (key, joins))
    return key


def right(pack: Path) -> Said:
    said = verify(pack)
    assert (said.status, said.bad) == (0, [])
    assert any("1 messages are those that the ledger's entries tell of" in one for one in said.of("ok"))
    return said


# --- copies ---------------------------------------------------------------------------------------------


def test_a_copy_alone_does_not_tell_the_digest_of_the_first_and_is_proven_by_where_it_was_seen(
    own_world: World, alone: Alone
) -> None:
    own_world.archive([COPY], at=place(60))
    pack, made = alone(COPY)
    assert of(FIRST).encode() not in told(pack)
    assert (archived(pack)["payload"], archived(pack)["salt"]) == (None, None)
    (row,) = table_of(pack, "messages.csv")
    assert row["same_as"] == ""
    opened = {row["kind"]: row["opened"] for row in table_of(pack, "custody.csv")}
    assert opened == {"message.archived": "no: it also speaks of other mail", "message.sighted": "yes"}
    assert made.telling == ()
    left = right(pack).of("not checked here")
    assert any(
        "the entry that archived messages/0001.eml says: it names other mail and is withheld" in one
        for one in left
    )


def test_a_copy_that_was_rewritten_is_named_though_its_own_entry_is_closed(
    own_world: World, alone: Alone
) -> None:
    own_world.archive([COPY], at=place(60))
    pack, _ = alone(COPY)
    (pack / "messages/0001.eml").write_bytes(COPY.replace(b"Monday", b"Friday"))
    assert any("messages/0001.eml is no message that the ledger" in one for one in verify(pack).bad)


def test_a_copy_with_the_first_names_it(own_world: World, alone: Alone) -> None:
    own_world.archive([COPY], at=place(60))
    pack, _ = alone(COPY, FIRST)
    assert [row["same_as"] for row in table_of(pack, "messages.csv")] == ["", of(FIRST)]
    entries = lines(pack / "ledger/entries.jsonl")
    assert all(one["payload"] for one in entries if '"type":"message.archived"' in one["leaf"])


def test_a_table_of_some_time_names_no_copy_outside_of_it(own_world: World, alone: Alone) -> None:
    own_world.archive([COPY], at=place(60))
    pack, _ = alone(since=START + timedelta(hours=1))
    same_as = {row["id_sha256"]: row["same_as"] for row in table_of(pack, "messages.csv")}
    assert of(FIRST) not in same_as
    assert same_as[of(COPY)] == ""


def test_a_copy_that_no_other_entry_proves_is_opened_and_that_is_told(own_world: World, alone: Alone) -> None:
    own_world.archive([COPY])
    pack, made = alone(COPY)
    assert json.loads(archived(pack)["payload"])["same_as"] == of(FIRST)
    assert made.telling == (of(COPY),)
    right(pack)


def test_a_copy_that_was_brought_from_a_file_is_proven_by_the_entry_that_says_so(
    own_world: World, alone: Alone
) -> None:
    own_world.archive([COPY])
    own_world.record(
        MessageBrought(id=of(COPY), source="sent.mbox", internal_date=None, flags=(), brought_at=START)
    )
    pack, made = alone(COPY)
    assert of(FIRST).encode() not in told(pack)
    assert (archived(pack)["payload"], made.telling) == (None, ())
    right(pack)


# --- conversations --------------------------------------------------------------------------------------


def test_the_key_of_a_conversation_cannot_be_tried_on_a_message_that_began_it(
    own_world: World, alone: Alone
) -> None:
    own_world.archive([REPLY], at=place(61))
    pack, _ = alone(REPLY)
    thread = json.loads(archived(pack)["payload"])["thread"]
    with own_world.open() as (store, _):
        assert {store.message(of(one)).thread for one in (FIRST, REPLY)} == {thread}
    assert thread not in {derived_key(CLIENT, id) for id in ids()}
    assert of(FIRST).encode() not in told(pack)
    right(pack)


def test_each_conversation_has_a_key_of_its_own_and_a_long_one(
    own_world: World,
) -> None:
    with own_world.open() as (store, _):
        keys = [fact.thread for _, fact in store.facts_about(kind=MessageArchived.name)]  # type: ignore[attr-defined]
    assert {len(key) for key in keys} == {32}
    assert len(set(keys)) == len(keys)


def test_a_reply_of_an_older_ledger_does_not_tell_how_its_conversation_began(
    own_world: World, alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = as_before(monkeypatch)
    own_world.archive([REPLY], at=place(61))
    pack, made = alone(REPLY)
    assert key.encode() not in told(pack)
    assert (archived(pack)["payload"], made.telling) == (None, ())
    right(pack)
    both, _ = alone(REPLY, FIRST)
    assert key.encode() in told(both)


def test_a_conversation_that_a_message_joined_is_not_told_either(
    own_world: World, alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = derived_key(CLIENT, ids()[3])
    as_before(monkeypatch, joined)
    own_world.archive([REPLY], at=place(61))
    pack, _ = alone(REPLY, FIRST)
    assert joined.encode() not in told(pack)


def test_where_an_older_ledger_filed_a_message_is_told_without_the_key_of_its_conversation(
    own_world: World, alone: Alone
) -> None:
    old, new = "0123456789abcdef", "0123456789abcdef" * 2
    for thread, opened in ((old, "no: it also speaks of other mail"), (new, "yes")):
        own_world.record(MessageRelabelled(id=of(FIRST), client=OTHER, direction="in", thread=thread))
        own_world.record(MessageRelabelled(id=of(FIRST), client=CLIENT, direction="in", thread=thread))
        pack, _ = alone(FIRST)
        rows = [row for row in table_of(pack, "custody.csv") if row["kind"] == "message.relabelled"]
        assert rows[-1]["opened"] == opened
        assert rows[-1]["what"] == f"filed under {CLIENT} (in)"
        payloads = [one["payload"] for one in lines(pack / "ledger/entries.jsonl")]
        assert not any(f'"thread":"{old}"' in (one or "") for one in payloads)


def test_a_whole_pack_withholds_nothing_of_a_message(
    own_world: World, alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = as_before(monkeypatch)
    own_world.archive([COPY], at=place(60))
    own_world.record(MessageRelabelled(id=of(COPY), client=CLIENT, direction="in", thread=key))
    pack, made = alone(client=CLIENT)
    kinds = ('"type":"message.archived"', '"type":"message.relabelled"')
    about = [
        one for one in lines(pack / "ledger/entries.jsonl") if any(kind in one["leaf"] for kind in kinds)
    ]
    assert len(about) == len(OURS) + 2
    assert all(one["payload"] for one in about)
    assert made.telling == ()
