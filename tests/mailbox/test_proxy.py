"""A line to a real server that breaks, stalls and garbles at any byte: in the end the archive is the account."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.library import frame_of
from levelhead.archive.mirror import Mirror
from levelhead.archive.parse import parse
from levelhead.archive.record import Recorder
from levelhead.archive.spool import Spool
from levelhead.archive.together import one_by_one
from levelhead.archive.verify import verify
from levelhead.archive.volumes import Volumes
from levelhead.clients.directory import Directory
from levelhead.clock import SystemClock
from levelhead.errors import ConnectionLost, MailboxError, TlsFailed
from levelhead.mailbox.watch import Watcher
from levelhead.raw import raw
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store
from servers.proxy import Fault, Proxy

pytestmark = pytest.mark.server

PASSES = 8
"""How many passes an account may take after a fault; one is enough when the next connection is whole."""


@pytest.fixture(autouse=True)
def small_and_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses, and messages are large from two kilobytes on, so that pieces are fetched as well."""
    monkeypatch.setattr("levelhead.mailbox.pauses.QUICK", 0.01)
    monkeypatch.setattr("levelhead.mailbox.bodies.PIECE", 2_000)


@pytest.fixture(scope="module")
def account(dovecot_server: Any) -> Any:
    """An account with mail of several sizes in three folders, which nobody changes."""
    made = dovecot_server.user()
    for folder, numbers in (("INBOX", (1, 2, 3, 40)), ("Sent", (5, 60)), ("Archive", (7,))):
        made.fill(folder, [letter(number) for number in numbers])
    made.whole = {
        (folder, uid): raw(data).digest
        for folder in ("INBOX", "Sent", "Archive")
        for uid, data in made.read(folder).items()
    }
    return made


def letter(number: int) -> bytes:
    """A mail that looks like the protocol where it can, and is large for a number above nine."""
    lines = f"{number}) OK done\r\n* {number} FETCH (UID {number} BODY[] {{5}}\r\n* BYE\r\n" * number
    head = f"From: ada@client.test\r\nTo: me@example.test\r\nSubject: n {number}\r\nMessage-ID: <{number}@client.test>"
    return f"{head}\r\n\r\n{lines}".encode()


class Trial:
    """A fresh archive that is filled through a proxy."""

    def __init__(self, path: Path, account: Any, spec: Any, fault: Fault | None) -> None:
        self.account = account
        self.proxy = Proxy(spec.port, fault)
        self.clock = SystemClock()
        self.store = open_store(path)
        self.volumes = Volumes(path / "volumes")
        self.mirror = Mirror(path / "ledger")
        self.lost: list[str] = []
        directory = Directory.make(["me@example.test"], [], correspondents=())
        recorder = Recorder(
            self.store, self.volumes, self.clock, parse=parse, directory=directory, mirror=self.mirror
        )
        self.watcher = Watcher(
            spec=replace(spec, port=self.proxy.port),
            store=self.store,
            clock=self.clock,
            record=recorder.record,
            spool=Spool(path / "spool").writer,
            on_lost=lambda kind, why: self.lost.append(kind),
        )

    def run(self) -> list[MailboxError]:
        """Pass after pass until one comes to its end with nothing missing; the errors on the way."""
        errors: list[MailboxError] = []
        for _ in range(PASSES):
            try:
                reports = self.watcher.run_once()
            except MailboxError as exc:
                errors.append(exc)
            else:
                if not any(report.gaps for report in reports):
                    return errors
        raise AssertionError(f"it does not come to an end: {errors!r}")

    def whole(self) -> None:
        """The archive is the account: every message, none twice, nothing that was not there."""
        sighted = [fact for _, fact in self.store.facts_about(kind="message.sighted")]
        places = {(fact.folder, fact.uid): fact.id for fact in sighted}
        assert places == self.account.whole
        assert len(sighted) == len(places)
        rows = list(self.store.messages(MessageFilter()))
        assert sorted(row.id for row in rows) == sorted(set(places.values()))
        assert not [row.id for row in rows if row.defects and "size-mismatch" in row.defects]
        assert not list(self.store.facts_about(kind="message.vanished"))
        for row in rows:
            assert raw(self.volumes.read_checked(row.id, frame_of(row)).read()).digest == row.id
        self.mirror.catch_up(self.store)
        assert verify(
            self.store, self.volumes, self.mirror, parse_many=one_by_one(parse), open_store=open_store
        ).ok

    def close(self) -> None:
        self.watcher.close()
        self.proxy.close()
        self.store.close()


