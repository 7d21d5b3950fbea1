"""The program as typer has it: its commands by group, and what a mistake in the command line is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Annotated

import typer

from levelhead import __version__
from levelhead.cli.desk import Desk, group
from levelhead.cli.options import Option
from levelhead.cli.output import complain
from levelhead.errors import UserError

PARTS: Mapping[str, tuple[str, ...]] = {
    "init": ("init",),
    "setup": ("config", "check"),
    "login": ("login",),
    "service": ("run", "demo", "status"),
    "adding": ("add",),
    "mails": ("messages", "show", "search"),
    "archive": ("note", "notes", "verify", "rebuild"),
    "backups": ("backup", "restore"),
    "proving": ("proof",),
    "exporting": ("export",),
    "cases": ("casehold",),
    "purging": ("purge",),
    "erasing": ("erase",),
    "judging": ("explain", "mark"),
    "scoring": ("score",),
    "replaying": ("replay",),
    "holds": ("held", "release", "extend", "cancel"),
    "alerts": ("alerts", "ack", "snooze", "alert"),
    "plugins": ("plugins",),
}
"""The files of commands, in the order of `--help`, and what each adds: one call loads only the file that it needs."""


def root(
    desk: Desk,
    ctx: typer.Context,
    version: Annotated[bool, Option("--version", help="Say the version and end.")] = False,
) -> None:
    """Documents every client e-mail, holds heated replies for a cool-down, and calls for help."""
    if version:
        desk.out.one({"version": __version__}, f"levelhead {__version__}")
        raise typer.Exit(0)
    if ctx.invoked_subcommand is None:
        raise UserError("name a command, such as levelhead status; levelhead --help lists them")


@cache
def program(part: str | None = None) -> typer.Typer:
    """The program with the commands of one file, or with all."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    group(app, invoke_without_command=True)(root)
    for name in PARTS if part is None else (part,):
        import_module(f"levelhead.cli.{name}").register(app)
    return app


def _part_of(words: Sequence[str]) -> str | None:
    """The file of the command that a command line names; None where it names none, or one that is not known."""
    left = iter(words)
    for word in left:
        if word == "--config":
            next(left, None)
        elif not word.startswith("-"):
            return next((part for part, names in PARTS.items() if word in names), None)
        elif word == "--help":
            return None
    return None


def call(words: Sequence[str]) -> int:
    """Read a command line in full and do what it says; the exit status. Raises what the command raises."""
    try:
        status = typer.main.get_command(program(_part_of(words))).main(
            list(words), prog_name="levelhead", standalone_mode=False
        )
    except typer.TyperException as exc:
        complain(_usage(exc))
        return UserError.exit_status
    except typer.Abort:
        raise KeyboardInterrupt from None
    return status if isinstance(status, int) else 0


def _usage(exc: typer.TyperException) -> str:
    """A mistake in the command line, with the nearest names, in one sentence."""
    sentence = (
        (exc.format_message() if not hasattr(exc, "possibilities") else exc.message)
        .replace("Value error, ", "")
        .rstrip(".")
    )
    context = getattr(exc, "ctx", None)
    path = context.command_path if context is not None else "levelhead"
    if hasattr(exc, "option_name") and context is not None and hasattr(exc, "possibilities"):
        from difflib import get_close_matches

        known = [name for option in context.command.get_params(context) for name in option.opts]
        near = get_close_matches(exc.option_name, known, n=2)
        if near:
            sentence += f". Did you mean {' or '.join(near)}?"
    end = "" if sentence.endswith("?") else "."
    return f"{sentence}{end} See: {path} --help"
