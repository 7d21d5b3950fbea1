"""What the daemon keeps to itself, and that it can live with the little that its unit leaves it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers.requirements import lacking, require

if TYPE_CHECKING:
    from conftest import Home
    from servers.dovecot import Dovecot

Write = Callable[..., bytes]

pytestmark = [pytest.mark.sweep, pytest.mark.server]

ROOT = Path(__file__).parents[2]
NOBODY = 65534
PLUGIN = "from levelhead import hookimpl\n\n\n@hookimpl\ndef detect(message):\n    return None\n"

CANARIES = {
    "password": "correct horse battery staple",
    "credential": "canary-credential-7f3a",
    "command": "canary-command-91bc",
    "url": "canary-in-url-55d0",
    "url_file": "canary-url-file-e2e2",
    "environment": "canary-environment-0c0c",
}


ALL = (
    "import sys; from levelhead.cli import main\n"
    "for line in sys.argv[2:]: main(['--config', sys.argv[1], *line.split(), '--json'])"
)
"""Runs several command lines in one process, which saves their starts."""


def workers(pid: int) -> list[int]:
    """The processes in which a daemon's plugins run."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return [
        child
        for child in found
        if b"levelhead.screening.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def with_plugin(home: Home) -> str:
    (home.path / "plugins").mkdir(mode=0o700)
    (home.path / "plugins" / "mine.py").write_text(PLUGIN)
    return '[plugins]\npath = "plugins"\n'


def private(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_no_secret_is_in_an_argument_a_child_a_log_an_alert_an_output_or_the_archive(
    home: Home, write: Write, heated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.path / "credentials").mkdir(mode=0o700)
    private(home.path / "credentials" / "office", CANARIES["credential"])
    private(home.path / "shop", CANARIES["command"])
    private(home.path / "pager", f"json://x:{CANARIES['url_file']}@127.0.0.1:{home.phone.port}")
    other = (
        f'host = "127.0.0.1"\nport = {home.account.port}\nca_file = "{home.account.ca_file}"\nuser = "no"\n'
    )
    home.write_config(
        more=with_plugin(home)
        + f'[[mailbox]]\nname = "office"\ncredential = "office"\n{other}'
        + f'[[mailbox]]\nname = "shop"\npassword_command = "cat {home.path}/shop"\n{other}'
        + '[channels.pager]\nurl_file = "pager"\n'
    )
    url = f"json://x:{CANARIES['url']}@127.0.0.1"
    home.config.write_text(home.config.read_text().replace("json://127.0.0.1", url))
    home.config.chmod(0o600)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(home.path / "credentials"))
    monkeypatch.setenv("OPENAI_API_KEY", CANARIES["environment"])
    home.start()
    home.account.append("INBOX", write(heated))
    home.until(lambda: home.count("draft.placed") and home.count("alert.notified") >= 3)
    home.until(lambda: len({fact.mailbox for fact in home.of("mailbox.lost")}) >= 2)
    assert home.daemon is not None
    (worker,) = workers(home.daemon.pid)
    seen = {
        "arguments": Path(f"/proc/{home.daemon.pid}/cmdline").read_bytes(),
        "arguments of the worker": Path(f"/proc/{worker}/cmdline").read_bytes(),
        "environment of the worker": Path(f"/proc/{worker}/environ").read_bytes(),
        "what was delivered": str(home.phone.received).encode(),
    }
    assert b"worker" in seen["arguments of the worker"] and b"PATH=" in seen["environment of the worker"]
    assert CANARIES["environment"].encode() in Path(f"/proc/{home.daemon.pid}/environ").read_bytes()
    message = home.of("message.archived")[0].id
    lines = (
        *(
            ["status"],
            ["messages"],
            ["show", message],
            ["explain", message],
            ["held", "--all"],
            ["alerts", "--all"],
        ),
        *(["check"], ["plugins"], ["search", "lawyer"], ["verify", "--deep"]),
    )
    said = subprocess.run(
        [sys.executable, "-c", ALL, str(home.config), *map(" ".join, lines)], capture_output=True, timeout=120
    )
    seen["what commands say"] = said.stdout + said.stderr
    assert said.stdout.count(b"{") >= len(lines), said.stderr
    assert home.stop() == 0
    for path in [*home.path.glob("daemon*.log"), *home.archive.rglob("*")]:
        if path.is_file():
            seen[str(path)] = path.read_bytes()
    for name, canary in CANARIES.items():
        assert [where for where, data in seen.items() if canary.encode() in data] == [], name


