"""verify --server: each watched folder held against its server, in numbers, sentences and an exit status."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from levelhead.archive.parse import parse_head
from levelhead.archive.spool import Spool
from levelhead.cli.server import Servers
from levelhead.clock import SystemClock
from levelhead.config.load import load
from levelhead.daemon.demo_server import DemoServer
from levelhead.daemon.parts import mailbox_spec, open_archive, recorder_of
from levelhead.daemon.sign_ins import SignIns
from levelhead.evidence.completeness import FolderCompared, MailboxCompared
from levelhead.facts import ComparedPart, MailboxUnwatched, ServerCompared
from levelhead.mailbox.watch import Watcher

AT = datetime(2026, 3, 6, 16, 5, tzinfo=UTC)
CONFIG = """
[me]
addresses = ["robin@studio.example"]
timezone = "UTC"
[archive]
path = "archive"
[[client]]
name = "Harbour Ltd"
addresses = ["*@harbour.example"]
[[mailbox]]
name = "office"
host = "127.0.0.1"
tls = "none"
password_file = "password"
"""


def letter(number: int, sender: str = "sam@harbour.example") -> bytes:
    return (
        f"From: {sender}\r\nTo: robin@studio.example\r\nSubject: Letter {number}\r\n"
        f"Message-ID: <m{number}@example>\r\n\r\nHello Robin, this is number {number}.\r\n"
    ).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    """A mail server that answers the mailbox of the configuration."""
    with DemoServer() as server:
        yield server


@pytest.fixture(scope="module")
def fetched(server: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose archive was filled by one pass over the server, which got one more message afterwards."""
    folder = tmp_path_factory.mktemp("fetched")
    for data in (letter(1), letter(2), letter(3, "news@shop.example")):
        server.deliver("INBOX", data, AT)
    (folder / "levelhead.toml").write_text(f'{CONFIG}user = "{server.user}"\nport = {server.port}\n')
    (folder / "password").write_text(server.password)
    (folder / "password").chmod(0o600)
    settings, clock = load(folder / "levelhead.toml"), SystemClock()
    archive = open_archive(settings, read_only=False)
    recorder = recorder_of(settings, archive, clock)
    watcher = Watcher(
        spec=mailbox_spec(settings, "office", SignIns(settings, SystemClock())),
        store=archive.store,
        clock=clock,
        record=recorder.record,
        spool=Spool(folder / "spool").writer,
        decide=lambda head: recorder.directory.decide(parse_head(head)),
    )
    try:
        watcher.run_once()
        archive.mirror.catch_up(archive.store)
    finally:
        watcher.close()
        archive.close()
    server.deliver("INBOX", letter(4), AT)
    return folder


@pytest.fixture
def online(empty_home: Path, fetched: Path) -> Path:
    """The same in a folder that the test may spoil; commands find the configuration there."""
    shutil.copytree(fetched, empty_home, dirs_exist_ok=True)
    return empty_home


def test_a_complete_archive_is_told_with_its_numbers_and_exits_0(levelhead, online: Path) -> None:
    said = levelhead("verify", "--server", "--json")
    value = said.one
    assert (said.status, value["ok"], value["unexplained"], value["unreachable"]) == (0, True, [], [])
    inbox = next(row for row in value["server"] if row["folder"] == "INBOX")
    assert {key: inbox[key] for key in ("mailbox", "on_server", "archived", "excluded", "newer", "gone")} == {
        "mailbox": "office", "on_server": 3, "archived": 2, "excluded": 1, "newer": 1, "gone": 0,
    }  # fmt: skip
    assert (inbox["reasons"], inbox["unexplained"], inbox["why"]) == ({"scope": 1}, [], "")
    assert value["not_watched"] == [
        {"mailbox": "office", "folder": "Drafts", "why": "drafts are placed there, and never read as mail"}
    ]
    assert {"size", "root", "checked", "damaged", "missing"} <= value.keys()


def test_a_complete_archive_is_told_in_sentences(levelhead, online: Path) -> None:
    said = levelhead("verify", "--server")
    assert said.status == 0
    assert (
        "Server: office INBOX: 3 on the server = 2 archived + 1 left out (1 scope); 1 newer than" in said.out
    )
    assert "Not watched: office Drafts: drafts are placed there, and never read as mail\n" in said.out
    assert said.out.endswith(
        "Complete: whatever is in the watched folders is archived or left out for a recorded reason.\n"
    )


def test_a_message_that_nothing_accounts_for_is_named_and_exits_1(levelhead, online: Path) -> None:
    index = sqlite3.connect(online / "archive" / "index.sqlite")
    with index:
        (uid,) = index.execute("SELECT max(uid) FROM exclusion").fetchone()
        index.execute("DELETE FROM exclusion")
    index.close()
    said = levelhead("verify", "--server", "--json")
    assert said.status == 1 and not said.one["ok"]
    sentence = (
        f"INBOX of mailbox office: message {uid} is on the server, and it is neither archived nor left out "
        "for a reason"
    )
    assert sentence in said.one["unexplained"]
    (inbox,) = [row for row in said.one["server"] if row["folder"] == "INBOX"]
    assert (inbox["unexplained"], inbox["ok"]) == ([uid], False)
    page = levelhead("verify", "--server").out
    assert f"UNEXPLAINED: {sentence}\n" in page
    assert "\nNOT SHOWN TO BE COMPLETE: see above.\n" in page


