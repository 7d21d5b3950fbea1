"""An IMAP server that plays scripts: what a hostile, broken or slow server says, to the byte and to the moment."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence

Answering = bytes | Callable[[re.Match[bytes]], bytes]
CAPABILITIES = "IMAP4rev1 IDLE UIDPLUS CONDSTORE ENABLE NAMESPACE SPECIAL-USE"


class Gone(Exception):
    """The client closed the connection, or the server is being closed."""


class Talk:
    """One connection as a script sees it. `lines` is every line that the client sent, without its CRLF."""

    def __init__(self, sock: socket.socket, stop: threading.Event) -> None:
        self.sock = sock
        self.lines: list[bytes] = []
        self.tag = b"*"
        self._stop = stop
        self._buffer = b""
        self._heard = threading.Condition()
        sock.settimeout(0.1)

    def say(self, data: bytes) -> None:
        """Send these bytes."""
        try:
            self.sock.settimeout(20)
            self.sock.sendall(data)
        except OSError as exc:
            raise Gone from exc

    def trickle(self, data: bytes, seconds: float) -> None:
        """Send byte by byte with a pause after each."""
        for index in range(len(data)):
            self.say(data[index : index + 1])
            self.pause(seconds)

    def stream(self, data: bytes) -> None:
        """Send the same bytes until the client is gone."""
        while not self._stop.is_set():
            self.say(data)
        raise Gone

    def pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Gone

    def line(self) -> bytes:
        """The next line of the client, without its CRLF; Gone at its end."""
        while b"\r\n" not in self._buffer:
            self._fill()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        with self._heard:
            self.lines.append(line)
            self._heard.notify_all()
        return line

    def heard(self, count: int, seconds: float = 10.0) -> list[bytes]:
        """For the test's thread: all lines so far, once the client has sent that many (or the time is over)."""
        with self._heard:
            self._heard.wait_for(lambda: len(self.lines) >= count, seconds)
            return list(self.lines)

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes of the client (a literal)."""
        while len(self._buffer) < size:
            self._fill()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def silence(self, seconds: float) -> bytes:
        """What the client sends in this time, unread: for tests that nothing is said."""
        self.sock.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            self._buffer += self.sock.recv(65536)
        return self._buffer

    def expect(self, pattern: bytes) -> re.Match[bytes]:
        """Read a command; its tag is kept in `tag`, the rest must match the pattern from its start."""
        self.tag, _, rest = self.line().partition(b" ")
        found = re.match(pattern, rest, re.IGNORECASE)
        assert found, f"expected {pattern!r}, the client said {rest!r}"
        return found

    def done(self, text: bytes = b"OK done") -> None:
        """Answer the last command: `done(b"NO [LIMIT] too many")`."""
        self.say(self.tag + b" " + text + b"\r\n")

    def greet(self, capabilities: str = CAPABILITIES) -> None:
        """Say hello and answer the CAPABILITY that every client asks first."""
        self.say(b"* OK scripted\r\n")
        self.capability(capabilities)

    def capability(self, capabilities: str = CAPABILITIES) -> None:
        self.expect(rb"CAPABILITY")
        self.say(f"* CAPABILITY {capabilities}\r\n".encode())
        self.done()

    def login(self, capabilities: str = CAPABILITIES) -> None:
        """Greet, let the client in, and answer what a levelhead client asks next."""
        self.greet(capabilities)
        self.expect(rb"LOGIN ")
        self.done(f"OK [CAPABILITY {capabilities}] in".encode())
        if "ENABLE" in capabilities.split():
            self.expect(rb"ENABLE ")
            self.say(b"* ENABLED CONDSTORE\r\n")
            self.done()

    def examined(self, *, exists: int = 1, uidvalidity: int = 1, uidnext: int = 2, modseq: int = 1) -> None:
        """Answer one EXAMINE or SELECT."""
        self.expect(rb"(EXAMINE|SELECT) ")
        self.say(
            f"* FLAGS (\\Seen)\r\n* {exists} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY {uidvalidity}] x\r\n"
            f"* OK [UIDNEXT {uidnext}] x\r\n* OK [HIGHESTMODSEQ {modseq}] x\r\n".encode()
        )
        self.done(b"OK [READ-ONLY] done")

    def serve(self, answers: Mapping[bytes, Answering], *, idle: bytes = b"") -> None:
        """Answer each command by the first pattern that fits its start, until the client leaves.

        An answer is the untagged lines, or a function that makes them of the match; the tagged OK follows. Every IDLE
        is told `idle` at once. What fits nothing is BAD.
        """
        while True:
            self.tag, _, command = self.line().partition(b" ")
            if command.upper() == b"LOGOUT":
                self.say(b"* BYE bye\r\n")
                self.done()
                return
            if command.upper() == b"IDLE":
                self.say(b"+ idling\r\n" + idle)
                while self.line().upper() != b"DONE":
                    pass
                self.done()
                continue
            for pattern, answer in answers.items():
                if found := re.match(pattern, command, re.IGNORECASE):
                    self.say(answer if isinstance(answer, bytes) else answer(found))
                    self.done()
                    break
            else:
                self.done(b"BAD what")

    def leave(self) -> None:
        """End the script here and close the connection."""
        raise Gone

    def until_gone(self) -> None:
        """Read and record lines until the client leaves; a LOGOUT is answered as it should be."""
        with contextlib.suppress(Gone):
            while True:
                tag, _, command = self.line().partition(b" ")
                if command.upper() == b"LOGOUT":
                    self.say(b"* BYE bye\r\n" + tag + b" OK out\r\n")
                    return

    def _fill(self) -> None:
        self.sock.settimeout(0.1)
        while not self._stop.is_set():
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                continue
            except OSError as exc:
                raise Gone from exc
            if not data:
                raise Gone
            self._buffer += data
            return
        raise Gone


Script = Callable[[Talk], None]


def in_folder(*then: Script) -> Script:
    """A script: log in, EXAMINE, then these steps."""

    def script(talk: Talk) -> None:
        talk.login()
        talk.examined()
        for step in then:
            step(talk)
        talk.until_gone()

    return script


def answer_fetch(*parts: bytes, done: bytes = b"OK done") -> Script:
    """A step that answers one UID FETCH with these bytes."""

    def step(talk: Talk) -> None:
        talk.expect(rb"UID FETCH ")
        for part in parts:
            talk.say(part)
        talk.done(done)

    return step


class ScriptedServer:
    """Listens on a loopback port; the nth connection is played the nth script, further ones the last again.

    `trouble` holds what went wrong in a script (an unexpected line), so that a test can look. A connection is
    closed when its script ends.
    """

    host = "127.0.0.1"

    def __init__(self, scripts: Sequence[Script], *, tls: ssl.SSLContext | None = None) -> None:
        self.scripts = tuple(scripts)
        self.talks: list[Talk] = []
        self.trouble: list[BaseException] = []
        self._tls = tls
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((self.host, 0))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def lines(self) -> list[bytes]:
        """Every line of every connection, in order of connection."""
        return [line for talk in self.talks for line in talk.lines]

    def close(self) -> None:
        self._stop.set()
        # A close alone would leave the accepting thread waiting for its time-out.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._accepting, *self._threads]:
            thread.join(5)

    def wait(self, seconds: float = 5.0) -> None:
        """Wait until the scripts that were begun have ended, and raise what went wrong in them."""
        for thread in list(self._threads):
            thread.join(seconds)
        if self.trouble:
            raise self.trouble[0]

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            script = self.scripts[min(len(self.talks), len(self.scripts) - 1)]
            thread = threading.Thread(target=self._play, args=(sock, script), daemon=True)
            self._threads.append(thread)
            thread.start()
            # The next connection must see this one counted.
            while thread.is_alive() and len(self.talks) < len(self._threads) and not self._stop.is_set():
                self._stop.wait(0.001)

    def _play(self, sock: socket.socket, script: Script) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk = Talk(sock, self._stop)
        self.talks.append(talk)
        try:
            if self._tls is not None:
                sock.settimeout(5)
                talk.sock = self._tls.wrap_socket(sock, server_side=True)
            script(talk)
        except Gone:
            pass
        except OSError:
            pass
        except AssertionError as exc:
            self.trouble.append(exc)
        finally:
            with contextlib.suppress(OSError):
                talk.sock.close()
