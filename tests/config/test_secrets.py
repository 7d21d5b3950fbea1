from __future__ import annotations

import base64
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.config.channels import client_reached, recipients_of
from levelhead.config.secrets import channel_url, end_commands, read_file, run_command, secret_of
from levelhead.config.settings import Settings
from levelhead.errors import ProgrammerError, UserError
from levelhead.masking import VAULT

Load = Callable[..., Settings]
CANARY = "c4nary-\\\"pass word'é"


def mailbox(way: str) -> str:
    return f'[[mailbox]]\nname = "office"\nhost = "h"\nuser = "me"\n{way}\n'


def secret_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_password_file_is_read_without_the_line_end_that_editors_add(
    settings_of: Load, tmp_path: Path
) -> None:
    secret_file(tmp_path / "secrets" / "pw", CANARY + "\n")
    settings = settings_of(mailbox('password_file = "secrets/pw"'))
    assert secret_of(settings.mailboxes[0])() == CANARY


def test_a_changed_password_is_found_at_the_next_sign_in(settings_of: Load, tmp_path: Path) -> None:
    password = secret_of(settings_of(mailbox('password_file = "pw"')).mailboxes[0])
    secret_file(tmp_path / "pw", "old-one")
    assert password() == "old-one"
    secret_file(tmp_path / "pw", "new-one")
    assert password() == "new-one"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_that_others_can_read_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    path = secret_file(tmp_path / "it's", CANARY, mode)
    with pytest.raises(UserError, match="run `chmod 600 ") as caught:
        read_file(path, "the password")
    assert CANARY not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_secret_that_belongs_to_somebody_else_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "pw", CANARY)
    os.chown(path, 65534, -1)
    with pytest.raises(
        UserError, match="belongs to somebody else, who can change it: run `chown 0 "
    ) as caught:
        read_file(path, "the password")
    assert CANARY not in str(caught.value)
    os.chown(path, 0, -1)
    assert read_file(path, "the password") == CANARY


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"c4nary\r\nA1 LOGOUT", "more than one line"),
        (b"c4nary\n\n", "more than one line"),
        (b"c4nary\0", "more than one line"),
        (b"c4nary\xff", "UTF-8"),
        (b"c4nary" * 20_000, "is not a secret"),
    ],
)
def test_what_cannot_be_a_password_is_refused_without_showing_it(
    tmp_path: Path, data: bytes, words: str
) -> None:
    path = tmp_path / "pw"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(UserError, match=words) as caught:
        read_file(path, "the password")
    assert "c4nary" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_what_was_read_is_masked_even_when_it_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "pw", "refused-canary\nsecond line")
    with pytest.raises(UserError, match="more than one line"):
        read_file(path, "the password")
    assert VAULT.hide("refused-canary\nsecond line") == "[secret]"


def test_a_missing_file_or_a_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not there: write it into"):
        read_file(tmp_path / "none", "the password")
    with pytest.raises(UserError, match="cannot be read"):
        read_file(tmp_path, "the password")


