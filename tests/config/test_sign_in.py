"""The table `oauth2`: what is taken, what is refused with a sentence, and where a sign-in is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from levelhead.clock import SystemClock
from levelhead.config.check import problems
from levelhead.config.load import load
from levelhead.config.settings import Settings
from levelhead.config.sign_in import registration_of, token_file_of
from levelhead.errors import Problem, UserError
from levelhead.signin.keeping import Kept

Load = Callable[..., Settings]
Refused = Callable[..., tuple[Problem, ...]]
CHANNEL = '[channels.phone]\nurl = "json://localhost:9/x"\n'


def mailbox(table: str, name: str = "office", user: str = "me@example.com") -> str:
    head = f'[[mailbox]]\nname = "{name}"\nhost = "imap.example.com"\nuser = "{user}"\n'
    return f"{head}[mailbox.oauth2]\n{table}\n"


GOOGLE = 'provider = "google"\nclient_id = "1.apps.example.com"'
CUSTOM = (
    'provider = "custom"\nclient_id = "x"\ntoken_url = "https://login.example.com/token"\n'
    'auth_url = "https://login.example.com/authorize"\nscope = "mail"'
)


def test_a_known_provider_needs_no_address(settings_of: Load) -> None:
    settings = settings_of(mailbox(GOOGLE))
    found = registration_of(settings, settings.mailboxes[0])
    assert found.provider.token_url == "https://oauth2.googleapis.com/token"
    assert (found.scope, found.account) == ("https://mail.google.com/", "me@example.com")
    assert found.mend.endswith(f" --config {settings.path} login office")
    assert found.client_secret() is None


def test_an_address_that_is_written_takes_the_place_of_the_providers_own(settings_of: Load) -> None:
    tenant = "https://login.microsoftonline.com/studio.example/oauth2/v2.0"
    table = f'provider = "microsoft"\nclient_id = "x"\ntoken_url = "{tenant}/token"\ndevice_url = "{tenant}/devicecode"'
    settings = settings_of(mailbox(table))
    found = registration_of(settings, settings.mailboxes[0])
    assert found.provider.token_url == f"{tenant}/token"
    assert found.provider.auth_url == "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
    assert found.scope.endswith(" offline_access") and found.provider.prefers_device


@pytest.mark.parametrize("key", ["token_url", "auth_url", "scope"])
def test_a_custom_provider_is_named_in_full(problems_of: Refused, key: str) -> None:
    table = "\n".join(line for line in CUSTOM.splitlines() if not line.startswith(key))
    (told,) = problems_of(mailbox(table))
    assert f'provider "custom" needs `{key}`' in told.problem


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://login.example.com/token", "would send your sign-in readable to login.example.com"),
        ("https://me:pw@login.example.com/token", "must not hold a user or a password"),
        ("https://login.example.com/token#here", 'has a part behind "#"'),
        ("ftp://login.example.com/token", "is not an address such as"),
        ("login.example.com", "is not an address such as"),
        ("https://login.example.com:0/", "is not an address such as"),
        ("https://login.example.com:port/", "is not an address"),
        ("https://login.example.com/a b", "is not an address such as"),
    ],
)
@pytest.mark.parametrize("key", ["token_url", "auth_url", "device_url"])
def test_what_is_no_safe_address_is_refused(problems_of: Refused, key: str, url: str, words: str) -> None:
    (told,) = problems_of(mailbox(f'{GOOGLE}\n{key} = "{url}"'))
    assert words in told.problem and told.line == 14


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "[::1]:8080", "localhost"])
def test_this_machine_itself_may_be_asked_without_tls(settings_of: Load, host: str) -> None:
    assert settings_of(mailbox(f'{GOOGLE}\ntoken_url = "http://{host}/token"')).mailboxes


def test_a_client_secret_is_read_from_a_file_of_its_own(settings_of: Load, tmp_path: Path) -> None:
    settings = settings_of(mailbox(f'{GOOGLE}\nclient_secret_file = "client"'))
    (box,) = settings.mailboxes
    with pytest.raises(UserError, match='the client secret of mailbox "office" is not there'):
        registration_of(settings, box).client_secret()
    (tmp_path / "client").write_text("s3cret\n")
    (tmp_path / "client").chmod(0o600)
    assert registration_of(settings, box).client_secret() == "s3cret"


def test_a_sign_in_is_kept_beside_the_archive_and_never_in_it(settings_of: Load, tmp_path: Path) -> None:
    settings = settings_of(mailbox(GOOGLE))
    path = token_file_of(settings, settings.mailboxes[0]).path
    assert path.parent == tmp_path / "archive-sign-ins" and path.name.startswith("me@example.com-")


def test_a_sign_in_in_the_archive_is_refused(problems_of: Refused) -> None:
    (told,) = problems_of(mailbox(f'{GOOGLE}\ntoken_file = "archive/token"'))
    assert "`oauth2.token_file` lies in the archive" in told.problem and told.line == 14


@pytest.mark.parametrize("other", ["client_secret_file", "ca_file"])
def test_a_sign_in_that_would_overwrite_the_file_of_another_setting_is_refused(
    problems_of: Refused, other: str
) -> None:
    text = mailbox(f'{GOOGLE}\nclient_secret_file = "mine"\ntoken_file = "mine"')
    if other == "ca_file":
        text = mailbox(f'{GOOGLE}\ntoken_file = "mine"').replace("[mailbox.o", 'ca_file = "mine"\n[mailbox.o')
    (told,) = problems_of(text)
    assert "which a sign-in would overwrite" in told.problem and f".{other}`" in told.problem


@pytest.mark.parametrize(
    "changed",
    [
        GOOGLE.replace("1.apps", "2.apps"),
        f'{GOOGLE}\naccount = "you@example.com"',
        f'{GOOGLE}\nscope = "https://mail.google.com/ openid"',
        CUSTOM,
    ],
)
def test_one_file_for_two_sign_ins_is_refused_in_a_sentence(
    problems_of: Refused, settings_of: Load, changed: str
) -> None:
    one = mailbox(f'{GOOGLE}\ntoken_file = "mine"')
    assert settings_of(one + mailbox(f'{GOOGLE}\ntoken_file = "mine"', "again"))
    (told,) = problems_of(one + mailbox(f'{changed}\ntoken_file = "mine"', "other"))
    assert "mailboxes 'office' and 'other' share a token_file" in told.problem and told.line


def test_mailboxes_of_one_account_share_a_sign_in_and_others_do_not(settings_of: Load) -> None:
    settings = settings_of(
        mailbox(GOOGLE)
        + mailbox(f'{GOOGLE}\naccount = "me@example.com"', "shared", "office@example.com")
        + mailbox(GOOGLE, "other", "you@example.com")
        + mailbox(GOOGLE.replace("1.apps", "2.apps"), "elsewhere")
        + mailbox(f'{GOOGLE}\ntoken_file = "own"', "own")
    )
    files = [token_file_of(settings, box).path for box in settings.mailboxes]
    assert files[0] == files[1] and len(set(files)) == 4


@pytest.mark.parametrize("account", ["../../etc/passwd", "a/b", ".hidden", "x" * 500, "ü@example.com"])
def test_an_account_of_any_shape_makes_a_file_in_the_folder(settings_of: Load, account: str) -> None:
    settings = settings_of(mailbox(f'{GOOGLE}\naccount = "{account}"'))
    path = token_file_of(settings, settings.mailboxes[0]).path
    assert path.parent.name == "archive-sign-ins" and len(path.name) < 120 and not path.name.startswith(".")


SIGNED_IN = Kept(
    account="me@example.com",
    client_id="x",
    token_url="https://login.example.com/token",
    scope="mail",
    refresh_token="r3fresh",
    signed_in_at=datetime(2026, 3, 6, tzinfo=UTC),
    ends_at=None,
    told_at=None,
)


def test_check_is_content_with_a_sign_in_and_says_what_is_wrong_with_one(settings_of: Load) -> None:
    settings = settings_of(CHANNEL + mailbox(CUSTOM))
    file = token_file_of(settings, settings.mailboxes[0])
    with file.locked(SystemClock()), file.room() as room:
        room.keep(SIGNED_IN)
    assert problems(settings, env={}) == ()
    other = settings_of(CHANNEL + mailbox(CUSTOM.replace('"x"', '"y"') + f'\ntoken_file = "{file.path}"'))
    ((told),) = problems(other, env={})
    assert "nobody is signed in" in told.problem
    file.path.chmod(0o644)
    ((told),) = problems(settings, env={})
    assert "chmod 600" in told.problem and told.line is not None


def test_check_finds_a_sign_in_that_a_crash_left_between_its_two_writes(settings_of: Load) -> None:
    settings = settings_of(CHANNEL + mailbox(CUSTOM))
    file = token_file_of(settings, settings.mailboxes[0])
    file.store(SIGNED_IN, SystemClock())
    file.path.rename(file.beside)
    assert problems(settings, env={}) == ()
    assert file.beside.exists() and not file.path.exists(), "who only looks changes nothing"
    file.beside.write_text("half of one")
    (told,) = problems(settings, env={})
    assert "nobody is signed in" in told.problem


def test_the_command_that_mends_says_as_whom_where_a_service_runs(
    settings_of: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = settings_of(mailbox(GOOGLE))
    (box,) = settings.mailboxes
    monkeypatch.setattr("levelhead.config.sign_in.os.geteuid", lambda: 1)
    service = registration_of(settings, box, {"INVOCATION_ID": "x", "HOME": str(tmp_path)}).mend
    assert service.startswith("sudo -u daemon /") and service.endswith("login office")
    assert f"--config {settings.path}" in service
    monkeypatch.setattr("levelhead.config.sign_in.os.geteuid", lambda: 4_000_000)
    assert registration_of(settings, box, {"INVOCATION_ID": "x"}).mend.startswith("sudo -u '#4000000' /")
    here = {"XDG_CONFIG_HOME": str(tmp_path), "PATH": str(tmp_path)}
    (tmp_path / "levelhead").mkdir()
    mine = settings.path.rename(tmp_path / "levelhead" / "levelhead.toml")
    settings = load(mine)
    assert registration_of(settings, box, here).mend.endswith("levelhead login office")
