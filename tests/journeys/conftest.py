"""A home for the real daemon: a configuration beside a real mailbox, the program started and killed by its own pid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from levelhead import facts
from levelhead.daemon.demo import Phone
from levelhead.errors import LevelheadError
from levelhead.facts import Fact
from levelhead.store.sqlite import open_store
from servers.account import Account
from servers.all import SERVERS, Servers
from servers.dovecot import Dovecot, MailAccount

DEADLINE = 60.0
"""Seconds that a thing may take on a busy machine; what it takes is printed, not judged."""


@dataclass
class Home:
    """A configured levelhead beside one account of a real server."""

    path: Path
    account: Account
    phone: Phone
    daemon: subprocess.Popen[bytes] | None = None
    logs: int = 0

    @property
    def config(self) -> Path:
        return self.path / "levelhead.toml"

    @property
    def archive(self) -> Path:
        return self.path / "archive"

    def write_config(self, *, cooldown: str = "2s", scope: str = "correspondents", more: str = "") -> None:
        (self.path / "password").write_text(self.account.password)
        (self.path / "password").chmod(0o600)
        self.config.write_text(
            f"""
[me]
addresses = ["me@studio.example"]
name = "Sam"
timezone = "UTC"

[archive]
path = "archive"

[[mailbox]]
name = "studio"
host = "127.0.0.1"
port = {self.account.port}
ca_file = "{self.account.ca_file}"
user = "{self.account.user}"
password_file = "password"
poll = "3s"

[clients]
scope = "{scope}"

[[client]]
name = "Northwind"
addresses = ["*@northwind.example"]

[cooldown]
calm = "0s"
tense = "{cooldown}"
heated = "{cooldown}"
hostile = "{cooldown}"
business_time = false

[channels.phone]
url = "json://127.0.0.1:{self.phone.port}"

[log]
format = "json"

{more}
"""
        )

    def run(self, *words: str, check: bool = True, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """`levelhead WORDS` as a person would type it."""
        command = [sys.executable, "-m", "levelhead", "--config", str(self.config), *words]
        done = subprocess.run(command, capture_output=True, timeout=180, check=False, input=stdin)
        if check:
            assert done.returncode == 0, done.stderr.decode()
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    def lines(self, *words: str) -> list[Any]:
        return [json.loads(line) for line in self.run(*words, "--json").stdout.splitlines()]

    def start(self, *, wait: bool = True, words: tuple[str, ...] = ("run",)) -> None:
        """Start the daemon and wait until it watches."""
        before = self.count("mailbox.watched")
        self.logs += 1
        with (self.path / f"daemon{self.logs}.log").open("wb") as log:
            command = [sys.executable, "-m", "levelhead", "--config", str(self.config), *words]
            self.daemon = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if wait:
            self.until(lambda: self.count("mailbox.watched") > before)

    def kill(self) -> None:
        """kill -9, by its own pid."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()
        self.daemon = None

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        status = self.daemon.wait(timeout=20)
        self.daemon = None
        return status

    def hang_up(self) -> None:
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGHUP)

    def facts(self) -> list[Fact]:
        """Everything that is written down so far."""
        index = self.archive / "index.sqlite"
        if not index.exists():
            return []
        try:
            store = open_store(index, read_only=True)
        except LevelheadError:
            return []  # it is being made in this moment
        try:
            return [
                facts.read(json.loads(entry.leaf)["type"], entry.payload)
                for entry in store.entries()
                if entry.payload is not None
            ]
        finally:
            store.close()

    def messages(self) -> int:
        """How many messages are archived so far."""
        index = self.archive / "index.sqlite"
        if not index.exists():
            return 0
        try:
            store = open_store(index, read_only=True)
        except LevelheadError:
            return 0  # it is being made in this moment
        try:
            return store.counts().messages
        finally:
            store.close()

    def of(self, name: str) -> list[Any]:
        return [fact for fact in self.facts() if fact.name == name]

    def count(self, name: str) -> int:
        return len(self.of(name))

    def until(self, true: Callable[[], object]) -> float:
        """Wait until something is true; the seconds that it took."""
        begin = time.monotonic()
        while not true():
            if self.daemon is not None and self.daemon.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.daemon.returncode}:\n{self.log()}")
            if time.monotonic() - begin > DEADLINE:
                raise AssertionError(f"it did not come true within {DEADLINE:.0f} s:\n{self.log()}")
            time.sleep(0.05)
        return time.monotonic() - begin

    def log(self) -> str:
        return "\n".join(path.read_text()[-6000:] for path in sorted(self.path.glob("daemon*.log"))[-1:])


@pytest.fixture
def phone() -> Iterator[Phone]:
    with Phone().ringing() as ringing:
        yield ringing


@contextmanager
def _home(path: Path, account: Account, phone: Phone) -> Iterator[Home]:
    made = Home(path=path, account=account, phone=phone)
    made.write_config()
    yield made
    if made.daemon is not None and made.daemon.poll() is None:
        os.kill(made.daemon.pid, signal.SIGKILL)
        made.daemon.wait()


@pytest.fixture
def home(tmp_path: Path, mailbox_account: MailAccount, phone: Phone) -> Iterator[Home]:
    """A configured home beside a fresh account; the daemon that a test left running is ended."""
    with _home(tmp_path, mailbox_account, phone) as made:
        yield made


@pytest.fixture(params=sorted(SERVERS))
def home_anywhere(
    request: pytest.FixtureRequest, tmp_path: Path, mail_servers: Servers, phone: Phone
) -> Iterator[Home]:
    """The same on each of the mail servers in turn."""
    with _home(tmp_path, mail_servers.get(request.param).user(), phone) as made:
        yield made


@pytest.fixture
def make_home(dovecot: Dovecot, phone: Phone) -> Callable[[Path], Home]:
    """Makes homes, each beside a fresh account, in a folder of its own."""

    def make(path: Path) -> Home:
        path.mkdir()
        home = Home(path=path, account=dovecot.user(), phone=phone)
        home.write_config()
        return home

    return make


def letter(
    text: str,
    *,
    sender: str = "Maria <maria@northwind.example>",
    to: str = "me@studio.example",
    subject: str = "Website",
    own_id: str = "<m1@northwind.example>",
    references: tuple[str, ...] = (),
    date: str = "Fri, 20 Nov 2026 17:00:00 +0000",
    more: str = "",
) -> bytes:
    """A small message as a server keeps it."""
    thread = f"In-Reply-To: {references[-1]}\r\nReferences: {' '.join(references)}\r\n" if references else ""
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: {own_id}\r\n{thread}{more}"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


@pytest.fixture(scope="session")
def new_home() -> type[Home]:
    """For tests that make homes by the hundred."""
    return Home


@pytest.fixture(scope="session")
def write() -> Callable[..., bytes]:
    return letter


HEATED = (
    "This is unacceptable! You are completely unprofessional and I am sick of your excuses. "
    "Either I have everything tonight or my lawyer will sue you and we want our money back!"
)


@pytest.fixture(scope="session")
def heated() -> str:
    return HEATED
