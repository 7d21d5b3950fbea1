"""What broken, slow and hostile servers say, played to the byte: nothing hangs, nothing false is stored."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from levelhead.clock import SystemClock
from levelhead.errors import (
    BadBody,
    CommandRefused,
    ConnectionLost,
    FolderMissing,
    LoginRefused,
    MailboxError,
    ServerBusy,
    TlsFailed,
    UnsafeArgument,
)
from levelhead.mailbox.api import Body, FolderStatus, IdleEnd, Wake
from levelhead.mailbox.opening import connect
from levelhead.raw import raw
from servers.scripted import answer_fetch, in_folder

TORTURE = Path(__file__).parents[2].parent / "shared" / "data" / "torture" / "imap_responses.jsonl"


def fetched(connection, size=3):
    """What comes of asking for the body of UID 1."""
    return dict(connection.bodies({1: size}, None))


# --- deadlines and floods ----------------------------------------------------------------------


def quick(opened, *then, seconds=0.3):
    """A connection whose commands may take 0.3 s, opened before that counts."""
    connection, server = opened(*then)
    object.__setattr__(connection._spec, "timeout_seconds", seconds)
    return connection, server


def ends_soon(call, match=None):
    began = time.monotonic()
    with pytest.raises(ConnectionLost, match=match):
        call()
    assert time.monotonic() - began < 6.0


def test_a_server_that_drips_byte_by_byte_meets_the_total_deadline(opened):
    def drip(talk):
        talk.expect(rb"UID FETCH ")
        talk.say(b"* 1 FETCH (UID 1 BODY[] {1000}\r\n")
        talk.trickle(b"x" * 1000, 0.05)

    connection, _ = quick(opened, drip)
    ends_soon(lambda: fetched(connection, 1000))


def test_a_server_that_remarks_without_end_meets_the_byte_limit(opened):
    def flood(talk):
        talk.expect(rb"UID FETCH ")
        talk.stream(b"* OK still here\r\n" * 1000)

    connection, _ = quick(opened, flood)
    ends_soon(lambda: fetched(connection))


def test_a_server_that_says_nothing_meets_the_deadline(opened):
    connection, _ = quick(opened, lambda talk: talk.pause(10))
    ends_soon(connection.noop)


def test_a_huge_announced_literal_is_refused_before_a_byte_of_it_is_read(opened):
    def huge(talk):
        talk.expect(rb"UID FETCH ")
        talk.say(b"* 1 FETCH (UID 1 BODY[] {9999999999}\r\n")
        talk.stream(b"x" * 65536)

    connection, _ = quick(opened, huge)
    ends_soon(lambda: fetched(connection), match="a literal of 9999999999 bytes")


def test_a_stop_ends_a_command_that_waits(scripted, spec_of):
    stopped = []
    server = scripted(in_folder(lambda talk: talk.pause(10)))
    connection = connect(spec_of(server), SystemClock(), lambda: bool(stopped))
    connection.examine("INBOX")
    stopped.append(True)
    ends_soon(connection.noop)


def test_a_connection_that_broke_is_closed_and_says_so(opened):
    connection, _ = opened(lambda talk: talk.sock.close())
    with pytest.raises(ConnectionLost):
        connection.noop()
    with pytest.raises(ConnectionLost):
        connection.noop()


@pytest.mark.parametrize(
    "said",
    [
        b"* 1 FETCH (UID 1 BODY[] {1}\r\nDear Ada, my account is 4711)\r\n",
        b"* 1 FETCH (UID 1 BODY[] {99}\r\nDear Ada, my account is 4711)\r\n"
        + b"Dear Ada, my account is 4711\r\n" * 9,
        b"* 1 FETCH (UID 1 BODY[] (Dear Ada, my account is 4711\r\n",
        b'* 1 FETCH (UID 1 BODY[] "Dear Ada, my account is 4711\r\n',
        b"Dear Ada, my account is 4711\r\n",
    ],
)
def test_no_error_tells_what_stood_in_a_mail(opened, said):
    connection, _ = opened(answer_fetch(said))
    with pytest.raises(ConnectionLost) as caught:
        fetched(connection)
    assert "4711" not in str(caught.value) and "Ada" not in str(caught.value)


# --- codes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"NO [AUTHENTICATIONFAILED] bad", LoginRefused),
        (b"NO [AUTHORIZATIONFAILED] no", LoginRefused),
        (b"NO [EXPIRED] password", LoginRefused),
        (b"NO [PRIVACYREQUIRED] tls", LoginRefused),
        (b"NO Login failed.", LoginRefused),
        (b"NO [ALERT] Application-specific password required", LoginRefused),
        (b"BAD LOGIN not here", LoginRefused),
        (b"NO [UNAVAILABLE] backend", ServerBusy),
        (b"NO [LIMIT] connections", ServerBusy),
        (b"NO [INUSE] locked", ServerBusy),
        (b"NO [SERVERBUG] oops", ServerBusy),
        (b"NO [ALERT] Too many simultaneous connections", ServerBusy),
        (b"NO Temporary authentication failure, try again", ServerBusy),
        (b"OK", ConnectionLost),
    ],
)
def test_a_refused_login_says_what_to_do(scripted, connected, said, error):
    def script(talk):
        talk.greet()
        talk.expect(rb"LOGIN ")
        talk.done(said)
        talk.until_gone()

    with pytest.raises(error) as caught:
        connected(scripted(script))
    assert type(caught.value) is error
    assert "s3cret-word" not in str(caught.value)


def test_the_secret_is_in_no_error_even_when_the_server_echoes_it(scripted, connected, caplog):
    caplog.set_level("DEBUG")

    def script(talk):
        talk.greet()
        talk.expect(rb"LOGIN ")
        talk.done(b"NO wrong password s3cret-word for me")
        talk.until_gone()

    with pytest.raises(LoginRefused) as caught:
        connected(scripted(script))
    seen = [caught.value, caught.value.__cause__]
    assert not any("s3cret-word" in repr(exc) for exc in seen)
    assert "s3cret-word" not in caplog.text


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"NO [NONEXISTENT] gone", FolderMissing),
        (b"NO Mailbox does not exist", FolderMissing),
        (b"NO [UNAVAILABLE] later", ServerBusy),
        (b"BAD what", CommandRefused),
    ],
)
def test_a_refused_folder_says_what_to_do(scripted, connected, said, error):
    def script(talk):
        talk.login()
        talk.expect(rb"EXAMINE ")
        talk.done(said)
        talk.until_gone()

    connection = connected(scripted(script))
    with pytest.raises(error):
        connection.examine("Sent")


def test_a_greeting_that_turns_away_is_a_busy_server(scripted, connected):
    with pytest.raises(ServerBusy):
        connected(scripted(lambda talk: talk.say(b"* BYE too many connections\r\n")))


def test_capabilities_are_those_told_last_at_the_login(scripted, connected):
    def script(talk):
        talk.greet("IMAP4rev1")
        talk.expect(rb"LOGIN ")
        talk.say(b"* CAPABILITY IMAP4rev1 UIDPLUS\r\n")
        talk.done(b"OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] in")
        talk.until_gone()

    assert "IDLE" in connected(scripted(script)).capabilities


def test_a_server_that_tells_nothing_after_the_login_is_asked(scripted, connected):
    def script(talk):
        talk.greet("IMAP4rev1")
        talk.expect(rb"LOGIN ")
        talk.done()
        talk.capability("IMAP4rev1 IDLE")
        talk.until_gone()

    assert "IDLE" in connected(scripted(script)).capabilities


def test_a_token_is_sent_by_xoauth2(scripted, connected):
    def script(talk):
        talk.greet("IMAP4rev1 AUTH=XOAUTH2")
        talk.expect(rb"AUTHENTICATE XOAUTH2")
        talk.say(b"+ \r\n")
        talk.line()
        talk.say(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
        assert talk.line() == b""
        talk.done(b"NO [AUTHENTICATIONFAILED] invalid")
        talk.until_gone()

    server = scripted(script)
    with pytest.raises(LoginRefused):
        connected(server, auth="oauth2")
    server.wait(0)


def test_a_password_with_umlauts_goes_by_auth_plain(scripted, connected):
    def script(talk):
        talk.greet("IMAP4rev1 AUTH=PLAIN")
        talk.expect(rb"AUTHENTICATE PLAIN")
        talk.say(b"+ \r\n")
        talk.line()
        talk.done(b"OK [CAPABILITY IMAP4rev1] in")
        talk.until_gone()

    assert connected(scripted(script), secret=lambda: "pässwort").capabilities == {"IMAP4REV1"}


# --- TLS ---------------------------------------------------------------------------------------


def test_starttls_that_is_not_offered_is_never_given_up_for_clear_text(scripted, connected):
    server = scripted(lambda talk: (talk.greet("IMAP4rev1"), talk.until_gone()))
    with pytest.raises(TlsFailed):
        connected(server, tls="starttls")
    assert not any(b"LOGIN" in line for line in server.lines)


def test_starttls_answered_with_more_than_its_answer_is_refused(scripted, connected):
    def script(talk):
        talk.greet("IMAP4rev1 STARTTLS")
        talk.expect(rb"STARTTLS")
        talk.say(talk.tag + b" OK go\r\n* CAPABILITY IMAP4rev1 AUTH=EVIL\r\n")
        talk.until_gone()

    with pytest.raises(TlsFailed):
        connected(scripted(script), tls="starttls")


def test_a_session_that_is_open_before_starttls_is_refused(scripted, connected):
    def script(talk):
        talk.say(b"* PREAUTH hello\r\n")
        talk.capability("IMAP4rev1 STARTTLS")
        talk.until_gone()

    with pytest.raises(TlsFailed):
        connected(scripted(script), tls="starttls")


def test_clear_text_where_tls_was_expected_is_a_tls_failure(scripted, connected):
    with pytest.raises(TlsFailed):
        connected(scripted(lambda talk: (talk.say(b"* OK hello\r\n"), talk.until_gone())), tls="implicit")


# --- IDLE --------------------------------------------------------------------------------------


def idling(*then):
    def step(talk):
        talk.expect(rb"IDLE")
        talk.say(b"+ idling\r\n")
        for each in then:
            each(talk)

    return step


def finish(talk):
    tag = talk.tag
    assert talk.line() == b"DONE"
    talk.say(tag + b" OK idled\r\n")


def answered_noop(talk):
    talk.expect(rb"NOOP")
    talk.done()


@pytest.fixture
def wake():
    bell = Wake()
    yield bell
    bell.close()


def test_a_line_in_two_packets_keeps_idle_in_step(opened, wake):
    connection, server = opened(
        idling(
            lambda talk: talk.say(b"* OK hi\r\n* 2 FET"),
            lambda talk: talk.pause(0.1),
            lambda talk: talk.say(b"CH (FLAGS (\\Seen))\r\n"),
            finish,
        ),
        answered_noop,
    )
    assert connection.idle(wake, 5) is IdleEnd.CHANGED
    connection.noop()
    assert not server.trouble


def test_the_end_of_the_connection_ends_idle_at_once(opened, wake):
    connection, _ = opened(idling(lambda talk: talk.sock.close()))
    ends_soon(lambda: connection.idle(wake, 30))


def test_bye_ends_idle_at_once_and_is_a_busy_server(opened, wake):
    connection, _ = opened(idling(lambda talk: talk.say(b"* BYE [UNAVAILABLE] shutting down\r\n")))
    with pytest.raises(ServerBusy):
        connection.idle(wake, 30)


def test_a_bell_ends_idle(opened, wake):
    connection, _ = opened(idling(finish), answered_noop)
    wake.set()
    assert connection.idle(wake, 30) is IdleEnd.WOKEN
    connection.noop()


def test_a_silent_idle_ends_with_its_time(opened, wake):
    connection, _ = opened(idling(finish), answered_noop)
    assert connection.idle(wake, 0.1) is IdleEnd.OVER
    connection.noop()


def test_a_change_told_between_done_and_the_answer_is_not_lost(opened, wake):
    def late(talk):
        tag = talk.tag
        assert talk.line() == b"DONE"
        talk.say(b"* 3 EXISTS\r\n" + tag + b" OK idled\r\n")

    connection, _ = opened(idling(late))
    assert connection.idle(wake, 0.05) is IdleEnd.CHANGED


def test_a_server_that_will_not_idle_says_so_and_the_session_goes_on(opened, wake):
    def refuse(talk):
        talk.expect(rb"IDLE")
        talk.done(b"NO not now")

    connection, _ = opened(refuse, answered_noop)
    with pytest.raises(CommandRefused):
        connection.idle(wake, 5)
    connection.noop()


def test_idle_notices_that_the_machine_slept(opened, wake):
    from datetime import timedelta

    class Slept(SystemClock):
        asked = 0

        def now(self):
            self.asked += 1
            return super().now() + (timedelta(hours=8) if self.asked > 2 else timedelta())

    connection, _ = opened(idling())
    connection._clock = Slept()
    assert connection.idle(wake, 30) is IdleEnd.SLEPT


# --- the gate ----------------------------------------------------------------------------------

CRAFTED = '<x@y>"\r\nX1 DELETE Archive\r\nX2 NOOP "'


@pytest.mark.parametrize(
    "attack",
    [
        lambda c: c.find_message_id(CRAFTED),
        lambda c: c.find_message_id("<a@b> {5}"),
        lambda c: c.fetch("1", "(UID)\r\nX1 DELETE Archive", 10),
        lambda c: c.fetch("1\r\nX1 DELETE Archive", "(UID)", 10),
        lambda c: c.fetch("1", "{5}", 10),
        lambda c: c.append("Drafts", b"x", ["\\Seen)\r\nX1 DELETE Archive"], SystemClock().now()),
        lambda c: c._search(1, "HEADER", "Subject", "ü"),
        lambda c: c._search(1, "TEXT", "a\0b"),
        lambda c: c._client.search(["HEADER", "Message-ID", CRAFTED]),
        lambda c: c._client.add_flags([1], ["\\Seen\r\nX1 DELETE Archive"]),
    ],
)
def test_nothing_is_sent_when_an_argument_could_end_its_command(opened, attack):
    connection, server = opened()
    before = len(server.lines)
    with pytest.raises(UnsafeArgument):
        attack(connection)
    assert server.talks[0].lines[before:] == []
    connection._wire.send(b"Z1 NOOP\r\n")
    assert server.talks[0].heard(before + 1)[before:] == [b"Z1 NOOP"]


def test_the_last_gate_lets_through_one_line_and_nothing_else(opened):
    connection, _ = opened()
    for data in (b"A1 NOOP\r\nA2 NOOP\r\n", b"A1 NOOP\n", b"A1 \0\r\n", b"A1 \xff\r\n"):
        with pytest.raises(UnsafeArgument):
            connection._imap.send(data)


def test_a_folder_name_is_one_argument_whatever_it_holds(scripted, connected):
    def script(talk):
        talk.login()
        for _ in range(2):
            talk.examined()
        talk.until_gone()

    server = scripted(script)
    connection = connected(server)
    connection.examine('Sent" \\ ü\r\nX1 DELETE Archive')
    connection.examine("&")
    assert server.lines[-2].split(b" ", 1)[1] == b'EXAMINE "Sent\\" \\\\ &APwADQAK-X1 DELETE Archive"'
    assert server.lines[-1].split(b" ", 1)[1] == b'EXAMINE "&-"'


def test_every_command_is_exactly_one_line(mailbox_account, connected, mail, monkeypatch):
    mailbox_account.append("INBOX", mail(1))
    connection = connected(mailbox_account)
    sent = []
    real = connection._wire.send
    monkeypatch.setattr(connection._wire, "send", lambda data: (sent.append(data), real(data)))
    connection.examine("INBOX")
    connection.folders()
    connection.heads((1,))
    connection.find_message_id("<1@client.test>")
    connection.flags_since(1)
    assert len(sent) == 5
    assert all(data.endswith(b"\r\n") and data.count(b"\r\n") == 1 for data in sent)


def test_a_crafted_message_id_deletes_nothing_on_a_real_server(mailbox_account, connected):
    connection = connected(mailbox_account)
    connection.examine("INBOX")
    with pytest.raises(UnsafeArgument):
        connection.find_message_id(CRAFTED)
    connection.noop()
    assert "Archive" in {info.name for info in connection.folders()}


# --- speed -------------------------------------------------------------------------------------


def test_imaplib_formats_nothing_for_nobody(mailbox_account, connected, mail, monkeypatch):
    mailbox_account.fill("INBOX", [mail(n) for n in range(20)])
    connection = connected(mailbox_account)
    imap = connection._imap
    assert imap.debug == 0
    spoken = []
    monkeypatch.setattr(imap, "_mesg", lambda *words: spoken.append(words))
    monkeypatch.setattr(type(imap), "_log", lambda self, line: spoken.append(line))
    connection.examine("INBOX")
    assert len(fetched_all(connection)) == 20
    # The lines sent are the only ones that imaplib still formats; no line and no body that came.
    assert all("<" not in line[:3] for line in spoken if isinstance(line, str))
    assert len(spoken) <= 4


def fetched_all(connection):
    heads = connection.heads(range(1, 21))
    return dict(connection.bodies({head.uid: head.size for head in heads}, None))


# --- the collected transcripts -----------------------------------------------------------------


def transcripts():
    if not TORTURE.exists():
        return []
    return [json.loads(line) for line in TORTURE.read_text().splitlines()]


def play(parts):
    """The steps of a transcript."""

    def script(talk):
        for part in parts:
            if part == "<close>":
                talk.leave()
            elif part == "<close after literal>":
                talk.exactly(3)
                talk.leave()
            elif part.startswith("<stream"):
                talk.stream(b"x" * 65536)
            elif part.startswith("<1 byte"):
                talk.trickle(b"x" * 1000, 0.05)
            elif part.startswith("<pause"):
                talk.pause(0.1)
            else:
                talk.say(part.encode("latin-1").replace(b"<tag>", talk.tag))

    return script


EXPECTED = {
    "fetch-flags-interleaved": Body,
    "fetch-nil-body": BadBody,
    "fetch-missing": BadBody,
    "fetch-two-answers": BadBody,
    "fetch-bye": ServerBusy,
    "fetch-no-unavailable": ServerBusy,
    "idle-line-split": IdleEnd,
    "idle-bye-eof": ServerBusy,
    "idle-refused": CommandRefused,
    "select-uidvalidity-changed": FolderStatus,
    "select-readonly": FolderStatus,
    "login-authfailed": LoginRefused,
    "login-no-code": LoginRefused,
    "append-overquota": CommandRefused,
    "append-trycreate": FolderMissing,
    "list-lowercase-special-use": tuple,
    "capability-changes-after-login": frozenset,
}
"""What comes of each transcript; of all others ConnectionLost."""


@pytest.mark.skipif(not TORTURE.exists(), reason="the collected transcripts are not beside this checkout")
@pytest.mark.parametrize("case", transcripts(), ids=lambda case: case["id"])
def test_no_transcript_hangs_lies_or_escapes_as_a_foreign_error(scripted, connected, case, wake):
    command = case["command"].split()[-1]

    def script(talk):
        if command == "LOGIN":
            talk.greet()
        else:
            talk.login()
        if command in {"FETCH", "IDLE"}:
            talk.examined()
        talk.expect(rb"(UID )?" + (b"(SELECT|EXAMINE)" if command == "SELECT" else command.encode()))
        play(case["server_says"])(talk)
        if command == "IDLE" and "<tag>" not in str(case):
            finish(talk)
        if command == "FETCH":
            talk.expect(rb"UID FETCH")  # what is not whole is asked for again
            play(case["server_says"])(talk)
        while command == "SELECT" and talk.expect(rb"SELECT|EXAMINE|LOGOUT")[0] != b"LOGOUT":
            play(case["server_says"])(talk)  # where UIDNEXT is left out, it is opened for writing and again
        talk.until_gone()

    def call():
        connection = connected(scripted(script), timeout_seconds=0.5)
        if command in {"FETCH", "IDLE"}:
            connection.examine("INBOX")
        if command == "FETCH":
            return connection.bodies({1: 3}, None).__next__()[1]
        if command == "IDLE":
            return connection.idle(wake, 0.3)
        if command == "SELECT":
            return connection.examine("INBOX")
        if command == "APPEND":
            return connection.append("Drafts", b"abc", ["\\Seen"], SystemClock().now())
        if command == "LIST":
            return connection.folders()
        return connection.capabilities

    began = time.monotonic()
    try:
        result = call()
    except MailboxError as exc:
        result = exc
    assert time.monotonic() - began < 6.0
    assert isinstance(result, EXPECTED.get(case["id"], ConnectionLost)), repr(result)
    if isinstance(result, Body):
        assert result == Body(raw=raw(b"abc"))
