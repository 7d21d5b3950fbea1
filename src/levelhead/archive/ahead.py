"""What was read of messages when they were recorded, kept in memory for the judge, who would read them once more.

The index keeps no text. A judge that keeps up with the recorder finds here all that was read; who is further behind
than `LIMIT` reads the archived bytes again, and so does a daemon that was started anew: nothing depends on it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from levelhead.archive.parse import is_unread
from levelhead.heat.heard import Heard, Lately, forget, is_of, unpacked
from levelhead.model import Parsed
from levelhead.pipes import BadFrame

LIMIT = 12_000_000
"""Characters that are kept at most, of all messages together; in memory they are up to four bytes each."""

EACH = 2_000
"""Characters that a message counts for besides its texts."""


class Ahead:
    """Kept by the recorder, taken by the judge, each message once and in about the same order; for any thread."""

    def __init__(self, limit: int = LIMIT) -> None:
        """`limit` as `LIMIT`."""
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Parsed] = OrderedDict()
        self._size = 0
        self._heard = Lately(letters=limit)

    def keep(self, id: str, parsed: Parsed) -> None:
        """Keep what was read, unless there is no room: the oldest is what the judge asks for next."""
        size = _size(parsed)
        with self._lock:
            if self._size + size > self._limit or id in self._kept or is_unread(parsed.defects):
                return
            self._kept[id] = parsed
            self._size += size

    def parsed(self, id: str) -> Parsed | None:
        """What was read of a message, given once; None when it is not known. Those kept before it are forgotten."""
        with self._lock:
            if id not in self._kept:
                return None
            other = ""
            while other != id:
                other, kept = self._kept.popitem(last=False)
                self._size -= _size(kept)
        # Outside the lock: the recorder need not wait while it is unpacked.
        if (heard := _heard(kept)) is not None:
            self._heard.keep(id, heard)
        return kept

    def heard(self, id: str) -> Heard | None:
        """How the words of a message read that was taken a moment ago; None when that is to be found out."""
        return self._heard.get(id)

    def rest(self) -> None:
        """Forget everything, because all is judged: no stranger's words stay here for nothing.

        What is being recorded at this very moment is forgotten with it, and read again.
        """
        with self._lock:
            self._kept.clear()
            self._size = 0
        self._heard.clear()
        forget()


def _heard(kept: Parsed) -> Heard | None:
    """How the words of a message read, if that is what was heard: whoever read it may have been taken over by it."""
    try:
        heard = unpacked(kept.heard) if kept.heard else None
    except BadFrame:
        return None
    return heard if heard is not None and is_of(heard, kept.subject, kept.new_text) else None


def _size(parsed: Parsed) -> int:
    headers = sum([len(name) + len(said) for name, said in parsed.headers])
    return EACH + len(parsed.text) + len(parsed.new_text) + len(parsed.heard) + headers
