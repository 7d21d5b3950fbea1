"""The socket itself: its options, its patience with slow but honest lines, and a resolver that never answers."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from levelhead.clock import SystemClock
from levelhead.errors import ConnectionLost, Unreachable
from levelhead.mailbox.api import MailboxSpec
from levelhead.mailbox.opening import connect
from levelhead.mailbox.wire import Stopped
from servers.scripted import answer_fetch

OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
]


@pytest.mark.server
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_the_socket_sends_at_once_and_finds_out_when_nobody_is_there(mailbox_account, connected, tls):
    port = mailbox_account.port if tls == "implicit" else mailbox_account.starttls_port
    sock = connected(mailbox_account, tls=tls, port=port)._wire.sock
    for level, option, value in OPTIONS:
        assert sock.getsockopt(level, option) == value


# --- slow lines ----------------------------------------------------------------------------------

SLOW = b"0123456789" * 20_000


def in_portions(data, each, seconds):
    """A step that answers one FETCH with these bytes, so many at a time with a pause after each."""

    def step(talk):
        talk.expect(rb"UID FETCH ")
        talk.say(b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % len(data))
        for start in range(0, len(data), each):
            talk.say(data[start : start + each])
            talk.pause(seconds)
        talk.say(b")\r\n")
        talk.done()

    return step


def hurried(opened, *steps):
    """A connection whose commands may take half a second, and a second more for each 100 KB."""
    connection, _ = opened(*steps, bytes_per_second=100_000)
    object.__setattr__(connection._spec, "timeout_seconds", 0.5)
    return connection


def test_a_slow_but_honest_line_is_waited_for(opened):
    connection = hurried(opened, in_portions(SLOW, 20_000, 0.08))
    began = time.monotonic()
    ((_, body),) = connection.bodies({1: len(SLOW)}, None)
    assert body.raw.read() == SLOW
    assert time.monotonic() - began > 0.5, "more than a command may take that brings nothing"


def test_a_line_that_is_slower_than_the_slowest_is_not_waited_for(opened):
    connection = hurried(opened, in_portions(SLOW, 1_000, 0.02))
    began = time.monotonic()
    with pytest.raises(ConnectionLost, match="took too long"):
        list(connection.bodies({1: len(SLOW)}, None))
    assert time.monotonic() - began < 6


# --- long lines ----------------------------------------------------------------------------------


def test_a_line_of_megabytes_is_not_read_to_its_end(opened):
    connection, _ = opened(answer_fetch(b'* 1 FETCH (UID 1 BODY[] "', b"x" * 3_000_000, b'")\r\n'))
    with pytest.raises(ConnectionLost, match="more than"):
        list(connection.bodies({1: 3}, None))


# --- a resolver that never answers ---------------------------------------------------------------


@pytest.fixture
def dead_resolver(monkeypatch):
    """getaddrinfo hangs until the test is over."""
    over, asked = threading.Event(), threading.Event()

    def hang(*words, **options):
        asked.set()
        over.wait(10)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()


def somewhere(**changes):
    values = {"name": "m", "host": "mail.example", "port": 993, "user": "u", "secret": str}
    return MailboxSpec(**(values | changes))


def test_a_resolver_that_never_answers_meets_the_deadline(dead_resolver):
    began = time.monotonic()
    with pytest.raises(ConnectionLost, match="connecting took too long"):
        connect(somewhere(timeout_seconds=0.2), SystemClock(), lambda: False)
    assert time.monotonic() - began < 6


def test_a_stop_does_not_wait_for_the_resolver(dead_resolver):
    stopping = iter((False, False))
    began = time.monotonic()
    with pytest.raises(Stopped):
        connect(somewhere(), SystemClock(), lambda: next(stopping, True))
    assert time.monotonic() - began < 6


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", ""])
def test_a_host_that_does_not_exist_is_said_to_be_unreachable(host):
    with pytest.raises(Unreachable):
        connect(somewhere(host=host, port=1), SystemClock(), lambda: False)
