"""The command `proof`, and what `verify` holds checkpoints against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levelhead.cli.desk import Desk, command
from levelhead.cli.options import Argument, Option
from levelhead.cli.times import told
from levelhead.errors import UserError

if TYPE_CHECKING:
    from levelhead.archive.verify import Checkpoints, Signed
    from levelhead.config.settings import Settings
    from levelhead.evidence.proofs import Proof
    from levelhead.facts import CheckpointSigned
    from levelhead.tree import Tree


def register(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "proof")(proof)


def proof(
    desk: Desk,
    id: Annotated[str, Argument(metavar="ID", help="The message's id, or its first 8 characters or more.")],
    at: Annotated[
        int | None,
        Option("--at", metavar="SIZE", help="Prove it by the checkpoint of this size; else the newest."),
    ] = None,
    since: Annotated[
        int | None,
        Option(
            "--since", metavar="SIZE", help="Also prove that the older checkpoint of this size only grew."
        ),
    ] = None,
) -> None:
    """Prove that a message stands in the ledger. A signed checkpoint vouches for it; other messages stay unknown."""
    from levelhead.evidence.proofs import prove

    with desk.archive() as archive:
        message = archive.store.message(id).id
        found = prove(archive.store, message, at=at, since=since)
    desk.out.one(_value(found), _text(found))


def _value(found: Proof) -> dict[str, Any]:
    entry, older = found.entry, found.older
    return {
        "id": found.id,
        "entry": entry.seq,
        "leaf": entry.leaf.decode(),
        "salt": None if entry.salt is None else entry.salt.hex(),
        "payload": None if entry.payload is None else entry.payload.decode(),
        "checkpoint": _signed(found.checkpoint),
        "inclusion": [one.hex() for one in found.inclusion],
        "since": None if older is None else _signed(older),
        "consistency": None if older is None else [one.hex() for one in found.consistency],
    }


def _signed(checkpoint: CheckpointSigned) -> dict[str, Any]:
    return {
        "size": checkpoint.size,
        "root": checkpoint.root,
        "note": checkpoint.note,
        "verifier": checkpoint.verifier,
    }


def _text(found: Proof) -> str:
    from levelhead.store.ledger import read_leaf

    checkpoint, older = found.checkpoint, found.older
    lines = [
        f"message     {found.id}",
        f"entry       {found.entry.seq}, recorded {told(read_leaf(found.entry.leaf).time)}",
        f"leaf        {found.entry.leaf.decode()}",
        f"checkpoint  {checkpoint.size} entries, root {checkpoint.root}",
        f"key         {checkpoint.verifier}",
        *_hashes("path", found.inclusion),
    ]
    if older is not None:
        lines += [
            f"since       {older.size} entries, root {older.root}",
            *_hashes("grown by", found.consistency),
        ]
    lines += ["", "The checkpoint, as it was signed:", "", checkpoint.note.rstrip("\n"), ""]
    lines.append(
        "To check it elsewhere, hand over the message (levelhead show ID --raw) and this with --json."
    )
    return "\n".join(lines)


def _hashes(name: str, hashes: Sequence[bytes]) -> list[str]:
    return [f"{name if not number else '':<12}{one.hex()}" for number, one in enumerate(hashes)]


def checkpoints_of(settings: Settings) -> Checkpoints:
    """Holds a ledger's checkpoints against its entries and the configured key, or against each other without one."""
    path, former = settings.evidence.key_file, settings.evidence.former_keys

    def look(signed: Sequence[Signed], tree: Tree) -> Iterator[str]:
        from levelhead.config.secrets import read_file
        from levelhead.evidence.checkpoints import check_checkpoints
        from levelhead.evidence.keys import verifier_of

        verifier = None
        if signed and path is not None:
            try:
                verifier = verifier_of(path, read_file)
            except UserError as exc:
                yield (
                    f"the checkpoints were held against each other only, and not against the configured key: {exc};"
                    " where it is not meant to be, leave [evidence] key_file out"
                )
        yield from check_checkpoints(signed, tree, verifier=verifier, former=former)

    return look
