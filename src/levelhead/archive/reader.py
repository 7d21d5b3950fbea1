"""The reader: parses what strangers wrote in a process of its own, which may hang, crash or run out of memory.

The parsers that we did not write run there and nowhere else while mail comes in. A message that ends the process or
takes too long is archived all the same: with what its header block says, without a text, and with the defect
`unread: WHY`. It is judged `unknown`, never guessed at.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import structlog

from levelhead.archive.crossing import LARGEST_ANSWER, read_parsed
from levelhead.archive.reading import Request
from levelhead.clock import SystemClock
from levelhead.errors import Stopping, Unavailable
from levelhead.model import HEADERS_UNREAD, UNREAD, Parsed
from levelhead.pipes import BadFrame, pack
from levelhead.raw import Raw, raw
from levelhead.serving import Limits
from levelhead.workers import Gone, Process

WHOLE = "levelhead.archive.parse:parse"
HEADERS = "levelhead.archive.parse:parse_headers"
HEARD = "levelhead.archive.hearing:parse_and_hear"

CPU_SECONDS = 5.0
"""Computing for one message; none that we know of takes one second."""
SECONDS = 20.0
"""Waiting for one message, on a machine that is busy with other things."""
LIMITS = Limits(memory=1 << 30, cpu_seconds=600, processes=16, open_files=64)
"""The seconds of computing are those of a whole life here; each message has its own (`CPU_SECONDS`).

