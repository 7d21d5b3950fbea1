"""Runs the benchmark that lies beside the public data, when it does, and tells its figures as it printed them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from levelhead.heat import semantic
from training.tables import percent, table

CAP = 400
"""Rows of a slice that the benchmark scores at most (twice as many of `valid`); a fixed sample."""

SLICES = {
    "mail-examples": "the published example mails, whole",
    "mail-clean": "their newest text alone",
    "mail-en": "those in English",
    "mail-non-en": "those in other languages",
    "valid": "public rows",
}
"""Slices of the benchmark, and what they are."""


SETTINGS = """
[me]
addresses = ["me@studio.example"]
[archive]
path = "archive"
[plugins.tone]
semantic = "{encoder}"
"""
"""The configuration of a run; nothing is archived."""


def runner(data: Path) -> Path:
    """Where the benchmark lies: `bench/heated/heatbench.py` beside the folder that holds the data."""
    return data.parents[1] / "bench" / "heated" / "heatbench.py"


def here(data: Path) -> bool:
    """Whether the benchmark and its rows are on this machine."""
    return runner(data).exists() and (data / "valid.jsonl.gz").exists()


def measured(data: Path, *, encoder: bool = False) -> dict[str, Any]:
    """What the benchmark finds of `levelhead score --jsonl`, with the sentence encoder or with the engine alone.

    A configuration of its own is named, so that nothing of this machine counts. CalledProcessError when it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, settings = Path(folder) / "found.json", Path(folder) / "levelhead.toml"
        settings.write_text(SETTINGS.format(encoder="auto" if encoder else "off"), encoding="utf-8")
        scored = [sys.executable, "-m", "levelhead", "score", "--jsonl", "--config", str(settings)]
        command = [sys.executable, str(runner(data)), "--dev", str(data), "--cmd", shlex.join(scored)]
        command += ["--name", "levelhead", "--cap", str(CAP), "--no-speed", "--out", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def rows(found: dict[str, Any]) -> list[list[str]]:
    """A line for each slice: rows, heated ones, AUROC, average precision, recalls, calibration error."""
    lines = []
    for name, words in SLICES.items():
        if each := found["slices"].get(name):
            figures = (each[key] for key in ("auroc", "ap", "r_at_5", "r_at_1", "ece"))
            lines.append([words, str(each["n"]), str(each["pos"]), *(f"{figure:.3f}" for figure in figures)])
    return lines


def section(data: Path) -> str:
    """The section on the benchmark."""
    if not here(data):
        return "The benchmark was not on the machine where this was made."
    found = measured(data)
    head = ["what", "rows", "heated", "AUROC", "average precision", "recall at 5 %", "recall at 1 %", "ECE"]
    return "\n".join(
        [
            "These are the figures of the benchmark itself, which calls the program as anybody would:",
            "",
            "```",
            f'python heatbench.py --dev DATA --cmd "levelhead score --jsonl" --cap {CAP} --no-speed',
            "```",
            "",
            table(head, rows(found)),
            "",
            "It leaves out what is merely firm, fits its calibration on the very rows that it then measures (so that"
            " its calibration error flatters), and gives no intervals.",
            "The example mails are few, and everybody who worked on the detector could read them; the sources of the"
            " public rows were learnt from.",
            f"Of the words that a person marked in the example mails, {percent(found['evidence_hit'])} are touched.",
            *_with_encoder(data, head),
        ]
    )


def _with_encoder(data: Path, head: list[str]) -> list[str]:
    if not semantic.installed():
        return ["The sentence encoder was not installed here, so that only the engine alone is told."]
    return [
        "",
        "The same with the sentence encoder (the extra `semantic`):",
        "",
        table(head, rows(measured(data, encoder=True))),
        "",
        "What it adds was learnt from mail, and public rows are none.",
    ]
