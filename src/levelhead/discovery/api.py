"""What the search for a server works with: those who go out and ask, and what they come back with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from levelhead.errors import UserError

Security = Literal["implicit", "starttls"]
"""TLS from the first byte, or after STARTTLS. A mailbox in the clear is never proposed."""


class NoSuchDomain(UserError):
    """The DNS says that there is no such domain: most likely the address was mistyped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A large provider, as `providers.toml` has it."""

    name: str
    host: str
    port: int = 993
    security: Security = "implicit"
    domains: tuple[str, ...] = ()
    """Domains whose addresses are all this provider's."""
    mx: tuple[str, ...] = ()
    """Ends of the names of the hosts that take mail for domains that customers bring along."""
    user: Literal["address", "local"] = "address"
    """What one logs in with: the whole address, or what stands before its @."""
    oauth: Literal["", "google", "microsoft"] = ""
    """Who signs people in with OAuth for it, by the name that `[mailbox.oauth2]` gives it."""
    passwords: bool = True
    """Whether it takes a password by IMAP at all."""
    hint: str = ""
    """One sentence on what the person must do or know first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that may hold a mailbox, how to speak with it, and who said so."""

    host: str
    port: int
    security: Security
    user: str
    """What to log in with."""
    found: str
    """Where this was found, as the end of a sentence: `in the table of providers (GMX)`."""
    provider: Provider | None = None
    passwords: bool = True
    """Whether it takes passwords, as far as whoever named it has said."""
    vouched: bool = True
    """False where anybody on the way could have named it: an unsigned answer of the DNS, for a host elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One SRV record (RFC 2782); a target of `.` says that there is no such service."""

    priority: int
    weight: int
    port: int
    target: str


class Dns(Protocol):
    """Asks the DNS. Each method raises Unavailable, in one sentence, when nobody answers."""

    def mail_hosts(self, domain: str) -> tuple[str, ...]:
        """The hosts that take a domain's mail: those of its MX records of the lowest preference, which everybody tries
        first (RFC 5321, section 5.1); NoSuchDomain when there is no domain.
        """

    def services(self, name: str) -> tuple[Service, ...]:
        """The SRV records of a name, in any order."""


class Fetch(Protocol):
    """Gets what lies at an https address, None when nothing does; Unavailable, in one sentence, without an answer."""

    def __call__(self, url: str) -> bytes | None: ...
