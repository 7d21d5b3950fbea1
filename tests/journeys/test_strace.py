"""The real daemon, stopped by the kernel at the N-th write, fsync, send ... of each of its threads, with strace.

A run is a whole life: a fresh archive, a first sync, a heated letter, its verdict, alert and draft, and an orderly end.
strace counts the calls of each thread by itself, so that each thread is traced and swept alone, from its first call to
its last. `LEVELHEAD_STRIDE=1` takes every call with every error until a run ends by itself; without it every
`STRIDE`-th call of the kinds that are made by the hundred, and one call of each other kind. `LEVELHEAD_FIGURES` names a
file that gets a line of JSON for each sweep.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from levelhead.daemon.demo import Phone
from servers.dovecot import POOL, Dovecot, MailAccount
from servers.requirements import lacking, require
from traced import Fault, Run, Stable, Write

if TYPE_CHECKING:
    from conftest import Home

pytestmark = pytest.mark.sweep

STRIDE = int(os.environ.get("LEVELHEAD_STRIDE", "60"))
WHOLE = STRIDE == 1

DISK = ("EIO", "ENOSPC")
LINE = ("EPIPE", "ECONNRESET")
CALLS: dict[str, dict[str, tuple[str, ...]]] = {
    "main": {
        **dict.fromkeys(("pwrite64", "write", "fsync", "fdatasync", "ftruncate", "openat"), DISK),
        **dict.fromkeys(("fallocate", "mkdir", "unlink"), DISK),
        "sendto": LINE,
    },
    "worker": {
        **dict.fromkeys(("pwrite64", "write", "fsync", "fdatasync", "openat"), DISK),
        "sendto": LINE,
    },
    "mailbox": {
        **dict.fromkeys(("pwrite64", "write", "fsync", "fdatasync", "openat"), DISK),
        "sendto": LINE,
    },
    # An alert goes out in a thread of its own.
    "apprise": {"sendto": LINE},
}
"""The threads of the daemon, the calls by which they change anything, and the errors that these are given.

