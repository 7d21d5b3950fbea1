"""What the configuration says of signing in with OAuth, as the sign-in room wants it."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from levelhead.config.find import everywhere
from levelhead.config.mailbox import Mailbox, OAuth2
from levelhead.config.secrets import read_file
from levelhead.config.settings import Settings
from levelhead.signin.keeping import TokenFile
from levelhead.signin.providers import KNOWN, Registration

FIRST_PERSON = 1000
"""Users with lower numbers are the system's own, which nobody logs in as."""


def registration_of(
    settings: Settings, mailbox: Mailbox, env: Mapping[str, str] = os.environ
) -> Registration:
    """Who asks for what, for a mailbox with an `oauth2` table."""
    table = _table(mailbox)
    known = KNOWN[table.provider]
    return Registration(
        provider=replace(
            known,
            token_url=table.token_url or known.token_url,
            auth_url=table.auth_url or known.auth_url,
            device_url=table.device_url or known.device_url,
        ),
        client_id=table.client_id,
        client_secret=_secret(mailbox.name, table.client_secret_file),
        scope=table.scope or known.scope,
        account=table.account or mailbox.user,
        mailbox=mailbox.name,
        mend=f"{command_line(settings, env)} login {mailbox.name}",
    )


def token_file_of(settings: Settings, mailbox: Mailbox) -> TokenFile:
    """Where the sign-in of a mailbox is kept: one file for all that sign in as the same person, for the same."""
    table = _table(mailbox)
    if table.token_file is not None:
        return TokenFile(path=table.token_file)
    registration = registration_of(settings, mailbox)
    digest = hashlib.sha256("\0".join(registration.identity).encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9@._-]", "_", registration.account)[:64].lstrip(".")
    archive = settings.archive.path
    return TokenFile(path=archive.with_name(f"{archive.name}-sign-ins") / f"{readable}-{digest}.json")


def command_line(settings: Settings, env: Mapping[str, str]) -> str:
    """How a person calls this program, and as whom: who reads it may sit in another folder, and be somebody else."""
    return f"{as_whom() if _in_service(env) else ''}{command_of(settings, env)}"


def command_of(settings: Settings, env: Mapping[str, str] = os.environ) -> str:
    """How the user of the daemon calls this program, from whatever folder."""
    service = _in_service(env)
    beside = Path(sys.executable).with_name("levelhead")
    if not service and shutil.which("levelhead", path=env.get("PATH")):
        program = "levelhead"
    else:
        program = (
            shlex.quote(str(beside)) if beside.exists() else f"{shlex.quote(sys.executable)} -m levelhead"
        )
    found = settings.path in everywhere(env) and not service
    config = "" if found else f" --config {shlex.quote(str(settings.path))}"
    return f"{program}{config}"


def _in_service(env: Mapping[str, str]) -> bool:
    """Whether this is a service of systemd, whose program is on nobody's path, and whose user is nobody's own."""
    return bool(env.get("INVOCATION_ID"))


def as_whom() -> str:
    """What makes a command run as the user of this process, where nobody logs in as that one."""
    try:
        user = pwd.getpwuid(os.geteuid())
    except KeyError:
        return f"sudo -u '#{os.geteuid()}' "
    return f"sudo -u {shlex.quote(user.pw_name)} " if user.pw_uid < FIRST_PERSON else ""


def _table(mailbox: Mailbox) -> OAuth2:
    assert mailbox.oauth2 is not None, f"mailbox {mailbox.name} signs in with a password"
    return mailbox.oauth2


def _secret(mailbox: str, path: Path | None) -> Callable[[], str | None]:
    if path is None:
        return lambda: None
    return lambda: read_file(path, f'the client secret of mailbox "{mailbox}"')
