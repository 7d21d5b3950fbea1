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
    """A problem when the signing key or a sign-in lies in the archive: its copies and backups would hold it, too."""
    archive = settings.archive.path
    kept: list[tuple[KeyPath, str, Path | None]] = [
        (("evidence", "key_file"), "evidence.key_file", settings.evidence.key_file)
    ]
    kept += [
        (("mailbox", number, "oauth2", "token_file"), "oauth2.token_file", mailbox.oauth2.token_file)
        for number, mailbox in enumerate(settings.mailboxes)
        if mailbox.oauth2 is not None
    ]
    return tuple(
        Problem(
            where=str(settings.path),
            line=settings.line(*keys),
            problem=f"`{name}` lies in the archive ({archive}), which holds everything but secrets",
            fix="name a file beside your other secrets",
        )
        for keys, name, path in kept
        if path is not None and (_lies_in(path, archive) or _lies_in(path.resolve(), archive.resolve()))
    )


def ill_shared(settings: Settings) -> tuple[Problem, ...]:
    """A problem for each `token_file` that would take the place of another setting's file, or of another's sign-in."""
    signing_in = [
        (number, box) for number, box in enumerate(settings.mailboxes) if box.oauth2 and box.oauth2.token_file
    ]
    if not signing_in:
        return ()
    from levelhead.config.sign_in import registration_of, token_file_of

    others = _other_files(settings)
    first: dict[Path, tuple[str, tuple[str, ...]]] = {}
    problems: list[Problem] = []
    for number, mailbox in signing_in:
        path, registration = token_file_of(settings, mailbox).path, registration_of(settings, mailbox)
        owner, theirs = first.setdefault(path, (mailbox.name, registration.identity))
        if path in others:
            problem = (
                f"`oauth2.token_file` names the file of `{others[path]}`, which a sign-in would overwrite"
            )
        elif registration.identity != theirs:
            problem = (
                f"mailboxes {owner!r} and {mailbox.name!r} share a token_file, and sign in with another account, "
                "registration or scope"
            )
        else:
            continue
        problems.append(
            Problem(
                where=str(settings.path),
                line=settings.line("mailbox", number, "oauth2", "token_file"),
                problem=problem,
                fix="name a file of its own, or leave token_file out",
            )
        )
    return tuple(problems)


def _other_files(settings: Settings) -> Mapping[Path, str]:
    """The files that settings name, but for those of sign-ins; what names them."""
    named: list[tuple[Path | None, str]] = [
        (settings.path, "the configuration itself"),
        (settings.evidence.key_file, "evidence.key_file"),
        (settings.anchors.ca_file, "anchors.ca_file"),
    ]
    named += [(channel.url_file, f"channels.{name}.url_file") for name, channel in settings.channels.items()]
    for mailbox in settings.mailboxes:
        named += [(mailbox.ca_file, "mailbox.ca_file"), (mailbox.password_file, "mailbox.password_file")]
        if mailbox.oauth2 is not None:
            named.append((mailbox.oauth2.client_secret_file, "oauth2.client_secret_file"))
    return {path: name for path, name in named if path is not None}


def _lies_in(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents
