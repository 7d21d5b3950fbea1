"""Which thread a new message belongs to, and whether it is a copy, within a batch that is not committed yet."""

from __future__ import annotations

import hashlib
import secrets
from itertools import chain

from levelhead.model import Parsed
from levelhead.store.api import Store

MOST_REFERENCES = 200
"""Message-IDs looked up for one message; a header with more counts by its first and its latest ones."""


class Conversations:
    """What the store knows of threads and copies, and on top of it what this batch adds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: dict[tuple[str, str], str] = {}
        self._joined: dict[str, str] = {}
        self._copies: dict[tuple[str, str], str] = {}

    def thread(self, client: str, parsed: Parsed) -> tuple[str, tuple[str, ...]]:
        """The thread's key, and the keys of other threads that this message shows to be the same conversation.

        A new key is opaque and belongs to one client; of several threads the oldest stays.
        """
        named = _named(parsed)
        stored = self._store.threads_of(client, named) if named else ()
        added = (self._keys[client, name] for name in named if (client, name) in self._keys)
        keys = tuple(dict.fromkeys(self._canonical(key) for key in chain(stored, added)))
        key, *joins = keys or (new_key(),)
        self._keys.update(((client, name), key) for name in named)
        self._joined.update((other, key) for other in joins)
        return key, tuple(joins)

    def copy_of(self, parsed: Parsed, id: str) -> str:
        """The id of an earlier copy of this message that travelled another way, or empty."""
        mark = parsed.message_id, parsed.body_digest
        if not all(mark):
            return ""
        earlier = self._store.copy_of(*mark) or self._copies.get(mark, "")
        self._copies.setdefault(mark, id)
        return earlier

    def _canonical(self, key: str) -> str:
        while key in self._joined:
            key = self._joined[key]
        return key


def new_key() -> str:
    """The key of a new thread: 32 random hexadecimal digits, so that nothing about its messages can be tried on it.

    The fact that archives the first message carries it, which is how a rebuild comes to the same one.
    """
    return secrets.token_hex(16)


def derived_key(client: str, id: str) -> str:
    """How the key of a thread that begins with this message was made before: whoever has it can make it again."""
    return hashlib.sha256(f"thread\0{client}\0{id}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def tells_nothing(key: str) -> bool:
    """Whether a key is a random one, or comes from one, and is not derived from a message."""
    return len(key) == 32


def _named(parsed: Parsed) -> tuple[str, ...]:
    """The Message-IDs that tie a message to others: its own, then what it answers (RFC 5322, section 3.6.4)."""
    names = tuple(dict.fromkeys(n for n in (parsed.message_id, *parsed.in_reply_to, *parsed.references) if n))
    half = MOST_REFERENCES // 2
    return names if len(names) <= MOST_REFERENCES else names[:half] + names[-half:]
