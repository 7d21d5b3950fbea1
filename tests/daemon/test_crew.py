"""What the crew hands to the mailboxes: whose mail is archived."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.crew import Crew
from levelhead.daemon.parts import open_archive
from levelhead.model import Arrival
from levelhead.raw import raw

CONFIG = """
[me]
addresses = ["me@studio.example"]
[archive]
path = "archive"
[clients]
scope = "listed"
[[client]]
name = "Northwind"
addresses = ["*@northwind.example"]
[[mailbox]]
name = "studio"
host = "127.0.0.1"
user = "me"
password_file = "password"
"""


def test_an_answer_to_where_a_listed_client_asked_for_answers_is_in_scope(tmp_path: Path) -> None:
    (tmp_path / "levelhead.toml").write_text(CONFIG)
    settings = load(tmp_path / "levelhead.toml")
    archive = open_archive(settings, read_only=False)
    crew = Crew(
        settings,
        archive,
        FrozenClock(datetime(2026, 3, 2, 12, tzinfo=UTC)),
        on_lost=lambda *_: None,
        on_watched=lambda *_: None,
        tick=lambda: False,
    )
    decide = crew.watchers["studio"].decide
    assert decide is not None
    wrote = (
        b"From: maria@northwind.example\r\nTo: me@studio.example\r\nReply-To: maria@private.example\r\n"
        b"Message-ID: <a@northwind.example>\r\nSubject: a\r\n\r\nHello.\r\n"
    )
    answer = (
        b"From: me@studio.example\r\nTo: maria@private.example\r\nIn-Reply-To: <a@northwind.example>\r\n\r\n"
    )
    passed_on = answer.replace(b"maria@private", b"ben@private")
    try:
        assert decide(wrote).archive
        assert not decide(answer).archive, "what it answers is not known yet"
        crew.recorder.record([Arrival(raw=raw(wrote))])
        assert decide(answer).archive
        assert (decide(passed_on).archive, decide(passed_on).reason) == (False, "scope")
    finally:
        crew.close()
        archive.close()
