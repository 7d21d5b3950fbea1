"""What one batch may hold: a commit and a FETCH are bounded by bytes and not only by how many messages there are."""

from __future__ import annotations

import re

import pytest

from levelhead.facts import FolderOpened
from levelhead.mailbox import bodies, intake
from levelhead.mailbox.plan import Gap, gaps_to
from servers.inbox import Inbox


@pytest.mark.server
def test_a_commit_holds_no_more_bytes_than_a_batch_may(mailbox_account, connected, desk, mail, monkeypatch):
    monkeypatch.setattr(intake, "BATCH_BYTES", 5_000)
    mailbox_account.fill("INBOX", [mail(n, extra=f"X-Filler: {'x' * 1_900}\r\n") for n in range(10)])
    seen = []
    record = desk.record

    def watched(arrivals, cursor):
        seen.append((sum(each.raw.size for each in arrivals), cursor))
        return record(arrivals, cursor)

    monkeypatch.setattr(desk, "record", watched)
    desk.sync(connected(mailbox_account))
    assert len(desk.bodies) == 10
    assert desk.batches == [3, 3, 3, 1]
    assert all(size < 5_000 + 2_100 for size, _ in seen), "the last message that still fits may go over"
    assert [cursor is not None for _, cursor in seen] == [False, False, False, True], "the cursor moves last"


@pytest.mark.server
def test_one_fetch_asks_for_no_more_bytes_than_a_group_may(
    mailbox_account, connected, desk, mail, monkeypatch
):
    monkeypatch.setattr(bodies, "GROUP_BYTES", 5_000)
    mailbox_account.fill("INBOX", [mail(n, extra=f"X-Filler: {'x' * 1_900}\r\n") for n in range(10)])
    connection = connected(mailbox_account)
    asked = []
    real = connection.fetch

    def fetch(uids, items, expect, *modifiers):
        if "BODY.PEEK[]" in items:
            asked.append(uids)
        return real(uids, items, expect, *modifiers)

    monkeypatch.setattr(connection, "fetch", fetch)
    desk.sync(connection)
    assert len(desk.bodies) == 10
    assert [many(uids) for uids in asked] == [2, 2, 2, 2, 2]


def many(uids):
    """How many UIDs a sequence set names."""
    pairs = re.findall(r"(\d+)(?::(\d+))?", uids)
    return sum(int(last or first) - int(first) + 1 for first, last in pairs)


def test_the_bounds_are_those_that_the_page_and_a_small_machine_can_bear():
    assert 50 <= intake.BATCH <= 200
    assert intake.BATCH_BYTES <= 32_000_000 and bodies.GROUP_BYTES <= 32_000_000


# --- what goes away, or comes in a shape that cannot be read --------------------------------------


class Deleting(Inbox):
    """Somebody deletes these messages after their heads were read."""

    gone = frozenset({2})

    def bodies(self, found):
        self.uids = [uid for uid in self.uids if uid not in self.gone]
        return super().bodies(found)


def test_a_message_that_is_deleted_between_its_head_and_its_body_is_no_gap(scripted, connected, desk, mail):
    connection = connected(scripted(Deleting([1, 2, 3], mail).script))
    report = desk.sync(connection)["INBOX"]
    assert report.gaps == () and report.archived == 2
    assert sorted(uid for _, uid in desk.bodies) == [1, 3]
    assert desk.sync(connection)["INBOX"].gaps == ()
    assert desk.store.folder("post", "INBOX").last_uid == 3
    assert not desk.facts("message.vanished"), "it was never here"


class Fleeting(Inbox):
    """Somebody deletes message 4 right after its body was read."""

    def bodies(self, found):
        told = super().bodies(found)
        self.uids = [uid for uid in self.uids if uid != 4]
        return told


def test_a_gap_that_came_with_the_news_and_was_deleted_after_that_ends_no_pass(
    scripted, connected, desk, mail
):
    connection = connected(scripted(Fleeting([1, 2, 3, 4], mail).script))
    now = desk.clock.now()
    with desk.store.transaction(now) as tx:  # an earlier pass ended before the cursor moved
        tx.record(FolderOpened(mailbox="post", folder="INBOX", uidvalidity=7, uidnext=1, opened_at=now))
        tx.set_meta("mailbox.gaps:post:INBOX:7", gaps_to({4: Gap(tries=1, tried_at=now)}))
    report = desk.sync(connection)["INBOX"]
    assert report.archived == 4 and report.gaps == ()


class Raving(Inbox):
    """Answers for the body of one message with a line of three megabytes that never comes to an end."""

    def bodies(self, found):
        if 2 in self.among(found[1]):
            return b'* 2 FETCH (UID 2 BODY[] "' + b"x" * 3_000_000
        return super().bodies(found)


def test_a_line_without_end_costs_one_message_and_is_told(
    scripted, watching, desk, mail, monkeypatch, eventually
):
    monkeypatch.setattr("levelhead.mailbox.pauses.QUICK", 0.01)
    run = watching(scripted(Raving([1, 2, 3], mail).script))
    eventually(lambda: any(kind == "messages" for kind, _ in run.told))
    assert sorted(uid for _, uid in desk.bodies) == [1, 3]
    assert "2" in desk.store.meta("mailbox.gaps:post:INBOX:7")
    assert desk.store.folder("post", "INBOX").last_uid == 3
