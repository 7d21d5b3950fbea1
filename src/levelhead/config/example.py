"""The sample configuration: every key with its text, valid as it stands; what need not be said is commented out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from levelhead.config.explain import Setting, Table, sentences, tables

WIDTH = 100
GIVEN = frozenset({"mailbox.password_file"})
"""Keys that are written out although they have a default, because the sample would not work without."""

TOP = """\
levelhead's configuration, to be saved as levelhead.toml beside archive/, plugins/ and secrets/; paths start at the \
folder of this file. `levelhead check` says what is wrong with it, `levelhead config explain KEY` what a setting means.

Mend the lines that are not commented out. Lines that begin with # and a letter or bracket are settings with their \
default or an example: remove the # to use one. A length of time is written "90s", "30m", "4h", "1h30m", "14d" or \
"1w"."""


def example_text() -> str:
    """The sample file as `levelhead config example` prints it."""
    blocks = [_prose(TOP)]
    blocks += ["\n".join(_table(table)) + "\n" for table in tables()]
    return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


def _prose(text: str) -> str:
    lines = [line for part in text.split("\n") for line in (textwrap.wrap(part, WIDTH) or [""])]
    return "\n".join(f"# {line}".rstrip() for line in lines)


def _table(table: Table) -> Iterator[str]:
    given = any(_is_given(setting) for setting in table.settings) and table.path in TOP_TABLES
    yield _prose(" ".join(sentences(table.text)))
    yield ("" if given else "#") + table.header.replace("NAME", "phone")
    for setting in table.settings:
        yield ""
        yield _prose(setting.text)
        yield _prose(_facts(setting))
        yield ("" if given and _is_given(setting) else "#") + _line(setting)


TOP_TABLES = frozenset({"me", "archive", "mailbox"})
"""The tables that are written out; of the others an empty one is as good."""


def _is_given(setting: Setting) -> bool:
    return setting.required or setting.key in GIVEN


def _facts(setting: Setting) -> str:
    told = f"Takes {setting.kind}."
    return told + (" It must be given." if setting.required else f" Default: {setting.default}.")


def _line(setting: Setting) -> str:
    """The key with its default where that can be written down, else with its example."""
    name = setting.key.rpartition(".")[2]
    plain = setting.default[:1] in ('"', "[", "{") or setting.default in ("true", "false")
    number = setting.default.replace(".", "", 1).isdigit()
    if setting.key in GIVEN or not (plain or number):
        return setting.example
    return f"{name} = {setting.default}"
