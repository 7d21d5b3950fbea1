from __future__ import annotations

from collections.abc import Callable

import pytest

from levelhead.config.rules import is_loopback
from levelhead.config.settings import Settings
from levelhead.errors import Problem

Problems = Callable[..., tuple[Problem, ...]]
Load = Callable[..., Settings]


def mailbox(**keys: object) -> str:
    table: dict[str, object] = {
        "name": "office",
        "host": "imap.example.com",
        "user": "me",
        "credential": "pw",
    }
    table |= {key: value for key, value in keys.items() if key != "without"}
    lines = [f"{key} = {toml(value)}" for key, value in table.items() if value is not None]
    return "[[mailbox]]\n" + "\n".join(lines) + "\n"


def toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'


CHANNEL = '[channels.phone]\nurl = "json://localhost"\n'


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (mailbox(credential=None), "`mailbox[1]` has no way to sign in (add one of `password_file`"),
        (mailbox(password_file="x"), "`mailbox[1].credential` is a second way to sign in"),
        (mailbox(tls="none"), '"none" would send your password readable to imap.example.com'),
        (mailbox(tls="ssl"), 'must be one of "implicit", "starttls", "none"'),
        (mailbox(host="imap.example.com:993"), 'write host = "imap.example.com" and port = 993'),
        (mailbox(host="imaps://imap.example.com"), "is not the name of a server"),
        (mailbox(port=70000), "must be at most 65535"),
        (mailbox(port="993"), "must be a whole number, without quotes"),
        (mailbox(idle="yes"), "must be true or false, without quotes"),
        (mailbox(poll="0s"), 'must be longer than "0s"'),
        (mailbox(name="two words"), "is not a name"),
        (mailbox(name="work"), "is taken by levelhead's own worker"),
        (mailbox(user="me\\r\\nx"), "must not hold line breaks"),
        (mailbox() + mailbox(), 'a second mailbox is called "office"'),
        ("[mailbox]\nname = 'x'\n", "write [[mailbox]] with two brackets"),
        ("[mailboxes]\n", "did you mean `mailbox`?"),
        ("addresses = 'x'\n", "there is `me.addresses`"),
        ("[client]\n", "write [[client]] with two brackets"),
        (
            "[[client]]\nname = 'H'\naddresses = ['h.example.com']\n",
            "for everybody of a domain write '*@h.example.com'",
        ),
        ("[[client]]\nname = 'H'\naddresses = ['H <h@example.com>']\n", "space"),
        ("[[client]]\nname = 'H'\naddresses = ['<h@example.com>']\n", "is more than an address"),
        ("[[client]]\nname = 'H'\naddresses = ['ME@example.com']\n", '"ME@example.com" is yours already'),
        (
            "[[client]]\nname = 'H'\naddresses = ['*@h.org']\n[[client]]\nname = 'I'\naddresses = ['*@h.org']\n",
            'is that of client "H" already',
        ),
        ("[[client]]\nname = 'H'\naddresses = []\n", "name at least one address"),
        ("[[client]]\nname = 'H'\naddresses = ['a@b']\nlanguage = 'German'\n", "write two letters"),
        ("[heat]\ntense = 0.9\n", "`heat.tense` must ascend: `tense` (0.9) must be below `heated` (0.6)"),
        ("[heat]\nhostile = 1.5\n", "must be at most 1"),
        ("[heat]\nheated = nan\n", "must be"),
        ("[heat.weights]\nSHOUTING = 1\n", "lower-case words joined by hyphens"),
        ("[heat.weights]\nshouting = -1\n", "must be at least 0"),
        ("[cooldown]\ncalm = '4 hours'\n", "is not a length of time"),
        ("[cooldown]\nstale_after = '0s'\n", 'must be longer than "0s"'),
        ("[escalation]\nquiet_hours = 'night'\n", "`escalation.quiet_hours`: 'night'"),
        ("[escalation]\nquiet_hours = '08:00-08:00'\n", "begins and ends at the same time"),
        ("[escalation]\nquiet_hours = '00:00-24:00'\n", "nobody would ever be told"),
        ("[escalation]\nbreak_through = 'unknown'\n", 'must be one of "calm", "tense", "heated", "hostile"'),
        (
            CHANNEL + "[[escalation.rung]]\nnotify = ['fone']\n",
            'there is no channel "fone" (did you mean "phone"?)',
        ),
        (CHANNEL + "[[escalation.rung]]\nnotify = ['xyz']\n", "add a table [channels.xyz]"),
        (
            CHANNEL
            + "[[escalation.rung]]\nafter = '2h'\nnotify = ['phone']\n"
            + "[[escalation.rung]]\nafter = '1h'\nnotify = ['phone']\n",
            "is before the rung above it (2h)",
        ),
        (CHANNEL + "url_file = 'x'\n", "is a second address"),
        ("[channels.phone]\n", "has no address"),
        ("[archive.x]\n", "`archive.x` is not a known key"),
        ("[plugins]\nisolation = 'none'\n", 'must be one of "process", "thread"'),
        ("[plugins]\ndisabled = ['tone']\n", "did you mean `disable`?"),
        ("[log]\nlevel = 'inf'\n", 'did you mean "info"?'),
        ("[anchors]\nwitnesses = ['a b']\n", "is not a name"),
        (mailbox(sent="Inbox"), "names the inbox"),
    ],
)
def test_each_mistake_has_its_sentence(problems_of: Problems, toml: str, words: str) -> None:
    assert words in "\n".join(str(problem) for problem in problems_of(toml))


