"""What sections make of what they measured: who is absent is said to be, what is missed is said to be missed."""

from __future__ import annotations

import dataclasses
import sqlite3
import sys
from pathlib import Path

import pytest

from bench.core import Target
from bench.home import Index
from bench.measure import Broken, Cost
from bench.page import table
from bench.peers import DRAINS, MBSYNC_DEFAULT, NOTMUCH, PEERS, Peer, fetched, files_in
from bench.sections import arrival, cores, first_sync, growth
from bench.server import Spoken

NOBODY = Peer(
    "nobody", "no-such-package", "no-such-program", lambda account, folder: Cost(wall=0, cpu=0), None
)


def cost(wall: float, recorded: float = 0.0, memory: int = 100_000_000) -> Cost:
    return Cost(wall=wall, cpu=wall / 2, own=memory, all=memory, marks={"recorded": recorded})


def by_name(targets: list[Target]) -> dict[str, Target]:
    return {target.name: target for target in targets}


# --- the first sync ----------------------------------------------------------------------------


def test_a_peer_that_is_absent_has_a_row_that_says_so_and_no_figure() -> None:
    assert not NOBODY.here
    text = table(first_sync._table(10, {first_sync.OURS: [cost(2, 1)]}, [NOBODY], {}))
    assert "| nobody | not installed here (package no-such-package) |  |  |  |  |" in text


def test_a_peer_that_failed_has_a_row_that_says_of_what_and_takes_no_figure_of_the_others_along() -> None:
    failed = {"nobody": "nobody --quiet ended with 127\nwaiting for a child timed out"}
    text = table(first_sync._table(10, {first_sync.OURS: [cost(2, 1)]}, [NOBODY], failed))
    assert "| nobody | failed in this run: waiting for a child timed out |  |  |  |  |" in text
    assert "| levelhead, recorded and judged |" in text


def test_a_target_without_its_peer_is_not_told() -> None:
    found = by_name(first_sync._targets({first_sync.OURS: [cost(2, 1)]}, {}))
    assert found["first sync, recorded"].reached is None
    assert "not installed here (package isync)" in found["first sync, recorded"].measured
    assert found["first sync, memory"].reached is True


@pytest.mark.parametrize(("recorded", "wall", "reached"), [(7.9, 11.9, True), (8.1, 12.1, False)])
def test_the_first_sync_is_held_against_mbsync_of_the_same_round(
    recorded: float, wall: float, reached: bool
) -> None:
    costs = {
        first_sync.OURS: [cost(wall, recorded), cost(2 * wall, 2 * recorded), cost(wall, recorded)],
        MBSYNC_DEFAULT.name: [cost(10), cost(20), cost(10)],
        NOTMUCH.name: [cost(15 * wall), cost(30 * wall), cost(14 * wall)],
    }
    found = by_name(first_sync._targets(costs, {}))
    assert found["first sync, recorded"].reached is reached
    assert found["first sync, recorded and judged"].reached is reached
    assert found["recorded and judged, beside an indexer"].reached is True


def test_a_first_sync_that_took_several_runs_says_so() -> None:
    def told(passes: int) -> str:
        taken = dataclasses.replace(cost(2, 1), marks={"recorded": 1.0, "passes": passes})
        return table(first_sync._table(10, {first_sync.OURS: [taken]}, [], {}))

    assert "in 4 runs" in told(4)
    assert "runs" not in told(1)


def test_memory_is_that_of_the_worst_round() -> None:
    costs = {first_sync.OURS: [cost(1, 1), cost(1, 1, memory=210_000_000), cost(1, 1)]}
    assert by_name(first_sync._targets(costs, {}))["first sync, memory"].reached is False


def test_a_peer_that_left_messages_behind_breaks_the_measurement(tmp_path: Path) -> None:
    def lazy(account: object, folder: Path) -> Cost:
        (folder / "mail" / "new").mkdir(parents=True)
        (folder / "mail" / "new" / "1").write_text("one")
        return cost(1)

    peer = dataclasses.replace(NOBODY, fetch=lazy, count=files_in("mail"))
    assert fetched(peer, None, tmp_path / "a", 1).wall == 1  # type: ignore[arg-type]  # it looks at no account
    with pytest.raises(Broken, match="nobody fetched 1 of 2"):
        fetched(peer, None, tmp_path / "b", 2)  # type: ignore[arg-type]  # as above


def test_each_peer_has_a_name_and_a_package_or_is_of_this_environment() -> None:
    assert len({peer.name for peer in (*PEERS, *DRAINS)}) == len(PEERS) + len(DRAINS)
    assert all(peer.package or peer.program == sys.executable for peer in (*PEERS, *DRAINS))


# --- the index from outside --------------------------------------------------------------------


def test_a_message_counts_as_recorded_when_its_text_can_be_searched_too(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    with Index(path) as index:
        assert index.recorded() == index.judged() == 0  # there is none yet
        made = sqlite3.connect(path)
        made.execute("CREATE TABLE message (seq INTEGER PRIMARY KEY)")
        made.execute("CREATE TABLE verdict (message INTEGER PRIMARY KEY)")
        made.execute("CREATE VIRTUAL TABLE message_text USING fts5 (body, content='')")
        made.execute("INSERT INTO message VALUES (1), (2)")
        made.execute("INSERT INTO message_text (rowid, body) VALUES (1, 'one')")
        made.commit()
        assert (index.recorded(), index.judged()) == (1, 0)
        made.execute("INSERT INTO message_text (rowid, body) VALUES (2, 'two')")
        made.execute("INSERT INTO verdict VALUES (1)")
        assert (index.recorded(), index.judged()) == (1, 0)  # not committed
        made.commit()
        assert (index.recorded(), index.judged()) == (2, 1)
        made.close()


# --- the others --------------------------------------------------------------------------------


def test_the_server_tells_of_a_message_when_it_first_says_so_to_who_idles() -> None:
    idling = Spoken(
        client=[(1.0, b'A1 EXAMINE "INBOX"'), (1.2, b"A2 IDLE")],
        server=[(1.1, b"* 50 EXISTS"), (5.0, b"* 51 EXISTS"), (6.0, b"* 51 EXISTS"), (9.0, b"* 52 EXISTS")],
    )
    other = Spoken(client=[(1.0, b"B1 SELECT INBOX")], server=[(4.0, b"* 51 EXISTS")])
    assert arrival._told([other, idling]) == {50: 1.1, 51: 5.0, 52: 9.0}


@pytest.mark.parametrize(("durable", "judged", "reached"), [(0.019, 0.049, True), (0.021, 0.151, False)])
def test_arrivals_are_held_against_their_goals(durable: float, judged: float, reached: bool) -> None:
    found = arrival._targets([arrival.Arrived(0, 1, 1 + durable, 1 + judged)] * 3)
    assert [target.reached for target in found] == [reached] * 3


@pytest.mark.parametrize(("last", "reached"), [(1.24, True), (1.26, False)])
def test_growth_is_flat_within_a_quarter(last: float, reached: bool) -> None:
    rows = [{"messages": count, "recorded": value, "judged": value} for count, value in ((1, 1.0), (9, last))]
    assert [target.reached for target in growth._targets(rows)] == [reached, reached]


def test_what_a_command_shows_on_a_terminal_is_seen(tmp_path: Path) -> None:
    class Home:
        path = tmp_path

        def words(self, *words: str) -> list[str]:
            code = "import sys; sys.stderr.write('\\r1 of 2, 3 s left' if sys.stderr.isatty() else 'no terminal')"
            return [sys.executable, "-c", code]

    _, said = cores.watched(Home(), ())  # type: ignore[arg-type]  # all that it asks of a home
    assert "1 of 2" in said and cores.LEFT.search(said)
