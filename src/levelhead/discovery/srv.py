"""SRV records for reading mail (RFC 6186): which server comes first. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from levelhead.discovery.api import Security, Server, Service
from levelhead.discovery.autoconfig import is_host

NAMES: dict[Security, str] = {"implicit": "_imaps._tcp", "starttls": "_imap._tcp"}
"""The service of each way to begin TLS."""


def servers_in(records: Iterable[tuple[Security, Service]], address: str, domain: str) -> tuple[Server, ...]:
    """The servers by priority, then TLS from the first byte before STARTTLS (RFC 8314, section 3), then by weight.

    RFC 2782 draws lots by weight, so that many clients spread; a person who sets up one mailbox twice should get the
    same answer, so the heaviest comes first. A target of `.` says that there is no such service
    (RFC 6186, section 3.4).
    """
    usable = [
        (security, one)
        for security, one in records
        if is_host(one.target.rstrip(".")) and 0 < one.port < 65536
    ]
    usable.sort(
        key=lambda found: (found[1].priority, found[0] != "implicit", -found[1].weight, found[1].target)
    )
    return tuple(
        Server(
            host=(host := one.target.rstrip(".").lower()),
            port=one.port,
            security=security,
            user=address,
            found=f"in the DNS (SRV {NAMES[security]}.{domain})",
            # Nobody signs the answer, and a certificate says only that the host is the one that was named: a host
            # elsewhere is for a person to confirm (RFC 6186, section 6).
            vouched=host == domain or host.endswith(f".{domain}"),
        )
        for security, one in usable
    )
