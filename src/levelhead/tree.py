"""The Merkle tree of RFC 9162 (section 2.1), pure: hashes of leaves and nodes, a root that grows, and proofs.

A leaf and a node are hashed under different prefixes, so that neither can be passed off as the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

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
        carry, bits = _must_be_hash(leaf), self._size
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


def _must_be_hash(leaf: bytes) -> bytes:
    if len(leaf) != HASH_SIZE:
        raise ValueError(f"a leaf hash has {HASH_SIZE} bytes, not {len(leaf)}")
    return leaf


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The Merkle tree head over the leaves' own bytes, in order."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    return frontier.root()


class Tree:
    """A tree that is kept whole, so that proofs can be drawn from it (RFC 9162, sections 2.1.3 and 2.1.4).

    It holds the hashes of all leaves and complete nodes, one run of bytes for each level: 64 bytes a leaf.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        """The tree over these leaf hashes (`leaf_hash`, not the leaves); ValueError as `append`."""
        leaves = bytearray()
        for leaf in leaf_hashes:
            leaves += _must_be_hash(leaf)
        self._levels = [leaves]
        # A level at a time is twice as fast as a leaf at a time.
        while len(below := self._levels[-1]) >= 2 * HASH_SIZE:
            pairs = range(0, len(below) - 2 * HASH_SIZE + 1, 2 * HASH_SIZE)
            above = (hashlib.sha256(b"\x01" + below[at : at + 2 * HASH_SIZE]).digest() for at in pairs)
            self._levels.append(bytearray(b"".join(above)))

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return len(self._levels[0]) // HASH_SIZE

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf; ValueError for what is no hash."""
        carry, bits = _must_be_hash(leaf), self.size
        for level in self._levels:
            level += carry
            if not bits & 1:
                return
            carry = hashlib.sha256(b"\x01" + level[-2 * HASH_SIZE :]).digest()
            bits >>= 1
        self._levels.append(bytearray(carry))

    def leaf(self, index: int) -> bytes:
        """The hash of the leaf at this index, from 0; ValueError when there is none."""
        if not 0 <= index < self.size:
            raise ValueError(f"the tree has {self.size} leaves, and none at {index}")
        return self._node(0, index)

    def root(self, size: int | None = None) -> bytes:
        """The head of the tree as it was with its first `size` leaves (None: all); ValueError for a larger size."""
        size = self.size if size is None else size
        self._must_reach(size)
        return self._head(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """PATH(index, D[size]) of section 2.1.3.1: the hashes that lead from a leaf to the root, lowest first."""
        size = self.size if size is None else size
        self._must_reach(size)
        if not 0 <= index < size:
            raise ValueError(f"a tree of {size} leaves has none at {index}")
        path, start, stop = [], 0, size
        while stop - start > 1:
            split = start + _split(stop - start)
            if index < split:
                path.append(self._head(split, stop))
                stop = split
            else:
                path.append(self._head(start, split))
                start = split
        return tuple(reversed(path))

    def consistency(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """PROOF(old, D[new]) of section 2.1.4.1; empty from a tree without leaves and from a tree to itself."""
        new = self.size if new is None else new
        self._must_reach(new)
        if not 0 <= old <= new:
            raise ValueError(f"a tree of {new} leaves was never one of {old}")
        if old in (0, new):
            return ()
        path, start, stop = [], 0, new
        while old != stop:
            split = start + _split(stop - start)
            if old <= split:
                path.append(self._head(split, stop))
                stop = split
            else:
                path.append(self._head(start, split))
                start = split
        if start:  # what is left is a part of the old tree; its whole is known to whoever checks
            path.append(self._head(start, stop))
        return tuple(reversed(path))

    def _must_reach(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise ValueError(f"the tree has {self.size} leaves, and not {size}")

    def _node(self, height: int, index: int) -> bytes:
        return bytes(self._levels[height][index * HASH_SIZE : (index + 1) * HASH_SIZE])

    def _head(self, start: int, stop: int) -> bytes:
        """The head over the leaves from `start` on; `start` is a multiple of the largest power of 2 that fits."""
        head = b""
        while start < stop:  # the smallest complete subtree is the one at the right
            height = (stop & -stop).bit_length() - 1
            while stop - (1 << height) < start:
                height -= 1
            stop -= 1 << height
            peak = self._node(height, stop >> height)
            head = node_hash(peak, head) if head else peak
        return head


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf of this hash stands at `index` in the tree of that size and root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, head = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            head = node_hash(sibling, head)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            head = node_hash(head, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and head == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of size `new` only added leaves to that of size `old` (RFC 9162, section 2.1.4.2)."""
    if old == new or old == 0:
        return not path and 0 <= old <= new and old_root == (new_root if old == new else EMPTY_ROOT)
    if not 0 < old < new or not path:
        return False
    hashes = list(path) if old & (old - 1) else [old_root, *path]
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    older = newer = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


def _split(count: int) -> int:
    """The largest power of 2 that is smaller than `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1
