"""Asks the machine's name servers for MX and SRV records, through dnspython, within a total deadline."""

from __future__ import annotations

import importlib.util
from typing import Any

from levelhead.discovery.api import NoSuchDomain, Service
from levelhead.errors import Unavailable

DEADLINE = 5.0
"""Seconds that one question may take in all."""
ONE_TRY = 2.0
"""Seconds that one server is waited for."""
MOST = 20
"""Records of one answer that are looked at."""


def is_installed() -> bool:
    """Whether dnspython is there, which comes with the extra `evidence`."""
    return importlib.util.find_spec("dns") is not None


class NameServer:
    """A `Dns`; `where` is the address and port of a server, None for those of the machine."""

    def __init__(self, where: tuple[str, int] | None = None, *, deadline: float = DEADLINE) -> None:
        self._where = where
        self._deadline = deadline

    def mail_hosts(self, domain: str) -> tuple[str, ...]:
        """The hosts of its MX records of the lowest preference, by name; a null MX (RFC 7505) names none."""
        answer = self._ask(domain, "MX")
        records = sorted((one.preference, one.exchange.to_text().rstrip(".").lower()) for one in answer)
        return tuple(host for preference, host in records[:MOST] if host and preference == records[0][0])

    def services(self, name: str) -> tuple[Service, ...]:
        """The SRV records of a name, in the order of what they say; none where there is no such name."""
        try:
            answer = self._ask(name, "SRV")
        except NoSuchDomain:
            return ()
        # Whatever does not read as a host's name is no use to us; `.` says that there is none.
        records = sorted((one.priority, one.weight, one.port, one.target.to_text()) for one in answer)
        return tuple(
            Service(priority=priority, weight=weight, port=port, target=target)
            for priority, weight, port, target in records[:MOST]
        )

    def _ask(self, name: str, kind: str) -> list[Any]:
        import dns.exception
        import dns.resolver

        try:
            resolver = dns.resolver.Resolver(configure=self._where is None)
            if self._where is not None:
                resolver.nameservers, resolver.port = [self._where[0]], self._where[1]
            resolver.timeout = ONE_TRY
            found = resolver.resolve(
                f"{name}.", kind, search=False, lifetime=self._deadline, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            raise NoSuchDomain(
                f"there is no domain {name} in the DNS; see whether the address is right"
            ) from None
        except dns.exception.Timeout:
            raise Unavailable(f"no name server has answered for {name} within {self._deadline:g} s") from None
        except (dns.exception.DNSException, OSError, ValueError) as exc:
            raise Unavailable(f"the DNS gives no answer for {name}: {type(exc).__name__}") from exc
        return list(found.rrset or ())
