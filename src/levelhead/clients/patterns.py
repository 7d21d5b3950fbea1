"""Address patterns: `ann@acme.example`, `*@acme.example`, `*@*.acme.example`, `sales-*@acme.example`. Pure.

Addresses compare without regard to case. A domain compares by its IDNA form, label by label, so `BÜRO.example` is
`xn--bro-hoa.example` and a Cyrillic look-alike of `acme.example` is neither. A plus-tag is passed over: the pattern
`me@x` also holds for `me+shop@x`.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import lru_cache

from levelhead.values import dataclass

LABEL_LIMIT = 63
"""Characters of a domain's label (RFC 1035); a longer one is compared as it is."""


class Closeness(IntEnum):
    """How exactly a pattern names an address; the closest pattern decides."""

    NONE = 0
    SUBDOMAINS = 1
    DOMAIN = 2
    LOCAL_GLOB = 3
    EXACT = 4


@dataclass(frozen=True, slots=True)
class Match:
    """The closest pattern that holds for an address; `owner` is whom it was listed for."""

    closeness: Closeness = Closeness.NONE
    owner: str = ""

    def __bool__(self) -> bool:
        return self.closeness is not Closeness.NONE


NO_MATCH = Match()


def comparable_domain(domain: str) -> str:
    """The form in which two spellings of one domain are equal: lower case, each label in punycode (RFC 3492)."""
    domain = domain.strip().rstrip(".").lower()
    if domain.isascii():
        return domain
    return ".".join(_label(label) for label in domain.split("."))


def _label(label: str) -> str:
    if label.isascii() or len(label) > LABEL_LIMIT:
        return label
    try:
        return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")
    except UnicodeError:
        return label


@lru_cache(maxsize=4096)
def normal(address: str) -> str:
    """An address in the one form that is compared and kept: lower case, the domain as `comparable_domain` says."""
    local, at, domain = address.strip().rpartition("@")
    if not at:
        return domain.lower()
    return f"{local.lower()}@{comparable_domain(domain)}"


def without_tag(address: str) -> str:
    """The address without its plus-tag: `me+shop@x` is `me@x`. A local part that begins with `+` stays."""
    local, at, domain = address.rpartition("@")
    return f"{local.split('+', 1)[0]}@{domain}" if at and local.find("+") > 0 else address


def problem_with(pattern: str) -> str:
    """What is wrong with a pattern, as half a sentence for the operator, or empty when it can be used."""
    local, at, domain = pattern.strip().rpartition("@")
    if not at:
        return f"{pattern!r} has no @; for everybody of a domain write '*@{pattern.strip() or 'example.com'}'"
    if not local or not domain:
        return f"{pattern!r} needs something on both sides of the @"
    if any(character.isspace() or ord(character) < 32 for character in pattern.strip()):
        return f"{pattern!r} holds a space or a control character"
    if "*" in domain.removeprefix("*.") or "?" in domain or not domain.removeprefix("*."):
        return f"{pattern!r} may have a * in its domain only at its beginning, as in '*@*.example.com'"
    return ""


def is_exact(pattern: str) -> bool:
    """True when the pattern names one address and no others (but its plus-tags)."""
    return not any(sign in pattern for sign in "*?")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Many patterns with their owners, asked for one address at a time; exact addresses cost one look-up."""

    exact: Mapping[str, str]
    globs: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]
    """By domain: the local parts that are not simply `*`."""
    domains: Mapping[str, str]
    parents: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]
    """By parent domain, for `*.domain`."""

    @classmethod
    def of(cls, patterns: Iterable[tuple[str, str]]) -> Patterns:
        """From (pattern, owner); of two equal patterns the first owner keeps it. ValueError for an unusable one."""
        exact: dict[str, str] = {}
        domains: dict[str, str] = {}
        globs: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        parents: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        for pattern, owner in patterns:
            if problem := problem_with(pattern):
                raise ValueError(problem)
            form = normal(pattern)
            local, _, domain = form.rpartition("@")
            if domain.startswith("*."):
                parents.setdefault(domain[2:], []).append((_glob(local), owner))
            elif local == "*":
                domains.setdefault(domain, owner)
            elif is_exact(local):
                exact.setdefault(form, owner)
            else:
                globs.setdefault(domain, []).append((_glob(local), owner))
        return cls(
            exact, {k: tuple(v) for k, v in globs.items()}, domains, {k: tuple(v) for k, v in parents.items()}
        )

    def match(self, address: str) -> Match:
        """The closest pattern that holds for the address; of equally close ones the first given."""
        form = normal(address)
        bare = without_tag(form)
        for candidate in (form, bare):
            if candidate in self.exact:
                return Match(Closeness.EXACT, self.exact[candidate])
        local, at, domain = form.rpartition("@")
        if not at:
            return NO_MATCH
        bare_local = bare.rpartition("@")[0]
        for glob, owner in self.globs.get(domain, ()):
            if glob.match(local) or glob.match(bare_local):
                return Match(Closeness.LOCAL_GLOB, owner)
        if domain in self.domains:
            return Match(Closeness.DOMAIN, self.domains[domain])
        return self._parent(local, domain)

    def _parent(self, local: str, domain: str) -> Match:
        if not self.parents:
            return NO_MATCH
        labels = domain.split(".")
        for start in range(1, min(len(labels), 128)):
            for glob, owner in self.parents.get(".".join(labels[start:]), ()):
                if glob.match(local):
                    return Match(Closeness.SUBDOMAINS, owner)
        return NO_MATCH


def _glob(local: str) -> re.Pattern[str]:
    """A local part with `*` and `?`; fnmatch never goes back over a `*`, so many of them stay quick."""
    return re.compile(fnmatch.translate(local.replace("[", "[[]")))
