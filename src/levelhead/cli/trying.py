"""The other process that judges again: `python -P -m levelhead.cli.trying FD SECONDS LIMITS` (see `serving`).

It is told which archive to read and by which rules to judge, and then messages by their ids. It asks the built-in
plugins alone, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from levelhead.cli.desk import log_to_stderr
from levelhead.cli.trial import Trial, trial
from levelhead.clock import SystemClock
from levelhead.config.settings import Settings
from levelhead.daemon.parts import Archive, open_archive
from levelhead.errors import LevelheadError
from levelhead.model import Client, Level, Verdict
from levelhead.pipes import BadFrame
from levelhead.plain import from_json, one_of, row, text, texts, to_json, truth, whole
from levelhead.serving import serve

READY = "ready"
"""The answer to an opening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Read the archive of `settings`, and judge by `rules`."""

    settings: Settings
    rules: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Be ready (the first request alone), or judge these messages again, by their ids."""

    opening: Opening | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A verdict without its points, and which plugins had a part in it or failed."""

    millionths: int | None
    level: Level
    labels: tuple[str, ...]
    complete: bool
    spoke: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The same as a verdict, for the views."""
        return Verdict(
            level=self.level, millionths=self.millionths, labels=self.labels, complete=self.complete
        )


def judged_again(archive: Archive, one: Trial, id: str, listed: Mapping[str, Client]) -> Told:
    """What the rules of a trial say of an archived message; errors as `Library.message`.

    `listed` are the clients of the archive's directory by name.
    """
    message = archive.library.message(id)
    client = archive.library.client(message.client, listed)
    verdict, calls = one.judge(message, archive.library.thread(message), client)
    spoke = {part.plugin for part in verdict.because} | {call.plugin for call in calls if call.error}
    return Told(
        millionths=verdict.millionths,
        level=verdict.level,
        labels=verdict.labels,
        complete=verdict.complete,
        spoke=tuple(sorted(spoke)),
    )


def listed_of(archive: Archive) -> Mapping[str, Client]:
    """The clients of an archive's directory by name."""
    return {client.name: client for client in archive.directory.clients()}


def read_told(data: bytes, count: int) -> tuple[Told | None, ...]:
    """The answer about so many messages: None for one that raised an error; BadFrame when it is nothing like it."""
    return tuple(None if one is None else _told(one) for one in row(from_json(data), count))


def _told(value: object) -> Told:
    millionths, level, labels, complete, spoke = row(value, 5)
    return Told(
        millionths=None if millionths is None else whole(millionths),
        level=one_of(level, Level),
        labels=texts(labels),
        complete=truth(complete),
        spoke=texts(spoke),
    )


def must_be_ready(data: bytes) -> None:
    """Raise BadFrame unless this is the answer to an opening."""
    if text(from_json(data)) != READY:
        raise BadFrame("it is not ready")


@dataclass(slots=True)
class Answering:
    """What this process has open, from the first request on until its end."""

    stack: ExitStack = field(default_factory=ExitStack)
    open: tuple[Archive, Trial, Mapping[str, Client]] | None = None

    def __call__(self, request: Request) -> Iterator[bytes]:
        """One answer to each request."""
        if request.opening is not None:
            archive = open_archive(request.opening.settings, read_only=True)
            self.stack.callback(archive.close)
            one = self.stack.enter_context(trial(request.opening.rules, SystemClock()))
            self.open = archive, one, listed_of(archive)
            yield to_json(READY)
        else:
            yield to_json([self._told(id) for id in request.ids])

    def _told(self, id: str) -> Told | None:
        """None where there is an error: whoever asked meets it too, and says what it is."""
        assert self.open is not None
        archive, one, listed = self.open
        try:
            return judged_again(archive, one, id, listed)
        except (LevelheadError, OSError):
            return None


if __name__ == "__main__":
    log_to_stderr()
    serve(Answering())
