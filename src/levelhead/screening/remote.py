"""The host's end of a worker process: started for the first plugin, killed when a call does not come back."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import structlog

from levelhead.screening.bench import LOAD_FACTOR, Arguments
from levelhead.screening.frames import HELLO, LARGEST_FRAME, BadFrame, pack, receive, send, unpack_answer
from levelhead.screening.guard import Opened, Reply
from levelhead.screening.sources import Source

START_SECONDS = 60.0
"""How long a worker may take to come up, on a machine that is busy."""

_KEPT_BACK = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY")
"""What the service manager tells the daemon and no plugin needs."""

log = structlog.get_logger()


class _Gone(Exception):
    """The worker did not answer; the message says how."""


class Worker:
    """A bench in a process of its own, shared by all drop-ins, one call at a time."""

    def __init__(self, timeout_seconds: float) -> None:
        self._seconds = timeout_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._sources: dict[str, tuple[Source, Mapping[str, Any]]] = {}
        self._loaded: set[str] = set()

    @property
    def pid(self) -> int | None:
        """The process id of the worker, None while there is none."""
        return self._process.pid if self._process is not None else None

    def open(self, source: Source, table: Mapping[str, Any]) -> Opened:
        """Load a plugin; one that ends or stalls the worker while it is loaded is refused."""
        with self._lock:
            self._sources[source.name] = (source, table)
            answer = self._load(source.name)
            if answer.refused:
                del self._sources[source.name]
            return answer

    def call(self, plugin: str, hook: str, arguments: Arguments) -> Reply:
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._stop()  # it ended while nobody was being asked, so nobody is to blame
            if plugin not in self._loaded and (refused := self._load(plugin).refused):
                return Reply(error=refused)
            request = pack(("call", plugin, hook, arguments.packed()))
            if len(request) > LARGEST_FRAME:
                return Reply(error=f"{len(request):,} bytes are too many for a worker process")
            try:
                reply = self._exchange(request, self._seconds)
            except _Gone as exc:
                self._stop()
                return Reply(error=str(exc))
            assert isinstance(reply, Reply)
            return reply

    def drop(self, plugin: str) -> None:
        with self._lock:
            self._sources.pop(plugin, None)

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _load(self, plugin: str) -> Opened:
        """Load one plugin into the running worker, starting one when there is none."""
        source, table = self._sources[plugin]
        try:
            if self._process is None:
                self._start()
            answer = self._exchange(pack(("open", source, dict(table))), self._seconds * LOAD_FACTOR)
        except (_Gone, OSError) as exc:
            self._stop()
            return Opened(refused=f"loading it failed: {exc}")
        assert isinstance(answer, Opened)
        if not answer.refused:
            self._loaded.add(plugin)
        return answer

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        longest = self._seconds * LOAD_FACTOR * 2
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "levelhead.screening.worker",
                    str(theirs.fileno()),
                    str(longest),
                ],
                stdin=subprocess.DEVNULL,
                stdout=2,  # a plugin's print goes where logs go
                pass_fds=(theirs.fileno(),),
                env={key: value for key, value in os.environ.items() if key not in _KEPT_BACK},
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._channel = ours
        if self._exchange(None, START_SECONDS) != HELLO:
            raise _Gone("the worker did not greet")
        log.debug("worker.started", pid=self._process.pid)

    def _exchange(self, request: bytes | None, seconds: float) -> object:
        """Send a request (None: only listen) and await an answer; raises _Gone when none comes."""
        assert self._channel is not None
        self._channel.settimeout(seconds)
        try:
            if request is not None:
                send(self._channel, request)
            answer = receive(self._channel)
            if answer is not None:
                return unpack_answer(answer)
        except TimeoutError:
            raise _Gone(f"timed out after {seconds:g} s") from None
        except BadFrame as exc:
            raise _Gone(f"it answered nonsense: {exc}") from exc
        except OSError:
            pass  # the worker is gone; how it ended is said below
        raise _Gone(self._ending())

    def _ending(self) -> str:
        """How the worker ended, in words."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "it closed the worker's channel"
        if code < 0:
            return f"it ended the worker process ({signal.Signals(-code).name})"
        return f"it ended the worker process (exit status {code})"

    def _stop(self) -> None:
        """Kill the worker and what it has started, and forget it; the next call starts a fresh one."""
        self._loaded.clear()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
