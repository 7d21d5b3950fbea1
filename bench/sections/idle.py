"""What the daemon costs while nothing happens: a poll, a minute, its memory."""

from __future__ import annotations

import time

from bench import corpus
from bench.core import Bench, Section, Table, Target, megabytes, times
from bench.home import Home, Index, until
from bench.measure import Broken, Running, command_of, median, resident
from bench.peers import MBSYNC_DEFAULT, mbsync
from bench.server import BenchServer, MailAccount, appended

APART = 0.4
"""Seconds of silence that part two polls; one is made every second."""
CALM = 2.0
"""Seconds after the last thing that happened before the daemon counts as idle."""
MOST_POLL, MOST_SHARE, MOST_CORE, MOST_MEMORY = 0.001, 0.001, 0.001, 64e6
"""Processor seconds of a poll; the same by mbsync's; the share of a core while idle; bytes of the daemon."""


def run(bench: Bench) -> Section:
    """The daemon with its defaults, then polling once a second; the difference is what polls cost."""
    home, sizes = bench.archived, bench.sizes
    idle, memory, helpers = _idle(bench, home)
    polling, polls = _polling(bench, home)
    poll = max(0.0, polling - idle) / polls
    core = idle / sizes.idle_seconds
    rows = [("levelhead, one warm poll", "", f"{1000 * poll:.2f}", f"{polls} polls")]
    targets = [_target("one warm poll", "under 1 ms of CPU", f"{1000 * poll:.2f} ms", poll < MOST_POLL)]
    goal = "at most a thousandth of the CPU of an mbsync that finds nothing new"
    if MBSYNC_DEFAULT.here:
        theirs = _mbsync(bench, bench.crowd)
        rows.append(
            ("mbsync that finds nothing new", times(theirs / max(poll, 1e-9)), f"{1000 * theirs:.1f}", "")
        )
        targets.append(
            _target(
                "one warm poll beside mbsync",
                goal,
                f"1/{theirs / max(poll, 1e-9):,.0f}",
                poll <= MOST_SHARE * theirs,
            )
        )
    else:
        rows.append(("mbsync that finds nothing new", "not installed here (package isync)", "", ""))
        targets.append(
            _target("one warm poll beside mbsync", goal, "not told: isync is not installed here", None)
        )
    targets += [
        _target(
            "the daemon's memory, heat model loaded",
            "under 64 MB resident, helpers counted apart",
            megabytes(memory),
            memory < MOST_MEMORY,
        ),
        _target(
            "the daemon while idle",
            "under 0.1 % of a core",
            f"{100 * core:.3f} % over {sizes.idle_seconds:.0f} s",
            core < MOST_CORE,
        ),
    ]
    resident_rows = [("the daemon itself", megabytes(memory))]
    resident_rows += [(f"`{name}`", megabytes(size)) for name, size in helpers]
    return Section(
        title="Idle",
        prose=(
            f"A daemon beside a mailbox of {sizes.large_archive:,} messages, all of them archived and judged; it has"
            " just judged one more, so that the heat model is loaded. No plugins of one's own.",
            f"It is watched for {sizes.idle_seconds:.0f} s with its defaults (IDLE, a poll every two minutes), then for"
            " as long without IDLE and with a poll every second. What it takes more is what the polls cost; they are"
            " counted in the server's own record of the connection.",
        ),
        tables=(
            Table(head=("with nothing new", "by a poll of levelhead", "CPU ms", ""), rows=tuple(rows)),
            Table(head=("process", "resident"), rows=tuple(resident_rows)),
        ),
        targets=tuple(targets),
    )


def _target(name: str, goal: str, measured: str, reached: bool | None) -> Target:
    return Target(name=name, goal=goal, measured=measured, reached=reached)


def _idle(bench: Bench, home: Home) -> tuple[float, int, list[tuple[str, int]]]:
    """Processor seconds while it idles; bytes of the daemon, and of each process that helps it, by name."""
    home.configure()
    with home.start("run") as running:
        _settled(home, running, judging=True)
        bench.say(f"watching an idle daemon for {bench.sizes.idle_seconds:.0f} s")
        before = running.cpu()
        time.sleep(bench.sizes.idle_seconds)
        taken = running.cpu() - before
        helpers = [(command_of(pid), resident(pid)) for pid in running.processes() if pid != running.pid]
        memory = resident(running.pid)
        running.stop()
    return taken, memory, helpers


def _polling(bench: Bench, home: Home) -> tuple[float, int]:
    """Processor seconds while it polls once a second, and how many polls the server saw in that time."""
    bench.server.listen(home.account)
    home.configure(poll="1s", idle=False)
    with home.start("run") as running:
        _settled(home, running, judging=False)
        bench.say(f"watching a polling daemon for {bench.sizes.idle_seconds:.0f} s")
        before, began = running.cpu(), time.time()
        time.sleep(bench.sizes.idle_seconds)
        taken, ended = running.cpu() - before, time.time()
        running.stop()
    polls = _polls(bench.server, home.account, began, ended)
    bench.server.deafen(home.account)
    home.configure()
    if not polls:
        raise Broken("the daemon was to poll once a second, and the server saw no poll")
    return taken, polls


def _settled(home: Home, running: Running, *, judging: bool) -> None:
    """Wait until it watches and, if asked, has judged a message that came then; and a little longer."""
    watching = home.log
    until(lambda: '"mailbox.watched"' in watching.read_text(encoding="utf-8"), running, pause=0.1)
    if judging:
        with Index(home.index) as index, home.account.imap() as client:
            judged = index.judged()
            appended(client, corpus.short(0, seed=2))
            until(lambda: index.judged() > judged, running, seconds=120)
    time.sleep(CALM)


def _polls(server: BenchServer, account: MailAccount, began: float, ended: float) -> int:
    """How many bursts of commands there were in that time."""
    said = sorted(at for one in server.heard(account) for at, _ in one.client if began <= at <= ended)
    return sum(1 for before, at in zip([0.0, *said], said, strict=False) if at - before > APART)


def _mbsync(bench: Bench, account: MailAccount) -> float:
    """Processor seconds of an mbsync that finds nothing new, the median of three."""
    bench.say("mbsync with nothing new")
    folder = bench.folder("mbsync")
    folder.mkdir()
    mbsync("FSync no")(account, folder)
    taken = median([mbsync()(account, folder) for _ in range(3)], lambda cost: cost.cpu)
    bench.remove(folder)
    return taken
