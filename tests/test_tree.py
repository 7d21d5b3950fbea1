from __future__ import annotations

import hashlib

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelhead.tree import (
    EMPTY_ROOT,
    HASH_SIZE,
    Frontier,
    Tree,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that the certificate-transparency project publishes for RFC 6962, unchanged in RFC 9162.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_definition(leaves: list[bytes]) -> bytes:
    """The tree head as RFC 9162 section 2.1.1 defines it, by halves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert EMPTY_ROOT.hex() == root_of([]).hex() == Frontier().root().hex() == expected


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=70))
def test_a_root_that_grew_is_the_root_by_definition(leaves: list[bytes]) -> None:
    assert root_of(leaves) == by_definition(leaves)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=8), max_size=40), st.lists(st.binary(max_size=8), max_size=40))
def test_a_frontier_that_was_stored_grows_on_as_if_it_never_was(
    before: list[bytes], after: list[bytes]
) -> None:
    frontier = Frontier()
    for leaf in before:
        frontier.append(leaf_hash(leaf))
    again = Frontier.from_bytes(frontier.to_bytes())
    assert again.size == len(before)
    for leaf in after:
        again.append(leaf_hash(leaf))
    assert again.root() == by_definition(before + after)


def test_a_leaf_is_never_taken_for_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize(
    "data", [b"", bytes(7), bytes(8) + bytes(HASH_SIZE), (3).to_bytes(8, "big") + bytes(HASH_SIZE)]
)
def test_bytes_that_cannot_be_a_frontier_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be the frontier"):
        Frontier.from_bytes(data)


def test_only_a_hash_is_appended() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Frontier().append(b"the leaf itself")


# --- proofs --------------------------------------------------------------------------------------


def half_of(count: int) -> int:
    """The largest power of two smaller than `count`."""
    split = 1
    while split * 2 < count:
        split *= 2
    return split


def path_by_definition(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D_n) of RFC 9162 section 2.1.3.1, word for word."""
    if len(leaves) == 1:
        return []
    k = half_of(len(leaves))
    if index < k:
        return [*path_by_definition(index, leaves[:k]), by_definition(leaves[k:])]
    return [*path_by_definition(index - k, leaves[k:]), by_definition(leaves[:k])]


def proof_by_definition(old: int, leaves: list[bytes], *, known: bool = True) -> list[bytes]:
    """SUBPROOF(m, D_n, b) of RFC 9162 section 2.1.4.1, word for word."""
    if old == len(leaves):
        return [] if known else [by_definition(leaves)]
    k = half_of(len(leaves))
    if old <= k:
        return [*proof_by_definition(old, leaves[:k], known=known), by_definition(leaves[k:])]
    return [*proof_by_definition(old - k, leaves[k:], known=False), by_definition(leaves[:k])]


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def tree_of(leaves: list[bytes]) -> Tree:
    return Tree(map(leaf_hash, leaves))


SIZES = st.integers(1, 70)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=8), max_size=70), st.data())
def test_a_whole_tree_has_the_root_of_every_size_that_it_had(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size = data.draw(st.integers(0, len(leaves)))
    grown = Tree()
    for leaf in leaves:
        grown.append(leaf_hash(leaf))
    assert grown.size == len(leaves)
    assert grown.root() == tree_of(leaves).root() == by_definition(leaves)
    assert grown.root(size) == tree_of(leaves).root(size) == by_definition(leaves[:size])


@settings(deadline=None)
@given(SIZES, st.data())
def test_an_inclusion_path_is_that_of_the_definition_and_proves(size: int, data: st.DataObject) -> None:
    index, more = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 9))
    leaves = numbered(size + more)
    path = tree_of(leaves).inclusion(index, size)
    assert list(path) == path_by_definition(index, leaves[:size])
    assert verify_inclusion(leaf_hash(leaves[index]), index, size, path, by_definition(leaves[:size]))


@settings(deadline=None)
@given(SIZES, st.data())
def test_a_consistency_path_is_that_of_the_definition_and_proves(new: int, data: st.DataObject) -> None:
    old, more = data.draw(st.integers(1, new)), data.draw(st.integers(0, 9))
    leaves = numbered(new + more)
    tree = tree_of(leaves)
    path = tree.consistency(old, new)
    assert list(path) == proof_by_definition(old, leaves[:new])
    assert verify_consistency(old, new, tree.root(old), tree.root(new), path)


# The paths that the certificate-transparency project publishes for its leaves above; indices count from 0.
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


