"""login: a person signs in by a code or a browser, and only what the mail server takes is kept."""

from __future__ import annotations

import os
import re
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.config.sign_in import token_file_of
from levelhead.daemon.login import ATTEMPTS, must_be_the_daemons_user, registration_named
from levelhead.errors import UserError
from levelhead.mailbox.imap4 import Imap4
from levelhead.signin.keeping import Kept
from servers.account import free_ports
from servers.dovecot_oauth import OAuthDovecot
from servers.provider import Provider

CONFIG = """
[me]
addresses = ["{user}"]
timezone = "UTC"
[archive]
path = "archive"
[channels.phone]
url = "json://127.0.0.1:9/"
{office}[[mailbox]]
name = "old"
host = "127.0.0.1"
user = "me"
password_file = "password"
[[mailbox]]
name = "gmail"
host = "imap.gmail.com"
user = "me@gmail.com"
oauth2 = {{ provider = "google", client_id = "x" }}
"""

pytestmark = pytest.mark.server


@pytest.fixture
def folder(
    empty_home: Path,
    oauth_dovecot: OAuthDovecot,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    letters,
) -> Path:
    """A folder with a configuration that nobody has signed in for, and a clock that moves when it is waited for."""
    provider.account = oauth_dovecot.user().user
    (empty_home / "levelhead.toml").write_text(
        CONFIG.format(user=provider.account, office=oauth_dovecot.table("office", provider.account))
    )
    clock = FrozenClock(letters.at)
    monkeypatch.setattr("levelhead.cli.desk.SystemClock", lambda: clock)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "INVOCATION_ID"):
        monkeypatch.delenv(name, raising=False)
    return empty_home


