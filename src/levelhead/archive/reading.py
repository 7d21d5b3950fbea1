"""The other process that reads mail: `python -P -m levelhead.archive.reading FD SECONDS LIMITS` (see `serving`).

It is told which function reads a message, so that nothing here knows a parser, and parsers of other packages (which can
crash, hang where no Python runs, or eat memory) never run in the process that keeps the archive.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import TracebackType

from levelhead.archive.crossing import OUT_OF_MEMORY, packed
from levelhead.model import Parsed
from levelhead.raw import Raw
from levelhead.serving import serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Read these messages by the function `module:name`, in so many seconds of computing (0 < seconds) for all."""

    function: str
    messages: tuple[Raw, ...]
    cpu_seconds: float


def answers(request: Request) -> Iterator[bytes]:
    """What the function makes of each message, or OUT_OF_MEMORY.

    Whoever computes for too long is ended by the kernel (SIGPROF), whatever language it is written in.
    """
    signal.setitimer(signal.ITIMER_PROF, request.cpu_seconds)
    answer: tuple[Parsed, ...] | str
    try:
        read = _function(request.function)
        answer = tuple(read(raw) for raw in request.messages)
    except MemoryError:
        answer = OUT_OF_MEMORY
    signal.setitimer(signal.ITIMER_PROF, 0)
    yield packed(answer, [raw.digest for raw in request.messages])


@cache
def _function(name: str) -> Callable[[Raw], Parsed]:
    module, _, function = name.partition(":")
    found: Callable[[Raw], Parsed] = getattr(import_module(module), function)
    return found


def _say_where(kind: type[BaseException], _: BaseException, trace: TracebackType | None) -> None:
    """A traceback without the error's own words, which may be those of a stranger's mail."""
    lines = traceback.format_tb(trace)
    sys.stderr.write("".join(["A message could not be read:\n", *lines, f"{kind.__name__}\n"]))


if __name__ == "__main__":
    sys.excepthook = _say_where
    serve(answers)
