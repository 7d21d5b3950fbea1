"""The Dovecot of the tests is what the other tests take it for."""

from __future__ import annotations

MAIL = b"From: a@example.test\r\nMessage-ID: <%d@example.test>\r\nSubject: hello\r\n\r\nbody %d\r\n"


def test_a_fresh_account_has_the_folders_by_special_use(mailbox_account):
    with mailbox_account.imap() as client:
        listing = b"\n".join(client.list()[1])
    assert b"\\Drafts" in listing and b"\\Sent" in listing and b"\\Archive" in listing


def test_bytes_come_back_as_they_were_appended(mailbox_account):
    uid = mailbox_account.append("INBOX", MAIL % (1, 1), [r"\Seen"])
    assert mailbox_account.read_all("INBOX")[uid][0] == MAIL % (1, 1)
    assert r"\Seen" in mailbox_account.flags("INBOX")[uid]


def test_many_messages_are_there_at_once(mailbox_account):
    mails = [MAIL % (n, n) for n in range(300)]
    mailbox_account.fill("Sent", mails)
    assert sorted(mailbox_account.read("Sent").values()) == sorted(mails)


def test_a_folder_made_anew_has_another_uidvalidity(mailbox_account):
    mailbox_account.append("Archive", MAIL % (1, 1))
    before = mailbox_account.uidvalidity("Archive")
    mailbox_account.recreate("Archive")
    assert mailbox_account.uidvalidity("Archive") != before
    assert list(mailbox_account.read("Archive").values()) == [MAIL % (1, 1)]


def test_an_account_without_special_use_has_german_names(dovecot):
    account = dovecot.user("localised")
    with account.imap() as client:
        listing = b"\n".join(client.list()[1])
    assert b"\\Drafts" not in listing and b"Gesendet" in listing and b"Entw&APw-rfe" in listing
    account.append("Entwürfe", MAIL % (1, 1))
    assert len(account.read("Entwürfe")) == 1


def test_an_account_below_inbox_has_the_prefix(dovecot):
    account = dovecot.user("prefixed")
    with account.imap() as client:
        listing = b"\n".join(client.list()[1])
    assert b"INBOX.Drafts" in listing
    account.fill("INBOX.Sent", [MAIL % (1, 1)])
    assert len(account.read("INBOX.Sent")) == 1


def test_it_comes_back_after_a_kill(dovecot):
    account = dovecot.user()
    account.append("INBOX", MAIL % (1, 1))
    dovecot.kill()
    dovecot.start()
    assert len(account.read("INBOX")) == 1
