"""init by options alone: it finds, tries, writes, and leaves nothing half-written when anything is wrong."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cli.conftest import Levelhead, Said, letter
from discovery.askers import Files, Records, service
from levelhead.cli.questions import ENDED, Questions
from levelhead.config.load import load
from levelhead.daemon import beginning
from levelhead.errors import ConnectionLost, TlsFailed, UserError
from levelhead.signin.providers import KNOWN
from servers.account import PASSWORD
from servers.dovecot import MailAccount
from servers.dovecot_oauth import OAuthDovecot

CANARY = "c4nary-Passw0rd"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which commands look for a configuration, and nobody who could be asked in the world."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEVELHEAD_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    nobody = beginning.Askers(dns=Records(), fetch=Files())
    monkeypatch.setattr(beginning, "askers", lambda clock: nobody)
    return tmp_path


Asks = Callable[..., None]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Asks:
    """Sets what the DNS and https say."""

    def say(dns: Records | None, files: Files | None = None) -> None:
        them = beginning.Askers(dns=dns, fetch=files or Files())
        monkeypatch.setattr(beginning, "askers", lambda clock: them)

    return say


def by_hand(account: MailAccount, *more: str | Path) -> list[str | Path]:
    """The options that name a server, and the password on stdin."""
    return [
        "init", "--address", account.user, "--host", account.host, "--port", str(account.port),
        "--ca-file", account.ca_file, *more,
    ]  # fmt: skip


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


pytestmark = pytest.mark.server


# --- the whole way ------------------------------------------------------------------------------------


def test_all_of_it_by_options_ends_in_a_configuration_that_check_has_nothing_against(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount
) -> None:
    mailbox_account.append(
        "Sent", letter("Hello", "Hi Sam", number=1, sender=f"Robin <{mailbox_account.user}>")
    )
    (bare / "url").write_text("json://127.0.0.1:9/c4nary-url\n")
    (bare / "url").chmod(0o600)
    said = levelhead(
        *by_hand(mailbox_account, "--password-stdin", "--also", "robin@studio.example", "--name", 'Robin "R"',
                 "--client", "Harbour Ltd", "--client-address", "*@harbour.example", "--channel-file", "url", "--json"),
        stdin=f"{PASSWORD}\n".encode(),
    )  # fmt: skip
    assert said.status == 0, said.err
    assert said.one == {
        "config": str(bare / "levelhead.toml"),
        "written": [str(bare / "levelhead.toml"), str(bare / "secrets" / "office")],
        "mailbox": "office",
        "host": mailbox_account.host,
        "port": mailbox_account.port,
        "security": "implicit",
        "user": mailbox_account.user,
        "found": "",
        "folders": {"sent": ["Sent"], "inbox": ["INBOX"], "archive": ["Archive"], "drafts": ["Drafts"]},
        "identities": [mailbox_account.user],
        "problems": [],
        "next": said.one["next"],
    }
    assert said.one["next"].endswith("levelhead run")
    settings = load(bare / "levelhead.toml")
    assert settings.me.addresses == (mailbox_account.user, "robin@studio.example")
    assert settings.me.name == 'Robin "R"' and settings.listed[0].addresses == ("*@harbour.example",)
    assert (bare / "secrets" / "office").read_text() == f"{PASSWORD}\n"
    assert mode(bare / "levelhead.toml") == mode(bare / "secrets" / "office") == 0o600
    assert mode(bare / "secrets") == 0o700
    for words in (["check"], ["check", "--online"]):
        checked = levelhead(*words, "--json").one
        # A self-signed Dovecot shows what a real one does, and nobody has answered yet.
        assert checked["problems"] == []


def test_what_may_be_left_out_is_left_out_and_what_is_still_to_do_is_said(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount
) -> None:
    said = levelhead(*by_hand(mailbox_account, "--password-stdin"), stdin=PASSWORD.encode())
    assert said.status == 0
    assert "Still to do: no alert channel" in said.out
    assert said.out.rstrip().splitlines()[-1].strip().endswith("levelhead run")
    settings = load(bare / "levelhead.toml")
    assert not settings.listed and not settings.channels and not settings.me.name
    assert len(levelhead("check", "--json").one["problems"]) == 1


def test_a_password_file_and_a_certificate_are_used_where_they_lie(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount
) -> None:
    (bare / "mine").write_text(f"{PASSWORD}\n")
    (bare / "mine").chmod(0o600)
    (bare / "config").mkdir()
    named = ["--password-file", "mine", "--out", "config/other.toml", "--mailbox", "a"]
    said = levelhead(*by_hand(mailbox_account, *named))
    assert said.status == 0, said.err
    table = tomllib.loads((bare / "config" / "other.toml").read_text())["mailbox"][0]
    assert (table["name"], table["password_file"]) == ("a", str(bare / "mine"))
    assert table["ca_file"] == str(mailbox_account.ca_file)
    assert not (bare / "config" / "secrets").exists()
    assert f"--config {bare / 'config' / 'other.toml'} run" in said.out


def test_starttls_and_a_mailbox_whose_folders_have_no_roles(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount, dovecot
) -> None:
    german = dovecot.user("localised")
    german.delete("Entwürfe")
    said = levelhead(
        "init", "--address", german.user, "--host", "localhost", "--port", str(german.starttls_port),
        "--security", "starttls", "--ca-file", german.ca_file, "--password-stdin", "--json",
        stdin=PASSWORD.encode(),
    )  # fmt: skip
    assert said.one["folders"] == {"sent": ["Gesendet"], "inbox": ["INBOX"], "archive": ["Archiv"]}
    text = (bare / "levelhead.toml").read_text()
    assert 'tls = "starttls"' in text and '#drafts = "Drafts"' in text and "#sent" not in text


# --- what was found -------------------------------------------------------------------------------------


def test_the_first_server_that_answers_is_taken_and_it_says_where_it_was_found(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount, world: Asks
) -> None:
    domain = mailbox_account.user.partition("@")[2]
    server = "<hostname>localhost</hostname><port>{}</port><socketType>SSL</socketType>"
    ports = (9, mailbox_account.port)
    inner = "".join(f"<incomingServer type='imap'>{server.format(port)}</incomingServer>" for port in ports)
    config = f"<clientConfig><emailProvider>{inner}</emailProvider></clientConfig>".encode()
    where = f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml"
    world(None, Files({where: config}))
    said = levelhead(
        "init", "--address", mailbox_account.user, "--ca-file", mailbox_account.ca_file, "--password-stdin", "--json",
        stdin=PASSWORD.encode(),
    )  # fmt: skip
    assert said.status == 0, said.err
    assert (said.one["host"], said.one["port"], said.one["found"]) == (
        "localhost",
        mailbox_account.port,
        f"at {where}",
    )
    assert "dnspython is not installed" in said.err
    assert f"localhost port 9, found at {where}: no connection" in said.err
    assert f"# The server was found at {where}.\n" in (bare / "levelhead.toml").read_text()


def test_a_host_that_only_the_dns_names_gets_no_password_from_a_script(
    levelhead: Levelhead,
    bare: Path,
    mailbox_account: MailAccount,
    world: Asks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    domain = mailbox_account.user.partition("@")[2]
    name = f"_imaps._tcp.{domain}"
    world(Records(mx={domain: ()}, srv={name: (service("localhost.", port=mailbox_account.port),)}))
    monkeypatch.setattr("levelhead.discovery.find.GUESSES", ())
    said = levelhead(
        "init", "--address", mailbox_account.user, "--ca-file", mailbox_account.ca_file, "--password-stdin",
        stdin=PASSWORD.encode(),
    )  # fmt: skip
    assert said.status == 3
    assert "to use it all the same give --host localhost" in said.err
    assert left_in(bare) == []


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "nothing is asked here, so give --address: an e-mail address is needed"),
        (["--address", "robin"], "--address: 'robin' is not an e-mail address"),
        (["--address", "robin@gmial.example"], "there is no domain gmial.example"),
        (["--port", "993"], "--port and --security belong to --host"),
        (["--address", "r@x.example", "--host", "two words"], "--host: 'two words' is not the name of a server"),
        (["--address", "r@x.example", "--host", "x.example", "--security", "ssl"], "--security: 'ssl' is none of"),
        (["--address", "r@x.example", "--host", "x.example", "--port", "70000"], "--port: '70000' is not a port"),
        (["--address", "r@x.example", "--host", "x.example", "--security", "none"], "readable"),
        (["--mailbox", "two words"], "--mailbox: 'two words' is not a name"),
        (["--mailbox", "work"], "--mailbox: 'work' is taken"),
        (["--mailbox", "phone-url"], "--mailbox: 'phone-url' is taken"),
        (["--mailbox", "Phone-URL"], "--mailbox: 'Phone-URL' is taken"),
        (["--password-file", "mine", "--password-stdin"], "--password-file and --password-stdin name two passwords"),
        (["--out", "a.toml", "--config", "b.toml"], "--config and --out name two files"),
        (["--password-stdin"], "--password-stdin: the first line of stdin is no password"),
        (["--address", "r@x.example", "--host", "127.0.0.1", "--ca-file", "no.pem"], "--ca-file: there is no file"),
    ],
)  # fmt: skip
def test_a_wrong_or_missing_option_is_one_sentence_that_names_it(
    levelhead: Levelhead, bare: Path, words: list[str], sentence: str
) -> None:
    said = levelhead("init", *words)
    assert said.status == 2 and said.out == ""
    assert sentence in said.err.splitlines()[-1]
    assert left_in(bare) == []


def test_what_comes_late_and_is_wrong_leaves_nothing_written(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount
) -> None:
    url = bare / "url"
    url.write_text("mailto://me:c4nary@h.example")
    url.chmod(0o600)
    for more, sentence in (
        (["--client-address", "*@harbour.example"], "--client-address belongs to --client"),
        (["--client", "Harbour"], "give --client-address"),
        (["--client", "Harbour", "--client-address", "harbour"], "--client-address: 'harbour' has no @"),
        (["--also", "nobody"], "--also: 'nobody' is not an e-mail address"),
        (["--channel-file", "nowhere"], "is not there"),
        (["--channel-file", "url", "--client", "H", "--client-address", "*@h.example"], "to your client H"),
    ):
        said = levelhead(*by_hand(mailbox_account, "--password-stdin", *more), stdin=PASSWORD.encode())
        assert (said.status, said.out) == (2, "") and sentence in said.err.splitlines()[-1]
        assert left_in(bare) == ["url"] and "c4nary" not in said.err


def test_a_refused_login_is_tried_once_by_a_script_and_the_secret_is_not_shown(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    real = beginning.look_in

    def look_in(spec, clock):
        tried.append(spec.user)
        return real(spec, clock)

    monkeypatch.setattr(beginning, "look_in", look_in)
    said = levelhead(*by_hand(mailbox_account, "--password-stdin"), stdin=CANARY.encode())
    assert said.status == 2 and "was refused" in said.err and "nothing was written" in said.err
    assert CANARY not in said.out + said.err
    assert left_in(bare) == [] and tried == [mailbox_account.user]


def test_a_server_that_is_not_trusted_or_not_there_is_told_before_any_password_is_sent(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount
) -> None:
    named = ["init", "--address", mailbox_account.user, "--host", mailbox_account.host, "--password-stdin"]
    said = levelhead(*named, "--port", str(mailbox_account.port), stdin=CANARY.encode())
    assert said.status == 3 and "is not trusted" in said.err and "--ca-file" in said.err
    said = levelhead(*named, "--port", "9", stdin=CANARY.encode())
    assert said.status == 3 and "no connection" in said.err
    assert left_in(bare) == []


def test_nothing_that_is_there_is_overwritten_without_force(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount
) -> None:
    (bare / "levelhead.toml").write_text("mine")
    call = by_hand(mailbox_account, "--password-stdin")
    said = levelhead(*call, stdin=PASSWORD.encode())
    assert said.status == 2 and "is there already; --force" in said.err
    assert left_in(bare) == ["levelhead.toml"]
    (bare / "levelhead.toml").unlink()
    (bare / "secrets").mkdir()
    (bare / "secrets" / "office").write_text("another")
    assert levelhead(*call, stdin=PASSWORD.encode()).status == 2
    assert (bare / "secrets" / "office").read_text() == "another" and not (bare / "levelhead.toml").exists()
    assert levelhead(*call, "--force", stdin=PASSWORD.encode()).status == 0
    assert (bare / "secrets" / "office").read_text() == f"{PASSWORD}\n"
    assert levelhead(*call, "--force", "--name", "R", stdin=PASSWORD.encode()).status == 0
    assert load(bare / "levelhead.toml").me.name == "R"
    assert left_in(bare) == ["levelhead.toml", "secrets", "secrets/office"]


@pytest.mark.parametrize("more", [[], ["--force"]])
def test_a_folder_where_the_configuration_should_lie_is_named_before_anything_is_tried(
    levelhead: Levelhead, bare: Path, more: list[str]
) -> None:
    (bare / "levelhead.toml").mkdir()
    said = levelhead("init", *more)
    assert said.status == 2 and f"{bare / 'levelhead.toml'} is a folder" in said.err
    assert left_in(bare) == ["levelhead.toml"]


def test_a_disk_that_fails_at_the_last_step_leaves_nothing(
    levelhead: Levelhead, bare: Path, mailbox_account: MailAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.hardlink_to

    def link(self: Path, target: Path) -> None:
        if self.name == "levelhead.toml":
            raise OSError(28, "No space left on device", str(self))
        real(self, target)

    monkeypatch.setattr(Path, "hardlink_to", link)
    said = levelhead(*by_hand(mailbox_account, "--password-stdin"), stdin=PASSWORD.encode())
    assert said.status == 3 and "No space left" in said.err
    assert left_in(bare) == []


# --- OAuth ------------------------------------------------------------------------------------------------


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every server answers, and offers what a provider with OAuth does; who was called."""
    called: list[tuple[str, int]] = []

    def offered(spec, clock) -> frozenset[str]:
        called.append((spec.host, spec.port))
        return frozenset({"IMAP4REV1", "AUTH=XOAUTH2", "AUTH=PLAIN"})

    monkeypatch.setattr(beginning, "offered", offered)
    return called


