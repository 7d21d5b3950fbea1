"""A stranger who writes in my name, walked by the real rooms: in the record as mine, and nothing follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from levelhead.archive.parse import parse
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.cli import views
from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.crew import Crew
from levelhead.daemon.parts import Archive, open_archive
from levelhead.daemon.remake import remake
from levelhead.model import Arrival, Direction, Place
from levelhead.raw import raw
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
CONFIG = """
[me]
addresses = ["me@agency.example"]
timezone = "UTC"
[archive]
path = "archive"
[[mailbox]]
name = "office"
host = "127.0.0.1"
user = "me@agency.example"
password_file = "password"
tls = "none"
[[client]]
name = "Client"
addresses = ["*@client.example"]
"""
ANGRY = "You are a liar and completely incompetent. My lawyer will hear of this, you will regret it."
MAIL = "From: {0}\r\nTo: {1}\r\nMessage-ID: <{2}@x.test>\r\n{3}\r\n{4}\r\n"
TO_THE_FIRST = "In-Reply-To: <first@x.test>\r\n"
THEIRS = MAIL.format("boss@client.example", "me@agency.example", "first", "Subject: The shop\r\n", ANGRY)
MINE = MAIL.format(
    "Me <me@agency.example>", "boss@client.example", "answer", TO_THE_FIRST, "I will call you."
)
BACK = "Received: from a.test by b.test; Tue, 24 Nov 2026 09:41:00 +0000\r\n" + MINE
FORGED = MAIL.format(
    "me@agency.example", "boss@client.example, partner@friend.example", "forged", TO_THE_FIRST, "All is well."
)


class House:
    """The rooms as the daemon joins them, without a server."""

    def __init__(self, crew: Crew, archive: Archive, clock: FrozenClock) -> None:
        self.crew, self.archive, self.clock = crew, archive, clock
        self._uid = 0

    def arrive(self, text: str, folder: str) -> str:
        """A mail is seen in a folder (`Sent` is the one for sent mail) and judged; its id."""
        self.clock.advance(seconds=30)
        self._uid += 1
        place = Place(mailbox="office", folder=folder, uidvalidity=7, uid=self._uid)
        found = Arrival(
            raw=raw(text.encode()), place=place, internal_date=self.clock.now(), sent=folder == "Sent"
        )
        (receipt,) = self.crew.recorder.record([found])
        while self.crew.worker.pay():
            pass
        return receipt.message_id

    def states(self) -> tuple[list[str], list[str]]:
        store = self.archive.store
        return [str(row.state) for row in store.drafts()], [str(row.state) for row in store.alerts()]

    def doubt(self, id: str) -> str:
        row = self.archive.store.message(id)
        return str(views.message(row, (), None, self.crew.recorder.directory)["doubt"])


Opening = Callable[[], AbstractContextManager[House]]


@pytest.fixture
def opened(tmp_path: Path) -> Opening:
    (tmp_path / "levelhead.toml").write_text(CONFIG)
    (tmp_path / "password").write_text("nobody's\n")
    (tmp_path / "password").chmod(0o600)

    @contextmanager
    def opening() -> Iterator[House]:
        settings, clock = load(tmp_path / "levelhead.toml"), FrozenClock(NOW)
        archive = open_archive(settings, read_only=False)
        crew = Crew(
            settings, archive, clock, on_lost=lambda *_: None, on_watched=lambda *_: None, tick=lambda: False
        )
        try:
            yield House(crew, archive, clock)
            archive.mirror.catch_up(archive.store)
        finally:
            crew.close()
            archive.close()

    return opening


def test_a_stranger_who_writes_in_my_name_cancels_no_draft_and_ends_no_alert(
    opened: Opening, tmp_path: Path
) -> None:
    with opened() as house:
        house.arrive(THEIRS, "INBOX")
        assert house.states() == (["held"], ["open"])
        forged = house.arrive(FORGED, "INBOX")
        assert house.states() == (["held"], ["open"])
        row = house.archive.store.message(forged)
        assert (row.direction, row.client, row.in_sent) == (Direction.OUT, "Client", False)
        assert "not seen among sent mail" in house.doubt(forged)
        judged = house.archive.store.judged(forged)
        assert judged and judged.no_draft == house.doubt(forged)
        copy = house.arrive(BACK, "INBOX")
        assert house.states() == (["held"], ["open"]), (
            "the copy that comes back is read before the one in Sent"
        )
        mine = house.arrive(MINE, "Sent")
        assert house.archive.store.message(mine).same_as == copy
        assert house.states() == (["superseded"], ["answered"])
        assert house.doubt(mine) == ""
        rows = list(house.archive.store.messages(MessageFilter()))
    settings = load(tmp_path / "levelhead.toml")
    remake(settings, FrozenClock(NOW))
    with opened() as again:
        assert list(again.archive.store.messages(MessageFilter())) == rows
        assert again.states() == (["superseded"], ["answered"])
        archive = again.archive
        report = verify(
            archive.store,
            archive.volumes,
            archive.mirror,
            parse_many=one_by_one(parse),
            open_store=open_store,
        )
        assert report.ok, report


def test_a_stranger_who_writes_in_my_name_makes_nobody_a_correspondent(opened: Opening) -> None:
    """Else the partner whom an alert is told would become somebody whom no alert may be told."""
    with opened() as house:
        house.arrive(FORGED, "INBOX")
        directory = house.crew.recorder.directory
        assert not directory.is_client("partner@friend.example")
        assert house.archive.store.correspondents() == frozenset()
        house.arrive(FORGED.replace("forged", "mine"), "Sent")
        assert house.crew.recorder.directory.is_client("partner@friend.example")


def test_the_same_bytes_that_reach_sent_later_answer_and_teach_then(opened: Opening) -> None:
    with opened() as house:
        house.arrive(THEIRS, "INBOX")
        mine = house.arrive(FORGED, "INBOX")
        assert house.doubt(mine)
        house.arrive(FORGED, "Sent")
        assert house.states() == (["superseded"], ["answered"])
        assert house.crew.recorder.directory.is_client("partner@friend.example")
        assert not house.doubt(mine)
        judged = [entry for entry, _ in house.archive.store.facts_about(kind="message.judged")]
        assert len(judged) == 2
