"""The signing key in the configuration: outside of the archive, private, and with somewhere to be made."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.config.check import notes, problems
from levelhead.config.settings import Settings
from levelhead.errors import ConfigError

Load = Callable[..., Settings]
KEY = '[evidence]\nkey_file = "secrets/key"\n'
LINE = 8


def told(settings: Settings) -> list[tuple[int | None, str]]:
    """What is said of the signing key."""
    found = [(one.line, str(one)) for one in problems(settings, env={}) if "sign" in one.problem]
    assert {line for line, _ in found} <= {LINE}
    return found


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    return tmp_path / "secrets"


def test_a_key_that_is_to_be_made_is_no_problem_and_is_used(settings_of: Load, secrets: Path) -> None:
    settings = settings_of(KEY)
    assert told(settings) == []
    assert not any("evidence" in note for note in notes(settings))
    assert list(secrets.iterdir()) == [], "to look makes no key"


def test_a_key_that_others_can_read_is_told(settings_of: Load, secrets: Path) -> None:
    (secrets / "key").write_text("secret\n")
    (secrets / "key").chmod(0o644)
    ((_, said),) = told(settings_of(KEY))
    assert "the signing key is readable by others: run `chmod 600" in said


def test_a_folder_that_is_not_there_is_told(settings_of: Load) -> None:
    ((_, said),) = told(settings_of(KEY))
    assert "to make the signing key in" in said


def test_a_missing_extra_is_told(settings_of: Load, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ((_, said),) = told(settings_of(KEY))
    assert "signing needs the extra `evidence` (run `pip install 'levelhead[evidence]'`)" in said


@pytest.mark.parametrize("place", ["archive/key", "archive", "archive/a/b", "./x/../archive/key", "link/key"])
def test_a_key_in_the_archive_is_refused_with_its_line(settings_of: Load, tmp_path: Path, place: str) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "link").symlink_to("archive")
    with pytest.raises(ConfigError) as caught:
        settings_of(f'[evidence]\nkey_file = "{place}"\n')
    (problem,) = caught.value.problems
    assert problem.line == LINE
    assert "`evidence.key_file` lies in the archive" in problem.problem
    assert "holds everything but secrets" in problem.problem


def test_a_key_beside_the_archive_is_taken(settings_of: Load) -> None:
    for place in ("archive-key", "archived/key", "secrets/archive/key"):
        assert settings_of(f'[evidence]\nkey_file = "{place}"\n').evidence.key_file is not None


@pytest.mark.parametrize("key", ["x", "a+b", "levelhead/0123+01234567+AAAA", "", "name+0123456+" + "A" * 44])
def test_a_former_key_that_is_none_is_refused(settings_of: Load, key: str) -> None:
    with pytest.raises(ConfigError, match=r"evidence\.former_keys"):
        settings_of(f'[evidence]\nformer_keys = ["{key}"]\n')
