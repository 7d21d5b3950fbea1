"""Commands of the daemon: run, demo, status."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Annotated

from levelhead.cli.desk import Desk, command
from levelhead.cli.options import Option

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "run")(run)
    command(app, "demo")(demo)
    command(app, "status")(status)


def run(
    desk: Desk,
    once: Annotated[
        bool,
        Option("--once", help="One full pass: fetch everything new, judge it, do what is due, and end."),
    ] = False,
) -> int:
    """Watch the mailboxes; ends on SIGTERM or Ctrl-C."""
    settings = desk.settings
    from levelhead.config.exposed import must_be_private
    from levelhead.daemon.app import run as start

    must_be_private(settings)
    ended = start(settings, once=once, clock=desk.clock)
    if once and desk.as_json:
        status(desk)
    return ended


def demo(desk: Desk) -> int:
    """Run the embedded story of a difficult client. A mail server, a held answer, an alert; no account is needed."""
    from levelhead.daemon.demo import demo as tell

    with redirect_stdout(sys.stderr) if desk.as_json else nullcontext():
        ended = tell()
    if desk.as_json:
        desk.out.one({"ok": ended == 0}, "")
    return ended


def status(desk: Desk) -> None:
    """Say how everything is and what needs a person. Mailboxes, archive, plugins."""
    from levelhead.cli import state

    with desk.reading_if_any() as archive:
        value = state.report(desk.glance, archive.store if archive else None)
    desk.out.one(value, state.page(value))
