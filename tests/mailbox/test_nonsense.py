"""Servers that speak any nonsense at all: every method answers or raises an error of ours, and never another."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from levelhead.errors import MailboxError
from servers.reel import CALLS, connection_to

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
