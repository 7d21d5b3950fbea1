from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.config.find import find_config
from levelhead.config.load import load
from levelhead.config.load import settings_of as read_settings
from levelhead.config.settings import Settings
from levelhead.errors import ConfigError, Problem, UserError
from levelhead.model import Level

Problems = Callable[..., tuple[Problem, ...]]
Load = Callable[..., Settings]

MAILBOX = """
[[mailbox]]
name = "office"
host = "imap.example.com"
user = "me@example.com"
password_file = "secrets/office"
"""


def told(problems: tuple[Problem, ...]) -> list[tuple[int | None, str, str]]:
    return [(problem.line, problem.problem, problem.fix) for problem in problems]


# --- finding the file --------------------------------------------------------------------------


def test_the_file_is_looked_for_in_the_order_of_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    places = [
        here / "levelhead.toml",
        here / "config" / "levelhead.toml",
        home / ".config" / "levelhead" / "levelhead.toml",
    ]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    monkeypatch.chdir(here)
    env = {"HOME": str(home)}
    assert find_config(Path("x.toml"), {"LEVELHEAD_CONFIG": "y.toml"}) == Path("x.toml")
    assert find_config(None, {"LEVELHEAD_CONFIG": "y.toml"}) == Path("y.toml")
    for place in places:
        assert find_config(None, env) == place
        place.unlink()
    with pytest.raises(UserError, match=r"looked for .*here/levelhead\.toml.*/etc/levelhead.*config example"):
        find_config(None, env)


def test_xdg_config_home_replaces_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "xdg" / "levelhead" / "levelhead.toml"
    place.parent.mkdir(parents=True)
    place.touch()
    monkeypatch.chdir(tmp_path)
    assert find_config(None, {"HOME": "/nowhere", "XDG_CONFIG_HOME": str(tmp_path / "xdg")}) == place


def test_a_missing_file_is_the_callers_mistake_and_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="levelhead config example") as caught:
        load(tmp_path / "none.toml")
    assert not isinstance(caught.value, ConfigError)


# --- what is read ------------------------------------------------------------------------------


def test_a_whole_configuration_becomes_frozen_settings(settings_of: Load, tmp_path: Path) -> None:
    settings = settings_of(
        MAILBOX
        + """
tls = "starttls"
[[client]]
name = "Harbour"
addresses = ["*@harbour.example.com"]
[heat.weights]
shouting = 2
[channels.phone]
url = "json://localhost/x"
[[escalation.rung]]
after = "15m"
notify = ["phone"]
hours = "business"
[plugins]
timeout = "2s"
[plugins.friday-evening]
hour = 17
"""
    )
    mailbox = settings.mailboxes[0]
    assert (mailbox.port, mailbox.poll, mailbox.folders) == (143, timedelta(minutes=2), ("auto",))
    assert mailbox.password_file == tmp_path / "secrets" / "office"
    assert settings.listed[0].name == "Harbour"
    assert settings.heat.weights == {"shouting": 2.0}
    assert settings.escalation.rungs[0].after == timedelta(minutes=15)
    assert settings.escalation.break_through is Level.HOSTILE
    assert settings.plugins.tables == {"friday-evening": {"hour": 17}}
    assert settings.plugins.path == tmp_path / "plugins"
    assert settings.cooldown.heated == timedelta(hours=4)
    assert settings.me.zone.key == "Europe/Berlin"
    assert set(settings.me.hours) == {0, 1, 2, 3, 4}
    with pytest.raises(ValueError, match="frozen"):
        settings.me.name = "x"  # type: ignore[misc]  # that is what is tried


def test_settings_know_their_file_and_its_digest(settings_of: Load, tmp_path: Path) -> None:
    settings = settings_of()
    data = (tmp_path / "levelhead.toml").read_bytes()
    assert settings.path == tmp_path / "levelhead.toml"
    assert settings.digest == hashlib.sha256(data).hexdigest()
    assert settings.line("archive", "path") == 6


def test_without_rungs_every_channel_is_told_at_once(settings_of: Load) -> None:
    settings = settings_of('[channels.a]\nurl = "json://localhost"\n[channels.b]\nurl = "json://localhost"\n')
    assert [(rung.after, rung.notify) for rung in settings.rungs] == [(timedelta(0), ("a", "b"))]
    assert settings_of().rungs == ()


def test_no_mailbox_is_a_configuration_too(settings_of: Load) -> None:
    assert settings_of().mailboxes == ()


