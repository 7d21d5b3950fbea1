"""Mail that is really signed, with keys made here, and the DNS records of these keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from levelhead.facts import KeyPart

CAME = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)
"""When the mail of these tests comes in."""

LETTER = (
    b"From: Sam <sam@harbour.example>\r\nTo: robin@studio.example\r\nSubject: The  files\r\n"
    b"Date: Fri, 06 Mar 2026 15:59:00 +0000\r\nMessage-ID: <a@harbour.example>\r\n\r\n"
    b"Robin,\r\n\r\nthe files\t are  late. \r\nSam\r\n\r\n"
)


@cache
def rsa_key(bits: int = 1024, number: int = 0) -> RSAPrivateKey:
    """A key of that size; another one for each number. Small, because large ones take long to make."""
    return generate_private_key(65537, bits)


def pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def record_of(key: RSAPrivateKey | Ed25519PrivateKey, tags: str = "v=DKIM1; k={}; ") -> bytes:
    """The TXT record of a key."""
    if isinstance(key, Ed25519PrivateKey):
        kind, octets = "ed25519", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        kind, octets = "rsa", der
    return (tags.format(kind) + "p=").encode() + base64.b64encode(octets)


def signed(
    message: bytes = LETTER,
    *,
    key: RSAPrivateKey | None = None,
    domain: str = "harbour.example",
    selector: str = "s1",
    **options: object,
) -> bytes:
    """The message with a DKIM-Signature on top, made by dkimpy."""
    field = dkim.sign(
        message,
        selector.encode(),
        domain.encode(),
        pem(key or rsa_key()),
        **options,  # type: ignore[arg-type]
    )
    return field + message


def signed_by_hand(
    message: bytes, tags: str, key: RSAPrivateKey | Ed25519PrivateKey, *, body: bytes | None = None
) -> bytes:
    """The message with a signature of exactly these tags (`bh` and `b` are added), for what dkimpy would not sign.

    Always relaxed/relaxed. The header is hashed here, by the letter of RFC 6376 and not by the code under test.
    """
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256

    head, _, whole = message.partition(b"\r\n\r\n")
    canonical = dkim.canonicalization.Relaxed.canonicalize_body(whole if body is None else body)
    bh = base64.b64encode(hashlib.sha256(canonical).digest()).decode()
    value = f" {tags} c=relaxed/relaxed; bh={bh}; b="
    fields = [tuple(line.split(b":", 1)) for line in head.split(b"\r\n")]
    names = next(part.split("=")[1] for part in tags.split(";") if part.strip().startswith("h="))
    said = b""
    left = list(fields)
    for name in names.split(":"):
        index = next(
            (i for i in range(len(left) - 1, -1, -1) if left[i][0].lower().decode() == name.strip()), None
        )
        if index is not None:
            one = left.pop(index)
            said += one[0].lower() + b":" + b" ".join(one[1].split()) + b"\r\n"
    said += b"dkim-signature:" + b" ".join(value.encode().split())
    digest = hashlib.sha256(said).digest()
    if isinstance(key, Ed25519PrivateKey):
        signature = key.sign(digest)
    else:
        signature = key.sign(digest, PKCS1v15(), Prehashed(SHA256()))
    return b"DKIM-Signature:" + value.encode() + base64.b64encode(signature) + b"\r\n" + message


@dataclass
class Records:
    """The DNS as a table; counts what was asked. `None` for a name says that nobody answers for it."""

    table: dict[str, bytes | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> KeyPart:
        self.asked.append(name)
        record = self.table.get(name, b"")
        answer = "failed" if record is None else "found" if record else "none"
        return KeyPart(
            name=name,
            record=base64.b64encode(record or b"").decode(),
            answer=answer,
            dnssec="unknown" if record is None else "insecure",
            fetched_at=CAME,
        )


HARBOUR = "s1._domainkey.harbour.example"


def dns(extra: Mapping[str, bytes | None] | None = None) -> Records:
    """The DNS in which the key that `signed` signs with by default is published."""
    known = {HARBOUR: record_of(rsa_key()), SEALS: record_of(rsa_key(1024, 2))}
    return Records({**known, **(extra or {})})


def sealed(
    message: bytes,
    number: int = 1,
    *,
    key: RSAPrivateKey | None = None,
    domain: str = "list.example",
    cv: str | None = None,
) -> bytes:
    """The message with one more ARC set on top, made by the letter of RFC 8617 and not by the code under test."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key = key or rsa_key(1024, 2)

    def canonical(name: bytes, value: bytes) -> bytes:
        return name.lower() + b":" + b" ".join(value.split())

    def signature(data: bytes) -> bytes:
        return base64.b64encode(key.sign(data, PKCS1v15(), SHA256()))

    head, _, body = message.partition(b"\r\n\r\n")
    fields = [tuple(line.split(b":", 1)) for line in head.split(b"\r\n")]
    results = f" i={number}; {domain}; dkim=pass".encode()
    bh = base64.b64encode(hashlib.sha256(dkim.canonicalization.Relaxed.canonicalize_body(body)).digest())
    message_signature = (
        f" i={number}; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=a1; h=from:subject; bh=".encode() + bh
    ) + b"; b="
    signed_fields = b"".join(
        canonical(*next(one for one in fields if one[0].lower() == name)) + b"\r\n"
        for name in (b"from", b"subject")
    )
    message_signature += signature(signed_fields + canonical(b"arc-message-signature", message_signature))
    verdict = cv or ("none" if number == 1 else "pass")
    seal = f" i={number}; a=rsa-sha256; cv={verdict}; d={domain}; s=a1; b=".encode()
    earlier = [one for one in reversed(fields) if one[0].lower().startswith(b"arc-")]
    sets = b"".join(canonical(*one) + b"\r\n" for one in earlier)
    sets += canonical(b"arc-authentication-results", results) + b"\r\n"
    sets += canonical(b"arc-message-signature", message_signature) + b"\r\n"
    seal += signature(sets + canonical(b"arc-seal", seal))
    return (
        b"ARC-Seal:"
        + seal
        + b"\r\nARC-Message-Signature:"
        + message_signature
        + b"\r\nARC-Authentication-Results:"
        + results
        + b"\r\n"
        + message
    )


SEALS = "a1._domainkey.list.example"
