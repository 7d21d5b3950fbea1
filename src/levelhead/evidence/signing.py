"""One signature of DKIM (RFC 6376, 8301, 8463) or ARC (RFC 8617), held against a message and a key. Pure and bounded.

The canonical header, the choice of fields and the tags are dkimpy's, the arithmetic is cryptography's. dkimpy's own
`verify` is not asked: it takes the time from the machine, so that nothing could be proven again later; it is quadratic
in runs of spaces, in a signature's white space and in folded lines (80 KB of spaces take it 16 seconds); and it knows
Ed25519 only with a library more.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from levelhead.facts import KeyPart
from levelhead.raw import Raw

LARGEST = 64_000_000
"""Bytes; a larger message is not looked at."""
HEAD_LIMIT = 1_000_000
"""Bytes of a header block."""
FIELD_COUNT_LIMIT = 10_000
SIGNATURE_LIMIT = 8_192
"""Bytes of one signature field. Signatures of 4096 bits over fifty fields have less than two thousand."""
RUN_LIMIT = 100
"""White space in a row within a signature field; what dkimpy does with it is quadratic."""
SIGNED_FIELDS_LIMIT = 200
"""Names in a signature's `h=`."""
COVERED_FIELDS_LIMIT = 1_000
"""Fields of a message that bear one of these names."""
KEY_LIMIT = 4_096
"""Bytes of a key record; the largest RSA key that is accepted takes 1,500."""
LEAST_BITS, MOST_BITS = 1_024, 8_192
"""Of an RSA key: fewer prove nothing (RFC 8301, section 3.2), more only cost time."""
MOST_EXPONENT = 1 << 32

FIELD = re.compile(rb"([!-9;-~]{1,200}):")
ENDS = re.compile(rb"\r?\n\r?\n")
LINE_END = re.compile(rb"\r?\n")
LABELS = re.compile(
    rb"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
)
NUMBER = re.compile(rb"[0-9]{1,12}")
SPACE = re.compile(rb"\s+")

Tags = Mapping[bytes, bytes]
Field = tuple[bytes, bytes]
"""Name and value; the value begins behind the colon and ends with CRLF."""


class Refused(ValueError):
    """A signature that does not count: `result` as RFC 8601 (section 2.7.1) calls it, and why, as half a sentence."""

    def __init__(self, result: str, why: str) -> None:
        super().__init__(why)
        self.result = result
        self.why = why


class Unfit(ValueError):
    """A message that no signature can be held against, and why, as half a sentence."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A message as signatures see it: header fields in order and a body, with CRLF for every line end."""

    fields: tuple[Field, ...]
    body: bytes

    @classmethod
    def of(cls, raw: Raw) -> Mail:
        """Part header and body; Unfit for a message that is too large or whose header is not well-formed."""
        if raw.size > LARGEST:
            raise Unfit(f"it has more than {LARGEST // 1_000_000} MB")
        data = raw.read()
        if data[:2] == b"\r\n" or data[:1] == b"\n":
            raise Unfit("it has no header")
        end = ENDS.search(data, 0, HEAD_LIMIT)
        if end is None and len(data) > HEAD_LIMIT:
            raise Unfit(f"its header has more than {HEAD_LIMIT // 1_000_000} MB")
        head, body = (data[: end.start()], data[end.end() :]) if end else (data.rstrip(b"\r\n"), b"")
        del data
        if body.count(b"\n") != body.count(b"\r\n"):
            body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return cls(fields=_fields(head), body=body)

    def named(self, name: bytes) -> tuple[Field, ...]:
        """The fields of that name (lower case), topmost first."""
        return tuple(field for field in self.fields if field[0].lower() == name)

    @cached_property
    def simple(self) -> bytes:
        """The body in the canonical form `simple` (RFC 6376, section 3.4.3)."""
        return _ended(self.body) or b"\r\n"

    @cached_property
    def relaxed(self) -> bytes:
        """The body in the canonical form `relaxed` (section 3.4.4). Linear, whatever it consists of."""
        return _ended(re.sub(rb"[\t ]+", b" ", self.body).replace(b" \r\n", b"\r\n"))


