"""Our drafts in a real Drafts folder: placed, found, compared and removed, and never anything else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from levelhead.errors import FolderMissing, UnsafeArgument
from levelhead.mailbox.drafts import ImapDrafts

pytestmark = pytest.mark.server

AT = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
OURS = b"From: me@example.test\r\nMessage-ID: <draft-1@levelhead.example>\r\nX-Levelhead-Draft: 1\r\n\r\nHello,\r\n"


@pytest.fixture
def drafts(mailbox_account, connected, spooled):
    return ImapDrafts(connected(mailbox_account), "Drafts", spooled)


def test_a_draft_is_placed_found_read_and_removed(mailbox_account, drafts):
    before = drafts.open()
    uid = drafts.append(OURS, AT)
    assert uid == before.uidnext
    assert drafts.find("<draft-1@levelhead.example>") == (uid,)
    assert drafts.fetch(uid) == OURS
    assert set(mailbox_account.flags("Drafts")[uid]) >= {"\\Draft", "\\Seen"}
    assert drafts.remove(uid)
    assert drafts.fetch(uid) is None
    assert drafts.find("<draft-1@levelhead.example>") == ()


def test_removing_ours_leaves_what_the_user_marked_as_deleted(mailbox_account, drafts, mail):
    theirs = mailbox_account.append("Drafts", mail(1), [r"\Deleted"])
    drafts.open()
    uid = drafts.append(OURS, AT)
    assert drafts.remove(uid)
    assert set(mailbox_account.read("Drafts")) == {theirs}


def test_without_uidplus_nothing_is_removed_and_no_flag_is_touched(mailbox_account, connected, spooled):
    connection = connected(mailbox_account)
    drafts = ImapDrafts(connection, "Drafts", spooled)
    drafts.open()
    uid = drafts.append(OURS, AT)
    connection.capabilities -= {"UIDPLUS"}
    assert drafts.remove(uid) is False
    assert "\\Deleted" not in mailbox_account.flags("Drafts")[uid]


def test_a_draft_that_somebody_edited_reads_differently(mailbox_account, drafts, mail):
    drafts.open()
    uid = drafts.append(OURS, AT)
    mailbox_account.expunge("Drafts", uid)
    edited = mailbox_account.append("Drafts", OURS + b"and more\r\n", [r"\Draft"])
    assert drafts.find("<draft-1@levelhead.example>") == (edited,)
    assert drafts.fetch(edited) != OURS


def test_a_drafts_folder_that_is_not_there_is_made_once(mailbox_account, connected, spooled):
    drafts = ImapDrafts(connected(mailbox_account), "Held replies", spooled)
    assert drafts.open().folder == "Held replies"
    assert drafts.open().uidnext == 1
    assert mailbox_account.read("Held replies") == {}


def test_a_drafts_folder_that_cannot_be_made_is_missing(dovecot, connected, spooled):
    drafts = ImapDrafts(connected(dovecot.user("prefixed")), "Elsewhere", spooled)
    with pytest.raises(FolderMissing, match="Elsewhere"):
        drafts.open()


def test_only_a_plain_message_id_is_searched_for(drafts):
    drafts.open()
    for bad in ("", "x", "<a b@c>", '<"a"@c>', "<a@c>\r\n", "<a@c", "<ü@c>"):
        with pytest.raises(UnsafeArgument):
            drafts.find(bad)
