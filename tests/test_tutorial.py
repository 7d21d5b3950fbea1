"""`docs/tutorial/first-plugin.md`, executed: files are written, commands are typed, and what they say is compared.

A block whose fence names a file is written to it (with ` +`, added to it). In a `console` block each `$ ` line is run
by a shell; the lines below it must occur in its output in that order, where `…` stands for anything, and a line that
is only `…` for any number of lines. A comment `# exit status N` says how the command ends; without it, well.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "tutorial" / "first-plugin.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)
STATUS = re.compile(r"\s+# exit status (\d+)\Z")


def run(command: str, folder: Path) -> tuple[int, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LEVELHEAD", "PYTEST"))}
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=kept | {"PATH": path, "COLUMNS": "200", "XDG_CONFIG_HOME": str(folder / "none")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        umask=0o022,
    )
    return done.returncode, done.stdout


def pattern_of(expected: list[str]) -> str:
    lines = []
    for line in expected:
        if line == "…":
            lines.append(r"(?:[^\n]*\n)*?")
        else:
            lines.append(".*?".join(re.escape(part) for part in line.split("…")) + r"[^\n]*\n")
    return "".join(lines)


def steps(text: str) -> list[tuple[str, str, str]]:
    return [(kind, rest.strip(), body) for kind, rest, body in BLOCK.findall(text)]


def test_every_step_of_the_tutorial_does_what_the_page_says(tmp_path: Path) -> None:
    commands = 0
    for kind, rest, body in steps(PAGE.read_text(encoding="utf-8")):
        if rest:
            path = tmp_path / rest.removesuffix("+").strip()
            path.parent.mkdir(exist_ok=True)
            before = path.read_text(encoding="utf-8") + "\n" if rest.endswith("+") else ""
            path.write_text(before + body, encoding="utf-8")
            path.chmod(0o644)
            continue
        assert kind == "console", f"a block of {kind} that names no file"
        for part in re.split(r"^\$ ", body, flags=re.M)[1:]:
            command, *expected = part.rstrip("\n").split("\n")
            status = int(found[1]) if (found := STATUS.search(command)) else 0
            code, output = run(command, tmp_path)
            assert code == status, f"$ {command}\nended with {code}:\n{output}"
            assert re.search(r"(?:\A|\n)" + pattern_of(expected), output + "\n"), (
                f"$ {command}\nsaid:\n{output}"
            )
            commands += 1
    assert commands >= 10


@pytest.mark.parametrize(
    ("expected", "said", "fits"),
    [
        (["a…c"], "abc\n", True),
        (["a…c"], "ab\nc\n", False),
        (["…", "z"], "a\nb\nz\n", True),
        (["a", "b"], "a\nx\nb\n", False),
        (["b", "a"], "a\nb\n", False),
    ],
)
def test_the_comparison_itself_can_fail(expected: list[str], said: str, fits: bool) -> None:
    assert bool(re.search(r"(?:\A|\n)" + pattern_of(expected), said)) is fits