def _fields(head: bytes) -> tuple[Field, ...]:
    found: list[tuple[bytes, list[bytes]]] = []
    for number, line in enumerate(LINE_END.split(head)):
        if line[:1] in (b" ", b"\t") and found:
            found[-1][1].append(line)
        elif field := FIELD.match(line):
            found.append((field[1], [line[field.end() :]]))
        elif number > 0 or not line.startswith(b"From "):
            raise Unfit("its header is not well-formed")
    if len(found) > FIELD_COUNT_LIMIT:
        raise Unfit(f"its header has more than {FIELD_COUNT_LIMIT} fields")
    return tuple((name, b"\r\n".join(parts) + b"\r\n") for name, parts in found)


def _ended(body: bytes) -> bytes:
    """The body with one CRLF at its end and no empty lines before that; empty when there is nothing else."""
    end = len(body)
    text = len(body.rstrip(b"\r\n"))
    # Of what is left of CR and LF, pairs go from the end only; a CR alone is text.
    tail = body[text:].replace(b"\r\n", b"\n")
    end -= 2 * (len(tail) - len(tail.rstrip(b"\n")))
    if not end:
        return b""
    return body[: end + 2] if body[end : end + 2] else body + b"\r\n"


def tags_of(value: bytes, required: Sequence[bytes]) -> dict[bytes, bytes]:
    """The tags of a signature field that must at least have these; Refused when they cannot be read."""
    from dkim.util import InvalidTagValueList, parse_tag_value

    if len(value) > SIGNATURE_LIMIT or re.search(rb"\s{%d}" % (RUN_LIMIT + 1), value):
        raise Refused("permerror", "the signature is too long")
    try:
        tags: dict[bytes, bytes] = parse_tag_value(value)
    except InvalidTagValueList:
        raise Refused("permerror", "the signature's tags cannot be read") from None
    missing = next((tag for tag in required if not tags.get(tag)), None)
    if missing is not None:
        raise Refused("permerror", f"the signature has no {missing.decode()}=")
    return tags


def key_name(tags: Tags) -> str:
    """Where the key of a signature stands in the DNS; Refused for what can be no name there."""
    name = tags[b"s"] + b"._domainkey." + tags[b"d"]
    if len(name) > 253 or not LABELS.fullmatch(name) or b"." not in tags[b"d"]:
        raise Refused("permerror", "its domain and selector are no name in the DNS")
    return name.decode().lower()


def text(value: bytes, limit: int = 253) -> str:
    """What a tag says, for the record: printable ASCII of a bounded length."""
    return "".join(chr(octet) if 32 < octet < 127 else "?" for octet in value[:limit])


# --- a key -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Key:
    """A public key out of the DNS; `notes` is what its record says besides, as half a sentence, or empty."""

    octets: bytes
    kind: bytes
    strict: bool
    notes: str


def key_of(answer: KeyPart, kind: bytes) -> Key:
    """The key that the DNS answered with, for signatures of this kind (`rsa`, `ed25519`); Refused when it is none."""
    from dkim.util import InvalidTagValueList, parse_tag_value

    if answer.answer == "failed":
        raise Refused("temperror", "the DNS did not answer")
    if answer.answer != "found":
        raise Refused("permerror", "the domain has no such key")
    record = decoded(answer.record.encode("ascii", "replace"))
    try:
        tags: dict[bytes, bytes] = parse_tag_value(record[:KEY_LIMIT])
    except InvalidTagValueList:
        raise Refused("permerror", "the key's record cannot be read") from None
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or b"p" not in tags:
        raise Refused("permerror", "the key's record is none of DKIM")
    if not tags[b"p"]:
        raise Refused("permerror", "the domain has withdrawn this key")
    if tags.get(b"k", b"rsa") != kind:
        raise Refused("permerror", "the key is of another kind than the signature")
    if b"sha256" not in _listed(tags.get(b"h", b"sha256")):
        raise Refused("permerror", "the key is not for SHA-256")
    if not {b"*", b"email"} & _listed(tags.get(b"s", b"*")):
        raise Refused("permerror", "the key is not for mail")
    flags = _listed(tags.get(b"t", b""))
    notes = "the domain says that it is only testing this key" if b"y" in flags else ""
    return Key(octets=decoded(tags[b"p"]), kind=kind, strict=b"s" in flags, notes=notes)


def _listed(value: bytes) -> frozenset[bytes]:
    return frozenset(one.strip() for one in value.split(b":"))


def decoded(value: bytes) -> bytes:
    """Base64 with white space in it; Refused for what is none."""
    try:
        return base64.b64decode(SPACE.sub(b"", value), validate=True)
    except ValueError:
        raise Refused("permerror", "what should be base64 is none") from None