No thread of it calls writev, pwritev, sendmsg or rename as long as no index is upgraded; a rebuild renames.
"""
TLS = ("mailbox", "write")
"""Here most go to the server, by OpenSSL."""
OF_FILES = ("write", "openat")
"""Calls of which only those that go to a file of the archive or to the log are given an error of the disk."""
MANY, ONCE = ("pwrite64", "write"), ("fallocate", "sendto", "rename")
"""Calls that a thread makes by the dozen or the hundred, and those of which the first is the one that counts."""
PARTS = {"pwrite64": 12, "write": 4, "openat": 3, "fdatasync": 3, "fsync": 2} if WHOLE else {}
"""Into how many sweeps the calls of a kind are divided, for several processors."""

LIVES = [
    (thread, call, part) for thread in CALLS for call in CALLS[thread] for part in range(PARTS.get(call, 1))
]
FAULTS = [
    (thread, call, part, error, lasting != turned)
    for turned in ((False, True) if WHOLE else (False,))
    for thread, call, part in LIVES
    for errors in [CALLS[thread][call] + (LINE if (thread, call) == TLS else ())]
    # Of a pair one comes once and the other from then on; in a whole sweep the other way round as well.
    for error, lasting in zip(errors, (False, True) * 2, strict=False)
]
REBUILDS = [
    ("rename", None),
    ("fsync", None),
    *((call, error) for call in ("rename", "fsync") for error in DISK),
]


class Mail:
    """Fresh accounts without end: a Dovecot has so many users, and then another one is started."""

    def __init__(self) -> None:
        self._servers: list[Dovecot] = []
        self._given = POOL

    def user(self) -> MailAccount:
        if self._given == POOL:
            self._servers.append(Dovecot())
            self._given = 0
        self._given += 1
        return self._servers[-1].user()

    def close(self) -> None:
        for server in self._servers:
            server.close()


@pytest.fixture(scope="session")
def mail() -> Iterator[Mail]:
    mail = Mail()
    yield mail
    mail.close()


@pytest.fixture(scope="session")
def tracer() -> str:
    found = require("strace", "strace")
    if os.geteuid() != 0:
        lacking("a daemon that hides its memory can only be traced by root: run this test as root")
    return found


New = Callable[[Path], Run]


@pytest.fixture(scope="session")
def new_run(
    mail: Mail,
    tracer: str,
    write: Write,
    heated: str,
    new_home: type[Home],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[New]:
    """Makes runs, each with an account and an archive of its own."""
    command = [sys.executable, str(Path(__file__).with_name("stable.py"))]
    with (
        Phone().ringing() as phone,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        stable = Stable(process)

        def make(path: Path) -> Run:
            path.mkdir()
            phone.received.clear()
            home = new_home(path=path, account=mail.user(), phone=phone)
            return Run(home, stable, tracer, write, heated)

        first = make(tmp_path_factory.mktemp("warm") / "home")
        for _ in range(2):
            assert stable.ask(f"warm {first.home.config}") == 0
            first.home.account.append("INBOX", first.letter)
        assert stable.ask(f"warm {first.home.config}") == 0
        yield make
        assert process.stdin is not None
        process.stdin.close()


Sweep = Callable[..., None]


@pytest.fixture
def sweep(new_run: New, tmp_path: Path) -> Sweep:
    """Lays the fault at one call after the other until none is met; what went wrong is told at the end."""

    def run(part: int, **fault: object) -> None:
        call = str(fault["call"])
        parts = 1 if fault["thread"] == "rebuild" else PARTS.get(call, 1)
        stride = parts if WHOLE else STRIDE
        at = part + 1 if WHOLE else 1 if call in ONCE else 2
        begin, count, troubles = time.monotonic(), Counter[str](), []
        met = True
        while met:
            one = new_run(tmp_path / str(at))
            try:
                met = attacked(one, Fault(at=at, **fault), count)  # type: ignore[arg-type]
            except AssertionError as exc:
                troubles.append(f"at call {at}: {exc}")
                one.kill()
                assert len(troubles) < 20, "\n\n".join(troubles)
            else:
                shutil.rmtree(one.home.path)
            at += stride
            if not WHOLE and call not in MANY:
                break
        note(fault, part, stride, at, count, len(troubles), time.monotonic() - begin)
        assert not troubles, "\n\n".join(troubles)

    return run


def attacked(one: Run, fault: Fault, count: Counter[str]) -> bool:
    """One run with one fault, and what must hold afterwards; False when the run ended by itself before it."""
    if fault.thread == "rebuild":
        one.live()
        met = one.attack_rebuild(fault)
    else:
        met = one.attack(fault)
    if not met:
        assert one.status == 0, one.log()
        one.audit(troubled=False)
        count["whole"] += 1
        return False
    count["met"] += 1
    if fault.kills:
        assert one.status == -9, one.log()
    else:
        assert one.status in (0, 3), f"it ended with {one.status}:\n{one.log()}"
        assert "crashed" not in one.log(), one.log()
        assert one.status or one.alone, f"it did not get over it by itself:\n{one.log()}"
        count["ended" if one.status else "alone"] += 1
    if fault.thread == "rebuild" and not fault.kills:
        assert one.status == 3, one.log()
    if fault.thread == "rebuild":
        assert one.stable.run("rebuild", one.home) == 0, one.log()
    one.recover()
    one.audit(troubled=not fault.kills)
    return True


def note(
    fault: dict[str, object],
    part: int,
    stride: int,
    at: int,
    count: Counter[str],
    troubles: int,
    seconds: float,
) -> None:
    figures = {**fault, "part": part, "stride": stride, "under": at, **count, "troubles": troubles}
    line = json.dumps({**figures, "seconds": round(seconds, 1)})
    print(line, file=sys.stderr)
    if where := os.environ.get("LEVELHEAD_FIGURES"):
        with Path(where).open("a") as file:
            file.write(line + "\n")


@pytest.mark.parametrize(("thread", "call", "part"), LIVES)
def test_killed_at_any_call_of_any_thread_it_loses_nothing_and_doubles_nothing(
    thread: str, call: str, part: int, sweep: Sweep
) -> None:
    sweep(part, thread=thread, call=call, what="KILL", files=call == "openat")


@pytest.mark.parametrize(("thread", "call", "part", "error", "lasting"), FAULTS)
def test_an_error_at_any_call_of_any_thread_costs_nothing_but_time(
    thread: str, call: str, part: int, error: str, lasting: bool, sweep: Sweep
) -> None:
    files = call in OF_FILES and error in DISK
    sweep(part, thread=thread, call=call, what=error, lasting=lasting, files=files)


@pytest.mark.parametrize(("call", "error"), REBUILDS)
def test_a_rebuild_that_is_stopped_at_any_call_can_be_done_again(
    call: str, error: str | None, sweep: Sweep
) -> None:
    sweep(0, thread="rebuild", call=call, what=error or "KILL")
