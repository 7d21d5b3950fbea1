"""A process that has levelhead loaded and forks one pass of the daemon at a time, to die at a chosen step.

Reads lines `CONFIG<TAB>STEP<TAB>WORDS` on stdin; for each it forks a child that makes one full pass, or runs the
command of these words (a JSON list) if there are any, is killed with SIGKILL at step STEP (0: never), and answers
`STATUS<TAB>STEPS`.
A step is the moment before and after each fsync, each store transaction, each line to the IMAP server that changes
something, and each delivery of an alert; for a command also each file that is renamed or removed, and each rewriting of
the index.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

import levelhead.cli as cli
import levelhead.daemon.app as app
from levelhead.config.load import load
from levelhead.mailbox.wire import Wire
from levelhead.store.sqlite import SqliteStore


class Steps:
    """Counts steps and kills this process at one of them."""

    def __init__(self, deadly: int, report: int) -> None:
        self._deadly = deadly
        self._report = report
        self.taken = 0
        self._turn = threading.Lock()

    def step(self) -> None:
        # Mailbox and judge take steps at the same time; each has a number of its own.
        with self._turn:
            self.taken += 1
            os.pwrite(self._report, b"%9d" % self.taken, 0)
            if self.taken == self._deadly:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **named: Any) -> Any:
            self.step()
            result = act(*args, **named)
            self.step()
            return result

        return stepped


def install(steps: Steps) -> None:
    os.fsync = steps.around(os.fsync)
    os.fdatasync = steps.around(os.fdatasync)
    send = Wire.send

    def sent(self: Wire, data: bytes) -> None:
        # What only reads leaves everything as it was: to die before or after it is to die at the step before.
        writes = any(word in data for word in (b" APPEND ", b" STORE ", b" EXPUNGE ", b"X-Levelhead-Draft"))
        (steps.around(send) if writes else send)(self, data)

    Wire.send = sent
    requests.Session.send = steps.around(requests.Session.send)
    whole = SqliteStore.transaction

    @contextmanager
    def transaction(self: SqliteStore, now: Any) -> Iterator[Any]:
        steps.step()
        with whole(self, now) as tx:
            yield tx
            steps.step()
        steps.step()

    SqliteStore.transaction = transaction


def install_more(steps: Steps) -> None:
    os.rename = steps.around(os.rename)
    os.unlink = steps.around(os.unlink)
    SqliteStore.compact = steps.around(SqliteStore.compact)


def one_life(config: Path, deadly: int, words: list[str], report: int) -> None:
    steps = Steps(deadly, report)
    install(steps)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    log = os.open(config.parent / "pass.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if words:
        install_more(steps)
        status = cli.main(["--config", str(config), *words])
    else:
        status = app.run(load(config), once=True)
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    for line in sys.stdin:
        config, deadly, words = line.rstrip("\n").split("\t")
        report = os.open(Path(config).parent / "steps", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        child = os.fork()
        if child == 0:
            try:
                one_life(Path(config), int(deadly), json.loads(words), report)
            except BaseException as exc:
                print(f"{type(exc).__name__}: {exc}", file=sys.stderr, flush=True)
                os._exit(99)
        _, raw = os.waitpid(child, 0)
        taken = int(os.pread(report, 9, 0) or 0)
        os.close(report)
        status = -os.WTERMSIG(raw) if os.WIFSIGNALED(raw) else os.WEXITSTATUS(raw)
        print(f"{status}\t{taken}", flush=True)


main()
