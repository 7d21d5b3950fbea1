"""Training again makes the weights that ship, to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from levelhead.heat.weights import FILE, weights
from training import material

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "heated"


here = pytest.mark.skipif(
    not (DATA / "train.jsonl.gz").exists(), reason="the public rows are not beside this checkout"
)


def trained(target: Path, seed: str, every: int, steps: int = 1_000) -> bytes:
    """What the script writes, in a process whose sets and dictionaries are hashed with that seed."""
    command = [sys.executable, "-m", "training.train", str(DATA), str(target), str(every)]
    environment = os.environ | {"PYTHONHASHSEED": seed, "LEVELHEAD_TRAINING_STEPS": str(steps)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return target.read_bytes()


@here
@pytest.mark.sweep
@pytest.mark.skipif(
    os.environ.get("LEVELHEAD_SWEEP") != "full", reason="takes ten minutes: only with LEVELHEAD_SWEEP=full"
)
def test_training_again_makes_the_weights_that_ship(tmp_path: Path) -> None:
    made = trained(tmp_path / FILE, "1", every=1)
    assert made == files("levelhead.heat").joinpath(FILE).read_bytes()


SUM = """
import training
import numpy as np
row = np.random.default_rng(1).normal(size=1 << 20)
print(float(row @ row[::-1].copy()).hex())
"""


def test_a_sum_of_the_training_is_the_same_whatever_the_machine_asks_of_its_processors() -> None:
    asked = ({"OPENBLAS_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Prescott"}, {})
    told = {
        subprocess.run(
            [sys.executable, "-c", SUM], cwd=ROOT, env=os.environ | each, check=True, capture_output=True
        ).stdout
        for each in asked
    }
    assert len(told) == 1


@here
@pytest.mark.sweep
def test_training_on_a_part_makes_the_same_bytes_twice(tmp_path: Path) -> None:
    # Every fit takes part, with a few steps: the weights are as wide whatever they are learnt from.
    first, second = (trained(tmp_path / seed, seed, every=150, steps=6) for seed in "12")
    assert first == second


def test_without_the_public_rows_it_says_which_folder_it_wants(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training.train", str(tmp_path), str(tmp_path / FILE)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert (
        answer.stderr.strip()
        == f"the public rows are not in {tmp_path}; name their folder: make train DATA=FOLDER"
    )


def test_the_weights_were_learnt_from_the_material_that_is_here() -> None:
    told = weights().trained
    assert told["mails"] == len(material.mails("mail"))
    assert told["sentences"] == len(material.sentences())
    assert told["material"] == material.digest()


def test_no_mail_of_the_hold_out_is_learnt_from() -> None:
    learnt = {mail.body for mail in material.mails("mail")}
    authors = {mail.author for mail in material.mails("mail")}
    for mail in material.mails("holdout"):
        assert mail.body not in learnt and mail.author not in authors


def test_the_share_alike_source_is_left_out() -> None:
    assert "told-br" in material.SHARE_ALIKE
    if (DATA / "valid.jsonl.gz").exists():
        assert {row["source"] for row in material.public(DATA, "valid")}.isdisjoint(material.SHARE_ALIKE)


def test_a_line_that_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "elm.txt").write_text(
        "@ en curt blunt 1\nS: x\nWrong.\n! praise: Wrong\n", encoding="utf-8"
    )
    monkeypatch.setattr(material, "HERE", tmp_path)
    with pytest.raises(ValueError, match=r"elm.txt, line 1: there is no label 'praise'"):
        material.mails("mail")
