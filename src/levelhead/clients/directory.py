"""The directory: who is me, who is a client, which way a message goes, and whether it is archived. Pure and frozen.

What closest names an address decides: an exact address before a local glob, that before a whole domain, that before
its subdomains. Where two lists name an address equally closely, `ignore` wins over `[[client]]`, `[me]` over both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Literal

from levelhead.clients.imitation import NOT_SENT, ODD, UNSURE, Doubt, Originals, named_in, originals
from levelhead.clients.patterns import Patterns, is_exact, normal, without_tag
from levelhead.model import Address, Client, Direction, Message, Parsed
from levelhead.values import dataclass

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
        from dataclasses import replace  # here, because one who only looks needs nothing of what it loads

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
        belongs to whoever wrote it, or to whom I wrote; only what is ignored belongs to nobody. Where the sender is not
        certain (two From fields, say) it is in the record of the client it names, and not a word of theirs.
        """
        recipients = _recipients(parsed)
        sender = parsed.sender.address if parsed.sender is not None else ""
        if sender and self.mine(sender):
            return Placed(
                client=self._first_client(recipients) or self._anybody(recipients), direction=Direction.OUT
            )
        if sender and (client := self.client_of(sender)):
            sure = not _slugs(parsed.defects) & UNSURE.keys()
            return Placed(client=client, direction=Direction.IN if sure else Direction.OTHER)
        if client := self._first_client(recipients):
            return Placed(client=client, direction=Direction.OTHER)
        stranger = self._anybody((sender,))
        return Placed(client=stranger, direction=Direction.IN if stranger else Direction.OTHER)

    # --- one sender ----------------------------------------------------------------------------

    def doubt(
        self,
        sender: Address | None,
        defects: Sequence[str],
        *,
        automatic: str = "",
        others: Sequence[str] = (),
        in_sent: bool | None = None,
    ) -> Doubt | None:
        """Why this sender may not be who it seems, or None; `others` are the texts of all From fields.

        Machines write in other people's names by trade (lists, invoices, signatures), so of theirs only the address
        counts. Whoever holds a client's address itself is the client: a forged one cannot be told by what is written.
        Mine can: what I sent was seen among sent mail (`in_sent`; None where no mailbox has shown the message).
        """
        if sender is None:
            return None
        if self.mine(sender.address):
            return Doubt(why=NOT_SENT) if in_sent is False else None
        own = self.client_of(sender.address) if self.is_client(sender.address) else ""
        slugs = _slugs(defects)
        if why := next((UNSURE[slug] for slug in UNSURE if slug in slugs), ""):
            named = (own, *map(self._imitable, named_in(sender, others)))
            return Doubt(why=why, poses_as=next(filter(None, named), ""))
        if not own and (doubt := self._drawn_alike(sender)):
            return doubt
        if automatic:
            return None
        return self._named_alike(sender, own, slugs)

    def doubt_of(self, message: Message, in_sent: bool | None = None) -> Doubt | None:
        """The doubt about an archived message's sender, with all of its From fields looked at."""
        fields = [value for name, value in message.headers if name.lower() == "from"]
        return self.doubt(
            message.sender,
            message.defects,
            automatic=message.automatic,
            others=fields if len(fields) > 1 else (),
            in_sent=in_sent,
        )

    def _imitable(self, address: str) -> str:
        return self.client_of(address) if self.is_client(address) else ""

    def _drawn_alike(self, sender: Address) -> Doubt | None:
        """A doubt because of the address alone."""
        known = self._originals()
        if client := known.address_of(sender.address):
            return Doubt(why=f"its sender's address looks like that of {client}", poses_as=client)
        if client := known.domain_of(sender.address.rpartition("@")[2]):
            return Doubt(why=f"its sender's domain looks like that of {client}", poses_as=client)
        return None

    def _named_alike(self, sender: Address, own: str, slugs: frozenset[str]) -> Doubt | None:
        """A doubt because of the display name; one that a client writes of themselves is none."""
        shown = named_in(sender, ())
        client = next((one for one in map(self._imitable, shown) if one and one != own), "")
        if client:
            return Doubt(why=f"its sender's name shows an address of {client}", poses_as=client)
        if own:
            return None
        if client := self._originals().name_of(sender.name):
            return Doubt(why=f"its sender calls itself {client} and writes from elsewhere", poses_as=client)
        if "hidden-characters-in-name" in slugs and (client := self._originals().domain_within(sender.name)):
            return Doubt(why=f"its sender's name shows the domain of {client}", poses_as=client)
        if all(_domain(one) == _domain(normal(sender.address)) for one in shown):
            slugs -= {"name-shows-another-address"}
        why = next((ODD[slug] for slug in ODD if slug in slugs), "")
        return Doubt(why=why) if why else None

    def _originals(self) -> Originals:
        listed = tuple((client.name, client.addresses) for client in self.listed)
        return originals(listed, self.known if self.scope != "listed" else frozenset())

    def same_client(self, one: str, other: str) -> bool:
        """Whether the configuration names both addresses as one client's."""
        return bool(client := self._listed(one)) and client == self._listed(other)

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


def _slugs(defects: Sequence[str]) -> frozenset[str]:
    """Defects without what they are about."""
    return frozenset(defect.partition(":")[0] for defect in defects)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
