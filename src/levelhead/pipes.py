"""How a process and a worker that it started talk: frames with a length in front.

What the host sends is ours and trusted: pickled values (`pack`, `unpack`). What a worker sends back is never unpickled;
it is JSON (`levelhead.plain`), so that an answer can be a wrong value but never a call.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import socket
import struct
from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from levelhead.clock import SystemClock

LARGEST_FRAME = 64_000_000
"""Bytes; more is never sent by either side."""

LOOK_SECONDS = 0.2
"""How often whoever waits looks whether it still should."""

T = TypeVar("T")

_HEAD = struct.Struct("!I")
_CLOCK = SystemClock()


class BadFrame(Exception):
    """The other side sent something that is no frame of ours."""


def pack(value: object) -> bytes:
    """A value as bytes; an object that occurs in it several times is written once."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


_REDUCED: dict[type, Callable[[Any], Any]] = {
    **copyreg.dispatch_table,
    MappingProxyType: lambda mapping: (_read_only, (dict(mapping),)),
}


class _Pickler(pickle.Pickler):
    dispatch_table = _REDUCED


def unpack(data: bytes) -> Any:
    """The value of a frame that the host wrote; never of one that a worker wrote."""
    return pickle.loads(data)  # noqa: S301 - only ever what `pack` made in the parent process


def send(
    channel: socket.socket, data: bytes, seconds: float | None = None, look: Callable[[], None] | None = None
) -> None:
    """Write one frame within `seconds` (None: however long); TimeoutError then, OSError when the other side is gone.

    `look` is called several times a second while there is to wait, and may raise to end that.
    """
    if len(data) > LARGEST_FRAME:
        raise BadFrame(f"a frame of {len(data):,} bytes; at most {LARGEST_FRAME:,} are sent")
    end = None if seconds is None else _CLOCK.monotonic() + seconds
    left = memoryview(_HEAD.pack(len(data)) + data)
    while left:
        left = left[_waiting(channel, partial(channel.send, left), end, look) :]


def receive(
    channel: socket.socket,
    seconds: float | None = None,
    look: Callable[[], None] | None = None,
    largest: int = LARGEST_FRAME,
) -> bytes | None:
    """Read one frame, None at the end of the channel.

    `seconds` are for the whole frame, however it drips in; TimeoutError then. BadFrame for one that announces more than
    `largest` bytes. `look` as above.
    """
    end = None if seconds is None else _CLOCK.monotonic() + seconds
    head = _exactly(channel, _HEAD.size, end, look)
    if head is None:
        return None
    (length,) = _HEAD.unpack(head)
    if length > largest:
        raise BadFrame(f"a frame announces {length:,} bytes")
    return _exactly(channel, length, end, look)


def _exactly(
    channel: socket.socket, length: int, end: float | None, look: Callable[[], None] | None
) -> bytes | None:
    data = bytearray()
    while len(data) < length:
        piece = _waiting(channel, partial(channel.recv, min(length - len(data), 1 << 20)), end, look)
        if not piece:
            return None
        data += piece
    return bytes(data)


def _waiting(
    channel: socket.socket, move: Callable[[], T], end: float | None, look: Callable[[], None] | None
) -> T:
    """One movement of bytes, as soon as the other side is ready for it."""
    while True:
        left = None if end is None else end - _CLOCK.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        channel.settimeout(
            left if look is None else min(LOOK_SECONDS, LOOK_SECONDS if left is None else left)
        )
        try:
            return move()
        except TimeoutError:
            if look is not None:
                look()
