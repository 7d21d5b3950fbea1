"""MX and SRV records from a real name server on loopback, and every way in which it can have none."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from levelhead.discovery.api import NoSuchDomain, Service
from levelhead.discovery.nameserver import NameServer
from levelhead.errors import Unavailable

dns_message = pytest.importorskip(
    "dns.message", reason="dnspython is not installed: pip install 'levelhead[evidence]'"
)


class Zone:
    """A name server over UDP: records by name and kind, a code for the whole, or nothing at all."""

    def __init__(
        self, records: Mapping[tuple[str, str], list[str]], *, silent: bool = False, code: int = 0
    ) -> None:
        self._records, self._silent, self._code = records, silent, code
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.where = ("127.0.0.1", self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        import dns.rcode
        import dns.rdatatype
        import dns.rrset

        with contextlib.suppress(OSError):
            while True:
                data, sender = self._socket.recvfrom(4096)
                if not data:
                    return  # closed
                if self._silent:
                    continue
                question = dns_message.from_wire(data)
                asked = question.question[0]
                name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
                response = dns_message.make_response(question)
                if records := self._records.get((name, kind)):
                    response.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *records))
                elif not any(known == name for known, _ in self._records):
                    response.set_rcode(dns.rcode.NXDOMAIN)
                if self._code:
                    response.set_rcode(self._code)
                self._socket.sendto(response.to_wire(), sender)

    def close(self) -> None:
        # Whoever waits in recvfrom is not woken by close alone.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def ask() -> Iterator[Callable[..., NameServer]]:
    zones: list[Zone] = []

    def make(records: Mapping[tuple[str, str], list[str]], *, deadline: float = 5.0, **options) -> NameServer:
        zones.append(Zone(records, **options))
        return NameServer(zones[-1].where, deadline=deadline)

    yield make
    for zone in zones:
        zone.close()


def test_mail_hosts_are_those_of_the_lowest_preference_and_never_a_backup(ask) -> None:
    records = {("studio.example", "MX"): ["20 mx00.ionos.de.", "10 mail.studio.example."]}
    assert ask(records).mail_hosts("studio.example") == ("mail.studio.example",)
    records = {("studio.example", "MX"): ["5 b.mx.example.", "20 c.mx.example.", "5 A.mx.example."]}
    assert ask(records).mail_hosts("studio.example") == ("a.mx.example", "b.mx.example")


def test_a_null_mx_and_no_mx_are_no_hosts(ask) -> None:
    assert ask({("studio.example", "MX"): ["0 ."]}).mail_hosts("studio.example") == ()
    assert ask({("studio.example", "A"): ["127.0.0.1"]}).mail_hosts("studio.example") == ()


def test_a_domain_that_is_not_there_is_told_from_one_without_mail(ask) -> None:
    with pytest.raises(NoSuchDomain, match=r"there is no domain gmial\.example"):
        ask({}).mail_hosts("gmial.example")


def test_services_are_read_whole(ask) -> None:
    name = "_imaps._tcp.studio.example"
    found = ask({(name, "SRV"): ["0 1 993 imap.studio.example.", "10 0 0 ."]}).services(name)
    # They come in any order: a name server turns them about.
    assert sorted(found, key=lambda one: one.priority) == [
        Service(priority=0, weight=1, port=993, target="imap.studio.example."),
        Service(priority=10, weight=0, port=0, target="."),
    ]
    assert ask({}).services(name) == ()


def test_one_who_cannot_say_or_says_nothing_is_a_sentence(ask) -> None:
    with pytest.raises(Unavailable, match=r"no answer for studio\.example"):
        ask({("studio.example", "MX"): []}, code=2, deadline=2.0).mail_hosts("studio.example")
    with pytest.raises(Unavailable, match=r"no name server has answered for studio\.example within 0\.3 s"):
        ask({}, silent=True, deadline=0.3).mail_hosts("studio.example")
