"""Byte budgets and throttling as a person sees them: in `status`, by the exit status, and never as an alert."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from daemon.desks import House
from levelhead.cli import main
from levelhead.clock import SystemClock
from levelhead.store.api_waits import Pause, budget_key, pause_key, spent_from

Status = Callable[[House], tuple[dict[str, Any], str]]
LETTER = 10_000


def letter(uid: int) -> bytes:
    head = f"From: a@acme.example\r\nTo: me@studio.example\r\nSubject: {uid}\r\n\r\n"
    return head.encode() + b"x" * LETTER + b"\r\n"


def narrow(house: House) -> None:
    """A limit that few letters reach; the least that may be configured would take many."""
    budget = house.session._crew.watchers["office"].budget
    assert budget is not None and budget.limit == 10_000_000
    budget.limit = 50_000


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str]) -> Status:
    """The mailbox of that name as JSON, and the page for a reader."""

    def ask(house: House) -> tuple[dict[str, Any], str]:
        config = str(house.folder / "levelhead.toml")
        capsys.readouterr()
        assert main(["--config", config, "status", "--json"]) == 0
        (mailbox, *_) = json.loads(capsys.readouterr().out)["mailboxes"]
        assert main(["--config", config, "status"]) == 0
        return mailbox, capsys.readouterr().out

    return ask


def test_a_spent_budget_is_told_by_status_with_what_waits_and_until_when_and_is_no_alert(
    house_of: Callable[..., House], status: Status
) -> None:
    house = house_of("office", more='bytes_per_day = "10 MB"\n')
    narrow(house)
    house.desks["office"].inbox.uids = list(range(1, 9))
    house.desks["office"].inbox.mail = letter
    assert house.once() == 3, "more is to be had"
    mailbox, page = status(house)
    waiting = mailbox["budget"]["waiting"]
    assert waiting == mailbox["backlog"] == 8 - house.archive.store.counts().messages > 0
    assert mailbox["state"] == "watched" and mailbox["budget"]["limit"] == 50_000
    assert 40_000 <= mailbox["budget"]["spent"] < 60_000
    assert (mailbox["budget"]["day"], mailbox["budget"]["until"]) == (
        "2026-03-06",
        "2026-03-07T00:00:00.000000Z",
    )
    assert f"about {waiting} messages wait: the byte budget of 2026-03-06 is spent (" in page
    assert "of 50 kB, a part is kept for new mail); it goes on at 2026-03-07 00:00:00 UTC" in page
    assert not house.alerts()
    house.clock.advance(days=1)
    house.again()
    narrow(house)
    assert house.once() == 0 and house.archive.store.counts().messages == 8
    mailbox, page = status(house)
    assert mailbox["budget"]["waiting"] == mailbox["backlog"] == 0 and mailbox["budget"]["until"] is None
    assert "messages wait" not in page


def test_two_mailboxes_of_one_account_have_one_budget(house_of: Callable[..., House]) -> None:
    house = house_of("office", "home", more='bytes_per_day = "10 MB"\n')
    budgets = house.session._crew.budgets
    office, home = budgets.of("office"), budgets.of("home")
    assert office is not None and home is not None and office.account is home.account


def test_what_status_was_told_of_a_limit_that_is_gone_is_forgotten(
    house_of: Callable[..., House], status: Status
) -> None:
    house = house_of("office")
    store = house.archive.store
    with store.transaction(house.clock.now()) as tx:
        tx.set_meta(budget_key("office"), '["2026-03-06",1,2,3,false]')
        tx.set_meta(pause_key("office"), Pause(until=house.clock.now(), kind="busy", why="wait").text())
    assert status(house)[0]["budget"]["waiting"] == 3
    house.again()
    mailbox, _ = status(house)
    assert mailbox["budget"] is None and mailbox["pause"] is None and mailbox["backlog"] == 0
    assert spent_from(house.archive.store.meta(budget_key("office"))) is None


# --- throttling ---------------------------------------------------------------------------------

SAID = [
    b"<tag> NO [THROTTLED] later",
    b"<tag> NO [OVERQUOTA] Account exceeded command or bandwidth limits. x",
    b"<tag> BAD User is authenticated but not connected.",
    b"* BYE Account exceeded command or bandwidth limits. x",
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.decode()[:30])
def test_a_server_that_throttles_is_left_alone_and_status_says_until_when(
    house_of: Callable[..., House], status: Status, said: bytes
) -> None:
    """A real watcher in its thread, whose server answers the first FETCH so; it is stopped in the pause after it."""
    house = house_of("office")
    desk = house.desks["office"]
    desk.inbox.uids = [1, 2]
    desk.inbox.mail = letter

    def throttle(found: Any) -> bytes:
        raise Throttle

    class Throttle(Exception):
        pass

    def script(talk: Any) -> None:
        done = talk.done
        desk.inbox.heads = throttle
        try:
            desk.inbox.script(talk)
        except Throttle:
            if said.startswith(b"*"):
                talk.say(said + b"\r\n")
                return
            done(said.partition(b" ")[2])
            talk.until_gone()

    house.servers[0].scripts = (script,)
    watcher = house.session._crew.watchers["office"]
    watcher.clock = SystemClock()
    stop = threading.Event()
    running = threading.Thread(target=watcher.run, args=(stop,))
    running.start()
    try:
        clock, end = SystemClock(), SystemClock().monotonic() + 10
        while not house.archive.store.meta(pause_key("office")) and clock.monotonic() < end:
            clock.wait(threading.Event(), 0.01)
        mailbox, page = status(house)
        asked = len(house.servers[0].talks)
    finally:
        stop.set()
        watcher.wake.set()
        running.join(5)
    assert asked == 1, "it was not asked again at once"
    assert mailbox["pause"]["kind"] == "busy" and said[-15:].decode() in mailbox["pause"]["why"]
    assert "the server asks for patience and is left alone until 20" in page
    assert not house.archive.store.meta(pause_key("office")), "the pause is over"
