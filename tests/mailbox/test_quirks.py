"""What single servers do that no other does; first as scripts, then (sweep) as the servers themselves do it."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime

import pytest

from levelhead.errors import CommandRefused, FolderMissing, LoginRefused
from levelhead.mailbox.drafts import ImapDrafts
from levelhead.mailbox.folders import Role, choose
from levelhead.mailbox.opening import connect
from servers.inbox import Inbox


class Forgetful(Inbox):
    """Numbers anew at each EXAMINE and keeps what it gave at a SELECT, like Courier; `refuses` SELECT if asked to."""

    validity = 0
    kept = False
    refuses = False

    def examine(self, found):
        if found[1].upper() == b"SELECT":
            self.kept = True
        elif not self.kept:
            self.validity += 1
        return super().examine(found).replace(b"UIDVALIDITY 7", b"UIDVALIDITY %d" % (7 + self.validity))


def opened(server):
    return [found[1] for line in server.lines if (found := re.match(rb"\S+ (EXAMINE|SELECT) ", line))]


def test_a_server_that_forgets_the_numbers_of_an_examine_is_opened_so_that_it_keeps_them(
    scripted, connected, desk, mail
):
    server = scripted(Forgetful([1, 2], mail, uidnext=None).script)
    connection = connected(server)
    for _ in range(3):
        desk.sync(connection)
    assert not desk.facts("folder.renumbered")
    assert len(desk.facts("message.sighted")) == 2
    assert opened(server) == [b"EXAMINE", b"SELECT", b"SELECT", b"SELECT"]


def test_a_server_that_tells_uidnext_is_only_examined(scripted, connected, desk, mail):
    server = scripted(Inbox([1, 2], mail).script)
    desk.sync(connected(server))
    assert opened(server) == [b"EXAMINE"]


def without_uidnext(talk):
    """SELECT is refused; a folder's UIDNEXT is told by STATUS alone."""
    talk.login("IMAP4rev1 UIDPLUS")
    talk.serve(
        {
            rb"EXAMINE ": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n",
            rb'SELECT "Drafts"': b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n",
            rb"STATUS ": b'* STATUS "Drafts" (UIDNEXT 5)\r\n',
        }
    )


def test_where_a_folder_may_not_be_opened_for_writing_it_is_examined_again(scripted, connected):
    server = scripted(without_uidnext)
    status = connected(server).examine("INBOX")
    assert (status.uidvalidity, status.uidnext, status.exists) == (7, 0, 1)
    assert opened(server) == [b"EXAMINE", b"SELECT", b"EXAMINE"]


def test_the_number_of_the_next_draft_is_asked_for_where_it_is_not_told(scripted, connected, spooled):
    drafts = ImapDrafts(connected(scripted(without_uidnext)), "Drafts", spooled)
    assert drafts.open().uidnext == 5


# --- the servers themselves -------------------------------------------------------------------

DRAFT_ID = "<draft-1@levelhead.example>"
AT = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
OURS = b"From: me@example.test\r\nMessage-ID: <draft-1@levelhead.example>\r\nX-Levelhead-Draft: 1\r\n\r\nHello,\r\n"


@pytest.fixture
def on(mail_servers, connected):
    """An account on the server of that name, and our connection to it."""

    def enter(name, **kind):
        account = mail_servers.get(name).user(**kind)
        return account, connected(account)

    return enter


def roles(connection):
    chosen = choose(connection.folders(), prefix=connection.prefix())
    return {folder.role: folder.name for folder in chosen.watched} | {Role.DRAFTS: chosen.drafts}


@pytest.mark.sweep
def test_courier_gives_other_numbers_at_each_examine_and_we_are_not_fooled(on, desk, mail, eventually):
    account, connection = on("courier", opened=False)
    folder = account.folder_name("Sent")
    account.deliver(folder, mail(1))
    first = account.uidvalidity(folder)
    eventually(lambda: account.uidvalidity(folder) != first)  # by the second, and nobody but us has opened it

    desk.sync(connection)
    kept = account.uidvalidity(folder)
    account.deliver(folder, mail(2))
    desk.sync(connection)
    account.append(folder, mail(3))
    desk.sync(connection)
    eventually(lambda: account.uidvalidity(folder) == kept)
    assert not desk.facts("folder.renumbered")
    assert {uid: data for (name, uid), data in desk.bodies.items() if name == folder} == account.read(folder)
    assert sorted(account.read(folder).values()) == [mail(1), mail(2), mail(3)]
    assert all("\\Seen" not in flags for flags in account.flags(folder).values())


