"""Plugins that hang and crash in the real daemon: mail flows, holds grow, an alert says so, a reload mends it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]

pytestmark = [pytest.mark.sweep, pytest.mark.server]

HEAD = "import os, subprocess, time\nfrom levelhead import *\n\n\n@hookimpl\n"
GOOD = HEAD + "def detect(message): return Finding('seen', 0.0)\n"
BAD = {
    "a_hangs": HEAD + "def detect(message): time.sleep(600)\n",
    "b_crashes": HEAD + "def detect(message): os.kill(os.getpid(), 11)\n",
}
HOUR = timedelta(hours=1)
STRIKES = 5


def plugin(home: Home, name: str, code: str) -> None:
    folder = home.path / "plugins"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{name}.py").write_text(code)


def calm(write: Write, number: int) -> bytes:
    """A friendly mail in a conversation of its own, whose answer needs no cooling down."""
    return write(
        f"Thank you, all is well. {number}", own_id=f"<c{number}@northwind.example>", subject=f"No {number}"
    )


def alerts(home: Home, rule: str) -> set[str]:
    """What open alerts of this rule are about."""
    found = (one["rule"].partition(":") for one in home.lines("alerts"))
    return {subject for name, _, subject in found if name == rule}


def test_plugins_that_hang_and_crash_lengthen_holds_until_a_reload_mends_them(
    home: Home, write: Write
) -> None:
    home.write_config(cooldown="1h", more='[plugins]\ntimeout = "1s"\n')
    for name, code in BAD.items():
        plugin(home, name, code)
    plugin(home, "c_good", GOOD)
    home.start()
    for number in range(STRIKES):
        home.account.append("INBOX", calm(write, number))
        seconds = home.until(lambda number=number: home.messages() == number + 1)
        print(f"archived after {seconds:.1f} s beside plugins that hang and crash")
        assert seconds < 15, "the mail flow waits for nobody's plugin"
    home.until(lambda: home.count("plugin.set_aside") == 2)
    home.until(lambda: home.count("message.judged") == STRIKES)
    for judged in home.of("message.judged"):
        assert not judged.complete
        said = {call.plugin: call.error for call in judged.calls if call.hook == "detect"}
        assert said["a-hangs"] and said["b-crashes"] and not said["c-good"] and not said["tone"]
    held = home.of("draft.held")
    assert len(held) == STRIKES
    assert all(one.release_at - one.created_at >= HOUR for one in held), "held as a heated one is"
    assert alerts(home, "plugin-set-aside") == {"a-hangs", "b-crashes"}
    assert all("reload" in one["body"] for one in home.lines("alerts"))
    home.until(lambda: any("a-hangs" in str(one) for one in home.phone.received))

    for name in BAD:
        plugin(home, name, GOOD)
    home.hang_up()
    home.until(lambda: home.count("alert.resolved") >= 2)
    assert alerts(home, "plugin-set-aside") == set()
    home.account.append("INBOX", calm(write, 99))
    home.until(lambda: home.count("message.judged") == STRIKES + 1)
    assert home.of("message.judged")[-1].complete
    home.until(lambda: home.count("draft.placed") == 1)
    assert home.stop() == 0


def test_sigterm_ends_a_daemon_whose_plugin_hangs_and_all_that_the_plugin_started(
    home: Home, write: Write
) -> None:
    home.write_config(more='[plugins]\ntimeout = "60s"\n')
    mark = home.path / "started"
    plugin(
        home,
        "hangs",
        HEAD + "def detect(message):\n"
        "    child = subprocess.Popen(['sleep', '600'], start_new_session=True, env={})\n"
        f"    open({str(mark)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')\n"
        "    time.sleep(600)\n",
    )
    home.start()
    home.account.append("INBOX", calm(write, 1))
    home.until(lambda: mark.exists() and mark.read_text().endswith(" "))
    _gone_in_time(home, [int(pid) for pid in mark.read_text().split()])
    assert home.count("message.judged") == 0, (
        "a verdict that was cut short is none: it is judged at the next start"
    )


def test_sigterm_ends_a_daemon_whose_plugin_hangs_while_it_is_loaded(home: Home) -> None:
    home.write_config(more='[plugins]\ntimeout = "60s"\n')
    mark = home.path / "started"
    loads = f"import os, time\nopen({str(mark)!r}, 'w').write(f'{{os.getpid()}} ')\ntime.sleep(600)\n"
    plugin(home, "hangs", loads)
    home.start(wait=False)
    home.until(lambda: mark.exists() and mark.read_text().endswith(" "))
    _gone_in_time(home, [int(mark.read_text())])


def test_sigterm_ends_a_single_pass_in_which_a_plugin_hangs(home: Home, write: Write) -> None:
    home.write_config(more='[plugins]\ntimeout = "60s"\n')
    mark = home.path / "started"
    plugin(
        home,
        "hangs",
        HEAD
        + f"def detect(message):\n    open({str(mark)!r}, 'w').write(f'{{os.getpid()}} ')\n    time.sleep(600)\n",
    )
    home.account.append("INBOX", calm(write, 1))
    home.start(wait=False, words=("run", "--once"))
    home.until(lambda: mark.exists() and mark.read_text().endswith(" "))
    _gone_in_time(home, [int(mark.read_text())])


def _gone_in_time(home: Home, pids: list[int]) -> None:
    """SIGTERM: the daemon ends in time and with 0, and so does everything of its plugins."""
    begin = time.monotonic()
    assert home.stop() == 0
    seconds = time.monotonic() - begin
    print(f"from SIGTERM to the end: {seconds:.1f} s")
    assert seconds < 10
    for pid in pids:
        while _running(pid):
            assert time.monotonic() < begin + 20, "something of the plugin still runs"
            time.sleep(0.02)


def _running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z" and os.getpid() != pid
