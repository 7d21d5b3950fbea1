"""An archive of two clients, made once, and a whole pack of one of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence import authority as timestamps
from evidence.packs import Authority, World, make_world


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> World:
    """Nobody may write into it; see `own_world`."""
    return make_world(tmp_path_factory.mktemp("world"), authority)


@pytest.fixture
def own_world(world: World, tmp_path: Path) -> World:
    """A copy of it that a test may change."""
    shutil.copytree(world.path, tmp_path / "world")
    return World(path=tmp_path / "world", verifier=world.verifier)


@pytest.fixture(scope="session")
def pack(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole pack; nobody may write into it."""
    out = tmp_path_factory.mktemp("packs") / "whole"
    world.pack(out, pdf=True)
    return out


@pytest.fixture
def own_pack(pack: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(pack, tmp_path / "damaged"))


@pytest.fixture(scope="session")
def maker(tmp_path_factory: pytest.TempPathFactory) -> timestamps.Maker:
    """The keys of a time-stamp authority that OpenSSL plays."""
    return timestamps.Maker(tmp_path_factory.mktemp("maker"))


@pytest.fixture
def tsa(maker: timestamps.Maker) -> Iterator[timestamps.Authority]:
    """That authority, served over HTTP on loopback."""
    with timestamps.serving(maker) as made:
        yield made
