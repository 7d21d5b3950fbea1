"""The bill of materials holds what the lock holds, to the byte and every time the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / ".ci" / "sbom.py"


def written(lock: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(lock)], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-semantic.lock"])
def test_every_package_of_the_lock_is_in_the_bill_with_its_version_and_all_its_digests(name: str) -> None:
    lock = (ROOT / name).read_text(encoding="utf-8")
    bill = json.loads(written(ROOT / name))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([\w.!+]+)", lock, re.MULTILINE)
    wanted = {f"pkg:pypi/{re.sub(r'[-_.]+', '-', one).lower()}@{version}" for one, version in pinned}
    assert {part["purl"] for part in bill["components"]} == wanted
    digests = {one["content"] for part in bill["components"] for one in part["hashes"]}
    assert digests == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    assert all(part["hashes"] for part in bill["components"])


def test_the_same_lock_makes_the_same_bytes_and_names_no_index() -> None:
    lock = ROOT / "requirements.lock"
    first = written(lock)
    assert first == written(lock)
    assert "://" not in first


def test_a_package_that_is_not_pinned_to_its_bytes_makes_no_bill(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("requests==2.34.2\n")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(lock)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and "not pinned" in done.stderr
