"""init as a person types it, in a pseudo-terminal: wrong answers are asked again, secrets are never shown."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.conftest import Levelhead, letter
from cli.terminal import Terminal
from levelhead.config.load import load
from servers.account import PASSWORD
from servers.dovecot import Dovecot, MailAccount

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "begin.md"

pytestmark = pytest.mark.server

WRONG = "c4nary-wr0ng"
CHANNEL = "json://127.0.0.1:9/c4nary-t0pic"

DRIVER = """
import sys
from discovery.askers import Files, Records, service
from levelhead.cli import main
from levelhead.daemon import beginning
from levelhead.errors import Unreachable
published, port, *words = sys.argv[1:]
called = beginning.offered
def offered(spec, clock):
    if spec.host.endswith(".test"):
        raise Unreachable(f"the host {spec.host} cannot be found")
    return called(spec, clock)
beginning.offered = offered
logins, look_in = [], beginning.look_in
def counted(spec, clock):
    logins.append(spec.user)
    return look_in(spec, clock)
beginning.look_in = counted
records = Records(
    mx={"example.test": ()},
    srv={"_imaps._tcp.example.test": (service("localhost.", port=int(port)),)},
)
files = Files({"https://autoconfig.example.test/mail/config-v1.1.xml?emailaddress=" + where: (
    "<clientConfig><emailProvider><incomingServer type='imap'><hostname>localhost</hostname><port>" + port +
    "</port><socketType>SSL</socketType></incomingServer></emailProvider></clientConfig>"
).encode() for where in [published] if where})
beginning.askers = lambda clock: beginning.Askers(dns=records, fetch=files)
status = main(words)
if status:
    print(len(logins), "logins")
raise SystemExit(status)
"""
"""The program, in a world where a name server knows example.test and nobody lives there; it may publish a file."""


@pytest.fixture
def typed(tmp_path: Path, dovecot: Dovecot) -> Iterator[Callable[..., Terminal]]:
    """Starts the program in a terminal, in an empty folder."""
    terminals: list[Terminal] = []
    env = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    env |= {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TERM": "dumb"}

    def start(*words: str, published: str = "") -> Terminal:
        argv = [sys.executable, "-c", DRIVER, published, str(dovecot.port), *words]
        terminals.append(Terminal(argv, tmp_path, env))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def account(mailbox_account: MailAccount) -> MailAccount:
    """One that has written to a client, from two addresses."""
    for number, sender in enumerate((mailbox_account.user, "robin@studio.example"), start=1):
        mailbox_account.append("Sent", letter("Hello", "Hi Sam", number=number, sender=f"robin <{sender}>"))
    return mailbox_account


def test_a_person_who_types_wrong_answers_first_ends_with_a_sound_configuration(
    typed, account: MailAccount, tmp_path: Path, levelhead: Levelhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = typed("init")
    person.answer("Your e-mail address: ", "robin at example")
    assert "is not an e-mail address" in person.answer("Your e-mail address: ", "robin@exmaple.test")
    assert "there is no domain exmaple.test" in person.answer("Your e-mail address: ", account.user)

    # A certificate that nobody vouches for, and a host that only the DNS names.
    assert "found in the DNS (SRV _imaps._tcp.example.test): " in person.answer(
        "to leave this server: ", "/nowhere/ca.pem"
    )
    assert "There is no file /nowhere/ca.pem" in person.answer("to leave this server: ", __file__)
    assert "holds no certificate (PEM)." in person.answer("to leave this server: ", str(account.ca_file))
    assert "Only the DNS names localhost" in person.answer("your provider? (y/N): ", "perhaps")
    assert "Please answer yes or no." in person.answer("your provider? (y/N): ", "y")

    person.answer(f"Password for {account.user} (not shown): ", WRONG)
    assert "was refused" in person.answer(f"The user [{account.user}]: ", "")
    assert "Nothing was typed." in person.answer("(not shown): ", "") + person.answer(
        "(not shown): ", PASSWORD
    )

    seen = person.answer("Is that you? (Y/n): ", "")
    assert "Logged in. Folders: inbox INBOX, sent Sent, drafts Drafts, archive Archive." in seen
    assert "Sent mail was also written from robin@studio.example" in seen
    person.answer("Your name, as it stands under your letters (may be left out): ", "Robin Example")
    assert "You write most to sam@harbour.example." in person.answer(
        "client's name (may be left out): ", "Harbour"
    )
    person.answer("Their address, or *@ and their domain: ", "harbour.example")
    assert "has no @" in person.answer("Their address, or *@ and their domain: ", account.user)
    assert f'"{account.user}" is yours already.' in person.answer(
        "Their address, or *@ and their domain: ", "*@harbour.example"
    )
    person.answer("(not shown; may be left out): ", "mailto://me:secret@harbour.example")
    assert "would write to your client Harbour" in person.answer("may be left out): ", "c4nary-no-url")
    assert "no URL that Apprise understands" in person.answer("may be left out): ", CHANNEL)
    assert person.ended() == 0

    assert person.seen.rstrip().splitlines()[-1].strip().endswith("levelhead run")
    config = (tmp_path / "levelhead.toml").read_text()
    for secret in (WRONG, PASSWORD, CHANNEL, "c4nary", "secret@"):
        assert secret not in person.seen and secret not in config
    secrets = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert {name: path.read_text() for name, path in secrets.items()} == {
        "office": f"{PASSWORD}\n",
        "phone-url": f"{CHANNEL}\n",
    }
    for path in (tmp_path / "levelhead.toml", *secrets.values()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings = load(tmp_path / "levelhead.toml")
    assert settings.me.addresses == (account.user, "robin@studio.example")
    monkeypatch.chdir(tmp_path)
    assert levelhead("check", "--online", "--json").one["problems"] == []


def by_hand(account: MailAccount) -> list[str]:
    return ["init", "--address", account.user, "--host", account.host, "--port", str(account.port),
            "--ca-file", str(account.ca_file)]  # fmt: skip


def test_with_no_input_a_terminal_is_not_asked_either(typed, tmp_path: Path) -> None:
    person = typed("init", "--no-input")
    assert person.ended() == 2 and "nothing is asked here, so give --address" in person.seen
    assert not list(tmp_path.iterdir())


def test_three_refused_logins_are_the_end(typed, mailbox_account: MailAccount, tmp_path: Path) -> None:
    person = typed(*by_hand(mailbox_account))
    for number in range(3):
        person.answer("(not shown): ", f"{WRONG}{number}")
        if number < 2:
            person.answer("The user [", "")
    assert person.ended() == 2
    assert (
        "was refused 3 times; to try more often might lock the account, so nothing was written" in person.seen
    )
    assert WRONG not in person.seen and not list(tmp_path.iterdir())
    assert person.seen.rstrip().endswith("\n3 logins")


@pytest.mark.parametrize(
    ("keys", "status", "prompt"),
    [("\x03", 130, "(not shown): "), ("\x04", 2, "Your name")],
    ids=["Ctrl-C at the password", "Ctrl-D after the login"],
)
def test_whoever_leaves_in_the_middle_leaves_nothing_behind(
    typed, mailbox_account: MailAccount, tmp_path: Path, keys: str, status: int, prompt: str
) -> None:
    person = typed(*by_hand(mailbox_account))
    if prompt == "Your name":
        person.answer("(not shown): ", PASSWORD)
    person.wait_for(prompt)
    person.type(keys)
    assert person.ended() == status
    assert "Traceback" not in person.seen and not list(tmp_path.iterdir())
    ended = "the input ended before everything was answered; nothing was written" in person.seen
    assert ended == (status == 2)


@pytest.mark.sweep
def test_a_server_named_by_hand_is_asked_for_until_one_answers(
    typed, mailbox_account: MailAccount, tmp_path: Path
) -> None:
    person = typed("init", "--ca-file", str(mailbox_account.ca_file), "--name", "", "--client", "")
    person.answer("Your e-mail address: ", mailbox_account.user)
    person.answer("your provider? (y/N): ", "n")
    assert "imap.example.test port 993, found by a guess" in person.answer("The IMAP server: ", "two words")
    assert "is not the name of a server" in person.answer("The IMAP server: ", "localhost")
    person.answer("starttls [implicit]: ", "SSL")
    person.answer("starttls [implicit]: ", "starttls")
    person.answer("Its port [143]: ", "9")
    assert "no connection" in person.answer("The IMAP server: ", "localhost")
    person.answer("starttls [implicit]: ", "starttls")
    person.answer("Its port [143]: ", str(mailbox_account.starttls_port))
    person.answer("(not shown): ", PASSWORD)
    person.answer("(not shown; may be left out): ", "")
    assert person.ended() == 0
    (mailbox,) = load(tmp_path / "levelhead.toml").mailboxes
    assert (mailbox.host, mailbox.port, mailbox.tls) == (
        "localhost",
        mailbox_account.starttls_port,
        "starttls",
    )
    assert "Still to do: no alert channel" in person.seen


def test_the_page_shows_what_a_person_sees(typed, mailbox_account: MailAccount) -> None:
    (shown,) = re.findall(r"^```text\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    user = mailbox_account.user
    mailbox_account.append("Sent", letter("Hello", "Hi Sam", number=1, sender=f"robin <{user}>"))
    person = typed("init", "--ca-file", str(mailbox_account.ca_file), published=user.replace("@", "%40"))
    for prompt, typing in (
        ("Your e-mail address: ", user), ("Use it? (Y/n): ", ""), ("(not shown): ", PASSWORD),
        ("your letters (may be left out): ", "Robin Example"), ("client's name (may be left out): ", "Harbour"),
        ("their domain: ", "*@harbour.example"), ("(not shown; may be left out): ", CHANNEL),
    ):  # fmt: skip
        person.answer(prompt, typing)
    assert person.ended() == 0
    seen = person.seen.replace(user, "me@studio.example").replace("example.test", "studio.example")
    seen = re.sub(
        r"localhost port \d+",
        "imap.studio.example port 993",
        re.sub(r"\S*levelhead run", "levelhead run", seen),
    )
    seen = "$ levelhead init\n" + re.sub(r" +$", "", seen, flags=re.M)
    assert seen.rstrip() == shown.rstrip()