@pytest.mark.parametrize("before", [None, 0o777], ids=["a new folder", "a folder that was open to all"])
def test_whatever_the_umask_nobody_else_may_read_a_file_of_the_archive(
    home: Home, write: Write, heated: str, before: int | None
) -> None:
    if before is not None:
        home.archive.mkdir()
        home.archive.chmod(before)
    home.write_config(more=with_plugin(home))
    ask = home.path / "ask"
    ask.write_text(f"#!/bin/sh\numask > {home.path}/umask\ncat {home.path}/password\n")
    ask.chmod(0o700)
    home.config.write_text(
        home.config.read_text().replace('password_file = "password"', f'password_command = "{ask}"')
    )
    words = [sys.executable, "-m", "levelhead", "--config", str(home.config)]
    loose = ["sh", "-c", 'umask 0; exec "$@"', "sh"]
    home.logs += 1
    with (home.path / f"daemon{home.logs}.log").open("wb") as log:
        home.daemon = subprocess.Popen([*loose, *words, "run"], stdout=log, stderr=log)
    home.until(lambda: home.count("mailbox.watched"))
    home.account.append("INBOX", write(heated))
    home.until(lambda: home.count("draft.placed"))
    added = subprocess.run(
        [*loose, *words, "add", "-"], input=write("Old.", own_id="<o@x.example>"), check=True, timeout=60
    )
    assert added.returncode == 0
    assert home.stop() == 0
    assert (home.path / "umask").read_text() == "0077\n", "what it starts inherits it"
    paths = [home.archive, *home.archive.rglob("*")]
    print(f"{len(paths)} files and folders")
    assert [(str(path), oct(path.stat().st_mode)) for path in paths if path.stat().st_mode & 0o077] == []


def test_a_daemon_that_is_made_to_crash_leaves_no_core(home: Home) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard != resource.RLIM_INFINITY and os.geteuid() != 0:
        lacking("core files are forbidden here (ulimit -c), so nothing can be shown: run this test as root")
    (home.path / "cwd").mkdir()
    command = ["sh", "-c", 'ulimit -c unlimited; cd "$0"; exec "$@"', str(home.path / "cwd")]
    plain = subprocess.Popen([*command, "sleep", "60"])
    # Before that it is the shell, which may not have lifted the limit yet.
    home.until(lambda: Path(f"/proc/{plain.pid}/cmdline").read_bytes().startswith(b"sleep\0"))
    dumped = aborted(plain)
    for left in (home.path / "cwd").iterdir():
        left.unlink()
    words = [sys.executable, "-m", "levelhead", "--config", str(home.config), "run"]
    with (home.path / "daemon9.log").open("wb") as log:
        home.daemon = subprocess.Popen([*command, *words], stdout=log, stderr=log)
    home.until(lambda: home.count("mailbox.watched"))
    daemon, home.daemon = home.daemon, None
    assert not aborted(daemon)
    assert list((home.path / "cwd").iterdir()) == []
    if not dumped:
        lacking("this machine writes no core files at all (kernel.core_pattern), so nothing was shown")


def aborted(process: subprocess.Popen[bytes]) -> bool:
    """SIGABRT; whether the kernel says that it has written a core."""
    while Path(f"/proc/{process.pid}/comm").read_text().strip() == "sh":
        os.sched_yield()
    process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = -os.WTERMSIG(status)
    return os.WCOREDUMP(status)


