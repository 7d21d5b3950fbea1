"""The address of a DNS server as an operator writes it."""

from __future__ import annotations

import ipaddress
import re

WRITTEN = re.compile(r"\[([^]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?|(.+)")


def a_resolver(text: str) -> str:
    """A value of `[evidence] resolver`: `off`, `system` or an address; ValueError for anything else."""
    if text not in {"off", "system"}:
        parse_server(text)
    return text


def parse_server(text: str) -> tuple[str, int]:
    """Address and port of `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` or `[2001:db8::53]:5353`; or ValueError."""
    match = WRITTEN.fullmatch(text)
    address, port = (
        ((match[1] or match[3] or match[5]), match[2] or match[4] or "53") if match else ("", "53")
    )
    try:
        found = str(ipaddress.ip_address(address))
    except ValueError:
        raise ValueError(
            f'"{text}" is no DNS server: write an address such as "192.0.2.53", or "system", or "off"'
        ) from None
    if not 0 < int(port) < 65_536:
        raise ValueError(f"there is no port {port}")
    return found, int(port)