Try = Callable[..., Trial]


@pytest.fixture
def tried(account: Any, spec_of: Any, tmp_path: Path) -> Iterator[Try]:
    """Runs a trial to its end and looks whether the archive is whole: `tried(Fault(...), tls="none")`."""
    trials: list[Trial] = []

    def make(fault: Fault | None = None, *, tls: str = "none", seconds: float = 5.0) -> Trial:
        port = account.port if tls == "implicit" else account.starttls_port
        spec = spec_of(account, tls=tls, port=port, timeout_seconds=seconds)
        path = tmp_path / str(len(trials))
        path.mkdir(mode=0o700)
        trial = Trial(path, account, spec, fault)
        trials.append(trial)
        try:
            trial.errors = trial.run()
            trial.whole()
        finally:
            trial.close()
        return trial

    yield make


def test_a_line_without_a_fault_brings_the_account(tried: Try) -> None:
    trial = tried()
    assert not trial.errors and not trial.proxy.struck and len(trial.proxy.passed) == 1


@pytest.mark.parametrize(("kind", "tls"), [("drop", "none"), ("truncate", "implicit"), ("split", "starttls")])
def test_a_line_that_breaks_in_the_middle_loses_nothing(tried: Try, kind: str, tls: str) -> None:
    assert tried(Fault(kind, 5_000), tls=tls).proxy.struck == 1


@pytest.mark.parametrize("kind", ["garble", "lose"])
def test_tls_ends_a_session_whose_bytes_were_changed(tried: Try, kind: str) -> None:
    trial = tried(Fault(kind, 9_000), tls="implicit", seconds=0.5)
    assert not trial.errors, "one more connection brought the account"
    assert trial.proxy.struck == 1 and len(trial.proxy.passed) == 2, "it connected again"


def test_a_bit_that_is_changed_while_tls_is_agreed_costs_a_connection_and_not_a_day(tried: Try) -> None:
    trial = tried(Fault("garble", 600), tls="implicit")
    assert trial.proxy.struck == 1 and len(trial.proxy.passed) == 2
    assert not trial.errors and not trial.lost


def test_a_line_that_goes_dead_meets_the_deadline(tried: Try) -> None:
    began = time.monotonic()
    assert tried(Fault("stall", 3_000), seconds=0.4).proxy.struck == 1
    assert time.monotonic() - began < 10


# --- the sweep -----------------------------------------------------------------------------------

EVERY = int(os.environ.get("LEVELHEAD_PROXY_EVERY", "0"))
"""Bytes between two faults; 0 takes about `POINTS` offsets a kind, spread over the whole session."""
POINTS = 8
SLOW_KINDS = {"stall": 3, "delay": 3, "slow": 3, "lose": 3}
"""Kinds that cost time by what they do, with fewer points."""


def offsets(total: int, points: int) -> list[int]:
    """Bytes from the first to the last of `total`, never the same step twice in a row."""
    step = EVERY or max(1, total // points)
    return [at + at % 7 for at in range(0, total - 8, step)]


SWEEP = [
    *((kind, "none", up) for kind in ("drop", "truncate", "stall", "delay", "split", "slow") for up in (False, True)),
    *((kind, "implicit", up) for kind in ("drop", "truncate", "garble", "lose") for up in (False, True)),
    *((kind, "starttls", False) for kind in ("drop", "truncate", "garble")),
]  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize(("kind", "tls", "up"), SWEEP, ids=lambda value: str(value))
def test_a_fault_at_any_byte_of_a_session_loses_and_invents_nothing(
    tried: Try, kind: str, tls: str, up: bool, record_property: Callable[[str, object], None]
) -> None:
    total = tried(tls=tls).proxy.passed[0][up]
    struck = 0
    points = offsets(total, SLOW_KINDS.get(kind, POINTS))
    for number, at in enumerate(points):
        fault = Fault(kind, at, up, connections=1 + number % 2)
        # What is lost is waited for: a record of TLS never becomes whole.
        trial = tried(fault, tls=tls, seconds=0.5 if kind in {"stall", "lose"} else 5.0)
        struck += trial.proxy.struck > 0
        foreign = [exc for exc in trial.errors if not isinstance(exc, ConnectionLost | TlsFailed)]
        assert not foreign, (fault, foreign)
    record_property("faults", struck)
    print(f"{kind} over {tls} {'up' if up else 'down'}: {struck} faults in {total} bytes")
    # A session with TLS differs by a few bytes each time, so that the last offset may be past its end.
    assert struck >= len(points) - 1
