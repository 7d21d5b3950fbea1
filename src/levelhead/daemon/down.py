"""While the daemon was down: until when each mailbox was seen whole before, and why nobody watched since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from levelhead.evidence.coverage import not_running
from levelhead.facts import DaemonStarted, DaemonStopped, Fact
from levelhead.store.api import Store

KILLED = "levelhead was not running, and nobody had asked it to stop: it was killed, or the machine went down"


def why_down(store: Store) -> str:
    """Why nobody watches, in a sentence; asked at the start, before the start itself is written down."""
    start, end = _latest(store, DaemonStarted.name), _latest(store, DaemonStopped.name)
    if end is not None and isinstance(end[1], DaemonStopped) and (start is None or end[0] > start[0]):
        return not_running(end[1].why)
    return KILLED


def whole_since(store: Store) -> Mapping[str, datetime]:
    """When the last complete pass over each mailbox ended, at the latest; a mailbox without one is left out.

    A pass that was cut short has ended for some folders only, so the folder that was read longest ago counts;
    one that was not read since the last start is not among those that are watched any more.
    """
    latest = _latest(store, DaemonStarted.name)
    start = latest[1].started_at if latest is not None and isinstance(latest[1], DaemonStarted) else None
    passes: dict[str, list[datetime]] = {}
    for folder in store.folders():
        if folder.last_pass is not None:
            passes.setdefault(folder.mailbox, []).append(folder.last_pass)
    return {
        mailbox: min((at for at in found if start is not None and at >= start), default=max(found))
        for mailbox, found in passes.items()
    }


def _latest(store: Store, kind: str) -> tuple[int, Fact] | None:
    """The latest fact of a kind, with the entry that holds it."""
    return next(((entry.seq, fact) for entry, fact in store.facts_about(kind=kind, limit=1)), None)
