from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.config.check import Archived, notes, problems
from levelhead.config.exposed import must_be_private
from levelhead.config.settings import Settings
from levelhead.errors import ConfigError

Load = Callable[..., Settings]
CHANNEL = '[channels.phone]\nurl = "json://localhost:9/x"\n'
MAILBOX = '[[mailbox]]\nname = "office"\nhost = "h"\nuser = "me"\npassword_file = "pw"\n'


def told(settings: Settings, **more: object) -> list[tuple[int | None, str]]:
    return [(one.line, f"{one.problem} ({one.fix})") for one in problems(settings, env={}, **more)]  # type: ignore[arg-type]  # plugins


def test_a_configuration_that_works_has_no_problem(settings_of: Load, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("x")
    (tmp_path / "pw").chmod(0o600)
    (tmp_path / "plugins").mkdir()
    settings = settings_of(CHANNEL + MAILBOX)
    assert problems(settings, plugins={"tone"}) == ()
    assert notes(settings) == ()


def test_no_alert_channel_is_a_problem_that_is_named(settings_of: Load) -> None:
    ((line, said),) = told(settings_of())
    assert line is None
    assert "no alert channel: nobody is told" in said and "[channels." in said


def test_a_secret_that_cannot_be_read_is_told_at_its_line(settings_of: Load) -> None:
    settings = settings_of(CHANNEL + MAILBOX + '[channels.mail]\ncredential = "url"\n')
    assert [(line, said.split(":")[0]) for line, said in told(settings)] == [
        (13, 'the password of mailbox "office" is not there'),
        (
            15,
            'the URL of channel "mail" is the systemd credential url, but there is no $CREDENTIALS_DIRECTORY',
        ),
    ]


def test_a_channel_that_would_write_to_a_client_is_refused(settings_of: Load) -> None:
    settings = settings_of(
        '[channels.mail]\nurl = "mailto://me@example.com?to=sam@h.example"\n'
        '[[client]]\nname = "Harbour"\naddresses = ["*@h.example"]\n'
    )
    ((line, said),) = told(settings)
    assert line == 8 and 'would write to your client "Harbour"' in said


def test_a_url_that_apprise_does_not_know_is_told_without_being_shown(settings_of: Load) -> None:
    settings = settings_of('[channels.phone]\nurl = "tellegram://c4nary/x"\n')
    settings.path.chmod(0o600)
    ((line, said),) = told(settings)
    assert line == 8 and "none that Apprise understands" in said
    assert "c4nary" not in said


def test_a_mailbox_that_nobody_has_signed_in_for_is_told_with_the_command(settings_of: Load) -> None:
    oauth = MAILBOX.replace('password_file = "pw"', 'oauth2 = { provider = "google", client_id = "x" }')
    ((line, said),) = told(settings_of(CHANNEL + oauth))
    assert line == 13 and 'nobody is signed in for mailbox "office"' in said
    assert "login office`" in said


def test_an_archive_that_cannot_be_made_is_told(settings_of: Load, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file")
    ((line, said),) = told(settings_of(CHANNEL))
    assert line == 6 and "is not a folder" in said
    base = '[me]\naddresses = ["me@x"]\n[archive]\npath = "archive/below"\n'
    ((line, said),) = told(settings_of(CHANNEL, base))
    assert line == 4 and "cannot be made in" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; run as another user")
def test_an_archive_in_a_folder_of_others_is_told(settings_of: Load, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir(mode=0o500)
    ((_, said),) = told(settings_of(CHANNEL))
    assert "cannot be written to" in said


def test_folders_and_files_that_are_named_must_be_there(settings_of: Load) -> None:
    more = '[plugins]\npath = "none"\n[drafts]\ntemplates = "none"\n' + MAILBOX + 'ca_file = "none"\n'
    assert [line for line, _ in told(settings_of(CHANNEL + more))] == [10, 12, 17, 18]


def test_a_plugin_that_nobody_has_is_told_with_the_nearest_name(settings_of: Load) -> None:
    (more,) = ('[plugins]\ndisable = ["tone", "templtes"]\n[plugins.friday]\nx = 1\n',)
    found = told(settings_of(CHANNEL + more), plugins={"tone", "templates"})
    assert found == [
        (10, 'there is no plugin "templtes" (did you mean "templates"?)'),
        (11, 'there is no plugin "friday" (there are templates, tone)'),
    ]


NORTHWIND = '[[client]]\nname = "Northwind"\naddresses = ["*@n.example"]\n'


def test_a_misspelt_client_under_retention_is_told_at_its_line(settings_of: Load) -> None:
    settings = settings_of(
        CHANNEL + NORTHWIND + '[retention]\nclients = { "Nordwind" = "10w", "northwind" = "9w" }\n'
    )
    assert told(settings) == [
        (13, '[retention] clients names "Nordwind", and no client is called that (did you mean "Northwind"?)')
    ]


def test_a_client_that_only_the_archive_knows_is_one_and_one_that_nobody_knows_is_told(
    settings_of: Load,
) -> None:
    settings = settings_of(CHANNEL + NORTHWIND + '[retention.clients]\n"harbour" = "10w"\n"Zyx" = "9w"\n')
    assert told(settings) == []  # mail may bring them
    ((line, said),) = told(settings, archived=Archived(clients=frozenset({"Harbour"})))
    assert line == 14 and '"Zyx"' in said


def test_a_folder_under_retention_that_no_mailbox_has_shown_is_told(settings_of: Load) -> None:
    settings = settings_of(CHANNEL + '[retention]\nfolders = { "Archiv" = "10w", "INBOX" = "9w" }\n')
    assert told(settings, archived=Archived()) == []  # no mailbox was watched yet
    ((line, said),) = told(settings, archived=Archived(folders=frozenset({"Archive", "INBOX"})))
    assert line == 10 and 'did you mean "Archive"?' in said


def test_a_file_that_everybody_may_write_is_a_problem_and_one_for_the_group_a_note(settings_of: Load) -> None:
    settings = settings_of(CHANNEL)
    settings.path.chmod(0o666)
    assert [said for _, said in told(settings)] == [
        f"everybody on this machine can write this file (run `chmod o-w {settings.path}`)"
    ]
    settings.path.chmod(0o664)
    assert told(settings) == []
    assert any("the group of" in note for note in notes(settings))


def test_a_key_that_this_version_does_not_use_is_said_so(settings_of: Load) -> None:
    settings = settings_of('[web]\nlisten = "127.0.0.1:1"\n')
    not_used = [note for note in notes(settings) if "does not use it" in note]
    assert [note.split("`")[1] for note in not_used] == [
        "web.listen",
    ]


def test_what_is_insecure_or_idle_on_purpose_is_noted(settings_of: Load) -> None:
    settings = settings_of(MAILBOX + 'tls = "none"\ninsecure = true\n')
    assert any("crosses the network unencrypted" in note for note in notes(settings))
    assert any("no mailbox is configured" in note for note in notes(settings_of()))


def test_an_event_of_the_calendar_that_is_passed_over_is_noted(settings_of: Load, tmp_path: Path) -> None:
    base = '[me]\naddresses = ["me@x"]\nholidays = "off.ics"\n[archive]\npath = "a"\n'
    event = "BEGIN:VEVENT\nDTSTART:20260501\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
    (tmp_path / "off.ics").write_text(f"BEGIN:VCALENDAR\n{event}END:VCALENDAR\n")
    assert any("only yearly events" in note for note in notes(settings_of("", base)))
    (tmp_path / "off.ics").unlink()
    settings = settings_of(CHANNEL, base)
    assert [line for line, _ in told(settings)] == [3]
    assert notes(settings)


KEYS = [
    "tgram://123456:AbCdEf/98765",
    "mailto://me:hunter2@example.com",
    "ntfy://ntfy.sh/a-topic-only-you-know",
    "https://user:pw@hooks.example/x",
    "json://hooks.example/T0ken99",
]


@pytest.mark.parametrize("url", KEYS)
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666])
def test_a_key_in_a_file_that_everybody_can_read_is_a_problem_with_its_line_and_no_key(
    settings_of: Load, url: str, mode: int
) -> None:
    settings = settings_of(f'[channels.phone]\nurl = "{url}"\n')
    settings.path.chmod(mode)
    ((line, said),) = [one for one in told(settings) if "everybody on this machine can read" in one[1]]
    assert line == 8 and 'the URL of channel "phone" holds a key' in said and "chmod 600" in said
    assert url not in said
    with pytest.raises(ConfigError, match="can read this file"):
        must_be_private(settings)


@pytest.mark.parametrize("url", KEYS)
def test_a_key_in_a_file_of_ones_own_is_none_and_that_the_group_reads_it_is_a_note(
    settings_of: Load, url: str
) -> None:
    settings = settings_of(f'[channels.phone]\nurl = "{url}"\n')
    settings.path.chmod(0o600)
    must_be_private(settings)
    assert not any("holds a secret" in note for note in notes(settings))
    settings.path.chmod(0o640)
    must_be_private(settings)
    assert any("holds a secret, and its group may read it" in note for note in notes(settings))


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1:8080/hooks/T0ken99",
        "json://localhost/T0ken99",
        "mailto://me@example.com?to=somebody@home.example",
        "mailto://example.com?from=a@b.example&smtp=smtp.home.example",
        "json://hooks.example/alerts",
    ],
)
def test_what_is_no_key_or_stays_on_this_machine_may_be_read(settings_of: Load, url: str) -> None:
    settings = settings_of(f'[channels.phone]\nurl = "{url}"\n')
    settings.path.chmod(0o644)
    must_be_private(settings)


def test_a_secret_of_a_plugin_is_one_too(settings_of: Load) -> None:
    settings = settings_of('[plugins.weather]\ncity = "Ulm"\n[plugins.weather.login]\napi_token = "T0ken"\n')
    settings.path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"plugins\.weather\.login\.api_token is a secret"):
        must_be_private(settings)
