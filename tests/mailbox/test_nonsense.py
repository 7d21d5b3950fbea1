"""Servers that speak any nonsense at all: every method answers or raises an error of ours, and never another."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from levelhead.clock import SystemClock
from levelhead.errors import ConnectionLost, MailboxError
from levelhead.mailbox.api import MailboxSpec
from levelhead.mailbox.connection import ImapConnection
from levelhead.mailbox.imap4 import Client

PIECES = [
    b"1 FETCH (", b"UID 1 ", b"RFC822.SIZE 3 ", b"BODY[] {3}\r\nabc", b"BODY[] NIL", b"FLAGS (\\Seen) ", b")", b"(",
    b'INTERNALDATE "17-Jul-1996 02:44:25 -0700" ', b'INTERNALDATE "99-Foo-0000" ', b'"', b"\\", b"{", b"}", b"[", b"]",
    b"{5}\r\n", b"~{3}\r\n", b'LIST (\\Drafts) "/" ', b"LIST () NIL INBOX", b'"&AOQ-"', b'"&&&-"', b"SEARCH x",
    b"SEARCH 1 2 (MODSEQ 3)", b"3 EXISTS", b"OK [UIDVALIDITY 5] x", b"OK [UIDNEXT 99999999999999999999] x",
    b"OK [APPENDUID 1 2] x", b'NAMESPACE (("INBOX." ".")) NIL NIL', b"NAMESPACE NIL NIL NIL", b"\0\xff", b" ",
]  # fmt: skip
PART = st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))
LINE = st.lists(PART, max_size=3).map(lambda parts: b"* " + b"".join(parts) + b"\r\n")
END = st.sampled_from(
    [b"<tag> OK done\r\n"] * 5
    + [b"<tag> OK done\r\n", b"<tag> NO [LIMIT] x\r\n", b"<tag> BAD x\r\n", b"* BYE x\r\n", b"+ go\r\n", b""]
)
TALK = st.tuples(st.lists(LINE, max_size=4), END).map(lambda talk: b"".join(talk[0]) + talk[1])
NOISE = st.one_of(st.lists(TALK, max_size=4).map(b"".join), st.lists(PART, max_size=12).map(b"".join))


class Reel:
    """A wire that plays bytes and then ends; `<tag>` becomes the tag of the command before."""

    sock = object()

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


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=NOISE)
@example(said=b"* SEARCH x\r\n<tag> OK done\r\n")
@example(said=b"* 1 FETCH (UID 1 X " + b"(" * 5_000 + b"\r\n<tag> OK done\r\n")
@example(said=b"* OK [UIDVALIDITY x] y\r\n* x EXISTS\r\n<tag> OK done\r\n")
def test_nonsense_is_answered_or_refused_in_our_own_words(call, said):
    connection = connection_to(said)
    try:
        call(connection)
    except MailboxError as exc:
        assert len(str(exc)) < 400
