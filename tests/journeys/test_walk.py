"""The main job on real input: a real Dovecot over TLS, real mail, the real daemon."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from levelhead.archive.library import frame_of
from levelhead.archive.volumes import Volumes
from levelhead.store.api import MessageFilter
from levelhead.store.sqlite import open_store

if TYPE_CHECKING:
    from conftest import Home

Write = Callable[..., bytes]


def generated(count: int, seed: int) -> list[bytes]:
    """Messages of all kinds of shapes between me and the client, each different."""
    chance = random.Random(seed)
    words = [
        "draft",
        "site",
        "budget",
        "meeting",
        "text",
        "colour",
        "logo",
        "thanks",
        "please",
        "when",
        "our",
    ]
    made = []
    for number in range(count):
        mine = chance.random() < 0.3
        sender, to = ("me@studio.example", "maria@northwind.example")[:: 1 if mine else -1]
        body = "\r\n".join(" ".join(chance.choices(words, k=12)) for _ in range(chance.randint(1, 60)))
        eight_bit = "Grüße, à bientôt\r\n" if chance.random() < 0.3 else ""
        made.append(
            (
                f"From: {sender}\r\nTo: {to}\r\nSubject: Mail {seed}-{number}\r\n"
                f"Message-ID: <g{seed}.{number}@example>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
                f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n{eight_bit}"
            ).encode()
        )
    return made


def archived_bytes(archive: Path) -> dict[str, bytes]:
    store = open_store(archive / "index.sqlite", read_only=True)
    volumes = Volumes(archive / "volumes")
    try:
        return {row.id: volumes.read(frame_of(row)).read() for row in store.messages(MessageFilter())}
    finally:
        store.close()


@pytest.mark.sweep
def test_two_thousand_messages_are_archived_byte_identical_and_a_second_pass_fetches_nothing(
    home: Home,
) -> None:
    wanted = {}
    for seed, (folder, count) in enumerate({"INBOX": 900, "Sent": 700, "Archive": 400}.items()):
        messages = generated(count, seed)
        home.account.fill(folder, messages)
        wanted |= {hashlib.sha256(data).hexdigest(): data for data in messages}
    home.run("run", "--once")
    assert archived_bytes(home.archive) == wanted
    assert home.count("message.sighted") == 2000
    assert home.count("draft.held") == 0, "history makes no drafts"
    assert home.count("alert.raised") == 0, "history makes no alerts"
    assert home.json("verify", "--deep")["ok"]

    size = len(home.account.server.log())
    home.run("run", "--once")
    assert home.count("message.archived") == 2000
    assert home.count("message.sighted") == 2000
    tail = home.account.server.log()[size:]
    logouts = [line for line in tail.splitlines() if home.account.user in line and "body_count=" in line]
    assert logouts
    assert all("hdr_count=0" in line and "body_count=0" in line for line in logouts), logouts


def test_a_heated_message_is_noticed_by_idle_judged_held_and_its_draft_placed_once_and_threaded(
    home: Home, write: Write, heated: str
) -> None:
    first = write("Hello, when can we see the site?", own_id="<a1@northwind.example>")
    mine = write(
        "By Friday.", sender="me@studio.example", to="maria@northwind.example",
        own_id="<b1@studio.example>", references=("<a1@northwind.example>",),
    )  # fmt: skip
    home.account.append("INBOX", first)
    home.account.append("Sent", mine)
    home.start()
    hot = write(
        heated, own_id="<a2@northwind.example>", subject="Re: Website",
        references=("<a1@northwind.example>", "<b1@studio.example>"),
        more="Reply-To: Maria Keller <maria.direct@northwind.example>\r\n",
    )  # fmt: skip
    home.account.append("INBOX", hot)
    seconds = home.until(lambda: home.count("draft.held"))
    print(f"from delivery to a held draft: {seconds:.2f} s")
    held = home.of("draft.held")[0]
    assert held.release_at > held.created_at
    assert not home.account.read("Drafts"), "nothing stands in Drafts before the cool-down has ended"

    home.until(lambda: home.count("draft.placed"))
    drafts = home.account.read_all("Drafts")
    assert len(drafts) == 1
    ((data, flags),) = drafts.values()
    draft = message_from_bytes(data, policy=default)
    assert draft["In-Reply-To"] == "<a2@northwind.example>"
    assert draft["References"].split() == [
        "<a1@northwind.example>",
        "<b1@studio.example>",
        "<a2@northwind.example>",
    ]
    assert "maria.direct@northwind.example" in draft["To"]
    assert "me@studio.example" in draft["From"]
    assert "\\Draft" in flags
    assert home.of("draft.placed")[0].stripped == ()

    home.until(lambda: home.phone.received)
    assert home.stop() == 0
    home.run("run", "--once")
    assert len(home.account.read("Drafts")) == 1, "a second look places nothing more"
    assert home.count("message.archived") == 3, "our own draft never enters the archive"


def test_an_answer_placed_in_sent_first_cancels_the_draft_and_answers_the_alert(
    home: Home, write: Write, heated: str
) -> None:
    home.write_config(cooldown="8s")
    home.start()
    home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
    home.until(lambda: home.count("draft.held"))
    mine = write(
        "I will call you in ten minutes.", sender="me@studio.example", to="maria@northwind.example",
        own_id="<b2@studio.example>", references=("<a2@northwind.example>",),
    )  # fmt: skip
    home.account.append("Sent", mine)
    home.until(lambda: home.count("draft.superseded"))
    home.until(lambda: home.count("alert.answered"))
    assert home.lines("held") == []
    assert home.stop() == 0
    assert not home.account.read("Drafts")


def test_an_answer_that_comes_while_nobody_looks_still_cancels_the_draft_before_it_is_placed(
    home: Home, write: Write, heated: str
) -> None:
    home.run("run", "--once")
    home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
    home.run("run", "--once")
    assert home.count("draft.held") == 1
    mine = write(
        "Let us talk tomorrow.", sender="me@studio.example", to="maria@northwind.example",
        own_id="<b2@studio.example>", references=("<a2@northwind.example>",),
    )  # fmt: skip
    home.account.append("Sent", mine)
    due = home.of("draft.held")[0].release_at.timestamp()
    home.until(lambda: time.time() > due)
    home.run("run", "--once")
    assert home.count("draft.superseded") == 1
    assert not home.account.read("Drafts")


def test_an_alert_climbs_until_it_is_acknowledged(home: Home, write: Write, heated: str) -> None:
    home.write_config(
        more="""
