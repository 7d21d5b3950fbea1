"""A server that announces wrong sizes: the mail is archived with the defect that says so, and the commands show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from levelhead.model import SIZE_MISMATCH
from levelhead.raw import raw
from servers.inbox import Inbox

DOUBTFUL, CERTAIN = (
    b"From: Sam <sam@harbour.example>\r\nTo: robin@studio.example\r\nSubject: files\r\nMessage-ID: <%d@harbour.example>"
    b"\r\n\r\nThe files are there.\r\n" % number
    for number in (1, 2)
)


@pytest.fixture
def fetched(empty_home: Path, levelhead: Any, scripted: Any) -> Inbox:
    """A mailbox whose first message has an announced size that is not its own, fetched by the real daemon."""
    inbox = Inbox([1, 2], {1: DOUBTFUL + b"x", 2: CERTAIN}.__getitem__)
    inbox.announces = lambda size: size - 1 if size == len(DOUBTFUL) + 1 else size
    config = empty_home / "levelhead.toml"
    server = scripted(inbox.script)
    config.write_text(config.read_text().replace('tls = "none"', f'tls = "none"\nport = {server.port}'))
    said = levelhead("run", "--once")
    assert said.status == 0, said.err
    return inbox


def defects(levelhead: Any) -> dict[str, list[str]]:
    return {row["id"]: row["defects"] for row in levelhead("messages", "--json").lines}


def test_a_message_with_another_size_than_announced_is_archived_with_that_defect(
    fetched: Inbox, levelhead: Any, empty_home: Path
) -> None:
    doubtful, certain = raw(DOUBTFUL + b"x").digest, raw(CERTAIN).digest
    assert fetched.asked == [b"1:2", b"1"], "it was asked for once more, and alone"
    assert defects(levelhead) == {doubtful: [SIZE_MISMATCH], certain: []}
    assert levelhead("show", doubtful[:12], "--json").one["defects"] == [SIZE_MISMATCH]
    assert "Defect: size-mismatch" in levelhead("show", doubtful[:12]).out
    assert "Defect" not in levelhead("show", certain[:12]).out
    assert levelhead("verify", "--deep").status == 0


def test_the_defect_outlives_the_index(fetched: Inbox, levelhead: Any, empty_home: Path) -> None:
    before = defects(levelhead)
    for path in (empty_home / "archive").glob("index.sqlite*"):
        path.unlink()
    assert levelhead("rebuild").status == 0
    assert defects(levelhead) == before
    assert before[raw(DOUBTFUL + b"x").digest] == [SIZE_MISMATCH]


def test_what_levelhead_wrote_before_it_knew_of_doubts_has_none() -> None:
    from levelhead import facts

    values: dict[str, Any] = dict.fromkeys(
        ("id", "client", "direction", "thread", "same_as", "source", "frame"), "x"
    )
    values |= dict.fromkeys(("seq", "volume", "offset", "length", "size"), 1)
    values |= {"thread_joins": [], "received_at": "2026-11-20T17:00:00.000000Z", "history": False}
    fact = facts.read("message.archived", json.dumps(values).encode())
    assert isinstance(fact, facts.MessageArchived) and fact.doubts == ()
