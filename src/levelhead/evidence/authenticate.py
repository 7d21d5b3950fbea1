"""What the signatures of a message say: DKIM (RFC 6376) and the chain of ARC (RFC 8617). Never raises for a message.

A message is a stranger's: at most five signatures are held against it, those of the sender's own domain first, so that
a flood of them costs nothing and buries nothing. Keys come from whoever is asked for them: from the DNS when a
message has come in, from the ledger when it is proven again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from levelhead.evidence.signing import (
    Field,
    Mail,
    Refused,
    Unfit,
    body_fits,
    decoded,
    fits,
    header_digest,
    key_name,
    key_of,
    kind_of,
    signed_names,
    tags_of,
    text,
    times_checked,
)
from levelhead.facts import KeyPart, SignaturePart
from levelhead.raw import Raw

MOST_SIGNATURES = 5
"""How many signatures of a message are looked at."""
LOOKED_THROUGH = 1_000
"""How many signature fields are looked through for those of the sender's domain."""
MOST_SETS = 10
"""How many sets of an ARC chain are followed; each can name two keys."""

DOMAIN = re.compile(rb"(?:^|;)\s{0,20}d\s{0,20}=\s{0,20}([A-Za-z0-9._-]{1,253})")
INSTANCE = re.compile(rb"(?:^|;)\s{0,20}i\s{0,20}=\s{0,20}([0-9]{1,3})\s{0,20}(?:;|$)")
SET = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")

OF_DKIM = (b"v", b"a", b"b", b"bh", b"d", b"h", b"s")
OF_ARC = (b"i", b"a", b"b", b"bh", b"d", b"h", b"s")
OF_SEAL = (b"i", b"a", b"b", b"cv", b"d", b"s")

Lookup = Callable[[str], KeyPart]
"""Asks for the key of that DNS name; whoever cannot be asked answers `failed`, and never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a message's signatures say; the fields are those of `message.authenticated`."""

    signatures: tuple[SignaturePart, ...] = ()
    unchecked: int = 0
    chain: str = "none"
    chain_why: str = ""
    keys: tuple[KeyPart, ...] = ()
    unfit: str = ""


@dataclass(slots=True)
class _Keys:
    """The keys that were asked for, each once."""

    lookup: Lookup
    known: dict[str, KeyPart] = field(default_factory=dict)

    def __call__(self, name: str) -> KeyPart:
        if name not in self.known:
            self.known[name] = self.lookup(name)
        return self.known[name]


def authenticate(raw: Raw, *, sender: str, at: datetime, lookup: Lookup) -> Found:
    """Hold a message against its signatures.

    `sender` is the domain of its From address, whose signatures are looked at first; `at` is when the message came in,
    which is the time that counts for a signature that expires (RFC 6376, section 3.5, `x=`).
    """
    try:
        mail = Mail.of(raw)
    except Unfit as exc:
        return Found(unfit=str(exc))
    keys = _Keys(lookup)
    there = mail.named(b"dkim-signature")
    chosen = _chosen(there, sender)
    signatures = tuple(_signature(mail, one, at, keys) for one in chosen)
    chain, chain_why = _chain(mail, keys)
    return Found(
        signatures=signatures,
        unchecked=len(there) - len(chosen),
        chain=chain,
        chain_why=chain_why,
        keys=tuple(keys.known.values()),
    )


def aligned(domain: str, sender: str) -> bool:
    """Whether a signature of `domain` speaks for addresses at `sender`: it is that domain, or one above it.

    Stricter than DMARC, which also takes a domain below or beside it and needs a list of public suffixes for that.
    """
    return "." in domain and bool(sender) and f".{sender}".endswith(f".{domain}")


def _chosen(there: Sequence[Field], sender: str) -> tuple[Field, ...]:
    """The signatures to look at: those of the sender's domain first, else from the top."""

    def foreign(one: Field) -> bool:
        named = DOMAIN.search(one[1], 0, 4096)
        return named is None or not aligned(named[1].decode().lower(), sender)

    return tuple(sorted(there[:LOOKED_THROUGH], key=foreign)[:MOST_SIGNATURES])


def _signature(mail: Mail, one: Field, at: datetime, keys: Lookup) -> SignaturePart:
    """What one DKIM-Signature field says."""
    tags: Mapping[bytes, bytes] = {}
    name = ""
    try:
        tags = tags_of(one[1], OF_DKIM)
        name = key_name(tags)
        result, why = _verified(mail, one, tags, at, lambda: keys(name))
    except Refused as exc:
        result, why = exc.result, exc.why
    return SignaturePart(
        domain=text(tags.get(b"d", b"")).lower(),
        selector=text(tags.get(b"s", b"")).lower(),
        result=result,
        why=why,
        key=name,
    )


