"""The key that signs checkpoints: one line in a file of its owner's, made when it is configured and not there yet."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from levelhead.durable import sync_folder
from levelhead.errors import Unavailable, UserError
from levelhead.evidence.note import SEED_SIZE, Signer, private_text, read_private

WHAT = "the signing key"
"""How messages about rights and contents of the file call it."""


def signer_of(
    path: Path | None, origin: str, *, read: Callable[[Path, str], str], bound: str = ""
) -> Signer | None:
    """The signer of the key in this file; None when no file is configured.

    `read(path, what)` reads a secret of one line and refuses a file that others can read. `bound` is the public half
    (`Signer.verifier`) of the key that signed the newest checkpoint, unless a person has given it up: while there is
    one, no other key signs, and none is made. Without, a key is made when the file is not there.
    UserError for a file that holds no key, another one, or one of another ledger, Unavailable when it cannot be made.
    """
    if path is None:
        return None
    if not os.path.lexists(path):
        if bound:
            raise UserError(f"{WHAT} is not at {path}: {_or_give_up(bound)}")
        make_key(path, origin)
    signer = _key_in(path, read)
    if signer.origin != origin:
        raise UserError(
            f"{WHAT} in {path} signs for {signer.origin}, and this archive is {origin}:"
            " name another file in [evidence] key_file"
        )
    if bound and signer.verifier != bound:
        raise UserError(f"{WHAT} in {path} is not the one that signed the checkpoints: {_or_give_up(bound)}")
    return signer


def verifier_of(path: Path, read: Callable[[Path, str], str]) -> str:
    """The public half of the key in a file, which is not made; UserError when it cannot be had."""
    return _key_in(path, read).verifier


def _key_in(path: Path, read: Callable[[Path, str], str]) -> Signer:
    try:
        return read_private(read(path, WHAT))
    except ValueError as exc:
        raise UserError(f"{WHAT} in {path} cannot be used: {exc}") from None


def _or_give_up(verifier: str) -> str:
    return (
        "put that back; or, when it is lost or known to others, name its public half in [evidence] former_keys,"
        f" and another one signs from then on: {verifier}"
    )


def make_key(path: Path, origin: str) -> None:
    """Write a fresh key into a file that only its owner can read; it appears whole and durable, or not at all.

    A file that another process has just made is left as it is.
    """
    text = private_text(origin, secrets.token_bytes(SEED_SIZE))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            _appear(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except FileNotFoundError as exc:
        raise Unavailable(
            f"{WHAT} cannot be written to {path}: {exc.strerror}; make its folder: mkdir -m 700 {path.parent}"
        ) from exc
    except OSError as exc:
        raise Unavailable(f"{WHAT} cannot be written to {path}: {exc.strerror}") from exc


def _appear(draft: Path, path: Path) -> None:
    """Give the finished file its name, unless the name is taken; `link` refuses where `rename` would overwrite."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    sync_folder(path.parent)
