"""The command add: archives mail from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli.desk import Desk, command, mirrored
from levelhead.cli.output import complain, line_of
from levelhead.errors import UserError

STDIN = "-"


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "add")(add)


def add(
    desk: Desk,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help=".eml and mbox files, Maildirs, folders of these; - for stdin."
        ),
    ],
) -> int:
    """Archive mail from files and judge it; it counts as history, so no draft and no alert come of it."""
    settings = desk.settings
    from levelhead.archive.bring import bring
    from levelhead.archive.spool import Spool
    from levelhead.daemon.crew import SPOOL
    from levelhead.daemon.history import judge_history
    from levelhead.daemon.parts import recorder_of

    missing = [path for path in paths if path != STDIN and not _there(path)]
    with desk.archive(read_only=False) as archive:
        recorder = recorder_of(settings, archive, desk.clock)
        spool = Spool(archive.path / SPOOL)
        brought = bring(paths, recorder, stdin=sys.stdin.buffer, spool=spool, clock=desk.clock)
        if brought.added:
            judge_history(settings, archive, desk.clock)
            mirrored(archive)
    failed = [{"path": path, "why": why} for path, why in brought.failed]
    lines = [line_of(f"{path}: {why}") for path, why in brought.failed]
    lines.append(f"{brought.added} added, {brought.known} known already, {len(failed)} failed.")
    desk.out.one({"added": brought.added, "known": brought.known, "failed": failed}, "\n".join(lines))
    if missing:
        complain(f"there is no file or folder {', '.join(missing)}; all that is there was archived")
        return UserError.exit_status
    return 1 if failed else 0


def _there(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return False
