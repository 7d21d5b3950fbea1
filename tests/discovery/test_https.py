"""The asker over https against a real server on loopback: whom it trusts, what it refuses, and when it gives up."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest
import trustme

from levelhead.clock import SystemClock
from levelhead.discovery.api import Fetch
from levelhead.discovery.autoconfig import LARGEST
from levelhead.discovery.https import fetcher
from levelhead.errors import Unavailable

URL = "https://autoconfig.studio.example/mail/config-v1.1.xml?emailaddress=robin%40studio.example"


class Site:
    """An https server that says the same to everybody; `asked` is the head of each request."""

    def __init__(self, context: ssl.SSLContext, answer: bytes, *, silent: bool = False) -> None:
        self.asked: list[bytes] = []
        self.done = threading.Event()
        self._context, self._answer, self._silent = context, answer, silent
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                with contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as sock:
                    self.asked.append(sock.recv(65_536))
                    sock.sendall(self._answer)
                    if self._silent:
                        self.done.wait(20)

    def close(self) -> None:
        self.done.set()
        self._listener.close()


def answer(body: bytes = b"<x/>", *, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def site(authority: trustme.CA) -> Iterator[Callable[..., tuple[Site, Fetch]]]:
    """Makes a site under the name of the domain, and an asker that finds it there."""
    sites: list[Site] = []

    def make(said: bytes, *, name: str = "autoconfig.studio.example", trusted: bool = True, **options):
        theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(theirs)
        ours = ssl.create_default_context()
        if trusted:
            authority.configure_trust(ours)
        sites.append(one := Site(theirs, said, silent="deadline" in options))

        def reach(host: str, port: int, seconds: float) -> socket.socket:
            assert (host, port) == ("autoconfig.studio.example", 443)
            return socket.create_connection(("127.0.0.1", one.port), seconds)

        return one, fetcher(SystemClock(), context=ours, reach=reach, **options)

    yield make
    for one in sites:
        one.close()


def test_a_file_is_fetched_with_the_address_in_the_question_and_nothing_else_of_ours(site) -> None:
    there, fetch = site(answer(b"<clientConfig/>"))
    assert fetch(URL) == b"<clientConfig/>"
    (asked,) = there.asked
    line, *headers = asked.decode().split("\r\n")
    assert line == "GET /mail/config-v1.1.xml?emailaddress=robin%40studio.example HTTP/1.1"
    names = {header.partition(":")[0] for header in headers if header}
    assert names == {"Host", "Accept-Encoding", "User-Agent", "Accept", "Connection"}


def test_where_there_is_no_file_there_is_none(site) -> None:
    assert site(answer(status="404 Not Found"))[1](URL) is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(status="302 Found", more="Location: https://elsewhere.example/\r\n"), "we do not follow"),
        (answer(b"x" * (LARGEST + 1)), f"more than {LARGEST} bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", "broke off"),
        (b"220 mail.studio.example ESMTP\r\n", "does not speak HTTP"),
        (b"", "no answer from"),
    ],
)
def test_whatever_is_no_whole_file_is_a_sentence(site, said: bytes, why: str) -> None:
    with pytest.raises(Unavailable, match=why):
        site(said)[1](URL)


def test_a_certificate_that_is_not_trusted_or_another_s_is_refused_before_anything_is_said(site) -> None:
    for options in ({"trusted": False}, {"name": "www.studio.example"}):
        there, fetch = site(answer(), **options)
        with pytest.raises(Unavailable, match="is not trusted"):
            fetch(URL)
        assert not there.asked


def test_one_who_never_ends_is_given_up_at_the_deadline(site) -> None:
    _, fetch = site(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", deadline=0.3)
    with pytest.raises(Unavailable, match="did not answer whole within"):
        fetch(URL)


def test_nobody_there_is_a_sentence() -> None:
    def reach(host: str, port: int, seconds: float) -> socket.socket:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unavailable, match=r"autoconfig\.studio\.example: Name or service not known"):
        fetcher(SystemClock(), reach=reach)(URL)
