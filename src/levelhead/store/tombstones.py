"""Tombstones: by them an erased message is known when it comes again, and by nobody found who has not got it."""

from __future__ import annotations

import hashlib
import hmac


def tombstone(key: str, id: str) -> str:
    """HMAC-SHA-256 (RFC 2104) of a message's id by the archive's key, both in hex; in hex."""
    return hmac.new(bytes.fromhex(key), bytes.fromhex(id), hashlib.sha256).hexdigest()
