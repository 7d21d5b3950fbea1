"""Commands that copy the archive and bring a copy back: backup, restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli import progress
from levelhead.cli.desk import Desk, command, mirrored
from levelhead.cli.options import Argument, Option
from levelhead.cli.output import counted, line_of
from levelhead.errors import UserError

if TYPE_CHECKING:
    from levelhead.archive.verify import Report
    from levelhead.store.api import Store


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "backup")(backup)
    command(app, "restore")(restore)


def backup(
    desk: Desk,
    out: Annotated[
        Path,
        Argument(metavar="DIR", help="A new or empty folder, or an earlier backup to bring up to date."),
    ],
) -> None:
    """Copy the archive while it is in use. Secrets are not in it; keep the configuration and its secrets yourself."""
    from levelhead.cli.people import actor
    from levelhead.evidence.backup import back_up
    from levelhead.facts import BackupMade

    now = desk.clock.now()
    with desk.archive() as archive:
        made = back_up(
            archive.path, archive.store, out, now=now, open_copy=_read_only, progress=progress.megabytes()
        )
    with desk.archive(read_only=False) as archive:
        with archive.store.transaction(desk.clock.now()) as tx:
            tx.record(
                BackupMade(
                    actor=actor(), size=made.size, root=made.root, files=made.files, manifest=made.manifest
                )
            )
        mirrored(archive, desk.clock.now())
    value = {
        "out": str(out),
        "messages": made.messages,
        "files": made.files,
        "bytes": made.bytes,
        "copied": made.copied,
        "size": made.size,
        "root": made.root,
        "manifest": made.manifest,
    }
    said = (
        f"Backed up {counted(made.messages, 'message')} and {counted(made.size, 'entry')} of the ledger to {out}:"
        f" {made.files} files, {made.bytes} bytes, of which {made.copied} were new.\n"
        f"To see that it is whole: levelhead restore --check {out}"
    )
    desk.out.one(value, said)


def restore(
    desk: Desk,
    folder: Annotated[Path, Argument(metavar="DIR", help="A folder that levelhead backup made.")],
    check: Annotated[
        bool,
        Option("--check", help="Only look: compare every byte and verify the copy; change nothing."),
    ] = False,
) -> int:
    """Put a backup back in the place of a lost archive. Nothing may be there."""
    from levelhead.evidence.backup import differences, must_be_free, put_back, read_about

    about = read_about(folder)
    if not check:
        must_be_free(desk.settings.archive.path)
    wrong = list(differences(folder))
    report = None if wrong else _verified(desk, folder)
    ok = not wrong and report is not None and report.ok
    found = [*wrong, *(_findings(report) if report is not None else ())]
    value: dict[str, Any] = {
        "ok": ok,
        "made_at": about.get("made_at"),
        "messages": about.get("messages"),
        "size": about.get("size"),
        "root": about.get("root"),
        "problems": found,
        "restored": None,
    }
    lines = [line_of(one) for one in found]
    if not ok:
        what = "NOT WHOLE" if check else "NOT WHOLE, and nothing was put back"
        desk.out.one(value, "\n".join([*lines, f"{what}: the backup of {about.get('made_at')} in {folder}."]))
        return 1
    count = f"{counted(value['messages'], 'message')}, {counted(value['size'], 'entry')}"
    said = f"Whole: {count}, made at {about.get('made_at')}."
    if not check:
        target = desk.settings.archive.path
        put_back(folder, target, progress.megabytes())
        value["restored"] = str(target)
        said += f"\nPut back to {target}; levelhead run goes on from there."
    desk.out.one(value, said)
    return 0


def _verified(desk: Desk, folder: Path) -> Report:
    """The copy verified as an archive of its own."""
    from levelhead.archive.folder import INDEX, LEDGER, VOLUMES
    from levelhead.archive.mirror import Mirror
    from levelhead.archive.readers import Readers
    from levelhead.archive.verify import verify
    from levelhead.archive.volumes import Volumes
    from levelhead.cli.proving import checkpoints_of
    from levelhead.store.sqlite import open_store

    store, parse = _read_only(folder / INDEX), Readers()
    try:
        return verify(
            store,
            Volumes(folder / VOLUMES),
            Mirror(folder / LEDGER),
            parse_many=parse.many,
            open_store=open_store,
            checkpoints=checkpoints_of(desk.settings_or_default),
            deep=True,
            progress=progress.verified(),
        )
    finally:
        parse.close()
        store.close()


def _findings(report: Report) -> list[str]:
    return [*report.damaged, *report.missing, *report.unexplained]


def _read_only(path: Path) -> Store:
    from levelhead.store.sqlite import open_store

    try:
        return open_store(path, read_only=True)
    except UserError as exc:
        raise UserError(f"the backup's index cannot be used: {exc}") from exc
