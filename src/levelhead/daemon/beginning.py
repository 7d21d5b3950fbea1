"""The first look at a mailbox, for `init`: who is asked where its server is, whether it lets us in, what it shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from levelhead.archive.parse import parse_head
from levelhead.clock import Clock
from levelhead.daemon.online import Around, around
from levelhead.discovery.api import Dns, Fetch
from levelhead.discovery.https import fetcher
from levelhead.discovery.nameserver import NameServer, is_installed
from levelhead.mailbox import opening
from levelhead.mailbox.api import MailboxSpec
from levelhead.mailbox.folders import Role

PATIENCE_SECONDS = 15.0
"""How long each command may take: somebody sits and waits."""
CALLED_SECONDS = 8.0
"""The same for a server that may not be there at all."""
PROPOSED = 3
"""How many of the people that one writes to most are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Askers:
    """Who goes out and asks for a server; `dns` is None where nobody can."""

    dns: Dns | None
    fetch: Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the mailbox showed: folders as pairs of role and name, addresses written from and written to most."""

    folders: tuple[tuple[str, str], ...]
    identities: tuple[str, ...]
    written_to: tuple[str, ...]

    def lacks(self, role: Role) -> bool:
        """Whether no folder of that role was found."""
        return all(known != role.value for known, _ in self.folders)


def askers(clock: Clock) -> Askers:
    """Those of this machine: its name servers, and https with the certificates that it trusts."""
    return Askers(dns=NameServer() if is_installed() else None, fetch=fetcher(clock))


def offered(spec: MailboxSpec, clock: Clock) -> frozenset[str]:
    """What the server says that it can do before anybody logs in; errors as of `mailbox.opening.offered`."""
    return opening.offered(spec, clock, lambda: False)


def look_in(spec: MailboxSpec, clock: Clock) -> Shown:
    """Log in once and look around; nothing is changed. Raises MailboxError, LoginRefused among them."""
    connection = opening.connect(spec, clock, lambda: False)
    try:
        seen = around(connection, spec)
    finally:
        connection.close()
    return Shown(folders=seen.folders, identities=seen.identities, written_to=_written_to(seen))


def _written_to(seen: Around) -> tuple[str, ...]:
    """Whom the latest sent mail went to, the most frequent first, without one's own addresses."""
    own = set(seen.identities)
    to = (one for role, head in seen.heads if role is Role.SENT for one in parse_head(head.head).to)
    counts = Counter(one.address.lower() for one in to if "@" in one.address)
    return tuple(address for address, _ in counts.most_common() if address not in own)[:PROPOSED]
