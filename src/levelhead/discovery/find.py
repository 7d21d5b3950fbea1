"""The search for the server of an address: the table, the domain's own word, the DNS, guesses last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from levelhead.clients.patterns import comparable_domain
from levelhead.discovery import autoconfig, srv
from levelhead.discovery.api import Dns, Fetch, NoSuchDomain, Security, Server, Service
from levelhead.discovery.providers import by_domain, by_mail_hosts, by_place, lies_in, server_of
from levelhead.errors import Unavailable

GUESSES = ("imap.", "mail.", "")
"""What is put before a domain where nothing else tells; always port 993, never without TLS."""
NO_DNS = "the DNS was not asked, because dnspython is not installed (pip install 'levelhead[evidence]')"

BY_DOMAIN = "in the table of providers, by its domain"
"""Where the one candidate was found of an address whose domain is a provider's; nobody else is asked."""

LOOPBACK = "127.0.0.1"
"""Where Proton's Bridge listens; whoever names it from elsewhere is not Proton."""

Tell = Callable[[str], None]
"""Told, in one clause each, what could not be asked."""


def servers(address: str, *, dns: Dns | None, fetch: Fetch, tell: Tell) -> Iterator[Server]:
    """The servers that may hold the mailbox of an address, the most trustworthy first; nobody has called them yet.

    Lazy: whoever takes the first one that answers has nobody else asked. `dns` is None where nobody can ask it.
    Raises NoSuchDomain when the DNS knows no such domain.
    """
    local, _, written = address.rpartition("@")
    domain = comparable_domain(written)
    address = f"{local}@{domain}"
    known = by_domain(domain)
    if known is not None:
        yield server_of(known, address, BY_DOMAIN)
        return
    if dns is None:
        tell(NO_DNS)
    else:
        yield from _by_mail_hosts(address, domain, dns, tell)
    yield from _published(address, domain, fetch, tell)
    if dns is not None:
        yield from _services(address, domain, dns, tell)
    for before in GUESSES:
        yield Server(
            host=f"{before}{domain}",
            port=993,
            security="implicit",
            user=address,
            found="by a guess from its domain",
        )


def _by_mail_hosts(address: str, domain: str, dns: Dns, tell: Tell) -> Iterator[Server]:
    try:
        hosts = dns.mail_hosts(domain)
    except NoSuchDomain:
        raise
    except Unavailable as exc:
        tell(str(exc))
        return
    if any(lies_in(host.rstrip(".").lower(), domain) for host in hosts):
        # It takes its own mail, so its mailboxes lie with it, whoever else takes a share.
        return
    provider = by_mail_hosts(hosts)
    if provider is not None:
        yield server_of(provider, address, "in the table of providers, by who takes its mail")


def _published(address: str, domain: str, fetch: Fetch, tell: Tell) -> Iterator[Server]:
    for url in autoconfig.addresses_of(address, domain):
        place = url.partition("?")[0]
        try:
            data = fetch(url)
            if data is not None:
                yield from map(_known, autoconfig.servers_in(data, address, f"at {place}"))
        except Unavailable as exc:
            tell(str(exc))
        except autoconfig.NoSettings as exc:
            tell(f"the file at {place} cannot be used: {exc}")


def _services(address: str, domain: str, dns: Dns, tell: Tell) -> Iterator[Server]:
    records: list[tuple[Security, Service]] = []
    for security, name in srv.NAMES.items():
        try:
            records += [(security, one) for one in dns.services(f"{name}.{domain}")]
        except Unavailable as exc:
            tell(str(exc))
    yield from map(_known, srv.servers_in(records, address, domain))


def _known(server: Server) -> Server:
    """The same with what the table knows of it: a server of a large provider needs nobody else to vouch for it."""
    provider = by_place(server.host, server.port)
    if provider is None or server.host == LOOPBACK:
        return server
    return replace(server, provider=provider, passwords=server.passwords and provider.passwords, vouched=True)