def test_microsoft_ends_with_the_command_that_signs_in(levelhead: Levelhead, bare: Path, answering) -> None:
    said = levelhead("init", "--address", "robin@hotmail.com", "--client-id", "1111-2222", "--json")
    assert said.status == 0, said.err
    assert answering == [("outlook.office365.com", 993)]
    assert said.one["next"].endswith("levelhead login office") and "docs/how-to/microsoft-365.md" in said.err
    (mailbox,) = load(bare / "levelhead.toml").mailboxes
    assert mailbox.oauth2 is not None
    assert (mailbox.oauth2.provider, mailbox.oauth2.client_id) == ("microsoft", "1111-2222")
    assert (mailbox.user, mailbox.password_file) == ("robin@hotmail.com", None)


def test_google_s_oauth_names_the_file_of_its_secret(levelhead: Levelhead, bare: Path, answering) -> None:
    (bare / "google").write_text(CANARY)
    (bare / "google").chmod(0o600)
    words = [
        "init",
        "--address",
        "robin@gmail.com",
        "--oauth",
        "--client-id",
        "1",
        "--client-secret-file",
        "google",
    ]
    said = levelhead(*words)
    assert said.status == 0 and "docs/how-to/gmail.md" in said.err and CANARY not in said.out + said.err
    table = tomllib.loads((bare / "levelhead.toml").read_text())["mailbox"][0]["oauth2"]
    assert table == {"provider": "google", "client_id": "1", "client_secret_file": "google"}


