"""The desk: what every command works with, and the options that every command shares."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from levelhead.cli.options import Argument, Option
from levelhead.cli.output import Output
from levelhead.clock import Clock, SystemClock
from levelhead.config.find import candidates, find_config
from levelhead.errors import LevelheadError, UserError

if TYPE_CHECKING:
    import typer

    from levelhead.config.glance import Glance
    from levelhead.config.settings import Settings
    from levelhead.daemon.parts import Archive
    from levelhead.daemon.reading import Reading
    from levelhead.outbox.hands import Hands

INDEX = "index.sqlite"
"""The index's file in the folder of the archive."""

NO_FILE = b"""
me.addresses = ["me@localhost"]
archive.path = "archive"
"""
"""What `score` works with when there is no configuration; nothing is read from or written to this archive."""

ConfigOption = Annotated[
    Path | None,
    Option(
        "--config", metavar="FILE", help="The configuration file; without it the usual places are looked at."
    ),
]
JsonOption = Annotated[bool, Option("--json", help="JSON on stdout and nothing else there.")]


class Desk:
    """One call of one command: which configuration, how to answer, what time it is."""

    def __init__(self) -> None:
        self.config: Path | None = None
        self.as_json = False
        self.clock: Clock = SystemClock()
        self._settings: Settings | None = None
        self._logs = False

    @property
    def out(self) -> Output:
        return Output(as_json=self.as_json)

    @property
    def settings(self) -> Settings:
        """The settings, read once; raises ConfigError with all problems, UserError when there is no file."""
        if not self._logs:
            log_to_stderr()
            self._logs = True
        if self._settings is None:
            from levelhead.config.load import load

            self._settings = load(find_config(self.config, os.environ))
        return self._settings

    @property
    def glance(self) -> Glance:
        """What a command that only looks needs of the settings; errors as those of `settings`.

        A file that was read in full before, with every check, is not checked again until anything about it changes.
        Nothing that such a command uses logs, and it starts faster without a log.
        """
        from levelhead.config import glance

        if self._settings is not None:
            return glance.of(self._settings)
        path = find_config(self.config, os.environ)
        found = glance.remembered(path, os.environ)
        if found is None:
            from levelhead.config.load import load

            self._settings = load(path)
            found = glance.of(self._settings)
            glance.remember(self._settings, os.environ)
        return found

    @property
    def settings_or_default(self) -> Settings:
        """The settings, or what holds without any file when none is named and none is found."""
        from levelhead.config.load import settings_of

        named = self.config is not None or os.environ.get("LEVELHEAD_CONFIG")
        if named or any(place.is_file() for place in candidates(os.environ, Path.cwd())):
            return self.settings
        log_to_stderr()
        return settings_of(NO_FILE, Path("levelhead.toml"))

    @contextmanager
    def archive(self, *, read_only: bool = True) -> Iterator[Archive]:
        """The opened archive; a reading command raises UserError when there is none yet."""
        if read_only:
            _must_be_there(self.settings.archive.path)
        from levelhead.daemon.parts import open_archive

        archive = open_archive(self.settings, read_only=read_only)
        try:
            yield archive
        finally:
            archive.close()

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """The archive for one who only looks; raises UserError when there is none yet."""
        glance = self.glance
        _must_be_there(glance.archive)
        from levelhead.daemon.reading import open_reading

        reading = open_reading(glance)
        try:
            yield reading
        finally:
            reading.close()

    @contextmanager
    def hands(self) -> Iterator[Hands]:
        """A person's hands on the archive; raises UserError when there is none yet."""
        _must_be_there(self.settings.archive.path)
        from levelhead.cli.people import actor
        from levelhead.outbox.hands import Hands

        with self.archive(read_only=False) as archive:
            yield Hands(
                archive.store,
                self.clock,
                actor(),
                stale_after=self.settings.cooldown.stale_after,
                mailboxes=[mailbox.name for mailbox in self.settings.mailboxes],
            )
            mirrored(archive, self.clock.now())

    @contextmanager
    def archive_if_any(self) -> Iterator[Archive | None]:
        """The opened archive for reading, or None when there is none yet."""
        path = self.settings.archive.path
        if not (path / INDEX).exists() and not _has_volumes(path):
            yield None
            return
        with self.archive() as archive:
            yield archive

    @contextmanager
    def reading_if_any(self) -> Iterator[Reading | None]:
        """The archive for one who only looks, or None when there is none yet."""
        path = self.glance.archive
        if not (path / INDEX).exists() and not _has_volumes(path):
            yield None
            return
        with self.reading() as reading:
            yield reading


