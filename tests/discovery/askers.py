"""Askers that answer from a table, and keep what they were asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from levelhead.discovery.api import NoSuchDomain, Service
from levelhead.errors import Unavailable


@dataclass
class Records:
    """A `Dns` that knows these records; a domain that is not in `mx` does not exist, `down` answers nothing."""

    mx: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    srv: Mapping[str, tuple[Service, ...]] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def mail_hosts(self, domain: str) -> tuple[str, ...]:
        self._ask(f"MX {domain}")
        if domain not in self.mx:
            raise NoSuchDomain(f"there is no domain {domain} in the DNS")
        return self.mx[domain]

    def services(self, name: str) -> tuple[Service, ...]:
        self._ask(f"SRV {name}")
        return self.srv.get(name, ())

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if self.down:
            raise Unavailable("no name server has answered")


@dataclass
class Files:
    """A `Fetch` of these files; an address with None is one that does not answer."""

    files: Mapping[str, bytes | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, url: str) -> bytes | None:
        self.asked.append(url)
        if url in self.files and self.files[url] is None:
            raise Unavailable(f"no answer from {url}")
        return self.files.get(url)


def service(target: str, *, port: int = 993, priority: int = 0, weight: int = 0) -> Service:
    return Service(priority=priority, weight=weight, port=port, target=target)
