"""The disk under the archive: whether there is room to fetch into, and the one alert that says when there is none.

A full disk stops fetching and nothing else: what is archived is judged and told from the reserve, and when room is
back the alert ends and fetching goes on. A disk that cannot be written at all ends the daemon.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

import structlog

from levelhead.archive.reserve import LOW_BYTES, Reserve
from levelhead.archive.spool import NO_ROOM
from levelhead.clock import Clock
from levelhead.errors import DiskFailed, DiskFull, DiskReadOnly, LevelheadError, Unavailable
from levelhead.model import Severity
from levelhead.outbox.health import Health
from levelhead.store.api import Store

log = structlog.get_logger()

DISK_FULL = "disk-full"
"""The rule of the alert."""

TITLE = "The disk of the archive is full"

RESERVE_PAUSE = 60.0
"""Seconds between two tries to make a reserve that could not be made."""

_OF_THE_DISK = NO_ROOM | {errno.EIO, errno.EROFS}


def hinders(exc: BaseException) -> bool:
    """Whether an error is one of the disk or of a lock, and not the fault of whoever met it."""
    if isinstance(exc, OSError):
        return exc.errno in _OF_THE_DISK
    return isinstance(exc, Unavailable)


class Disk:
    """Watches one disk for all loops of the daemon. `look` is the main thread's; the rest is for any thread."""

    def __init__(
        self,
        reserve: Reserve,
        store: Store,
        clock: Clock,
        health: Health,
        *,
        shout: Callable[[str, str], None],
        eased: Callable[[], None] = lambda: None,
    ) -> None:
        """`shout(title, body)` tells somebody without the store; `eased()` is called when there is room again."""
        self._reserve = reserve
        self._store = store
        self._clock = clock
        self._health = health
        self._shout = shout
        self.eased = eased
        self._guard = threading.Lock()
        self._full = False
        self._need = 0
        """Bytes that somebody needed and did not find."""
        self._told = self._recorded = False
        self._read_only = False
        self._settled = False
        """Whether an alert that an earlier process left open was looked for."""
        self._reserve_at = -RESERVE_PAUSE

    @property
    def full(self) -> bool:
        """Whether nothing may be fetched."""
        return self._full

    @property
    def spoken_for(self) -> bool:
        """Whether somebody is told of the disk in any case: that it is full, or at the daemon's end that it is over."""
        return self._full or self._read_only

    # --- for any thread -----------------------------------------------------------------------

    def must_have_room(self) -> None:
        """Raise DiskFull as long as the disk is full; asked before anybody connects to a server."""
        if self._full:
            raise DiskFull(self._sentence())

    def must_hold(self, size: int) -> None:
        """Raise DiskFull unless `size` bytes may be fetched; asked before each batch of messages."""
        self.must_have_room()
        # They lie in the spool and in a volume at the same time, and the index grows with them.
        need = size + size // 2 + LOW_BYTES
        if self._reserve.room().free < need:
            self._fill(need)
            raise DiskFull(self._sentence())

    def note(self, exc: BaseException) -> bool:
        """Take note of an error of the disk; True when somebody is told of the disk itself (`spoken_for`)."""
        number = exc.errno if isinstance(exc, OSError) else None
        if isinstance(exc, DiskReadOnly) or number == errno.EROFS:
            self._read_only = True
            return True
        if isinstance(exc, DiskFailed) or number == errno.EIO:
            self.try_it()
            return self._read_only
        if isinstance(exc, DiskFull) or number in NO_ROOM:
            # With room to spare it was a quota, or something has been removed in the meantime.
            if not self._full and self._reserve.room().free < 2 * self._reserve.size:
                self._fill(0)
            return self._full
        return False

    def try_it(self) -> None:
        """Something could not be written: find out whether nothing can."""
        self._read_only = self._read_only or self._reserve.refused()

    def _fill(self, need: int) -> None:
        with self._guard:
            self._need = max(self._need, need)
            if self._full:
                return
            self._full, self._told = True, False
            free = self._reserve.room().free
            given = self._reserve.give()
        log.error("disk.full", folder=str(self._reserve.folder), free=free, needed=need, reserve_given=given)

    def _sentence(self) -> str:
        return (
            f"no room is left on the disk of {self._reserve.folder}: at least {self._enough()} bytes must be free "
            "for mail to be fetched again"
        )

    def _enough(self) -> int:
        """Bytes that must be free before fetching goes on: room for what was too much, and for the reserve."""
        return max(2 * self._reserve.size, self._need + self._reserve.size)

    # --- the main thread's --------------------------------------------------------------------

    def look(self) -> None:
        """Once a second: say that it is full, or that it is not any more. Raises DiskReadOnly when all is over."""
        room = self._reserve.room()
        if room.read_only or self._read_only:
            raise DiskReadOnly(
                f"the disk of the archive {self._reserve.folder} cannot be written any more, it is read-only; "
                "see why, make it writable and start levelhead again"
            )
        # Without a reserve it is full earlier: the next one would have nothing to give.
        if room.free < (LOW_BYTES if self._reserve.there else 2 * self._reserve.size):
            self._fill(0)
        if not self._full:
            self._at_ease(room.free)
            return
        self._tell(room.free)
        kept = self._reserve.size if self._reserve.there else 0
        if room.free + kept >= self._enough() and self._reserve.make():
            self._over(room.free)

    def _at_ease(self, free: int) -> None:
        if not self._settled:
            self._health.resolve_health(DISK_FULL, "", _again(free))
            self._settled = True
        now = self._clock.monotonic()
        if not self._reserve.there and now - self._reserve_at >= RESERVE_PAUSE:
            self._reserve_at = now
            if not self._reserve.make():
                log.warning("disk.no_reserve", free=free, needed=2 * self._reserve.size)

    def _tell(self, free: int) -> None:
        """Once for each time that it is full, whoever met it first and however many did."""
        if self._told:
            return
        body = (
            f"{self._sentence()}; {free} are.\n\nNo new mail is fetched until then; it stays on the server, and "
            "nothing is lost. Make room: fetching goes on by itself, and this alert ends."
        )
        self._told = self._settled = True
        try:
            self._health.raise_health(DISK_FULL, "", Severity.CRITICAL, TITLE, body)
            self._recorded = True
        except (LevelheadError, OSError) as exc:
            log.error("alert.unwritten", rule=DISK_FULL, error=str(exc))
            self._recorded = False
            self._shout(TITLE, body)

    def _over(self, free: int) -> None:
        why = _again(free)
        if self._recorded:
            self._health.resolve_health(DISK_FULL, "", why)
        else:
            # It was told when it could not be written down: it is put on record now, and told to nobody again.
            with self._store.transaction(self._clock.now()) as tx:
                self._health.raise_health(DISK_FULL, "", Severity.CRITICAL, TITLE, why, tx=tx)
                self._health.resolve_health(DISK_FULL, "", why, tx=tx)
        with self._guard:
            self._full, self._need = False, 0
        log.info("disk.room", free=free)
        self.eased()


def _again(free: int) -> str:
    return f"there is room again: {free} bytes are free"
