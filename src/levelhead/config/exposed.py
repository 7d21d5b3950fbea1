"""Secrets that stand in the configuration itself while others can read the file: refused, as a secret file is."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator, Mapping

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
