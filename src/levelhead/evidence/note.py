"""Checkpoints as text that anybody's tools can read: C2SP `tlog-checkpoint` in a C2SP `signed-note`, Ed25519.

A note is the checkpoint's text, an empty line, and a line for each signature. What is signed is the text with its
last line feed (https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levelhead.errors import UserError
from levelhead.tree import HASH_SIZE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = b"\x01"
"""The signature type of C2SP signed-note for Ed25519."""

KEY_ID_SIZE = 4
SEED_SIZE = 32
"""Bytes of an Ed25519 private key, and of a public one."""

PRIVATE = "PRIVATE+KEY+"
"""How the text of a private key begins; the rest is `origin+key id+base64(0x01 || seed)`, as Go's `note` writes it."""

NEEDED = "signing and checking checkpoints needs the extra: pip install 'levelhead[evidence]'"

_NAME = re.compile(r"[^\s+]+\Z")
_SIGNATURE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})\Z")
_SIZE = re.compile(r"(?:0|[1-9][0-9]*)\Z")
_KEY_ID = re.compile(r"[0-9a-f]{8}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The ledger named `origin` had this root (32 bytes) when it had `size` entries."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """The text of the checkpoint, which is what is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line: whose it is, the id of the key (4 bytes), and the signature (64 bytes for Ed25519)."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """A public key by its name: what a signature is checked with."""

    name: str
    key: bytes

    def __str__(self) -> str:
        return f"{self.name}+{key_id(self.name, self.key).hex()}+{_base64(ED25519 + self.key)}"


class Signer:
    """A private key and the ledger that it signs for."""

    def __init__(self, origin: str, seed: bytes) -> None:
        """`seed` is the 32 bytes of an Ed25519 private key. UserError without the extra `evidence`."""
        self.origin = must_be_name(origin)
        self._key = _private(seed)
        self._verifier = Verifier(name=origin, key=self._key.public_key().public_bytes_raw())

    @property
    def verifier(self) -> str:
        """The public half as text: `origin+key id+base64(0x01 || public key)`."""
        return str(self._verifier)

    def sign(self, checkpoint: Checkpoint) -> str:
        """The whole signed note; ValueError for a checkpoint of another ledger."""
        if checkpoint.origin != self.origin:
            raise ValueError(
                f"this key signs for {self.origin}, and the checkpoint is of {checkpoint.origin}"
            )
        body = checkpoint.body()
        signed = key_id(self.origin, self._verifier.key) + self._key.sign(body.encode())
        return f"{body}\n\u2014 {self.origin} {_base64(signed)}\n"


def key_id(name: str, key: bytes) -> bytes:
    """The first 4 bytes of SHA-256 over name, line feed, 0x01 and the public key."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + key).digest()[:KEY_ID_SIZE]


def must_be_name(name: str) -> str:
    """The name itself; ValueError for one that no key may have (white space or a plus sign in it, or empty)."""
    if not _NAME.match(name):
        raise ValueError(
            f"{name!r} cannot be the name of a key: it must have no white space and no plus sign"
        )
    return name


def read_note(text: str) -> tuple[Checkpoint, tuple[Signature, ...]]:
    """What a note says and who signed it, without checking anyone; ValueError in one sentence for what is no note.

    Lines after the root are extensions of the checkpoint: they are signed with it, and nothing is made of them.
    """
    if any(sign < " " and sign != "\n" for sign in text):
        raise ValueError("the note has control characters in it")
    body, parted, below = text.rpartition("\n\n")
    if not parted or not below.endswith("\n"):
        raise ValueError("the note has no signatures below an empty line")
    signatures = tuple(_signature(line) for line in below[:-1].split("\n"))
    lines = body.split("\n")
    if len(lines) < 3 or not lines[0] or not all(lines):
        raise ValueError("the note is no checkpoint: it needs a name, a size and a root, each on its line")
    if not _SIZE.match(lines[1]):
        raise ValueError(f"the note's size is no number: {lines[1][:40]!r}")
    root = _bytes(lines[2], "the note's root")
    if len(root) != HASH_SIZE:
        raise ValueError(f"the note's root has {len(root)} bytes, and not {HASH_SIZE}")
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root), signatures


