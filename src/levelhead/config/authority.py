"""How addresses of servers are written: of a time-stamp authority, and of who signs people in."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit


def an_authority(text: str) -> str:
    """The URL itself; ValueError, in one sentence, for what is none or holds a secret.

    Without TLS nothing is lost: what goes there is a digest, and what comes back is signed and proves itself.
    """
    _parts(text, "https://tsa.example.com/", "; only authorities that ask for none can be used")
    return text


def an_endpoint(text: str) -> str:
    """The URL of an OAuth endpoint, or nothing; ValueError, in one sentence, for what is none (RFC 6749, 3.1).

    Without TLS a token would cross the network readable, so http is for this machine itself.
    """
    if text:
        parts = _parts(text, "https://login.example.com/token")
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError(f"would send your sign-in readable to {parts.hostname}; write it with https")
    return text


def _parts(text: str, example: str, why_no_user: str = "") -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise ValueError(f'"{text}" is not an address: {exc}') from exc
    plain = text.isascii() and text.isprintable() and " " not in text
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or port == 0:
        raise ValueError(f'"{text}" is not an address such as "{example}"')
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"must not hold a user or a password{why_no_user}")
    if parts.fragment:
        raise ValueError(f'"{text}" has a part behind "#", which no server is told')
    return parts


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own loopback, without asking any name server."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