def fits(key: Key, signature: bytes, digest: bytes) -> bool:
    """Whether the key made this signature of a SHA-256 digest; Refused for a key that proves nothing."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        if key.kind == b"ed25519":
            Ed25519PublicKey.from_public_bytes(key.octets).verify(signature, digest)
            return True
        public = load_der_public_key(key.octets)
        if not isinstance(public, RSAPublicKey):
            raise Refused("permerror", "the key is of another kind than its record says")
        if public.key_size < LEAST_BITS:
            raise Refused("policy", f"a key of {public.key_size} bits proves nothing")
        if public.key_size > MOST_BITS or public.public_numbers().e > MOST_EXPONENT:
            raise Refused("policy", "the key is larger than any in use")
        public.verify(signature, digest, PKCS1v15(), Prehashed(SHA256()))
        return True
    except InvalidSignature:
        return False
    except Refused:
        raise
    except (UnsupportedAlgorithm, ValueError):
        raise Refused("permerror", "the key cannot be read") from None


# --- a signature -------------------------------------------------------------------------------


def kind_of(tags: Tags) -> bytes:
    """The kind of key that a signature needs; Refused for algorithms that prove nothing or are not known."""
    if tags[b"a"] == b"rsa-sha1":
        raise Refused("policy", "SHA-1 proves nothing")
    kind = {b"rsa-sha256": b"rsa", b"ed25519-sha256": b"ed25519"}.get(tags[b"a"])
    if kind is None:
        raise Refused("permerror", "its algorithm is not known")
    return kind


def signed_names(tags: Tags) -> list[bytes]:
    """The names in `h=`, lower case; Refused without `from`, which every signature must cover."""
    names = [name.strip().lower() for name in tags[b"h"].split(b":")]
    if b"from" not in names:
        raise Refused("permerror", "it does not sign the From field")
    if len(names) > SIGNED_FIELDS_LIMIT:
        raise Refused("permerror", "it signs too many fields")
    return names


def times_checked(tags: Tags, at: datetime) -> None:
    """Refused when a signature had expired (`x=`) at that time, or says so in a way that cannot be."""
    for tag in (b"t", b"x"):
        if tag in tags and not NUMBER.fullmatch(tags[tag]):
            raise Refused("permerror", f"its {tag.decode()}= is no time")
    if b"x" not in tags:
        return
    if b"t" in tags and int(tags[b"x"]) < int(tags[b"t"]):
        raise Refused("permerror", "it expired before it was made")
    if at.timestamp() > int(tags[b"x"]):
        raise Refused("policy", "it had expired when the message came")


def body_fits(mail: Mail, tags: Tags) -> tuple[bool, str]:
    """Whether the body is the one that was signed, and how much of it was not, as half a sentence, or empty."""
    form = _policy(tags).body_algorithm.name
    body = mail.relaxed if form == b"relaxed" else mail.simple
    covered = len(body)
    if b"l" in tags:
        if not re.fullmatch(rb"[0-9]{1,76}", tags[b"l"]):
            raise Refused("permerror", "its l= is no number")
        covered = int(tags[b"l"])
        if covered > len(body):
            return False, ""
    digest = hashlib.sha256(memoryview(body)[:covered]).digest()
    left = f"it signs the first {covered} of {len(body)} bytes only" if covered < len(body) else ""
    return digest == decoded(tags[b"bh"]), left


def header_digest(fields: Sequence[Field], names: Sequence[bytes], field: Field, tags: Tags) -> bytes:
    """SHA-256 of the signed fields and of the signature field itself without its `b=` (RFC 6376, section 3.7)."""
    import dkim

    policy = _policy(tags)
    wanted = set(names)
    covered = [one for one in fields if one[0].lower() in wanted]
    if len(covered) > COVERED_FIELDS_LIMIT:
        raise Refused("permerror", "it signs too many fields")
    hasher = hashlib.sha256()
    dkim.hash_headers(hasher, policy, policy.canonicalize_headers(covered), list(names), field, tags)
    return hasher.digest()


def _policy(tags: Tags):  # type: ignore[no-untyped-def]  # dkimpy has no types
    from dkim import CanonicalizationPolicy, InvalidCanonicalizationPolicyError

    try:
        return CanonicalizationPolicy.from_c_value(tags.get(b"c", b"simple/simple"))
    except InvalidCanonicalizationPolicyError:
        raise Refused("permerror", "its canonical form is not known") from None
