"""On mail servers, beside a daemon that runs: the archive is complete, and what nobody watched is on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from levelhead.clock import SystemClock
from levelhead.store.sqlite import open_store

if TYPE_CHECKING:
    from conftest import Home

pytestmark = [pytest.mark.sweep, pytest.mark.server]

Write = Callable[..., bytes]


def mail(write: Write, number: int, sender: str = "maria@northwind.example") -> bytes:
    return write(f"Letter {number}.", sender=sender, own_id=f"<c{number}@northwind.example>")


def due_now(home: Home) -> None:
    """The weekly comparison is due, as it is after a week."""
    store = open_store(home.archive / "index.sqlite")
    with store.transaction(SystemClock().now()) as tx:
        tx.set_meta("mailbox.compared:studio", "2026-01-01T00:00:00.000000Z 0")
    store.close()


def test_a_mailbox_is_complete_beside_a_running_daemon_and_by_itself(
    home_anywhere: Home, write: Write
) -> None:
    home = home_anywhere
    home.account.fill(
        "INBOX", [mail(write, n) for n in range(5)] + [mail(write, 9, "news@elsewhere.example")]
    )
    home.run("run", "--once")
    assert not home.of("mailbox.unwatched")
    home.account.expunge("INBOX", min(home.account.read("INBOX")))
    due_now(home)
    home.start()
    home.until(lambda: home.count("message.vanished"))
    home.until(lambda: home.count("server.compared"))
    (fact,) = home.of("server.compared")
    assert fact.ok, fact
    value = home.json("verify", "--server")
    assert value["ok"] and value["unexplained"] == []
    inbox = next(row for row in value["server"] if row["folder"] == "INBOX")
    assert (inbox["on_server"], inbox["archived"], inbox["excluded"], inbox["gone"]) == (5, 4, 1, 1)
    assert all(row["ok"] for row in value["server"])
    (row,) = home.json("status")["mailboxes"]
    assert (row["compared"]["ok"], row["compared"]["unexplained"]) == (True, 0)
    assert home.stop() == 0


def test_a_daemon_that_was_killed_leaves_one_gap_when_it_is_back(home: Home) -> None:
    """The clock is not moved: the last pass before is written further back, as if hours had gone by."""
    home.start()
    home.kill()
    ago = SystemClock().now() - timedelta(hours=5)
    store = open_store(home.archive / "index.sqlite")
    folders = [folder.folder for folder in store.folders("studio")]
    with store._links.mine().connection as sql:  # no fact moves a pass
        sql.execute("UPDATE folder SET last_pass = ?", (ago.isoformat(timespec="microseconds")[:-6] + "Z",))
    store.close()
    assert folders
    home.start()
    (gap,) = home.of("mailbox.unwatched")
    assert gap.since == ago and "nobody had asked it to stop" in gap.why
    assert home.stop() == 0
    home.run("run", "--once")
    assert home.count("mailbox.unwatched") == 1
    (row,) = home.json("status")["mailboxes"]
    assert row["last_gap"]["why"] == gap.why
