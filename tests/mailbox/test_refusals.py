"""What each response code means for each command: one table, spoken by a server (RFC 5530 and what servers made up)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest

from levelhead.errors import CommandRefused, FolderMissing, ServerBusy, Throttled

COMMANDS = {
    "EXAMINE": lambda c: c.examine("INBOX"),
    "SELECT": lambda c: c.select("Drafts"),
    "CREATE": lambda c: c.create("Drafts"),
    "LIST": lambda c: c.folders(),
    "NOOP": lambda c: c.noop(),
    "UID SEARCH": lambda c: c.uids(1, 9, at_most=9),
    "UID FETCH": lambda c: c.heads((1,)),
    "APPEND": lambda c: c.append("Drafts", b"x", (), datetime(2026, 11, 20, tzinfo=UTC)),
    "UID STORE": lambda c: c.expunge(1),
}
BUSY, REFUSED, MISSING, THROTTLED = ServerBusy, CommandRefused, FolderMissing, Throttled
TABLE = [
    ("UID FETCH", "OVERQUOTA", THROTTLED),  # Gmail: too much was fetched today
    ("APPEND", "OVERQUOTA", REFUSED),  # the mailbox is full: this draft has to wait, and reading goes on
    ("CREATE", "OVERQUOTA", REFUSED),
    ("UID FETCH", "SERVERBUG", BUSY),
    ("UID SEARCH", "SERVERBUG", BUSY),
    ("NOOP", "UNAVAILABLE", BUSY),
    ("LIST", "UNAVAILABLE", BUSY),
    ("SELECT", "INUSE", BUSY),
    ("EXAMINE", "INUSE", BUSY),
    ("UID FETCH", "LIMIT", BUSY),
    ("UID FETCH", "THROTTLED", THROTTLED),
    ("UID FETCH", "CORRUPTION", BUSY),
    ("SELECT", "NONEXISTENT", MISSING),
    ("EXAMINE", "NOPERM", MISSING),
    ("APPEND", "TRYCREATE", MISSING),
    ("CREATE", "TRYCREATE", REFUSED),
    ("CREATE", "ALREADYEXISTS", REFUSED),
    ("CREATE", "CANNOT", REFUSED),
    ("UID STORE", "NOPERM", REFUSED),
    ("UID FETCH", "EXPIRED", BUSY),  # a token ran out: the next login says what to do
    ("UID FETCH", "AUTHENTICATIONFAILED", BUSY),
    ("UID FETCH", "X-UNHEARD-OF", REFUSED),
]


@pytest.mark.parametrize(("command", "code", "error"), TABLE, ids=lambda value: str(value).replace(" ", "-"))
def test_a_code_says_what_to_do_about_the_command_that_it_answers(opened, command, code, error):
    def refuse(talk):
        talk.expect(command.encode())
        if command == "APPEND":
            talk.say(b"+ go on\r\n")
            talk.exactly(3)
        talk.done(f"NO [{code}] not this time".encode())

    connection, _ = opened(refuse)
    with pytest.raises(error) as caught:
        COMMANDS[command](connection)
    assert type(caught.value) is error
    assert code in str(caught.value)


@pytest.mark.server
def test_one_connection_too_many_is_a_busy_server_and_not_a_wrong_password(dovecot, connected, eventually):
    account = dovecot.user()
    # Over this address the server lets in one connection for each user.
    narrow = {"host": "127.0.0.2", "tls": "none", "port": account.starttls_port}
    first = connected(account, **narrow)
    with pytest.raises(ServerBusy, match="LIMIT"):
        connected(account, **narrow)
    first.close()

    def let_in():
        with contextlib.suppress(ServerBusy):  # the server may still count the one that has left
            return connected(account, **narrow).folders()

    eventually(let_in)
