"""What vouches for mail, from a real DNS server on loopback to the commands that tell of it and prove it again."""

from __future__ import annotations

import base64
import csv
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.nameserver import NAME, NameServer, Zone
from evidence.signed import CAME, LETTER, record_of, rsa_key, signed
from levelhead.clock import FrozenClock, to_text
from levelhead.config.load import load
from levelhead.daemon.crew import Crew
from levelhead.daemon.parts import open_archive
from levelhead.daemon.session import Session
from levelhead.facts import KeyPart, MessageAuthenticated
from levelhead.model import Arrival, Level, Place
from levelhead.raw import raw
from levelhead.store.api import EVIDENCE

CONFIG = """
[me]
addresses = ["robin@studio.example"]
timezone = "UTC"
[archive]
path = "archive"
[evidence]
resolver = "off"
[[client]]
name = "Harbour Ltd"
addresses = ["*@harbour.example"]
"""
SIGNED = signed()
LISTED = signed(LETTER + b"for the list\r\n") + b"-- \r\nthe list\r\n"
PLAIN = LETTER + b"unsigned\r\n"
OLD = signed(LETTER + b"old\r\n")


def arrivals() -> list[Arrival]:
    return [
        Arrival(
            raw=raw(data),
            place=Place(mailbox="office", folder="INBOX", uidvalidity=7, uid=number),
            internal_date=CAME - timedelta(minutes=9),
            history=data is OLD,
        )
        for number, data in enumerate((SIGNED, LISTED, PLAIN, OLD), start=1)
    ]


@contextmanager
def serving() -> Iterator[NameServer]:
    key = record_of(rsa_key())
    made = NameServer(Zone(texts={NAME: ((key[:200], key[200:]),)}, validated=True))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def server() -> Iterator[NameServer]:
    with serving() as made:
        yield made


def configured(folder: Path, resolver: str) -> None:
    """A configuration without a mailbox, so that one pass reaches for nothing but the DNS."""
    (folder / "levelhead.toml").write_text(CONFIG.replace('"off"', f'"{resolver}"'))


@contextmanager
def session(folder: Path) -> Iterator[Session]:
    settings = load(folder / "levelhead.toml")
    archive = open_archive(settings, read_only=False)
    made = Session(settings, archive, FrozenClock(CAME))
    try:
        yield made
        archive.mirror.catch_up(archive.store)
    finally:
        made.close()
        archive.close()


@dataclass(frozen=True)
class Once:
    """A folder in which news were checked, as `run --once` does, and what the DNS was asked meanwhile."""

    folder: Path
    asked: tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    folder = tmp_path_factory.mktemp("witnessed")
    with serving() as server:
        configured(folder, f"127.0.0.1:{server.port}")
        with session(folder) as one:
            one.recorder.record(arrivals())
            assert one.once(threading.Event()) == 0
        return Once(folder, tuple(server.asked))


@pytest.fixture
def witnessed(empty_home: Path, once: Once) -> Path:
    """An archive whose news were checked; the DNS is gone by now."""
    shutil.copytree(once.folder / "archive", empty_home / "archive")
    shutil.copy(once.folder / "levelhead.toml", empty_home)
    return empty_home


def test_one_pass_checks_news_and_asks_for_nothing_twice(once: Once) -> None:
    assert once.asked == (("udp", NAME),)


def test_messages_say_what_vouches_for_them(levelhead, witnessed: Path) -> None:
    found = {line["id"]: line["authenticated"] for line in levelhead("messages", "--json").lines}
    own = {"domain": "harbour.example", "aligned": True, "witnessed": True}
    nobody = {"domain": "", "aligned": False}
    assert found == {
        raw(SIGNED).digest: {"result": "pass", **own},
        raw(LISTED).digest: {"result": "fail", **own},
        raw(PLAIN).digest: {"result": "none", "witnessed": True, **nobody},
        raw(OLD).digest: {"result": None, "witnessed": False, **nobody},
    }


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (SIGNED, "Vouched by: harbour.example, the sender's own"),
        (LISTED, "Vouched by: nobody: the signature of harbour.example says fail"),
        (PLAIN, "Vouched by: nobody: it has no signature"),
        (OLD, None),
    ],
)
def test_a_reader_is_told_in_one_line(levelhead, witnessed: Path, message: bytes, line: str | None) -> None:
    shown = levelhead("show", raw(message).digest).out.splitlines()
    assert [one for one in shown if one.startswith("Vouched")] == ([line] if line else [])


