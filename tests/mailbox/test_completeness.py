"""A server held against the archive: the numbers add up, what is missing is named, nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from levelhead.daemon.completeness import comparison, finished
from levelhead.errors import CommandRefused, ConnectionLost, ServerBusy
from levelhead.evidence.completeness import MailboxCompared, sentences
from servers.inbox import Inbox

pytestmark = pytest.mark.server


@dataclass(frozen=True)
class Decided:
    archive: bool
    reason: str = ""
    addresses: tuple[str, ...] = ()


def only_clients(head: bytes) -> Decided:
    ours = b"ada@client.test" in head
    return Decided(ours, "" if ours else "scope")


@pytest.fixture
def compare(desk, spec_of, connected) -> Callable[..., MailboxCompared]:
    """Compares an account with what the desk has archived."""

    def make(account: Any, connection: Any = None, **changes: Any) -> MailboxCompared:
        spec = spec_of(account, **changes)
        return finished(comparison(connection or connected(account), desk.store, spec).steps())

    return make


def numbers(found: MailboxCompared) -> dict[str, tuple[int, int, int, int, int, int]]:
    return {
        one.folder: (
            one.tally.on_server, one.tally.archived, one.excluded, one.unexplained, one.tally.gone, one.newer,
        )
        for one in found.folders
    }  # fmt: skip


@pytest.mark.parametrize("name", ["dovecot", pytest.param("pymap", marks=pytest.mark.sweep)])
def test_what_is_on_the_server_is_archived_or_left_out_for_a_reason(
    mail_servers, desk, connected, compare, mail, name
):
    account = mail_servers.get(name).user()
    account.fill("INBOX", [mail(n) for n in range(4)] + [mail(9, sender="shop@elsewhere.test")])
    account.fill("Sent", [mail(10)])
    desk.changes["decide"] = only_clients
    desk.sync(connected(account))
    account.expunge("INBOX", sorted(account.read("INBOX"))[1])
    desk.sync(connected(account))
    found = compare(account)
    assert numbers(found) == {"Sent": (1, 1, 0, 0, 0, 0), "INBOX": (4, 3, 1, 0, 1, 0), "Archive": (0,) * 6}
    assert found.ok and not list(sentences([found]))
    assert found.folders[1].tally.reasons == {"scope": 1}


def test_what_the_archive_does_not_know_is_named(mailbox_account, desk, connected, compare, mail):
    mailbox_account.fill("INBOX", [mail(n) for n in range(3)])
    connection = connected(mailbox_account)
    desk.sync(connection)
    forget(desk, 2)
    found = compare(mailbox_account)
    assert numbers(found)["INBOX"] == (3, 2, 0, 1, 0, 0)
    assert not found.ok
    assert list(sentences([found])) == [
        "INBOX of mailbox post: message 2 is on the server, and it is neither archived nor left out for a reason"
    ]


def forget(desk: Any, *uids: int) -> None:
    """The index loses these messages of INBOX, as no fact ever said."""
    with desk.store._links.mine().connection as sql:  # the store itself has no way to forget
        for uid in uids:
            sql.execute("DELETE FROM sighting WHERE folder = 'INBOX' AND uid = ?", (uid,))


def test_what_arrives_after_the_last_pass_is_newer_and_not_unexplained(
    mailbox_account, desk, connected, compare, mail
):
    mailbox_account.fill("INBOX", [mail(n) for n in range(3)])
    desk.sync(connected(mailbox_account))
    for number in (7, 8):
        mailbox_account.append("INBOX", mail(number))
    found = compare(mailbox_account)
    assert numbers(found)["INBOX"] == (3, 3, 0, 0, 0, 2)
    assert found.ok


def test_what_arrives_while_it_compares_is_no_part_of_it(mailbox_account, desk, spec_of, connected, mail):
    mailbox_account.fill("INBOX", [mail(n) for n in range(3)])
    desk.sync(connected(mailbox_account))
    connection = connected(mailbox_account)
    steps = comparison(connection, desk.store, spec_of(mailbox_account)).steps()
    next(steps)
    mailbox_account.append("INBOX", mail(7))
    desk.sync(connected(mailbox_account))
    assert finished(steps).ok


def test_what_is_deleted_while_it_compares_is_gone(mailbox_account, desk, connected, compare, mail):
    """The daemon notes a message as vanished between the server's answer and our look into the index."""
    mailbox_account.fill("INBOX", [mail(n) for n in range(3)])
    desk.sync(connected(mailbox_account))
    connection = connected(mailbox_account)
    uids, left = connection.uids, [2]

    def late(first: int, last: int | None, *, at_most: int) -> tuple[int, ...]:
        found = uids(first, last, at_most=at_most)
        if 2 in found and left:
            mailbox_account.expunge("INBOX", left.pop())
            desk.sync(connected(mailbox_account))
        return found

    connection.uids = late
    found = compare(mailbox_account, connection)
    assert numbers(found)["INBOX"] == (2, 2, 0, 0, 1, 0)
    assert found.ok and not left


