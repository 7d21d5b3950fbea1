"""Who poses as a client: names, addresses and domains that a reader takes for a client's and that are not. Pure.

Two texts look alike when their `skeleton` is the same, after the idea of Unicode TS 39 and with a table of our own:
Latin letters with marks, Cyrillic and Greek ones drawn like Latin ones, `rn` for `m`, `0` for `o`, `1` and `i` for `l`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from levelhead.clients.patterns import LABEL_LIMIT, comparable_domain, is_exact, normal, without_tag
from levelhead.model import Address
from levelhead.values import dataclass

SHAPES = dict(zip("аеорсухіјѕԁһӏԛԝвнкмтпгαορυνικτε", "aeopcyxijsdhlqwbhkmtnraopuvikte", strict=True))
"""Cyrillic and Greek letters that are drawn like Latin ones, and which."""

SHOWN = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
"""An address where a reader would see one."""

UNSURE: Mapping[str, str] = {
    "several-from-fields": "it has several From fields, and programs differ in which one they show",
    "several-senders": "its From field names several senders",
    "several-addresses-in-one": "its From field holds several addresses for one person",
    "hidden-characters-in-address": "there are characters in its sender's address that nobody sees",
}
"""Defects of a message whose sender is not certain, whoever it names, and what they mean."""

ODD: Mapping[str, str] = {
    **UNSURE,
    "look-alike-domain": "letters of its sender's domain are drawn like others",
    "hidden-characters-in-name": "there are characters in its sender's name that nobody sees",
    "name-shows-another-address": "its sender's name shows another address than the one it comes from",
}
"""Defects that count against a sender who is no client."""

NOT_SENT = "it comes from an address of yours and this copy was not seen among sent mail, so it is no answer of yours"
"""What speaks against mail in my own name that mailboxes showed, and none of them in a folder for sent mail."""

_LETTERS = str.maketrans(
    {**SHAPES, "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ɡ": "g", "ɑ": "a", "|": "l", "0": "o"}
)
_STROKES = str.maketrans({"1": "l", "i": "l"})
_MOST_LABELS = 24
"""Pieces of a sender's domain in which a client's is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a message's sender may not be who it seems: `why` is a clause about "it", the message."""

    why: str
    poses_as: str = ""
    """The client whom a reader would take for the sender; empty when it is no client that is imitated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """What can be imitated, by its skeleton; each with the client it belongs to."""

    domains: Mapping[str, str]
    joined: Mapping[str, str]
    """Domains with hyphens for their dots, as they stand within `acme-example.evil.test`."""
    addresses: Mapping[str, str]
    names: Mapping[str, str]
    genuine: Collection[str]
    """The domains themselves, as `comparable_domain` writes them."""

    def domain_of(self, domain: str) -> str:
        """The client whose domain this one imitates, or empty; a client's own domain and what is below it do not."""
        if comparable_domain(domain) in self.genuine:
            return ""
        alike = skeleton(readable(domain))
        if owner := self.domains.get(alike.replace("-", "")):
            return owner
        pieces = re.split(r"[.-]", alike)[:_MOST_LABELS]
        # Not at the end: `mail.acme.example` is theirs, and `sea-acme.example` somebody else's honest name.
        runs = (
            "-".join(pieces[start:end])
            for start in range(len(pieces))
            for end in range(start + 2, len(pieces))
        )
        return next((self.joined[run] for run in runs if run in self.joined), "")

    def address_of(self, address: str) -> str:
        """The client whose very address this one imitates, or empty."""
        local, _, domain = address.rpartition("@")
        return self.addresses.get(f"{skeleton(local)}@{skeleton(readable(domain))}", "")

    def name_of(self, name: str) -> str:
        """The listed client of that name, however it is drawn, or empty."""
        return self.names.get(_words(name) or "?", "")

    def domain_within(self, name: str) -> str:
        """The client whose domain a name shows, forwards or (after a mark that turns writing) backwards; or empty."""
        for text in (name, name[::-1]):
            drawn = re.sub(r"[\s-]", "", skeleton(text))
            found = next((domain for domain in self.domains if "." in domain and domain in drawn), "")
            if found:
                return self.domains[found]
        return ""


@lru_cache(maxsize=8)
def originals(listed: tuple[tuple[str, tuple[str, ...]], ...], known: frozenset[str]) -> Originals:
    """What can be imitated of the listed clients (name and patterns) and of correspondents' addresses."""
    domains: dict[str, str] = {}
    joined: dict[str, str] = {}
    addresses: dict[str, str] = {}
    genuine: set[str] = set()
    owned = [(pattern, name) for name, patterns in listed for pattern in patterns]
    for pattern, owner in (*owned, *((address, address) for address in sorted(known))):
        local, _, domain = normal(pattern).rpartition("@")
        domain = domain.removeprefix("*.")
        genuine.add(domain)
        alike = skeleton(readable(domain))
        domains.setdefault(alike.replace("-", ""), owner)
        joined.setdefault(alike.replace(".", "-"), owner)
        if is_exact(local):
            addresses.setdefault(f"{skeleton(local)}@{alike}", owner)
    names = {_words(name): name for name, _ in reversed(listed)}
    return Originals(domains=domains, joined=joined, addresses=addresses, names=names, genuine=genuine)


def another_address(name: str, address: str) -> str:
    """The address that a display name shows when it is not this one; plus-tags and spellings do not count."""
    shown = SHOWN.search(name)
    if shown is None or without_tag(normal(shown[0])) == without_tag(normal(address)):
        return ""
    return shown[0]


def named_in(sender: Address, others: Sequence[str]) -> tuple[str, ...]:
    """Addresses that a reader sees of a sender beside the real one: in the name, and in further From fields."""
    shown = another_address(sender.name, sender.address)
    found = [shown] if shown else []
    found += [match[0] for text in others for match in SHOWN.finditer(text[:2_000])]
    return tuple(dict.fromkeys(normal(one) for one in found))


def readable(domain: str) -> str:
    """A domain as it is drawn: labels in punycode (RFC 3492) are decoded, and broken ones stay as they are."""
    return ".".join(_decoded(label) for label in domain.lower().rstrip(".").split("."))


def _decoded(label: str) -> str:
    if not label.startswith("xn--") or len(label) > LABEL_LIMIT:
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def skeleton(text: str) -> str:
    """What is left of a text when everything that looks alike is the same. Only for comparing, never for showing."""
    text = text.lower()
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(one for one in parts if not unicodedata.combining(one)).lower()
    text = text.translate(_LETTERS).translate(_STROKES)
    return text.replace("rn", "m").replace("vv", "w")


def _words(name: str) -> str:
    """A name for comparing: its words without case, punctuation and marks."""
    return " ".join(re.findall(r"\w+", skeleton(name)))