def test_the_ledger_keeps_the_whole_key_record_with_resolver_time_and_dnssec_status(
    levelhead, witnessed: Path
) -> None:
    """The zone of the name server says that its answers were validated (the AD bit)."""
    archive = open_archive(load(witnessed / "levelhead.toml"), read_only=True)
    facts = [fact for _, fact in archive.store.facts_about(kind=MessageAuthenticated.name)]
    archive.close()
    (fact,) = [one for one in facts if one.id == raw(SIGNED).digest]
    record = base64.b64encode(record_of(rsa_key())).decode()
    kept = KeyPart(name=NAME, record=record, answer="found", dnssec="secure", fetched_at=CAME)
    assert (fact.keys, fact.checked_at) == ((kept,), CAME)
    assert fact.resolver.startswith("127.0.0.1:")
    said = levelhead("export", "Harbour Ltd", "--out", "pack")
    assert said.status == 0, said.err
    with (witnessed / "pack" / "tables" / "authentication.csv").open(
        encoding="utf-8-sig", newline=""
    ) as file:
        (row,) = [row for row in csv.DictReader(file) if row["result"] == "pass"]
    assert {name: value for name, value in row.items() if name.startswith("key_")} == {
        "key_name": NAME,
        "key_answer": "found",
        "key_dnssec": "secure",
        "key_fetched_at": to_text(CAME),
        "key_record_base64": record,
    }
    assert (row["checked_at"], row["resolver"]) == (to_text(CAME), fact.resolver)


def test_mail_from_files_is_marked_as_not_witnessed_and_no_name_server_is_asked_about_it(
    levelhead, empty_home: Path, server: NameServer
) -> None:
    configured(empty_home, f"127.0.0.1:{server.port}")
    (empty_home / "one.eml").write_bytes(SIGNED)
    assert levelhead("add", "one.eml").status == 0
    with session(empty_home) as one:
        assert one.once(threading.Event()) == 0
        assert one._store.next_due(EVIDENCE) is None
    assert server.asked == []
    (line,) = levelhead("messages", "--json").lines
    nobody = {"result": None, "domain": "", "aligned": False, "witnessed": False}
    assert (line["client"], line["authenticated"]) == ("Harbour Ltd", nobody)
    assert "Vouched" not in levelhead("show", line["id"]).out
    said = levelhead("verify", "--dkim", "--json").one["dkim"]
    assert (said["ok"], said["checked"], said["unwitnessed"]) == (True, 0, 1)


def test_verify_proves_it_again_when_the_key_and_the_dns_are_gone(levelhead, witnessed: Path) -> None:
    said = levelhead("verify", "--dkim", "--json")
    assert said.status == 0
    assert said.one["dkim"] == {
        "ok": True, "checked": 3, "passed": 1, "unwitnessed": 1, "gone": 0, "differ": [],
    }  # fmt: skip
    assert said.one["ok"]