@pytest.mark.sweep
def test_courier_tells_uidnext_by_status_only_and_has_neither_special_use_nor_condstore(on):
    account, connection = on("courier")
    with account.imap() as client:
        client.select("INBOX")
        assert "UIDNEXT" not in client.untagged_responses
    assert not connection.capabilities & {"CONDSTORE", "QRESYNC", "MOVE", "SPECIAL-USE"}
    assert {"IDLE", "UIDPLUS", "NAMESPACE"} <= connection.capabilities, "asked for after the login"
    account.append("INBOX", OURS)
    assert connection.examine("INBOX").uidnext == 2
    assert connection.prefix() == "INBOX."
    assert roles(connection) == {
        Role.SENT: "INBOX.Sent", Role.INBOX: "INBOX", Role.ARCHIVE: "INBOX.Archive", Role.DRAFTS: "INBOX.Drafts",
    }  # fmt: skip


@pytest.mark.sweep
def test_courier_shows_a_draft_that_we_have_appended_after_a_noop_only(on, spooled):
    account, connection = on("courier")
    drafts = ImapDrafts(connection, account.folder_name("Drafts"), spooled)
    before = drafts.open()
    uid = drafts.append(OURS, AT)
    assert connection.find_message_id(DRAFT_ID) == (), "the server has not noticed yet"
    assert uid == before.uidnext and drafts.find(DRAFT_ID) == (uid,)
    assert drafts.fetch(uid) == OURS
    assert drafts.remove(uid)
    assert drafts.open().uidnext == uid + 1, "a number is never given twice"


@pytest.mark.sweep
def test_courier_makes_folders_below_inbox_only(on, spooled):
    account, connection = on("courier")
    with pytest.raises((CommandRefused, FolderMissing)):
        connection.create("Held replies")
    account.delete("INBOX.Drafts")
    drafts = ImapDrafts(connection, None, spooled, prefix=connection.prefix())
    assert drafts.open().folder == "INBOX.Drafts"
    assert account.read("INBOX.Drafts") == {}


@pytest.mark.sweep
def test_cyrus_tells_the_use_of_folders_in_lower_case_and_the_capabilities_with_the_login(on):
    account, connection = on("cyrus")
    with account.imap() as client:
        listing = b"\n".join(client.list()[1])
    assert b"\\drafts" in listing and b"\\Drafts" not in listing
    assert {Role.SENT: "Sent", Role.DRAFTS: "Drafts"}.items() <= roles(connection).items()
    assert {"IDLE", "CONDSTORE", "UIDPLUS"} <= connection.capabilities
    assert connection.examine("INBOX").highestmodseq


@pytest.mark.sweep
def test_pymap_sends_answers_in_pieces_and_keeps_no_keywords(on, desk, mail):
    account, connection = on("pymap")
    account.fill("INBOX", [mail(n, lines=3_000) for n in range(1, 8)])
    account.store("INBOX", min(account.read("INBOX")), "+FLAGS", "($Heated)")
    desk.sync(connection)
    assert {uid: data for (_, uid), data in desk.bodies.items()} == account.read("INBOX")
    assert not any("$Heated" in flags for flags in account.flags("INBOX").values())
    assert not connection.capabilities & {"CONDSTORE", "SPECIAL-USE", "NAMESPACE"}


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("name", "coded"), [("dovecot", True), ("cyrus", False), ("courier", False), ("pymap", True)]
)
def test_a_refused_password_is_known_as_one_with_and_without_a_code(mail_servers, connected, name, coded):
    account = mail_servers.get(name).user()
    with pytest.raises(LoginRefused) as refused:
        connected(account, secret=lambda: "not the password")
    assert ("[AUTHENTICATIONFAILED]" in str(refused.value)) == coded


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["dovecot", "cyrus", "courier", "pymap"])
def test_new_mail_is_heard_of_and_nobody_is_asked_in_a_loop(
    mail_servers, watching, desk, mail, eventually, name
):
    account = mail_servers.get(name).user()
    looks = []

    def counting(*asked):
        connection = connect(*asked)
        real = connection.examine
        connection.examine = lambda folder: looks.append(folder) or real(folder)
        return connection

    # Courier looks for news of an IDLE once a minute: there the poll is what finds it.
    run = watching(account, connect=counting, poll_seconds=2.0 if name == "courier" else 60.0)
    assert run.idling.wait(20)
    looks.clear()
    threading.Event().wait(2.5)
    assert len(looks) <= 8, "at most two polls of three folders, and a look before each IDLE"
    account.append("INBOX", mail(1))
    eventually(lambda: mail(1) in desk.bodies.values(), 20.0)
