"""How a process and a worker that it started talk: frames with a length in front, holding pickled values.

What the host sends is ours and trusted (`unpack`). What a worker sends back is read with a list of the few classes that
may occur in it (`unpack_only`), so that an answer can be a wrong value but never a call.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import socket
import struct
from collections.abc import Callable, Set
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


def unpack_only(data: bytes, names: Set[tuple[str, str]], *, careful: bool = False) -> Any:
    """The value of a frame that a worker wrote; BadFrame when it names a class that is not in `names`.

    `names` are pairs of a module and a qualified name, as `("levelhead.model", "Finding")`. Plain values (text, bytes,
    numbers, None, tuples, lists, dicts, sets) need no name. `careful` is five times slower and takes no more memory
    than the frame is large: in six bytes a worker can make the quick reader clear gigabytes for a table.
    """
    try:
        return (_Careful if careful else _Picky)(io.BytesIO(data), names).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
        AssertionError,
        MemoryError,
        RecursionError,
        struct.error,
    ) as exc:
        raise BadFrame(f"{type(exc).__name__}: {exc}") from exc


class _Picky(pickle.Unpickler):
    def __init__(self, data: io.BytesIO, names: Set[tuple[str, str]]) -> None:
        super().__init__(data)
        self._names = names

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._names:
            raise pickle.UnpicklingError(f"an answer cannot hold {module}.{name}")
        return super().find_class(module, name)


class _Careful(pickle._Unpickler):
    """The standard library's own reader in Python, whose table of things said before is a dict."""

    def __init__(self, data: io.BytesIO, names: Set[tuple[str, str]]) -> None:
        super().__init__(data)
        self._names = names

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._names:
            raise pickle.UnpicklingError(f"an answer cannot hold {module}.{name}")
        return super().find_class(module, name)


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
    channel: socket.socket, seconds: float | None = None, look: Callable[[], None] | None = None
) -> bytes | None:
    """Read one frame, None at the end of the channel.

    `seconds` are for the whole frame, however it drips in; TimeoutError then. BadFrame for nonsense. `look` as above.
    """
    end = None if seconds is None else _CLOCK.monotonic() + seconds
    head = _exactly(channel, _HEAD.size, end, look)
    if head is None:
        return None
    (length,) = _HEAD.unpack(head)
    if length > LARGEST_FRAME:
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
