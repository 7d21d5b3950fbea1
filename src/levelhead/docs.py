"""The files that are made from the code: the sample configuration and the reference pages.

`python -m levelhead.docs` writes them, `--check` says which are out of date and exits 1. To add a page: a function
that returns its text, and a line in `PAGES`.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from levelhead import facts
from levelhead.config.example import example_text
from levelhead.config.explain import Setting, explain, sentences, tables

__all__ = ["PAGES", "commands_page", "configuration_page", "example_text", "explain", "facts_page", "main"]

ROOT = Path(__file__).parents[2]
"""The checkout; these pages are made in one and not in an installed package."""

MADE = "<!-- Made from the code by `python -m levelhead.docs`; change it there. -->\n"


def example_page() -> str:
    """The sample configuration as it lies in the checkout."""
    return "# Made from the code by `python -m levelhead.docs`; change it there.\n#\n" + example_text()


# --- configuration -----------------------------------------------------------------------------


def configuration_page() -> str:
    """Every table and key of the configuration."""
    blocks = [
        MADE + "\n# The configuration, key by key",
        "One TOML file tells levelhead everything.\n"
        "It is looked for in this order: `--config FILE`, `$LEVELHEAD_CONFIG`, `./levelhead.toml`, "
        "`./config/levelhead.toml`, `$XDG_CONFIG_HOME/levelhead/levelhead.toml`, `/etc/levelhead/levelhead.toml`.\n"
        "`levelhead check` tells all of its mistakes at once, `levelhead config explain KEY` says what stands below, "
        "and `levelhead config example` prints a file to start from.\n"
        "Only `me.addresses`, `archive.path` and a mailbox's `name`, `host`, `user` and way to sign in must be given.",
        'A length of time is a text such as `"90s"`, `"30m"`, `"4h"`, `"1h30m"`, `"14d"` or `"1w"`.\n'
        "A relative path starts at the folder of the file; `~` is your home folder.",
        "A command that only looks (`status`, `messages`, `show`, `search`, `explain`, `held`, `alerts`) reads the "
        "file in full once, and again whenever the file, its place, your home folder or levelhead has changed.\n"
        "In between it uses what it has kept in `$XDG_CACHE_HOME/levelhead`, else `~/.cache/levelhead`: the archive's "
        "folder, your addresses and your clients as written here, names of mailboxes, channels and anchors, and no "
        "secret, in a file for your eyes only.\n"
        "That file can be deleted at any time.\n"
        "The daemon, `check` and whatever changes something read the "
        "configuration in full each time.",
    ]
    for table in tables():
        blocks.append(f"## `{table.header}`\n\n" + "\n".join(sentences(table.text)))
        blocks += [_setting(setting) for setting in table.settings]
    return "\n\n".join(blocks) + "\n"


def _setting(setting: Setting) -> str:
    default = "must be given" if setting.required else f"default {_code(setting.default)}"
    lines = [f"### `{setting.key}`", "", *sentences(setting.text), ""]
    lines += [f"- takes {setting.kind}", f"- {default}", f"- example: `{setting.example}`"]
    return "\n".join(lines)


def _code(default: str) -> str:
    """A default in TOML as code; one in words as it is."""
    written = (
        default[:1] in ('"', "[", "{") or default.replace(".", "").isdigit() or default in ("true", "false")
    )
    return f"`{default}`" if written else default


# --- facts -------------------------------------------------------------------------------------


def facts_page() -> str:
    """Every fact that the ledger, the log and `observe` know."""
    blocks = [
        MADE + "\n# Facts",
        "A fact is something that has happened.\n"
        "It has one name for three readers: the ledger keeps it, the log shows its name, and plugins get it by "
        "`observe`.\nIn the ledger a fact is a JSON object of the fields below: times in RFC 3339 with six "
        "fractional digits and `Z`, scores in millionths, digests in lower-case hex.",
    ]
    blocks += [_fact(name, facts.fact_class(name)) for name in _in_order()]
    blocks.append("## Parts of facts\n\nValues that stand inside the fields above.")
    # Slots make each class twice.
    parts = {
        part.__name__: part for part in sorted(facts.Part.__subclasses__(), key=lambda one: one.__module__)
    }
    blocks += [_described(f"### `{name}`", part) for name, part in parts.items()]
    return "\n\n".join(blocks) + "\n"


def _in_order() -> list[str]:
    """The names of all facts in the order of the source: that of a message's walk, and then what proves it."""

    def place(name: str) -> tuple[bool, int]:
        cls = facts.fact_class(name)
        return not cls.__module__.endswith(".walk"), inspect.getsourcelines(cls)[1]

    return sorted(facts.names(), key=place)


def _fact(name: str, cls: type[facts.Fact]) -> str:
    return _described(f"## `{name}`", cls)


