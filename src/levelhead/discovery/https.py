"""Gets one small file over https: within a total deadline and a cap, certificates checked, without redirects.

A redirect is not followed: the address that we ask for may hold the person's own, which is for its own domain alone.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from levelhead.clock import Clock
from levelhead.discovery.api import Fetch
from levelhead.discovery.autoconfig import LARGEST
from levelhead.exchange import exchange

DEADLINE = 6.0
"""Seconds for all of it: the name, the connection, TLS, and the last byte of the answer. Somebody sits and waits."""

Reach = Callable[[str, int, float], socket.socket]
"""Opens a TCP connection to a host and port, within some seconds; OSError when there is none."""


def directly(host: str, port: int, seconds: float) -> socket.socket:
    """A `Reach` over the network."""
    return socket.create_connection((host, port), seconds)


def fetcher(
    clock: Clock,
    *,
    context: ssl.SSLContext | None = None,
    reach: Reach = directly,
    deadline: float = DEADLINE,
) -> Fetch:
    """A `Fetch`; `context` says whom it trusts, by default the machine's own certificates."""
    trusted = context or ssl.create_default_context()
    trusted.minimum_version = ssl.TLSVersion.TLSv1_2

    def fetch(url: str) -> bytes | None:
        parts = urlsplit(url)
        assert parts.scheme == "https", f"{parts.scheme} is not https"
        answered = exchange(
            _Connection(parts.hostname or "", trusted, reach, deadline),
            "GET",
            parts.path + (f"?{parts.query}" if parts.query else ""),
            headers={"Accept": "text/xml, application/xml"},
            clock=clock,
            deadline=deadline,
            largest=LARGEST,
        )
        return answered.body if answered.status == 200 else None

    return fetch


class _Connection(http.client.HTTPConnection):
    """HTTP over TLS to port 443 of a host."""

    def __init__(self, host: str, context: ssl.SSLContext, reach: Reach, seconds: float) -> None:
        super().__init__(host, 443)
        self._context, self._reach, self._seconds = context, reach, seconds

    def connect(self) -> None:
        plain = self._reach(self.host, self.port, self._seconds)
        try:
            self.sock = self._context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
