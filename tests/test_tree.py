from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelhead.tree import EMPTY_ROOT, HASH_SIZE, Frontier, leaf_hash, node_hash, root_of

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
