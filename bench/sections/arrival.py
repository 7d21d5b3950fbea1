"""How long after the server's word of a new message that message is durable, and judged."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench import corpus
from bench.core import Bench, Section, Table, Target
from bench.home import Home, Index, until
from bench.measure import Broken, Running, percentile
from bench.server import MailAccount, Spoken, appended

BEFORE = 50
"""Messages that the mailbox has already."""
LOOK = 0.0005
"""Seconds between two looks into the index: as much as a time may be told too long."""
LONGEST = 60.0
MOST_DURABLE, MOST_JUDGED, MOST_LATE = 0.020, 0.050, 0.150
"""Seconds: the median until durable, the median until judged, the 99th percentile until judged."""

_EXISTS = re.compile(rb"\* (\d+) EXISTS")


@dataclass(frozen=True, slots=True)
class Arrived:
    """When one message was handed to the server, told to levelhead, durable, judged (seconds since 1970)."""

    sent: float
    told: float
    durable: float
    judged: float


def run(bench: Bench) -> Section:
    """One message after another, each when the one before has its verdict."""
    account = bench.server.filled(corpus.mails(BEFORE))
    home = bench.home(account, "arrival")
    home.once(BEFORE)
    bench.server.listen(account)
    bench.say(f"{bench.sizes.arrivals} messages arrive, one after another")
    with home.start("run") as running:
        until(lambda: any(_idles(one) for one in bench.server.heard(account)), running, pause=0.1)
        seen = _sent(home, account, running, bench.sizes.arrivals)
        told = _told(bench.server.heard(account))
        running.stop()
    if missing := [number for number, *_ in seen if number not in told]:
        raise Broken(f"the server told nobody of message {missing[0]}")
    arrived = [Arrived(sent, told[number], durable, judged) for number, sent, durable, judged in seen]
    bench.server.deafen(account)
    return Section(
        title="Arrival",
        prose=(
            f"{len(arrived)} messages of the corpus are appended to INBOX one after another while the daemon waits in"
            " IDLE with its defaults. The first moment is when the server wrote `EXISTS` to the daemon's own"
            " connection, by the server's record; the others are when the index, looked into from outside every half"
            " millisecond, shows the message and its verdict as committed, which on its disk they are by then.",
        ),
        tables=(_table(arrived),),
        targets=tuple(_targets(arrived)),
    )


def _idles(one: Spoken) -> bool:
    return any(line.endswith(b" IDLE") for _, line in one.client)


def _sent(
    home: Home, account: MailAccount, running: Running, count: int
) -> list[tuple[int, float, float, float]]:
    """For each message its place in the folder, when it was sent, when the index had it, and when its verdict."""
    found = []
    chance = random.Random(3)
    with Index(home.index) as index, account.imap() as client:
        recorded, judged = index.recorded(), index.judged()
        for number in range(1, count + 1):
            # So that the server's own rhythm is met at any point of it.
            time.sleep(chance.uniform(0.3, 0.8))
            sent = time.time()
            appended(client, corpus.mail(BEFORE + number))
            durable = _when(index.recorded, recorded + number, running)
            verdict = _when(index.judged, judged + number, running)
            found.append((BEFORE + number, sent, durable, verdict))
    return found


def _when(count: Callable[[], int], wanted: int, running: Running) -> float:
    until(lambda: count() >= wanted, running, pause=LOOK, seconds=LONGEST)
    return time.time()


def _told(spoken: list[Spoken]) -> dict[int, float]:
    """When the server first said that INBOX holds so many messages, on a connection that idles."""
    told: dict[int, float] = {}
    for at, line in (row for one in spoken if _idles(one) for row in one.server):
        if found := _EXISTS.match(line):
            told.setdefault(int(found.group(1)), at)
    return told


def _table(arrived: list[Arrived]) -> Table:
    spans = {
        "appended until the server tells of it": [one.told - one.sent for one in arrived],
        "told until durable": [one.durable - one.told for one in arrived],
        "told until judged": [one.judged - one.told for one in arrived],
    }
    return Table(
        head=("from, until", "median ms", "99th percentile ms", "longest ms"),
        rows=tuple(
            (
                name,
                f"{1000 * statistics.median(values):.0f}",
                f"{1000 * percentile(values, 0.99):.0f}",
                f"{1000 * max(values):.0f}",
            )
            for name, values in spans.items()
        ),
    )


def _targets(arrived: list[Arrived]) -> list[Target]:
    durable = statistics.median(one.durable - one.told for one in arrived)
    judged = [one.judged - one.told for one in arrived]
    middle, late = statistics.median(judged), percentile(judged, 0.99)
    few = "" if len(arrived) >= 100 else f" (of {len(arrived)} messages: the longest)"
    return [
        Target(
            name="IDLE, until durable",
            goal="within 20 ms, median",
            measured=f"{1000 * durable:.0f} ms",
            reached=durable <= MOST_DURABLE,
        ),
        Target(
            name="IDLE, until judged",
            goal="within 50 ms, median",
            measured=f"{1000 * middle:.0f} ms",
            reached=middle <= MOST_JUDGED,
        ),
        Target(
            name="IDLE, until judged, at worst",
            goal="within 150 ms, 99th percentile",
            measured=f"{1000 * late:.0f} ms{few}",
            reached=late <= MOST_LATE,
        ),
    ]
