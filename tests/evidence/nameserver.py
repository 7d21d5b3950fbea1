"""A DNS server on loopback, UDP and TCP on one port, that answers from a table as a test wants it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

NAME = "s1._domainkey.harbour.example"


@dataclass
class Zone:
    """What the server says: TXT records by name (each a tuple of strings), CNAMEs, and how it behaves."""

    texts: Mapping[str, tuple[tuple[bytes, ...], ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    ttl: int = 60
    validated: bool = False
    silent: bool = False
    broken: bool = False
    dripping: bool = False
    cut_over_udp: bool = True
    """Whether an answer that is too long for UDP is cut, so that the rest has to be asked for over TCP."""


class NameServer:
    """Answers until it is closed; `asked` are the questions as (protocol, name)."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []
        self.wanted_validation: list[bool] = []
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._over_udp, self._over_tcp)
        ]
        self._stop = threading.Event()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._udp.sendto(b"", self._udp.getsockname())
        for thread in self._threads:
            thread.join(5)
        self._tcp.close()
        self._udp.close()

    def _over_udp(self) -> None:
        while not self._stop.is_set():
            wire, sender = self._udp.recvfrom(4096)
            if wire and not self.zone.silent:
                self._udp.sendto(self._answer(wire, "udp"), sender)

    def _over_tcp(self) -> None:
        while True:
            connection, _ = self._tcp.accept()
            with connection, suppress(OSError):
                if self._stop.is_set():
                    return
                connection.settimeout(5)
                (length,) = struct.unpack("!H", _exactly(connection, 2))
                answer = self._answer(_exactly(connection, length), "tcp")
                if self.zone.dripping:
                    connection.sendall(b"\x7f\xff")
                    while not self._stop.wait(0.05):
                        connection.sendall(b"x")
                connection.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, wire: bytes, protocol: str) -> bytes:
        question = dns.message.from_wire(wire)
        (asked,) = question.question
        name = str(asked.name).rstrip(".")
        self.asked.append((protocol, name))
        self.wanted_validation.append(bool(question.flags & dns.flags.AD))
        answer = dns.message.make_response(question, recursion_available=True)
        if self.zone.validated:
            answer.flags |= dns.flags.AD
        if self.zone.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer.to_wire()
        target = self.zone.aliases.get(name, name)
        if target != name:
            answer.answer.append(dns.rrset.from_text(f"{name}.", self.zone.ttl, "IN", "CNAME", f"{target}."))
        if target not in self.zone.texts:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            return answer.to_wire()
        if self.zone.texts[target]:
            quoted = [" ".join(f'"{one.decode()}"' for one in record) for record in self.zone.texts[target]]
            answer.answer.append(dns.rrset.from_text(f"{target}.", self.zone.ttl, "IN", "TXT", *quoted))
        full = answer.to_wire(max_size=65_535)
        if protocol == "udp" and self.zone.cut_over_udp and len(full) > 1232:
            cut = dns.message.make_response(question, recursion_available=True)
            cut.flags |= dns.flags.TC
            return cut.to_wire()
        return full


def _exactly(connection: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = connection.recv(length - len(found))
        if not more:
            raise OSError("the other side went away")
        found += more
    return found
