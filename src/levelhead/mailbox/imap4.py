"""imapclient and imaplib over our own wire: one gate for arguments, one deadline, no debug formatting.

imapclient sets imaplib's `debug` to 5, so that every body is formatted twice although nobody listens, which costs a
factor of five to seven; and imaplib keeps its last ten lines, the password among them. Neither happens here.
"""

from __future__ import annotations

import imaplib
from typing import Any

from imapclient import IMAPClient

from levelhead.mailbox.guard import check_arguments, check_line
from levelhead.mailbox.wire import CRLF, Wire

_STALE = (
    "FETCH",
    "SEARCH",
    "EXISTS",
    "EXPUNGE",
    "RECENT",
    "VANISHED",
    "FLAGS",
    "APPENDUID",
    "COPYUID",
    "ALERT",
)
"""Untagged answers that belong to the command before; kept, they would be taken for answers to the next."""


class Imap4(imaplib.IMAP4):
    """imaplib's protocol state, reading and writing through a `Wire`."""

    def __init__(self, host: str, port: int, wire: Wire) -> None:
        self._wire = wire
        self._literal_out: object = None
        super().__init__(host, port)

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """The wire is open already."""
        self.host, self.port = host, port
        assert self._wire.sock is not None
        self.sock = self._wire.sock

    def read(self, size: int) -> bytes:
        return self._wire.read_exactly(size)

    def readline(self) -> bytes:
        return self._wire.read_line() + CRLF

    def send(self, data: bytes) -> None:  # type: ignore[override]  # typeshed allows any buffer
        """The last gate: one line, or exactly the literal that `_command` was given."""
        if data is not self._literal_out:
            check_line(data)
        self._wire.send(data)

    def shutdown(self) -> None:
        self._wire.close()

    def _get_line(self) -> bytes:
        return self._wire.read_line()

    def _log(self, line: str) -> None:
        """imaplib would keep the last ten lines, the LOGIN among them."""

    def _command(self, name: str, *args: Any) -> Any:
        check_arguments(name, args)
        for stale in _STALE:
            self.untagged_responses.pop(stale, None)
        self._literal_out = self.literal
        try:
            return super()._command(name, *args)  # type: ignore[misc]  # typeshed does not know it
        finally:
            self._literal_out = None

    def begin(self, name: str) -> bytes:
        """Send a command without arguments and return its tag; the answer is read by the caller (IDLE)."""
        tag: bytes = self._command(name)
        return tag

    def told(self, key: str) -> list[bytes]:
        """Take away what the last command was told untagged under this name (`CAPABILITY`, `APPENDUID`, `BYE`)."""
        return [item for item in self.untagged_responses.pop(key, []) if isinstance(item, bytes)]

    def settle(self, tag: bytes) -> None:
        """Forget a tag whose answer the caller has read itself."""
        self.tagged_commands.pop(tag, None)


class Client(IMAPClient):  # type: ignore[misc]  # imapclient ships no types
    """imapclient over a `Wire`; construct it when the wire is connected (and secured, for implicit TLS)."""

    def __init__(self, host: str, port: int, wire: Wire) -> None:
        self._wire = wire
        super().__init__(host, port, ssl=False)
        self._imap.debug = 0
        # Names are decoded and encoded by us, one by one: a single malformed name must not hide all others.
        self.folder_encode = False

    def _create_IMAP4(self) -> Imap4:
        return Imap4(self.host, self.port, self._wire)

    def _set_read_timeout(self) -> None:
        """The wire has its own deadlines."""

    def _raw_command(self, command: bytes, args: Any, uid: bool = True) -> Any:
        check_arguments(command.decode("ascii"), args if isinstance(args, list | tuple) else [args])
        return super()._raw_command(command, args, uid=uid)
