"""Time stamps (RFC 3161): a question to an authority, its answer read and checked, and checked again years later.

An authority is told a digest and nothing else. Its answer is believed when it is granted and has the digest and the
number that were asked with. Who signed it is known only to who names root certificates.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from levelhead.clock import utc
from levelhead.errors import UserError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

NEEDED = "[anchors] needs the extra: pip install 'levelhead[evidence]'"

QUERY = "application/timestamp-query"
REPLY = "application/timestamp-reply"
"""The content types of RFC 3161, section 3.4."""

SHA256 = "2.16.840.1.101.3.4.2.1"
"""The name of SHA-256 in a message imprint."""

LONGEST_REASON = 200
"""Characters of an authority's own words that a sentence repeats."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
_REFUSED = {2: "rejection", 3: "waiting", 4: "revocation warning", 5: "revocation notification"}
"""The PKIStatus of RFC 3161, section 2.4.2; 0 is granted, and with 1 it is not what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A granted answer, read and not yet believed: `digest` existed at `at`, says `signer`."""

    digest: bytes
    method: str
    """The object identifier of the digest's method."""
    at: datetime
    nonce: int | None
    signer: str
    """The subject of the certificate that signed, as RFC 4514 writes it; empty when the answer holds none."""
    response: TimeStampResponse = field(repr=False)


def question(data: bytes) -> tuple[bytes, int]:
    """A TimeStampReq for the SHA-256 of `data`, and the number (64 random bits) that the answer must repeat.

    The signer's certificate is asked for. UserError without the extra `evidence`.
    """
    try:
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
    except ImportError as exc:
        raise UserError(NEEDED) from exc
    asked = TimestampRequestBuilder(data, HashAlgorithm.SHA256, nonce=True, cert_req=True).build()
    if asked.nonce is None or asked.message_imprint.message != hashlib.sha256(data).digest():
        raise AssertionError("the library does not ask what it was told to ask")
    return asked.as_bytes(), asked.nonce


def read_answer(answer: bytes) -> Stamp:
    """A TimeStampResp as it was sent; ValueError, as the end of a sentence, for what is none or is not granted.

    UserError without the extra `evidence`.
    """
    try:
        from rfc3161_client import decode_timestamp_response
    except ImportError as exc:
        raise UserError(NEEDED) from exc
    try:
        response = decode_timestamp_response(certificates_in_order(answer))
        status, words = response.status, " ".join(response.status_string)
    except ValueError as exc:
        raise ValueError("it is no time stamp") from exc
    if status != 0:
        reason = "".join(one if one.isprintable() else "?" for one in words[:LONGEST_REASON])
        told = f": {reason}" if reason else ""
        raise ValueError(f"it is no grant but a {_REFUSED.get(status, f'status {status}')}{told}")
    try:
        info = response.tst_info
        return Stamp(
            digest=info.message_imprint.message,
            method=info.message_imprint.hash_algorithm.dotted_string,
            at=utc(info.gen_time),
            nonce=info.nonce,
            signer=_signer(response),
            response=response,
        )
    except ValueError as exc:
        raise ValueError("its time stamp cannot be read") from exc


def believed(answer: bytes, data: bytes, nonce: int) -> Stamp:
    """The stamp on `data` that was asked for with `nonce`; ValueError, as the end of a sentence, for any other."""
    stamp = read_answer(answer)
    must_be_on(stamp, data)
    if stamp.nonce != nonce:
        raise ValueError("it is an answer to another question: its nonce is not ours")
    if not stamp.signer:
        raise ValueError("it lacks the certificate of its signer, which was asked for")
    return stamp


def must_be_on(stamp: Stamp, *stamped: bytes) -> None:
    """ValueError, as the end of a sentence, unless it is a stamp on the SHA-256 of one of these."""
    digests = {hashlib.sha256(one).digest() for one in stamped}
    if stamp.method != SHA256 or stamp.digest not in digests:
        raise ValueError("it is a stamp on something else")


def must_be_signed(stamp: Stamp, roots: Sequence[Certificate]) -> None:
    """ValueError, as the end of a sentence, unless the signature is right and leads to one of these certificates.

    The certificates count as of the stamp's own time: that they have expired since takes nothing from it.
    """
    from rfc3161_client import VerificationError, VerifierBuilder

    try:
        VerifierBuilder(roots=list(roots)).build().verify(stamp.response, stamp.digest)
    except (VerificationError, ValueError) as exc:
        raise ValueError(
            f"its signature is not right, or does not lead from {stamp.signer or 'its signer'} to a certificate that"
            " [anchors] ca_file holds"
        ) from exc


def roots_of(path: Path) -> tuple[Certificate, ...]:
    """The certificates of a PEM file; UserError in one sentence when it cannot be read or holds none.

    What a bundle holds beside them, and the odd certificate that no strict reader takes, is passed over.
    """
    try:
        from cryptography.x509 import load_pem_x509_certificate
    except ImportError as exc:
        raise UserError(NEEDED) from exc
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise UserError(f"[anchors] ca_file {path} cannot be read: {exc.strerror}") from exc
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # about certificates that a later version of the library will not take
        for block in _PEM.findall(data):
            with contextlib.suppress(ValueError):
                found.append(load_pem_x509_certificate(block))
    if not found:
        raise UserError(f"[anchors] ca_file {path} holds no certificates in PEM form")
    return tuple(found)


def _signer(response: TimeStampResponse) -> str:
    from cryptography.x509 import load_der_x509_certificate

    signed = response.signed_data
    wanted = {(one.issuer, one.serial_number) for one in signed.signer_infos}
    for data in sorted(signed.certificates):
        certificate = load_der_x509_certificate(data)
        if (certificate.issuer, certificate.serial_number) in wanted:
            return certificate.subject.rfc4514_string()
    return ""


# --- certificates in any order --------------------------------------------------------------------

CERTIFICATES = 0xA0
"""The tag of `certificates` in SignedData (RFC 5652, section 5.1)."""


class _Part(NamedTuple):
    """A value in DER: its tag, where it begins, where its content begins, and where it ends."""

    tag: int
    at: int
    start: int
    end: int


def certificates_in_order(answer: bytes) -> bytes:
    """The same answer with its certificates in the order that DER wants of a set (X.690, section 11.6).

    Authorities that use OpenSSL send them as they come, and strict readers refuse that. No signature covers them as a
    set, so that their order proves nothing. What cannot be read is returned as it is.
    """
    try:
        content = _parts(answer, _parts(answer, _part(answer, 0))[1])
        signed = _parts(answer, content[1])[0]
        for part in _parts(answer, signed):
            if part.tag == CERTIFICATES:
                found = sorted(answer[one.at : one.end] for one in _parts(answer, part))
                return answer[: part.start] + b"".join(found) + answer[part.end :]
    except (ValueError, IndexError):
        pass
    return answer


def _part(data: bytes, at: int) -> _Part:
    """The value that begins there; ValueError for one that is cut off, of no definite length, or of a long tag."""
    if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
        raise ValueError("no value in DER")
    length, start = data[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[at + 2 : start])
    if start + length > len(data) or (start == at + 2 and data[at + 1] == 0x80):
        raise ValueError("no value in DER")
    return _Part(data[at], at, start, start + length)


def _parts(data: bytes, whole: _Part) -> list[_Part]:
    found, at = [], whole.start
    while at < whole.end:
        found.append(_part(data, at))
        at = found[-1].end
    return found
