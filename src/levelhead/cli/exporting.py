"""The command export: hands out a client's mail with the means to check it."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli.desk import Desk, command, mirrored
from levelhead.cli.mails import SinceOption, UntilOption
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import complain, counted
from levelhead.cli.people import actor, client_named
from levelhead.cli.times import moment
from levelhead.errors import LevelheadError

if TYPE_CHECKING:
    from levelhead.daemon.parts import Archive
    from levelhead.evidence.pack.export import Exported
    from levelhead.evidence.pack.selection import Tell, Wanted

STAGES = {
    "ledger": "reading the ledger: {done} of {of} entries",
    "records": "gathering what the ledger says: {done} of {of} entries",
    "messages": "writing messages: {done} of {of}",
    "pdf": "setting the PDF: volume {done} of {of}",
    "html": "writing the page",
}


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "export")(export)


def export(
    desk: Desk,
    client: Annotated[str, Argument(metavar="CLIENT", help="A client's name or one of their addresses.")],
    out: Annotated[Path, Option("--out", metavar="DIR", help="A folder that is not there yet.")],
    since: SinceOption = None,
    until: UntilOption = None,
    only: Annotated[
        list[str] | None,
        Option(
            "--only", metavar="ID", help="Only this message; once for each. What names others is left out."
        ),
    ] = None,
    checkpoint: Annotated[
        int | None,
        Option("--checkpoint", min=1, metavar="SIZE", help="As of an older size of the ledger."),
    ] = None,
) -> None:
    """Write a dispute pack, and a program that checks it. That it was handed out is recorded in the ledger."""
    from levelhead.evidence.pack.folder import must_be_free

    now = desk.clock.now()
    out = Path.cwd() / out
    must_be_free(out)
    with desk.archive() as archive:
        wanted = _wanted(archive, client, since, until, only, now)
    with desk.archive(read_only=False) as archive:
        size = checkpoint if checkpoint is not None else _signed(desk, archive)
        made = _export(archive, wanted, out, size)
        _record(desk, archive, made)
        mirrored(archive, desk.clock.now())
    from levelhead.evidence.pack.pdf import missing_sentence

    if made.pdf.why:
        complain(f"the pack has no PDF: {made.pdf.why}")
    if made.pdf.missing:
        complain(missing_sentence(made.pdf.missing))
    if not made.point.note:
        complain(
            "the pack's checkpoint is not signed; with a key in [evidence] key_file the next one will be"
        )
    if made.telling:
        complain(
            f"the entries that archived {', '.join(id[:12] for id in made.telling)} name messages that are not in the"
            " pack, by digest or conversation, and are opened all the same, because no other entry proves these ones"
        )
    desk.out.one(_told(made), _said(made))


def _wanted(
    archive: Archive,
    client: str,
    since: str | None,
    until: str | None,
    only: list[str] | None,
    now: datetime,
) -> Wanted:
    from levelhead.evidence.pack.selection import Wanted

    return Wanted(
        client=client_named(archive, client),
        since=None if since is None else moment(since, now),
        until=None if until is None else moment(until, now),
        only=tuple(one for words in only or () for one in words.replace(",", " ").split()),
    )


def _signed(desk: Desk, archive: Archive) -> int | None:
    """The size of a fresh checkpoint, where there is a key; None otherwise."""
    from levelhead.daemon.parts import signer_of
    from levelhead.evidence.checkpoints import sign_checkpoint

    if not archive.store.ledger_size():
        return None
    signer = signer_of(desk.settings, archive.store)
    return None if signer is None else sign_checkpoint(archive.store, signer, desk.clock.now()).size


def _export(archive: Archive, wanted: Wanted, out: Path, size: int | None) -> Exported:
    from levelhead.archive.parse import parse
    from levelhead.evidence.pack.export import export as make

    tell = _teller()
    try:
        return make(archive.store, archive.volumes, parse, wanted, out, size=size, tell=tell)
    finally:
        tell("", 0, 0)


def _record(desk: Desk, archive: Archive, made: Exported) -> None:
    """Write into the ledger that it was handed out; a pack of which that cannot be said is taken away again."""
    from levelhead.facts import PackExported

    fact = PackExported(
        client=made.client,
        actor=actor(),
        size=made.point.checkpoint.size,
        root=made.point.checkpoint.root.hex(),
        messages=made.messages,
        manifest=made.manifest,
        part=made.part,
    )
    try:
        with archive.store.transaction(desk.clock.now()) as tx:
            tx.record(fact)
    except LevelheadError:
        shutil.rmtree(made.out, ignore_errors=True)
        raise


def _told(made: Exported) -> dict[str, Any]:
    return {
        "out": str(made.out),
        "client": made.client,
        "messages": made.messages,
        "checkpoint": {
            "size": made.point.checkpoint.size,
            "root": made.point.checkpoint.root.hex(),
            "signed": bool(made.point.note),
        },
        "files": made.files,
        "manifest": made.manifest,
        "pdf": bool(made.pdf.files),
        "why": made.pdf.why,
        "missing": list(made.pdf.missing),
        "part": made.part,
        "telling": list(made.telling),
    }


def _said(made: Exported) -> str:
    checkpoint = made.point.checkpoint
    return "\n".join(
        (
            f"Wrote {counted(made.messages, 'message')} of {made.client}"
            f" in {counted(made.files, 'file')} to {made.out}.",
            f"Checkpoint {checkpoint.size}, root {checkpoint.root.hex()}; manifest {made.manifest}.",
            f"To check it: python3 {made.out / 'verify.py'}",
        )
    )


def _teller() -> Tell:
    """Tells a person at a terminal how far it is; programs and logs are spared. An empty name clears the line."""
    if not sys.stderr.isatty():
        from levelhead.evidence.pack.export import nobody_listens

        return nobody_listens
    shown = -1.0

    def tell(what: str, done: int, of: int) -> None:
        nonlocal shown
        share = done / of if of else 0.0
        if what == "messages" and done < of and 0 <= share - shown < 0.01:
            return
        shown = share
        text = STAGES[what].format(done=done, of=of) if what else ""
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()

    return tell
