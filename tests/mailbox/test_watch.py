"""A watcher against a real Dovecot and scripted ones: it sees, it waits, it says when it is blind, and it stops."""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise

import pytest
import trustme

from levelhead.clock import FrozenClock
from levelhead.errors import (
    CommandRefused,
    ConnectionLost,
    FolderMissing,
    LoginRefused,
    ServerBusy,
    TlsFailed,
    Unavailable,
    UserError,
)
from levelhead.mailbox.answers import Piece
from levelhead.mailbox.watch import Watcher
from levelhead.store.api import mailbox_lane

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Pauses between attempts begin at a twentieth of a second, so that no test waits for a back-off."""
    monkeypatch.setattr("levelhead.mailbox.pauses.QUICK", 0.05)


@pytest.fixture
def once(desk, spec_of, spooled):
    """A watcher for one pass."""

    def make(account, **changes):
        own = {key: changes.pop(key) for key in list(changes) if key in Watcher.__dataclass_fields__}
        told = []
        watcher = Watcher(
            **{
                "spec": spec_of(account, **changes),
                "store": desk.store,
                "clock": desk.clock,
                "record": desk.record,
                "spool": spooled,
                "on_lost": lambda kind, why: told.append(kind),
            }
            | own
        )
        return watcher, told

    return make


def test_one_pass_archives_everything_and_is_watched(mailbox_account, once, desk, mail):
    mailbox_account.fill("INBOX", [mail(n) for n in range(5)])
    watcher, told = once(mailbox_account)
    watcher.run_once()
    assert len(desk.bodies) == 5
    assert [row.state for row in desk.store.mailboxes()] == ["watched"]
    assert not told


def test_starttls_and_clear_text_on_loopback_work_as_well(mailbox_account, once, desk, mail):
    mailbox_account.fill("INBOX", [mail(1)])
    for tls in ("starttls", "none"):
        once(mailbox_account, tls=tls, port=mailbox_account.starttls_port)[0].run_once()
    assert len(desk.bodies) == 1


def test_a_message_that_arrives_while_idling_is_fetched_at_once(
    mailbox_account, watching, desk, mail, eventually, record_property
):
    run = watching(mailbox_account)
    eventually(lambda: ("watched", "") in run.told)
    assert run.idling.wait(10)
    began = time.monotonic()
    uid = mailbox_account.append("INBOX", mail(1))
    eventually(lambda: ("INBOX", uid) in desk.bodies)
    took = time.monotonic() - began
    record_property("idle_to_archive_ms", round(took * 1000))
    assert took < 5
    assert desk.history["INBOX", uid] is False


def test_the_poll_finds_what_a_silent_idle_did_not_tell(mailbox_account, watching, desk, mail, eventually):
    watching(mailbox_account, poll_seconds=0.3)
    eventually(lambda: desk.store.mailboxes())
    uid = mailbox_account.append("Sent", mail(1))
    eventually(lambda: ("Sent", uid) in desk.bodies)


def test_a_mailbox_without_idle_is_polled(mailbox_account, watching, desk, mail, eventually):
    watching(mailbox_account, idle=False, poll_seconds=0.2)
    eventually(lambda: desk.store.mailboxes())
    uid = mailbox_account.append("INBOX", mail(1))
    eventually(lambda: ("INBOX", uid) in desk.bodies)


def test_the_bell_makes_it_look_at_once(mailbox_account, watching, desk, mail, eventually):
    run = watching(mailbox_account)
    eventually(lambda: run.told)
    uid = mailbox_account.append("Archive", mail(1))
    run.watcher.wake.set()
    eventually(lambda: ("Archive", uid) in desk.bodies)


def test_a_stop_ends_it_from_idle_within_two_seconds_even_without_the_bell(
    mailbox_account, watching, eventually
):
    run = watching(mailbox_account)
    assert run.idling.wait(10)
    began = time.monotonic()
    run.stop.set()
    run.thread.join(5)
    assert not run.thread.is_alive()
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("silent", ["at the greeting", "at a command"])
def test_a_stop_ends_it_while_a_server_says_nothing(scripted, watching, eventually, silent):
    def script(talk):
        if silent == "at a command":
            talk.login()
        talk.pause(30)

    server = scripted(script)
    run = watching(server)
    eventually(lambda: server.talks)
    began = time.monotonic()
    run.stop.set()
    run.thread.join(5)
    assert not run.thread.is_alive()
    assert time.monotonic() - began < 2


def test_debts_are_paid_after_a_fresh_look_at_sent(mailbox_account, once, desk, mail):
    paid = []

    def pay(drafts):
        paid.append((drafts.open().folder, ("Sent", 1) in desk.bodies))
        with desk.store.transaction(desk.clock.now()) as tx:
            tx.drop_job("draft:1")

    with desk.store.transaction(desk.clock.now()) as tx:
        tx.add_job(mailbox_lane("post"), "place", "draft:1", "1", desk.clock.now())
    # The answer is sent when the pass over all folders has just ended.
    once(mailbox_account, pay=pay, on_watched=lambda: mailbox_account.append("Sent", mail(1)))[0].run_once()
    assert paid == [("Drafts", True)]


def test_a_debt_that_falls_due_while_idling_is_paid_then(mailbox_account, watching, desk, mail, eventually):
    paid = threading.Event()

    def pay(drafts):
        with desk.store.transaction(desk.clock.now()) as tx:
            tx.drop_job("draft:1")
        drafts.open()
        drafts.append(mail(9), desk.clock.now())
        paid.set()

    with desk.store.transaction(desk.clock.now()) as tx:
        tx.add_job(mailbox_lane("post"), "place", "draft:1", "1", tx.now + timedelta(seconds=1))
    watching(mailbox_account, pay=pay)
    eventually(paid.is_set)
    assert list(mailbox_account.read("Drafts").values()) == [mail(9)]


class Resting:
    """A clock that counts how often somebody rests on it."""

    def __init__(self, clock):
        self.clock, self.rests = clock, 0
        self.now, self.monotonic = clock.now, clock.monotonic

    def wait(self, stop, seconds):
        self.rests += 1
        return self.clock.wait(stop, seconds)


def test_a_wrong_password_is_told_once_and_not_tried_in_a_loop(mailbox_account, watching, desk, eventually):
    asked = []

    def secret():
        asked.append(1)
        return "wrong"

    clock = Resting(desk.clock)
    run = watching(mailbox_account, secret=secret, clock=clock)
    eventually(lambda: clock.rests)
    assert [kind for kind, _ in run.told] == ["login"]
    assert len(asked) == 1
    (lost,) = desk.facts("mailbox.lost")
    assert lost.kind == "login" and "wrong" not in lost.why
    run.watcher.wake.set()
    eventually(lambda: len(asked) == 2)
    assert len(desk.facts("mailbox.lost")) == 1


def test_one_pass_with_a_wrong_password_says_so(mailbox_account, once, desk):
    watcher, told = once(mailbox_account, secret=lambda: "wrong")
    with pytest.raises(LoginRefused):
        watcher.run_once()
    assert told == ["login"]


@pytest.mark.parametrize(("error", "kind"), [(UserError, "login"), (Unavailable, "connection")])
def test_a_secret_that_cannot_be_had_is_told_before_anybody_is_called(mailbox_account, once, error, kind):
    def secret():
        raise error("the command failed")

    watcher, told = once(mailbox_account, secret=secret, connect=never_beyond_the_secret)
    with pytest.raises(LoginRefused if kind == "login" else ConnectionLost, match="the command failed"):
        watcher.run_once()
    assert told == [kind]


def never_beyond_the_secret(spec, clock, tick):

    from levelhead.mailbox.opening import connect

    return connect(replace(spec, host="host.invalid"), clock, tick)


def test_a_certificate_of_somebody_else_is_refused(mailbox_account, once, desk, tmp_path):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    for tls, port in (("implicit", mailbox_account.port), ("starttls", mailbox_account.starttls_port)):
        watcher, told = once(mailbox_account, tls=tls, port=port, ca_file=tmp_path / "other.pem")
        with pytest.raises(TlsFailed):
            watcher.run_once()
        assert told == ["tls"]
    assert len(desk.facts("mailbox.lost")) == 1, "once per outage"


def test_a_certificate_for_another_name_is_refused(mailbox_account, once, scripted, tmp_path):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("mail.elsewhere.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    from servers.scripted import ScriptedServer

    server = ScriptedServer([lambda talk: talk.login()], tls=context)
    try:
        with pytest.raises(TlsFailed):
            once(server, tls="implicit", ca_file=tmp_path / "ca.pem")[0].run_once()
    finally:
        server.close()


def test_an_unreadable_file_of_certificates_is_a_sentence(mailbox_account, once, tmp_path):
    with pytest.raises(TlsFailed, match="nothing-here"):
        once(mailbox_account, ca_file=tmp_path / "nothing-here.pem")[0].run_once()


def test_a_server_that_goes_away_and_comes_back_is_watched_again(dovecot, watching, desk, mail, eventually):
    account = dovecot.user()
    run = watching(account)
    eventually(lambda: ("watched", "") in run.told)
    dovecot.kill()
    eventually(lambda: any(kind == "connection" for kind, _ in run.told))
    dovecot.start()
    eventually(lambda: run.told[-1] == ("watched", ""), 20)
    (lost,) = desk.facts("mailbox.lost")
    back = desk.facts("mailbox.watched")[-1]
    assert back.blind_since == lost.since < back.watched_at
    uid = account.append("INBOX", mail(1))
    eventually(lambda: ("INBOX", uid) in desk.bodies)


def test_a_folder_that_is_missing_is_told_and_the_others_are_read(mailbox_account, once, desk, mail):
    mailbox_account.fill("INBOX", [mail(1)])
    watcher, told = once(mailbox_account, folders=("INBOX", "Nowhere"))
    watcher.run_once()
    assert told == ["folders"] and len(desk.bodies) == 1
    (lost,) = desk.facts("mailbox.lost")
    assert lost.kind == "folders" and "Nowhere" in lost.why
    mailbox_account.create("Nowhere")
    watcher.run_once()
    assert desk.facts("mailbox.watched")[-1].blind_since == lost.since


@pytest.mark.parametrize("answer", [b"NO [SERVERBUG] internal error", b"NO [INUSE] locked", b"BAD no"])
def test_one_damaged_folder_keeps_no_other_from_being_read(scripted, once, desk, answer):
    def script(talk):
        talk.login("IMAP4rev1")
        talk.expect(rb"LIST ")
        talk.say(b'* LIST () "/" INBOX\r\n* LIST () "/" Sent\r\n')
        talk.done()
        talk.expect(rb'EXAMINE "Sent"')
        talk.done(answer)
        talk.examined(exists=0, uidnext=1)
        talk.until_gone()

    watcher, told = once(scripted(script))
    watcher.run_once()
    assert desk.store.folder("post", "INBOX") is not None
    assert told == ["folders"]


def test_a_busy_server_is_told_as_such(scripted, once, desk):
    def script(talk):
        talk.login("IMAP4rev1")
        talk.expect(rb"LIST ")
        talk.say(b'* LIST () "/" INBOX\r\n* LIST () "/" Sent\r\n')
        talk.done()
        for _ in range(2):
            talk.expect(rb"EXAMINE ")
            talk.done(b"NO [UNAVAILABLE] later")
        talk.until_gone()

    watcher, told = once(scripted(script))
    with pytest.raises(ServerBusy):
        watcher.run_once()
    assert told == ["busy"]


def test_a_message_that_never_comes_whole_blocks_no_other_and_is_told(
    mailbox_account, desk, mail, spec_of, once
):
    from levelhead.mailbox.opening import connect

    def with_a_hole(spec, clock, tick):
        connection = connect(spec, clock, tick)
        real = connection.fetch

        def fetch(uids, items, expect, *modifiers):
            found = real(uids, items, expect, *modifiers)
            if "BODY.PEEK[]" in items and 2 in found:
                found[2].bodies = [Piece(None)]
            return found

        connection.fetch = fetch
        return connection

    mailbox_account.fill("INBOX", [mail(n) for n in range(4)])
    watcher, told = once(mailbox_account, connect=with_a_hole)
    for _ in range(7):
        watcher.run_once()
    assert sorted(uid for _, uid in desk.bodies) == [1, 3, 4]
    assert told == ["messages"]
    assert desk.store.folder("post", "INBOX").last_uid == 4
    later, _ = once(mailbox_account, clock=FrozenClock(datetime.now(UTC) + timedelta(days=2)))
    later.run_once()
    assert ("INBOX", 2) in desk.bodies, "it is tried again, later more rarely"


def test_a_message_that_breaks_every_connection_blocks_no_other(mailbox_account, desk, mail, once):
    from levelhead.errors import ConnectionLost
    from levelhead.mailbox.opening import connect

    def with_poison(spec, clock, tick):
        connection = connect(spec, clock, tick)
        real = connection.heads

        def heads(uids, *, header=True):
            if 37 in uids:
                connection._wire.close()
                raise ConnectionLost("nonsense")
            return real(uids, header=header)

        connection.heads = heads
        return connection

    mailbox_account.fill("INBOX", [mail(n) for n in range(120)])
    watcher, _ = once(mailbox_account, connect=with_poison, clock=desk.clock)
    for _ in range(3):
        try:
            watcher.run_once()
        except ConnectionLost:
            continue
    assert len(desk.bodies) == 119


def test_the_pulse_is_felt_while_it_waits(mailbox_account, watching, eventually):
    beats = []
    watching(mailbox_account, pulse=lambda: beats.append(time.monotonic()))
    eventually(lambda: len(beats) > 1 and beats[-1] - beats[0] > 1.5)
    assert max(b - a for a, b in pairwise(beats)) < 2


def test_a_machine_that_slept_reconnects_at_once(mailbox_account, watching, desk, eventually):
    class Sleeper:
        def __init__(self, clock):
            self.clock, self.slept, self.asked = clock, timedelta(), 0

        def now(self):
            self.asked += 1
            return self.clock.now() + self.slept

        def monotonic(self):
            return self.clock.monotonic()

        def elapsed(self):
            return self.clock.monotonic() + self.slept.total_seconds()

        def wait(self, stop, seconds):
            return self.clock.wait(stop, seconds)

    from levelhead.mailbox.opening import connect

    opened = []

    def counted(spec, clock, tick):
        opened.append(1)
        return connect(spec, clock, tick)

    clock = Sleeper(desk.clock)
    run = watching(mailbox_account, clock=clock, connect=counted)
    assert run.idling.wait(10)
    asked = clock.asked
    eventually(lambda: clock.asked > asked + 1)  # the IDLE has looked at the clock
    clock.slept = timedelta(hours=8)
    eventually(lambda: len(opened) == 2)
    assert run.told == [("watched", "")]
    (gap,) = eventually(lambda: desk.facts("mailbox.unwatched"))
    assert gap.why == "the machine slept" and gap.until - gap.since >= timedelta(hours=8)


def test_a_drafts_folder_named_wrongly_is_told(mailbox_account, once):
    watcher, told = once(mailbox_account, drafts="Nowhere")
    watcher.run_once()
    assert told == ["folders"]


def owe(desk, key="draft:1"):
    with desk.store.transaction(desk.clock.now()) as tx:
        tx.add_job(mailbox_lane("post"), "place", key, "1", desk.clock.now())


def unreadable(broken):
    """Connections that cannot read the folders named in `broken`, as long as they are named there."""
    from levelhead.mailbox.opening import connect

    def opened(spec, clock, tick):
        connection = connect(spec, clock, tick)
        real = connection.examine

        def examine(folder):
            if folder in broken:
                raise broken[folder]
            return real(folder)

        connection.examine = examine
        return connection

    return opened


@pytest.mark.parametrize(
    "trouble", [FolderMissing("gone"), CommandRefused("not permitted"), ServerBusy("[INUSE] locked")]
)
def test_nothing_is_placed_while_sent_mail_cannot_be_read(
    mailbox_account, watching, desk, mail, eventually, trouble
):
    paid, broken = [], {"Sent": trouble}

    def pay(drafts):
        paid.append(("Sent", 1) in desk.bodies)
        with desk.store.transaction(desk.clock.now()) as tx:
            tx.drop_job("draft:1")

    run = watching(mailbox_account, pay=pay, connect=unreadable(broken))
    assert run.idling.wait(10)
    owe(desk)
    run.watcher.wake.set()
    eventually(lambda: run.watcher.resting)
    mailbox_account.append("Sent", mail(1))
    uid = mailbox_account.append("INBOX", mail(2))
    eventually(lambda: ("INBOX", uid) in desk.bodies)
    assert not paid
    assert [kind for kind, _ in run.told] == ["folders"]
    assert "Sent" in desk.facts("mailbox.lost")[-1].why
    broken.clear()
    run.watcher.wake.set()
    eventually(lambda: paid)
    assert paid == [True], "the answer was seen first"
    eventually(lambda: not run.watcher.resting)


def test_debts_that_wait_for_sent_mail_make_no_busy_loop(
    mailbox_account, watching, desk, eventually, monkeypatch
):
    monkeypatch.setattr("levelhead.mailbox.pauses.QUICK", 30.0)
    run = watching(mailbox_account, connect=unreadable({"Sent": FolderMissing("gone")}))
    assert run.idling.wait(10)
    owe(desk)
    run.watcher.wake.set()
    eventually(lambda: run.watcher.resting)
    assert run.watcher._seconds() >= 30
    with desk.store.transaction(desk.clock.now()) as tx:
        tx.drop_job("draft:1")
    run.watcher.wake.set()
    eventually(lambda: not run.watcher.resting)


def test_one_pass_that_cannot_read_sent_mail_pays_nothing_and_says_so(mailbox_account, once, desk, mail):
    paid = []
    mailbox_account.append("INBOX", mail(1))
    connect = unreadable({"Sent": FolderMissing("gone")})
    watcher, told = once(mailbox_account, pay=paid.append, connect=connect)
    watcher.run_once()
    owe(desk)
    with pytest.raises(FolderMissing, match="drafts wait"):
        watcher.run_once()
    assert told == ["folders", "folders"] and not paid and len(desk.bodies) == 1


def test_a_mailbox_without_a_folder_for_sent_mail_is_watched_and_that_is_told_once(
    mailbox_account, once, desk, mail
):
    paid, found = [], []
    mailbox_account.append("INBOX", mail(1))
    watcher, told = once(
        mailbox_account,
        folders=("INBOX",),
        pay=paid.append,
        on_watched=lambda: found.append(watcher.without_sent),
    )
    watcher.run_once()
    assert told == ["sent"] and found == [True]
    assert [row.state for row in desk.store.mailboxes()] == ["watched"] and len(desk.bodies) == 1
    owe(desk)
    watcher.run_once()
    assert told == ["sent"] and len(paid) == 1
    watcher.spec = replace(watcher.spec, folders=("auto",))
    watcher.run_once()
    assert not watcher.without_sent and found == [True, False]


def test_only_what_stands_in_a_folder_for_sent_mail_is_told_of_as_sent(mailbox_account, once, desk, mail):
    mailbox_account.create("Out")
    for number, folder in enumerate(("INBOX", "Sent", "Archive", "Out"), 1):
        mailbox_account.append(folder, mail(number))
    watcher, _ = once(mailbox_account, folders=("auto", "Out"))
    watcher.run_once()

    def shown():
        rows = [desk.store.message(sha256(data).hexdigest()) for data in desk.bodies.values()]
        return {desk.store.sightings(row.id)[0].place.folder: row.in_sent for row in rows}

    assert shown() == {"INBOX": False, "Sent": True, "Archive": False, "Out": False}
    watcher.spec = replace(watcher.spec, sent="Out")
    mailbox_account.append("Out", mail(5))
    watcher.run_once()
    told = [entry.sent for _, entry in desk.store.facts_about(kind="message.sighted")]
    assert told == [True, False, False, False, True], "newest first"


def test_a_mailbox_rests_after_a_refused_login_whatever_is_due(mailbox_account, watching, desk, eventually):
    run = watching(mailbox_account, secret=lambda: "wrong")
    eventually(lambda: run.watcher.resting)
    assert [kind for kind, _ in run.told] == ["login"]


def test_a_mailbox_that_is_well_does_not_rest(mailbox_account, watching, desk):
    run = watching(mailbox_account)
    assert run.idling.wait(10)
    assert not run.watcher.resting