@pytest.mark.parametrize(
    ("me", "words"),
    [
        ("addresses = []", "name at least one address"),
        ("addresses = ['me']", "has no @"),
        ("addresses = 'me@x'", "must be a list in square brackets"),
        ("addresses = ['me@x']\ntimezone = 'Berlin'", 'write a name such as "Europe/Berlin"'),
        ("addresses = ['me@x']\ntimezone = '../../etc/passwd'", "is not a time zone"),
        ("addresses = ['me@x']\nworking_hours = 'nine to five'", "working_hours"),
        ("addresses = ['me@x']\nholidays = 'de'", 'must be written in capitals: "DE"'),
        ("addresses = ['me@x']\nholidays = 'Germany'", "neither a country code"),
    ],
)
def test_each_mistake_about_me_has_its_sentence(problems_of: Problems, me: str, words: str) -> None:
    assert words in "\n".join(str(p) for p in problems_of("", base=f"[me]\n{me}\n[archive]\npath = 'a'\n"))


@pytest.mark.parametrize(("key", "value"), [("url", "postgresql://db/x"), ("blobs", "s3://bucket")])
def test_an_engine_that_is_not_there_yet_is_refused_and_not_ignored(
    problems_of: Problems, key: str, value: str
) -> None:
    (problem,) = problems_of(f'{key} = "{value}"\n')
    assert "this version" in problem.problem and problem.fix == f"leave `{key}` out"


def test_clear_text_is_allowed_to_this_machine_and_when_it_is_meant(settings_of: Load) -> None:
    assert settings_of(mailbox(tls="none", host="127.0.0.1")).mailboxes[0].port == 143
    assert settings_of(mailbox(tls="none", insecure=True)).mailboxes[0].insecure
    assert settings_of(mailbox(tls="none", host="::1", port=1143)).mailboxes[0].port == 1143


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.8.8.8", "::1", "[::1]", "imap.localhost"])
def test_loopback_is_known_by_name_and_number(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost.example.com", "128.0.0.1", "2001:db8::1", "", "127.0.0.1.example.com"]
)
def test_what_only_looks_like_loopback_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_a_plugins_own_table_is_kept_as_it_is(settings_of: Load) -> None:
    tables = settings_of("[plugins.tables]\nx = 1\n[plugins.a.b]\ny = [1]\n").plugins.tables
    assert tables == {"tables": {"x": 1}, "a": {"b": {"y": [1]}}}
