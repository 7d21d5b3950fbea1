"""What anchors said, read back: `status` shows how each stands, `verify` holds every stamp against the ledger."""

from __future__ import annotations

import base64
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evidence.authority import Authority
from evidence.house import SIGNED, House
from levelhead.cli import main
from levelhead.clock import FrozenClock
from levelhead.evidence import stamps
from levelhead.evidence.anchored import Stamps
from levelhead.evidence.checkpoints import tree_of
from levelhead.facts import AnchorStamped, AnchorWitnessed
from levelhead.model import Arrival
from levelhead.raw import raw

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LETTER = (
    b"From: maria@northwind.example\r\nTo: me@studio.example\r\nSubject: a\r\nMessage-ID: <a@northwind.example>\r\n"
    b"Date: Mon, 02 Mar 2026 11:00:00 +0000\r\nContent-Type: text/plain\r\n\r\nHello.\r\n"
)


class Shown(House):
    """And what the commands say of it, once its mirror has caught up."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(folder, FrozenClock(NOW))
        self._capsys = capsys

    def say(self, *words: str) -> tuple[int, str]:
        self.archive.mirror.catch_up(self.archive.store)
        self._capsys.readouterr()
        status = main(["--config", str(self.folder / "levelhead.toml"), *words])
        return status, self._capsys.readouterr().out

    def json(self, *words: str) -> dict[str, Any]:
        return json.loads(self.say(*words, "--json")[1])


@pytest.fixture
def house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shown]:
    made = Shown(tmp_path, capsys)
    made.open()
    yield made
    made.close()


def by(tsa: Authority, more: str = "") -> str:
    return f'{SIGNED}[anchors]\nauthorities = ["{tsa.url}"]\n{more}'


# --- status ---------------------------------------------------------------------------------------


def test_status_shows_when_each_anchor_was_reached_last_and_what_is_wrong(
    house: Shown, tsa: Authority
) -> None:
    channel = '[channels.mentor]\nurl = "json://127.0.0.1:9/"\n'
    house.again(by(tsa, f'witnesses = ["mentor"]\n{channel}'))
    house.pay()
    authority, witness = house.json("status")["anchors"]
    (stamped,) = house.facts(AnchorStamped)
    assert isinstance(stamped, AnchorStamped)
    assert authority == {
        "name": tsa.url,
        "kind": "authority",
        "last_success": "2026-03-02T12:00:00.000000Z",
        "size": stamped.size,
        "failing_since": None,
        "error": "",
    }
    assert (witness["kind"], witness["last_success"], witness["size"]) == ("witness", None, 0)
    assert witness["failing_since"] == "2026-03-02T12:00:00.000000Z" and "did not take it" in witness["error"]
    _, page = house.say("status")
    assert f"Anchor      {tsa.url}: last 2026-03-02 12:00" in page
    assert "Anchor      mentor: not reached yet; failing since 2026-03-02 12:00" in page


def test_status_shows_no_anchors_where_there_are_none(house: Shown) -> None:
    assert house.json("status")["anchors"] == []
    assert "Anchor" not in house.say("status")[1]


# --- verify ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("verify",), ("verify", "--quick")])
def test_verify_says_who_stamped_and_what_was_not_checked(
    house: Shown, tsa: Authority, words: tuple[str, ...]
) -> None:
    house.again(by(tsa))
    house.live(days=1)
    status, text = house.say(*words)
    assert status == 0, text
    assert (
        "Time stamps: 2 fit their checkpoints, signed by CN=clock, not checked against a root here: "
        "[anchors] ca_file names no root certificates." in text
    )
    house.again(by(tsa, f'ca_file = "{tsa.maker.root}"\n'))
    status, text = house.say(*words)
    assert status == 0 and "Time stamps: 2 fit their checkpoints, signed by CN=clock." in text
    found = house.json(*words)
    assert found["time_stamps"] == {"checked": 2, "signers": {"CN=clock": 2}, "signatures_unchecked": ""}


def test_verify_without_the_extra_says_that_stamps_were_not_checked(
    house: Shown, tsa: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.again(f'[anchors]\nauthorities = ["{tsa.url}"]\n')
    house.pay()
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    status, text = house.say("verify", "--quick")
    assert status == 0
    assert "Time stamps: not checked: [anchors] needs the extra: pip install 'levelhead[evidence]'." in text


Bend = Callable[[AnchorStamped, Authority], AnchorStamped | AnchorWitnessed]


def token(fact: AnchorStamped, answer: bytes) -> AnchorStamped:
    return dataclasses.replace(fact, token=base64.b64encode(answer).decode())


def on_other_words(fact: AnchorStamped, tsa: Authority) -> AnchorStamped:
    return token(fact, tsa.maker.reply(stamps.question(b"other words")[0]))


def with_a_bent_signature(fact: AnchorStamped, tsa: Authority) -> AnchorStamped:
    answer = bytearray(base64.b64decode(fact.token))
    answer[-20] ^= 1
    return token(fact, bytes(answer))


BENT: list[tuple[str, Bend, str]] = [
    ("on other words", on_other_words, "it is a stamp on something else"),
    (
        "at another time",
        lambda fact, tsa: dataclasses.replace(fact, stamped_at=fact.stamped_at - timedelta(seconds=1)),
        "its time is not the one that was recorded",
    ),
    ("with a bent signature", with_a_bent_signature, "its signature is not right"),
    ("of no form", lambda fact, tsa: token(fact, b"nothing"), "it is no time stamp"),
    ("of no letters", lambda fact, tsa: dataclasses.replace(fact, token="!"), "it is not in base64"),
    (
        "of another root",
        lambda fact, tsa: dataclasses.replace(fact, root="00" * 32),
        "is of a root that the ledger never had",
    ),
    ("of the future", lambda fact, tsa: dataclasses.replace(fact, size=99), "is of 99 entries"),
    (
        "by a witness of another root",
        lambda fact, tsa: AnchorWitnessed(size=fact.size, root="00" * 32, channel="x", told_at=NOW),
        "is of a root that the ledger never had",
    ),
]


def test_an_anchor_that_does_not_fit_the_ledger_is_named(house: Shown, tsa: Authority) -> None:
    house.again(f'[anchors]\nauthorities = ["{tsa.url}"]\nca_file = "{tsa.maker.root}"\n')
    house.pay()
    store = house.archive.store
    ((entry, fact),) = store.facts_about(kind=AnchorStamped.name)
    assert isinstance(fact, AnchorStamped)
    tree = tree_of(store.entries())
    assert list(Stamps(ca_file=tsa.maker.root).look([(entry, fact)], (), tree)) == []
    for name, bend, said in BENT:
        (line,) = Stamps(ca_file=tsa.maker.root).look([(entry, bend(fact, tsa))], (), tree)
        assert f"entry {entry.seq} " in line and said in line, name


def test_verify_and_its_quick_sister_end_with_1_for_such_an_anchor(house: Shown, tsa: Authority) -> None:
    house.again(f'[anchors]\nauthorities = ["{tsa.url}"]\n')
    house.pay()
    (fact,) = house.facts(AnchorStamped)
    assert isinstance(fact, AnchorStamped)
    with house.archive.store.transaction(NOW) as tx:
        tx.record(on_other_words(fact, tsa))
    for words in (("verify",), ("verify", "--quick")):
        status, text = house.say(*words)
        assert status == 1
        (line,) = [line for line in text.splitlines() if line.startswith("DAMAGED")]
        assert "does not prove its checkpoint: it is a stamp on something else" in line


def test_a_pack_without_a_key_carries_the_stamp_and_its_bare_checker_finds_what_it_is_on(
    house: Shown, tsa: Authority, tmp_path: Path
) -> None:
    house.again(f'[anchors]\nauthorities = ["{tsa.url}"]\n')
    house.crew.recorder.record([Arrival(raw=raw(LETTER))])
    house.live(days=1)
    status, said = house.say("export", "Northwind", "--out", str(tmp_path / "pack"))
    assert status == 0, said
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "pack" / "verify.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("BAD")] == []
    assert any(
        line.startswith("ok: timestamps/") and "is a stamp on the checkpoint of" in line for line in lines
    )
    for line in filter(lambda line: "openssl ts -verify" in line, lines):
        words = line.partition("this does it: ")[2].replace("AUTHORITY.pem", str(tsa.maker.root)).split()
        checked = subprocess.run(words, cwd=tmp_path / "pack", capture_output=True, text=True, check=True)
        assert "Verification: OK" in checked.stdout + checked.stderr
