"""Pages about your own server and a hosting provider: what stands there is run on a real Dovecot."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from levelhead.clock import FrozenClock
from servers.account import PASSWORD
from servers.dovecot import Dovecot, MailAccount
from servers.provider import Provider
from servers.requirements import require

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGE = (HOW_TO / "dovecot.md").read_text(encoding="utf-8")
OWN, MASTER = "a password of its own", "opens every mailbox"

pytestmark = pytest.mark.server


def blocks(language: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


class PageDovecot(Dovecot):
    """A Dovecot that is configured as the page says, with one user who has every way to log in."""

    def __init__(self) -> None:
        self.provider = Provider()
        self.doveadm = require("doveadm", "dovecot-core")
        super().__init__()
        self.account: MailAccount = self.user()
        self.provider.account = self.account.user

    def _configure(self) -> None:
        super()._configure()
        with (self.root / "dovecot.conf").open("a") as conf:
            for block in blocks("dovecot"):
                conf.write(block.replace("/etc/dovecot", str(self.root)))
        (asks,) = blocks("dovecot-oauth2")
        asks = asks.replace("https://login.studio.example/introspect", self.provider.url("introspect"))
        self._write("dovecot-oauth2.conf.ext", asks)
        (line,) = blocks("passwd")
        for name, user, password in (
            ("levelhead-users", "plain1@example.test", OWN),
            ("master-users", "levelhead", MASTER),
        ):
            self._write(
                name,
                line.replace("me@studio.example", user).replace(
                    "{SHA512-CRYPT}$6$...", self._digest(password)
                ),
            )

    def _write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)
        (self.root / name).chmod(0o644)

    def _digest(self, password: str) -> str:
        (command,) = [line for line in PAGE.splitlines() if "doveadm pw" in line]
        words = [self.doveadm, *shlex.split(command)[2:], "-p", password]
        digest = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
        assert digest.startswith("{SHA512-CRYPT}$6$")
        return digest

    def close(self) -> None:
        super().close()
        self.provider.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PageDovecot]:
    server = PageDovecot()
    yield server
    server.close()


@pytest.fixture
def looked(
    levelhead, server: PageDovecot, empty_home: Path, monkeypatch: pytest.MonkeyPatch, letters
) -> Callable[..., dict]:
    """Writes a configuration of the page for the server here, and looks at it as the page's last line does."""
    monkeypatch.setattr("levelhead.cli.desk.SystemClock", lambda: FrozenClock(letters.at))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    def look(block: str, password: str = "", *, port: int = 0, log_in: bool = False) -> dict:
        own = f'host = "{server.host}"\nport = {port or server.port}\nca_file = "{server.ca_file}"'
        text = block.replace('host = "imap.studio.example"', own).replace('host = "mail.studio.example"', own)
        text = text.replace("me@studio.example", server.account.user)
        for what in ("token", "device", "authorize"):
            text = text.replace(f"https://login.studio.example/{what}", server.provider.url(what))
        head = f'[me]\naddresses = ["{server.account.user}"]\n[archive]\npath = "archive"\n'
        channel = '\n[channels.phone]\nurl = "json://127.0.0.1:9/"\n'
        (empty_home / "levelhead.toml").write_text(head + text + channel)
        for file in re.findall(r'password_file = "(.*)"', text):
            (empty_home / file).parent.mkdir(mode=0o700, exist_ok=True)
            (empty_home / file).write_text(password)
            (empty_home / file).chmod(0o600)
        if log_in:
            assert levelhead("login", "office").status == 0
        return levelhead("check", "--online", "--json").one

    return look


def is_well(said: dict) -> bool:
    (office,) = said["mailboxes"]
    found = office["folders"]
    return (
        [problem for problem in said["problems"] if "mailbox office" in problem["problem"]] == []
        and found["inbox"] == ["INBOX"]
        and found["sent"] == ["Sent"]
        and found["drafts"] == ["Drafts"]
    )


def by_user(user: str) -> str:
    """The page's configuration of a mailbox with a password, whose `user` is this."""
    (found,) = [block for block in blocks("toml") if f'user = "{user}"' in block and "password_file" in block]
    return found


@pytest.mark.parametrize(
    ("user", "password"),
    [("me@studio.example", PASSWORD), ("me@studio.example", OWN), ("me@studio.example*levelhead", MASTER)],
    ids=["the account's", "its own", "the master's"],
)
def test_each_password_of_the_page_opens_the_mailbox(looked, user: str, password: str) -> None:
    assert is_well(looked(by_user(user), password))


@pytest.mark.parametrize(
    ("user", "password"),
    [("me@studio.example", MASTER), ("me@studio.example*levelhead", OWN), ("me@studio.example", "wrong")],
)
def test_no_other_password_does(looked, user: str, password: str) -> None:
    said = looked(by_user(user), password)
    (problem,) = [problem for problem in said["problems"] if "mailbox office" in problem["problem"]]
    assert "AUTHENTICATIONFAILED" in problem["problem"]


def test_a_password_of_its_own_is_let_in_from_where_its_line_says(server: PageDovecot) -> None:
    for address, let_in in (("127.0.0.1", True), ("192.0.2.10", True), ("192.0.2.11", False)):
        words = ["auth", "test", "-x", f"rip={address}", server.account.user, OWN]
        done = subprocess.run(
            [server.doveadm, "-c", server.root / "dovecot.conf", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is let_in, (address, done.stdout)


def test_the_oauth_of_the_page_signs_in_and_opens_the_mailbox(looked, server: PageDovecot) -> None:
    (block,) = [block for block in blocks("toml") if "oauth2" in block]
    assert is_well(looked(block, log_in=True))
    assert server.provider.asked[-1]["client_id"] == "levelhead"


def test_what_doveadm_is_asked_on_the_page_it_answers(server: PageDovecot) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("sudo doveadm")]
    asked = [shlex.split(line, comments=True)[2:] for line in lines if "doveadm pw" not in line]
    assert len(asked) == 4
    for words in asked:
        words = [word.replace("me@studio.example", server.account.user) for word in words]
        words += [PASSWORD] if words[:2] == ["auth", "test"] else []
        done = subprocess.run(
            [server.doveadm, "-c", server.root / "dovecot.conf", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stderr)
        if words[0] == "mailbox":
            assert {"INBOX", "Sent", "Drafts", "Archive"} <= set(done.stdout.split())


# --- a hosting provider -------------------------------------------------------------------------


def test_both_ways_of_the_page_about_hosting_open_a_mailbox(looked, server: PageDovecot) -> None:
    implicit, starttls = [
        block for block in blocks("toml", (HOW_TO / "hosting.md").read_text()) if "[[mailbox]]" in block
    ]
    assert is_well(looked(implicit, PASSWORD))
    assert is_well(looked(starttls, PASSWORD, port=server.starttls_port))


def test_the_names_in_a_certificate_are_printed_by_the_line_on_the_page(server: PageDovecot) -> None:
    require("openssl", "openssl")
    (command,) = [block for block in blocks("sh", (HOW_TO / "hosting.md").read_text()) if "openssl" in block]
    here = command.replace("mail.studio.example:993", f"{server.host}:{server.port}")
    here = here.replace("mail.studio.example", "localhost")
    said = subprocess.run(["sh", "-c", here], capture_output=True, text=True, check=True, timeout=20).stdout
    assert "DNS:localhost" in said and "127.0.0.1" in said
