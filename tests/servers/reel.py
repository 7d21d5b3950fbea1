"""A connection to recorded bytes: what a server said, played to the real `ImapConnection` without a socket."""

from __future__ import annotations

from types import SimpleNamespace

from levelhead.clock import SystemClock
from levelhead.errors import ConnectionLost
from levelhead.mailbox.api import MailboxSpec
from levelhead.mailbox.connection import ImapConnection
from levelhead.mailbox.imap4 import Client
from levelhead.mailbox.wire import Wire


class Reel:
    """A wire that plays bytes and then ends; `<tag>` becomes the tag of the command before."""

    sock = object()
    unsaid = ()
    plain = Wire.plain

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.tag = b"x"
        self.deadline = None

    def begin(self, deadline) -> None:
        self.deadline = deadline

    def send(self, data: bytes) -> None:
        self.tag = data.split(b" ")[0]

    def read_line(self) -> bytes:
        line, found, self.said = self.said.partition(b"\r\n")
        if not found:
            raise ConnectionLost("the server closed the connection")
        return line.replace(b"<tag>", self.tag)

    ready_line = read_line

    def read_exactly(self, size: int) -> bytes:
        self.deadline.expect(size)
        if len(self.said) < size:
            raise ConnectionLost("the server closed the connection")
        data, self.said = self.said[:size], self.said[size:]
        return data

    def close(self) -> None:
        self.sock = None

    def detach(self) -> None:
        pass


def connection_to(said: bytes) -> ImapConnection:
    spec = MailboxSpec(name="m", host="h", port=1, user="u", secret=str)
    reel = Reel(b"* PREAUTH hi\r\n* CAPABILITY IMAP4rev1\r\n<tag> OK x\r\n")
    connection = ImapConnection(spec, SystemClock(), reel)
    connection._wire.begin(SimpleNamespace(expect=lambda size: None))
    connection._client = Client("h", 1, reel)
    capabilities = "IMAP4REV1 NAMESPACE UIDPLUS CONDSTORE IDLE SPECIAL-USE"
    connection.capabilities = frozenset(capabilities.split())
    connection._client._cached_capabilities = tuple(word.encode() for word in capabilities.split())
    reel.said = said
    return connection


WAKE = SimpleNamespace(is_set=lambda: False)
CALLS = {
    "examine": lambda c: c.examine("INBOX"),
    "folders": lambda c: c.folders(),
    "prefix": lambda c: c.prefix(),
    "noop": lambda c: c.noop(),
    "uids": lambda c: selected(c).uids(1, 9, at_most=9),
    "heads": lambda c: selected(c).heads((1, 2)),
    "bodies": lambda c: list(selected(c).bodies({1: 3}, None)),
    "flags": lambda c: selected(c).flags_since(1),
    "append": lambda c: c.append("Drafts", b"x", ["\\Seen"], SystemClock().now()),
    "expunge": lambda c: selected(c).expunge(1),
    "idle": lambda c: c.idle(WAKE, 5),
    "close": lambda c: c.close(),
}


def selected(connection: ImapConnection) -> ImapConnection:
    connection._imap.state = "SELECTED"
    return connection


"""Every method of a connection, by name."""
