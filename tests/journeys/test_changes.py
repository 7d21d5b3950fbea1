"""The configuration changes while drafts are held and alerts are open: nothing hangs, nothing is forgotten."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Home
    from servers.dovecot import Dovecot

Write = Callable[..., bytes]

CLIENT = '[[client]]\nname = "Northwind"\naddresses = ["*@northwind.example"]\n'


def edit(home: Home, old: str, new: str, *, reload: bool = True) -> None:
    """Change the configuration, and have a running daemon take it."""
    text = home.config.read_text()
    assert old in text
    home.config.write_text(text.replace(old, new))
    if reload:
        before = home.count("config.loaded")
        home.hang_up()
        home.until(lambda: home.count("config.loaded") > before)


def test_a_correspondent_who_is_listed_meanwhile_can_still_be_answered(
    home: Home, write: Write, heated: str
) -> None:
    home.write_config(cooldown="1h")
    edit(home, CLIENT, "", reload=False)
    first = write(
        "Hello!", sender="me@studio.example", to="maria@northwind.example", own_id="<b0@studio.example>"
    )
    home.account.append("Sent", first)
    home.start()
    home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
    home.until(lambda: home.count("draft.held") and home.count("alert.raised"))
    edit(home, "[cooldown]", f"{CLIENT}\n[cooldown]")
    # The archive is relabelled after the configuration is loaded, and commands answer while that goes on.
    home.until(lambda: {one["client"] for one in home.lines("held")} == {"Northwind"})
    answer = write(
        "I call you.", sender="me@studio.example", to="maria@northwind.example",
        own_id="<b2@studio.example>", references=("<a2@northwind.example>",),
    )  # fmt: skip
    home.account.append("Sent", answer)
    home.until(lambda: home.count("draft.superseded") and home.count("alert.answered"))
    home.kill()
    assert home.json("verify", "--deep")["ok"]


def test_a_message_that_turns_out_to_be_my_own_is_answered_by_nobody(
    home: Home, write: Write, heated: str
) -> None:
    home.write_config(cooldown="1h", scope="everyone")
    home.start()
    home.account.append("INBOX", write(heated, sender="sam@other.example", own_id="<a2@other.example>"))
    home.until(lambda: home.count("draft.held") and home.count("alert.raised"))
    edit(home, '["me@studio.example"]', '["me@studio.example", "sam@other.example"]')
    home.until(lambda: home.count("draft.superseded") and home.count("alert.resolved"))


def test_a_channel_that_comes_later_is_told_what_waits(home: Home, write: Write, heated: str) -> None:
    channel = f'[channels.phone]\nurl = "json://127.0.0.1:{home.phone.port}"\n'
    edit(home, channel, "", reload=False)
    home.start()
    home.account.append("INBOX", write(heated))
    home.until(lambda: home.count("alert.raised"))
    edit(home, "[cooldown]", f"{channel}\n[cooldown]")
    home.until(lambda: home.phone.received)


def test_a_held_draft_whose_mailbox_is_gone_is_an_alert_and_cannot_be_released(
    home: Home, write: Write, heated: str
) -> None:
    home.write_config(cooldown="1h")
    home.start()
    home.account.append("INBOX", write(heated))
    home.until(lambda: home.count("draft.held"))
    key = home.of("draft.held")[0].key
    edit(home, 'name = "studio"', 'name = "office"')
    home.until(lambda: any(one.rule.startswith("draft-without-mailbox") for one in home.of("alert.raised")))
    refused = home.run("release", key, "--why", "we spoke", check=False)
    assert refused.returncode == 2
    assert b"studio" in refused.stderr
    edit(home, 'name = "office"', 'name = "studio"')
    home.until(lambda: home.count("alert.resolved"))


@pytest.mark.sweep
def test_a_wrong_password_with_a_draft_due_is_not_a_login_every_second(
    home: Home, dovecot: Dovecot, write: Write, heated: str
) -> None:
    home.write_config(cooldown="1s")
    home.run("run", "--once")
    home.account.append("INBOX", write(heated))
    home.run("run", "--once")
    due = home.of("draft.held")[0].release_at.timestamp()
    (home.path / "password").write_text("wrong")
    before = dovecot.log().count("auth failed")
    home.start(wait=False)
    home.until(lambda: home.count("alert.raised") >= 2)
    home.until(lambda: time.time() > due + 6)
    assert dovecot.log().count("auth failed") - before <= 1
    home.run("ack", next(one["key"] for one in home.lines("alerts") if "mailbox" in one["title"]))
    rings = len(home.phone.received)
    home.until(lambda: time.time() > due + 9)
    assert len(home.phone.received) == rings, "what was acknowledged does not ring again"


def test_a_plugin_that_was_taken_away_is_gone_and_its_alert_with_it(home: Home, write: Write) -> None:
    (home.path / "plugins").mkdir()
    broken = home.path / "plugins" / "broken.py"
    broken.write_text("this is no python\n")
    home.start()
    home.until(lambda: any(one.rule == "plugin-refused:broken" for one in home.of("alert.raised")))
    assert "broken" in {one["name"] for one in home.json("status")["plugins"]}
    broken.unlink()
    edit(home, 'name = "Sam"', 'name = "Samuel"')
    home.until(lambda: home.count("alert.resolved"))
    assert "broken" not in {one["name"] for one in home.json("status")["plugins"]}


def test_a_refused_configuration_that_was_mended_before_a_restart_is_no_trouble_any_more(home: Home) -> None:
    home.start()
    good = home.config.read_text()
    home.config.write_text(good.replace("[clients]", "[cleints]"))
    home.hang_up()
    home.until(lambda: home.count("alert.raised"))
    home.config.write_text(good)
    assert home.stop() == 0
    home.start()
    home.until(lambda: home.count("alert.resolved"))
    assert home.lines("alerts") == []


def test_a_slow_observer_delays_neither_an_alert_nor_the_end(home: Home, write: Write, heated: str) -> None:
    (home.path / "plugins").mkdir()
    slow = "import time\nfrom levelhead import hookimpl\n\n\n@hookimpl\ndef observe(fact):\n    time.sleep(0.3)\n"
    (home.path / "plugins" / "slow.py").write_text(slow)
    home.account.fill("INBOX", [write(f"Hello {n}.", own_id=f"<n{n}@northwind.example>") for n in range(100)])
    home.start()
    home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
    seconds = home.until(lambda: home.phone.received)
    print(f"from delivery to the phone beside a slow observer: {seconds:.1f} s")
    begin = time.monotonic()
    assert home.stop() == 0
    assert time.monotonic() - begin < 10


def test_status_says_when_nobody_watches(home: Home) -> None:
    home.start()
    said = json.loads(home.run("status", "--json").stdout)
    assert said["daemon"]["pid"] == home.daemon.pid
    assert not any("no daemon" in one for one in said["warnings"])
    home.kill()
    said = home.json("status")
    assert said["daemon"] == {"running": False, "pid": None, "since": None}
    assert any("no daemon is running: nothing is watched since 20" in one for one in said["warnings"])
