"""How a time-stamp authority is written: an http or https address."""

from __future__ import annotations

from urllib.parse import urlsplit


def an_authority(text: str) -> str:
    """The URL itself; ValueError, in one sentence, for what is none or holds a secret.

    Without TLS nothing is lost: what goes there is a digest, and what comes back is signed and proves itself.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise ValueError(f'"{text}" is not an address: {exc}') from exc
    plain = text.isascii() and text.isprintable() and " " not in text
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or port == 0:
        raise ValueError(f'"{text}" is not an address such as "https://tsa.example.com/"')
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or a password; only authorities that ask for none can be used")
    if parts.fragment:
        raise ValueError(f'"{text}" has a part behind "#", which no server is told')
    return text
