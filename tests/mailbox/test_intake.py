"""What one batch may hold: a commit and a FETCH are bounded by bytes and not only by how many messages there are."""

from __future__ import annotations

import re

import pytest

from levelhead.mailbox import bodies, intake


@pytest.mark.server
def test_a_commit_holds_no_more_bytes_than_a_batch_may(mailbox_account, connected, desk, mail, monkeypatch):
    monkeypatch.setattr(intake, "BATCH_BYTES", 5_000)
    mailbox_account.fill("INBOX", [mail(n, extra=f"X-Filler: {'x' * 1_900}\r\n") for n in range(10)])
    seen = []
    record = desk.record

    def watched(arrivals, cursor):
        seen.append((sum(each.raw.size for each in arrivals), cursor))
        record(arrivals, cursor)

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