def _verified(
    mail: Mail, one: Field, tags: Mapping[bytes, bytes], at: datetime, key: Callable[[], KeyPart]
) -> tuple[str, str]:
    """The result of a signature over header and body, and why; Refused when it does not come to that."""
    if tags.get(b"v", b"1") != b"1":
        raise Refused("permerror", "its version is not known")
    if b"q" in tags and b"dns/txt" not in tags[b"q"].split(b":"):
        raise Refused("permerror", "its key is not to be had from the DNS")
    kind, names = kind_of(tags), signed_names(tags)
    times_checked(tags, at)
    signature, digest = decoded(tags[b"b"]), header_digest(mail.fields, [*names, b"from"], one, tags)
    whole, left = body_fits(mail, tags)
    found = key_of(key(), kind)
    _identity_checked(tags, strict=found.strict)
    if not fits(found, signature, digest):
        return "fail", "its header was changed, or the domain has another key by now"
    if not whole:
        return "fail", "its body was changed (a mailing list's footer does that), its header was not"
    return ("policy", left) if left else ("pass", found.notes)


def _identity_checked(tags: Mapping[bytes, bytes], *, strict: bool) -> None:
    """Refused when `i=` names another domain than `d=` and those below it; with `t=s` in the key, not even these."""
    domain = tags[b"d"].lower()
    named = tags.get(b"i", b"@" + domain).lower().rpartition(b"@")[2]
    if named != domain and (strict or not named.endswith(b"." + domain)):
        raise Refused("permerror", "its i= is not of its domain")


# --- ARC ---------------------------------------------------------------------------------------


def _chain(mail: Mail, keys: Lookup) -> tuple[str, str]:
    """What the ARC sets say together (RFC 8617, section 5.2): `none`, `pass`, `fail` or `temperror`, and why."""
    fields = {name: mail.named(name) for name in SET}
    if not any(fields.values()):
        return "none", ""
    try:
        sets = _sets(fields)
        _message_signature(mail, sets[-1][1], keys)
        for last in range(len(sets), 0, -1):
            _seal(sets[:last], keys)
    except Refused as exc:
        return ("temperror" if exc.result == "temperror" else "fail"), exc.why
    domain = text(tags_of(sets[-1][2][1], OF_SEAL)[b"d"]).lower()
    return "pass", f"sealed {len(sets)} times, last by {domain}"


def _sets(fields: Mapping[bytes, Sequence[Field]]) -> list[tuple[Field, Field, Field]]:
    """The sets by their numbers, the first first; Refused when one is incomplete or there twice, or the chain ended."""
    count = max(map(len, fields.values()))
    if count > MOST_SETS:
        raise Refused("permerror", f"it has {count} sets, and no more than {MOST_SETS} are followed")
    numbered: dict[tuple[int, bytes], Field] = {}
    for name, there in fields.items():
        for one in there:
            said = INSTANCE.search(one[1], 0, 4096)
            place = (int(said[1]) if said else 0, name)
            if place in numbered or not 1 <= place[0] <= count:
                raise Refused("permerror", "its sets are not numbered one by one")
            numbered[place] = one
    if len(numbered) != count * len(SET):
        raise Refused("permerror", "one of its sets is incomplete")
    sets = [(numbered[i, SET[0]], numbered[i, SET[1]], numbered[i, SET[2]]) for i in range(1, count + 1)]
    for number, (_, _, seal) in enumerate(sets, 1):
        if tags_of(seal[1], OF_SEAL)[b"cv"] != (b"none" if number == 1 else b"pass"):
            raise Refused("fail", f"seal {number} says that the chain was broken before")
    return sets


def _message_signature(mail: Mail, one: Field, keys: Lookup) -> None:
    """The newest ARC-Message-Signature; Refused unless it fits header and body."""
    tags = tags_of(one[1], OF_ARC)
    names = signed_names(tags)
    if b"arc-seal" in names:
        raise Refused("permerror", "an ARC-Message-Signature signs a seal")
    digest = header_digest(mail.fields, [*names, b"from"], one, tags)
    whole, _ = body_fits(mail, tags)
    if not whole:
        raise Refused("fail", "the body was changed after the last seal")
    key = key_of(keys(key_name(tags)), kind_of(tags))
    if not fits(key, decoded(tags[b"b"]), digest):
        raise Refused("fail", "the header was changed after the last seal")


def _seal(sets: Sequence[tuple[Field, Field, Field]], keys: Lookup) -> None:
    """The seal of the last of these sets over all of them (section 5.1.1); Refused unless it fits."""
    *covered, seal = [one for three in sets for one in three]
    tags = tags_of(seal[1], OF_SEAL)
    if b"h" in tags:
        raise Refused("permerror", "a seal has h=")
    # A seal covers the fields in the order of their sets; of equal names the last in the list is taken first.
    names = [name.lower() for name, _ in covered]
    digest = header_digest(covered[::-1], names, seal, {**tags, b"c": b"relaxed/relaxed"})
    key = key_of(keys(key_name(tags)), kind_of(tags))
    if not fits(key, decoded(tags[b"b"]), digest):
        raise Refused("fail", f"seal {len(sets)} does not fit")
