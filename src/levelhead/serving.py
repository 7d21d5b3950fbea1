"""A worker process from the inside: it takes on its limits, greets, and answers requests until its host is gone.

`python -P -m MODULE FD SECONDS LIMITS`, as `levelhead.workers` starts it: the module calls `serve(answers)`.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from levelhead.hardening import leave_no_trace
from levelhead.pipes import receive, send, unpack
from levelhead.plain import to_json

HELLO = "levelhead worker 3"
"""The first word that a worker says, once it is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one worker process and each process that it starts may use; the kernel holds them to it."""

    memory: int = 2 << 30
    """Bytes of data (RLIMIT_DATA); beyond it Python raises MemoryError."""
    cpu_seconds: int = 600
    """Seconds of computing in its whole life (RLIMIT_CPU); then it is killed, with whatever it left running."""
    processes: int = 256
    """Processes and threads more than its user had when it started (RLIMIT_NPROC; the kernel exempts root)."""
    open_files: int = 512
    """RLIMIT_NOFILE."""
    file_size: int = 1 << 30
    """Bytes; no file is written beyond it (RLIMIT_FSIZE)."""

    def to_text(self) -> str:
        """As an argument of the worker's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Limits:
        return cls(**json.loads(text))


def serve(answers: Callable[[Any], Iterator[bytes]]) -> None:
    """The whole life of a worker: settle in, greet, then send whatever `answers(request)` yields, a frame for each.

    An answer that takes longer than SECONDS is ended by the kernel (SIGALRM), so that not even code that hangs in C
    outlives a host that was killed.
    """
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    longest = float(sys.argv[2])
    send(channel, to_json((HELLO, settle_in(Limits.from_text(sys.argv[3])))))
    mine = os.getpid()
    while (request := receive(channel)) is not None:
        given = answers(unpack(request))
        while True:
            signal.setitimer(signal.ITIMER_REAL, longest)
            answer = next(given, None)
            if os.getpid() != mine:
                os._exit(0)  # what was called has forked: the child must not answer in its parent's place
            signal.setitimer(signal.ITIMER_REAL, 0)
            if answer is None:
                break
            send(channel, answer)


def settle_in(limits: Limits) -> tuple[str, ...]:
    """Outlive the signals that are meant for the host, and take on the limits; returns those that were refused."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    os.umask(0o077)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    refused = []
    for name, most in (
        ("CORE", 0),
        ("DATA", limits.memory),
        ("CPU", limits.cpu_seconds),
        ("NOFILE", limits.open_files),
        ("FSIZE", limits.file_size),
        ("NPROC", tasks_of_mine() + limits.processes),
    ):
        number = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(number)
        at_most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(number, (at_most, at_most))
        except (OSError, ValueError) as exc:
            # A tight sandbox may forbid it; the worker runs without, and says so.
            refused.append(f"RLIMIT_{name}: {exc}")
    try:
        # When memory runs out, a worker goes before its host.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError as exc:
        refused.append(f"oom_score_adj: {exc.strerror}")
    leave_no_trace()
    return tuple(refused)


def tasks_of_mine() -> int:
    """How many processes and threads my user has; what /proc does not show is not counted."""
    mine, count = os.getuid(), 0
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            said = dict(line.split(":", 1) for line in lines)
            if int(said["Uid"].split()[0]) == mine:
                count += int(said["Threads"])
        except (OSError, KeyError, ValueError):
            continue  # it ended meanwhile
    return count
