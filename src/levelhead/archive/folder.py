"""The archive's folder: what lies in it by name, and that nobody but its owner may look into it."""

from __future__ import annotations

import stat
from pathlib import Path

import structlog

from levelhead.errors import UserError

log = structlog.get_logger()

INDEX = "index.sqlite"
VOLUMES = "volumes"
LEDGER = "ledger"
SPOOL = "spool"

OTHERS = 0o077
"""The rights of everybody but the owner."""


def close_to_others(folder: Path) -> None:
    """Take the rights of group and others off an archive's folder that was there before us; one that is not is fine.

    Raises UserError where that does not work (somebody else owns it, or the file system knows no rights): what others
    may write into, or read, is no archive.
    """
    try:
        before = folder.stat().st_mode
        mode = stat.S_IMODE(before)
        if not stat.S_ISDIR(before) or not mode & OTHERS:
            return  # a file in its place is for somebody else to complain of
        folder.chmod(mode & ~OTHERS)
        left = stat.S_IMODE(folder.stat().st_mode)
    except FileNotFoundError:
        return
    except PermissionError:
        left = mode
    if left & OTHERS:
        raise UserError(
            f"the archive's folder {folder} is open to others (mode {left:04o}) and that cannot be changed: "
            "have its owner run `chmod 700` on it, or set archive.path to a folder of your own"
        )
    log.warning("archive.closed", folder=str(folder), mode=f"{mode:04o}")
