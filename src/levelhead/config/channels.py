"""Whom an alert channel would reach: a channel that leads to a client is refused (we never write to a client)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from levelhead.clients.patterns import Patterns
from levelhead.config.settings import Settings

_ADDRESS = re.compile(r"[^\s@<>\"'(),;:/?&=]{1,64}@[^\s@<>\"'(),;:/?&=]{1,255}")


def recipients_of(url: str) -> tuple[str, ...]:
    """Every e-mail address that an Apprise URL names, as recipient or as account, lower-case and sorted."""
    return tuple(sorted({address.lower().rstrip(".") for address in _addresses(url)}))


def _addresses(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query)
    except ValueError:
        return
    userinfo, _, host = parts.netloc.rpartition("@")
    user = unquote(userinfo.partition(":")[0])
    if parts.scheme.lower().startswith("mail") and user and host:
        # Without a recipient Apprise writes to the account itself.
        yield user if "@" in user else f"{user}@{host.partition(':')[0]}"
    for piece in (userinfo, parts.path, *(value for _, value in query)):
        for text in {piece, unquote(piece)}:
            yield from _ADDRESS.findall(text)


def client_reached(settings: Settings, url: str) -> str:
    """The name of the listed client whom this channel would write to, or empty."""
    mine = Patterns.of((pattern, "me") for pattern in settings.me.addresses)
    listed = Patterns.of((pattern, client.name) for client in settings.listed for pattern in client.addresses)
    for address in recipients_of(url):
        own, theirs = mine.match(address), listed.match(address)
        if theirs and theirs.closeness >= own.closeness:
            return theirs.owner
    return ""
