"""A mail server that takes everything and delivers nothing: enough SMTP (RFC 5321) for one sender at a time."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._say("220 sink.example")
        while line := self.rfile.readline(4_096):
            verb = line.split(None, 1)[0].upper() if line.strip() else b""
            self.server.commands.append(line)
            if verb == b"DATA":
                self._say("354 go on")
                self.server.mails.append(self._data())
            self._say("221 bye" if verb == b"QUIT" else "250 sink.example")
            if verb == b"QUIT":
                return

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[bytes] = []
        self.commands: list[bytes] = []


class MailSink:
    """The server, running while the block lasts; `mails` are the messages it took, `commands` the lines before them."""

    def __init__(self) -> None:
        self._server = _Server()
        self.port = int(self._server.server_address[1])
        self.mails, self.commands = self._server.mails, self._server.commands
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> MailSink:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
