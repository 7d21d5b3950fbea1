"""The Merkle tree of RFC 9162 (section 2.1.1), pure: hashes of leaves and nodes, and a root that grows.

A leaf and a node are hashed under different prefixes, so that neither can be passed off as the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

HASH_SIZE = 32
"""Bytes of a SHA-256 digest."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of 0x00 and the leaf's bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and the two hashes below."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the root of each complete subtree, largest first.

    It holds one hash for every 1 in the binary form of `size`, and so takes O(log n) space however long the ledger is.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf (`leaf_hash`, not the leaf itself); amortised one node hash."""
        if len(leaf) != HASH_SIZE:
            raise ValueError(f"a leaf hash has {HASH_SIZE} bytes, not {len(leaf)}")
        carry, bits = leaf, self._size
        while bits & 1:
            carry = node_hash(self._peaks.pop(), carry)
            bits >>= 1
        self._peaks.append(carry)
        self._size += 1

    def root(self) -> bytes:
        """The Merkle tree head over all leaves so far, 32 bytes."""
        if not self._peaks:
            return EMPTY_ROOT
        head = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            head = node_hash(peak, head)
        return head

    def to_bytes(self) -> bytes:
        """Size (8 bytes, big-endian) and the peaks; what `from_bytes` reads."""
        return self._size.to_bytes(8, "big") + b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        """The frontier that `to_bytes` wrote; raises ValueError when the bytes cannot be one."""
        size = int.from_bytes(data[:8], "big")
        if len(data) < 8 or len(data) != 8 + HASH_SIZE * size.bit_count():
            raise ValueError(f"{len(data)} bytes cannot be the frontier of a tree of {size} leaves")
        frontier = cls()
        frontier._size = size
        frontier._peaks = [data[at : at + HASH_SIZE] for at in range(8, len(data), HASH_SIZE)]
        return frontier


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The Merkle tree head over the leaves' own bytes, in order."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    return frontier.root()