[escalation]
repeat = "1s"

[[escalation.rung]]
after = "0s"
notify = ["phone"]

[[escalation.rung]]
after = "1s"
notify = ["phone"]
"""
    )
    home.start()
    home.account.append("INBOX", write(heated))
    home.until(lambda: len(home.phone.received) >= 3)
    key = home.lines("alerts")[0]["key"]
    home.run("ack", key)
    told = len(home.phone.received)
    home.account.append("INBOX", write("One more thing, please.", own_id="<a9@northwind.example>"))
    home.until(lambda: home.count("message.judged") >= 2)
    home.until(lambda: home.lines("alerts", "--all")[0]["state"] == "acknowledged")
    home.until(lambda: home.count("draft.held") >= 2)
    assert len(home.phone.received) <= told + 1, "one may have been on its way, no more"
    assert all("unacceptable" not in str(rung) for rung in home.phone.received), "an alert is shielded"


def test_a_bad_file_on_reload_leaves_the_old_configuration_running_and_alerts(
    home: Home, write: Write
) -> None:
    home.start()
    good = home.config.read_text()
    home.config.write_text(good.replace("[clients]", "[cleints]"))
    home.hang_up()
    home.until(lambda: home.count("config.refused"))
    home.until(lambda: any(alert.rule == "config-refused" for alert in home.of("alert.raised")))
    home.account.append("INBOX", write("Still watching?"))
    home.until(lambda: home.count("message.judged"))
    home.config.write_text(good.replace('name = "Sam"', 'name = "Samuel"'))
    home.hang_up()
    home.until(lambda: home.count("config.loaded") == 2)
    home.until(lambda: home.count("alert.resolved"))
    assert home.stop() == 0


def test_a_second_daemon_on_the_same_archive_is_refused_in_one_sentence(home: Home) -> None:
    home.start()
    second = home.run("run", check=False)
    assert second.returncode == 3
    assert str(home.daemon.pid).encode() in second.stderr
    assert b"Traceback" not in second.stderr


def test_a_wrong_password_stops_the_mailbox_and_alerts_without_hammering_the_server(home: Home) -> None:
    (home.path / "password").write_text("not the password")
    done = home.run("run", "--once", check=False)
    assert done.returncode == 3
    assert home.of("mailbox.lost")[0].kind == "login"
    assert any(alert.rule.startswith("mailbox") for alert in home.of("alert.raised"))
    status = home.json("status")
    assert status["mailboxes"][0]["state"] == "lost"
    assert status["mailboxes"][0]["error"]


def test_a_poke_after_an_insult_does_not_bring_the_answer_at_once(
    home: Home, write: Write, heated: str
) -> None:
    home.write_config(cooldown="1h")
    home.start()
    home.account.append("INBOX", write(heated, own_id="<a2@northwind.example>"))
    home.until(lambda: home.count("draft.held") == 1)
    first = home.of("draft.held")[0]
    home.account.append(
        "INBOX", write("Well?", own_id="<a3@northwind.example>", references=("<a2@northwind.example>",))
    )
    home.until(lambda: home.count("draft.held") == 2)
    second = home.of("draft.held")[1]
    assert second.release_at >= first.release_at
    assert home.count("draft.superseded") == 1
    assert "has not cooled down" in second.why