def test_a_folder_that_was_numbered_anew_says_so(mailbox_account, desk, connected, compare, mail):
    mailbox_account.fill("Archive", [mail(1)])
    desk.sync(connected(mailbox_account))
    mailbox_account.recreate("Archive")
    found = compare(mailbox_account)
    (sentence,) = sentences([found])
    assert "Archive of mailbox post: the server has numbered it anew (UIDVALIDITY" in sentence
    assert not found.ok


def test_a_folder_that_was_never_read_says_so(mailbox_account, compare, mail):
    mailbox_account.fill("INBOX", [mail(1), mail(2)])
    found = compare(mailbox_account)
    assert list(sentences([found])) == ["INBOX of mailbox post: it was never read; 2 messages are in it"]


def test_a_first_reading_that_is_not_finished_is_not_complete(desk, connected, compare, scripted, mail):
    """A server that breaks off in the middle of the first pass."""
    inbox = Inbox(list(range(1, 151)), mail)
    fetch = inbox.heads
    inbox.heads = lambda found: fetch(found) if int(found[1].split(b":")[0]) < 101 else b"nonsense"
    with pytest.raises(ConnectionLost):
        desk.sync(connected(scripted(inbox.script), timeout_seconds=2.0))
    found = compare(scripted(inbox.script))
    assert numbers(found)["INBOX"] == (100, 100, 0, 0, 0, 50)
    assert list(sentences([found])) == [
        "INBOX of mailbox post: its first reading is not complete: 50 messages are still to come"
    ]


def test_every_other_folder_is_named_with_why_it_is_not_watched(
    mailbox_account, desk, connected, compare, mail
):
    mailbox_account.create("Work")
    mailbox_account.fill("Work", [mail(1)])
    desk.sync(connected(mailbox_account), wanted=("auto", "Work"))
    mailbox_account.create("Shop")
    mailbox_account.delete("Work")
    found = compare(mailbox_account)
    assert found.ok
    assert found.others == (
        ("Drafts", "drafts are placed there, and never read as mail"),
        ("Shop", "not selected by `folders`"),
        ("Work", "it is not on the server any more; what was archived from it stays"),
    )


def test_a_folder_for_sent_mail_that_only_the_configuration_knows_is_compared(
    mailbox_account, desk, connected, compare, mail
):
    mailbox_account.create("Outgoing")
    mailbox_account.fill("Outgoing", [mail(1)])
    desk.sync(connected(mailbox_account), sent="Outgoing")
    assert numbers(compare(mailbox_account, sent="Outgoing"))["Outgoing"] == (1, 1, 0, 0, 0, 0)


def test_a_watched_folder_that_is_not_there_is_no_comparison(mailbox_account, desk, connected, compare):
    desk.sync(connected(mailbox_account))
    found = compare(mailbox_account, folders=("auto", "Nowhere"), drafts="Neither")
    assert list(sentences([found])) == ["Nowhere of mailbox post: it is not on the server"]


@pytest.mark.parametrize("error", [ServerBusy, CommandRefused])
def test_one_folder_that_cannot_be_read_keeps_no_other_from_being_compared(
    mailbox_account, desk, connected, compare, mail, error
):
    mailbox_account.fill("INBOX", [mail(1)])
    desk.sync(connected(mailbox_account))
    connection = connected(mailbox_account)
    examine = connection.examine

    def refusing(folder: str) -> Any:
        if folder in refused:
            raise error("not today")
        return examine(folder)

    connection.examine = refusing
    refused = {"Sent"}
    found = compare(mailbox_account, connection)
    assert numbers(found)["INBOX"] == (1, 1, 0, 0, 0, 0)
    (sentence,) = sentences([found])
    assert sentence.startswith("Sent of mailbox post: it cannot be read") and not found.ok
    refused |= {"INBOX", "Archive"}
    if error is ServerBusy:
        with pytest.raises(ServerBusy):
            compare(mailbox_account, connection)
    else:
        assert len(list(sentences([compare(mailbox_account, connection)]))) == 3


def test_a_message_that_does_not_come_whole_is_unexplained_with_its_reason(
    desk, connected, compare, scripted, mail
):
    class Withholding(Inbox):
        def bodies(self, found: Any) -> bytes:
            there, self.uids = self.uids, [uid for uid in self.uids if uid != 2]
            try:
                return super().bodies(found)
            finally:
                self.uids = there

    inbox = Withholding([1, 2, 3], mail)
    desk.sync(connected(scripted(inbox.script)))
    found = compare(scripted(inbox.script))
    assert list(sentences([found])) == [
        "INBOX of mailbox post: message 2 is on the server, and it does not come whole from the server "
        "and is tried again"
    ]


def test_a_comparison_reads_and_changes_nothing(desk, connected, compare, scripted, mail):
    inbox = Inbox([1, 2], mail)
    desk.sync(connected(scripted(inbox.script)))
    size = desk.store.ledger_size()
    server = scripted(inbox.script)
    assert compare(server).ok
    said = {line.split(b" ")[1] for talk in server.talks for line in talk.lines}
    assert said <= {b"CAPABILITY", b"LOGIN", b"LIST", b"EXAMINE", b"UID", b"LOGOUT", b"NAMESPACE", b"ENABLE"}
    searched = [line for talk in server.talks for line in talk.lines if b" UID " in line]
    assert searched and all(b"UID SEARCH UID " in line for line in searched)
    assert desk.store.ledger_size() == size