def test_a_command_is_run_without_a_shell(tmp_path: Path) -> None:
    printer = f"{sys.executable} -c 'import sys; print(sys.argv[1])'"
    assert run_command(f"{printer} '$HOME; rm x'", "the password") == "$HOME; rm x"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", "is empty"),
        ("'unfinished", "unfinished quote"),
        ("/nowhere/pass show c4nary", "the command /nowhere/pass cannot be run"),
        (f'{sys.executable} -c \'import sys; print("c4nary"); sys.exit("c4nary")\'', "ended with status 1"),
        (f"{sys.executable} -c ''", "is empty"),
    ],
)
def test_a_command_that_fails_is_told_without_what_it_printed(
    capfd: pytest.CaptureFixture[str], command: str, words: str
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        run_command(command, "the password")
    assert "c4nary" not in repr(caught.value)
    assert "c4nary" not in "".join(capfd.readouterr())


def test_a_command_that_waits_for_ever_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    # The grandchild keeps the pipe open: killing only the child would leave us waiting.
    command = f"sh -c 'sleep 600 & echo $! > {tmp_path}/pid; wait'"
    with pytest.raises(UserError, match="the command sh gave no answer within 2 seconds"):
        run_command(command, "the password", seconds=2)
    grandchild = int((tmp_path / "pid").read_text())
    try:
        ended = os.pidfd_open(grandchild)
    except ProcessLookupError:
        return
    # It is killed by now, and dies as soon as the machine gets to it.
    if not select.select([ended], [], [], 10)[0]:
        os.kill(grandchild, signal.SIGKILL)
        pytest.fail("the grandchild lives on")


def test_a_systemd_credential_is_read_from_its_folder(settings_of: Load, tmp_path: Path) -> None:
    secret_file(tmp_path / "credentials" / "office-pw", CANARY, 0o400)
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    box = settings_of(mailbox('credential = "office-pw"')).mailboxes[0]
    assert secret_of(box, env)() == CANARY
    with pytest.raises(UserError, match="LoadCredential=office-pw"):
        secret_of(box, {})()
    with pytest.raises(UserError, match="credential office-pw is not there"):
        secret_of(box, {"CREDENTIALS_DIRECTORY": str(tmp_path)})()


def test_the_name_of_a_credential_leads_nowhere_else(settings_of: Load, tmp_path: Path) -> None:
    secret_file(tmp_path / "pw", CANARY)
    box = settings_of(mailbox('credential = "../pw"')).mailboxes[0]
    with pytest.raises(UserError, match="is not the name of a credential"):
        secret_of(box, {"CREDENTIALS_DIRECTORY": str(tmp_path / "x")})()


def test_a_mailbox_with_oauth_has_no_password_to_ask_for(settings_of: Load) -> None:
    box = settings_of(mailbox('oauth2 = { provider = "google", client_id = "x" }')).mailboxes[0]
    with pytest.raises(ProgrammerError):
        secret_of(box)()


def test_every_secret_that_was_read_is_masked_from_then_on(settings_of: Load, tmp_path: Path) -> None:
    secret_file(tmp_path / "pw", "m4sked-canary")
    secret_file(tmp_path / "url", "tgram://123456:t0ken-canary/chat-canary\n")
    settings = settings_of(mailbox('password_file = "pw"') + '[channels.phone]\nurl_file = "url"\n')
    secret_of(settings.mailboxes[0])()
    assert channel_url(settings.channels["phone"], "phone") == "tgram://123456:t0ken-canary/chat-canary"
    plain = base64.b64encode(b"\0me\0m4sked-canary").decode()
    assert VAULT.hide(f"AUTHENTICATE PLAIN {plain}") == "AUTHENTICATE PLAIN [secret]"
    assert VAULT.hide("x m4sked-canary t0ken-canary y chat-canary") == "x [secret] [secret] y [secret]"


def test_neither_settings_nor_their_text_hold_a_secret(settings_of: Load, tmp_path: Path) -> None:
    secret_file(tmp_path / "pw", CANARY)
    settings = settings_of(mailbox('password_file = "pw"') + '[channels.phone]\nurl = "tgram://c4nary/x"\n')
    secret_of(settings.mailboxes[0])()
    assert "c4nary" not in repr(settings)
    assert "c4nary" not in str(settings)


def test_the_end_of_the_daemon_ends_a_command_that_is_being_asked_and_its_children(tmp_path: Path) -> None:
    script = tmp_path / "ask"
    script.write_text(
        f"#!/bin/sh\nsleep 60 & echo $! > {tmp_path}/child.new\nmv {tmp_path}/child.new {tmp_path}/child\nwait\n"
    )
    script.chmod(0o700)
    said: list[str] = []

    def ask() -> None:
        try:
            run_command(str(script), "the password", seconds=50)
        except UserError as exc:
            said.append(str(exc))

    asking = threading.Thread(target=ask)
    asking.start()
    end = time.monotonic() + 30
    while not (tmp_path / "child").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    while asking.is_alive() and time.monotonic() < end:
        end_commands()  # more than once, as the daemon does: a command may be on its way in this moment
        asking.join(0.1)
    assert not asking.is_alive() and "ended with status -9" in said[0]
    child = Path("/proc") / (tmp_path / "child").read_text().strip() / "stat"
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < end, "what the command has started goes with it"
        time.sleep(0.01)


# --- whom a channel reaches --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "reached"),
    [
        (
            "mailto://me:pw@example.com?to=sam@harbour.example.com",
            ("me@example.com", "sam@harbour.example.com"),
        ),
        (
            "mailtos://me%40example.com:pw@smtp.example.com/sam@harbour.example.com",
            ("me@example.com", "sam@harbour.example.com"),
        ),
        ("mailto://smtp.example.com/?to=a%40b.c,d@e.f&bcc=Sam%20%3Cg@h.i%3E", ("a@b.c", "d@e.f", "g@h.i")),
        ("mailto://sam:pw@harbour.example.com:587", ("sam@harbour.example.com",)),
        ("sendgrid://key:me@example.com/sam@harbour.example.com", ("sam@harbour.example.com",)),
        ("ntfy://ntfy.example.com/topic", ()),
        ("mailto://[broken", ()),
    ],
)
def test_the_recipients_of_a_channel_are_read_from_its_url(url: str, reached: tuple[str, ...]) -> None:
    assert set(reached) <= set(recipients_of(url))
    assert bool(reached) == bool(recipients_of(url))


def test_a_channel_that_leads_to_a_client_is_known(settings_of: Load) -> None:
    settings = settings_of(
        '[[client]]\nname = "Harbour"\naddresses = ["*@harbour.example.com", "*@example.com"]\n'
    )
    assert client_reached(settings, "mailto://me:pw@example.com?to=SAM@Harbour.example.com") == "Harbour"
    assert client_reached(settings, "mailto://me:pw@example.com") == ""
    assert client_reached(settings, "mailto://me:pw@example.com?to=you@example.com") == "Harbour"
