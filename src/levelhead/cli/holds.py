"""Commands about drafted replies: held, release, extend, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from levelhead.cli import views
from levelhead.cli.desk import Desk, command
from levelhead.cli.options import Argument, Option
from levelhead.cli.times import duration, short
from levelhead.errors import UserError
from levelhead.lifecycle import DraftState

if TYPE_CHECKING:
    import typer

    from levelhead.store.api import DraftRow

WHY = 60
"""Characters, at most, of why a draft is held in a table; `--json` has all of it."""

WAITING = (DraftState.HELD, DraftState.PLACING)

KeyArgument = Annotated[str, Argument(metavar="KEY", help="A draft's key, or enough of its beginning.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "held")(held)
    command(app, "release")(release)
    command(app, "extend")(extend)
    command(app, "cancel")(cancel)


def held(
    desk: Desk,
    all_: Annotated[bool, Option("--all", help="Those that are placed or over too.")] = False,
) -> None:
    """List replies that wait for their cool-down to end. The next one comes first."""
    with desk.reading() as archive:
        rows = archive.store.drafts(states=None if all_ else WAITING)
        desk.out.many(
            (_line(row, desk) for row in sorted(rows, key=lambda row: (row.release_at, row.key))),
            ("key", "client", "level", "state", "release_at", "subject", "why"),
            "No reply is held.",
        )


def _line(row: DraftRow, desk: Desk) -> dict[str, Any]:
    """A draft as it is listed; a table says why only where the level does not say it."""
    value = views.draft(row)
    if not desk.as_json:
        at_once = row.release_at <= row.created_at
        plain = at_once or row.why.startswith(("the message is ", "the message could not be judged"))
        short = row.why if len(row.why) <= WHY else row.why[: WHY - 1].rstrip() + "…"
        value["why"] = None if plain else short
    return value


def release(
    desk: Desk,
    key: KeyArgument,
    why: Annotated[
        str, Option("--why", metavar="TEXT", help="Why it need not wait any longer; recorded.")
    ] = "",
) -> None:
    """End the cool-down now; the mailbox's thread places the draft. It is never sent."""
    if not why.strip():
        raise UserError(f'say why: levelhead release {key} --why "called her"')
    with desk.hands() as hands:
        row = hands.release(key, why.strip())
    desk.out.one(
        views.draft(row), f"Released {row.key}: it is placed in the Drafts folder with the next pass."
    )


def extend(
    desk: Desk,
    key: KeyArgument,
    length: Annotated[str, Argument(metavar="DURATION", help="How much longer, like 30m, 2h or 1d.")],
) -> None:
    """Hold a reply longer."""
    longer = duration(length)
    with desk.hands() as hands:
        row = hands.extend(key, longer)
    desk.out.one(views.draft(row), f"Extended {row.key}: it is held until {short(row.release_at)}.")


def cancel(desk: Desk, key: KeyArgument) -> None:
    """Drop a drafted reply. One that is placed already is taken out of the Drafts folder if nobody edited it."""
    with desk.hands() as hands:
        row = hands.cancel(key)
    end = (
        "it will not be placed"
        if row.state == DraftState.CANCELLED
        else "it is taken out of the Drafts folder"
    )
    desk.out.one(views.draft(row), f"Cancelled {row.key}: {end}.")
