"""The reader of IDLE (RFC 2177): buffers to whole lines, sees BYE and EOF at once, and never spins.

imapclient's own loses its place when a line comes in two packets, and takes the end of the connection for silence.
"""

from __future__ import annotations

import re

from levelhead.clock import Clock
from levelhead.errors import CommandRefused, ConnectionLost, ServerBusy
from levelhead.mailbox.api import IdleEnd, Wake
from levelhead.mailbox.wire import Wire

SLEPT_ABOVE = 30.0
"""Seconds by which wall clock and monotonic clock may part before the machine must have slept."""

NEWS = re.compile(rb"\* (\d+ (EXISTS|EXPUNGE|FETCH)|VANISHED)\b", re.IGNORECASE)
BYE = re.compile(rb"\* BYE\b(.*)", re.IGNORECASE)
_LITERAL = re.compile(rb"\{(\d+)\}\Z")


def started(wire: Wire, tag: bytes) -> bool:
    """Read until the server says `+`; CommandRefused when it answers NO or BAD instead.

    Whether it told of a change before: it will not do so again.
    """
    changed = False
    while True:
        line = whole_line(wire, wire.read_line())
        if line.startswith(b"+"):
            return changed
        if line.startswith(tag + b" "):
            raise CommandRefused(f"the server will not IDLE: {wire.plain(line[len(tag) :])}")
        _check(wire, line)
        changed = changed or bool(NEWS.match(line))


def news(wire: Wire, wake: Wake, clock: Clock, seconds: float) -> IdleEnd:
    """Wait for a line that tells of a change, for the bell, for `seconds`, or for waking up from a sleep."""
    began, wall = clock.monotonic(), clock.now()
    while True:
        while (line := wire.ready_line()) is not None:
            if told(wire, line):
                return IdleEnd.CHANGED
        if wake.is_set():
            return IdleEnd.WOKEN
        passed = clock.monotonic() - began
        if abs((clock.now() - wall).total_seconds() - passed) > SLEPT_ABOVE:
            return IdleEnd.SLEPT
        if passed >= seconds:
            return IdleEnd.OVER
        wire.await_news(wake, seconds - passed)


def told(wire: Wire, line: bytes) -> bool:
    """Whether an untagged line tells of a change; BYE is ServerBusy, anything that is no answer ConnectionLost."""
    line = whole_line(wire, line)
    _check(wire, line)
    return bool(NEWS.match(line))


def finished(wire: Wire, tag: bytes) -> bool:
    """Say DONE, read up to the tagged answer, and tell whether a change was told of meanwhile."""
    wire.send(b"DONE\r\n")
    changed = False
    while True:
        line = wire.read_line()
        if line.startswith(tag + b" "):
            return changed
        changed = told(wire, line) or changed


def whole_line(wire: Wire, line: bytes) -> bytes:
    """A line together with the literals that it announces."""
    while line.endswith(b"}") and (found := _LITERAL.search(line)):
        literal = wire.read_exactly(int(found.group(1)))
        line = line + b" " + literal + wire.read_line()
        if len(line) > 1_000_000:
            raise ConnectionLost("the server sent a line without end")
    return line


def _check(wire: Wire, line: bytes) -> None:
    if bye := BYE.match(line):
        raise ServerBusy(f"the server ended the session: {wire.plain(bye.group(1))}")
    if not line.startswith(b"*"):
        raise ConnectionLost(f"the server spoke nonsense during IDLE: {wire.plain(line, 60)}")