def test_a_record_that_its_bytes_do_not_bear_out_is_named_with_exit_1(levelhead, witnessed: Path) -> None:
    from dataclasses import replace

    from levelhead.evidence.vouched import on_record

    with session(witnessed) as one:
        fact = on_record(one._store)[raw(LISTED).digest]
        (signature,) = fact.signatures
        one.record(replace(fact, signatures=(replace(signature, result="pass"),)))
    said = levelhead("verify", "--dkim", "--json")
    assert (said.status, said.one["ok"], said.one["dkim"]["ok"], said.one["dkim"]["checked"]) == (
        1,
        False,
        False,
        3,
    )
    assert raw(LISTED).digest[:12] in said.one["dkim"]["differ"][0]
    told = levelhead("verify", "--dkim").out
    assert "Whole: " in told, "the ledger itself is whole: somebody wrote it down"
    assert "SIGNATURE: message " in told
    assert "3 messages were checked again by the keys in the ledger, 1 of them" in told


def test_an_archive_without_an_index_cannot_be_proven_and_says_so(levelhead, witnessed: Path) -> None:
    for path in (witnessed / "archive").glob("index.sqlite*"):
        path.unlink()
    said = levelhead("verify", "--dkim", "--json")
    assert (said.status, said.one["ok"], said.one["dkim"]) == (1, False, None)


def test_without_the_extra_it_is_one_sentence(levelhead, witnessed: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "dkim", None)
    said = levelhead("verify", "--dkim")
    assert (said.status, said.out) == (2, "")
    assert "needs the extra: pip install 'levelhead[evidence]'" in said.err
    checked = levelhead("check", "--json")
    (problem,) = [one for one in checked.one["problems"] if "signatures" in one["problem"]]
    assert (checked.status, problem["line"]) == (1, 8)
    assert "pip install 'levelhead[evidence]'" in problem["fix"]
    assert levelhead("run", "--once").status == 2


def test_an_archive_asks_nobody_unless_a_resolver_is_named(empty_home: Path) -> None:
    """Its configuration has no `[evidence]`: no debt, so that nothing can ever ask."""
    settings = load(empty_home / "levelhead.toml")
    assert settings.evidence.resolver == "off"
    archive = open_archive(settings, read_only=False)
    crew = Crew(
        settings, archive, FrozenClock(CAME), on_lost=lambda *_: None, on_watched=lambda *_: None,
        tick=lambda: False,
    )  # fmt: skip
    try:
        crew.recorder.record(arrivals())
        assert archive.store.next_due(EVIDENCE) is None
    finally:
        crew.close()
        archive.close()


def test_a_dead_resolver_delays_no_verdict(empty_home: Path, server: NameServer) -> None:
    server.zone.silent = True
    configured(empty_home, f"127.0.0.1:{server.port}")
    with session(empty_home) as one:
        one.recorder.record(arrivals())
        while one._crew.worker.pay():
            pass
        assert server.asked == []
        levels = {row.level for row in one._store.messages(_all())}
        assert None not in levels and Level.UNKNOWN not in levels
        assert one._store.next_due(EVIDENCE) == CAME, "still owed"


def _all():
    from levelhead.store.api import MessageFilter

    return MessageFilter()


@pytest.mark.parametrize("value", ["localhost", "ns.example.com", "1.2.3.4:0", "1.2.3.4:99999", "", "off:53"])
def test_a_resolver_that_is_none_is_named_with_its_line(levelhead, empty_home: Path, value: str) -> None:
    configured(empty_home, value)
    said = levelhead("status")
    assert said.status == 2
    assert "line 8" in said.err and "evidence.resolver" in said.err


def test_the_loop_for_proofs_runs_beside_the_worker(empty_home: Path, server: NameServer) -> None:
    from levelhead.clock import SystemClock
    from levelhead.evidence.vouched import on_record

    configured(empty_home, f"127.0.0.1:{server.port}")
    settings = load(empty_home / "levelhead.toml")
    archive = open_archive(settings, read_only=False)
    made = Session(settings, archive, SystemClock())
    try:
        made.recorder.record(arrivals())
        made.start()
        for _ in range(200):
            if len(on_record(archive.store)) == 3:
                break
            threading.Event().wait(0.02)
        assert made.stop() == ()
        assert len(on_record(archive.store)) == 3
    finally:
        made.close()
        archive.close()
