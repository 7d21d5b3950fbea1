"""A worker process from the outside: started in a session of its own, asked with a deadline, killed with its children.

What runs in it is a module that calls `serving.serve`. A `Process` knows nothing of what is asked; it is started once,
and whoever owns it makes a new one when it is gone.
"""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from levelhead.clock import SystemClock
from levelhead.hardening import handed_on
from levelhead.pipes import LARGEST_FRAME, BadFrame, receive, send
from levelhead.plain import from_json, row, texts
from levelhead.serving import HELLO, Limits

START_SECONDS = 60.0
"""How long a worker may take to come up, on a machine that is busy."""

BURY_SECONDS = 1.0
"""How long the end of what a worker had started is awaited after it was killed."""

_CLOCK = SystemClock()
_MARKS = 1 << 20
_SWEEPS = 100

log = structlog.get_logger()


class Gone(Exception):
    """The worker did not answer; the message says how (`timed out after 5 s`, `SIGSEGV`). It must be stopped."""


class Process:
    """One worker process. One thread asks it at a time; `kill` may be called by any."""

    def __init__(
        self,
        module: str,
        *,
        longest_call: float,
        limits: Limits | None = None,
        look: Callable[[], None] | None = None,
        largest_answer: int = LARGEST_FRAME,
    ) -> None:
        """Start `python -P -m module` under `limits`; OSError when not even that goes. `greet` awaits it.

        A call that takes longer than `longest_call` seconds is ended by the kernel even when this process is gone.
        `look` is called several times a second while an answer is awaited, and may raise to end that. An answer that
        announces more than `largest_answer` bytes is nonsense, and none of it is read.
        """
        self._look = look
        self._largest_answer = largest_answer
        limits = limits or Limits()
        # A limit is inherited by every process that the worker starts, whatever session, parent or environment that
        # has, and nobody can raise it again: an odd number in it is how they are all found.
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        most = limits.file_size if hard == resource.RLIM_INFINITY else min(limits.file_size, hard)
        self._mark = most - 1 - secrets.randbelow(_MARKS)
        self._ending = threading.RLock()
        self._killed: set[int] = set()
        self._channel, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", module, str(theirs.fileno()), str(longest_call)),
                    replace(limits, file_size=self._mark).to_text(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what it prints goes where logs go
                pass_fds=(theirs.fileno(),),
                env=handed_on(os.environ),
                start_new_session=True,
            )
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended by itself."""
        with self._ending:
            return self._process.poll() is None

    def memory(self) -> int:
        """Bytes of memory that it has in use now (its resident set); 0 when it is gone."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * resource.getpagesize()

    def greet(self, seconds: float = START_SECONDS) -> None:
        """Await its first word; Gone when it does not come."""
        try:
            word, refused = row(from_json(self.answer(seconds)), 2)
            sentences = texts(refused)
        except BadFrame as exc:
            raise Gone(f"it did not greet: {exc}") from exc
        if word != HELLO:
            raise Gone(f"it greeted with {word!r}")
        log.debug("worker.started", pid=self.pid)
        for sentence in sentences:
            log.info("worker.unlimited", pid=self.pid, why=sentence)

    def ask(self, request: bytes, seconds: float) -> None:
        """Send a packed request; Gone when the worker does not take it."""
        try:
            send(self._channel, request, seconds, self._look)
        except TimeoutError:
            raise Gone(f"timed out after {seconds:g} s") from None
        except OSError:
            raise Gone(self._how()) from None

    def answer(self, seconds: float) -> bytes:
        """Await the next answer, at most `seconds` for all of it; Gone when none comes."""
        try:
            answer = receive(self._channel, seconds, self._look, self._largest_answer)
        except TimeoutError:
            raise Gone(f"timed out after {seconds:g} s") from None
        except BadFrame as exc:
            raise Gone(f"it answered nonsense: {exc}") from exc
        except OSError:
            answer = None
        if answer is None:
            raise Gone(self._how())
        return answer

    def kill(self) -> None:
        """Kill the worker and everything that it has started, wherever that went; who awaits an answer gets Gone."""
        with self._ending:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._killed |= _sweep(self._mark)

    def stop(self) -> None:
        """Kill it and clear up after it; it is asked no more."""
        self.kill()
        self._channel.close()
        self._process.wait()
        _bury(self._killed - {self.pid})

    def _how(self) -> str:
        """How the worker ended, in words."""
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "it closed the worker's channel"
        return f"it ended the worker process ({_ended(code)})"


def _ended(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    known = -code in set(signal.Signals)
    return signal.Signals(-code).name if known else f"signal {-code}"


def _sweep(mark: int) -> set[int]:
    """Kill every process that carries the mark: all are stopped first, so that none can start another meanwhile."""
    known: set[int] = set()
    for _ in range(_SWEEPS):
        found = _marked(mark) - known
        if not found:
            break
        _signal(found, signal.SIGSTOP)
        known |= found
    else:
        log.warning("worker.children_left", seen=len(known))
    _signal(known, signal.SIGKILL)
    return known


def _bury(pids: set[int]) -> None:
    """Await the end of killed processes that have become our children: process 1 of a container has to do it itself.

    Anywhere else it is not ours to do, and they are gone in a moment.
    """
    end = _CLOCK.monotonic() + BURY_SECONDS
    while pids and _CLOCK.monotonic() < end:
        pids = {pid for pid in pids if not _buried(pid)}
        if pids:
            _CLOCK.wait(threading.Event(), 0.01)


def _buried(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return not Path(f"/proc/{pid}").exists()


def _marked(mark: int) -> set[int]:
    """The processes whose largest file is limited to just this many bytes."""
    found: set[int] = set()
    with os.scandir("/proc") as entries:
        names = [entry.name for entry in entries]
    for name in names:
        if name.isdigit():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if resource.prlimit(int(name), resource.RLIMIT_FSIZE)[1] == mark:
                    found.add(int(name))
    return found


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
