"""The shipped units: how little they may do, by systemd's own count, and that the daemon can live with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from levelhead.config.load import settings_of as load_settings
from levelhead.config.sign_in import token_file_of

UNITS = Path(__file__).parents[1] / "systemd"
LIMITS = {"levelhead.service": 1.1, "levelhead-user.service": 5.0}
"""The exposure that `systemd-analyze security --offline=true` may find (0 to 10, lower is better).

The user's unit is counted as if root ran it: half of its number is capabilities that a user does not have.
"""

FORBIDDEN = (
    "import ctypes, mmap, sys\n"
    "if ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0) != 0: sys.exit(77)\n"  # PR_SET_MDWE, Linux 6.3
    "try:\n"
    "    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
    "except OSError:\n"
    "    pass\n"
    "else:\n"
    "    sys.exit(78)\n"
)
USES = (
    "import apprise, fast_mail_parser, pluggy, pydantic, rich.console, sqlite3, ssl, structlog, tenacity, typer\n"
    "import imapclient, zstandard\n"
    "from selectolax.lexbor import LexborHTMLParser\n"
    "assert LexborHTMLParser('<p>hi').text() == 'hi'\n"
    "assert zstandard.decompress(zstandard.compress(b'hi')) == b'hi'\n"
    "assert fast_mail_parser.parse_email(b'Subject: hi\\r\\n\\r\\nhi').subject == 'hi'\n"
    "assert sqlite3.connect(':memory:').execute('select 1').fetchone() == (1,)\n"
    "assert pydantic.TypeAdapter(int).validate_python('1') == 1\n"
    "ssl.create_default_context()\n"
    "assert apprise.Apprise().add('json://127.0.0.1:1/')\n"
    "rich.console.Console().print('hi')\n"
    "import levelhead.config.load, levelhead.log\n"
    "import levelhead.cli.app, levelhead.daemon.app, levelhead.screening.worker\n"
    "try:\n"
    "    import holidays\n"
    "except ImportError:\n"
    "    pass\n"
    "else:\n"
    "    assert holidays.country_holidays('DE', years=2026)\n"
)


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        if os.environ.get("LEVELHEAD_REQUIRE") == "all":
            pytest.fail("systemd-analyze is missing: install the package systemd")
        pytest.skip("systemd-analyze is missing: install the package systemd")
    return found


@pytest.mark.server
@pytest.mark.parametrize("unit", LIMITS)
def test_a_unit_may_do_no_more_than_it_needs(analyze: str, unit: str) -> None:
    command = [analyze, "security", "--offline=true", "--no-pager", str(UNITS / unit)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unrecognized option" in said.stderr:
        pytest.skip("this systemd-analyze cannot judge a file: it takes systemd 250 or newer")
    match = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)
    assert match, said.stderr
    print(f"{unit}: exposure {match[1]}")
    assert float(match[1]) <= LIMITS[unit]


@pytest.mark.server
@pytest.mark.parametrize("unit", LIMITS)
def test_systemd_finds_nothing_wrong_with_a_unit(analyze: str, unit: str, tmp_path: Path) -> None:
    text = (UNITS / unit).read_text()
    # Where the program will be installed there is nothing yet, which is the one thing it may complain of.
    there = tmp_path / unit
    there.write_text(re.sub(r"^(Exec\w+=)\S+", r"\1/bin/true", text, flags=re.MULTILINE))
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    manager = ["--user"] if "user" in unit else []
    command = [analyze, *manager, "verify", "--man=no", str(there)]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)
    complaints = [line for line in said.stderr.splitlines() if unit in line]
    assert (said.returncode, complaints) == (0, [])


def settings_of(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("unit", LIMITS)
def test_a_unit_is_started_watched_reloaded_and_ended_as_the_daemon_expects(unit: str) -> None:
    settings = settings_of(unit)
    assert settings["Type"] == ["notify"]
    assert "WatchdogSec" in settings
    assert settings["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert settings["TimeoutStopSec"] == ["10s"]
    assert settings["LimitCORE"] == ["0"] and settings["UMask"] == ["0077"]
    assert settings["RestartPreventExitStatus"] == ["2"]
    assert "levelhead run --config" in settings["ExecStart"][0]


@pytest.mark.parametrize("unit", LIMITS)
def test_the_page_says_why_each_line_of_a_unit_is_there(unit: str) -> None:
    page = (UNITS.parent / "docs" / "how-to" / "systemd.md").read_text()
    named = set(re.findall(r"`([A-Z]\w+)=?", page))
    usual = {"Description", "Documentation", "WantedBy", "Group"}
    assert set(settings_of(unit)) - usual <= named


def test_the_steps_of_the_page_make_every_folder_that_its_configuration_names() -> None:
    page = (UNITS.parent / "docs" / "how-to" / "systemd.md").read_text()
    made = set(re.findall(r"/etc/levelhead\S*", "\n".join(re.findall(r"install -d (.*)", page))))
    named = re.findall(r'^path = "(.*)"$', page, re.M)
    state = f"/var/lib/{settings_of('levelhead.service')['StateDirectory'][0]}"
    assert state in named and "/etc/levelhead/plugins" in named
    assert set(named) - {state} <= made
    config = settings_of("levelhead.service")["ExecStart"][0].split("--config ")[1]
    assert f"/etc/levelhead/{Path(config).name}" == config and config in page
    homes = "".join(re.findall(r"mkdir -p (.*)", page)).split()
    assert {"~/.config/levelhead/plugins", "~/.local/share/levelhead"} <= set(homes)
    assert settings_of("levelhead-user.service")["ReadWritePaths"] == [
        "%h/.local/share/levelhead",
        "-%h/.local/share/levelhead-sign-ins",
    ]


def test_both_units_may_write_where_a_sign_in_is_kept_by_default(tmp_path: Path) -> None:
    for unit, archive in [
        ("levelhead.service", "/var/lib/levelhead"),
        ("levelhead-user.service", "%h/.local/share/levelhead"),
    ]:
        config = (
            f'[me]\naddresses = ["me@x"]\n[archive]\npath = "{archive}"\n[[mailbox]]\nname = "office"\nhost = "h"\n'
            'user = "me"\noauth2 = { provider = "google", client_id = "x" }\n'
        )
        settings = load_settings(config.encode(), tmp_path / "levelhead.toml")
        folder = str(token_file_of(settings, settings.mailboxes[0]).path.parent)
        writes = settings_of(unit).get("ReadWritePaths", []) + [
            f"/var/lib/{name}" for name in settings_of(unit).get("StateDirectory", [])
        ]
        assert any(folder.endswith(path.lstrip("-")) for path in writes), (unit, folder)


def test_the_wheels_run_where_no_memory_is_writable_and_executable() -> None:
    said = subprocess.run(
        [sys.executable, "-c", FORBIDDEN + USES], capture_output=True, text=True, timeout=120, check=False
    )
    if said.returncode == 77:
        pytest.skip("this kernel cannot forbid writable and executable memory: it takes Linux 6.3 or newer")
    assert said.returncode == 0, said.stderr
