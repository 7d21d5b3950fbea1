"""Measures programs: wall time, processor time of the whole tree of processes, memory; and what repetition tells."""

from __future__ import annotations

import json
import math
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.meter import status, tree

METER = Path(__file__).with_name("meter.py")
TICKS = os.sysconf("SC_CLK_TCK")
LONGEST = 3600.0
"""Seconds after which a program is ended, and with it the benchmark."""


class Broken(Exception):
    """A measured program failed, or a measurement came to nothing; the message says which."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a program took, with all that it started."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of processor time, user and system."""
    own: int = 0
    """Bytes of memory that the program itself had at most."""
    all: int = 0
    """The same for it and its descendants together; pages that they share count for each."""
    marks: Mapping[str, float] | None = None
    """Seconds from the start until something was seen from outside."""


class Running:
    """A program that runs under the meter. Use `finish`, or `stop` for one that does not end by itself."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        stdout: Path | None = None,
        stderr: Path | None = None,
        seconds: float = LONGEST,
        pause: float = 0.02,
    ) -> None:
        self.words = list(words)
        self._stderr = stderr
        spec: dict[str, Any] = {"words": self.words, "seconds": seconds, "pause": pause}
        named = {"cwd": cwd, "stdin": stdin, "stdout": stdout, "stderr": stderr}
        spec |= {name: str(path.absolute()) for name, path in named.items() if path is not None}
        self.began = time.monotonic()
        self._meter = subprocess.Popen(
            [sys.executable, "-I", "-S", str(METER), json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )
        assert self._meter.stdout is not None
        first = self._meter.stdout.readline()
        self.began = time.monotonic()
        if not first:
            self._meter.wait()
            raise Broken(f"{self.words[0]} could not be started")
        self.pid: int = json.loads(first)["pid"]

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever happened, nothing stays behind: the meter ends its descendants before itself."""
        if self._meter.poll() is None:
            self._meter.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._meter.wait(10)
        if self._meter.stdout is not None:
            self._meter.stdout.close()

    @property
    def running(self) -> bool:
        """Whether the program or something that it started still runs."""
        return self._meter.poll() is None

    def processes(self) -> list[int]:
        """The program and its descendants."""
        return tree(self.pid)

    def cpu(self) -> float:
        """Seconds of processor time that the program and its descendants have taken so far."""
        return cpu_of(self.processes())

    def finish(self, marks: Mapping[str, float] | None = None, statuses: Sequence[int] = (0,)) -> Cost:
        """Wait for the end; Broken unless the exit status is one of these."""
        assert self._meter.stdout is not None
        said = self._meter.stdout.read()
        self._meter.wait()
        if not said:
            raise Broken(f"{self.words[0]} was ended from outside")
        told = json.loads(said)
        if told["overdue"]:
            raise Broken(f"{self._named()} took longer than it may\n{self._complaint()}")
        if told["status"] not in statuses:
            raise Broken(f"{self._named()} ended with {told['status']}\n{self._complaint()}")
        return Cost(wall=told["wall"], cpu=told["cpu"], own=told["own"], all=told["all"], marks=marks or {})

    def stop(self, statuses: Sequence[int] = (0,)) -> Cost:
        """SIGTERM to the program, then `finish`."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        return self.finish(statuses=statuses)

    def _named(self) -> str:
        return " ".join(self.words)[:200]

    def _complaint(self) -> str:
        if self._stderr is None or not self._stderr.is_file():
            return ""
        return self._stderr.read_text(encoding="utf-8", errors="replace")[-2000:]


def run(words: Sequence[str], *, statuses: Sequence[int] = (0,), **given: Any) -> Cost:
    """Run a program to its end; Broken when it fails. Takes what `Running` takes."""
    with Running(words, **given) as running:
        return running.finish(statuses=statuses)


def quick(words: Sequence[str], *, env: Mapping[str, str] | None = None) -> Cost:
    """The same for a program of milliseconds that leaves nothing behind: without the meter, so without its memory."""
    began = time.monotonic()
    pid = os.posix_spawnp(
        words[0],
        list(words),
        {**os.environ, **(env or {})},
        file_actions=[(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)],
    )
    _, how, usage = os.wait4(pid, 0)
    wall = time.monotonic() - began
    if code := os.waitstatus_to_exitcode(how):
        raise Broken(f"{' '.join(words)[:200]} ended with {code}")
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime)


# --- processes that live -----------------------------------------------------------------------


def cpu_of(pids: Sequence[int]) -> float:
    """Seconds of processor time of these processes, and of those descendants of theirs that have ended."""
    return sum(_lived(pid) + _buried(pid) for pid in pids)


def _lived(pid: int) -> float:
    """The process's own clock (clock_getcpuclockid(3), to the nanosecond); 0 when it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _buried(pid: int) -> float:
    """Processor time of its children that it has waited for, in hundredths (proc(5), cutime and cstime)."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    words = told.rpartition(")")[2].split()
    return (int(words[13]) + int(words[14])) / TICKS


def resident(pid: int) -> int:
    """Bytes of memory that a process has now; 0 when it is gone."""
    return status(pid).get("VmRSS", 0)


def command_of(pid: int) -> str:
    """What a process was started as: the module for one of Python's, else the program."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "gone"
    if "-m" in words[1:-1]:
        return words[words.index("-m") + 1]
    return Path(words[0]).name


# --- what repetition makes of it ---------------------------------------------------------------


def rounds(
    count: int, turns: Mapping[str, Callable[[], Cost]], failed: dict[str, str] | None = None
) -> dict[str, list[Cost]]:
    """Everybody in turn, so many times over (A B A B): what slows the machine down slows all of them.

    Who breaks is left out with all its figures, and put into `failed` with the reason; without `failed` it raises
    Broken.
    """
    found: dict[str, list[Cost]] = {name: [] for name in turns}
    for _ in range(count):
        for name in list(found):
            try:
                found[name].append(turns[name]())
            except Broken as exc:
                if failed is None:
                    raise
                failed[name] = str(exc)
                del found[name]
    return found


def median(costs: Sequence[Cost], of: Callable[[Cost], float]) -> float:
    """The median of a figure over the rounds."""
    return statistics.median(of(cost) for cost in costs)


def ratio(
    costs: Sequence[Cost],
    others: Sequence[Cost],
    of: Callable[[Cost], float],
    of_others: Callable[[Cost], float] | None = None,
) -> float:
    """The median over the rounds of our figure by theirs of the same round, which a drifting machine changes least."""
    theirs = of_others or of
    return statistics.median(of(one) / theirs(other) for one, other in zip(costs, others, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below or at which this share of all lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
