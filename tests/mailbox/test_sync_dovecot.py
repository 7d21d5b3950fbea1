"""Passes over a real Dovecot: every byte comes once, and what happened on the server is noted as what it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from levelhead.clock import FrozenClock

pytestmark = pytest.mark.server


@dataclass
class Said:
    archive: bool
    reason: str = ""
    addresses: tuple[str, ...] = ()


def count_fetches(connection):
    """The UID FETCH items that this connection asks for from now on."""
    asked = []
    real = connection.fetch

    def fetch(uids, items, expect, *modifiers):
        asked.append((uids, items))
        return real(uids, items, expect, *modifiers)

    connection.fetch = fetch
    return asked


def test_two_thousand_messages_come_byte_for_byte_and_a_second_pass_fetches_none(
    mailbox_account, connected, desk, mail, record_property
):
    wrote = {}
    for folder, numbers in (
        ("INBOX", range(1000)),
        ("Sent", range(1000, 1700)),
        ("Archive", range(1700, 2000)),
    ):
        mailbox_account.fill(folder, [mail(n, lines=1 + n % 60) for n in numbers])
        wrote |= {(folder, uid): data for uid, data in mailbox_account.read(folder).items()}
    connection = connected(mailbox_account)
    began = desk.clock.monotonic()
    reports = desk.sync(connection)
    record_property("messages_per_second", round(2000 / (desk.clock.monotonic() - began)))
    assert desk.bodies == wrote
    assert sum(report.archived for report in reports.values()) == 2000
    assert all(desk.history.values())
    asked = count_fetches(connection)
    again = desk.sync(connection)
    assert not asked
    assert all(report.skipped for report in again.values())


def test_a_new_watcher_after_a_restart_fetches_nothing_again(mailbox_account, connected, desk, mail):
    mailbox_account.fill("INBOX", [mail(n) for n in range(50)])
    desk.sync(connected(mailbox_account))
    desk.memory = type(desk.memory)()
    connection = connected(mailbox_account)
    asked = count_fetches(connection)
    desk.sync(connection)
    assert not asked


def test_what_comes_after_the_first_look_is_news(mailbox_account, connected, desk, mail):
    mailbox_account.append("INBOX", mail(1))
    connection = connected(mailbox_account)
    desk.sync(connection)
    uid = mailbox_account.append("INBOX", mail(2))
    desk.sync(connection)
    assert desk.bodies["INBOX", uid] == mail(2)
    assert [desk.history[key] for key in sorted(desk.history)] == [True, False]


def test_what_is_moved_in_late_is_history(mailbox_account, connected, desk, mail):
    connection = connected(mailbox_account)
    desk.sync(connection)
    old = mailbox_account.append("INBOX", mail(1), date=datetime.now(UTC) - timedelta(hours=30))
    stale = mailbox_account.append("INBOX", mail(2), date=datetime.now(UTC) - timedelta(days=20))
    fresh = mailbox_account.append("INBOX", mail(3), date=datetime.now(UTC) - timedelta(minutes=20))
    desk.sync(connection)
    assert desk.history == {("INBOX", old): True, ("INBOX", stale): True, ("INBOX", fresh): False}


def test_a_changed_uidvalidity_deletes_nothing_and_looks_again(mailbox_account, connected, desk, mail):
    mailbox_account.fill("Archive", [mail(n) for n in range(5)], date=datetime.now(UTC) - timedelta(days=2))
    connection = connected(mailbox_account)
    desk.sync(connection)
    first = {data for (folder, _), data in desk.bodies.items() if folder == "Archive"}
    mailbox_account.recreate("Archive")
    news = mailbox_account.append("Archive", mail(99))
    desk.bodies.clear()
    desk.history.clear()
    desk.sync(connection)
    assert {data for (folder, _), data in desk.bodies.items() if folder == "Archive"} == first | {mail(99)}
    (renumbered,) = desk.facts("folder.renumbered")
    assert renumbered.new == mailbox_account.uidvalidity("Archive") != renumbered.old
    assert not desk.facts("message.vanished")
    assert not desk.history["Archive", news], "what came since the last pass is news"


def test_what_a_person_deletes_vanishes_here_too(mailbox_account, connected, desk, mail):
    mailbox_account.fill("INBOX", [mail(n) for n in range(5)])
    connection = connected(mailbox_account)
    desk.sync(connection)
    mailbox_account.expunge("INBOX", 2, 4)
    desk.sync(connection)
    assert [fact.uids for fact in desk.facts("message.vanished")] == [(2, 4)]
    assert desk.sync(connection)["INBOX"].skipped


def test_a_folder_that_is_suddenly_empty_is_believed_only_when_seen_twice(
    mailbox_account, connected, desk, mail
):
    mailbox_account.fill("INBOX", [mail(n) for n in range(5)])
    connection = connected(mailbox_account)
    desk.sync(connection)
    mailbox_account.expunge("INBOX", 1, 2, 3, 4, 5)
    assert desk.sync(connection)["INBOX"].odd
    assert not desk.facts("message.vanished")
    desk.sync(connection)
    assert [fact.uids for fact in desk.facts("message.vanished")] == [(1, 2, 3, 4, 5)]
    assert desk.sync(connection)["INBOX"].odd == ()


def test_changed_flags_are_noted_for_what_was_archived(mailbox_account, connected, desk, mail):
    mailbox_account.fill("INBOX", [mail(n) for n in range(3)])
    connection = connected(mailbox_account)
    desk.sync(connection)
    mailbox_account.store("INBOX", 2, "+FLAGS", r"(\Answered)")
    desk.sync(connection)
    (fact,) = desk.facts("message.flagged")
    assert (fact.uid, fact.flags) == (2, ("\\Answered",))


def test_reading_mail_does_not_change_its_flags(mailbox_account, connected, desk, mail):
    mailbox_account.append("INBOX", mail(1))
    desk.sync(connected(mailbox_account))
    assert "\\Seen" not in mailbox_account.flags("INBOX")[1]


def test_sent_is_read_first_and_excluded_mail_comes_when_the_scope_widens(
    mailbox_account, connected, desk, mail
):
    known: set[str] = set()

    def decide(head):
        assert b"line of" not in head, "decisions are made on headers alone"
        if b"stranger@" in head and "stranger@client.test" not in known:
            return Said(False, "scope", ("stranger@client.test",))
        return Said(True)

    desk.changes = {
        "decide": decide,
        "wanted_again": lambda excluded: bool(known & set(excluded.addresses)),
        "directory": lambda: frozenset(known),
    }
    mailbox_account.fill("INBOX", [mail(1), mail(2, sender="stranger@client.test")])
    mailbox_account.fill("Sent", [mail(3)])
    connection = connected(mailbox_account)
    assert list(desk.sync(connection)) == ["Sent", "INBOX", "Archive"]
    assert set(desk.bodies) == {("INBOX", 1), ("Sent", 1)}
    (fact,) = desk.facts("message.excluded")
    assert (fact.uid, fact.reason, fact.addresses) == (2, "scope", ("stranger@client.test",))
    known.add("stranger@client.test")
    desk.sync(connection)
    assert desk.bodies["INBOX", 2] == mail(2, sender="stranger@client.test")
    asked = count_fetches(connection)
    desk.sync(connection)
    assert not asked


MARK = "X-Levelhead-Draft: 0123456789abcdef\r\n"


@pytest.mark.parametrize("decide", [None, lambda head: Said(True)])
def test_our_own_drafts_never_come_in_unless_they_were_sent(mailbox_account, connected, desk, mail, decide):
    desk.changes = {"decide": decide}
    ours = mail(1, extra=MARK)
    mailbox_account.append("Archive", ours, flags=(r"\Draft",))
    mailbox_account.append("Sent", ours, flags=(r"\Draft",))
    desk.sync(connected(mailbox_account))
    assert list(desk.bodies) == [("Sent", 1)]
    assert [fact.reason for fact in desk.facts("message.excluded")] == ["own-draft" if decide else "draft"]


def test_nobody_keeps_mail_out_of_the_archive_by_bearing_our_mark(mailbox_account, connected, desk, mail):
    mailbox_account.append("INBOX", mail(1, extra=MARK))
    desk.changes = {"decide": lambda head: Said(True)}
    desk.sync(connected(mailbox_account))
    assert list(desk.bodies) == [("INBOX", 1)]
    assert not desk.facts("message.excluded")


@pytest.mark.parametrize("condstore", [True, False])
def test_a_draft_comes_in_when_it_is_finished(mailbox_account, connected, desk, mail, monkeypatch, condstore):
    connection = connected(mailbox_account)
    if not condstore:
        real = connection.examine
        monkeypatch.setattr(connection, "examine", lambda name: replace(real(name), highestmodseq=0))
    mailbox_account.append("Archive", mail(1), flags=(r"\Draft",))
    mailbox_account.append("Archive", mail(2), flags=(r"\Draft",))
    desk.sync(connection)
    desk.sync(connection)
    assert not desk.bodies
    assert [fact.reason for fact in desk.facts("message.excluded")] == ["draft", "draft"]
    desk.memory = type(desk.memory)()
    desk.sync(connection)
    mailbox_account.store("Archive", 2, "-FLAGS", r"(\Draft)")
    desk.sync(connection)
    assert list(desk.bodies) == [("Archive", 2)]
    mailbox_account.expunge("Archive", 1)
    desk.sync(connection)
    desk.sync(connection)
    assert len(desk.facts("message.excluded")) == 2
    assert desk.sync(connection)["Archive"].skipped, "no draft is left to look after"


def test_a_large_message_is_fetched_in_pieces(mailbox_account, connected, desk, mail, spooled):
    large = mail(1, lines=200_000)
    assert len(large) > 2_000_000
    mailbox_account.fill("INBOX", [large, mail(2)])
    desk.sync(connected(mailbox_account))
    assert desk.bodies == {("INBOX", 1): large, ("INBOX", 2): mail(2)}
    assert 0 < spooled.largest <= 1_000_000


@pytest.mark.parametrize("kind", ["prefixed", "localised"])
def test_folders_are_found_below_a_prefix_and_in_german(dovecot, connected, desk, mail, kind):
    account = dovecot.user(kind)
    names = [account.folder_name(role) for role in ("Sent", "INBOX", "Archive")]
    for name in names:
        account.fill(name, [mail(1)])
    assert list(desk.sync(connected(account))) == names


def test_a_configured_name_is_found_below_the_prefix(dovecot, connected, desk, mail):
    account = dovecot.user("prefixed")
    account.create("INBOX.Projects")
    account.fill("INBOX.Projects", [mail(1)])
    assert list(desk.sync(connected(account), wanted=("Projects",))) == ["INBOX.Projects"]


def test_a_pass_that_breaks_off_goes_on_where_it_was(mailbox_account, connected, desk, mail):
    mailbox_account.fill("INBOX", [mail(n) for n in range(250)])
    real = desk.record

    def once(arrivals, cursor):
        if len(desk.batches) == 1:
            raise OSError("the disk is gone")
        return real(arrivals, cursor)

    desk.record = once
    connection = connected(mailbox_account)
    with pytest.raises(OSError, match="disk is gone"):
        desk.sync(connection)
    assert len(desk.bodies) == 100
    desk.record = real
    desk.sync(connection)
    assert len(desk.bodies) == 250
    assert desk.batches == [100, 100, 50]


def test_the_time_of_a_pass_is_kept_when_nothing_changed(mailbox_account, connected, desk):
    desk.clock = FrozenClock(datetime(2026, 11, 1, tzinfo=UTC))
    connection = connected(mailbox_account)
    desk.sync(connection)
    desk.clock.advance(minutes=5)
    assert desk.sync(connection)["INBOX"].skipped
    assert desk.store.folder("post", "INBOX").last_pass == desk.clock.now()