def test_oauth_where_it_is_not_known_or_has_no_client_is_one_sentence(
    levelhead: Levelhead, bare: Path, answering
) -> None:
    said = levelhead("init", "--address", "robin@gmx.de", "--oauth")
    assert said.status == 2 and "Google and Microsoft only" in said.err
    said = levelhead("init", "--address", "robin@gmx.de", "--client-id", "1")
    assert said.status == 2 and "Google and Microsoft only" in said.err
    said = levelhead("init", "--address", "robin@hotmail.com")
    assert said.status == 2 and "give --client-id" in said.err
    said = levelhead("init", "--address", "robin@hotmail.com", "--password-stdin", stdin=b"x")
    assert said.status == 2 and "it takes no password, so give --client-id alone" in said.err
    said = levelhead("init", "--address", "robin@gmail.com", "--oauth", "--password-stdin", stdin=b"x")
    assert said.status == 2 and "a password is for signing in without it" in said.err
    assert left_in(bare) == []


def test_a_server_that_takes_no_password_here_says_so(
    levelhead: Levelhead, bare: Path, answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "offered", lambda spec, clock: frozenset({"IMAP4REV1", "LOGINDISABLED"}))
    said = levelhead("init", "--address", "robin@gmx.de", "--password-stdin", stdin=b"x")
    assert said.status == 2 and "takes no password on this connection" in said.err


