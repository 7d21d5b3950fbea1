"""The settings that a domain publishes for mail programs: Thunderbird's autoconfig form, version 1.1. Pure.

https://www.ietf.org/archive/id/draft-ietf-mailmaint-autoconfig-00.html describes it. The file comes from strangers, so
a document type is refused before it can name an entity, and a server that would not be spoken to in TLS is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import quote
from xml.parsers import expat

from levelhead.discovery.api import Security, Server

LARGEST = 100_000
"""Bytes; real ones have some 3,000."""
DEEPEST = 16
"""Elements within each other; real ones have 5."""
MOST = 8
"""Servers of one file that are taken: somebody sits and waits while each of them is called."""

SECURITY: dict[str, Security] = {"SSL": "implicit", "STARTTLS": "starttls"}
"""`socketType`; `plain` is not among them."""
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*\Z")


class NoSettings(ValueError):
    """The file is none that can be used; says why in half a sentence."""


@dataclass(slots=True)
class _Element:
    name: str
    attributes: dict[str, str]
    inner: list[_Element] = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> Iterator[_Element]:
        """The elements of that name right within this one."""
        return (one for one in self.inner if one.name == name)

    def says(self, name: str) -> str:
        """The text of the first element of that name, or empty."""
        return next((one.text.strip() for one in self.all(name)), "")


def addresses_of(address: str, domain: str) -> tuple[str, ...]:
    """Where the file is looked for, in order; only the domain's own hosts are ever told anything.

    The first one is told the address, as the form has it: the file may differ from user to user.
    """
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={quote(address, safe='')}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )


def is_host(text: str) -> bool:
    """Whether a text is the name of a host, or an IPv4 address, and nothing else."""
    return bool(_HOST.match(text))


def servers_in(data: bytes, address: str, found: str) -> tuple[Server, ...]:
    """The first IMAP servers that a file names, `MOST` at most, in its order; NoSettings when it is none."""
    root = _tree(data)
    if root.name != "clientConfig":
        raise NoSettings(f"it begins with <{root.name[:40]}> and not with <clientConfig>")
    incoming = (one for provider in root.all("emailProvider") for one in provider.all("incomingServer"))
    read = (_server(one, address, found) for one in incoming if one.attributes.get("type") == "imap")
    return tuple(islice((server for server in read if server is not None), MOST))


def _server(element: _Element, address: str, found: str) -> Server | None:
    """One server, None for one that nothing can be done with."""
    host, port = _filled(element.says("hostname"), address), _port(element.says("port"))
    security = SECURITY.get(element.says("socketType"))
    if not is_host(host) or port is None or security is None:
        return None
    ways = [one.text.strip() for one in element.all("authentication")]
    user = _filled(element.says("username") or "%EMAILADDRESS%", address)
    return Server(
        host=host.lower(),
        port=port,
        security=security,
        # What is left of other placeholders nobody here could fill in.
        user=address if "%" in user or not user.isprintable() else user,
        found=found,
        passwords=not ways or any(way.startswith("password") for way in ways),
    )


def _port(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if 0 < number < 65536 else None


def _filled(text: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    for word, value in (("ADDRESS", address), ("LOCALPART", local), ("DOMAIN", domain)):
        text = text.replace(f"%EMAIL{word}%", value)
    return text


def _tree(data: bytes) -> _Element:
    if len(data) > LARGEST:
        raise NoSettings(f"it has more than {LARGEST} bytes")
    top = _Element("", {})
    open_now = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_now) > DEEPEST:
            raise NoSettings("its elements lie too deep within each other")
        open_now[-1].inner.append(_Element(name, attributes))
        open_now.append(open_now[-1].inner[-1])

    def end(_: str) -> None:
        open_now.pop()

    def text(piece: str) -> None:
        open_now[-1].text += piece

    def refuse(*_: object) -> None:
        # Entities, external files and default attributes all need one; the form needs none of them.
        raise NoSettings("it brings a document type (DTD), which is refused")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, refuse
    try:
        parser.Parse(data, True)
    except NoSettings:
        raise
    except (expat.ExpatError, LookupError, ValueError) as exc:
        # ValueError: an encoding that expat cannot take, such as one of several bytes for a letter.
        raise NoSettings(f"it is not XML: {exc}") from exc
    return top.inner[0]
