"""The checker's own Ed25519, against the vectors of RFC 8032 and against a library."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from levelhead.evidence.pack.verify import ORDER, P, point_of, signed

# RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc).
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
        "454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
        "3dca179c138ac17ad9bef1177331a704",
    ),
]


@pytest.mark.parametrize(("key", "data", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_are_right(key: str, data: str, signature: str) -> None:
    assert signed(bytes.fromhex(key), bytes.fromhex(signature), bytes.fromhex(data))
    assert not signed(bytes.fromhex(key), bytes.fromhex(signature), bytes.fromhex(data) + b"x")


@pytest.mark.parametrize("seed", range(8))
def test_it_agrees_with_a_library(seed: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    key, data = private.public_key().public_bytes_raw(), bytes(range(seed * 9))
    signature = private.sign(data)
    assert signed(key, signature, data)
    for at in (0, 31, 32, 62):
        assert not signed(key, signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :], data)
    assert not signed(key[:-1] + bytes([key[-1] ^ 1]), signature, data)


def test_a_second_signature_made_from_a_right_one_is_refused() -> None:
    """Section 5.1.7: S must be below the order, or anybody makes another signature of each."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    signature = private.sign(b"data")
    larger = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    assert not signed(private.public_key().public_bytes_raw(), signature[:32] + larger, b"data")


@pytest.mark.parametrize("point", [P, P + 1, 2, (1 << 255) | 1, (1 << 255) - 1])
def test_what_is_no_point_is_no_key(point: int) -> None:
    """Too large, on no curve, or zero with a sign (section 5.1.3)."""
    assert point_of(point.to_bytes(32, "little")) is None
    assert not signed(point.to_bytes(32, "little"), bytes(64), b"")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_keys_and_signatures_of_other_lengths_are_refused(length: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    assert not signed(key[:1] * length, bytes(64), b"")
    assert not signed(key, bytes(length), b"")
