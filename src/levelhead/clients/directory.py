"""The directory: who is me, who is a client, which way a message goes, and whether it is archived. Pure and frozen.

What closest names an address decides: an exact address before a local glob, that before a whole domain, that before
its subdomains. Where two lists name an address equally closely, `ignore` wins over `[[client]]`, `[me]` over both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from levelhead.clients.patterns import Patterns, is_exact, normal, without_tag
from levelhead.model import Address, Client, Direction, Message, Parsed

Scope = Literal["listed", "correspondents", "everyone"]
"""Whose mail is archived."""

DELIVERY_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
"""Fields in which a server notes the address that a message was delivered to."""

MACHINE_MADE = ("auto-reply", "bulk", "bounce")
"""Mail that my own account sent without me; it makes nobody a correspondent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedClient:
    """One `[[client]]` of the configuration; `addresses` are patterns."""

    name: str
    addresses: tuple[str, ...]
    language: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """To whose record a message belongs (empty: nobody's) and which way it went."""

    client: str
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether a message is archived; if not, `reason` is `scope` or `ignored`, and `addresses` who it is between."""

    archive: bool
    reason: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Who is who. Make it with `Directory.make`; `with_correspondents` gives a grown copy."""

    scope: Scope
    listed: tuple[ListedClient, ...]
    me: tuple[str, ...]
    ignore: tuple[str, ...]
    known: frozenset[str]
    """Correspondents in `normal` form."""
    mine_patterns: Patterns
    client_patterns: Patterns
    ignore_patterns: Patterns

    @classmethod
    def make(
        cls,
        me: Sequence[str],
        listed: Sequence[ListedClient] = (),
        scope: Scope = "correspondents",
        ignore: Sequence[str] = (),
        correspondents: Iterable[str] = frozenset(),
    ) -> Directory:
        """From the configuration and the addresses I have written to. ValueError for a pattern that cannot be used."""
        return cls(
            scope=scope,
            listed=tuple(listed),
            me=tuple(me),
            ignore=tuple(ignore),
            known=frozenset(normal(address) for address in correspondents),
            mine_patterns=Patterns.of((pattern, "me") for pattern in me),
            client_patterns=Patterns.of(
                (pattern, client.name) for client in listed for pattern in client.addresses
            ),
            ignore_patterns=Patterns.of((pattern, "ignore") for pattern in ignore),
        )

    def with_correspondents(self, addresses: Iterable[str]) -> Directory:
        """The same directory with more correspondents; itself when none is new."""
        grown = self.known | {normal(address) for address in addresses}
        return self if grown == self.known else replace(self, known=grown)

    # --- one address ---------------------------------------------------------------------------

    def mine(self, address: str) -> bool:
        """True for one of my addresses; a client who is named more closely than I am is not me."""
        mine = self.mine_patterns.match(address)
        return bool(mine) and mine.closeness >= self.client_patterns.match(address).closeness

    def ignored(self, address: str) -> bool:
        """True when `ignore` names the address at least as closely as a client does."""
        ignored = self.ignore_patterns.match(address)
        return bool(ignored) and ignored.closeness >= self.client_patterns.match(address).closeness

    def client_of(self, address: str) -> str:
        """The client's name; in the wider scopes the bare address; empty for mine, ignored or out of scope."""
        if name := self._listed(address):
            return name
        if self.scope == "listed" or not self._other(address):
            return ""
        known = self._known(address)
        return known or (normal(address) if self.scope == "everyone" else "")

    def is_client(self, address: str) -> bool:
        """True for a listed client, and in the wider scopes for anybody I have written to, unless ignored or me."""
        if self._listed(address):
            return True
        return self.scope != "listed" and self._other(address) and bool(self._known(address))

    def _listed(self, address: str) -> str:
        match = self.client_patterns.match(address)
        if not match or self.mine(address) or self.ignored(address):
            return ""
        return match.owner

    def _other(self, address: str) -> bool:
        """A full address that is neither mine nor ignored."""
        return "@" in address and not self.mine(address) and not self.ignored(address)

    def _known(self, address: str) -> str:
        form = normal(address)
        return next((candidate for candidate in (form, without_tag(form)) if candidate in self.known), "")

    # --- one message ---------------------------------------------------------------------------

    def place(self, parsed: Parsed) -> Placed:
        """Which client's record an archived message belongs to, and its direction, by identities alone.

        Scope was decided before. What was archived all the same (somebody added the file, or the scope was wider once)
        belongs to whoever wrote it, or to whom I wrote; only what is ignored belongs to nobody.
        """
        recipients = _recipients(parsed)
        sender = parsed.sender.address if parsed.sender is not None else ""
        if sender and self.mine(sender):
            return Placed(
                client=self._first_client(recipients) or self._anybody(recipients), direction=Direction.OUT
            )
        if sender and (client := self.client_of(sender)):
            return Placed(client=client, direction=Direction.IN)
        if client := self._first_client(recipients):
            return Placed(client=client, direction=Direction.OTHER)
        stranger = self._anybody((sender,))
        return Placed(client=stranger, direction=Direction.IN if stranger else Direction.OTHER)

    def _first_client(self, addresses: Sequence[str]) -> str:
        listed = next((name for address in addresses if (name := self._listed(address))), "")
        return listed or next((name for address in addresses if (name := self.client_of(address))), "")

    def _anybody(self, addresses: Sequence[str]) -> str:
        """The first address that is neither mine nor ignored."""
        return next((normal(address) for address in addresses if self._other(address)), "")

    def decide(self, parsed: Parsed) -> Decision:
        """Whether the message is archived, by scope and `ignore`; its headers are enough."""
        sender = parsed.sender.address if parsed.sender is not None else ""
        recipients = _recipients(parsed)
        people = tuple(dict.fromkeys(a for a in (sender, *recipients) if a and not self.mine(a)))
        addresses = tuple(dict.fromkeys(normal(address) for address in people))
        if any(self._listed(address) for address in people):
            return Decision(archive=True, addresses=addresses)
        if people and (all(self.ignored(a) for a in people) or (sender and self.ignored(sender))):
            return Decision(archive=False, reason="ignored", addresses=addresses)
        archive = self.scope == "everyone" or (
            self.scope == "correspondents"
            and (self._wrote_myself(parsed) or any(map(self.is_client, people)))
        )
        return Decision(archive=archive, reason="" if archive else "scope", addresses=addresses)

    def _wrote_myself(self, parsed: Parsed) -> bool:
        """I sent it, and not my vacation notice."""
        return (
            parsed.sender is not None
            and self.mine(parsed.sender.address)
            and parsed.automatic not in MACHINE_MADE
        )

    def recipients_to_learn(self, parsed: Parsed) -> tuple[str, ...]:
        """Whom this message makes a correspondent: the recipients of what I wrote that are not me and not ignored."""
        if not self._wrote_myself(parsed):
            return ()
        return tuple(dict.fromkeys(normal(a) for a in _recipients(parsed) if self._other(a)))

    def address_i_was_written_to(self, message: Message) -> str:
        """Which of my addresses the client wrote to, for the From of an answer; else the first exact one of `[me]`."""
        delivered = (
            value.strip().strip("<>") for key, value in message.headers if key.lower() in DELIVERY_FIELDS
        )
        written = (address.address for address in (*message.to, *message.cc))
        for address in (*written, *delivered):
            if "@" in address and self.mine(address):
                return address
        return next((pattern for pattern in self.me if is_exact(pattern)), "")

    # --- the clients ---------------------------------------------------------------------------

    def clients(self) -> tuple[Client, ...]:
        """The listed clients, in the operator's order."""
        return tuple(_client(listed) for listed in self.listed)

    def client(self, name: str) -> Client:
        """The client of that name; a name that is not listed is a correspondent's address."""
        for listed in self.listed:
            if listed.name == name:
                return _client(listed)
        return Client(name=name, addresses=(name,) if "@" in name else ())

    def fingerprint(self) -> str:
        """Changes when what decides client and direction is configured anew; not when correspondents grow."""
        deciding = {
            "me": self.me,
            "listed": [(client.name, client.addresses) for client in self.listed],
            "scope": self.scope,
            "ignore": self.ignore,
        }
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def _client(listed: ListedClient) -> Client:
    return Client(
        name=listed.name,
        addresses=listed.addresses,
        language=listed.language,
        notes=listed.notes,
        listed=True,
    )


def _recipients(parsed: Parsed) -> tuple[str, ...]:
    """To, Cc, Bcc in this order, each once."""
    people: tuple[Address, ...] = (*parsed.to, *parsed.cc, *parsed.bcc)
    return tuple(dict.fromkeys(person.address for person in people))