def read_verifier(text: str) -> Verifier:
    """The public key that `Signer.verifier` wrote; ValueError in one sentence for any other text."""
    name, parted, rest = text.partition("+")
    said, parted_again, key = rest.partition("+")
    if not (parted and parted_again and _KEY_ID.match(said)):
        raise ValueError("the text is no public key of a note: it must read name+8 hex digits+base64")
    public = _key(key, "the public key")
    if key_id(must_be_name(name), public).hex() != said:
        raise ValueError("the public key's id is not that of the key: one of them was changed")
    return Verifier(name=name, key=public)


def verify_note(text: str, verifier: str) -> Checkpoint:
    """The checkpoint, once the key's signature on the note is found right; ValueError in one sentence otherwise.

    UserError without the extra `evidence`.
    """
    checkpoint, signatures = read_note(text)
    key = read_verifier(verifier)
    wanted = key_id(key.name, key.key)
    ours = [one for one in signatures if (one.name, one.key_id) == (key.name, wanted)]
    if not ours:
        raise ValueError(f"the note bears no signature of the key {key.name}+{wanted.hex()}")
    if checkpoint.origin != key.name:
        raise ValueError(f"the note is of {checkpoint.origin}, and the key is that of {key.name}")
    signed = (text.rpartition("\n\n")[0] + "\n").encode()
    if not all(_is_signed(key.key, one.signature, signed) for one in ours):
        raise ValueError("the note's signature is not right: the note or the signature was changed")
    return checkpoint


def private_text(origin: str, seed: bytes) -> str:
    """A private key as its file holds it, one line without its end. UserError without the extra `evidence`."""
    public = _private(seed).public_key().public_bytes_raw()
    return f"{PRIVATE}{must_be_name(origin)}+{key_id(origin, public).hex()}+{_base64(ED25519 + seed)}"


def read_private(text: str) -> Signer:
    """The signer whose key `private_text` wrote; ValueError in one sentence, which never holds the key."""
    name, _, rest = text.removeprefix(PRIVATE).partition("+")
    said, _, key = rest.partition("+")
    if not text.startswith(PRIVATE) or not _KEY_ID.match(said):
        raise ValueError("it holds no signing key: a line that begins with " + PRIVATE)
    signer = Signer(name, _key(key, "the signing key"))
    if read_verifier(signer.verifier).name != name or signer.verifier.split("+")[1] != said:
        raise ValueError("the signing key's id is not that of the key: one of them was changed")
    return signer


def _signature(line: str) -> Signature:
    match = _SIGNATURE.match(line)
    if match is None:
        raise ValueError("a line below the note's empty line is no signature")
    data = _bytes(match[2], "a signature of the note")
    if len(data) <= KEY_ID_SIZE:
        raise ValueError("a signature of the note is too short")
    return Signature(name=match[1], key_id=data[:KEY_ID_SIZE], signature=data[KEY_ID_SIZE:])


def _is_signed(key: bytes, signature: bytes, data: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as exc:
        raise UserError(NEEDED) from exc
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _private(seed: bytes) -> Ed25519PrivateKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as exc:
        raise UserError(NEEDED) from exc
    return Ed25519PrivateKey.from_private_bytes(seed)


def _key(text: str, what: str) -> bytes:
    """The 32 bytes of a key behind the byte that says that it is one of Ed25519."""
    data = _bytes(text, what)
    if data[:1] != ED25519 or len(data) != 1 + SEED_SIZE:
        raise ValueError(f"{what} is not one of Ed25519")
    return data[1:]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str, what: str) -> bytes:
    """What canonical base64 stands for: one text for each value, so that no second one passes for it."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError(f"{what} is not in base64") from exc
    if _base64(data) != text:
        raise ValueError(f"{what} is not in base64 as it is written")
    return data
