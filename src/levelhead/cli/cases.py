"""Commands about cases that need a client's record: casehold list, open, end."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli.desk import Desk, command, group, mirrored
from levelhead.cli.mails import SinceOption, UntilOption
from levelhead.cli.options import Argument, Option
from levelhead.cli.people import actor, client_named
from levelhead.cli.times import moment, told
from levelhead.errors import UserError

if TYPE_CHECKING:
    from levelhead.policy.retention import Case


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    cases = typer.Typer(rich_markup_mode=None)
    group(cases, invoke_without_command=True)(casehold)
    command(cases, "list")(list_)
    command(cases, "open")(open_)
    command(cases, "end")(end)
    app.add_typer(cases, name="casehold")


def casehold(desk: Desk, ctx: typer.Context) -> None:
    """Keep a client's record from being erased."""
    if ctx.invoked_subcommand is None:
        list_(desk)


def list_(desk: Desk) -> None:
    """List open cases, the oldest first."""
    from levelhead.evidence.cases import open_cases

    with desk.archive() as archive:
        desk.out.many(
            map(case_view, open_cases(archive.store)),
            ("case", "client", "held_at", "since", "until", "why"),
            "No case is open.",
        )


def open_(
    desk: Desk,
    case: Annotated[str, Argument(metavar="CASE", help="What you call it, like arbitration-12.")],
    client: Annotated[str, Argument(metavar="CLIENT", help="A client's name or one of their addresses.")],
    since: SinceOption = None,
    until: UntilOption = None,
    why: Annotated[
        str, Option("--why", metavar="TEXT", help="Why; told whenever an erasure is refused.")
    ] = "",
) -> None:
    """Open a case that needs a client's record, all of it or that of a time."""
    from levelhead.evidence.cases import hold
    from levelhead.store.api import MessageFilter

    if not why.strip():
        names = f"{shlex.quote(case)} {shlex.quote(client)}"
        raise UserError(f'say why: levelhead casehold open {names} --why "claim of 2026-11-02"')
    now = desk.clock.now()
    with desk.archive(read_only=False) as archive:
        made = hold(
            archive.store,
            case,
            client_named(archive, client),
            since=None if since is None else moment(since, now),
            until=None if until is None else moment(until, now),
            why=why.strip(),
            actor=actor(),
            now=now,
        )
        mirrored(archive, desk.clock.now())
        empty = not any(True for _ in archive.store.messages(MessageFilter(client=made.client), limit=1))
    said = f"The case {made.name!r} is open: nothing that it needs of {made.client} is purged or erased."
    if empty:
        said += f" There are 0 messages of {made.client} now; it holds what comes."
    desk.out.one(case_view(made), said)


def end(
    desk: Desk,
    case: Annotated[str, Argument(metavar="CASE", help="The case that is over.")],
    why: Annotated[str, Option("--why", metavar="TEXT", help="Why; kept in the ledger.")] = "",
) -> None:
    """End a case. Nothing is erased by that; purge and erase are free to."""
    from levelhead.evidence.cases import case_named
    from levelhead.evidence.cases import end as close

    if not why.strip():
        with desk.archive() as archive:
            case_named(archive.store, case)
        raise UserError(f'say why: levelhead casehold end {shlex.quote(case)} --why "settled"')
    with desk.archive(read_only=False) as archive:
        ended = close(archive.store, case, why=why.strip(), actor=actor(), now=desk.clock.now())
        mirrored(archive, desk.clock.now())
    desk.out.one(
        case_view(ended), f"The case {ended.name!r} has ended; what it held may be purged and erased again."
    )


def case_view(case: Case) -> dict[str, Any]:
    """A case as JSON has it."""
    return {
        "case": case.name,
        "client": case.client,
        "since": told(case.since),
        "until": told(case.until),
        "why": case.why,
        "held_at": told(case.held_at),
    }
