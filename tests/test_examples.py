"""The examples of the pages: configurations load, command lines parse to their last option, tables tell the truth."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from levelhead.archive import addresses, body, headers, html, mime, tree
from levelhead.cli.app import program
from levelhead.config.durations import parse_duration
from levelhead.config.keys import all_keys
from levelhead.config.load import load
from levelhead.config.sections import Cooldown
from levelhead.config.settings import Settings
from levelhead.errors import ConfigError

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
CONFIGURED = [
    *(
        DOCS / "how-to" / f"{name}.md"
        for name in (
            *("alerts", "dovecot", "fastmail", "gmail", "hold-and-release", "hosting", "microsoft-365"),
            *("secrets", "systemd"),
        )
    ),
    *(DOCS / "reference" / f"{name}.md" for name in ("mailboxes", "clients")),
]
MAILBOX = '[[mailbox]]\nname = "post"\nhost = "imap.example.com"\nuser = "me@example.com"\n'
SIGN_IN = {"password_file", "password_command", "credential", "oauth2"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fenced(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of these languages, without the indentation of a list that they stand in."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```(?:{'|'.join(languages)})[^\n]*\n(.*?)^ *```", text, re.M | re.S)
    return ["".join(line.removeprefix(indent) for line in block.splitlines(True)) for indent, block in found]


def inline(page: Path) -> list[str]:
    """What stands between single backticks, outside of fenced blocks."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


# --- configurations ----------------------------------------------------------------------------


def whole(part: str) -> str:
    """A configuration with this part in it, and no more around it than one must have."""
    if not part.lstrip().startswith("["):
        keys = set(tomllib.loads(part))
        part = MAILBOX + ("" if keys & SIGN_IN else 'credential = "post"\n') + part
    given = set(tomllib.loads(part))
    must = {
        "me": '[me]\naddresses = ["me@example.com"]\n',
        "archive": '[archive]\npath = "archive"\n',
        "mailbox": MAILBOX + 'credential = "post"\n',
    }
    return part + "\n" + "".join(text for table, text in must.items() if table not in given)


def loaded(text: str, folder: Path) -> Settings:
    path = folder / "levelhead.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def configurations() -> list[Any]:
    """Each block of TOML, after those of its page that name channels."""
    found = []
    for page in CONFIGURED:
        channels = ""
        for number, block in enumerate(fenced(page, "toml")):
            found.append(pytest.param(channels + block, id=f"{name_of(page)} {number + 1}"))
            if block.startswith("[channels"):
                channels += block + "\n"
    return found


@pytest.mark.parametrize("text", configurations())
def test_each_configuration_of_a_page_loads(text: str, tmp_path: Path) -> None:
    loaded(whole(text), tmp_path)


def test_the_pages_with_configurations_have_some() -> None:
    assert len(configurations()) >= 8
    with pytest.raises(tomllib.TOMLDecodeError):
        whole("quiet_hours: 8\n")


PROVIDERS = ("dovecot", "fastmail", "gmail", "hosting", "microsoft-365")


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_page_about_a_provider_ends_with_a_look_whether_it_works(name: str) -> None:
    text = (DOCS / "how-to" / f"{name}.md").read_text(encoding="utf-8")
    assert text.endswith("## Look whether it works\n\n```sh\nlevelhead check --online\n```\n")
    said = [line for line in text.splitlines() if re.search(r"\b(was|were) (not )?tried\b", line)]
    assert said, "what was tried, and what was not, is said"


SETTING = re.compile(r"(?:\[+(?P<table>[a-z.]+)\]+ )?(?P<key>[a-z_]+(?:\.[a-z_]+)*) = (?P<value>\S.*)\Z")
REFUSED = {"password"}
"""Keys that a page names to say that they are refused."""


def places_of(table: str | None, key: str) -> list[str]:
    """The settings that a key on a page can mean: the one that is named, or those that end so."""
    if table:
        key = f"{table}.{key}"
    if "." in key:
        return [key]
    return [known for known in all_keys() if known.rpartition(".")[2] == key and "NAME" not in known]


def with_setting(place: str, value: str) -> str:
    table, _, key = place.rpartition(".")
    if table == "mailbox":
        return f"{key} = {value}\n"
    listed = table in ("client", "escalation.rung")
    return f"[[{table}]]\n{key} = {value}\n" if listed else f"[{table}]\n{key} = {value}\n"


INLINE = [
    pytest.param(found, id=f"{name_of(page)} {found[0]}")
    for page in CONFIGURED
    for code in inline(page)
    if (found := SETTING.match(code))
]


@pytest.mark.parametrize("found", INLINE)
def test_each_setting_in_a_sentence_can_be_written_so(found: re.Match[str], tmp_path: Path) -> None:
    if found["key"] in REFUSED:
        with pytest.raises(ConfigError):
            loaded(whole(found[0]), tmp_path)
        return
    troubles = []
    for place in places_of(found["table"], found["key"]):
        try:
            loaded(whole(with_setting(place, found["value"])), tmp_path)
        except ConfigError as exc:
            troubles.append(str(exc))
        else:
            return
    raise AssertionError(f"{found[0]} is no setting: {troubles}")


