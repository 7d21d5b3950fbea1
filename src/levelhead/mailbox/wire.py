"""The socket to a server: never blocks longer than its deadline, sees EOF at once, and can be told to stop.

All waiting is done here, in slices after which `tick` is asked, so that a stop ends any command within a second and
a long download still feeds the watchdog.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from levelhead.clock import Clock
from levelhead.errors import ConnectionLost, TlsFailed, Unreachable
from levelhead.mailbox import codes
from levelhead.mailbox.api import Wake
from levelhead.mailbox.deadline import Deadline

SLICE = 0.5
"""Seconds; the longest wait before `tick` is asked again."""
IDLE_SLICE = 1.0
"""The same where nobody waits for the end of a command, but for news that may come in hours."""
CHUNK = 262_144
RECORD = 16_384
"""Bytes that TLS gives at most at once (RFC 8446, 5.1); to make room for more takes time and is for nothing."""
CRLF = b"\r\n"
GARBLED = frozenset({"DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "SSLV3_ALERT_BAD_RECORD_MAC", "BAD_RECORD_MAC"})
"""OpenSSL's words for bytes that were changed on the way: worth another try, and nothing a person could mend."""


class Stopped(ConnectionLost):
    """The wait was ended because the daemon stops."""


class Wire:
    """One TCP or TLS connection with a buffer of received bytes. `tick()` answers True when it is time to stop."""

    def __init__(self, clock: Clock, tick: Callable[[], bool]) -> None:
        self._clock = clock
        self._tick = tick
        self._tick_at = 0.0
        self._buffer = bytearray()
        self._scanned = 0
        self._sent = False
        """Whether nothing was received since something was sent."""
        self._deadline: Deadline | None = None
        self.received: Callable[[int], None] = lambda size: None
        """Told of all bytes that come in."""
        self.sock: socket.socket | None = None
        self.unsaid: tuple[str, ...] = ()
        """Secrets that the server was told, in each form in which it was: it may echo them."""

    # --- opening and closing ------------------------------------------------------------------

    def connect(self, host: str, port: int) -> None:
        """Open a TCP connection to the first address that answers, with TCP_NODELAY and keepalive."""
        trouble: OSError | None = None
        for family, kind, protocol, _, address in self._addresses(host, port):
            sock = socket.socket(family, kind, protocol)
            try:
                self._reach(sock, address)
            except OSError as exc:
                sock.close()
                trouble = exc
                continue
            except BaseException:
                sock.close()
                raise
            self.sock = sock
            return
        raise Unreachable(f"no connection to {host} port {port}: {trouble}") from trouble

    def _addresses(self, host: str, port: int) -> list[Any]:
        """What getaddrinfo says. It knows neither deadline nor stop, so a thread asks it, left behind when it hangs."""
        said: list[Any] = []

        def ask() -> None:
            try:
                said.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as exc:
                said.append(exc)

        asking = threading.Thread(target=ask, name="resolver", daemon=True)
        asking.start()
        while asking.is_alive():
            left = self._deadline.left() if self._deadline is not None else SLICE
            self._ask()
            asking.join(min(left, SLICE))
        answer = said[0]
        if isinstance(answer, Exception):
            raise Unreachable(f"the host {host} cannot be found: {answer}") from answer
        return list(answer)

    def _reach(self, sock: socket.socket, address: object) -> None:
        sock.setblocking(False)
        # Without it Cyrus takes 46 ms for a SEARCH instead of 4 (the delayed acknowledgement of the other side).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        with contextlib.suppress(BlockingIOError):
            sock.connect(address)  # type: ignore[arg-type]  # getaddrinfo's own address
        self._await(sock, select.POLLOUT)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from now on; TlsFailed when the server cannot be trusted, ConnectionLost when it goes away."""
        assert self.sock is not None
        if self._buffer:
            raise TlsFailed(f"{host} sent data before TLS began, which could be anybody's")
        try:
            sock = context.wrap_socket(self.sock, server_hostname=host, do_handshake_on_connect=False)
        except (ssl.SSLError, ValueError) as exc:
            raise TlsFailed(f"TLS with {host} cannot begin: {exc}") from exc
        self.sock = sock
        while True:
            try:
                sock.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._await(sock, select.POLLIN)
            except ssl.SSLWantWriteError:
                self._await(sock, select.POLLOUT)
            except ssl.SSLCertVerificationError as exc:
                raise TlsFailed(f"the certificate of {host} is not trusted: {exc.verify_message}") from exc
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as exc:
                raise ConnectionLost(f"{host} closed the connection while TLS was agreed") from exc
            except ssl.SSLError as exc:
                if exc.reason in GARBLED:
                    raise ConnectionLost(
                        f"what came from {host} was changed on the way: {exc.reason}"
                    ) from exc
                raise TlsFailed(f"TLS with {host} failed: {exc.reason or exc}") from exc
            except OSError as exc:
                raise ConnectionLost(f"the connection to {host} broke while TLS was agreed: {exc}") from exc

    def close(self) -> None:
        """Close at once; never raises."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.close()
            self.sock = None

    def detach(self) -> None:
        """From now on nobody is asked whether to stop: for the last words of a session."""
        self._tick = lambda: False

    def plain(self, text: str | bytes, limit: int = 200) -> str:
        """A server's words for a log, without the secrets; these go first, since half of one is not found any more."""
        words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
        for secret in self.unsaid:
            words = words.replace(secret, "***")
        return codes.plain(words, limit)

    # --- a command's time ---------------------------------------------------------------------

    def begin(self, deadline: Deadline) -> None:
        """All that is sent and received from now on belongs to this deadline."""
        self._deadline = deadline

    # --- sending and receiving ----------------------------------------------------------------

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        self._sent = True
        while view:
            sock = self._open()
            try:
                view = view[sock.send(view) :]
            except (ssl.SSLWantReadError, BlockingIOError, ssl.SSLWantWriteError) as exc:
                wants_read = isinstance(exc, ssl.SSLWantReadError)
                self._await(sock, select.POLLIN if wants_read else select.POLLOUT)
            except OSError as exc:
                raise ConnectionLost(f"sending failed: {exc}") from exc

    def read_line(self) -> bytes:
        """The next line without its CRLF."""
        while (line := self.ready_line()) is None:
            self._fill()
        return line

    def ready_line(self) -> bytes | None:
        """The next line when it is in the buffer already."""
        end = self._buffer.find(CRLF, max(0, self._scanned - 1))
        if end < 0:
            self._scanned = len(self._buffer)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self._scanned = 0
        return line

    def read_exactly(self, size: int) -> bytes:
        """Exactly so many bytes (a literal); ConnectionLost when more are announced than can be right."""
        if self._deadline is not None:
            self._deadline.expect(size)
        while len(self._buffer) < size:
            self._fill()
        data = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        self._scanned = 0
        return data

    def await_news(self, wake: Wake, seconds: float) -> bool:
        """Wait until bytes have come (True), the bell rings or the time is over (False); at most one `IDLE_SLICE`."""
        sock = self._open()
        if _holds(sock):
            return self._receive()
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        poll.register(wake.fileno(), select.POLLIN)
        self._ask()
        ready = poll.poll(max(0.0, min(seconds, IDLE_SLICE)) * 1000)
        if self._deadline is not None:
            self._deadline.left()
        # Whatever happened to it is found out by receiving.
        return any(number == sock.fileno() for number, _ in ready) and self._receive()

    def _fill(self) -> None:
        """Receive at least a byte, or raise."""
        # An answer is hardly ever there when its question has just been sent.
        if self._sent and not _holds(sock := self._open()):
            self._await(sock, select.POLLIN)
        self._sent = False
        while not self._receive():
            self._await(self._open(), select.POLLIN)

    def _receive(self) -> bool:
        sock = self._open()
        if self._clock.monotonic() >= self._tick_at:
            self._ask()
        if self._deadline is not None:
            self._deadline.left()
        try:
            data = sock.recv(RECORD if isinstance(sock, ssl.SSLSocket) else CHUNK)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except ssl.SSLWantWriteError:
            self._await(sock, select.POLLOUT)
            return False
        except OSError as exc:
            raise ConnectionLost(f"receiving failed: {exc}") from exc
        if not data:
            raise ConnectionLost("the server closed the connection")
        if self._deadline is not None:
            self._deadline.count(len(data))
        self.received(len(data))
        self._buffer += data
        return True

    def _await(self, sock: socket.socket, event: int) -> None:
        """Wait until the socket is ready, asking in slices whether to stop; ConnectionLost at the deadline."""
        poll = select.poll()
        poll.register(sock, event)
        while True:
            left = self._deadline.left() if self._deadline is not None else SLICE
            self._ask()
            # Rounded up, so that the end of a deadline is not a busy loop of polls of zero milliseconds.
            if poll.poll(min(left, SLICE) * 1000 + 1):
                return

    def _ask(self) -> None:
        self._tick_at = self._clock.monotonic() + SLICE
        if self._tick():
            raise Stopped("the daemon stops")

    def _open(self) -> socket.socket:
        if self.sock is None:
            raise ConnectionLost("the connection is closed")
        return self.sock


def _holds(sock: socket.socket) -> bool:
    """Whether bytes have come that poll(2) does not see, because TLS has taken them off the socket already."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