@pytest.fixture
def kept(folder: Path) -> Callable[[], Kept | None]:
    """What is kept now."""

    def read() -> Kept | None:
        settings = load(folder / "levelhead.toml")
        return token_file_of(settings, settings.mailbox("office")).read()

    return read


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A browser on this machine in which the person says yes; the addresses that it was told to open."""
    opened: list[str] = []

    def open_it(url: str) -> bool:
        opened.append(url)
        threading.Thread(target=lambda: urlopen(url, timeout=10).read(), daemon=True).start()
        return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", open_it)
    return opened


def test_a_box_without_a_display_signs_in_by_a_code(levelhead, kept, provider: Provider) -> None:
    provider.mood.device = ["authorization_pending", "slow_down"]
    said = levelhead("login", "office")
    assert said.status == 0
    assert provider.url("enter") in said.err and "WXYZ-1234" in said.err
    assert "Signed in for mailbox office" in said.out
    assert said.out.rstrip().endswith("levelhead check --online")
    assert kept().refresh_token in provider.refresh
    assert not any(token in said.out + said.err for token in provider.issued)
    looked = levelhead("check", "--online", "--json").one
    (office,) = [box for box in looked["mailboxes"] if box["name"] == "office"]
    assert office["folders"]["inbox"] == ["INBOX"]


def test_a_browser_signs_in_where_there_is_a_display(
    levelhead, kept, provider: Provider, browser: list[str]
) -> None:
    said = levelhead("login", "office", "--json")
    # The account is what it signs in as; the mailbox has a code as well, and a display comes first.
    assert said.status == 0 and len(browser) == 1
    assert said.one == {
        "mailbox": "office",
        "account": provider.account,
        "signed_in_at": said.one["signed_in_at"],
        "ends_at": None,
        "file": said.one["file"],
        "tried": True,
    }
    assert kept().refresh_token in provider.refresh
    assert not any(token in said.out + said.err + browser[0] for token in provider.issued)


def test_an_address_can_be_pasted_where_the_browser_is_elsewhere(
    levelhead, kept, provider: Provider, browser: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def told(what, **_) -> None:
        shown.append(what.url)

    def pasted() -> str:
        query = {key: one for key, (one,) in parse_qs(urlsplit(shown[-1]).query).items()}
        return provider.authorize(query) + "\n"

    monkeypatch.setattr("levelhead.cli.login._tell", told)
    monkeypatch.setattr("levelhead.cli.login._pasted", pasted)
    assert levelhead("login", "office", "--no-browser").status == 0
    assert not browser and kept().refresh_token in provider.refresh


def test_a_wrong_address_is_answered_in_one_sentence_and_the_next_is_taken(
    levelhead, kept, provider: Provider, browser: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    lines = iter(["http://127.0.0.1:1/?code=c4nary\n", None])

    def pasted() -> str | None:
        for line in lines:
            return line
        query = {key: one for key, (one,) in parse_qs(urlsplit(shown[-1]).query).items()}
        return provider.authorize(query) + "\n"

    monkeypatch.setattr("levelhead.cli.login._tell", lambda what, **_: shown.append(what.url))
    monkeypatch.setattr("levelhead.cli.login._pasted", pasted)
    said = levelhead("login", "office", "--no-browser")
    assert said.status == 0 and kept()
    assert said.err.count("That is not the address at which this sign-in ends") == 1
    assert "c4nary" not in said.err


def test_a_client_secret_that_is_not_there_is_told_before_anybody_is_sent_to_a_browser(
    levelhead, folder: Path, kept, provider: Provider, browser: list[str]
) -> None:
    config = folder / "levelhead.toml"
    config.write_text(
        config.read_text().replace('scope = "mail"', 'scope = "mail"\nclient_secret_file = "client"', 1)
    )
    said = levelhead("login", "office")
    assert said.status == 2 and "the client secret of mailbox" in said.err and "is not there" in said.err
    assert not browser and kept() is None and "http" not in said.err


def test_a_code_that_is_used_already_is_asked_for_again(
    levelhead, kept, provider: Provider, browser: list[str]
) -> None:
    provider.mood.answers = [(400, {"error": "invalid_grant"}, {})]
    said = levelhead("login", "office")
    assert said.status == 0 and len(browser) == 2 and kept()
    assert "Once more, please: the code was used already, or is too old" in said.err


def test_an_end_that_the_provider_tells_is_said(levelhead, kept, provider: Provider) -> None:
    provider.mood.refresh_life = 604_800
    said = levelhead("login", "office", "--device")
    assert (
        re.search(r"ends this sign-in at 2026-03-13 \d\d:\d\d:\d\d UTC;", said.out)
        and kept().ends_at is not None
    )


# --- what would not do ----------------------------------------------------------------------------


def test_half_a_sign_in_is_asked_for_again(levelhead, kept, provider: Provider) -> None:
    half = {"access_token": "c4nary.half", "token_type": "Bearer", "expires_in": 3600}
    less = half | {"refresh_token": "c4nary.less", "scope": "calendar"}
    provider.mood.answers = [(200, half, {}), (200, less, {})]
    said = levelhead("login", "office", "--device")
    assert said.status == 0 and said.err.count("Once more, please") == 2
    assert "no refresh token" in said.err and "does not cover mail" in said.err
    assert kept().refresh_token in provider.refresh


def test_the_wrong_account_is_not_kept_and_the_old_sign_in_stays(
    levelhead, kept, provider: Provider, oauth_dovecot: OAuthDovecot
) -> None:
    assert levelhead("login", "office", "--device").status == 0
    before = kept()
    provider.account = oauth_dovecot.user().user
    provider.device_asked.clear()
    said = levelhead("login", "office", "--device")
    assert said.status == 2 and "does not let" in said.err and kept() == before
    assert len(provider.device_asked) == ATTEMPTS == 3


def test_a_code_that_ran_out_is_replaced_by_another(levelhead, kept, provider: Provider) -> None:
    provider.mood.device = ["expired_token"]
    said = levelhead("login", "office", "--device")
    assert said.status == 0 and "not typed in while it was good" in said.err and kept()


def test_a_person_who_says_no_ends_it_in_one_sentence(
    levelhead, kept, provider: Provider, browser: list[str]
) -> None:
    provider.mood.device = ["access_denied"]
    said = levelhead("login", "office", "--device")
    assert (said.status, kept()) == (2, None) and "the sign-in was denied" in said.err
    provider.mood.consents = False
    said = levelhead("login", "office")
    assert (said.status, kept()) == (2, None) and "The person said no" in said.err


def test_who_interrupts_it_keeps_nothing(levelhead, kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_, **__) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("levelhead.cli.login._tell", interrupted)
    said = levelhead("login", "office", "--device")
    assert (said.status, kept()) == (130, None) and "Traceback" not in said.err


def test_a_provider_that_is_down_is_unavailable(levelhead, kept, provider: Provider) -> None:
    provider.mood.down = (503, "", {})
    said = levelhead("login", "office", "--device")
    assert (said.status, kept()) == (3, None)


def test_a_mail_server_that_does_not_answer_is_said_and_the_sign_in_is_kept(
    levelhead, kept, provider: Provider, folder: Path
) -> None:
    config = folder / "levelhead.toml"
    (port,) = free_ports(1)
    lines = [
        f"port = {port}" if line.startswith("port") else line for line in config.read_text().splitlines()
    ]
    config.write_text("\n".join(lines))
    said = levelhead("login", "office", "--device", "--json")
    assert said.status == 0 and said.one["tried"] is False and kept()
    assert "could not be asked whether it takes the sign-in" in said.err


def test_a_mail_server_without_oauth_is_told_at_once_and_nobody_signs_in_again(
    levelhead, kept, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Imap4._get_capabilities

    def less(self: Imap4) -> None:
        told(self)
        self.capabilities = tuple(one for one in self.capabilities if not one.startswith("AUTH="))

    monkeypatch.setattr(Imap4, "_get_capabilities", less)
    said = levelhead("login", "office", "--device")
    assert said.status == 2 and "takes no sign-in by OAuth" in said.err and "sign in as" not in said.err
    assert len(provider.device_asked) == 1 and kept() is None


def test_a_folder_that_would_not_keep_it_is_told_before_anybody_signs_in(
    levelhead, provider: Provider, folder: Path
) -> None:
    (folder / "archive-sign-ins").mkdir()
    (folder / "archive-sign-ins").chmod(0o777)
    said = levelhead("login", "office", "--device")
    assert said.status == 2 and "chmod 700" in said.err and "WXYZ" not in said.err


def test_check_online_names_the_command_when_the_consent_was_taken_back(
    levelhead, kept, provider: Provider
) -> None:
    assert levelhead("login", "office", "--device").status == 0
    provider.revoke()
    problems = levelhead("check", "--online", "--json").one["problems"]
    (told,) = [one for one in problems if one["problem"].startswith("mailbox office")]
    assert "invalid_grant" in told["problem"] and told["fix"].startswith("sign in again: ")
    assert told["fix"].endswith(" login office")


# --- which mailbox, and who -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere",), "there is no mailbox 'nowhere'"),
        (("old",), "mailbox old has a password"),
        (("gmail", "--device"), "google signs nobody in by a code for mail"),
    ],
)
def test_a_mailbox_that_cannot_be_signed_in_for_is_told_in_a_sentence(
    levelhead, folder: Path, words: tuple[str, ...], sentence: str
) -> None:
    said = levelhead("login", *words)
    assert said.status == 2 and sentence in said.err and said.err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give an archive away")
@pytest.mark.parametrize("service", [False, True])
def test_an_archive_of_another_user_names_the_command_as_that_user(
    levelhead, provider: Provider, folder: Path, monkeypatch: pytest.MonkeyPatch, service: bool
) -> None:
    if service:
        monkeypatch.setenv("INVOCATION_ID", "x")
    (folder / "archive").mkdir()
    os.chown(folder / "archive", 1, 1)
    said = levelhead("login", "office", "--device")
    assert said.status == 2 and "belongs to daemon" in said.err
    assert ": sudo -u daemon " in said.err and said.err.rstrip().endswith("login office")
    assert said.err.count("-u ") == said.err.count("sudo ") == 1
    assert provider.device_asked == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a moment")
def test_an_archive_that_one_may_not_look_at_is_somebody_elses(provider: Provider, folder: Path) -> None:
    settings = load(folder / "levelhead.toml")
    registration = registration_named(settings, "office")
    (folder / "archive").mkdir()
    folder.chmod(0o700)
    os.seteuid(1)
    try:
        with pytest.raises(
            UserError, match=r"where the archive lies, belongs to root.*sudo -u root .*login office"
        ):
            must_be_the_daemons_user(settings, registration)
    finally:
        os.seteuid(0)
