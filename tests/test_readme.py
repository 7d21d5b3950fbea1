"""What the README shows works: its configuration loads, its plugin runs, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from levelhead.cli import main
from levelhead.cli.app import program
from levelhead.config.load import load
from levelhead.testing import ask, make_message

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, without the indentation of the list that they stand in."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", README, re.M | re.S)
    return ["".join(line.removeprefix(indent) for line in text.splitlines(True)) for indent, text in found]


def test_the_configuration_of_the_readme_is_a_whole_one(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "levelhead.toml").write_text(text)
    settings = load(tmp_path / "levelhead.toml")
    assert settings.mailboxes[0].name == "office"
    assert settings.listed[0].name == "Northwind"


def test_mail_from_a_file_is_tried_without_a_server_as_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "leave `[[mailbox]]` out: `.venv/bin/levelhead add FILE`" in README
    (text,) = blocks("toml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEVELHEAD_CONFIG", raising=False)
    Path("levelhead.toml").write_text(re.sub(r"\[\[mailbox\]\]\n(.+\n)+", "", text))
    Path("saved.eml").write_bytes(
        b"From: sam@northwind.example\r\nTo: me@studio.example\r\n\r\nAll fine.\r\n"
    )
    assert main(["add", "saved.eml"]) == 0
    assert main(["messages"]) == 0
    assert "Northwind" in capsys.readouterr().out


def test_the_plugin_of_the_readme_finds_what_it_says(tmp_path: Path) -> None:
    (text,) = blocks("python")
    path = tmp_path / "manners.py"
    path.write_text(text)
    found = ask(path, "detect", message=make_message("Per my last email, the logo is blue."))
    assert [finding.label for finding in found] == ["passive-aggressive"]
    assert not ask(path, "detect", message=make_message("All fine, thank you."))


COMMANDS = sorted(set(re.findall(r"^ *\$ (?:\.venv/bin/)?levelhead (\w+)", README, re.M)))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_readme_exists(name: str) -> None:
    commands = typer.main.get_command(program()).commands
    assert name in commands


def test_each_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test"):
        assert f"$ make {target}" in README
        assert re.search(rf"^{target}:", makefile, re.M)
