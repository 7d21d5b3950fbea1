from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead.config.fields import machine_zone
from levelhead.config.settings import Settings


@pytest.mark.parametrize(
    ("env", "timezone", "localtime", "zone"),
    [
        ({"TZ": "Asia/Tokyo"}, "Europe/Paris", "Europe/Rome", "Asia/Tokyo"),
        ({"TZ": ":Asia/Tokyo"}, "", "", "Asia/Tokyo"),
        ({"TZ": "/usr/share/zoneinfo/Asia/Tokyo"}, "", "", "Asia/Tokyo"),
        ({}, "Europe/Paris\n", "Europe/Rome", "Europe/Paris"),
        ({"TZ": "nonsense"}, "also nonsense", "Europe/Rome", "Europe/Rome"),
        ({}, "", "posix", "UTC"),
        ({}, "", "", "UTC"),
    ],
)
def test_the_machines_time_zone_is_found_where_the_machine_keeps_it(
    tmp_path: Path, env: dict[str, str], timezone: str, localtime: str, zone: str
) -> None:
    if timezone:
        (tmp_path / "timezone").write_text(timezone)
    if localtime:
        (tmp_path / "localtime").symlink_to(f"/usr/share/zoneinfo/{localtime}")
    assert machine_zone(env, tmp_path) == zone


def test_paths_start_at_the_files_own_folder_and_a_tilde_at_home(
    settings_of: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/robin")
    settings = settings_of('[plugins]\npath = "~/plugins"\n[drafts]\ntemplates = "/x/../y"\n')
    assert (settings.plugins.path, settings.drafts.templates) == (Path("/home/robin/plugins"), Path("/y"))
    assert settings.archive.path == tmp_path / "archive"


def test_the_default_of_a_path_starts_there_too(settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    assert settings_of().plugins.path == tmp_path / "plugins"
