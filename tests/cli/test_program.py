"""The program as a process: it starts fast, ends quietly, and its exit status means what the contract says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levelhead import __version__

PROGRAM = [sys.executable, "-m", "levelhead"]
START = 2.0
"""Seconds; a generous bound for loaded machines. The aim, 0.25 s, is held by what may be imported."""


def run(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PROGRAM, *words], capture_output=True, timeout=60, check=False, **options)  # type: ignore[call-overload]


def test_the_version_and_the_help_start_fast() -> None:
    for words in (["--version"], ["--help"]):
        began = time.perf_counter()
        said = run(*words)
        assert said.returncode == 0
        assert time.perf_counter() - began < START
    assert run("--version").stdout.decode() == f"levelhead {__version__}\n"


def test_the_start_imports_no_heavy_library() -> None:
    code = (
        "import sys; from levelhead.cli import main; main(['--help']); "
        "heavy = ['pydantic', 'structlog', 'rich', 'apprise', 'imapclient', 'sqlite3', 'fast_mail_parser', "
        "'zstandard', 'selectolax']; "
        "sys.exit(str([name for name in heavy if name in sys.modules]) if any(n in sys.modules for n in heavy) else 0)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr.decode()


def test_a_reader_who_leaves_ends_the_program_quietly(home: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "messages", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    complaint = process.stderr.read().decode()
    process.stderr.close()
    assert (process.wait(timeout=60), complaint) == (0, "")


def test_a_reader_who_leaves_does_not_change_the_answer_of_a_check(home: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    said = subprocess.run(
        [*PROGRAM, "check", "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=home,
        timeout=60,
        check=False,
    )
    os.close(writing)
    (home / "levelhead.toml").write_text("me = 3\n")
    assert (said.returncode, said.stderr) == (0, b"")
    reading, writing = os.pipe()
    os.close(reading)
    said = subprocess.run(
        [*PROGRAM, "check", "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=home,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (said.returncode, said.stderr) == (1, b"")


def test_control_c_ends_with_130_and_no_traceback(home: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "score", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=home,
        # A shell that runs the tests in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdin.write(b'{"id": "1", "text": "Thank you for the files."}\n')
    process.stdin.flush()
    # The answer to the first line comes while the program waits for the second: it is flushed.
    assert json.loads(process.stdout.readline())["id"] == "1"
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in complaint


def test_bytes_come_out_of_the_program_exactly(home: Path, letters) -> None:
    said = run("show", letters.id(letters.steering)[:8], "--raw", cwd=home)
    assert (said.returncode, said.stdout) == (0, letters.steering)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_a_character_gets_an_escape(home: Path, letters, encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    said = run("show", letters.id(letters.foreign)[:8], cwd=home, env=environment)
    assert said.returncode == 0, said.stderr.decode()
    assert b"\\u041f" in said.stdout


def test_closed_streams_and_a_full_disk_are_no_traceback(home: Path) -> None:
    program = f"{sys.executable} -m levelhead"
    for line, status in (
        (f"{program} status --json >&-", 0),
        (f"{program} score <&-", 0),
        (f"{program} messages --json >/dev/full", 3),
        (f"{program} --config none.toml status 2>/dev/full", 2),
    ):
        said = subprocess.run(["sh", "-c", line], capture_output=True, cwd=home, timeout=60, check=False)
        assert said.returncode == status, (line, said.stderr.decode())
        assert b"Traceback" not in said.stderr
