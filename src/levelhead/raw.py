"""The bytes of one message as a handle: in memory when small, in a spool file when large."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

from levelhead.values import dataclass, field

SPOOL_ABOVE = 1_000_000
"""Bytes; a message larger than this is kept in a file while it is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A message's exact bytes; `digest` is their SHA-256 in lower-case hex."""

    digest: str
    size: int
    data: bytes | None = field(default=None, repr=False)
    path: Path | None = None

    def open(self) -> BinaryIO:
        """A new binary stream from the first byte."""
        if self.data is not None:
            return io.BytesIO(self.data)
        assert self.path is not None
        return self.path.open("rb")

    def head(self, limit: int) -> bytes:
        """At most the first `limit` bytes."""
        with self.open() as stream:
            return stream.read(limit)

    def read(self) -> bytes:
        """All bytes; for those who must, in pieces is better for large messages."""
        if self.data is not None:
            return self.data
        with self.open() as stream:
            return stream.read()

    def discard(self) -> None:
        """Remove the spool file, if there is one; the handle is dead afterwards."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def raw(data: bytes) -> Raw:
    """A handle on bytes in memory."""
    return Raw(digest=hashlib.sha256(data).hexdigest(), size=len(data), data=data)
