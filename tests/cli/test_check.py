"""check: all problems at once, also when something cannot be looked at; --online in words that help."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from levelhead.config.load import load
from levelhead.daemon.demo_server import DemoServer
from levelhead.daemon.parts import open_archive
from levelhead.facts import FolderOpened
from servers.gmail import GmailLike


def replaced(home: Path, old: str, new: str) -> None:
    config = home / "levelhead.toml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))


def test_an_archive_that_may_not_be_read_hides_no_other_problem(
    levelhead, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = Path.stat

    def refused(path: Path, **options: bool) -> object:
        if (home / "archive") in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return looked_at(path, **options)

    (home / "password").unlink()
    monkeypatch.setattr(Path, "stat", refused)
    said = levelhead("check", "--json")
    assert (said.status, said.err) == (1, "")
    problems = {problem["problem"] for problem in said.one["problems"]}
    assert any("password" in problem for problem in problems)
    assert any("index.sqlite cannot be read: Permission denied" in problem for problem in problems)


def test_an_archive_below_a_folder_that_may_not_be_searched_is_a_problem(
    levelhead, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = Path.stat

    def refused(path: Path, **options: bool) -> object:
        if path.name == "archive" or "archive" in {one.name for one in path.parents}:
            raise PermissionError(13, "Permission denied", str(path))
        return looked_at(path, **options)

    monkeypatch.setattr(Path, "stat", refused)
    said = levelhead("check", "--json")
    assert (said.status, said.err) == (1, "")
    assert any("cannot be read: Permission denied" in problem["problem"] for problem in said.one["problems"])


def test_what_a_mistaken_key_keeps_from_being_checked_is_said(levelhead, empty_home: Path) -> None:
    replaced(empty_home, 'timezone = "UTC"', 'timezone = "UTC"\nnmae = "x"')
    (empty_home / "password").unlink()
    said = levelhead("check")
    assert said.status == 1
    assert "Note: secrets and files are checked once these are mended" in said.out
    assert levelhead("check", "--json").one["notes"] == [
        "secrets and files are checked once these are mended"
    ]


def test_a_channel_that_nobody_knows_is_told_once_and_logged_nowhere(levelhead, empty_home: Path) -> None:
    for url in ("nonsense://somewhere", "not an address"):
        config = empty_home / "levelhead.toml"
        config.write_text(config.read_text().partition("[channels")[0] + f'[channels.phone]\nurl = "{url}"\n')
        said = levelhead("check")
        assert (said.status, said.err) == (1, "")
        assert said.out.count('the URL of channel "phone"') == 1


# --- online -------------------------------------------------------------------------------------


@pytest.fixture
def server(empty_home: Path) -> Iterator[DemoServer]:
    """A mail server that answers the mailbox of the configuration."""
    with DemoServer() as server:
        replaced(empty_home, 'tls = "none"', f'tls = "none"\nport = {server.port}')
        replaced(empty_home, 'user = "robin@studio.example"', f'user = "{server.user}"')
        (empty_home / "password").write_text(server.password)
        yield server


def test_a_look_at_a_mailbox_is_told_in_sentences(levelhead, empty_home: Path, server, letters) -> None:
    page = levelhead("check", "--online").out
    assert "Mailbox office: signed in.\n" in page
    assert "  Folders: inbox INBOX, sent Sent, drafts Drafts, archive Archive\n" in page
    assert "  No sent mail was found, so your addresses could not be compared with it\n" in page
    server.deliver("Sent", letters.answer, letters.at)
    assert "  You write from robin@studio.example\n" in levelhead("check", "--online").out


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says anything."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("tls", "other"), [("none", "implicit"), ("starttls", "implicit"), ("implicit", "starttls")]
)
def test_a_port_that_falls_silent_may_want_the_other_way_to_begin_tls(
    levelhead, empty_home: Path, silent: int, monkeypatch: pytest.MonkeyPatch, tls: str, other: str
) -> None:
    monkeypatch.setattr("levelhead.daemon.online.PATIENCE_SECONDS", 0.2)
    replaced(empty_home, 'tls = "none"', f'tls = "{tls}"\nport = {silent}')
    (problem,) = levelhead("check", "--online", "--json").one["problems"]
    assert "took too long" in problem["problem"]
    assert f'this port may want tls = "{other}"' in problem["fix"]


def test_a_clear_greeting_where_tls_was_expected_is_told_with_the_other_way(
    levelhead, empty_home: Path, server
) -> None:
    replaced(empty_home, 'tls = "none"', 'tls = "implicit"')
    (problem,) = levelhead("check", "--online", "--json").one["problems"]
    assert 'this port may want tls = "starttls"' in problem["fix"]


def test_nobody_at_the_port_is_no_question_of_tls(levelhead, empty_home: Path) -> None:
    replaced(empty_home, 'tls = "none"', 'tls = "none"\nport = 1')
    (problem,) = levelhead("check", "--online", "--json").one["problems"]
    assert "may want tls" not in problem["fix"]


def test_a_secret_that_cannot_be_had_is_no_question_of_tls(levelhead, empty_home: Path) -> None:
    (empty_home / "password").unlink()
    problems = levelhead("check", "--online", "--json").one["problems"]
    assert not any("may want tls" in problem["fix"] for problem in problems)


def test_a_name_under_retention_is_held_against_the_clients_and_folders_of_the_archive(
    levelhead, home: Path, walked_at: datetime
) -> None:
    config = home / "levelhead.toml"
    opened = FolderOpened(mailbox="office", folder="INBOX", uidvalidity=7, uidnext=9, opened_at=walked_at)
    archive = open_archive(load(config), read_only=False)
    with archive.store.transaction(walked_at) as tx:
        tx.record(opened)
    archive.close()
    given = config.read_text().replace('name = "Harbour Ltd"', 'name = "Northwind"') + "[retention]\n"
    config.write_text(given + 'clients = { "Harbour Ltd" = "1w" }\nfolders = { "INBOX" = "1w" }\n')
    assert levelhead("check").status == 0
    config.write_text(given + 'clients = { "Harbor Ltd" = "1w" }\nfolders = { "INBOXX" = "1w" }\n')
    said = levelhead("check")
    assert said.status == 1
    last = len(config.read_text().splitlines())
    assert f"levelhead.toml, line {last - 1}:" in said.out and 'did you mean "Harbour Ltd"?' in said.out
    assert f"levelhead.toml, line {last}:" in said.out and 'did you mean "INBOX"?' in said.out


def test_all_mail_that_is_hidden_is_a_note_and_no_problem(levelhead, empty_home: Path, scripted) -> None:
    gmail = GmailLike(all_mail=False)
    server = scripted(gmail.script)
    replaced(
        empty_home,
        "[[client]]",
        f'[[mailbox]]\nname = "gmail"\nhost = "127.0.0.1"\nport = {server.port}\nuser = "me@studio.example"\n'
        'password_file = "password"\ntls = "none"\n[[client]]',
    )
    said = levelhead("check", "--online")
    assert "Note: mailbox gmail: All Mail is hidden from IMAP" in said.out
    assert "mailbox gmail: " not in said.out.replace("Note: mailbox gmail: ", "")
    gmail.all_mail = True
    said = levelhead("check", "--online")
    assert "All Mail is hidden" not in said.out
    assert "all [Gmail]/All Mail" in said.out
