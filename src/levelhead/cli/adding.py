"""The command add: archives mail from files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli.desk import Desk, command, mirrored
from levelhead.cli.options import Argument
from levelhead.cli.output import complain, line_of
from levelhead.errors import UserError

if TYPE_CHECKING:
    from levelhead.archive.bring import Brought

STDIN = "-"


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "add")(add)


def add(
    desk: Desk,
    paths: Annotated[
        list[str],
        Argument(
            metavar="PATH...",
            help=".eml and mbox files, Maildirs, a Takeout archive (.zip, .tgz), folders of these; - for stdin.",
        ),
    ],
) -> int:
    """Archive mail from files and judge it. It counts as history, so no draft and no alert come of it."""
    here = [path for path in paths if _there(path)]
    absent = [path for path in paths if path not in here]
    brought = _brought(desk, here) if here else None
    added, known, why_not = (brought.added, brought.known, brought.failed) if brought else (0, 0, ())
    failed = [{"path": path, "why": "there is no such file or folder"} for path in absent]
    failed += [{"path": path, "why": why} for path, why in why_not]
    left_out = brought.left_out if brought else 0
    erased = [{"path": path, "why": why} for path, why in brought.erased] if brought else []
    lines = [line_of(f"{one['path']}: {one['why']}") for one in (*failed, *erased)]
    besides = f", {left_out} left out" if left_out else ""
    lines.append(f"{added} added, {known} known already{besides}, {len(failed)} failed.")
    counts = {"added": added, "known": known, "failed": failed, "left_out": left_out, "erased": erased}
    desk.out.one(counts, "\n".join(lines))
    if absent:
        complain(f"there is no file or folder {', '.join(map(repr, absent))}; what is there was archived")
        return UserError.exit_status
    return 1 if failed else 0


def _brought(desk: Desk, paths: list[str]) -> Brought:
    """Archive what lies at these paths, and judge it."""
    settings = desk.settings
    from levelhead.archive.bring import bring
    from levelhead.archive.folder import SPOOL
    from levelhead.archive.spool import Spool
    from levelhead.daemon.history import judge_history
    from levelhead.daemon.parts import recorder_of

    tell = _teller()
    with desk.archive(read_only=False) as archive:
        # Of a fresh archive, too, `verify` is to know how far the ledger's files reached before anything was written.
        mirrored(archive, desk.clock.now())
        recorder = recorder_of(settings, archive, desk.clock)
        brought = bring(
            paths,
            recorder,
            stdin=sys.stdin.buffer,
            spool=Spool(archive.path / SPOOL),
            clock=desk.clock,
            progress=lambda done: tell(f"{done} messages read"),
        )
        # Also when nothing is new: an earlier run may have been ended between recording and judging.
        judge_history(settings, archive, desk.clock, progress=lambda done: tell(f"{done} messages judged"))
        mirrored(archive, desk.clock.now())
    tell("")
    return brought


def _teller() -> Callable[[str], None]:
    """Tells a person at a terminal how far it is, on one line; programs and logs are spared."""
    if not sys.stderr.isatty():
        return lambda text: None

    def tell(text: str) -> None:
        # The cursor goes back to where it was, so that a complaint is written over the line and not behind it.
        sys.stderr.write(f"\r\033[K{text}\r")
        sys.stderr.flush()

    return tell


def _there(path: str) -> bool:
    """Whether there is something at the path; a path that no system can have is not there."""
    try:
        return path == STDIN or (bool(path) and Path(path).exists())
    except (OSError, ValueError):
        return False