def unplugged(online: Path) -> None:
    """Nobody answers at the port that the configuration names."""
    path = online / "levelhead.toml"
    path.write_text(re.sub(r"(?m)^port = \d+", "port = 1", path.read_text()))


def test_a_server_that_is_down_exits_3_and_the_archive_is_verified_all_the_same(
    levelhead, online: Path
) -> None:
    unplugged(online)
    said = levelhead("verify", "--server", "--json")
    assert (said.status, said.err) == (3, "")
    (down,) = said.one["unreachable"]
    assert down["mailbox"] == "office" and "127.0.0.1" in down["why"]
    assert not said.one["ok"] and said.one["checked"] == 2 and said.one["damaged"] == []


def test_damage_is_a_no_even_when_the_server_is_down(levelhead, online: Path) -> None:
    unplugged(online)
    volume = online / "archive" / "volumes" / "000001.tar.zst"
    data = bytearray(volume.read_bytes())
    data[40] ^= 1
    volume.write_bytes(data)
    assert levelhead("verify", "--server", "--json").status == 1


def test_the_exit_status_is_that_of_the_worst_that_was_found() -> None:
    good, bad = FolderCompared(folder="INBOX"), FolderCompared(folder="Sent", why="it is not on the server")
    complete = MailboxCompared(mailbox="a", folders=(good,))
    incomplete = MailboxCompared(mailbox="b", folders=(good, bad))
    down = MailboxCompared(mailbox="c", error="nobody answers")
    for found, status in (
        ((complete,), 0),
        ((complete, down), 3),
        ((incomplete,), 1),
        ((incomplete, down), 1),
    ):
        assert Servers(found=found).status(True) == status
        assert Servers(found=found).status(False) == 1


def test_without_a_mailbox_there_is_nothing_to_compare_with(levelhead, home: Path) -> None:
    path = home / "levelhead.toml"
    text = path.read_text()
    start, end = text.index("[[mailbox]]"), text.index("[[client]]")
    path.write_text(text[:start] + text[end:])
    said = levelhead("verify", "--server")
    assert said.status == 2 and "no mailbox is watched" in said.err and said.out == ""


def test_status_shows_the_last_comparison_and_the_last_gap(levelhead, home: Path) -> None:
    (fresh,) = levelhead("status", "--json").one["mailboxes"]
    assert (fresh["compared"], fresh["last_gap"]) == (None, None)
    noon = datetime(2026, 3, 6, 12, tzinfo=UTC)
    part = ComparedPart(
        folder="INBOX", uidvalidity=7, on_server=9, archived=5, excluded=1, gone=0, unexplained=(3, 4, 5)
    )
    archive = open_archive(load(home / "levelhead.toml"), read_only=False)
    with archive.store.transaction(noon) as tx:
        for why, hours in (("the line was cut", 1), ("the machine slept", 2)):
            since, until = noon - timedelta(hours=9), noon - timedelta(hours=hours)
            tx.record(MailboxUnwatched(mailbox="office", since=since, until=until, why=why))
        tx.record(MailboxUnwatched(mailbox="other", since=noon, until=noon, why="no"))
        tx.record(ServerCompared(mailbox="office", ok=False, folders=(part,), compared_at=noon))
    archive.close()
    (row,) = levelhead("status", "--json").one["mailboxes"]
    assert row["compared"] == {"at": "2026-03-06T12:00:00.000000Z", "ok": False, "unexplained": 3}
    assert row["last_gap"]["why"] == "the machine slept"
    page = levelhead("status").out
    assert "compared with its server 2026-03-06 12:00:00 UTC: 3 messages unexplained\n" in page
    assert "last gap 2026-03-06 03:00:00 UTC to 2026-03-06 10:00:00 UTC: the machine slept\n" in page


def test_the_page_about_it_shows_what_is_said(levelhead, online: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "complete.md"
    (example,) = re.findall(r"```console\n\$ levelhead (.*)\n((?s:.*?))```", page.read_text(encoding="utf-8"))
    pattern = re.escape(example[1]).replace(r"\.\.\.", ".*")
    said = levelhead(*example[0].split()).out
    assert re.fullmatch(pattern, said), said


def test_what_was_erased_here_and_stands_there_is_left_out_for_that_reason(levelhead, online: Path) -> None:
    assert levelhead("erase", "Harbour Ltd", "--why", "she asked for it", "--yes").status == 0
    said = levelhead("verify", "--server")
    assert said.status == 0
    assert "office INBOX: 3 on the server = 0 archived + 3 left out (2 erased, 1 scope)" in said.out
    value = levelhead("verify", "--server", "--json").one
    (inbox,) = [row for row in value["server"] if row["folder"] == "INBOX"]
    assert (inbox["reasons"], inbox["unexplained"]) == ({"erased": 2, "scope": 1}, [])
