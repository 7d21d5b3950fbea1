"""How the host and a worker process talk: frames with a length in front, holding pickled values.

What the host sends is ours and trusted. What a worker sends back is read with a list of the few classes that may
occur in it, so that an answer can be a wrong value but never a call.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import socket
import struct
from types import MappingProxyType
from typing import Any

from levelhead.screening.answers import VALUES

LARGEST_FRAME = 64_000_000
"""Bytes; more is never sent by either side."""

HELLO = "levelhead worker 1"
"""The first thing that a worker says, once it is ready."""

_HEAD = struct.Struct("!I")
_MAY_COME_BACK = frozenset(
    {(kind.__module__, kind.__qualname__) for kind in VALUES}
    | {
        ("levelhead.model", "Level"),
        ("levelhead.model", "Severity"),
        ("levelhead.screening.guard", "Reply"),
        ("levelhead.screening.guard", "Opened"),
        ("datetime", "datetime"),
        ("datetime", "timezone"),
        ("datetime", "timedelta"),
    }
)


class BadFrame(Exception):
    """The other side sent something that is no frame of ours."""


def pack(value: object) -> bytes:
    """A value as bytes."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table.copy()
    pickler.dispatch_table[MappingProxyType] = lambda mapping: (_read_only, (dict(mapping),))
    pickler.dump(value)
    return buffer.getvalue()


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


def unpack(data: bytes) -> Any:
    """The value of a frame that the host wrote."""
    return pickle.loads(data)  # noqa: S301 - only ever what `pack` made in the parent process


def unpack_answer(data: bytes) -> Any:
    """The value of a frame that a worker wrote; BadFrame when it names anything but values of ours."""
    try:
        return _Answers(io.BytesIO(data)).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
    ) as exc:
        raise BadFrame(f"{type(exc).__name__}: {exc}") from exc


class _Answers(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _MAY_COME_BACK:
            raise pickle.UnpicklingError(f"an answer cannot hold {module}.{name}")
        return super().find_class(module, name)


def send(channel: socket.socket, data: bytes) -> None:
    """Write one frame; TimeoutError when the channel's time is over, OSError when the other side is gone."""
    if len(data) > LARGEST_FRAME:
        raise BadFrame(f"a frame of {len(data):,} bytes; at most {LARGEST_FRAME:,} are sent")
    channel.sendall(_HEAD.pack(len(data)) + data)


def receive(channel: socket.socket) -> bytes | None:
    """Read one frame, None at the end; TimeoutError when the channel's time is over, BadFrame for nonsense."""
    head = _exactly(channel, _HEAD.size)
    if head is None:
        return None
    (length,) = _HEAD.unpack(head)
    if length > LARGEST_FRAME:
        raise BadFrame(f"a frame announces {length:,} bytes")
    return _exactly(channel, length)


def _exactly(channel: socket.socket, length: int) -> bytes | None:
    data = bytearray()
    while len(data) < length:
        piece = channel.recv(min(length - len(data), 1 << 20))
        if not piece:
            return None
        data += piece
    return bytes(data)
