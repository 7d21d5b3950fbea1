"""Keys from the DNS: a real server on loopback says every kind of thing, and every failure is an answer."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from evidence.nameserver import NAME, NameServer, Zone
from levelhead.clock import FrozenClock, SystemClock
from levelhead.errors import UserError
from levelhead.evidence.resolver import (
    FAILED_FOR,
    LONGEST,
    NONE_FOR,
    REMEMBERED,
    SILENT_FOR,
    Answer,
    Dns,
    Resolver,
    must_be_installed,
    the_key,
    within,
)
from levelhead.facts import KeyPart

NOW = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)
RECORD = b"v=DKIM1; k=rsa; p=" + b"A" * 390
LONG = tuple(RECORD[at : at + 255] for at in range(0, len(RECORD), 255))


@pytest.fixture
def serve() -> Iterator[Callable[..., NameServer]]:
    servers: list[NameServer] = []

    def make(**zone: object) -> NameServer:
        servers.append(NameServer(Zone(**zone)))  # type: ignore[arg-type]
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def asked(server: NameServer, name: str = NAME, deadline: float = 5.0, one_try: float = 2.0) -> Answer:
    clock = FrozenClock(NOW)
    return Dns(("127.0.0.1", server.port), clock, deadline=deadline, one_try=one_try).ask(name)


def test_a_key_comes_with_its_octets_joined_its_ttl_and_when_it_was_asked_for(serve) -> None:
    server = serve(texts={NAME: (LONG,)}, ttl=300)
    answer = asked(server)
    assert base64.b64decode(answer.key.record) == RECORD
    assert (answer.key.name, answer.key.answer, answer.key.dnssec) == (NAME, "found", "insecure")
    assert (answer.ttl, answer.key.fetched_at, answer.silent) == (300, NOW, False)
    assert (server.asked, server.wanted_validation) == ([("udp", NAME)], [True])


def test_a_resolver_that_validated_says_so(serve) -> None:
    assert asked(serve(texts={NAME: (LONG,)}, validated=True)).key.dnssec == "secure"
    assert asked(serve(validated=True)).key.dnssec == "secure"


def test_a_key_at_a_provider_is_followed_to(serve) -> None:
    server = serve(texts={"s1.provider.example": (LONG,)}, aliases={NAME: "s1.provider.example"})
    assert base64.b64decode(asked(server).key.record) == RECORD


def test_an_answer_that_is_too_long_for_a_packet_comes_over_tcp(serve) -> None:
    long = (b"v=DKIM1; p=", *[b"A" * 250] * 6)
    server = serve(texts={NAME: (long,)})
    assert base64.b64decode(asked(server).key.record) == b"".join(long)
    assert server.asked == [("udp", NAME), ("tcp", NAME)]


@pytest.mark.parametrize("texts", [{}, {NAME: ()}, {NAME: ((b"v=spf1 -all",),)}])
def test_a_name_without_a_key_has_none(serve, texts: dict[str, tuple[tuple[bytes, ...], ...]]) -> None:
    answer = asked(serve(texts=texts))
    assert (answer.key.answer, answer.key.record, answer.ttl, answer.silent) == ("none", "", NONE_FOR, False)


def test_a_server_that_cannot_say_is_a_failure(serve) -> None:
    answer = asked(serve(broken=True))
    assert (answer.key.answer, answer.key.dnssec, answer.silent) == ("failed", "unknown", False)


def test_a_server_that_says_nothing_is_given_up_at_the_deadline(serve) -> None:
    began = time.monotonic()
    answer = asked(serve(silent=True), deadline=0.3, one_try=0.2)
    assert time.monotonic() - began < 2.0
    assert (answer.key.answer, answer.silent) == ("failed", True)


def test_a_server_that_drips_is_given_up_at_the_same_deadline(serve) -> None:
    server = serve(texts={NAME: ((b"v=DKIM1; p=", *[b"A" * 250] * 6),)}, dripping=True)
    began = time.monotonic()
    assert asked(server, deadline=0.4, one_try=0.4).key.answer == "failed"
    assert ("tcp", NAME) in server.asked
    assert time.monotonic() - began < 2.0


def test_nobody_at_all_is_a_failure_too() -> None:
    server = NameServer(Zone())
    server.close()
    assert asked(server, deadline=0.3, one_try=0.2).key.answer == "failed"


def test_of_several_records_the_key_is_taken_whatever_their_order() -> None:
    one, other, text = b"v=DKIM1; p=AAAA", b"v=DKIM1; p=BBBB", b"some words"
    assert the_key([text, other, one]) == the_key([one, other, text]) == one
    assert the_key([b"v=DKIM1; p =AAAA"]) == b"v=DKIM1; p =AAAA"
    assert the_key([text]) is None
    assert the_key([b"p=" + b"A" * 5_000]) is None, "no key is so long"


def test_the_machine_s_own_resolver_is_named_by_its_addresses() -> None:
    assert Dns(("::1", 5353), SystemClock()).address == "[::1]:5353"
    assert Dns(None, SystemClock()).address


# --- what is remembered ------------------------------------------------------------------------------


class Scripted:
    """A server that says what the test has written down."""

    address = "192.0.2.53:53"

    def __init__(self, answer: str = "found", ttl: float = 60.0, silent: bool = False) -> None:
        self.answer, self.ttl, self.silent = answer, ttl, silent
        self.asked: list[str] = []

    def ask(self, name: str) -> Answer:
        self.asked.append(name)
        key = KeyPart(name=name, record="", answer=self.answer, dnssec="insecure", fetched_at=NOW)
        return Answer(key=key, ttl=self.ttl, silent=self.silent)


def test_a_key_is_remembered_as_long_as_it_holds_and_an_hour_at_most() -> None:
    for ttl, held in ((60.0, 60.0), (10.0**6, LONGEST)):
        server, clock = Scripted(ttl=ttl), FrozenClock(NOW)
        resolver = Resolver(server, clock)
        assert resolver.lookup("a") == resolver.lookup("a")
        clock.advance(seconds=held - 1)
        resolver.lookup("a")
        assert len(server.asked) == 1
        clock.advance(seconds=1)
        resolver.lookup("a")
        assert len(server.asked) == 2


def test_a_resolver_that_is_dead_is_left_alone_for_a_while() -> None:
    server, clock = Scripted("failed", FAILED_FOR, silent=True), FrozenClock(NOW)
    resolver = Resolver(server, clock)
    for name in "abcdef":
        assert resolver.lookup(name).answer == "failed"
    assert server.asked == ["a", "b"]
    clock.advance(seconds=SILENT_FOR)
    server.silent = False
    resolver.lookup("c")
    resolver.lookup("d")
    assert server.asked == ["a", "b", "c", "d"]


def test_memory_is_bounded() -> None:
    server = Scripted()
    resolver = Resolver(server, FrozenClock(NOW))
    for number in range(REMEMBERED + 1):
        resolver.lookup(f"name{number}")
    resolver.lookup(f"name{REMEMBERED}")
    assert len(server.asked) == REMEMBERED + 1
    resolver.lookup("name0")
    assert len(server.asked) == REMEMBERED + 2


def test_questions_about_one_message_end_together() -> None:
    clock = FrozenClock(NOW)
    server = Scripted()
    ask = within(Resolver(server, clock).lookup, clock, 20.0)
    assert ask("a").answer == "found"
    clock.advance(seconds=20)
    assert (ask("b").answer, server.asked) == ("failed", ["a"])


@pytest.mark.parametrize("library", ["dkim", "dns", "cryptography"])
def test_without_the_extra_one_sentence_says_what_to_do(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    must_be_installed()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UserError, match=r"needs the extra: pip install 'levelhead\[evidence\]'"):
        must_be_installed()
