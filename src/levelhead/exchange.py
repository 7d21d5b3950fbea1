"""One exchange over HTTP: a question and its answer, within a total deadline and a cap on the answer.

A redirect is not followed, wherever it leads: what we send was meant for one address, and may be secret.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from levelhead.clock import Clock
from levelhead.errors import Stopping, Unavailable

DEADLINE = 20.0
"""Seconds for all of it: the name, the connection, TLS, and the last byte of the answer."""
LARGEST = 100_000
"""Bytes of an answer that are read; a time stamp with its certificates has some 6,000, an access token 3,000."""
SLICE = 0.1
"""Seconds between two looks at the deadline and at whether the daemon is ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a server answered, whatever its `status`; `retry_after` is the field as it stands there."""

    host: str
    status: int
    content_type: str
    retry_after: str | None
    body: bytes = field(repr=False)


def post(
    url: str,
    body: bytes,
    *,
    sends: str,
    accepts: str,
    clock: Clock,
    stopping: Callable[[], bool] = lambda: False,
    deadline: float = DEADLINE,
    last_word: float = 0.0,
) -> Answered:
    """Send `body`, of the content type `sends`, to an http or https address, and return what comes back.

    Raises as `exchange` does.
    """
    parts = urlsplit(url)
    return exchange(
        _connection(parts.scheme, parts.hostname or "", parts.port),
        "POST",
        (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        body=body,
        headers={"Content-Type": sends, "Accept": accepts},
        clock=clock,
        stopping=stopping,
        deadline=deadline,
        last_word=last_word,
    )


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str],
    clock: Clock,
    body: bytes | None = None,
    stopping: Callable[[], bool] = lambda: False,
    deadline: float = DEADLINE,
    last_word: float = 0.0,
    largest: int = LARGEST,
) -> Answered:
    """Ask once over a connection that nobody has opened yet, and close it; an answer has `largest` bytes at most.

    Unavailable, in one sentence, when no whole answer comes; Stopping when `stopping()` says so and the answer has
    not come within another `last_word` seconds.
    """
    asked = _Question(connection, method, target, headers, body, largest)
    end, stop = clock.monotonic() + deadline, None
    trouble: Exception | None = None
    try:
        while asked.thread.is_alive() and trouble is None:
            if stop is None and stopping():
                stop = clock.monotonic() + last_word
            if stop is not None and clock.monotonic() >= stop:
                trouble = Stopping()
            elif clock.monotonic() >= end:
                trouble = Unavailable(f"{asked.host} did not answer whole within {deadline:g} s")
            else:
                asked.thread.join(SLICE)
    finally:
        asked.abandon()
    # Even one that came at the last moment: it may hold the only token there is.
    if isinstance(asked.said, Answered):
        return asked.said
    raise trouble or Unavailable(asked.said)


class _Question:
    """One question on a thread of its own, since neither the name server nor a dripping one knows a deadline."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        largest: int,
    ) -> None:
        self.host = connection.host
        self.said: Answered | str = f"{self.host} was not asked"
        self._method, self._target, self._body, self._largest = method, target, body, largest
        self._headers = {"User-Agent": "levelhead", "Connection": "close", **headers}
        self._connection = connection
        self._connection.auto_open = 0
        self._given_up = False
        self._sending = threading.Lock()
        """Held from the last look at `_given_up` until all is sent."""
        self.thread = threading.Thread(target=self._ask, name="http", daemon=True)
        self.thread.start()

    def abandon(self) -> None:
        """Send nothing from now on, and wake whoever still waits for the server, who keeps what had come by then."""
        self._given_up = True
        sock = self._connection.sock
        if self.thread.is_alive() and sock is not None:
            with contextlib.suppress(OSError):
                # Not the method of a TLS socket, which gives up the encryption before the connection.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            with self._sending:
                pass
            self.thread.join(SLICE)

    def _ask(self) -> None:
        try:
            self.said = self._answer()
        except ssl.SSLCertVerificationError as exc:
            self.said = f"the certificate of {self.host} is not trusted: {exc.verify_message}"
        except (OSError, UnicodeError) as exc:
            self.said = f"no answer from {self.host}: {getattr(exc, 'strerror', None) or exc}"
        except http.client.IncompleteRead:
            self.said = f"{self.host} broke off in the middle of its answer"
        except (http.client.HTTPException, ValueError) as exc:
            # Not in its own words: they are whatever was sent.
            self.said = f"{self.host} does not speak HTTP as it should ({type(exc).__name__})"
        finally:
            self._connection.close()

    def _answer(self) -> Answered | str:
        self._connection.connect()
        with self._sending:
            # Finding the name and TLS have no deadline of their own. A refresh token that is sent after that may be
            # spent, and nobody would hear the answer.
            if self._given_up:
                return f"{self.host} was not asked"
            self._connection.request(self._method, self._target, self._body, self._headers)
        with self._connection.getresponse() as response:
            if 300 <= response.status < 400:
                return f"{self.host} sends us elsewhere (status {response.status}), and we do not follow"
            announced = response.chunked or response.length is not None
            body = self._body_of(response)
            if self._given_up and not announced:
                # It ended because we hung up, and http.client takes even half a header block for a whole answer.
                return f"{self.host} broke off in the middle of its answer"
            if len(body) > self._largest:
                if response.status < 400:
                    return f"{self.host} answered with more than {self._largest} bytes"
                body = b""  # an error page for people; the status says enough
            elif response.length:  # how many of the announced bytes did not come
                raise http.client.IncompleteRead(body, response.length)
            return Answered(
                host=self.host,
                status=response.status,
                content_type=response.headers.get_content_type(),
                retry_after=response.headers.get("Retry-After"),
                body=body,
            )

    def _body_of(self, response: http.client.HTTPResponse) -> bytes:
        """All of it, or a little more than is wanted. What is asked for at once would be bounded by a chunk's own word
        of its size, which may be -1."""
        body = b""
        while len(body) <= self._largest and (more := response.read1(self._largest + 1 - len(body))):
            body += more
        return body


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    # Without a port of its own a host of colons (IPv6) would be taken apart to find one.
    if scheme == "https":
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return http.client.HTTPSConnection(host, port or 443, timeout=DEADLINE, context=context)
    return http.client.HTTPConnection(host, port or 80, timeout=DEADLINE)
