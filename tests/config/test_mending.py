"""The commands that mend a mailbox: as whom, on which unit, and by where the password is kept."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.archive import lock
from levelhead.clock import SystemClock
from levelhead.config import mending
from levelhead.config.mending import Mender, Unit, unit_of
from levelhead.config.settings import Settings

Load = Callable[..., Settings]
BOX = '[[mailbox]]\nname = "office"\nhost = "imap.example.com"\nuser = "me@example.com"\n'
BY_HAND = {"PATH": os.environ["PATH"]}
SERVICE = BY_HAND | {"INVOCATION_ID": "0123"}


@pytest.fixture
def cgroup(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / "cgroup").write_text(text)
        return tmp_path / "cgroup"

    return write


@pytest.fixture
def mender(settings_of: Load, cgroup: Callable[[str], Path]) -> Callable[..., tuple[Mender, Settings]]:
    """A mender of a configuration with one mailbox, for a process that runs so."""

    def make(secret: str, env: dict[str, str], group: str = "0::/system.slice/mail-desk.service\n"):
        settings = settings_of(BOX + secret)
        return Mender(settings, env, cgroup(group)), settings

    return make


@pytest.mark.parametrize(
    ("group", "more", "unit"),
    [
        ("0::/system.slice/mail-desk.service\n", {}, Unit(name="mail-desk", of_user=False)),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/levelhead.service\n",
            {"XDG_RUNTIME_DIR": "/run/user/1000"},
            Unit(name="levelhead", of_user=True),
        ),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1.scope\n", {}, None),
        ("0::/\n", {}, Unit(name="levelhead", of_user=False)),
    ],
)
def test_the_unit_is_the_one_that_systemd_runs_this_process_as(cgroup, group, more, unit) -> None:
    assert unit_of(SERVICE | more, cgroup(group)) == unit
    assert unit_of(BY_HAND | more, cgroup(group)) is None


def test_a_unit_is_guessed_where_the_group_cannot_be_read(tmp_path: Path) -> None:
    assert unit_of(SERVICE, tmp_path / "none") == Unit(name="levelhead", of_user=False)


def test_a_daemon_that_somebody_started_is_found_by_its_lock(
    mender: Callable[..., tuple[Mender, Settings]],
) -> None:
    found, settings = mender('password_file = "pw"', BY_HAND)
    path = settings.archive.path / "lock"
    with lock.hold(path, SystemClock().now()):
        said = subprocess.run(
            ["sh", "-c", found.reload.replace("kill -HUP", "echo")],
            capture_output=True,
            text=True,
            check=True,
        )
    assert said.stdout.strip() == str(os.getpid())
    assert mending.LOCK == lock.LOCK


def test_a_password_file_is_written_for_its_owner_only_and_then_read(
    mender: Callable[..., tuple[Mender, Settings]],
) -> None:
    found, settings = mender('password_file = "the password"', BY_HAND)
    told = found.new_password(settings.mailboxes[0])
    put, reload, look = told.commands
    subprocess.run(["sh", "-c", put], input="new one\n", text=True, check=True)
    file = settings.mailboxes[0].password_file
    assert file is not None and file.read_text() == "new one\n" and file.stat().st_mode & 0o777 == 0o600
    assert reload.startswith("kill -HUP ")
    assert look.endswith(f" --config {shlex.quote(str(settings.path))} check --online")


def test_under_systemd_the_file_is_written_as_the_user_of_the_service(
    mender: Callable[..., tuple[Mender, Settings]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, settings = mender('password_file = "pw"', SERVICE)
    somebody = pwd.getpwuid(os.geteuid())
    monkeypatch.setattr(
        pwd, "getpwuid", lambda uid: pwd.struct_passwd(("levelhead", *somebody[1:2], 990, *somebody[3:]))
    )
    put, reload, look = found.new_password(settings.mailboxes[0]).commands
    assert put == f"sudo -u levelhead sh -c 'umask 077; cat > {settings.mailboxes[0].password_file}'"
    assert reload == "sudo systemctl reload mail-desk" and look.startswith("sudo -u levelhead ")


def test_a_command_names_its_program_and_none_of_its_words(
    mender: Callable[..., tuple[Mender, Settings]],
) -> None:
    found, settings = mender("password_command = 'pass show mail/secret-name'", SERVICE)
    told = found.new_password(settings.mailboxes[0])
    assert "where pass (the password_command) takes it from" in told.words
    assert "secret-name" not in told.words + " ".join(told.commands)
    assert told.commands[0] == "sudo systemctl reload mail-desk"


def test_a_credential_is_read_when_the_service_starts_so_it_is_restarted(
    mender: Callable[..., tuple[Mender, Settings]],
) -> None:
    found, settings = mender('credential = "office-password"', SERVICE | {"XDG_RUNTIME_DIR": "/run/user/9"})
    told = found.new_password(settings.mailboxes[0])
    assert "LoadCredential=office-password:" in told.words
    assert told.commands == ("systemctl --user cat mail-desk", "systemctl --user restart mail-desk")
