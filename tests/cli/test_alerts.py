"""alerts, ack, snooze, alert test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from levelhead.facts import AlertRaised
from levelhead.store.sqlite import open_store

FIELDS = {"key", "client", "thread", "severity", "title", "state", "raised_at", "next_rung_at", "count"}


@pytest.fixture
def key(levelhead, home: Path) -> str:
    (line,) = levelhead("alerts", "--json").lines
    return line["key"]


def test_alerts_are_lines_with_the_fields_of_the_contract(levelhead, home: Path) -> None:
    (line,) = levelhead("alerts", "--json").lines
    assert set(line) >= FIELDS
    assert (line["client"], line["state"], line["count"]) == ("Harbour Ltd", "open", 1)
    assert line["severity"] in {"info", "warning", "critical"}
    assert line["next_rung_at"].endswith("Z")
    assert line["subject"] == "WHERE ARE MY FILES"
    assert "\tWHERE ARE MY FILES\t" in levelhead("alerts").out
    assert levelhead("status", "--json").one["open_alerts"] == 1


def test_an_acknowledged_alert_climbs_no_further(levelhead, key: str) -> None:
    said = levelhead("ack", key[:8], "--json")
    assert (said.status, said.one["key"], said.one["state"]) == (0, key, "acknowledged")
    assert levelhead("alerts", "--json").lines == []
    (line,) = levelhead("alerts", "--all", "--json").lines
    assert line["state"] == "acknowledged"
    assert levelhead("alerts").out == "No alert is open.\n"


def test_a_snoozed_alert_goes_on_later(levelhead, key: str) -> None:
    said = levelhead("snooze", key, "2h", "--json")
    assert (said.status, said.one["state"]) == (0, "snoozed")
    assert levelhead("alerts", "--json").lines[0]["next_rung_at"] == said.one["next_rung_at"]


def test_an_alert_is_acknowledged_once(levelhead, key: str) -> None:
    levelhead("ack", key)
    for words in (["ack", key], ["snooze", key, "1h"]):
        said = levelhead(*words, "--json")
        assert (said.status, said.out) == (2, "")
        assert "acknowledged" in said.err


@pytest.fixture
def blind(home: Path, walked_at) -> str:
    """The key of a second alert, about no message."""
    fact = AlertRaised(
        key="0123456789abcdef",
        rule="mailbox",
        client="",
        thread="",
        message="",
        severity="warning",
        title="The mailbox office is not watched",
        body="",
        plugin="levelhead",
        raised_at=walked_at,
        next_rung_at=None,
    )
    store = open_store(home / "archive" / "index.sqlite")
    with store.transaction(walked_at) as tx:
        tx.record(fact)
    store.close()
    return fact.key


def test_several_alerts_are_acknowledged_at_once(levelhead, key: str, blind: str) -> None:
    said = levelhead("ack", key[:8], blind, key, "--json")
    assert said.status == 0
    assert [(line["key"], line["state"], line["subject"]) for line in said.lines] == [
        (key, "acknowledged", "WHERE ARE MY FILES"),
        (blind, "acknowledged", ""),
    ]
    assert levelhead("alerts", "--json").lines == []


def test_when_one_alert_cannot_be_acknowledged_none_is(levelhead, key: str, blind: str) -> None:
    said = levelhead("ack", key, "nokey", "--json")
    assert (said.status, said.out) == (2, "")
    assert "nokey" in said.err
    levelhead("ack", blind)
    said = levelhead("ack", key, blind, "--json")
    assert (said.status, said.out) == (2, "")
    assert f"{blind}: the alert is acknowledged already" in said.err
    assert [line["key"] for line in levelhead("alerts", "--json").lines] == [key]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["ack"], "KEY"),
        (["ack", "{key}", ""], "key"),
        (["ack", "nokey"], "nokey"),
        (["snooze", "{key}", "a while"], "a while"),
        (["snooze", "{key}", "0s"], "0s"),
        (["snooze", "nokey", "1h"], "nokey"),
        (["alert", "tset"], "Did you mean 'test'?"),
    ],
)
def test_a_wrong_act_is_refused(levelhead, key: str, words: list[str], hint: str) -> None:
    said = levelhead(*(word.format(key=key) for word in words), "--json")
    assert (said.status, said.out) == (2, "")
    assert hint in said.err
    assert said.err.count("\n") == 1


# --- alert test ---------------------------------------------------------------------------------


@pytest.fixture
def phone() -> Iterator[ThreadingHTTPServer]:
    """A loopback endpoint that keeps what Apprise posts to it, in `phone.rang`."""
    rang: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            rang.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.rang = rang  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def channels(home: Path, **urls: str) -> None:
    config = home / "levelhead.toml"
    head = config.read_text().partition("[channels.phone]")[0]
    config.write_text(head + "".join(f'[channels.{name}]\nurl = "{url}"\n' for name, url in urls.items()))


def test_a_test_alert_rings_every_channel(levelhead, empty_home: Path, phone) -> None:
    channels(
        empty_home,
        phone=f"json://127.0.0.1:{phone.server_port}/",
        desk=f"json://127.0.0.1:{phone.server_port}/",
    )
    said = levelhead("alert", "test", "--json")
    assert said.status == 0, said
    assert [(line["channel"], line["ok"]) for line in said.lines] == [("phone", True), ("desk", True)]
    assert len(phone.rang) == 2
    assert "test" in phone.rang[0]["title"]
    assert "levelhead ack" not in phone.rang[0]["message"]
    assert "This was a test; there is nothing to do." in phone.rang[0]["message"]
    assert not (empty_home / "archive").exists()


def test_a_channel_that_does_not_answer_is_told_and_the_others_still_ring(
    levelhead, empty_home: Path, phone
) -> None:
    channels(empty_home, dead="json://127.0.0.1:1/", phone=f"json://127.0.0.1:{phone.server_port}/")
    said = levelhead("alert", "test", "--json")
    assert said.status == 3
    assert {line["channel"]: line["ok"] for line in said.lines} == {"dead": False, "phone": True}
    detail = next(line for line in said.lines if not line["ok"])["detail"]
    assert detail == (
        "the channel dead did not take it: no connection, or no answer in time (127.0.0.1 port 1: connection refused)"
    )
    assert said.err == ""
    assert len(phone.rang) == 1


def test_without_a_channel_the_answer_is_no(levelhead, empty_home: Path) -> None:
    channels(empty_home)
    said = levelhead("alert", "test", "--json")
    assert (said.status, said.out) == (1, "")
    assert "NO ALERT CHANNEL" in said.err


def test_a_channel_that_reaches_a_client_is_refused(levelhead, empty_home: Path) -> None:
    channels(empty_home, mail="mailtos://user:word@mail.example?to=sam@harbour.example")
    said = levelhead("alert", "test", "--json")
    assert said.status != 0
    assert not any(line["ok"] for line in said.lines)


def test_a_channel_whose_secret_is_missing_is_told(levelhead, empty_home: Path) -> None:
    config = empty_home / "levelhead.toml"
    config.write_text(config.read_text().replace('url = "json://127.0.0.1:9/"', 'url_file = "nowhere"'))
    (line,) = levelhead("alert", "test", "--json").lines
    assert (line["ok"], "nowhere" in line["detail"]) == (False, True)