@pytest.mark.parametrize(
    "scope", re.findall(r"^\| `(\w+)` \|", (DOCS / "reference/clients.md").read_text(), re.M)[:3]
)
def test_each_scope_of_the_page_about_clients_is_one(scope: str, tmp_path: Path) -> None:
    loaded(whole(f'[clients]\nscope = "{scope}"\n'), tmp_path)


# --- command lines -----------------------------------------------------------------------------


def commands(command: Any, name: str = "") -> Iterator[str]:
    """Every command and group by the words that call it."""
    for key, inner in getattr(command, "commands", {}).items():
        yield f"{name} {key}".strip()
        yield from commands(inner, f"{name} {key}")


COMMANDS = frozenset(commands(typer.main.get_command(program())))


def command_lines(page: Path) -> Iterator[str]:
    """What follows the program's name in the blocks of a page, and in its sentences (not a command's bare name)."""
    for line in "".join(fenced(page, "console", "sh")).splitlines():
        for part in re.split(r"\s(?:\||&&|\|\|)\s", re.sub(r"^\$ ", "", line)):
            if found := re.match(r"(?:sudo (?:-u \S+ )?)?(?:\S*/bin/)?levelhead (.*)", part):
                yield found[1]
    for code in inline(page):
        found = re.match(r"levelhead ((?!\.\.\.).*)", code)
        if found and found[1] not in COMMANDS:
            yield found[1]


def parse_line(line: str) -> None:
    """Have the real program parse a command line, down to its last option, without running it."""
    words = [word for word in shlex.split(line, comments=True) if not word.startswith((">", "<"))]
    command, parent, name = typer.main.get_command(program()), None, "levelhead"
    while True:
        context = command.make_context(name, words, parent=parent)
        if not hasattr(command, "commands"):
            return
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if not rest:
            return
        name, inner, words = command.resolve_command(context, rest)
        command, parent = inner, context


# The page of commands is left out because each of its examples is run, those that are refused on purpose too.
LINES = sorted(
    {(line, name_of(page)) for page in PAGES if page.name != "commands.md" for line in command_lines(page)}
)


@pytest.mark.parametrize(("line", "page"), LINES)
def test_each_command_line_of_a_page_parses(line: str, page: str) -> None:
    parse_line(line)


def test_the_command_lines_of_the_readme_and_the_guides_are_among_them() -> None:
    lines = {line.split("#")[0].strip() for line, _ in LINES}
    assert {"check --online", "alert test", 'search "deadline" --client Northwind'} <= lines
    assert "--config /etc/levelhead/levelhead.toml status" in lines


@pytest.mark.parametrize(
    "line", ["chek", "check --onlin", "alert tst", "ack", "search x --clint y", "extend a", "config show"]
)
def test_the_parsing_itself_can_fail(line: str) -> None:
    with pytest.raises(Exception) as caught:
        parse_line(line)
    # The class belongs to a library below typer, which may change its place.
    assert "UsageError" in {kind.__name__ for kind in type(caught.value).__mro__}


# --- tables ------------------------------------------------------------------------------------


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    text = page.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def length_in(words: str) -> timedelta:
    """`30 minutes` or `not at all` as a length of time."""
    if words == "not at all":
        return timedelta()
    number, unit = words.split()
    return parse_duration(f"{number}{unit[0]}")


def test_the_table_of_cooldowns_holds_the_defaults() -> None:
    table = rows(DOCS / "how-to" / "hold-and-release.md", "How long a reply is held")
    told = {setting.strip("`"): length_in(words) for _, words, setting in table}
    defaults = Cooldown()
    assert told == {
        f"cooldown.{name}": getattr(defaults, name) for name in ("calm", "tense", "heated", "hostile")
    }


LIMITS = {
    "bytes that are parsed": (tree.READ_LIMIT,),
    "header block": (headers.BLOCK_LIMIT, headers.FIELD_COUNT_LIMIT, headers.SCAN_LIMIT),
    "one field": (headers.FIELD_LIMIT,),
    "recipients": (addresses.RECIPIENTS_LIMIT,),
    "references": (headers.REFERENCES_LIMIT,),
    "nesting": (mime.NESTING_LIMIT,),
    "parts": (mime.PARTS_LIMIT,),
    "embedded messages": (mime.NESTED_BYTES,),
    "attachments": (body.ATTACHMENTS_LIMIT,),
    "text": (body.TEXT_LIMIT,),
    "body for `compat32`": (mime.SLOW_BYTES, mime.SLOW_LINES),
    "HTML": (html.HTML_LIMIT,),
    "HTML tree": (html.TAGS_LIMIT, html.DEPTH_LIMIT),
}
KB = 1024
"""The page's KB is of 1024 bytes, its MB of a million, as the limits are."""


def numbers(words: str) -> tuple[int, ...]:
    """The numbers of a cell, with their units."""
    factor = {"KB": KB, "MB": 1_000_000, "": 1}
    found = re.findall(r"(\d[\d,]*)(?: (KB|MB)\b)?", words)
    return tuple(int(number.replace(",", "")) * factor[unit] for number, unit in found)


def test_the_table_of_limits_holds_the_numbers_of_the_code() -> None:
    table = rows(DOCS / "reference" / "parsing.md", "Limits")
    assert {what: numbers(limit) for what, limit, _ in table} == LIMITS