@pytest.fixture
def open_home(make_home: Callable[[Path], Home], dovecot: Dovecot) -> Iterator[Home]:
    """A home that belongs to nobody, in a place that nobody can reach."""
    folder = Path(tempfile.mkdtemp(prefix="lhconf-", dir="/tmp"))
    folder.chmod(0o755)
    home = make_home(folder / "home")
    yield home
    if home.daemon is not None and home.daemon.poll() is None:
        home.kill()
    shutil.rmtree(folder)


TRIES = """
import errno, mmap, os, pathlib, socket, sys

def refused(act, *args, **named):
    try:
        act(*args, **named)
    except OSError as exc:
        return errno.errorcode[exc.errno]
    return "done"

print(
    refused(mmap.mmap, -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    refused(os.setpriority, os.PRIO_PROCESS, 0, 1),
    refused(os.chroot, "/"),
    refused(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW),
    refused(pathlib.Path("/etc/written").touch),
    refused(pathlib.Path("/tmp/written").touch),
    refused(pathlib.Path(sys.argv[1], "written").touch),
    "1" in os.listdir("/proc"),
)
"""


def confined(home: Home, *words: str) -> list[str]:
    """A command line under the restrictions of the unit, with this home as its state."""
    script, unit = ROOT / "tests" / "servers" / "confined.py", ROOT / "systemd" / "levelhead.service"
    kept = str(home.account.ca_file.parent)
    return [sys.executable, str(script), str(unit), str(home.path), kept, "--", sys.executable, *words]


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        lacking("the restrictions of the unit are put on by root: run this test as root")
    require("systemd-analyze", "systemd")


@pytest.mark.usefixtures("as_root")
def test_the_restrictions_of_the_unit_are_really_on(open_home: Home) -> None:
    os.chown(open_home.path, NOBODY, NOBODY)
    said = subprocess.run(
        confined(open_home, "-c", TRIES, str(open_home.path)),
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
    )
    assert said.stdout.split() == [
        *("EACCES", "EPERM", "EPERM", "EPERM", "EROFS", "done", "done", "False"),
    ], said.stderr


@pytest.mark.usefixtures("as_root")
def test_a_whole_journey_passes_under_the_restrictions_of_the_unit(
    open_home: Home, write: Write, heated: str
) -> None:
    home = open_home
    home.write_config(more=with_plugin(home))
    for path in [home.path, *home.path.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    words = confined(home, "-m", "levelhead", "--config", str(home.config), "run")
    home.logs += 1
    with (home.path / f"daemon{home.logs}.log").open("wb") as log:
        home.daemon = subprocess.Popen(words, stdout=log, stderr=log, cwd="/")
    # Not by its index yet: root, who looks before there is one, would make files there that nobody cannot open.
    home.until(lambda: '"mailbox.watched"' in home.log())
    daemon = home.daemon.pid
    (worker,) = workers(daemon)
    for pid in (daemon, worker):
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["Uid"].split() == [str(NOBODY)] * 4
        assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapEff"], 16)) == ("1", "2", 0)
        assert int(status["CapBnd"], 16) == 0
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0, "not even its own user can look into it"
        assert limits(pid)["Max core file size"] == ("0", "0")
    set_on_worker = limits(worker)
    print({name: value for name, value in set_on_worker.items() if value != limits(daemon)[name]})
    for name in ("Max data size", "Max cpu time", "Max processes", "Max file size", "Max open files"):
        assert set_on_worker[name][0] != "unlimited", name
    home.account.append("INBOX", write(heated))
    home.until(lambda: home.count("draft.placed") and home.phone.received)
    home.hang_up()
    home.until(lambda: home.count("config.loaded") == 2)
    home.account.append("INBOX", write("Thanks.", own_id="<m2@northwind.example>"))
    home.until(lambda: home.count("message.judged") == 2)
    assert home.stop() == 0
    log_text = home.log()
    assert "worker.unlimited" not in log_text and '"level": "error"' not in log_text
    assert home.json("verify", "--deep")["ok"]


def limits(pid: int) -> dict[str, tuple[str, str]]:
    """The soft and the hard limits of a process, by the kernel's own names."""
    rows = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {row[:26].strip(): (row[26:].split()[0], row[26:].split()[1]) for row in rows}