def _described(heading: str, cls: type[Any]) -> str:
    text = "\n".join(sentences(" ".join((inspect.getdoc(cls) or "").split())))
    rows = [f"- `{name}` ({kind})" + (f": {about}" if about else "") for name, kind, about in _fields(cls)]
    return "\n".join([heading, "", text, "", *rows])


def _fields(cls: type[Any]) -> Iterator[tuple[str, str, str]]:
    """The fields of a class with their types and the text below each, read off the source."""
    tree = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(tree, ast.ClassDef)
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        about = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            about = " ".join(str(after.value.value).split())
        yield node.target.id, _kind(ast.unparse(node.annotation)), about


_KINDS = {"str": "text", "int": "whole number", "bool": "true or false", "datetime": "time"}


def _kind(annotation: str) -> str:
    words = annotation.removesuffix(" | None")
    listed = words.removeprefix("tuple[").removesuffix(", ...]")
    kind = _KINDS.get(listed, f"`{listed}`")
    return (f"list of {kind}" if listed != words else kind) + (" or null" if words != annotation else "")


# --- commands ----------------------------------------------------------------------------------


def commands_page() -> str:
    """Every command of the program, from its own help; `docs/reference/commands.md` says all of this and more."""
    import typer.main

    from levelhead.cli.app import program

    blocks = [
        "# Commands",
        "Every command takes `--config FILE` and `--json`.\n"
        "With `--json` there is JSON on stdout and nothing else: one object, or one a line for a list.\n"
        "Exit status: 0 done; 1 the answer is no; 2 the caller's mistake, in one sentence on stderr; "
        "3 something is unavailable and trying again can help.",
    ]
    blocks += list(_commands(typer.main.get_command(program()), "levelhead"))
    return "\n\n".join(blocks) + "\n"


def _commands(command: Any, name: str) -> Iterator[str]:
    inner: Mapping[str, Any] = getattr(command, "commands", {})
    if name != "levelhead":
        yield _command(command, name)
    for key in inner:
        yield from _commands(inner[key], f"{name} {key}")


def _command(command: Any, name: str) -> str:
    shown = [one for one in command.params if not getattr(one, "hidden", False) and one.name not in _SHARED]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option"]
    words = [name, *(_placeholder(one) for one in arguments), *(["[OPTIONS]"] if options else [])]
    rows = [f"- `{_placeholder(one)}`: {one.help}" for one in arguments if getattr(one, "help", None)]
    rows += [f"- `{_option(one)}`: {one.help}" for one in options]
    text = "\n".join(sentences(" ".join((command.help or "").split())))
    return "\n".join([f"## `{name}`", "", text, "", f"    {' '.join(words)}", *(["", *rows] if rows else [])])


_SHARED = frozenset({"config", "json", "help"})
"""Options that every command takes."""


def _placeholder(argument: Any) -> str:
    word = str(argument.metavar or argument.name.upper()).strip("[]").removesuffix("...")
    word += "..." if argument.nargs == -1 else ""
    return word if argument.required else f"[{word}]"


def _option(option: Any) -> str:
    flags = "/".join(option.opts)
    return flags if option.is_flag else f"{flags} {option.metavar or option.type.name.upper()}"


# --- writing and checking ----------------------------------------------------------------------

PAGES: Mapping[str, Callable[[], str]] = {
    "config/levelhead.example.toml": example_page,
    "docs/reference/configuration.md": configuration_page,
    "docs/reference/facts.md": facts_page,
}
"""Each made file, by its path in the checkout, with the function that makes it."""


def outdated(root: Path = ROOT) -> Iterator[str]:
    """A short diff for each made file that is not as the code would make it now."""
    for name, make in PAGES.items():
        path = root / name
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = difflib.unified_diff(
            there.splitlines(), make().splitlines(), name, f"{name} (made anew)", n=0, lineterm=""
        )
        diff = list(lines)
        if diff:
            more = [f"... and {len(diff) - 12} more lines"] if len(diff) > 12 else []
            yield "\n".join([*diff[:12], *more])


def write(root: Path = ROOT) -> None:
    """Make all files anew."""
    for name, make in PAGES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(), encoding="utf-8")


def main(words: Sequence[str]) -> int:
    """Write the files, or with `--check` only say what is out of date; returns the exit status."""
    if list(words) not in ([], ["--check"]):
        sys.stderr.write("usage: python -m levelhead.docs [--check]\n")
        return 2
    if not words:
        write()
        return 0
    diffs = list(outdated())
    for diff in diffs:
        sys.stderr.write(diff + "\n")
    if diffs:
        sys.stderr.write("These files are made from the code: run `make docs` and commit what changed.\n")
    return 1 if diffs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
