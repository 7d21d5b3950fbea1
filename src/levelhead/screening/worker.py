"""The other process: `python -P -m levelhead.screening.worker FD SECONDS` loads drop-in plugins and answers calls.

It reads requests from the socket whose descriptor it is given, and ends when the host is gone. Its standard output is
its standard error, so that a plugin's print disturbs nothing. A call that takes far longer than the host waits is
ended by the kernel (SIGALRM), so that not even a plugin that hangs in C outlives a host that was killed.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from levelhead.screening.bench import Arguments, Here
from levelhead.screening.frames import HELLO, pack, receive, send, unpack
from levelhead.screening.guard import Opened, Reply

MEMORY = 2 << 30
"""Bytes of data that the plugins of one worker may hold; a hog gets MemoryError before the machine suffers."""


class _Ready(Arguments):
    """Arguments that came packed; unpacked anew for every call, so that no plugin can touch another's."""

    def __init__(self, data: bytes) -> None:
        super().__init__(unpack(data))


def main() -> None:
    """Serve until the host closes its end."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    _settle_in()
    serve(channel, float(sys.argv[2]))


def serve(channel: socket.socket, longest_call: float) -> None:
    """Answer requests, one at a time, until the channel ends; `longest_call` is in seconds."""
    bench = Here()
    mine = os.getpid()
    send(channel, pack(HELLO))
    while (request := receive(channel)) is not None:
        signal.setitimer(signal.ITIMER_REAL, longest_call)
        answer = _answer(bench, unpack(request))
        if os.getpid() != mine:
            os._exit(0)  # a plugin forked: the child must not answer in its parent's place
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(channel, pack(answer))


def _answer(bench: Here, request: Any) -> Opened | Reply:
    match request:
        case ("open", source, table):
            return bench.open(source, table)
        case ("call", plugin, hook, data):
            return bench.call(plugin, hook, _Ready(data))
        case _:
            raise AssertionError(f"no such request: {request!r}")


def _settle_in() -> None:
    """Outlive the signals that are meant for the host; be the first to go when memory runs out."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # A tight sandbox may forbid these; a plugin runs without them, too.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    main()
