"""Commands of the daemon: run, demo, status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.cli.desk import Desk, command

if TYPE_CHECKING:
    pass


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "run")(run)
    command(app, "demo")(demo)
    command(app, "status")(status)


def run(
    desk: Desk,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="One full pass: fetch everything new, judge it, do what is due, and end."
        ),
    ] = False,
) -> int:
    """Watch the mailboxes; ends on SIGTERM or Ctrl-C."""
    from levelhead.daemon.app import run as start

    return start(desk.settings, once=once)


def demo(desk: Desk) -> int:
    """Run the embedded story: a mail server, a difficult client, a held answer, an alert. No account is needed."""
    from levelhead.daemon.demo import demo as tell

    return tell()


def status(desk: Desk) -> None:
    """Say how the mailboxes, the archive and the plugins are, and what needs a person."""
    from levelhead.cli import state

    with desk.archive_if_any() as archive:
        value = state.report(desk.settings, archive.store if archive else None)
    desk.out.one(value, state.page(value))
