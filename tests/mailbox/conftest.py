"""A real store and a `record` that keeps the bytes, so that the mailbox room is tested without the archive room."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from levelhead.clock import SystemClock
from levelhead.facts import Fact, MessageArchived, MessageSighted
from levelhead.mailbox.api import MailboxSpec
from levelhead.mailbox.folders import choose
from levelhead.mailbox.opening import connect as connect_to
from levelhead.mailbox.sync import sync_folder
from levelhead.mailbox.tools import Memory, Report, Tools
from levelhead.mailbox.watch import Watcher
from levelhead.model import Parsed, Receipt
from levelhead.raw import Raw, raw
from levelhead.store.sqlite import open_store
from servers.scripted import in_folder


class MemorySpool:
    """A spool writer in memory, which remembers how large its largest piece was."""

    largest = 0

    def __init__(self) -> None:
        self._data = b""

    def write(self, data: bytes) -> None:
        MemorySpool.largest = max(MemorySpool.largest, len(data))
        self._data += data

    def finish(self) -> Raw:
        return raw(self._data)

    def discard(self) -> None:
        self._data = b""


@dataclass
class Desk:
    """Everything a pass needs, and what came of it."""

    store: Any
    clock: Any = field(default_factory=SystemClock)
    mailbox: str = "post"
    memory: Memory = field(default_factory=Memory)
    bodies: dict[tuple[str, int], bytes] = field(default_factory=dict)
    history: dict[tuple[str, int], bool] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    _new: set[str] = field(default_factory=set)

    def record(self, arrivals: Any, cursor: Any) -> tuple[Receipt, ...]:
        """What the archive does, as far as the mailbox room can see it."""
        with self.store.transaction(self.clock.now()) as tx:
            for arrival in arrivals:
                place = arrival.place
                if not self.store.known([arrival.raw.digest]) and arrival.raw.digest not in self._new:
                    self._new.add(arrival.raw.digest)
                    tx.archive(self._archived(arrival, len(self._new), tx.now), Parsed())
                tx.record(
                    MessageSighted(
                        id=arrival.raw.digest,
                        mailbox=place.mailbox,
                        folder=place.folder,
                        uidvalidity=place.uidvalidity,
                        uid=place.uid,
                        internal_date=arrival.internal_date,
                        flags=arrival.flags,
                        seen_at=tx.now,
                        sent=arrival.sent,
                    )
                )
                self.bodies[place.folder, place.uid] = arrival.raw.read()
                self.history[place.folder, place.uid] = arrival.history
            if cursor is not None:
                tx.advance(cursor.mailbox, cursor.folder, last_uid=cursor.last_uid)
        self.batches.append(len(arrivals))
        ids = [arrival.raw.digest for arrival in arrivals]
        seqs = self.store.known(ids)
        return tuple(Receipt(message_id=id, digest=id, seq=seqs[id], fresh=True) for id in ids)

    def _archived(self, arrival: Any, seq: int, now: Any) -> MessageArchived:
        values = {field.name: "" for field in fields(MessageArchived)}
        values |= {"id": arrival.raw.digest, "seq": seq, "size": arrival.raw.size, "thread_joins": ()}
        values |= {
            "volume": 1,
            "offset": seq,
            "length": 1,
            "direction": "in",
            "client": "c",
            "thread": f"t{seq}",
        }
        return MessageArchived(**(values | {"received_at": now, "history": arrival.history}))

    def tools(self) -> Tools:
        return Tools(
            mailbox=self.mailbox,
            store=self.store,
            clock=self.clock,
            record=self.record,
            spool=MemorySpool,
            **self.changes,
        )

    def sync(self, connection: Any, **chosen: Any) -> dict[str, Report]:
        """One pass over all folders, Sent first, as the watcher does it."""
        picked = choose(connection.folders(), prefix=connection.prefix(), **chosen)
        return {
            folder.name: sync_folder(connection, folder, self.tools(), self.memory)
            for folder in picked.watched
        }

    def facts(self, name: str) -> list[Fact]:
        """All facts of that name, oldest first."""
        found = [fact for _, fact in self.store.facts_about(kind=name)]
        return found[::-1]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(tmp_path / "index.sqlite")
    yield Desk(store)
    store.close()


@pytest.fixture
def spec_of() -> Callable[..., MailboxSpec]:
    """The spec of an account, or of any server with `host` and `port`."""

    def make(account: Any, **changes: Any) -> MailboxSpec:
        values = {
            "name": "post",
            "host": account.host,
            "port": account.port,
            "user": getattr(account, "user", "me"),
            "secret": lambda: getattr(account, "password", "s3cret-word"),
            "tls": "implicit" if hasattr(account, "ca_file") else "none",
            "ca_file": getattr(account, "ca_file", None),
            "timeout_seconds": 20.0,
        }
        return MailboxSpec(**(values | changes))

    return make


@pytest.fixture
def connected(spec_of: Callable[..., MailboxSpec]) -> Iterator[Callable[..., Any]]:
    """Makes connections to an account or a scripted server, closed at the end of the test."""
    made: list[Any] = []

    def make(account: Any, **changes: Any) -> Any:
        made.append(connect_to(spec_of(account, **changes), SystemClock(), lambda: False))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@dataclass
class Running:
    """A watcher in its thread."""

    watcher: Watcher
    stop: threading.Event
    thread: threading.Thread
    told: list[tuple[str, str]]
    idling: threading.Event

    def end(self, seconds: float = 5.0) -> None:
        self.stop.set()
        self.watcher.wake.set()
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "the watcher did not stop"


@pytest.fixture
def watching(desk: Desk, spec_of: Callable[..., MailboxSpec]) -> Iterator[Callable[..., Running]]:
    """Starts watchers of accounts, ended with the test."""
    runs: list[Running] = []

    def start(account: Any, **changes: Any) -> Running:
        own = {key: changes.pop(key) for key in list(changes) if key in Watcher.__dataclass_fields__}
        told: list[tuple[str, str]] = []
        idling, opener = threading.Event(), own.pop("connect", connect_to)

        def connect(*asked: Any) -> Any:
            connection = opener(*asked)
            idle = connection.idle

            def seen(*words: Any) -> Any:
                idling.set()
                return idle(*words)

            connection.idle = seen
            return connection

        watcher = Watcher(
            **{
                "spec": spec_of(account, **changes),
                "store": desk.store,
                "clock": desk.clock,
                "record": desk.record,
                "spool": MemorySpool,
                "on_lost": lambda kind, why: told.append((kind, why)),
                "on_watched": lambda: told.append(("watched", "")),
                "connect": connect,
            }
            | own
        )
        stop = threading.Event()
        thread = threading.Thread(target=watcher.run, args=(stop,), daemon=True)
        thread.start()
        runs.append(Running(watcher, stop, thread, told, idling))
        return runs[-1]

    yield start
    for run in runs:
        run.end()
        run.watcher.wake.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Waits until something is true, at most ten seconds, and returns it."""

    def wait(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        clock, pause = SystemClock(), threading.Event()
        end = clock.monotonic() + seconds
        while clock.monotonic() < end:
            if found := condition():
                return found
            pause.wait(0.01)
        raise AssertionError("it did not happen in time")

    return wait


@pytest.fixture
def spooled() -> type[MemorySpool]:
    MemorySpool.largest = 0
    return MemorySpool


@pytest.fixture
def mail() -> Callable[..., bytes]:
    """A message with CRLF line ends."""

    def make(number: int = 1, *, lines: int = 3, sender: str = "ada@client.test", extra: str = "") -> bytes:
        head = (
            f"From: Ada <{sender}>\r\nTo: me@example.test\r\nSubject: number {number}\r\n"
            f"Message-ID: <{number}@client.test>\r\n{extra}\r\n"
        )
        return (head + f"line of {number}\r\n" * lines).encode()

    return make


@pytest.fixture
def opened(scripted: Callable[..., Any], connected: Callable[..., Any]) -> Callable[..., Any]:
    """A connection to a server that plays these steps after the login and one EXAMINE."""

    def make(*then: Any, **changes: Any) -> Any:
        server = scripted(in_folder(*then))
        connection = connected(server, **({"timeout_seconds": 2.0} | changes))
        connection.examine("INBOX")
        return connection, server

    return make
