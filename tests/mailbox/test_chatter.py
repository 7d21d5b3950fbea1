"""Servers that count strangely or talk without end: a watcher waits all the same, and hears what is new."""

from __future__ import annotations

import re
import threading

import pytest

from servers.inbox import Inbox

OPENED = b"(EXAMINE|SELECT)"


def settle(seconds):
    """Let a server that would keep us spinning have that long."""
    threading.Event().wait(seconds)


def count(server, command):
    return sum(bool(re.match(rb"\S+ " + command, line)) for line in server.lines)


def test_a_server_without_uidnext_is_idled_with_and_not_asked_in_a_loop(
    scripted, watching, desk, mail, eventually
):
    server = scripted(Inbox([1, 2], mail, uidnext=None).script)
    watching(server)
    eventually(lambda: count(server, b"IDLE"))
    opened = count(server, OPENED)
    settle(0.3)
    assert len(desk.bodies) == 2
    assert count(server, OPENED) == opened <= 3 and count(server, b"IDLE") == 1


def test_news_of_a_server_without_uidnext_are_found(scripted, watching, desk, mail, eventually):
    inbox = Inbox([1], mail, uidnext=None)
    run = watching(scripted(inbox.script))
    eventually(lambda: ("INBOX", 1) in desk.bodies)
    inbox.uids.append(5)
    run.watcher.wake.set()
    eventually(lambda: ("INBOX", 5) in desk.bodies)


def test_the_newest_message_going_away_is_nothing_odd_where_there_is_no_uidnext(
    scripted, connected, desk, mail
):
    inbox = Inbox([1, 2, 3], mail, uidnext=None)
    connection = connected(scripted(inbox.script))
    desk.sync(connection)
    inbox.uids.remove(3)
    assert desk.sync(connection)["INBOX"].odd == ()
    assert [fact.uids for fact in desk.facts("message.vanished")] == [(3,)]
    assert desk.sync(connection)["INBOX"].skipped
    inbox.uids.append(4)
    assert desk.sync(connection)["INBOX"].archived == 1


CHATTER = {
    "the same number": {"idle": b"* 2 EXISTS\r\n"},
    "flags": {"idle": b"* 1 FETCH (FLAGS (\\Seen))\r\n"},
    "without uidnext": {"idle": b"* 2 EXISTS\r\n", "uidnext": None},
}


@pytest.mark.parametrize("how", CHATTER.values(), ids=CHATTER)
def test_a_server_that_chatters_during_each_idle_keeps_nobody_spinning(
    scripted, watching, desk, mail, eventually, how
):
    server = scripted(Inbox([1, 2], mail, **how).script)
    watching(server)
    eventually(lambda: count(server, b"IDLE"))
    settle(0.5)
    # The first word is heard at once, the second after a second, the third after two more.
    assert count(server, b"IDLE") <= 2 and count(server, OPENED) <= 5


def test_numbers_that_change_with_each_look_keep_nobody_spinning(scripted, watching, desk, mail, eventually):
    inbox = Inbox([1, 2], mail)
    inbox.modseq = 1
    server = scripted(inbox.script)
    watching(server)
    eventually(lambda: count(server, b"EXAMINE") > 1)
    settle(0.5)
    assert count(server, b"EXAMINE") <= 4


def test_the_bell_is_heard_in_the_pause_that_chatter_costs(
    scripted, watching, desk, mail, eventually, monkeypatch
):
    monkeypatch.setattr("levelhead.mailbox.pauses.IN_VAIN", 60.0)
    inbox = Inbox([1], mail, idle=b"* 1 EXISTS\r\n")
    server = scripted(inbox.script)
    run = watching(server)
    eventually(lambda: run.watcher._in_vain)
    inbox.uids.append(2)
    run.watcher.wake.set()
    eventually(lambda: ("INBOX", 2) in desk.bodies, 8)


def test_a_uidnext_that_goes_down_deletes_nothing_and_is_looked_at_again(scripted, connected, desk, mail):
    inbox = Inbox([1, 2, 5], mail)
    connection = connected(scripted(inbox.script))
    desk.sync(connection)
    inbox.uidnext = 3
    for _ in range(2):
        report = desk.sync(connection)["INBOX"]
        assert "UIDNEXT went down to 3 below UID 5" in report.odd[0]
        assert not report.skipped
    assert not desk.facts("message.vanished") and not desk.facts("folder.renumbered")
    assert len(desk.bodies) == 3
    assert desk.store.folder("post", "INBOX").last_uid == 5
    inbox.uidnext = 0
    inbox.uids.append(6)
    assert desk.sync(connection)["INBOX"].archived == 1
