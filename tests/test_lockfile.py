"""The lock file: every dependency is in it with its version and hashes, and nothing says where to fetch it from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SEMANTIC = (ROOT / "requirements-semantic.lock").read_text(encoding="utf-8")
"""The program with the sentence encoder, which is heavy, and which nothing that is tested everywhere may lean on."""
PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[a-z0-9,_-]+\])?==[\w.!+]+(?: ; [^\\]+)?(?: --hash=sha256:[0-9a-f]{64})+"
)


def requirements(text: str) -> list[str]:
    """The entries of a lock file, each on one line, without comments."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def normal(name: str) -> str:
    """A name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = dict(PROJECT["project"]["optional-dependencies"])
HEAVY = EXTRAS.pop("semantic")


def wanted(*lists: list[str]) -> set[str]:
    """The names of the packages that these lists of requirements ask for."""
    return {normal(re.split(r"[^A-Za-z0-9._-]", each)[0]) for part in lists for each in part}


def names(lock: str) -> list[str]:
    """The packages of a lock file, each entry once."""
    return [normal(found["name"]) for line in requirements(lock) if (found := PINNED.fullmatch(line))]


def complaints(text: str) -> list[str]:
    """Everything that a lock file must not have, and every entry that is not pinned to bytes."""
    found = [word for word in ("://", "--index-url", "--extra-index-url", "--find-links") if word in text]
    return found + [line[:60] for line in requirements(text) if not PINNED.fullmatch(line)]


def test_the_lock_holds_no_address_and_pins_everything_to_its_bytes() -> None:
    assert complaints(LOCK) == []
    assert complaints(SEMANTIC) == []


def test_every_dependency_is_in_the_lock_once() -> None:
    program = PROJECT["project"]["dependencies"]
    built_and_tested = (PROJECT["build-system"]["requires"], PROJECT["dependency-groups"]["dev"])
    assert wanted(program, *EXTRAS.values(), *built_and_tested) - set(names(LOCK)) == set(), "run `make lock`"
    assert wanted(program, HEAVY) - set(names(SEMANTIC)) == set(), "run `make lock`"
    plain = [line for line in requirements(LOCK) if " ; " not in line]
    assert len(plain) == len({normal(line.split("==")[0]) for line in plain})


GOOD = "apprise==2.2.0 --hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "--index-url https://index.example/simple\n" + GOOD,
        "--find-links wheels\n" + GOOD,
        "apprise @ https://files.example/apprise.whl",
        "apprise==2.2.0",
        "apprise>=2.2 --hash=sha256:" + "0" * 64,
        "apprise==2.2.0 --hash=md5:" + "0" * 32,
    ],
)
def test_the_check_itself_can_fail(text: str) -> None:
    assert complaints(GOOD) == []
    assert complaints(text)
