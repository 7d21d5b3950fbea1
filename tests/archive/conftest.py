"""A real archive in a temporary folder: index, volumes, parser, directory, recorder and a clock moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from levelhead.archive.library import Library
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import Report, verify
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory, ListedClient
from levelhead.clock import FrozenClock
from levelhead.facts import FolderOpened
from levelhead.model import Arrival, Place
from levelhead.raw import raw
from levelhead.store.api import Store
from levelhead.store.sqlite import open_store

NOW = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
ME, ANNA = "me@studio.example", "anna@acme.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Everything about one archive folder, opened as the daemon would."""

    path: Path
    clock: FrozenClock
    store: Store
    volumes: Volumes
    mirror: Mirror
    recorder: Recorder
    library: Library

    def open_folder(self, mailbox: str = "work", folder: str = "INBOX", uidvalidity: int = 7) -> None:
        with self.store.transaction(self.clock.now()) as tx:
            tx.record(
                FolderOpened(
                    mailbox=mailbox,
                    folder=folder,
                    uidvalidity=uidvalidity,
                    uidnext=1,
                    opened_at=self.clock.now(),
                )
            )

    def verify(self, *, deep: bool = False) -> Report:
        return verify(
            self.store,
            self.volumes,
            self.mirror,
            parse_many=one_by_one(parse),
            open_store=open_store,
            deep=deep,
        )


@pytest.fixture
def open_archive(tmp_path: Path) -> Iterator[Callable[..., Archive]]:
    """Opens an archive folder; opening the same one again is what a restart does."""
    stores: list[Store] = []

    def make(
        name: str = "archive",
        *,
        store: Store | None = None,
        volumes: Volumes | None = None,
        mirror: object = None,
    ) -> Archive:
        path = tmp_path / name
        path.mkdir(mode=0o700, exist_ok=True)
        store = store or open_store(path)
        stores.append(store)
        volumes = volumes or Volumes(path / "volumes")
        files = Mirror(path / "ledger")
        clock = FrozenClock(NOW)
        directory = Directory.make(
            [ME],
            [ListedClient(name="Acme", addresses=("*@acme.example",))],
            correspondents=store.correspondents(),
        )
        recorder = Recorder(store, volumes, clock, parse=parse, directory=directory, mirror=mirror or files)
        return Archive(
            path=path,
            clock=clock,
            store=store,
            volumes=volumes,
            mirror=files,
            recorder=recorder,
            library=Library(store, volumes, parse),
        )

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def archive(open_archive: Callable[..., Archive]) -> Archive:
    """An empty archive with the folder INBOX of the mailbox `work` opened."""
    made = open_archive()
    made.open_folder()
    return made


def build_mail(
    subject: str = "Hello",
    *,
    sender: str = ANNA,
    to: str = ME,
    message_id: str = "",
    reply_to: str = "",
    references: str = "",
    date: str = "Fri, 20 Nov 2026 16:00:00 +0000",
    body: str = "Where is it?",
    extra: str = "",
) -> bytes:
    fields = {
        "Received": extra,
        "From": sender,
        "To": to,
        "Subject": subject,
        "Date": date,
        "Message-ID": message_id or f"<{abs(hash((subject, sender, to, body)))}@example.org>",
        "In-Reply-To": reply_to,
        "References": references,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{head}\r\n{body}\r\n".encode()


@pytest.fixture
def mail() -> Callable[..., bytes]:
    """Makes a message: `mail(subject, sender=..., ...)`."""
    return build_mail


@pytest.fixture
def arrival() -> Callable[..., Arrival]:
    """Makes an arrival from bytes: `arrival(data, uid=...)`; without uid it has no place."""

    def make(data: bytes, uid: int | None = None, *, folder: str = "INBOX", **rest: object) -> Arrival:
        place = None if uid is None else Place(mailbox="work", folder=folder, uidvalidity=7, uid=uid)
        return Arrival(raw=raw(data), place=place, **rest)  # type: ignore[arg-type]  # a test's shorthand

    return make
