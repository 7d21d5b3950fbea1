"""Telling somebody without the store: for when the store itself is what cannot be written."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from levelhead.clock import Clock
from levelhead.config.settings import Settings
from levelhead.daemon.parts import channels_of, panel_of, policies_of
from levelhead.daemon.reading import directory_of
from levelhead.errors import LevelheadError, Stopping
from levelhead.hookspecs import Channel, Notice, Panel
from levelhead.model import Severity

log = structlog.get_logger()

QUIET = timedelta(hours=24)
"""A service manager starts a daemon that ended again and again: the same trouble is told once in so long."""


def shout(panel: Panel, channels: Mapping[str, Callable[[], Channel]], title: str, body: str) -> bool:
    """Tell every channel at once; whether one of them took it."""
    told = False
    for name, opener in channels.items():
        try:
            channel = opener()
        except LevelheadError as exc:
            log.error("channel.unreadable", channel=name, error=str(exc))
            continue
        notice = Notice(key="unrecorded", severity=Severity.CRITICAL, title=title, body=body, rung=0, count=1)
        try:
            asked = panel.deliver(notice, channel)
        except Stopping as exc:
            log.error("alert.untold", channel=name, error=str(exc))
            continue
        log.warning("alert.unrecorded", channel=name, delivered=bool(asked.answers))
        told = told or bool(asked.answers)
    return told


def last_words(settings: Settings, clock: Clock, title: str, body: str) -> None:
    """What a daemon says that cannot begin, or cannot go on, and has no archive to write it to."""
    stamp = Stamp(settings.archive.path)
    if stamp.fresh(clock.now()):
        log.warning("alert.told_before", title=title)
        return
    directory = directory_of(settings)
    panel = panel_of(settings, policies_of(settings), clock, directory.is_client)
    try:
        if shout(panel, channels_of(settings), title, body):
            stamp.set(clock.now())
    finally:
        panel.close()


class Stamp:
    """That it was told already; kept outside of the archive, whose disk is what fails."""

    def __init__(self, archive: Path, folder: Path | None = None) -> None:
        """`folder` is by default the runtime directory that systemd made for us, or that of temporary files."""
        where = folder or Path(os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0] or tempfile.gettempdir())
        self.path = where / f"levelhead-{hashlib.sha256(str(archive).encode()).hexdigest()[:16]}.told"

    def fresh(self, now: datetime) -> bool:
        """Whether it was told within the last day. What somebody else has put there is not believed."""
        with suppress(OSError):
            found = self.path.lstat()
            age = now.timestamp() - found.st_mtime
            return found.st_uid == os.geteuid() and 0 <= age < QUIET.total_seconds()
        return False

    def set(self, now: datetime) -> None:
        """Note that it was told; where that cannot be noted, it is told again."""
        with suppress(OSError):
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.utime(handle, (now.timestamp(), now.timestamp()))
            finally:
                os.close(handle)

    def clear(self) -> None:
        """The trouble is over: the next one is told."""
        with suppress(OSError):
            self.path.unlink()
