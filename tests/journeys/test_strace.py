"""The real daemon, stopped by the kernel at the N-th write, fsync, send ... of each of its threads, with strace.

`LEVELHEAD_SWEEP=1` takes every `STRIDE`-th call of each kind from the third on, `LEVELHEAD_STRIDE=1` every one.
strace counts the calls of each thread by itself, so that each thread is traced and swept alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import levelhead.cli.app as cli
from audit import whole
from servers.requirements import lacking, require

if TYPE_CHECKING:
    from conftest import Home

pytestmark = pytest.mark.sweep

Write = Callable[..., bytes]

STRIDE = int(os.environ.get("LEVELHEAD_STRIDE", "40"))
CALLS = ("pwrite64", "write", "fsync", "fdatasync", "ftruncate")
POINTS = [
    *[(thread, call) for thread in ("main", "worker", "mailbox") for call in CALLS],
    # An alert goes out in a thread of its own; nothing is renamed as long as no index is upgraded.
    ("any", "sendto"),
    ("any", "rename"),
]
THREADS = ("main", "worker", "mailbox", "any")
"""In the order in which the daemon starts them; `any` are all that run when it watches, and those that they start."""
FAILING = [(thread, call) for thread in ("worker", "mailbox") for call in ("pwrite64", "fdatasync")]
if STRIDE == 1:
    FAILING = POINTS
PATIENCE = 90.0


class Stable:
    """Forks daemons; see stable.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, line: str) -> int | str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        return int(answer) if answer != "gone" else answer

    def run(self, how: str, home: Home) -> int:
        """One whole pass; its exit status."""
        self.ask(f"{how} {home.config}")
        self.ask("go")
        return int(self.ask("wait"))


