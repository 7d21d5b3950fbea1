"""Secrets by file, command or systemd credential: read when they are needed, never kept in Settings, masked everywhere.

Each function that reads one raises UserError in one sentence, which never holds the secret.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from levelhead.config.mailbox import Mailbox
from levelhead.config.sections import Channel
from levelhead.errors import ProgrammerError, UserError
from levelhead.masking import VAULT, remember_login, remember_url

COMMAND_SECONDS = 10.0
"""How long a password command may take."""

LONGEST = 65_536
"""Bytes; a longer file is not a secret but a mistake."""

_RUNNING: set[subprocess.Popen[bytes]] = set()
"""Commands that are asked for a password in this moment."""

_CREDENTIAL = re.compile(r"[A-Za-z0-9_.-]+\Z")


def secret_of(mailbox: Mailbox, env: Mapping[str, str] | None = None) -> Callable[[], str]:
    """A function that reads the mailbox's password each time it is called, so that a changed one is found."""

    def read() -> str:
        secret = _password(mailbox, os.environ if env is None else env)
        remember_login(mailbox.user, secret)
        return secret

    return read


def channel_url(channel: Channel, name: str = "", env: Mapping[str, str] | None = None) -> str:
    """The channel's Apprise URL, read when it is called; `name` is what the channel is called, for the error."""
    what = f'the URL of channel "{name}"' if name else "the channel's URL"
    if channel.url:
        url, private = channel.url, False
    elif channel.url_file is not None:
        url, private = read_file(channel.url_file, what), True
    else:
        url, private = read_credential(channel.credential, what, os.environ if env is None else env), True
    remember_url(url, private=private)
    return url


def _password(mailbox: Mailbox, env: Mapping[str, str]) -> str:
    what = f'the password of mailbox "{mailbox.name}"'
    if mailbox.password_file is not None:
        return read_file(mailbox.password_file, what)
    if mailbox.password_command:
        return run_command(mailbox.password_command, what)
    if mailbox.credential:
        return read_credential(mailbox.credential, what, env)
    raise ProgrammerError(f"mailbox {mailbox.name} signs in with OAuth and has no password")


def read_file(path: Path, what: str) -> str:
    """The only line of a file that nobody but its owner can read, and that is ours or root's."""
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{what} cannot be read: {path} is not a file")
            if status.st_mode & 0o077:
                raise UserError(f"{what} is readable by others: run `chmod 600 {shlex.quote(str(path))}`")
            if status.st_uid not in (0, os.geteuid()):
                raise UserError(
                    f"{what} belongs to somebody else, who can change it: run `chown {os.geteuid()} "
                    f"{shlex.quote(str(path))}`"
                )
            data = stream.read(LONGEST + 1)
    except FileNotFoundError:
        raise UserError(f"{what} is not there: write it into {path} and run `chmod 600` on it") from None
    except OSError as exc:
        raise UserError(f"{what} cannot be read: {path}: {exc.strerror or exc}") from None
    return _one_line(data, what, str(path))


def read_credential(name: str, what: str, env: Mapping[str, str]) -> str:
    """A credential that systemd handed to this service (`LoadCredential=`)."""
    if not _CREDENTIAL.match(name) or name in (".", ".."):
        raise UserError(
            f'{what}: "{name}" is not the name of a credential: use letters, digits, ".", "_" and "-"'
        )
    folder = env.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise UserError(
            f"{what} is the systemd credential {name}, but there is no $CREDENTIALS_DIRECTORY: "
            f"run under a unit with `LoadCredential={name}:/path/of/the/secret`, or use a file instead"
        )
    try:
        with (Path(folder) / name).open("rb") as stream:
            data = stream.read(LONGEST + 1)
    except OSError as exc:
        why = "is not there" if isinstance(exc, FileNotFoundError) else f"cannot be read ({exc.strerror})"
        raise UserError(
            f"{what}: credential {name} {why}: add `LoadCredential={name}:...` to the unit"
        ) from None
    return _one_line(data, what, f"credential {name}")


def run_command(command: str, what: str, seconds: float = COMMAND_SECONDS) -> str:
    """What a command prints, run without a shell; its stderr is never shown, because it may hold the secret."""
    try:
        argv = shlex.split(command)
    except ValueError as exc:
        raise UserError(f"{what}: `password_command` has an unfinished quote or escape") from exc
    if not argv:
        raise UserError(f"{what}: `password_command` is empty")
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as exc:
        raise UserError(f"{what}: the command {argv[0]} cannot be run: {exc.strerror}") from None
    _RUNNING.add(process)
    with process:
        try:
            data, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            problem = f"{what}: the command {argv[0]} gave no answer within {seconds:g} seconds"
            raise UserError(f"{problem}; run it yourself once, it may be waiting for a passphrase") from None
        finally:
            _RUNNING.discard(process)
    if process.returncode != 0:
        problem = f"{what}: the command {argv[0]} ended with status {process.returncode}"
        raise UserError(f"{problem}; run it yourself to see why")
    return _one_line(data, what, f"the command {argv[0]}")


def end_commands() -> None:
    """Kill every password command that still runs; for the end of the daemon, which leaves no child behind."""
    for process in tuple(_RUNNING):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole session goes, or a grandchild would keep the pipe open and us waiting."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _one_line(data: bytes, what: str, source: str) -> str:
    """The secret without the line end that editors add; a second line or a NUL would go astray in IMAP."""
    if len(data) > LONGEST:
        raise UserError(f"{what}: {source} holds more than {LONGEST} bytes, so it is not a secret")
    try:
        secret = data.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{what}: {source} does not hold UTF-8 text") from None
    secret = secret.removesuffix("\n").removesuffix("\r")
    VAULT.add(secret)
    if not secret:
        raise UserError(f"{what}: {source} is empty")
    if any(character in secret for character in "\r\n\0"):
        raise UserError(f"{what}: {source} holds more than one line")
    return secret
