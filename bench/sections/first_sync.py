"""A mailbox that is fetched for the first time: levelhead beside the programs that keep mail, and beside the floor."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench import corpus
from bench.core import Bench, Plot, Section, Table, Target, megabytes, seconds, times
from bench.measure import Broken, Cost, median, ratio, rounds
from bench.peers import DRAINS, MBSYNC_DEFAULT, MBSYNC_LOOSE, NOTMUCH, SLOW, Peer, fetched
from bench.server import MailAccount

OURS = "levelhead"
RECORDED, JUDGED = f"{OURS}, recorded", f"{OURS}, recorded and judged"
MOST_MEMORY = 200e6
"""Bytes that a first sync may hold, its helpers included."""


def run(bench: Bench) -> Section:
    """Everybody in turn on one mailbox, then the slow ones on a smaller one."""
    quick = [peer for peer in (MBSYNC_DEFAULT, MBSYNC_LOOSE, NOTMUCH, *DRAINS) if peer.here]
    slow = [peer for peer in SLOW if peer.here]
    failed: dict[str, str] = {}
    costs = _taken(bench, quick, bench.mailbox, bench.sizes.first_sync, bench.sizes.rounds, failed)
    tables = [_table(bench.sizes.first_sync, costs, [MBSYNC_DEFAULT, MBSYNC_LOOSE, NOTMUCH, *DRAINS], failed)]
    if slow:
        account = bench.server.filled(corpus.mails(bench.sizes.slow))
        slower = _taken(bench, slow, account, bench.sizes.slow, bench.sizes.slow_rounds, failed)
        tables.append(_table(bench.sizes.slow, slower, SLOW, failed))
    else:
        tables.append(_absent(SLOW))
    return Section(
        title="First sync",
        prose=(
            f"{bench.sizes.first_sync:,} messages, {_mean(bench):.0f} KB in the mean, in one folder of a Dovecot on"
            " loopback whose index is warm; TLS for everybody; each into a fresh folder on the same disk, in turn,"
            f" {bench.sizes.rounds} rounds.",
            "Ratios are medians over the rounds of two figures of the same round; seconds are medians.",
            "*Recorded*: every message is durable in a volume and in the ledger, parsed, and found by its words; the"
            " moment is when the index, looked into from outside, holds them all. *Recorded and judged*: every message"
            " has its verdict besides, and the program has ended.",
            "Processor time and memory are those of the program and all processes that it started, of levelhead until"
            " its end, and the server's are not in them. Memory counts pages that processes share for each of them.",
        ),
        tables=tuple(tables),
        plots=(_plot(costs),),
        targets=tuple(_targets(costs, failed)),
    )


def _mean(bench: Bench) -> float:
    sample = min(bench.sizes.first_sync, 2_000)
    return statistics.fmean(len(data) for data in corpus.mails(sample)) / 1000


def _taken(
    bench: Bench,
    peers: Sequence[Peer],
    account: MailAccount,
    messages: int,
    count: int,
    failed: dict[str, str],
) -> dict[str, list[Cost]]:
    """What each run took. A peer that fails is no reason to have no figures of the others."""
    turns: dict[str, Callable[[], Cost]] = {OURS: partial(_ours, bench, account, messages)}
    turns |= {peer.name: partial(_theirs, bench, peer, account, messages) for peer in peers}
    costs = rounds(count, turns, failed)
    if OURS in failed:
        raise Broken(failed[OURS])
    return costs


def _ours(bench: Bench, account: MailAccount, messages: int) -> Cost:
    bench.say(f"first sync of {messages:,} messages: levelhead")
    home = bench.home(account)
    cost = home.once(messages)
    bench.remove(home.path)
    return cost


def _theirs(bench: Bench, peer: Peer, account: MailAccount, messages: int) -> Cost:
    bench.say(f"first sync of {messages:,} messages: {peer.name}")
    folder = bench.folder("peer")
    cost = fetched(peer, account, folder, messages)
    bench.remove(folder)
    return cost


# --- what is told ------------------------------------------------------------------------------


def _wall(cost: Cost) -> float:
    return cost.wall


def _cpu(cost: Cost) -> float:
    return cost.cpu


def _recorded(cost: Cost) -> float:
    assert cost.marks is not None
    return cost.marks["recorded"]


def _table(
    messages: int, costs: Mapping[str, list[Cost]], wanted: Sequence[Peer], failed: Mapping[str, str]
) -> Table:
    """Ratios to levelhead first; who is absent has a row that says so."""
    ours = costs[OURS]
    rows: list[tuple[str, ...]] = [
        (RECORDED, times(ratio(ours, ours, _recorded, _wall)), "", seconds(median(ours, _recorded)), "", ""),
        (JUDGED + _passes(ours), "1.00", "1.00", *_absolute(ours)),
    ]
    for peer in (one for one in wanted if one.name in costs):
        theirs = costs[peer.name]
        rows.append(
            (
                peer.name + (f" ({peer.told})" if peer.told else ""),
                times(ratio(theirs, ours, _wall)),
                times(ratio(theirs, ours, _cpu)),
                *_absolute(theirs),
            )
        )
    rows += [_missing(peer, 6, failed) for peer in wanted if peer.name not in costs]
    head = (
        f"{messages:,} messages",
        "wall, as a share of ours",
        "CPU, as a share of ours",
        "wall s",
        "CPU s",
        "memory",
    )
    return Table(head=head, rows=tuple(rows))


def _passes(ours: Sequence[Cost]) -> str:
    """In how many runs of the program it was done, if not in one."""
    most = max(int((cost.marks or {}).get("passes", 1)) for cost in ours)
    return "" if most == 1 else f" (in {most} runs of `run --once`: one ended before all were judged)"


def _absolute(costs: Sequence[Cost]) -> tuple[str, str, str]:
    return (
        seconds(median(costs, _wall)),
        seconds(median(costs, _cpu)),
        megabytes(median(costs, lambda cost: cost.all)),
    )


def _missing(peer: Peer, columns: int, failed: Mapping[str, str]) -> tuple[str, ...]:
    return (peer.name, _why_not(peer, failed), *[""] * (columns - 2))


def _why_not(peer: Peer, failed: Mapping[str, str]) -> str:
    """Its last line says what it died of; the words before are of the command, with a folder that is gone."""
    if peer.name in failed:
        return f"failed in this run: {failed[peer.name].splitlines()[-1]}"
    return f"not installed here (package {peer.package})"


def _absent(peers: Sequence[Peer]) -> Table:
    return Table(head=("slow peers", ""), rows=tuple(_missing(peer, 2, {}) for peer in peers))


def _plot(costs: Mapping[str, list[Cost]]) -> Plot:
    bars = [(RECORDED, median(costs[OURS], _recorded)), (JUDGED, median(costs[OURS], _wall))]
    bars += [(name, median(taken, _wall)) for name, taken in costs.items() if name != OURS]
    return Plot(
        file="first-sync",
        title="First sync: wall time",
        description="One bar for each program, shorter is better; the figures are those of the table.",
        axes=("seconds", ""),
        bars=tuple(bars),
    )


def _targets(costs: Mapping[str, list[Cost]], failed: Mapping[str, str]) -> list[Target]:
    ours = costs[OURS]
    found: list[Target] = []
    for name, of, most, aim in (("recorded", _recorded, 0.8, 0.5), ("recorded and judged", _wall, 1.2, 0.8)):
        goal = f"at most {most} of mbsync's default wall time, aiming at {aim}"
        if MBSYNC_DEFAULT.name in costs:
            share = ratio(ours, costs[MBSYNC_DEFAULT.name], of, _wall)
            said = f"{times(share)}" + (f"; the aim of {aim} is reached too" if share <= aim else "")
            found.append(Target(name=f"first sync, {name}", goal=goal, measured=said, reached=share <= most))
        else:
            found.append(_untold(f"first sync, {name}", goal, MBSYNC_DEFAULT, failed))
    for name, of in (("recorded", _recorded), ("recorded and judged", _wall)):
        goal = "at least 15 times faster than mbsync followed by notmuch"
        if NOTMUCH.name in costs:
            faster = 1 / ratio(ours, costs[NOTMUCH.name], of, _wall)
            found.append(
                Target(
                    name=f"{name}, beside an indexer", goal=goal, measured=times(faster), reached=faster >= 15
                )
            )
        else:
            found.append(_untold(f"{name}, beside an indexer", goal, NOTMUCH, failed))
    most_memory = max(cost.all for cost in ours)
    return [
        *found,
        Target(
            name="first sync, memory",
            goal="under 200 MB, helpers included",
            measured=f"{megabytes(most_memory)} at most",
            reached=most_memory < MOST_MEMORY,
        ),
    ]


def _untold(name: str, goal: str, peer: Peer, failed: Mapping[str, str]) -> Target:
    measured = f"not told: {peer.name} {_why_not(peer, failed)}"
    return Target(name=name, goal=goal, measured=measured, reached=None)