@pytest.fixture(scope="session")
def stable() -> Iterator[Stable]:
    command = [sys.executable, str(Path(__file__).with_name("stable.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Stable(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def tracer() -> str:
    found = require("strace", "strace")
    if os.geteuid() != 0:
        lacking("a daemon that hides its memory can only be traced by root: run this test as root")
    return found


class Run:
    """One run of the daemon over one home, with a fault at one call of one thread."""

    def __init__(self, home: Home, stable: Stable, tracer: str, write: Write, heated: str) -> None:
        self.home = home
        self.stable = stable
        self.tracer = tracer
        self.letter = write(heated, own_id="<a2@northwind.example>")
        self.sent = False
        self.status: int | None = None
        home.write_config(cooldown="0s")
        home.account.append("INBOX", write("Hello.", own_id="<a1@northwind.example>"))
        mine = write(
            "Hi!", sender="me@studio.example", to="maria@northwind.example", own_id="<b1@studio.example>"
        )
        home.account.append("Sent", mine)

    # --- the fault ---------------------------------------------------------------------------

    def attack(self, thread: str, call: str, what: str) -> bool:
        """Start the daemon, let the fault lie in wait in that thread, and give it work; whether the fault happened."""
        self.pid = int(self.stable.ask(f"daemon {self.home.config}"))
        strace = None
        if thread == "main":
            strace = self._attach(thread, self.pid, call, what)
        self.stable.ask("go")
        if thread != "main":
            self._until(self._watching)
            tasks = sorted(int(name) for name in os.listdir(f"/proc/{self.pid}/task"))
            task = self.pid if thread == "any" else tasks[THREADS.index(thread)]
            strace = self._attach(thread, task, call, what)
        self._until(self._watching)
        if self.alive():
            self._send()
        self._until(lambda: self._injected() or self._done())
        return self._end(strace)

    def _attach(self, thread: str, task: int, call: str, what: str) -> subprocess.Popen[bytes]:
        self.trace = self.home.path / "trace"
        every = ["-f"] if thread == "any" else []
        command = [self.tracer, *every, "-p", str(task), "-o", str(self.trace)]
        command += ["-e", f"trace={call}", "-e", f"inject={call}:{what}"]
        strace = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert strace.stderr is not None
        first = strace.stderr.readline()
        assert b"attached" in first, first
        return strace

    def _end(self, strace: subprocess.Popen[bytes] | None) -> bool:
        """Ask it to end, when it still runs; whether the fault happened."""
        assert strace is not None
        if self.alive():
            os.kill(self.pid, signal.SIGTERM)
        begin = time.monotonic()
        while self.alive() and time.monotonic() - begin < PATIENCE:
            time.sleep(0.01)
        assert not self.alive(), f"it does not end:\n{self.log()}"
        strace.wait(PATIENCE)
        self.status = int(self.stable.ask("wait"))
        return self.status == -signal.SIGKILL or self._injected()

    def _injected(self) -> bool:
        return self.trace.exists() and b"(INJECTED)" in self.trace.read_bytes()

    def _watching(self) -> bool:
        return b'"mailbox.watched"' in self._log() or b'"daemon.hindered"' in self._log()

    def _done(self) -> bool:
        return bool(self.home.count("draft.placed") and self.home.count("alert.notified"))

    def _send(self) -> None:
        if not self.sent:
            self.home.account.append("INBOX", self.letter)
            self.sent = True

    def alive(self) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        return False

    def _until(self, true: Callable[[], bool]) -> None:
        begin = time.monotonic()
        while self.alive() and not true():
            assert time.monotonic() - begin < PATIENCE, f"it did not come true:\n{self.log()}"
            time.sleep(0.02)

    def _log(self) -> bytes:
        log = self.home.path / "daemon.log"
        return log.read_bytes() if log.exists() else b""

    def log(self) -> str:
        return self._log().decode()[-5000:]

    # --- afterwards --------------------------------------------------------------------------

    def recover(self) -> None:
        """As a service manager would: start it again, and let it do what is left to do."""
        for how in ("once", "once", "later", "later"):
            self.stable.run(how, self.home)
            self._send()
            if self._done():
                return
        raise AssertionError(f"what was left to do was not done:\n{self.log()}")

    def audit(self, *, troubled: bool) -> None:
        self.home.json = self._asked  # type: ignore[method-assign]  # in this process, without a second's start
        try:
            whole(self.home, troubled=troubled)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.log()}") from exc

    def _asked(self, *words: str) -> Any:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            cli.run([*words, "--config", str(self.home.config), "--json"])
        return json.loads(out.getvalue())


Sweep = Callable[[str, str, str], tuple[int, int]]


@pytest.fixture
def sweep(
    stable: Stable, tracer: str, write: Write, heated: str, make_home: Callable[[Path], Home], tmp_path: Path
) -> Sweep:
    """Lays the fault at every `STRIDE`-th call of a thread until none is met; faults met, and more than all calls."""

    def run(thread: str, call: str, what: str) -> tuple[int, int]:
        begin, met, at = time.monotonic(), 0, min(3, STRIDE)
        while True:
            home = make_home(tmp_path / str(at))
            home.phone.received.clear()
            one = Run(home, stable, tracer, write, heated)
            if not one.attack(thread, call, what.format(at)):
                assert one.status == 0, one.log()
                one.audit(troubled=False)
                break
            met += 1
            if "KILL" in what:
                assert one.status == -signal.SIGKILL, one.log()
            else:
                assert one.status in (0, 3), one.log()
                assert "crashed" not in one.log(), one.log()
            one.recover()
            one.audit(troubled="KILL" not in what)
            at += STRIDE
        seconds = time.monotonic() - begin
        print(
            f"{thread} {call} {what}: met {met}, stride {STRIDE}, under {at} calls, {seconds:.0f} s",
            file=sys.stderr,
        )
        return met, at

    return run


@pytest.mark.parametrize(("thread", "call"), POINTS)
def test_killed_at_any_call_of_any_thread_it_loses_nothing_and_doubles_nothing(
    thread: str, call: str, sweep: Sweep
) -> None:
    sweep(thread, call, "signal=KILL:when={}")


@pytest.mark.parametrize("lasting", ["", "+"], ids=["once", "from then on"])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize(("thread", "call"), FAILING)
def test_an_error_at_any_call_of_any_thread_costs_nothing_but_time(
    thread: str, call: str, error: str, lasting: str, sweep: Sweep
) -> None:
    sweep(thread, call, f"error={error}:when={{}}{lasting}")
