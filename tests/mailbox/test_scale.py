"""A mailbox of a million messages: it is looked through a window at a time, and memory does not grow with it."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from levelhead.clock import to_text
from levelhead.daemon.completeness import comparison, finished
from levelhead.facts import FolderOpened
from levelhead.mailbox.ranges import windows
from servers.inbox import Found, Inbox

pytestmark = pytest.mark.sweep

MILLION = 1_000_000
NEW = 3


class Crowd(Inbox):
    """A folder with a UID for every number up to a million, but for those that are `gone`."""

    gone: frozenset[int] = frozenset()
    searched: list[int]
    said: dict[tuple[int, int], bytes]
    """Answers to SEARCH that were made before anybody measured."""

    def search(self, found: Found) -> bytes:
        first, last = int(found[1]), int(found[2])
        self.searched.append(last - first + 1)
        return self.said.get((first, last)) or self.line(first, last)

    def line(self, first: int, last: int) -> bytes:
        uids = (uid for uid in range(first, min(last, self.uids[-1]) + 1) if uid not in self.gone)
        return b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids) + b"\r\n"

    def lose(self, gone: range) -> None:
        """Somebody deletes these; the answers to come are made now."""
        self.gone = frozenset(gone)
        spans = windows(1, self.uids[-1], len(self.uids) - len(gone))
        self.said = {span: self.line(*span) for span in spans}

    def among(self, words: bytes) -> Iterator[int]:
        for part in words.split(b","):
            first, _, last = part.partition(b":")
            yield from (uid for uid in range(int(first), int(last or first) + 1) if uid not in self.gone)

    def examine(self, found: Found) -> bytes:
        count = len(self.uids) - len(self.gone)
        return b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n" % (
            count,
            self.uids[-1] + 1,
        )


@pytest.fixture
def crowd(desk: Any, mail: Callable[[int], bytes], tmp_path: Path) -> Crowd:
    """A million messages that were archived long ago, put into the index directly, and three new ones."""
    with desk.store.transaction(desk.clock.now()) as tx:
        tx.record(
            FolderOpened(mailbox="post", folder="INBOX", uidvalidity=7, uidnext=1, opened_at=desk.clock.now())
        )
    index = sqlite3.connect(tmp_path / "index.sqlite")
    index.execute("PRAGMA foreign_keys = OFF")
    at = to_text(desk.clock.now())
    with index:
        index.execute(
            "WITH RECURSIVE n (uid) AS (SELECT 1 UNION ALL SELECT uid + 1 FROM n WHERE uid < ?) INSERT INTO sighting"
            " SELECT 'post', 'INBOX', 7, uid, 1, NULL, '[]', ?, ?, NULL, NULL, NULL, NULL FROM n",
            (MILLION, at, at),
        )
        index.execute("UPDATE folder SET last_uid = ?", (MILLION,))
    index.close()
    made = Crowd(range(1, MILLION + NEW + 1), mail)  # type: ignore[arg-type]
    made.searched, made.said = [], {}
    return made


def peak_of(call: Callable[[], Any]) -> tuple[Any, int]:
    """What it returns, and the most bytes that were allocated beyond what was there before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = call()
        return result, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_a_million_messages_are_looked_through_in_flat_memory(
    crowd: Crowd, scripted: Any, connected: Any, desk: Any, record_property: Callable[[str, object], None]
) -> None:
    connection = connected(scripted(crowd.script), timeout_seconds=60)
    report = desk.sync(connection)["INBOX"]
    assert report.archived == NEW and not crowd.searched[1:], "only what is new is asked for"
    crowd.lose(range(1_000, 1_100))
    report, peak = peak_of(lambda: desk.sync(connection)["INBOX"])
    assert report.vanished == 100
    assert max(crowd.searched) < 60_000 and sum(crowd.searched) >= MILLION
    assert desk.sync(connection)["INBOX"].skipped
    print(f"a million messages compared with the server: {peak / 1e6:.1f} MB at most")
    record_property("peak_mb", round(peak / 1e6))
    # A set of a million numbers alone takes 60 MB; a window of 50,000 with its line takes about eight.
    assert peak < 30e6


def test_a_million_messages_are_compared_with_the_server_in_flat_memory(
    crowd: Crowd,
    scripted: Any,
    connected: Any,
    spec_of: Any,
    desk: Any,
    record_property: Callable[[str, object], None],
) -> None:
    """A hundred are gone unnoticed, and so is the index's word of one; three came after the last pass."""
    with desk.store._links.mine().connection as sql:
        sql.execute("DELETE FROM sighting WHERE uid = 700000")
    crowd.lose(range(1_000, 1_100))
    server = scripted(crowd.script)
    connection = connected(server, timeout_seconds=60)
    compared = comparison(connection, desk.store, spec_of(server))
    clock = desk.clock.monotonic()
    found, peak = peak_of(lambda: finished(compared.steps()))
    took = desk.clock.monotonic() - clock
    (inbox,) = found.folders
    tally = inbox.tally
    assert (tally.on_server, tally.archived, tally.gone) == (MILLION - 100, MILLION - 101, 100)
    assert (tally.unexplained, inbox.newer) == ((700_000,), NEW)
    assert max(crowd.searched) < 60_000
    print(f"a million UIDs compared with the server in {took:.1f} s, {peak / 1e6:.1f} MB at most")
    record_property("peak_mb", round(peak / 1e6))
    assert peak < 40e6