def test_a_large_provider_that_is_out_of_reach_is_named(
    levelhead: Levelhead, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(spec, clock) -> frozenset[str]:
        raise ConnectionLost(f"no connection to {spec.host}")

    monkeypatch.setattr(beginning, "offered", nobody)
    said = levelhead("init", "--address", "robin@gmx.de", "--password-stdin", stdin=b"x")
    told, last = said.err.splitlines()[-2:]
    assert said.status == 3 and "no connection to imap.gmx.net" in told
    assert last == (
        "no server answered for robin@gmx.de: see whether this machine reaches the network, or give --host"
    )
    said = levelhead("init", "--address", "robin@proton.me", "--password-stdin", stdin=b"x")
    assert said.status == 3 and "Proton needs its Bridge: it must run on this machine" in said.err
    assert "no connection to 127.0.0.1" in said.err.splitlines()[-1]


def test_a_large_provider_that_is_not_trusted_is_not_taken_for_one_that_does_not_answer(
    levelhead: Levelhead, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(spec, clock) -> frozenset[str]:
        raise TlsFailed(f"the certificate of {spec.host} is not trusted")

    monkeypatch.setattr(beginning, "offered", another)
    said = levelhead("init", "--address", "robin@gmx.de", "--password-stdin", stdin=b"x")
    assert said.status == 3 and "imap.gmx.net is not trusted" in said.err.splitlines()[-1]


@pytest.fixture
def microsoft(oauth_dovecot: OAuthDovecot, world: Asks, monkeypatch: pytest.MonkeyPatch) -> OAuthDovecot:
    """A provider and a mail server of our own in Microsoft's place."""
    theirs = oauth_dovecot.provider
    theirs.account = oauth_dovecot.user().user
    monkeypatch.setitem(
        KNOWN,
        "microsoft",
        replace(
            KNOWN["microsoft"], token_url=theirs.url("token"), device_url=theirs.url("device"), scope="mail"
        ),
    )
    from levelhead.discovery import providers

    table = tuple(
        replace(one, host=oauth_dovecot.host, port=oauth_dovecot.port) if one.name == "Microsoft 365" else one
        for one in providers.providers()
    )
    monkeypatch.setattr(providers, "providers", lambda: table)
    domain = theirs.account.partition("@")[2]
    world(Records(mx={domain: ("x.mail.protection.outlook.com",)}))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "INVOCATION_ID"):
        monkeypatch.delenv(name, raising=False)
    return oauth_dovecot


@pytest.fixture
def at_microsoft(
    levelhead: Levelhead, bare: Path, microsoft: OAuthDovecot, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """init of a person who answers every question with its default, and is asked to sign in."""
    monkeypatch.setattr("levelhead.cli.questions.Questions._line", lambda self, prompt: "")
    monkeypatch.setattr("levelhead.cli.questions.Questions._hidden", lambda self, prompt: "")
    monkeypatch.setattr("levelhead.cli.init._is_terminal", lambda: True)
    # The provider wants 5 seconds between two questions.
    monkeypatch.setattr("levelhead.signin.device.LONGEST_INTERVAL", 0.01)
    return partial(
        levelhead, "init", "--address", microsoft.provider.account, "--ca-file", microsoft.ca_file,
        "--client-id", "levelhead-of-tests",
    )  # fmt: skip


def test_a_sign_in_within_init_shows_the_folders_and_ends_with_run(
    at_microsoft: Callable[..., Said], bare: Path, microsoft: OAuthDovecot
) -> None:
    said = at_microsoft("--json")
    assert said.status == 0, said.err
    assert "WXYZ-1234" in said.err and said.one["folders"]["inbox"] == ["INBOX"]
    assert said.one["next"].endswith("levelhead run") and said.one["problems"][0].startswith(
        "no alert channel"
    )
    shown = said.out + said.err + (bare / "levelhead.toml").read_text()
    assert not any(token in shown for token in microsoft.provider.issued)
    assert os.listdir(bare / "archive-sign-ins")


def test_what_the_mailbox_shows_to_be_wrong_after_the_sign_in_is_said(
    at_microsoft: Callable[..., Said], bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise ConnectionLost("the server has ended the connection")

    monkeypatch.setattr("levelhead.daemon.online.connect", gone)
    said = at_microsoft("--json")
    assert said.status == 0 and "Folders" not in said.err and said.one["folders"] == {}
    assert "mailbox office: the server has ended the connection" in said.one["problems"]
    assert said.one["next"].endswith("levelhead run")
    said = at_microsoft("--force")
    assert "Still to do: mailbox office: the server has ended the connection (check host and port" in said.out


def test_whoever_leaves_at_the_question_whether_to_sign_in_leaves_nothing_behind(
    at_microsoft: Callable[..., Said], bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def line(self: Questions, prompt: str) -> str:
        if "Sign in now?" in prompt:
            raise UserError(ENDED)
        return ""

    monkeypatch.setattr(Questions, "_line", line)
    said = at_microsoft()
    assert (said.status, said.out) == (2, "") and "nothing was written" in said.err
    assert left_in(bare) == []


@pytest.mark.parametrize(
    ("where", "sentence", "following"),
    [
        ("levelhead.cli.login._tell", "Nobody was signed in.", "login office"),
        ("levelhead.daemon.online.connect", "The sign-in is kept; the mailbox was not looked at.", "run"),
    ],
    ids=["at the sign-in", "at the look"],
)
def test_ctrl_c_after_all_was_written_ends_with_what_was_written_and_what_to_run(
    at_microsoft: Callable[..., Said],
    bare: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    sentence: str,
    following: str,
) -> None:
    def leave(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, leave)
    said = at_microsoft()
    assert said.status == 0 and sentence in said.err and "nothing was written" not in said.err
    assert "Wrote levelhead.toml, for your eyes only." in said.out and (bare / "levelhead.toml").exists()
    assert said.out.rstrip().endswith(f"levelhead {following}")
