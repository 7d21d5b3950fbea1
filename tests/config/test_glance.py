"""What is kept of settings that were read in full counts for exactly what it was made of, and for nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.config import glance
from levelhead.config.load import load
from levelhead.config.settings import Settings

RICH = """
# A poll takes ~5 seconds.
[drafts]
templates = "~/templates"

[[mailbox]]
name = "office"
host = "imap.example.com"
user = "me@example.com"
password_command = "print hunter2-password"

[clients]
scope = "everyone"
ignore = ["*@newsletter.example.com"]

[[client]]
name = "Hafen Büro"
addresses = ["*@hafen.example.com", "sam@example.org"]
language = "de"
notes = "Prefers\\nthe phone."

[channels.phone]
url = "ntfy://hunter2-token@ntfy.example.com/topic"

[plugins.promises]
api_token = "hunter2-table"

[anchors]
authorities = ["https://tsa.example.com/"]
witnesses = ["phone"]
"""

Write = Callable[..., Path]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def settings(write: Write, env: dict[str, str]) -> Settings:
    """Settings that were read in full, and of which a glance is kept."""
    found = load(write(RICH))
    glance.remember(found, env)
    return found


def kept(env: dict[str, str]) -> Path:
    (found,) = Path(env["HOME"], ".cache", "levelhead").iterdir()
    return found


def test_what_is_kept_is_what_was_read(settings: Settings, env: dict[str, str]) -> None:
    found = glance.remembered(settings.path, env)
    assert found == glance.of(settings)
    assert found.listed[0].notes == "Prefers\nthe phone."
    assert (found.mailboxes, found.channels, found.witnesses) == (("office",), ("phone",), ("phone",))


def test_what_is_kept_holds_no_secret_and_is_for_its_owner_alone(
    settings: Settings, env: dict[str, str]
) -> None:
    assert b"hunter2" not in kept(env).read_bytes()
    assert kept(env).stat().st_mode & 0o777 == 0o600
    assert kept(env).parent.stat().st_mode & 0o777 == 0o700


def test_the_cache_stands_where_the_user_keeps_caches(settings: Settings, tmp_path: Path) -> None:
    elsewhere = {"XDG_CACHE_HOME": str(tmp_path / "caches"), "HOME": str(tmp_path / "home")}
    glance.remember(settings, elsewhere)
    assert glance.remembered(settings.path, elsewhere) == glance.of(settings)
    assert len(list((tmp_path / "caches" / "levelhead").iterdir())) == 1


def test_a_change_of_one_byte_is_read_in_full(settings: Settings, env: dict[str, str]) -> None:
    data = settings.path.read_bytes()
    settings.path.write_bytes(data + b"\n")
    assert glance.remembered(settings.path, env) is None
    settings.path.write_bytes(data)
    assert glance.remembered(settings.path, env) is not None


def test_the_same_file_elsewhere_is_read_in_full(
    settings: Settings, env: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "levelhead.toml"
    other.parent.mkdir()
    other.write_bytes(settings.path.read_bytes())
    assert glance.remembered(other, env) is None
    # Nor where somebody puts the one's cache in the place of the other's.
    glance.remember(load(other), env)
    first, second = sorted(kept_all(env), key=lambda one: str(other.parent).encode() in one.read_bytes())
    second.write_bytes(first.read_bytes())
    assert glance.remembered(other, env) is None


def kept_all(env: dict[str, str]) -> list[Path]:
    return list(Path(env["HOME"], ".cache", "levelhead").iterdir())


def test_another_home_is_read_in_full(settings: Settings, env: dict[str, str], tmp_path: Path) -> None:
    caches = {"XDG_CACHE_HOME": str(tmp_path / "caches")}
    glance.remember(settings, env | caches)
    assert glance.remembered(settings.path, env | caches) is not None
    assert glance.remembered(settings.path, {"HOME": "/elsewhere"} | caches) is None
    assert glance.remembered(settings.path, caches) is None


def test_another_program_reads_in_full(
    settings: Settings, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(glance, "__version__", "0.0.9")
        assert glance.remembered(settings.path, env) is None
    with monkeypatch.context() as patch:
        patch.setattr(glance, "_rules", lambda: [1, 2, 3])
        assert glance.remembered(settings.path, env) is None
    with monkeypatch.context() as patch:
        patch.setattr("sys.version", "3.99.0")
        assert glance.remembered(settings.path, env) is None
    assert glance.remembered(settings.path, env) is not None


def test_a_damaged_cache_is_as_good_as_none(settings: Settings, env: dict[str, str]) -> None:
    whole = kept(env).read_bytes()
    for cut in (0, 1, 63, 64, 65, 66, len(whole) // 2, len(whole) - 1):
        kept(env).write_bytes(whole[:cut])
        assert glance.remembered(settings.path, env) is None
    for at in range(0, len(whole), 7):
        kept(env).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert glance.remembered(settings.path, env) is None
    kept(env).write_bytes(whole)
    assert glance.remembered(settings.path, env) is not None


def test_a_cache_that_others_can_write_is_as_good_as_none(settings: Settings, env: dict[str, str]) -> None:
    place = kept(env)
    for mode in (0o620, 0o602):
        place.chmod(mode)
        assert glance.remembered(settings.path, env) is None
    place.chmod(0o600)
    place.rename(place.with_name("moved"))
    place.symlink_to(place.with_name("moved"))
    assert glance.remembered(settings.path, env) is None
    place.unlink()
    place.mkdir()
    assert glance.remembered(settings.path, env) is None


def test_somebody_elses_cache_is_as_good_as_none(
    settings: Settings, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.geteuid()
    key = glance._key
    monkeypatch.setattr(glance, "_key", lambda *given: [me if one == me + 1 else one for one in key(*given)])
    assert glance.remembered(settings.path, env) is not None
    monkeypatch.setattr("os.geteuid", lambda: me + 1)
    assert glance.remembered(settings.path, env) is None


def test_where_nothing_can_be_kept_nothing_is_said(write: Write, tmp_path: Path) -> None:
    settings = load(write(RICH))
    (tmp_path / "file").write_text("no folder")
    shared = tmp_path / "shared" / "levelhead"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    for env in (
        {},
        {"HOME": ""},
        {"XDG_CACHE_HOME": "relative"},
        {"HOME": str(tmp_path / "file")},
        {"XDG_CACHE_HOME": str(tmp_path / "shared")},
    ):
        glance.remember(settings, env)
        assert glance.remembered(settings.path, env) is None
    assert not list(shared.iterdir())


def test_in_somebody_elses_home_no_folder_is_made(
    write: Write, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(write(RICH))
    me = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: me + 1)
    glance.remember(settings, env)
    assert not Path(env["HOME"], ".cache").exists()


@pytest.mark.parametrize(
    "more",
    [
        '[drafts]\ntemplates = "~root/templates"',
        '[drafts]\ntemplates = """\n~root/templates"""',
        '[drafts]\ntemplates = "\\u007Eroot/templates"',
        '[evidence]\nkey_file = "secrets/signing-key"',
        '[[mailbox]]\nname = "office"\nhost = "imap.gmail.com"\nuser = "me@gmail.com"\n'
        '[mailbox.oauth2]\nprovider = "google"\nclient_id = "x"\ntoken_file = "secrets/me.json"',
    ],
)
def test_what_depends_on_more_than_the_file_is_read_in_full_each_time(
    write: Write, env: dict[str, str], more: str
) -> None:
    settings = load(write(more))
    glance.remember(settings, env)
    assert glance.remembered(settings.path, env) is None


def test_a_configuration_in_a_pipe_is_read_once(settings: Settings, env: dict[str, str]) -> None:
    data = settings.path.read_bytes()
    settings.path.unlink()
    os.mkfifo(settings.path)
    # Each waits for a reader; whoever reads one time too many finds the bytes there, and not nothing for ever.
    for _ in range(2):
        threading.Thread(target=settings.path.write_bytes, args=[data], daemon=True).start()
        assert glance.remembered(settings.path, env) is None
        assert load(settings.path).digest == settings.digest
    kept(env).unlink()
    threading.Thread(target=settings.path.write_bytes, args=[data], daemon=True).start()
    glance.remember(settings, env)
    assert kept_all(env) == []
    assert settings.path.read_bytes() == data


def test_a_file_that_changed_while_it_was_read_is_not_kept(write: Write, env: dict[str, str]) -> None:
    settings = load(write(RICH))
    write(RICH + "\n")
    glance.remember(settings, env)
    assert glance.remembered(settings.path, env) is None
    assert not Path(env["HOME"], ".cache").exists()
