"""Commands that write down and check: note, notes, verify, rebuild."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli import progress
from levelhead.cli.desk import Desk, command
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import counted, line_of
from levelhead.cli.people import client_named
from levelhead.cli.times import told
from levelhead.errors import NewerSchema, StoreDamaged, UserError

if TYPE_CHECKING:
    from levelhead.archive.compare import Finding
    from levelhead.archive.verify import Report
    from levelhead.cli.server import Servers
    from levelhead.cli.signatures import Signatures
    from levelhead.store.api import Store

_ADVICE = "If you have a good backup: docs/how-to/backup.md says how to get the good bytes back out of it."
"""The last line of `verify` after damage or loss, for people only."""


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "note")(note)
    command(app, "notes")(notes)
    command(app, "verify")(verify)
    command(app, "rebuild")(rebuild)


def note(
    desk: Desk,
    client: Annotated[str, Argument(metavar="CLIENT", help="A client's name or one of their addresses.")],
    text: Annotated[str, Argument(metavar="TEXT", help="What was said or decided.")],
) -> None:
    """Write down a call or a decision about a client. It stands in the ledger with its time."""
    with desk.archive() as archive:
        name = client_named(archive, client)
    with desk.hands() as hands:
        hands.note(name, text.strip())
    where = f"levelhead notes --client {shlex.quote(name)}"
    desk.out.one({"client": name, "text": text.strip()}, f"Noted for {name}; to read it: {where}")


def notes(
    desk: Desk,
    client: Annotated[
        str | None,
        Option("--client", metavar="C", help="Only this client; a name or one of their addresses."),
    ] = None,
) -> None:
    """List what was written down about clients. The newest comes last."""
    from levelhead.facts import NoteTaken
    from levelhead.store.ledger import read_leaf

    with desk.archive() as archive:
        name = client_named(archive, client) if client is not None else None
        found = [
            {
                "time": told(read_leaf(entry.leaf).time),
                "client": fact.client,
                "text": fact.text,
                "actor": fact.actor,
            }
            for entry, fact in archive.store.facts_about(kind=NoteTaken.name)
            if isinstance(fact, NoteTaken) and name in (None, fact.client)
        ]
        desk.out.many(reversed(found), ("time", "client", "actor", "text"), "Nothing was written down.")


def verify(
    desk: Desk,
    deep: Annotated[
        bool, Option("--deep", help="Also look into bytes of the volumes that no message accounts for.")
    ] = False,
    quick: Annotated[
        bool,
        Option("--quick", help="Only the ledger: entries, root, files, checkpoints; no message is read."),
    ] = False,
    server: Annotated[
        bool, Option("--server", help="Also sign in and hold each watched folder against its server.")
    ] = False,
    dkim: Annotated[
        bool,
        Option(
            "--dkim", help="Also check the senders' signatures again, offline, by the keys in the ledger."
        ),
    ] = False,
) -> int:
    """Recompute everything from the raw bytes and the ledger. Says what does not fit; writes nothing."""
    if quick:
        if deep or server or dkim:
            raise UserError("--quick reads the ledger alone: it goes with no other of these options")
        return _quick(desk)
    from levelhead.archive.folder import LEDGER, VOLUMES
    from levelhead.archive.mirror import Mirror
    from levelhead.archive.readers import Readers
    from levelhead.archive.verify import verify as recompute
    from levelhead.archive.volumes import Volumes
    from levelhead.cli.anchored import stamps_of, told_of
    from levelhead.cli.proving import checkpoints_of
    from levelhead.store.sqlite import open_store

    path = desk.settings.archive.path
    store, without = _index(path)
    stamps = stamps_of(desk.settings)
    parse = Readers()
    servers: Servers | None = None
    signatures: Signatures | None = None
    try:
        if dkim:
            from levelhead.cli.signatures import proven

            signatures = proven(store, Volumes(path / VOLUMES), progress.entries())
        if server:
            from levelhead.cli.server import compared

            servers = compared(desk, store)
        report = recompute(
            store,
            Volumes(path / VOLUMES),
            Mirror(path / LEDGER),
            without=without,
            parse_many=parse.many,
            open_store=open_store,
            checkpoints=checkpoints_of(desk.settings),
            anchors=stamps.look,
            deep=deep,
            progress=progress.verified(),
        )
    finally:
        parse.close()
        if store is not None:
            store.close()
    value, text = told_of(stamps, _value(report), _verified(report))
    if signatures is not None:
        value, text = signatures.added_to(value, text)
    if servers is not None:
        value, text = servers.added_to(value, text)
    desk.out.one(value, _advised(report, text))
    whole = report.ok and (signatures is None or signatures.ok)
    return servers.status(whole) if servers is not None else 0 if whole else 1


def _quick(desk: Desk) -> int:
    """`verify --quick`: the ledger alone."""
    from levelhead.archive.folder import LEDGER
    from levelhead.archive.mirror import Mirror
    from levelhead.archive.quick import verify_quick
    from levelhead.cli.anchored import stamps_of, told_of
    from levelhead.cli.proving import checkpoints_of

    path = desk.settings.archive.path
    store, without = _index(path)
    stamps = stamps_of(desk.settings)
    try:
        report = verify_quick(
            store,
            Mirror(path / LEDGER),
            without=without,
            checkpoints=checkpoints_of(desk.settings),
            anchors=stamps.look,
            progress=progress.entries(),
        )
    finally:
        if store is not None:
            store.close()
    value, text = told_of(stamps, _value(report), _verified(report, quick=True))
    desk.out.one(value, _advised(report, text))
    return 0 if report.ok else 1


def _advised(report: Report, text: str) -> str:
    """The report for a reader, and after damage or loss where it is told what to do."""
    return f"{text}\n{_ADVICE}" if report.damaged or report.missing else text


def _value(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "size": report.size,
        "root": report.root,
        "checked": report.checked,
        "damaged": list(report.damaged),
        "missing": list(report.missing),
        "unexplained": list(report.unexplained),
        "outdated": list(report.outdated),
    }


def _index(path: Path) -> tuple[Store | None, Finding | None]:
    """The index of the archive in a folder, or what is to be said of it when it is not to be had.

    UserError when there is no archive at all, NewerSchema, StoreLocked and Unavailable as when it is opened.
    """
    from levelhead.archive.compare import Finding, Kind
    from levelhead.archive.folder import INDEX, LEDGER, VOLUMES
    from levelhead.store.sqlite import open_store

    index = path / INDEX
    if not index.exists():
        if not any(path.glob(f"{VOLUMES}/*")) and not any(path.glob(f"{LEDGER}/*.jsonl")):
            raise UserError(f"there is no archive at {path} yet; levelhead run or levelhead add makes it")
        return None, Finding(Kind.MISSING, f"the index {index} is missing; levelhead rebuild makes it again")
    try:
        return open_store(index, read_only=True), None
    except NewerSchema:
        raise
    except (StoreDamaged, UserError) as exc:
        return None, Finding(Kind.DAMAGED, f"the index cannot be used: {exc}")


def _verified(report: Report, *, quick: bool = False) -> str:
    """The report for a reader."""
    lines = [
        line_of(f"{kind}: {finding}")
        for kind, findings in (
            ("DAMAGED", report.damaged),
            ("MISSING", report.missing),
            ("UNEXPLAINED", report.unexplained),
            ("OUTDATED", report.outdated),
        )
        for finding in findings
    ]
    entries = f"{counted(report.size, 'entry')} of the ledger"
    count = f"{counted(report.checked, 'message')} and {entries} were recomputed"
    if quick:
        count = f"{entries} {'was' if report.size == 1 else 'were'} recomputed, and no message was read"
    end = f"{count}; root {report.root}."
    return "\n".join([*lines, f"Whole: {end}" if report.ok else f"NOT WHOLE: {end}"])


def rebuild(desk: Desk) -> None:
    """Make the index again from volumes and ledger. The old index is kept beside it. The daemon must be stopped."""
    from levelhead.daemon.remake import remake

    made = remake(desk.settings, desk.clock)
    value: dict[str, Any] = {
        "messages": made.messages,
        "facts": made.facts,
        "root": made.root.hex(),
        "unreadable": list(made.unreadable),
        "passed_over": len(made.passed_over),
    }
    count = f"{counted(made.messages, 'message')}, {counted(made.facts, 'entry')} of the ledger"
    lines = [f"Made the index again: {count}; root {value['root']}."]
    lines += [
        f"The bytes of message {one} cannot be read; levelhead verify says more." for one in made.unreadable
    ]
    desk.out.one(value, "\n".join(lines))
