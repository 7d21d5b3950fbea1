"""What a person does about a mailbox that cannot be read: the exact commands, for the way in which this daemon runs."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from levelhead.config.mailbox import Mailbox
from levelhead.config.settings import Settings
from levelhead.config.sign_in import as_whom, command_line

CGROUP = Path("/proc/self/cgroup")
LOCK = "lock"
"""The file in the archive that begins with the number of the daemon's process."""

_NAME = re.compile(r"([A-Za-z0-9:_.@\\-]+)\.(service|scope)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The unit of systemd that this process belongs to: of the machine, or of one user."""

    name: str
    of_user: bool

    def act(self, verb: str) -> str:
        """The command that reloads it, restarts it, or shows it (`cat`)."""
        return f"{'systemctl --user' if self.of_user else 'sudo systemctl'} {verb} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """A sentence or two, and the commands that follow, one after the other."""

    words: str
    commands: tuple[str, ...]


class Mender:
    """Knows how this process runs, and what follows from it for the commands that somebody types."""

    def __init__(
        self, settings: Settings, env: Mapping[str, str] = os.environ, cgroup: Path = CGROUP
    ) -> None:
        self._settings = settings
        self._env = env
        self._unit = unit_of(env, cgroup)

    @property
    def look(self) -> str:
        """Looks at every mailbox."""
        return f"{command_line(self._settings, self._env)} check --online"

    @property
    def reload(self) -> str:
        """Has the daemon read its configuration and secrets again and try at once, whichever process it is by then."""
        if self._unit is not None:
            return self._unit.act("reload")
        lock = shlex.quote(str(self._settings.archive.path / LOCK))
        return f"kill -HUP \"$(cut -d' ' -f1 {lock})\""

    def restart(self) -> Mending:
        """For a part of the daemon that may not move any more."""
        words = "The first command shows whether mail still comes in, as in the first look through a large mailbox"
        status = f"{command_line(self._settings, self._env)} status"
        if self._unit is not None:
            return Mending(
                words=f"{words}; if not, start levelhead anew:", commands=(status, self._unit.act("restart"))
            )
        return Mending(
            words=f"{words}; if not, end levelhead and start it anew:", commands=(status, self.look)
        )

    def after_an_edit(self, words: str) -> Mending:
        """For what is wrong in the configuration."""
        path = self._settings.path
        return Mending(words=f"{words} ({path}); then:", commands=(self.reload, self.look))

    def new_password(self, mailbox: Mailbox) -> Mending:
        """How a password is set anew, by where the configuration has it."""
        if mailbox.password_file is not None:
            return Mending(
                words="If the password was changed, write the new one into its file (type it, Enter, Ctrl-D) and have "
                "it read:",
                commands=(self._into(mailbox.password_file), self.reload, self.look),
            )
        if mailbox.password_command:
            program = shlex.split(mailbox.password_command)[0]
            return Mending(
                words=f"If the password was changed, change it where {program} (the password_command) takes it from; "
                "then:",
                commands=(self.reload, self.look),
            )
        unit = self._unit or Unit(name="levelhead", of_user=False)
        # systemd hands a credential to a service when it starts, and never again.
        return Mending(
            words="If the password was changed, write the new one into the file that a line "
            f"LoadCredential={mailbox.credential}:... of the unit names (the first command shows it); then:",
            commands=(unit.act("cat"), unit.act("restart")),
        )

    def _into(self, path: Path) -> str:
        """Writes what is typed into a file that nobody else can read, as the user who reads it."""
        inner = f"umask 077; cat > {shlex.quote(str(path))}"
        whom = as_whom() if self._unit is not None else ""
        return f"{whom}sh -c {shlex.quote(inner)}" if whom else f"({inner})"


def unit_of(env: Mapping[str, str], cgroup: Path = CGROUP) -> Unit | None:
    """The unit that systemd runs this process as; None for one that somebody started by hand.

    A terminal may have been started by systemd as well, and then hands the same variable on: its group is a scope.
    """
    if not env.get("INVOCATION_ID"):
        return None
    try:
        found = _NAME.search(cgroup.read_text(encoding="utf-8").strip())
    except OSError:
        found = None
    if found is not None and found[2] == "scope":
        return None
    # Services of one user are told where that one's sockets are, those of the machine are not.
    return Unit(name=found[1] if found else "levelhead", of_user=bool(env.get("XDG_RUNTIME_DIR")))
