from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.config.example import example_text
from levelhead.config.explain import explain, tables
from levelhead.config.keys import all_keys
from levelhead.config.load import load
from levelhead.config.settings import Settings
from levelhead.errors import UserError

ALL = [setting for table in tables() for setting in table.settings]


def test_every_key_says_what_it_is_what_it_takes_and_an_example() -> None:
    for setting in ALL:
        assert setting.text.endswith("."), setting.key
        assert setting.takes and setting.example, setting.key
        assert setting.required or setting.default, setting.key


@pytest.mark.parametrize("key", list(all_keys()))
def test_every_key_and_table_can_be_explained(key: str) -> None:
    assert explain(key).startswith(("[", key))


def test_a_key_is_explained_with_its_default_and_an_example() -> None:
    assert explain("cooldown.heated").splitlines() == [
        "cooldown.heated",
        "  After a heated message.",
        '  Takes:   a length of time, such as "90s", "30m", "4h", "14d", "1w" or "1h30m"',
        '  Default: "4h"',
        '  Example: heated = "6h"',
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("channels.phone.url", "channels.NAME.url"),
        ("mailbox[2].port", "mailbox.port"),
        ("[[mailbox]]", "mailbox"),
        ("[channels.NAME]", "channels"),
        ("heat.weights.shouting", "heat.weights"),
    ],
)
def test_a_key_may_be_written_as_in_the_file(written: str, meant: str) -> None:
    assert explain(written) == explain(meant)


def test_a_plugins_table_is_left_to_the_plugin() -> None:
    assert "told by the plugin itself" in explain("plugins.friday-evening")


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("cooldown.heatd", "cooldown.heated"),
        ("poll", "mailbox.poll"),
        ("xyzzy", "the tables are"),
        ("", "the"),
    ],
)
def test_an_unknown_key_is_told_the_nearest(key: str, near: str) -> None:
    with pytest.raises(UserError, match=re.escape(near)):
        explain(key)


# --- the sample file ---------------------------------------------------------------------------


def test_the_sample_loads_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "levelhead.toml"
    path.write_text(example_text())
    assert "levelhead.docs" not in example_text()
    settings = load(path)
    assert settings.plugins.path == tmp_path / "plugins"
    assert settings.archive.path == tmp_path / "archive"
    assert [mailbox.name for mailbox in settings.mailboxes] == ["office"]


def test_the_sample_names_every_key_and_table() -> None:
    lines = example_text().splitlines()
    for table in tables():
        assert any(line.lstrip("#") == table.header.replace("NAME", "phone") for line in lines)
        for setting in table.settings:
            name = setting.key.rpartition(".")[2]
            assert any(re.match(rf"#?{name} = ", line) for line in lines), setting.key


def blocks() -> list[tuple[str, str]]:
    """Each commented setting of the sample with the header of its table."""
    found, header = [], ""
    for line in example_text().splitlines():
        if re.match(r"#?\[", line):
            header = line.lstrip("#")
        elif re.match(r"#\w+ = ", line):
            found.append((header, line.lstrip("#")))
    return found


@pytest.mark.parametrize(("header", "line"), blocks())
def test_each_commented_line_of_the_sample_is_valid_when_it_is_taken_in(
    header: str, line: str, settings_of: Callable[..., Settings]
) -> None:
    assert tomllib.loads(line)
    me, archive = '[me]\naddresses = ["me@x"]\n', '[archive]\npath = "a"\n'
    needed = {
        "[[mailbox]]": 'name = "office"\nhost = "h"\nuser = "u"\n',
        "[[client]]": 'name = "Harbour"\naddresses = ["*@h.example"]\n',
        "[[escalation.rung]]": 'notify = ["phone"]\n',
        "[mailbox.oauth2]": 'provider = "google"\nclient_id = "x"\n',
    }
    sign_in = re.match(r"password_|credential", line)
    tables = {
        "[me]": me,
        "[archive]": archive,
        "[channels.phone]": '[channels.phone]\nurl = "json://localhost"\n',
        "[channels.mentor]": '[channels.mentor]\nurl = "json://localhost"\n',
    }
    if header == "[channels.phone]":
        del tables[header]
    if header == "[mailbox.oauth2]":
        tables["[[mailbox]]"] = "[[mailbox]]\n" + needed["[[mailbox]]"]
    own = [own for own in needed.get(header, "").splitlines() if own.split(" = ")[0] != line.split(" = ")[0]]
    own += ['credential = "pw"'] if header == "[[mailbox]]" and not sign_in else []
    block = tables.pop(header, header + "\n") + "\n".join([*own, line]) + "\n"
    assert settings_of("\n".join([*tables.values(), block]), "").me.addresses
