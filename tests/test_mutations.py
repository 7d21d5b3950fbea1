"""The patches that take a guard out still fit the code, so that a change that moves a guard is noticed at once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from servers.requirements import require

ROOT = Path(__file__).parents[1]
PATCHES = sorted((ROOT / ".ci" / "mutations").glob("*.patch"))


@pytest.mark.skipif(not PATCHES, reason="this is not a checkout: it holds no .ci/mutations")
def test_every_patch_that_takes_a_guard_out_applies() -> None:
    git = require("git", "git")
    stale = []
    for patch in PATCHES:
        done = subprocess.run(
            [git, "apply", "--check", patch], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            stale.append(f"{patch.name}: {done.stderr.strip()}")
    assert not stale, "make these patches anew:\n" + "\n".join(stale)
