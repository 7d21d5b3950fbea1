"""One run of the program: what each kind of error means for the exit status, and what goes to closed streams."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO, cast

from levelhead.cli.options import Unclear, plainly
from levelhead.cli.output import ReaderGone, complain
from levelhead.errors import LevelheadError, Unavailable

INTERRUPTED = 130
"""What shells expect of a program that Ctrl-C ended."""

LOOKING: Mapping[str, str] = {
    "status": "service",
    "messages": "mails",
    "show": "mails",
    "search": "mails",
    "explain": "judging",
    "held": "holds",
    "alerts": "alerts",
}
"""The commands that only look, each in its file under its own name. They need not wait for typer."""


def run(words: Sequence[str], *, ends: bool = False) -> int:
    """Run one command line; returns its exit status and never raises for what a caller can cause.

    `ends`: the process ends with it.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A character that the terminal's encoding lacks is shown as an escape and ends nothing.
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _call(words, ends=ends)
    except LevelheadError as exc:
        complain(str(exc))
        status = exc.exit_status
    except ReaderGone:
        status = 0
    except OSError as exc:
        complain(f"{exc.filename or 'the system'}: {exc.strerror or exc}")
        status = Unavailable.exit_status
    except KeyboardInterrupt:
        status = INTERRUPTED
    return _flushed(status)


def _call(words: Sequence[str], *, ends: bool) -> int:
    read = None
    with suppress(Unclear):
        read = plainly(words, _looking)
    if read is None:
        from levelhead.cli.app import call

        return call(words)
    act, config, as_json, values = read
    from levelhead.cli.desk import Desk

    desk = Desk()
    desk.config, desk.as_json = config, as_json
    status = act(desk, **values) or 0
    if ends:
        # Whatever is left is let go of without looking for circles in it, which takes a tenth of such a command's time.
        gc.freeze()
    return status


def _looking(name: str) -> Callable[..., int | None]:
    if name not in LOOKING:
        raise Unclear(name)
    found: Callable[..., int | None] = getattr(import_module(f"levelhead.cli.{LOOKING[name]}"), name)
    return found


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
