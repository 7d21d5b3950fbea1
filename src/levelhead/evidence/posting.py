"""One question over HTTP: a POST and its answer, within a total deadline and a cap on the answer, without redirects."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from levelhead.clock import Clock
from levelhead.errors import Stopping, Unavailable

DEADLINE = 20.0
"""Seconds for all of it: the name, the connection, TLS, and the last byte of the answer."""
LARGEST = 100_000
"""Bytes of an answer that are read; a time stamp with a chain of certificates has some 6,000."""
SLICE = 0.1
"""Seconds between two looks at the deadline and at whether the daemon is ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A server's answer with the status 200."""

    content_type: str
    body: bytes


def post(
    url: str,
    body: bytes,
    *,
    sends: str,
    accepts: str,
    clock: Clock,
    stopping: Callable[[], bool] = lambda: False,
    deadline: float = DEADLINE,
) -> Answer:
    """Send `body`, of the content type `sends`, to an http or https address, and return what comes back.

    Unavailable, in one sentence, for everything but a whole answer with status 200; Stopping when `stopping()` says so.
    """
    asked = _Question(url, body, {"Content-Type": sends, "Accept": accepts, "Connection": "close"})
    end = clock.monotonic() + deadline
    try:
        while asked.thread.is_alive():
            if stopping():
                raise Stopping
            if clock.monotonic() >= end:
                raise Unavailable(f"{asked.host} did not answer whole within {deadline:g} s")
            asked.thread.join(SLICE)
    finally:
        asked.abandon()
    if isinstance(asked.said, Answer):
        return asked.said
    raise Unavailable(asked.said)


class _Question:
    """One question on a thread of its own, since neither the name server nor a dripping one knows a deadline."""

    def __init__(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self.said: Answer | str = f"{self.host} was not asked"
        self._body = body
        self._headers = {"User-Agent": "levelhead", **headers}
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection = _connection(parts.scheme, self.host, parts.port)
        self.thread = threading.Thread(target=self._ask, name="anchor", daemon=True)
        self.thread.start()

    def abandon(self) -> None:
        """Wake whoever still waits for the server; nothing happens when nobody does."""
        sock = self._connection.sock
        if self.thread.is_alive() and sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _ask(self) -> None:
        try:
            self.said = self._answer()
        except ssl.SSLCertVerificationError as exc:
            self.said = f"the certificate of {self.host} is not trusted: {exc.verify_message}"
        except (OSError, UnicodeError) as exc:
            self.said = f"no answer from {self.host}: {getattr(exc, 'strerror', None) or exc}"
        except http.client.IncompleteRead:
            self.said = f"{self.host} broke off in the middle of its answer"
        except http.client.HTTPException as exc:
            # Not in its own words: they are whatever was sent.
            self.said = f"{self.host} does not speak HTTP as it should ({type(exc).__name__})"
        finally:
            self._connection.close()

    def _answer(self) -> Answer | str:
        self._connection.request("POST", self._target, self._body, self._headers)
        with self._connection.getresponse() as response:
            if 300 <= response.status < 400:
                return f"{self.host} sends us elsewhere (status {response.status}); write the address that is right now"
            if response.status != 200:
                return f"{self.host} answered with status {response.status}"
            body = response.read(LARGEST + 1)
            if len(body) > LARGEST:
                return f"{self.host} answered with more than {LARGEST} bytes"
            if response.length:  # how many of the announced bytes did not come
                raise http.client.IncompleteRead(body, response.length)
            return Answer(content_type=response.headers.get_content_type(), body=body)


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=DEADLINE, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=DEADLINE)
