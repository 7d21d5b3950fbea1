"""A changed directory of clients labels the archive anew and touches no evidence."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from forgotten import erase
from levelhead.archive.library import Library
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.relabel import relabel
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory, ListedClient
from levelhead.clock import FrozenClock
from levelhead.model import Arrival
from levelhead.raw import raw
from levelhead.store.api import MessageFilter, Tx
from levelhead.store.sqlite import open_store

CLOCK = FrozenClock(datetime(2026, 3, 2, 12, tzinfo=UTC))


def directory(*listed: ListedClient, me: tuple[str, ...] = ("me@studio.example",)) -> Directory:
    return Directory.make(me=me, listed=listed, scope="everyone", ignore=(), correspondents=frozenset())


def test_a_correspondent_who_becomes_a_listed_client_takes_the_history_along(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    volumes = Volumes(tmp_path / "volumes")
    recorder = Recorder(store, volumes, CLOCK, parse=parse, directory=directory())
    read = Library(store, volumes, parse).parsed
    for number, sender in enumerate(("maria@northwind.example", "alias@studio.example")):
        to = "me@studio.example" if number == 0 else "maria@northwind.example"
        refs = "In-Reply-To: <m0@x>\r\n" if number else ""
        letter = f"From: {sender}\r\nTo: {to}\r\nMessage-ID: <m{number}@x>\r\n{refs}Subject: a\r\n\r\nHello there.\r\n"
        recorder.record([Arrival(raw=raw(letter.encode()))])
    size = store.ledger_size()
    listed = ListedClient(name="Northwind", addresses=("*@northwind.example",))
    better = directory(listed, me=("me@studio.example", "alias@studio.example"))
    assert relabel(store, CLOCK, better, read) == 2
    rows = list(store.messages(MessageFilter()))
    assert [(row.client, row.direction.value) for row in rows] == [("Northwind", "in"), ("Northwind", "out")]
    assert len(list(store.messages(MessageFilter(client="Northwind")))) == 2
    assert {len(row.thread) for row in rows} == {32}, "of a random key comes one that is as hard to guess"
    assert store.ledger_size() == size + 2
    assert relabel(store, CLOCK, better, read) == 0, "an unchanged directory is not looked through again"
    store.close()


def test_a_message_that_is_erased_while_the_archive_is_labelled_anew_is_passed_over(tmp_path: Path) -> None:
    store = open_store(tmp_path / "index.sqlite")
    volumes = Volumes(tmp_path / "volumes")
    recorder = Recorder(store, volumes, CLOCK, parse=parse, directory=directory())
    letters = [
        f"From: {name}@northwind.example\r\nTo: me@studio.example\r\nMessage-ID: <{name}@x>\r\n\r\nHello.\r\n"
        for name in ("maria", "tom")
    ]
    recorder.record([Arrival(raw=raw(letter.encode())) for letter in letters])
    first = raw(letters[0].encode()).digest
    real = store.transaction

    def erased_meanwhile(now: datetime) -> AbstractContextManager[Tx]:
        if store.known([first]):
            store.transaction = real
            erase(store, tmp_path, first, clock=CLOCK, volumes=volumes, parse=parse)
        return real(now)

    store.transaction = erased_meanwhile
    listed = ListedClient(name="Northwind", addresses=("*@northwind.example",))
    relabel(store, CLOCK, directory(listed), Library(store, volumes, parse).parsed)
    assert [row.client for row in store.messages(MessageFilter())] == ["Northwind"]
    relabelled = [fact for _, fact in store.facts_about(kind="message.relabelled")]
    assert len(relabelled) == 1 and first not in repr(relabelled)
    store.close()
