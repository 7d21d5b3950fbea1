"""Where an alert may go: a host by its name only when it is public, an address of one's own network by its number.

The check is made where a thread dials (PEP 578), with the very address that is dialled, so that a name which resolves
to something else between check and use cannot pass. It guards against names, not against plugins: it is no sandbox.
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import parse_qsl, urlsplit
from urllib.request import getproxies

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_DIALS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotPublic(OSError):
    """A name led to an address that is not public; an OSError, so that every transport takes it for no connection."""


class Reach:
    """What one delivery may dial: anything public, and what its URL or the environment's proxies name by number."""

    def __init__(self, url: str) -> None:
        self._own = _named(url) | _proxies()
        self._asked = ""
        self.refused = ""
        """Why a connection was refused, as a clause; empty when none was."""

    def heard(self, event: str, arguments: tuple[object, ...]) -> None:
        """An event of this thread; raises NotPublic when it is a connection that may not be."""
        if event == "socket.getaddrinfo":
            self._asked = _text(arguments[0])
            return
        address = arguments[1] if len(arguments) > 1 else None
        if event not in _DIALS or not isinstance(address, tuple) or not address:
            return
        host = _text(address[0])
        if self._asked in self._own or host in self._own or is_public(host):
            return
        where = f"{self._asked} is {host}" if self._asked and self._asked != host else host
        self.refused = (
            f"{where}, which is not a public address; if it is yours, write the number itself into the URL"
        )
        raise NotPublic(self.refused)


def is_public(host: str) -> bool:
    """Whether an IP address is anybody's on the internet; False for a name, which says nothing of where it leads."""
    try:
        address: IpAddress = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _within(address))


def _within(address: IpAddress) -> Iterator[IpAddress]:
    """The address, and an IPv4 address that it stands for (RFC 4291, 3056 and 6052); what it maps counts instead."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
            return
        if address.sixtofour is not None:
            yield address.sixtofour
        if address in _NAT64:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    yield address


@contextmanager
def within_reach(url: str) -> Iterator[Reach]:
    """While this lasts, connections of this thread lead to where this URL may lead; raises nothing by itself."""
    _listen()
    reach = Reach(url)
    _CURRENT.reach = reach
    try:
        yield reach
    finally:
        _CURRENT.reach = None


_CURRENT = threading.local()


@cache
def _listen() -> None:
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    # Called for every event of the process: what is none of ours must cost nothing.
    if event[:7] == "socket.":
        reach: Reach | None = getattr(_CURRENT, "reach", None)
        if reach is not None:
            reach.heard(event, arguments)


def _named(url: str) -> frozenset[str]:
    """Numbers and names of this machine that the URL itself holds: as its host, or as the value of a parameter."""
    try:
        parts = urlsplit(url)
        values = [value for _, value in parse_qsl(parts.query)]
        hosts = [parts.hostname or "", *(urlsplit(f"//{value}").hostname or "" for value in values)]
    except ValueError:
        return frozenset()
    return frozenset(
        host for host in hosts if _is_number(host) or host == "localhost" or host.endswith(".localhost")
    )


def _proxies() -> frozenset[str]:
    hosts = set()
    for proxy in getproxies().values():
        try:
            hosts.add(urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname or "")
        except ValueError:
            continue
    return frozenset(hosts - {""})


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _text(value: object) -> str:
    """A host as a resolver is given it, in the form that URLs are compared in."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text.lower().rstrip(".")
