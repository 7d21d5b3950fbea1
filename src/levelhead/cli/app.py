"""The program: its commands by group, and what each kind of error means for the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, TextIO, cast

import typer

from levelhead import __version__
from levelhead.cli.desk import Desk, group
from levelhead.cli.output import ReaderGone, complain
from levelhead.errors import LevelheadError, Unavailable, UserError

INTERRUPTED = 130
"""What shells expect of a program that Ctrl-C ended."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "setup": ("init", "config", "check"),
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
    version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,
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


def run(words: Sequence[str]) -> int:
    """Run one command line; returns its exit status and never raises for what a caller can cause."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A character that the terminal's encoding lacks is shown as an escape and ends nothing.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _call(words)
    except LevelheadError as exc:
        complain(str(exc))
        status = exc.exit_status
    except ReaderGone:
        status = 0
    except OSError as exc:
        complain(f"{exc.filename or 'the system'}: {exc.strerror or exc}")
        status = Unavailable.exit_status
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    return _flushed(status)


def _call(words: Sequence[str]) -> int:
    try:
        status = typer.main.get_command(program(_part_of(words))).main(
            list(words), prog_name="levelhead", standalone_mode=False
        )
    except typer.TyperException as exc:
        complain(_usage(exc))
        return UserError.exit_status
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


def _open_what_is_closed() -> None:
    """A caller may have closed our standard streams (`>&-`), and then Python has None in their places."""
    if sys.stdin is None:
        sys.stdin = _nowhere("r")
    if sys.stdout is None:
        sys.stdout = _nowhere("w")
    if sys.stderr is None:
        sys.stderr = _nowhere("w")


def _nowhere(mode: str) -> TextIO:
    return cast(TextIO, Path(os.devnull).open(mode, encoding="utf-8"))


def _flushed(status: int) -> int:
    """Send what is still in the buffer; the exit status, which is another when the output is lost on a full disk."""
    try:
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        _discard()
        return status
    except OSError as exc:
        complain(f"the output cannot be written: {exc.strerror}")
        _discard()
        return Unavailable.exit_status


def _discard() -> None:
    """Let the interpreter's own last flush go nowhere, quietly."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
