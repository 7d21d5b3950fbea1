"""The page of commands and the how-to pages: every option as the program has it, every example as it runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.demo_server import DemoServer
from levelhead.daemon.parts import open_archive, signer_of
from levelhead.docs import commands_page
from levelhead.evidence.checkpoints import sign_checkpoint

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "reference" / "commands.md"
HOW_TO = [
    DOCS / "how-to" / name
    for name in ("hold-and-release.md", "alerts.md", "backup.md", "dispute-pack.md", "erase.md")
]

_COMMAND = re.compile(r"\$ (?:echo '(?P<stdin>[^']*)' \| )?levelhead (?P<words>.*)\Z")

_MOVE = re.compile(r"\$ mv (?P<what>\w+) (?P<to>\w+)\Z")


def sections(page: Path) -> dict[str, str]:
    """The text below each heading of a page."""
    parts = re.split(r"^## (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples(text: str) -> Iterator[tuple[str, str]]:
    """Each command of the console blocks with the output that follows it."""
    for block in re.findall(r"^```console\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        parts = re.split(r"^(\$ .*)$", block, flags=re.MULTILINE)
        yield from (
            (command, output.strip("\n")) for command, output in zip(parts[1::2], parts[2::2], strict=True)
        )


def as_pattern(output: str) -> str:
    """A pattern for an expected output. `...` stands for anything, alone on a line for any lines; scores may differ."""
    lines = []
    for line in output.splitlines():
        if line.strip() == "...":
            lines.append(r"[\s\S]*")
            continue
        escaped = re.escape(line).replace(r"\.\.\.", ".*")
        lines.append(re.sub(r"\d+\\\.\d+", r"\\d+\\.\\d+", escaped))
    return "\n".join(lines) + r"\Z"


WITH_EXAMPLES = [
    pytest.param(page, heading, id=f"{page.stem}: {heading}".replace("`", ""))
    for page in (PAGE, *HOW_TO)
    for heading, text in (sections(page) if page.exists() else {}).items()
    if "```console" in text
]


@pytest.fixture
def example_home(home: Path, letters, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the examples want it: the archive, signed, a letter to add, stricter rules, a clock that stands."""
    clock = FrozenClock(letters.at)
    clock.advance(minutes=5)
    monkeypatch.setattr("levelhead.cli.desk.SystemClock", lambda: clock)
    (home / "letter.eml").write_bytes(letters.calm.replace(b"m1@", b"m99@"))
    config = (home / "levelhead.toml").read_text()
    (home / "secrets").mkdir()
    (home / "levelhead.toml").write_text(config + '\n[evidence]\nkey_file = "secrets/key"\n')
    settings = load(home / "levelhead.toml")
    archive = open_archive(settings, read_only=False)
    sign_checkpoint(archive.store, signer_of(settings, archive.store), clock.now())
    archive.mirror.catch_up(archive.store)
    archive.close()
    (home / "strict.toml").write_text(config + "\n[heat]\ntense = 0.01\nheated = 0.04\nhostile = 0.9\n")
    return home


@contextmanager
def mail_server(home: Path) -> Iterator[None]:
    """A mail server that answers the mailbox of the configuration."""
    config = home / "levelhead.toml"
    with DemoServer() as server:
        text = config.read_text().replace('tls = "none"', f'tls = "none"\nport = {server.port}')
        config.write_text(text.replace('user = "robin@studio.example"', f'user = "{server.user}"'))
        (home / "password").write_text(server.password)
        yield


@pytest.mark.parametrize(("page", "heading"), WITH_EXAMPLES)
def test_every_example_runs_as_it_stands(levelhead, example_home: Path, page: Path, heading: str) -> None:
    with mail_server(example_home) if heading == "`levelhead run`" else nullcontext():
        run(levelhead, sections(page)[heading])


def run(levelhead, section: str) -> None:
    for command, expected in examples(section):
        if moved := _MOVE.match(command):
            Path(moved["what"]).rename(moved["to"])
            continue
        match = _COMMAND.match(command)
        assert match is not None, f"the example {command!r} is none that this test can run"
        stdin = (match["stdin"] or "").encode() + b"\n"
        said = levelhead(*shlex.split(match["words"]), stdin=stdin if match["stdin"] else b"")
        complaints = [line for line in said.err.splitlines() if not line.startswith("{")]  # that is the log
        printed = "\n".join([said.out.strip("\n"), *complaints]).strip("\n")
        assert re.match(as_pattern(expected), printed), f"{command}\n{printed}"


def test_the_page_says_what_the_help_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for block in commands_page().split("\n## ")[1:]:
        heading = block.partition("\n")[0]
        assert f"\n## {heading}\n" in page, f"commands.md lacks the heading ## {heading}"
        here = sections(PAGE)[heading]
        for line in filter(None, block.splitlines()[1:]):
            assert line in here, f"commands.md, {heading}, lacks the line: {line}"


def test_every_command_on_the_page_has_an_example() -> None:
    without = {heading for heading, text in sections(PAGE).items() if "```console" not in text}
    groups = {f"`levelhead {name}`" for name in ("demo", "alert", "plugins", "config")}
    assert without == groups | {"How long a command takes"}
