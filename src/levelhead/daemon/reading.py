"""An archive opened by one who only looks: its index at once, everything else when it is asked for.

A command that lists what was archived starts fast because of what is not imported here: parsers, plugins, heat.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from levelhead.clients.directory import Directory
from levelhead.config import glance
from levelhead.config.glance import Glance
from levelhead.model import UNREAD
from levelhead.store.api import MessageRow, Store
from levelhead.store.sqlite import open_store

if TYPE_CHECKING:
    from levelhead.archive.library import Library
    from levelhead.archive.volumes import Volumes
    from levelhead.config.settings import Settings

INDEX = "index.sqlite"
VOLUMES = "volumes"


class Reading:
    """An open index and who is who; `library` reads messages back from their bytes."""

    def __init__(self, *, path: Path, store: Store, directory: Directory) -> None:
        self.path, self.store, self.directory = path, store, directory

    @cached_property
    def library(self) -> Library:
        """The archived messages; raises NewerSchema when a newer program wrote one of the volumes."""
        from levelhead.archive.library import Library
        from levelhead.archive.parse import parse

        # Mail that lies here was read before, and what ended the parser then is not given to it again.
        return Library(self.store, self._volumes, parse)

    def new_text(self, row: MessageRow) -> str:
        """The newly written text of a message, for a snippet; errors as those of `library`.

        Empty for a message that could not be read when it came.
        """
        from levelhead.archive.frames import Frame
        from levelhead.archive.words import new_text_in

        if any(defect.partition(":")[0] == UNREAD for defect in row.defects):
            return ""
        frame = Frame(volume=row.volume, offset=row.offset, length=row.length)
        raw = self._volumes.read_checked(row.id, frame)
        try:
            return new_text_in(raw)
        finally:
            raw.discard()

    @cached_property
    def _volumes(self) -> Volumes:
        from levelhead.archive.volumes import Volumes

        volumes = Volumes(self.path / VOLUMES)
        volumes.must_be_known()
        return volumes

    def close(self) -> None:
        self.store.close()


def open_reading(seen: Glance) -> Reading:
    """Open the archive of a configuration for reading; StoreDamaged or NewerSchema when it cannot be."""
    store = open_store(seen.archive / INDEX, read_only=True)
    return Reading(path=seen.archive, store=store, directory=_directory(seen, store.correspondents()))


def directory_of(settings: Settings, correspondents: frozenset[str] = frozenset()) -> Directory:
    """Who is who, as configured, with the correspondents found so far."""
    return _directory(glance.of(settings), correspondents)


def _directory(seen: Glance, correspondents: frozenset[str]) -> Directory:
    return Directory.make(
        me=seen.me, listed=seen.listed, scope=seen.scope, ignore=seen.ignore, correspondents=correspondents
    )