@pytest.mark.parametrize(("place", "path"), INCLUSION.items())
def test_inclusion_paths_are_those_of_certificate_transparency(
    place: tuple[int, int], path: list[str]
) -> None:
    index, size = place
    assert [one.hex() for one in tree_of(LEAVES).inclusion(index, size)] == path


@pytest.mark.parametrize(("sizes", "path"), CONSISTENCY.items())
def test_consistency_paths_are_those_of_certificate_transparency(
    sizes: tuple[int, int], path: list[str]
) -> None:
    assert [one.hex() for one in tree_of(LEAVES).consistency(*sizes)] == path


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 11, 16, 23])
def test_another_library_agrees(size: int) -> None:
    leaves = numbered(size)
    ours, theirs = tree_of(leaves), pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        theirs.append_entry(leaf)
    assert ours.root() == theirs.get_root()
    for place in range(1, size + 1):  # it counts leaves from 1, and puts the leaf itself before its path
        proof = theirs.prove_inclusion(place, size).serialize()
        assert [one.hex() for one in (ours.leaf(place - 1), *ours.inclusion(place - 1))] == proof["path"]
        # Its consistency proofs are of another form than the RFC's: it is asked whether it believes our roots.
        pymerkle.verify_consistency(ours.root(place), ours.root(), theirs.prove_consistency(place, size))


def bent(path: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """A path with each hash changed, taken out, doubled, or exchanged with the next; and a longer one."""
    flipped = [
        (*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]) for at in range(len(path))
    ]
    shorter = [(*path[:at], *path[at + 1 :]) for at in range(len(path))]
    doubled = [(*path[:at], path[at], *path[at:]) for at in range(len(path))]
    turned = [(*path[:at], path[at + 1], path[at], *path[at + 2 :]) for at in range(len(path) - 1)]
    return [one for one in (*flipped, *shorter, *doubled, *turned, (*path, bytes(32))) if one != path]


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13])
def test_a_bent_inclusion_path_proves_nothing(size: int) -> None:
    leaves, root = numbered(size), tree_of(numbered(size)).root()
    for index, leaf in enumerate(leaves):
        path = tree_of(leaves).inclusion(index)
        for other in bent(path):
            assert not verify_inclusion(leaf_hash(leaf), index, size, other, root)
        assert not verify_inclusion(leaf_hash(b"another"), index, size, path, root)
        assert not verify_inclusion(leaf_hash(leaf), index, size, path, leaf_hash(b"another"))
        for place in {-1, *range(size + 2)} - {index}:
            assert not verify_inclusion(leaf_hash(leaf), place, size, path, root)


@pytest.mark.parametrize("new", [1, 2, 5, 8, 13])
def test_a_bent_consistency_path_proves_nothing(new: int) -> None:
    tree = tree_of(numbered(new))
    for old in range(new + 1):
        path, before, after = tree.consistency(old), tree.root(old), tree.root()
        assert verify_consistency(old, new, before, after, path)
        for other in bent(path):
            assert not verify_consistency(old, new, before, after, other)
        assert not verify_consistency(old, new, leaf_hash(b"another"), after, path)
        # From no leaves at all everything has grown, whatever it is.
        assert verify_consistency(old, new, before, leaf_hash(b"another"), path) is (old == 0)
        for wrong in {-1, *range(new + 2)} - {old}:
            assert not verify_consistency(wrong, new, before, after, path)


def test_what_is_not_in_the_tree_has_no_proof() -> None:
    tree = tree_of(numbered(5))
    for ask in (
        lambda: tree.inclusion(5),
        lambda: tree.inclusion(-1),
        lambda: tree.inclusion(3, 3),
        lambda: tree.inclusion(0, 6),
        lambda: tree.consistency(4, 3),
        lambda: tree.consistency(-1),
        lambda: tree.consistency(1, 6),
        lambda: tree.root(6),
        lambda: tree.leaf(5),
    ):
        with pytest.raises(ValueError, match="leaves"):
            ask()
    with pytest.raises(ValueError, match="32 bytes"):
        Tree([b"the leaf itself"])


@pytest.mark.sweep
def test_a_million_leaves_take_less_than_a_hundred_megabytes() -> None:
    tree = Tree(number.to_bytes(32, "big") for number in range(1_000_000))
    assert sum(map(len, tree._levels)) < 65_000_000
    assert verify_inclusion(tree.leaf(777_777), 777_777, 1_000_000, tree.inclusion(777_777), tree.root())