def test_a_mark_of_byte_order_is_no_mistake(tmp_path: Path, settings_of: Load) -> None:
    settings_of()
    data = (tmp_path / "levelhead.toml").read_bytes()
    assert read_settings(b"\xef\xbb\xbf" + data, tmp_path / "x.toml").me.addresses == ("me@example.com",)


# --- what is refused ---------------------------------------------------------------------------


def test_all_problems_are_told_at_once_each_with_its_line_and_the_nearest_name(problems_of: Problems) -> None:
    problems = problems_of(
        """
[colldown]
calm = "1m"
[cooldown]
heatd = "4h"
tense = 30
[[mailbox]]
name = "office"
host = "imap.example.com"
user = "me"
credential = "office"
[[mailbox]]
naem = "home"
host = "imap.example.com"
user = "me"
credential = "home"
[mailbox.oauth2]
provider = "gogle"
"""
    )
    assert told(problems) == [
        (8, "`colldown` is not a known key", "did you mean `cooldown`?"),
        (11, "`cooldown.heatd` is not a known key", "did you mean `heated`?"),
        (
            12,
            '`cooldown.tense` is a bare number; say of what: "30s", "30m", "30h" or "30d"',
            "",
        ),
        (
            18,
            "`mailbox[2].name` is missing: What this mailbox is called in status, logs and alerts; "
            "each has its own",
            'for example name = "office"',
        ),
        (19, "`mailbox[2].naem` is not a known key", "did you mean `name`?"),
        (
            23,
            "`mailbox[2].oauth2.client_id` is missing: The id that the provider gave your registration "
            "of levelhead",
            'for example client_id = "1234.apps.example.com"',
        ),
        (
            23,
            "`mailbox[2].oauth2` is a second way to sign in, beside `credential`",
            "keep exactly one of `password_file`, `password_command`, `credential` or `oauth2`",
        ),
        (
            24,
            '`mailbox[2].oauth2.provider` must be one of "google", "microsoft", "custom"',
            'did you mean "google"?',
        ),
    ]


@pytest.mark.parametrize(
    ("toml", "line", "words"),
    [
        ("[me]\naddresses = [", 2, "at the end of the file"),
        ("[me]\nname = x\n", 2, "column 8"),
        ("[me]\n[me]\n", 2, "twice"),
        ("a = " + "[" * 5000, None, "nested too deeply"),
        ("a = " + "9" * 5000, None, "not TOML"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(
    problems_of: Problems, toml: str, line: int | None, words: str
) -> None:
    (problem,) = problems_of("", base=toml)
    assert problem.line == line
    assert words in problem.problem


def test_what_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2: this is not UTF-8"):
        read_settings(b"[me]\nname = '\xff'\n", tmp_path / "x.toml")


def test_required_tables_are_asked_for_with_an_example(problems_of: Problems) -> None:
    problems = problems_of("", base="[heat]\ntense = 0.1\n")
    assert [problem.problem.split(":")[0] for problem in problems] == [
        "`archive` is missing",
        "`me` is missing",
    ]


@pytest.mark.parametrize("key", ["password", "passwd", "token"])
def test_a_password_in_the_file_is_refused_and_never_repeated(problems_of: Problems, key: str) -> None:
    mailbox = f'[[mailbox]]\nname = "a"\nhost = "h"\nuser = "u"\n{key} = "hunter2-canary"\n'
    (problem,) = problems_of(mailbox)
    assert problem.line == 11
    assert (
        "password_file" in problem.fix and "password_command" in problem.fix and "credential" in problem.fix
    )
    assert "hunter2-canary" not in str(problem)


def test_no_value_of_the_file_that_may_be_a_secret_is_repeated(problems_of: Problems) -> None:
    problems = problems_of('[channels.phone]\nurl = ["tgram://canary"]\nurll = "canary"\nurl_file = 7\n')
    assert problems
    assert "canary" not in str(ConfigError(problems))


@given(st.text(alphabet='abm[]{}=#".\n ', max_size=60))
def test_whatever_the_file_holds_is_settings_or_problems_and_never_a_traceback(text: str) -> None:
    for base in ("", '[me]\naddresses = ["me@x"]\n[archive]\npath = "a"\n'):
        try:
            read_settings((base + text).encode(), Path("/x.toml"))
        except ConfigError as exc:
            assert exc.problems and all(problem.problem for problem in exc.problems)
