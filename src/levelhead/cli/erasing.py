"""The command erase: takes a client's mail out of the archive for good."""

from __future__ import annotations

import secrets
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli.cases import case_view
from levelhead.cli.desk import Desk, command, mirrored
from levelhead.cli.mails import SinceOption, UntilOption
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import complain
from levelhead.cli.people import actor, client_named
from levelhead.cli.times import moment, told
from levelhead.errors import UserError

if TYPE_CHECKING:
    from levelhead.daemon.parts import Archive
    from levelhead.evidence.erase import Scope, Wish
    from levelhead.policy.retention import Case
    from levelhead.store.api import MessageRow, Store

YesOption = Annotated[
    bool, Option("--yes", help="Do it. Without this it is only shown, and nothing is changed.")
]

STAGES = {"ledger": "reading the ledger", "index": "making the index anew", "files": "rewriting the files"}


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "erase")(erase)


def erase(
    desk: Desk,
    client: Annotated[
        str | None, Argument(metavar="CLIENT", help="A client's name or one of their addresses.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    only: Annotated[
        list[str] | None, Option("--only", metavar="ID", help="Only this message; once for each.")
    ] = None,
    why: Annotated[str, Option("--why", metavar="TEXT", help="Why; kept in the ledger.")] = "",
    yes: YesOption = False,
    finish: Annotated[
        bool,
        Option("--finish", help="Only finish what was broken off, or take out again what came back."),
    ] = False,
) -> int:
    """Take a client's mail out of the archive for good. Without --yes it shows what would go."""
    if finish:
        if client is not None:
            raise UserError("--finish finishes every erasure; leave the client away")
        return _finish(desk)
    if client is None:
        raise UserError(f"name a client: levelhead erase CLIENT{_narrowed(since, until, only)} --why TEXT")
    if yes and not why.strip():
        asked = f"{shlex.quote(client)}{_narrowed(since, until, only)}"
        raise UserError(f"say why, it is kept in the ledger: levelhead erase {asked} --why TEXT --yes")
    with desk.archive() as archive:
        wish = _wish(desk, archive, client_named(archive, client), since, until, only, why.strip())
        refused = _refused(archive.store, wish)
        holding_nobody(archive)
        beyond = handed_out(archive.store, wish.client)
        if not yes:
            return _shown(desk, archive, wish, refused, beyond)
    from levelhead.evidence.erase import Held

    try:
        gone = carry_out(desk, wish)
    except Held as exc:
        if not desk.as_json:
            raise
        desk.out.one(
            {"done": False, "client": wish.client, "refused_by": list(map(case_view, exc.cases))}, ""
        )
        return exc.exit_status
    desk.out.one(_told(wish, gone, (), beyond, done=True), _said(wish, gone, beyond))
    return 0


def _narrowed(since: str | None, until: str | None, only: list[str] | None) -> str:
    """The options that narrow what goes, as a shell takes them: a command that we suggest never erases more."""
    named = [("--since", since), ("--until", until), *(("--only", id) for id in only or ())]
    return "".join(f" {option} {shlex.quote(value)}" for option, value in named if value)


def _wish(
    desk: Desk,
    archive: Archive,
    client: str,
    since: str | None,
    until: str | None,
    only: list[str] | None,
    why: str,
) -> Wish:
    from levelhead.evidence.erase import Wish, scope, with_copies
    from levelhead.store.api import MessageFilter

    now = desk.clock.now()
    if only and (since or until):
        raise UserError("--only names the messages one by one; leave --since and --until away, or --only")
    if only:
        rows = [_row_of(archive.store, id, client) for id in only]
    else:
        bounds = [None if text is None else moment(text, now) for text in (since, until)]
        wanted = MessageFilter(client=client, since=bounds[0], until=bounds[1])
        rows = list(archive.store.messages(wanted))
    whole = not (only or since or until)
    wish = Wish(rows=with_copies(archive.store, rows), client=client, whole=whole, why=why, actor=actor())
    if not rows and not (whole and scope(archive.store, wish).entries):
        # Of a whole record notes may be left when its messages are gone.
        raise UserError(f"there is nothing of {client} to erase" + ("" if whole else " in that time"))
    return wish


def _row_of(store: Store, id: str, client: str) -> MessageRow:
    row = store.message(id)
    if row.client != client:
        raise UserError(
            f"the message {row.id[:12]} is not {client}'s" + (f" but {row.client}'s" if row.client else "")
        )
    return row


def _refused(store: Store, wish: Wish) -> tuple[Case, ...]:
    from levelhead.evidence.erase import needed

    return needed(store, wish.rows, wish.client if wish.whole else "")


def _shown(
    desk: Desk, archive: Archive, wish: Wish, refused: tuple[Case, ...], beyond: Mapping[str, Any]
) -> int:
    """What an erasure would take with it; 1 when a case forbids it."""
    from levelhead.evidence.erase import scope

    would = scope(archive.store, wish)
    lines = [
        f"Would erase {messages(would.messages)} of {wish.client}: {size(would.bytes)} in the volumes and"
        f" {would.entries} entries of the ledger.",
        *_with_it(would),
    ]
    if refused:
        from levelhead.evidence.cases import told as why_not

        lines.append(f"It would be refused: {why_not(refused)}.")
    else:
        lines.append("Nothing was erased; say --yes to do it. It cannot be taken back.")
    desk.out.one(_told(wish, would, refused, beyond, done=False), "\n".join((*lines, *out_of_reach(beyond))))
    return 1 if refused else 0


def carry_out(desk: Desk, wish: Wish) -> Scope:
    """Erase what a wish names, told to a person at a terminal. Errors as `evidence.erase.erase`."""
    from levelhead.daemon.erasing import room_of
    from levelhead.evidence.erase import erase as act

    tell = _teller()
    with desk.archive(read_only=False) as archive:
        try:
            return act(
                room_of(archive, desk.clock),
                wish,
                owner=archive.directory.client_of,
                key=lambda: secrets.token_hex(32),
                tell=tell,
            )
        finally:
            tell("", 0, 0)
            mirrored(archive, desk.clock.now())


def holding_nobody(archive: Archive) -> None:
    """Complain of open cases whose client is known to nobody: mail that is archived under a new name is not held."""
    from levelhead.evidence.cases import open_cases

    known = {client.name for client in archive.directory.clients()} | set(archive.store.clients())
    for case in open_cases(archive.store):
        if case.client not in known:
            complain(
                f"the case {case.name!r} holds the mail of {case.client!r}, and no client has that name any more:"
                " open a case for the new name as well"
            )


def _finish(desk: Desk) -> int:
    from levelhead.daemon.erasing import finish_erasures

    with desk.archive(read_only=False) as archive:
        done = finish_erasures(archive, desk.clock, again=True)
    said = f"Finished {done} erasure{'s' if done > 1 else ''}." if done else "No erasure was unfinished."
    said += " Whatever had come back of erased messages is taken out again."
    desk.out.one({"finished": done}, said)
    return 0


# --- what is said ------------------------------------------------------------------------------


def _told(
    wish: Wish, went: Scope, refused: tuple[Case, ...], beyond: Mapping[str, Any], *, done: bool
) -> dict[str, Any]:
    return {
        "done": done,
        "client": wish.client,
        "whole": wish.whole,
        **asdict(went),
        "refused_by": [case_view(case) for case in refused],
        "beyond": dict(beyond),
    }


def _said(wish: Wish, gone: Scope, beyond: Mapping[str, Any]) -> str:
    lines = (
        f"Erased {messages(gone.messages)} of {wish.client}: {size(gone.bytes)} in the volumes and"
        f" {gone.entries} entries of the ledger.",
        *_with_it(gone),
        "The ledger still verifies: levelhead verify",
    )
    return "\n".join((*lines, *out_of_reach(beyond)))


def _with_it(went: Scope) -> list[str]:
    parts = [
        f"{count} {name}{'s' if count > 1 else ''}"
        for count, name in ((went.drafts, "draft"), (went.alerts, "alert"), (went.notes, "note"))
        if count
    ]
    lines = [f"With {'them' if went.messages > 1 else 'it'}: {', '.join(parts)}."] if parts else []
    if went.on_server:
        places = "1 place" if went.on_server == 1 else f"{went.on_server} places"
        lines.append(
            f"On mail servers {places} still show{'s' if went.on_server == 1 else ''} them: levelhead deletes nothing"
            " there, and does not archive them again."
        )
    return lines


def handed_out(store: Store, client: str) -> dict[str, Any]:
    """Copies that were handed out, as far as the ledger knows."""
    from levelhead.facts import BackupMade, PackExported
    from levelhead.store.ledger import read_leaf

    packs = [
        told(read_leaf(entry.leaf).time)
        for entry, fact in store.facts_about(kind=PackExported.name)
        if isinstance(fact, PackExported) and client in ("", fact.client)
    ]
    backups = [told(read_leaf(entry.leaf).time) for entry, _ in store.facts_about(kind=BackupMade.name)]
    return {"packs": packs, "backups": backups}


def out_of_reach(beyond: Mapping[str, Any]) -> list[str]:
    """What an erasure cannot reach."""
    counted = [
        f"{one if len(times) == 1 else many.format(len(times))} (the last of {times[0][:10]})"
        for one, many, times in (
            # The ledger does not tell into which folder a backup went.
            ("1 backup", "{} runs of backup, of one folder or several", beyond["backups"]),
            ("1 pack", "{} packs", beyond["packs"]),
        )
        if times
    ]
    known = f" The ledger knows of {' and '.join(counted)}." if counted else ""
    return [
        "Backups and packs that were made before are out of reach, and so are copies that others have."
        + known
    ]


def messages(count: int) -> str:
    """A count of messages, for a reader."""
    return "1 message" if count == 1 else f"{count} messages"


def size(length: int) -> str:
    """Bytes, for a reader."""
    if length < 10_000:
        return f"{length} bytes"
    return f"{length / 1000:.0f} kB" if length < 10_000_000 else f"{length / 1_000_000:.0f} MB"


def _teller() -> Callable[[str, int, int], None]:
    """Tells a person at a terminal how far it is; programs and logs are spared."""

    def tell(what: str, done: int, of: int) -> None:
        if sys.stderr.isatty():
            with suppress(OSError):
                of_all = f": {done} of {of} entries" if of > 1 else ""
                sys.stderr.write(f"\r\033[K{STAGES[what]}{of_all}" if what else "\r\033[K")
                sys.stderr.flush()

    return tell
