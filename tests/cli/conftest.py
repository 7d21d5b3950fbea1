"""A real archive on disk, walked by the real rooms, and the command line over it."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from levelhead.cli import main
from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.crew import Crew
from levelhead.daemon.parts import open_archive
from levelhead.model import Arrival, Place
from levelhead.raw import raw

NOW = datetime(2026, 3, 6, 16, 5, tzinfo=UTC)

CONFIG = """
[me]
addresses = ["robin@studio.example"]
timezone = "UTC"
[archive]
path = "archive"
[[mailbox]]
name = "office"
host = "127.0.0.1"
user = "robin@studio.example"
password_file = "password"
tls = "none"
[[client]]
name = "Harbour Ltd"
addresses = ["*@harbour.example"]
[channels.phone]
url = "json://127.0.0.1:9/"
[[escalation.rung]]
after = "0s"
notify = ["phone"]
[[escalation.rung]]
after = "30m"
notify = ["phone"]
"""


def letter(
    subject: str, body: str, *, number: int, sender: str = "Sam Client <sam@harbour.example>", more: str = ""
) -> bytes:
    """A mail to Robin as a client's program would write it."""
    to = "sam@harbour.example" if "robin" in sender else "Robin <robin@studio.example>"
    head = (
        f"From: {sender}\nTo: {to}\nSubject: {subject}\nDate: Fri, 06 Mar 2026 15:{number:02}:00 +0000\n"
        f"Message-ID: <m{number}@harbour.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n{more}"
    )
    return (head + "\n" + body + "\n").replace("\n", "\r\n").encode()


CALM = letter(
    "Friday's delivery",
    "Hello Robin,\n\nthank you for the new drafts, they look good to me and the team likes them.\n\n"
    "Could you please send the invoice next week?\n\nKind regards\nSam",
    number=1,
)
ANSWER = letter(
    "Re: Friday's delivery",
    "Hello Sam,\n\nI will send the invoice on Monday and the files on Tuesday.\n\nKind regards\nRobin",
    number=2,
    sender="Robin <robin@studio.example>",
    more="In-Reply-To: <m1@harbour.example>\n",
)
HOSTILE = letter(
    "WHERE ARE MY FILES",
    "Robin,\n\nthis is UNACCEPTABLE!!! You promised the files for today and I have nothing. You are a liar and "
    "completely incompetent, I have had enough of your pathetic excuses.\n\n"
    "My lawyer will hear of this and I want my money back. You will regret this.\n\nSam",
    number=3,
)
FOREIGN = letter(
    "Привет", "Здравствуйте, когда будут готовы файлы? Мы ждём уже очень долго, напишите нам.", number=4
)
STEERING = letter(
    "=?utf-8?B?G10wO293bmVkB+KArmZkcC5leGU=?=",
    "plain words, then a colour \x1b[31mred\x1b[0m and \u202ereversed\u202c text, with the rest as usual in it",
    number=5,
)
ALL = (CALM, ANSWER, HOSTILE, FOREIGN, STEERING)


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def one(self) -> dict[str, Any]:
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Levelhead = Callable[..., Said]


@pytest.fixture
def levelhead(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Levelhead:
    """Calls the program in this process: `levelhead("status", "--json")`, standard input by `stdin=`."""

    def call(*words: str | Path, stdin: bytes = b"") -> Said:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return call


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and nothing archived yet; commands find the configuration there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEVELHEAD_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    _configure(tmp_path)
    return tmp_path


@pytest.fixture
def home(empty_home: Path, walked: Path) -> Path:
    """A folder with a configuration and an archive in which a hostile message was judged, held and called about."""
    shutil.copytree(walked / "archive", empty_home / "archive")
    return empty_home


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive walked once by the real rooms, as if the mail had come in by IMAP."""
    folder = tmp_path_factory.mktemp("walked")
    _configure(folder)
    clock = FrozenClock(NOW)
    settings = load(folder / "levelhead.toml")
    archive = open_archive(settings, read_only=False)
    crew = Crew(
        settings, archive, clock, on_lost=lambda *_: None, on_watched=lambda *_: None, tick=lambda: False
    )
    try:
        crew.recorder.record([_arrival(number, data) for number, data in enumerate(ALL, start=1)])
        # Judge only: the alert's first rung falls due a minute later and is nobody's business here.
        while crew.worker.pay():
            pass
        crew.announce()
        archive.mirror.catch_up(archive.store)
    finally:
        crew.close()
        archive.close()
    return folder


def _arrival(number: int, data: bytes) -> Arrival:
    sent = data is ANSWER
    place = Place(mailbox="office", folder="Sent" if sent else "INBOX", uidvalidity=7, uid=number)
    return Arrival(raw=raw(data), place=place, internal_date=NOW - timedelta(minutes=10 - number), sent=sent)


def _configure(folder: Path) -> None:
    (folder / "levelhead.toml").write_text(CONFIG)
    (folder / "password").write_text("a-password-of-nobody\n")
    (folder / "password").chmod(0o600)


@dataclass(frozen=True)
class Letters:
    """The mail that the archive of `home` holds."""

    calm: bytes = CALM
    answer: bytes = ANSWER
    hostile: bytes = HOSTILE
    foreign: bytes = FOREIGN
    steering: bytes = STEERING
    all: tuple[bytes, ...] = ALL
    at: datetime = NOW

    @staticmethod
    def id(data: bytes) -> str:
        return raw(data).digest


@pytest.fixture
def letters() -> Letters:
    """The mail that the archive of `home` holds."""
    return Letters()


@pytest.fixture
def walked_at() -> datetime:
    """When the archive of `home` was walked."""
    return NOW
