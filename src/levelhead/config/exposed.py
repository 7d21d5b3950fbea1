"""Secrets in the wrong place: in a configuration that others can read, or in the archive, which is copied about."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from levelhead.config.settings import Settings
from levelhead.errors import ConfigError, Problem
from levelhead.masking import holds_key, is_secret_key

KeyPath = tuple[str | int, ...]


def inline_secrets(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    """Where the file itself holds a secret, and what it is, as the beginning of a sentence."""
    for name, channel in settings.channels.items():
        if channel.url and holds_key(channel.url):
            yield ("channels", name, "url"), f'the URL of channel "{name}" holds a key'
    for plugin, table in settings.plugins.tables.items():
        for path in _secret_keys(table):
            yield ("plugins", plugin, *path), f"{'.'.join(('plugins', plugin, *path))} is a secret"


def _secret_keys(table: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from ((key, *path) for path in _secret_keys(value))
        elif isinstance(value, str) and value and is_secret_key(key):
            yield (key,)


def exposed(settings: Settings) -> tuple[Problem, ...]:
    """A problem for each secret in the file while everybody on this machine can read it; none when it is gone."""
    path = settings.path
    try:
        mode = path.stat().st_mode
    except OSError:
        return ()
    if not mode & stat.S_IROTH:
        return ()
    return tuple(
        Problem(
            where=str(path),
            line=settings.line(*keys),
            problem=f"{what}, and everybody on this machine can read this file",
            fix=f"run `chmod 600 {shlex.quote(str(path))}`, or put it into a file of its own",
        )
        for keys, what in inline_secrets(settings)
    )


def must_be_private(settings: Settings) -> None:
    """Raises ConfigError when the file holds a secret that everybody can read; for who would go on using it."""
    if problems := exposed(settings):
        raise ConfigError(problems)


def in_archive(settings: Settings) -> tuple[Problem, ...]:
    """A problem when the signing key lies in the archive: its copies and backups would hold it, too."""
    key, archive = settings.evidence.key_file, settings.archive.path
    if key is None or not (_lies_in(key, archive) or _lies_in(key.resolve(), archive.resolve())):
        return ()
    return (
        Problem(
            where=str(settings.path),
            line=settings.line("evidence", "key_file"),
            problem=f"`evidence.key_file` lies in the archive ({archive}), which holds everything but secrets",
            fix="name a file beside your other secrets",
        ),
    )


def _lies_in(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents
