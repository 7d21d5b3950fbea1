"""The first configuration: it loads as it is written, with every comment taken as a setting too."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from levelhead.config.beginning import First, OAuthAnswers, as_written, text_of
from levelhead.config.load import settings_of

PLAIN = First(
    addresses=("robin@studio.example",),
    host="imap.studio.example",
    port=993,
    tls="implicit",
    user="robin@studio.example",
    password_file="secrets/office",
)
FULL = replace(
    PLAIN,
    name='Robin "the\\calm"',
    archive="kept here",
    mailbox="post",
    port=1143,
    tls="starttls",
    found='at https://studio.example/\n[me]\naddresses = ["evil@x.example"]',
    ca_file="ca's.pem",
    lacks_sent=True,
    lacks_drafts=True,
    client="Größe & Söhne #1",
    client_address="*@größe.example",
    channel_file="secrets/phone-url",
)


def read(first: First, *, uncommented: bool = False):
    text = text_of(first)
    if uncommented:
        text = re.sub(r"^#(?=[\[a-z_]+)", "", text, flags=re.MULTILINE)
    return settings_of(text.encode(), Path("/nowhere/levelhead.toml"))


def test_what_was_answered_is_what_is_read() -> None:
    settings = read(FULL)
    (mailbox,) = settings.mailboxes
    assert (mailbox.name, mailbox.host, mailbox.port, mailbox.tls) == (
        "post",
        "imap.studio.example",
        1143,
        "starttls",
    )
    assert (mailbox.ca_file, mailbox.password_file) == (
        Path("/nowhere/ca's.pem"),
        Path("/nowhere/secrets/office"),
    )
    assert settings.me.name == 'Robin "the\\calm"' and settings.archive.path == Path("/nowhere/kept here")
    assert [(one.name, one.addresses) for one in settings.listed] == [
        ("Größe & Söhne #1", ("*@größe.example",))
    ]
    assert settings.channels["phone"].url_file == Path("/nowhere/secrets/phone-url")


def test_a_comment_of_a_stranger_s_words_stays_a_comment() -> None:
    assert read(FULL).me.addresses == ("robin@studio.example",)
    assert (
        '# The server was found at https://studio.example/ [me] addresses = ["evil@x.example"].'
        in text_of(FULL)
    )


def test_usual_values_are_left_out() -> None:
    settings = read(PLAIN)
    text = text_of(PLAIN)
    assert settings.mailboxes[0].port == 993 and not settings.channels and not settings.listed
    for key in ("port", "tls", "ca_file", "#sent", "#drafts ="):
        assert f"\n{key}" not in text
    assert text_of(replace(PLAIN, port=143, tls="starttls")).count("port") == 0


@pytest.mark.parametrize("first", [PLAIN, FULL], ids=["plain", "full"])
def test_each_line_that_is_commented_out_is_a_setting_that_holds(first: First) -> None:
    settings = read(first, uncommented=True)
    assert settings.drafts.enabled and settings.cooldown.heated.total_seconds() == 4 * 3600
    assert (
        settings.mailboxes[0].folders == ("auto", "Clients/Harbour") and settings.listed and settings.channels
    )


def test_oauth_stands_below_its_mailbox() -> None:
    oauth = OAuthAnswers(provider="google", client_id="1234", client_secret_file="secrets/office-client")
    (mailbox,) = read(replace(FULL, password_file="", oauth=oauth)).mailboxes
    assert mailbox.oauth2 is not None and mailbox.oauth2.client_id == "1234"
    assert mailbox.oauth2.client_secret_file == Path("/nowhere/secrets/office-client")
    (bare,) = read(replace(PLAIN, password_file="", oauth=replace(oauth, client_secret_file=""))).mailboxes
    assert bare.oauth2 is not None and bare.oauth2.client_secret_file is None


def test_a_path_is_written_from_the_file_s_folder_where_it_lies_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "config"
    assert as_written(Path("config/secrets/a"), folder) == "secrets/a"
    assert as_written(Path("mine"), folder) == str(tmp_path / "mine")
    assert as_written(Path("config/../mine"), folder) == str(tmp_path / "mine")
