"""A process that has levelhead loaded and forks the real daemon, or one pass of it, so that many of them are cheap.

Reads lines on stdin and answers each with one on stdout:
`daemon CONFIG`, `once CONFIG` and `later CONFIG` (a pass two hours from now) fork a child that begins when it is told
to, and answer its number; `go` lets it begin; `wait` answers its exit status when it has ended (-9: killed).
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import levelhead.daemon.app as app
from levelhead.clock import SystemClock
from levelhead.config.load import load


class Later(SystemClock):
    """Two hours ahead: whatever was put off is due."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=2)


def be(how: str, config: Path, gate: int) -> None:
    os.read(gate, 1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    log = os.open(config.parent / "daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = app.run(load(config), once=how != "daemon", clock=Later() if how == "later" else None)
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    child, gate = 0, -1
    for line in sys.stdin:
        how, _, config = line.rstrip("\n").partition(" ")
        if how == "go":
            os.write(gate, b"x")
            print("gone", flush=True)
        elif how == "wait":
            _, raw = os.waitpid(child, 0)
            os.close(gate)
            print(-os.WTERMSIG(raw) if os.WIFSIGNALED(raw) else os.WEXITSTATUS(raw), flush=True)
        else:
            inner, gate = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    be(how, Path(config), inner)
                except BaseException as exc:
                    print(f"{type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
                    os._exit(getattr(exc, "exit_status", 99))
            os.close(inner)
            print(child, flush=True)


main()
