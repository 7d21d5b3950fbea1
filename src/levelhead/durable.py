"""Folders that outlast a power cut: a new name in one is on the disk only once the folder itself is."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path


def sync_folder(folder: Path, sync: Callable[[int], None] | None = None) -> None:
    """Wait until the names in a folder are on the disk; OSError when they cannot be. `sync` is os.fsync."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        (sync or os.fsync)(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, sync: Callable[[int], None] | None = None) -> None:
    """Make a folder and those above it, for their owner only; each is durable before anything is made in it."""
    missing = takewhile(lambda one: not one.is_dir(), (folder, *folder.parents))
    for one in reversed(list(missing)):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent, sync)