What shuts out the signal that ends a message cannot shut out this end, not even when its host is gone. Who comes to it
by honest work, after some 400,000 messages or 130,000 that are heard as well, is replaced, and what it was reading is
read again.
"""

HURRIED_SECONDS = 1.0
"""Waiting for one message once somebody wants to end."""
LARGEST_SENT = 16_000_000
"""Bytes; a larger message that is in memory is handed over in a file."""
TOGETHER, TOGETHER_BYTES = 16, 1_000_000
"""Messages, and bytes of them, that cross over together."""
LARGE, TIRED = 4_000_000, 400_000_000
"""After a message of so many bytes, a process that holds so many bytes makes room for a fresh one."""
REMEMBERED = 1_000
"""Messages of which it is remembered that they cannot be read."""

NOTHING = raw(b"\r\nNothing yet.\r\n")
"""Is read by all parsers in no time."""

_MODULE = "levelhead.archive.reading"
_CLOCK = SystemClock()

log = structlog.get_logger()


class Reader:
    """Called like `parse`, by any thread; they take turns. The process is started for the first message."""

    def __init__(
        self,
        *,
        whole: str = WHOLE,
        first: str = "",
        headers: str = HEADERS,
        cpu_seconds: float = CPU_SECONDS,
        seconds: float = SECONDS,
        limits: Limits = LIMITS,
    ) -> None:
        """`whole` and `headers` name functions (`module:name`) from a `Raw` to a `Parsed`.

        `first` names one that does more than `whole` and is tried on a batch before it: where it fails, what it does
        besides is left out and nothing else.
        """
        self._whole = whole
        self._first = first or whole
        self._headers = headers
        self._cpu_seconds = cpu_seconds
        self._seconds = seconds
        self._limits = limits
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._closed = False
        self._hurried_at: float | None = None
        self._unread: dict[str, str] = {}
        self.hurried: Callable[[], bool] = lambda: False
        """Once it is true nobody waits long for a message: Stopping is raised instead."""

    @property
    def pid(self) -> int | None:
        """The process id of the other process, None while there is none."""
        process = self._process
        return process.pid if process is not None else None

    def __call__(self, raw: Raw) -> Parsed:
        """What the bytes say; with the defect `unread` when they cannot be read.

        Unavailable when no process can be started, which is no message's fault; Stopping after `close`, and for a
        message that takes long while somebody wants to end: nothing is to be said of it then.
        """
        with self._lock:
            return self._one(raw)

    def many(self, messages: Sequence[Raw]) -> Iterator[Parsed]:
        """The same for several messages, in order; small ones cross over to the other process together."""
        for together in bundled(messages):
            with self._lock:
                found = self._together(together)
            yield from found

    def warm_up(self) -> None:
        """Start the process now, with all that it reads mail by; raises what reading a message does."""
        for _ in self.many((NOTHING,)):
            pass

    def rest(self) -> None:
        """End the process until the next message comes."""
        with self._lock:
            self._stop()

    def close(self) -> None:
        """End the process, from any thread; who waits for a message gets Stopping."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._stop()

    def _together(self, messages: Sequence[Raw]) -> tuple[Parsed, ...]:
        """What some messages say; where one of them cannot be read, each is read alone."""
        worth = len(messages) > 1 or self._first != self._whole
        if worth and not any(raw.digest in self._unread for raw in messages):
            with ExitStack() as stack:
                handed = [_handed_over(raw, stack) for raw in messages]
                found = self._read(self._first, handed, tries=1)
            if not isinstance(found, str):
                return found
        return tuple(map(self._one, messages))

    def _one(self, raw: Raw) -> Parsed:
        with ExitStack() as stack:
            messages = (_handed_over(raw, stack),)
            why = self._unread.get(raw.digest)
            if why is None:
                found = self._read(self._whole, messages)
                if not isinstance(found, str):
                    return found[0]
                why = self._note(raw, found)
            said = self._read(self._headers, messages)
            if isinstance(said, str):
                return Parsed(defects=(f"{UNREAD}: {why}", HEADERS_UNREAD))
            return replace(said[0], defects=(f"{UNREAD}: {why}", *said[0].defects))

    def _note(self, raw: Raw, why: str) -> str:
        """Remember it, so that a batch that is recorded again does not wait for it again."""
        while len(self._unread) >= REMEMBERED:
            self._unread.pop(next(iter(self._unread)))
        self._unread[raw.digest] = why
        log.warning("mail.unread", message=raw.digest[:12], size=raw.size, why=why)
        return why

    def _read(self, function: str, messages: Sequence[Raw], tries: int = 2) -> tuple[Parsed, ...] | str:
        """What a function makes of messages, or why it makes nothing of them.

        A process that ended is tried once more: the kernel may have killed it because another needed memory.
        """
        why = ""
        request = Request(function=function, messages=tuple(messages), cpu_seconds=self._cpu_seconds)
        for _ in range(tries):
            process = self._running()
            try:
                found = self._asked(process, request)
            except (Gone, BadFrame) as exc:
                self._stop()
                if self._closed:
                    raise Stopping from exc
                why = _in_words(exc)
                if why == TIMED_OUT:
                    break
                continue
            except BaseException:
                self._stop()
                raise
            if any(raw.size > LARGE for raw in messages) and process.memory() > TIRED:
                self._stop()
            return found
        return why

    def _asked(self, process: Process, request: Request) -> tuple[Parsed, ...] | str:
        self._hurried_at = None
        process.ask(pack(request), self._seconds)
        return read_parsed(process.answer(self._seconds), [raw.digest for raw in request.messages])

    def _look(self) -> None:
        """While an answer is awaited: see whether somebody has wanted to end for a while."""
        if self._hurried_at is None:
            self._hurried_at = _CLOCK.monotonic() if self.hurried() else None
        elif _CLOCK.monotonic() - self._hurried_at > HURRIED_SECONDS:
            raise Stopping

    def _running(self) -> Process:
        if self._closed:
            raise Stopping
        if self._process is None:
            try:
                self._process = Process(
                    _MODULE,
                    longest_call=self._seconds * 2,
                    limits=self._limits,
                    look=self._look,
                    largest_answer=LARGEST_ANSWER,
                )
                self._process.greet()
            except (OSError, Gone) as exc:
                self._stop()
                if self._closed:
                    raise Stopping from exc
                why = (
                    f"mail cannot be read now, because its process does not start ({exc}); it is tried again"
                )
                raise Unavailable(why) from exc
        return self._process

    def _stop(self) -> None:
        """Forget the process; the next message starts a fresh one."""
        if self._process is not None:
            self._process.stop()
            self._process = None


TIMED_OUT = "timed out"


def _in_words(exc: Gone | BadFrame) -> str:
    """Why a message was not read, in a few words of ours."""
    text = str(exc)
    if isinstance(exc, BadFrame):
        return "its process answered nonsense"
    if text.startswith(TIMED_OUT) or "SIGPROF" in text:
        return TIMED_OUT
    return text


def bundled(messages: Sequence[Raw]) -> Iterator[Sequence[Raw]]:
    """The messages in order, some small ones at a time, others alone."""
    together: list[Raw] = []
    size = 0
    for one in messages:
        if together and (len(together) >= TOGETHER or size + one.size > TOGETHER_BYTES):
            yield together
            together, size = [], 0
        together.append(one)
        size += one.size
    if together:
        yield together


def _handed_over(raw: Raw, stack: ExitStack) -> Raw:
    """The message in a form that fits into a request."""
    if raw.data is None or raw.size <= LARGEST_SENT:
        return raw
    with tempfile.NamedTemporaryFile(prefix="levelhead-read-", delete=False) as file:
        path = Path(file.name)
        stack.callback(path.unlink)
        file.write(raw.data)
    return Raw(digest=raw.digest, size=raw.size, path=path)