def mirrored(archive: Archive, now: datetime) -> None:
    """Bring the ledger's files up to date with what was just recorded; the act itself has happened already."""
    import structlog

    try:
        archive.mirror.keep_up(archive.store, now)
    except (OSError, LevelheadError) as exc:
        structlog.get_logger().warning("mirror.behind", error=str(exc))


def log_to_stderr(least: str = "warning") -> None:
    """Let what rooms log go to stderr, for people; without this structlog would write to stdout.

    `run` says for itself what its log is like.
    """
    from levelhead.log import configure

    configure(least, "console")


def _has_volumes(path: Path) -> bool:
    return any((path / "volumes").glob("*.tar.zst"))


def _must_be_there(path: Path) -> None:
    if (path / INDEX).exists():
        return
    if _has_volumes(path):
        raise UserError(f"the index of the archive at {path} is missing; levelhead rebuild makes it again")
    raise UserError(f"there is no archive at {path} yet; levelhead run or levelhead add makes it")


def command(app: typer.Typer, name: str, **options: Any) -> Callable[[Callable[..., int | None]], Any]:
    """Register `act(desk, ...)` as a command that also takes `--config` and `--json`."""

    def register(act: Callable[..., int | None]) -> Callable[..., int | None]:
        app.command(name, **options)(_with_shared_options(act))
        return act

    return register


def group(app: typer.Typer, **options: Any) -> Callable[[Callable[..., int | None]], Any]:
    """Register `act(desk, ...)` as what runs before a group's commands; it takes the shared options too."""

    def register(act: Callable[..., int | None]) -> Callable[..., int | None]:
        app.callback(**options)(_with_shared_options(act))
        return act

    return register


def _with_shared_options(act: Callable[..., int | None]) -> Callable[..., int | None]:
    """The function that typer sees: the act's own parameters and the shared ones, which come to lie on the desk."""
    import inspect

    import typer

    hints = {name: _typed(hint) for name, hint in get_type_hints(act, include_extras=True).items()}
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in list(inspect.signature(act).parameters.values())[1:]
    ]

    def entry(ctx: typer.Context, config: Path | None, json: bool, **own_values: Any) -> int | None:
        desk: Desk = ctx.ensure_object(Desk)
        desk.config = config or desk.config
        desk.as_json = json or desk.as_json
        if "ctx" in hints:
            own_values["ctx"] = ctx
        return act(desk, **own_values)

    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter("config", keyword, default=None, annotation=_typed(ConfigOption)),
        inspect.Parameter("json", keyword, default=False, annotation=_typed(JsonOption)),
    ]
    context = inspect.Parameter("ctx", keyword, annotation=typer.Context)
    taken = [parameter.replace(kind=keyword) for parameter in own if parameter.name != "ctx"]
    entry.__signature__ = inspect.Signature([context, *taken, *shared])  # type: ignore[attr-defined]  # what inspect reads
    entry.__annotations__ = {}
    entry.__name__, entry.__doc__ = act.__name__, act.__doc__
    return entry


def _typed(hint: Any) -> Any:
    """A parameter's type with its description as typer reads it."""
    described = getattr(hint, "__metadata__", ())
    if described and isinstance(described[0], Option | Argument):
        return Annotated[hint.__origin__, described[0].typed()]
    return hint
