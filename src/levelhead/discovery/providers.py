"""The table of the large providers: which one an address belongs to, by its domain or by who takes its mail."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from importlib.resources import files
from typing import Any

from levelhead.discovery.api import Provider, Server


@cache
def providers() -> tuple[Provider, ...]:
    """The table as it lies beside this file."""
    table = tomllib.loads((files(__package__) / "providers.toml").read_text(encoding="utf-8"))
    return tuple(_provider(entry) for entry in table["provider"])


def _provider(entry: dict[str, Any]) -> Provider:
    unknown = set(entry) - {field.name for field in fields(Provider)}
    assert not unknown, f"providers.toml, {entry.get('name')}: unknown keys {sorted(unknown)}"
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Provider(**values)


def by_domain(domain: str) -> Provider | None:
    """Whose addresses these are; a domain below one of theirs counts as well (`studio.onmicrosoft.com`)."""
    return next((one for one in providers() if any(lies_in(domain, known) for known in one.domains)), None)


def by_place(host: str, port: int) -> Provider | None:
    """Whose server this is."""
    return next((one for one in providers() if (one.host, one.port) == (host, port)), None)


def by_mail_hosts(hosts: Iterable[str]) -> Provider | None:
    """Who takes the mail of a domain, told by the first of these hosts that somebody in the table has.

    A filter that stands beside them (another company's) leads nowhere, and the next ones may tell.
    """
    for host in hosts:
        for one in providers():
            if any(lies_in(host.rstrip(".").lower(), end) for end in one.mx):
                return one
    return None


def lies_in(name: str, end: str) -> bool:
    """Whether a name is this domain or lies below it: `notgmail.com` does not lie below `gmail.com`."""
    return name == end or name.endswith(f".{end}")


def server_of(provider: Provider, address: str, found: str) -> Server:
    """The provider's server for that address."""
    return Server(
        host=provider.host,
        port=provider.port,
        security=provider.security,
        user=address if provider.user == "address" else address.rpartition("@")[0],
        found=f"{found} ({provider.name})",
        provider=provider,
        passwords=provider.passwords,
    )
