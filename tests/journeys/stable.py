"""A process that has levelhead loaded and forks the real daemon, or one pass of it, so that many of them are cheap.

Reads lines on stdin and answers each with one on stdout:
`warm CONFIG` makes one pass in this very process, so that whatever is imported or read once is there in every child;
`daemon THREAD CONFIG` (the real daemon), `lean THREAD CONFIG` (one that parses mail by itself: starting the reader's
process takes longer than the rest), `once - CONFIG` and `later - CONFIG` (a lean pass, and one two hours from now)
and `rebuild - CONFIG` fork a child that begins when it is told to, and answer its number; `go` lets it begin; `wait`
answers its exit status when it has ended (-9: killed).

The first thread of the daemon whose name begins with THREAD writes its number into the file `thread` beside the
configuration and waits until somebody traces it. All pauses of the daemon are shorter than they are shipped.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import levelhead.cli.running as cli
import levelhead.daemon.app as app
import levelhead.daemon.parts as parts
from levelhead.clock import SystemClock
from levelhead.config.load import load
from levelhead.daemon import supervise
from levelhead.mailbox import pauses
from levelhead.outbox import retry
from traced import Here

MAIN = "main"
"""The name of the thread that is traced from outside before it begins."""


class Later(SystemClock):
    """Two hours ahead: whatever was put off is due."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=2)


def hurry() -> None:
    """What a daemon waits after trouble, in tenths of what is shipped or less; what it does then is the same."""
    app.TICK = 0.1
    supervise.HINDERED_PAUSE = supervise.FIRST_PAUSE = 0.25
    pauses.QUICK = pauses.IN_VAIN = 0.1
    pauses.FIRST_PAUSE = {"busy": 1.0, "archive": 0.25}
    retry.FIRST, retry.LEAST = timedelta(seconds=1), timedelta(seconds=0.1)


def await_tracer(wanted: str, note: Path) -> None:
    """Hold the first thread of that name until it is traced."""
    run, waited = threading.Thread.run, []

    def held(self: threading.Thread) -> None:
        if self.name.startswith(wanted) and not waited:
            waited.append(self)
            number = threading.get_native_id()
            part = note.with_suffix(".part")
            part.write_text(str(number))
            part.rename(note)
            status = Path(f"/proc/self/task/{number}/status")
            while "TracerPid:\t0\n" in status.read_text():
                time.sleep(0.005)
        run(self)

    threading.Thread.run = held  # type: ignore[method-assign]


def be(how: str, thread: str, config: Path, gate: int) -> None:
    if not os.read(gate, 1):
        os._exit(99)  # whoever asked for it is gone
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    log = os.open(config.parent / "daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if how != "daemon":
        parts.Reader = Here  # type: ignore[misc,assignment]
    if how in ("daemon", "lean"):
        if thread != MAIN:
            await_tracer(thread, config.parent / "thread")
        status = cli.run(["run", "--config", str(config)])
    elif how == "rebuild":
        status = cli.run(["rebuild", "--config", str(config)])
    else:
        status = app.run(load(config), once=True, clock=Later() if how == "later" else None)
    sys.stderr.flush()
    os._exit(status)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing that is logged reaches the real stderr."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def warm(config: Path) -> int:
    with quiet():
        status = app.run(load(config), once=True)
    assert threading.active_count() == 1, threading.enumerate()
    return status


def main() -> None:
    hurry()
    child, gate = 0, -1
    for line in sys.stdin:
        how, _, rest = line.rstrip("\n").partition(" ")
        if how == "go":
            os.write(gate, b"x")
            print("gone", flush=True)
        elif how == "wait":
            _, raw = os.waitpid(child, 0)
            os.close(gate)
            print(-os.WTERMSIG(raw) if os.WIFSIGNALED(raw) else os.WEXITSTATUS(raw), flush=True)
        elif how == "warm":
            print(warm(Path(rest)), flush=True)
        else:
            thread, _, config = rest.partition(" ")
            inner, gate = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(gate)
                try:
                    be(how, thread, Path(config), inner)
                except BaseException as exc:
                    print(f"{type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
                    os._exit(getattr(exc, "exit_status", 99))
            os.close(inner)
            print(child, flush=True)


main()
