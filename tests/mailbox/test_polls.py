"""Polls between whole passes: what they ask when nothing is new, and that nothing new escapes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from levelhead.clock import FrozenClock
from levelhead.errors import ConnectionLost, ServerBusy, UnsafeArgument
from levelhead.mailbox import plan
from levelhead.mailbox.api import Glance, IdleEnd, Wake
from levelhead.mailbox.glance import VAIN, Round
from levelhead.mailbox.opening import connect
from levelhead.mailbox.passes import KEPT_BACK, WHOLE_EVERY
from levelhead.mailbox.watch import Watcher
from levelhead.mailbox.wire import Stopped
from levelhead.store.sqlite import open_store
from servers.inbox import Inbox

pytestmark = pytest.mark.server


class Poller:
    """A watcher whose passes are made one by one, and the words of the commands that each has sent."""

    def __init__(self, watcher, clock):
        self.watcher, self.clock = watcher, clock
        self.sent = []
        self.connect()

    def connect(self, seconds=0):
        """A new connection, so many seconds after the last poll, and its first pass."""
        self.clock.advance(seconds=seconds)
        self.sent.clear()
        self.connection = self.watcher._open()
        send = self.connection._wire.send

        def heard(data):
            self.sent.append(bytes(data))
            send(data)

        self.connection._wire.send = heard
        self.watcher._whole(self.connection)

    def reconnect(self, seconds=0):
        """The same, after the end of the connection that was."""
        self.connection.close()
        self.connect(seconds)

    def poll(self, seconds=10):
        """One poll, so many seconds after the last; the command words that it sent, by packet."""
        self.clock.advance(seconds=seconds)
        self.sent.clear()
        self.watcher._look(self.connection)
        return [[line.split()[1].decode() for line in each.splitlines()] for each in self.sent]

    def almost_whole(self):
        """Polls once a minute, until the next of them is to open every folder."""
        for _ in range(14):
            self.poll(60)

    def settled(self):
        """The same, once what came has been read and the open folder was looked at again."""
        for _ in range(3):
            self.poll()
        return self


@pytest.fixture
def poller(desk, spec_of, spooled):
    made = []

    def make(account, **own):
        desk.clock = FrozenClock(datetime.now(UTC))
        watcher = Watcher(
            **{
                "spec": spec_of(account),
                "store": desk.store,
                "clock": desk.clock,
                "record": desk.record,
                "spool": spooled,
                "connect": connect,
            }
            | own
        )
        made.append(Poller(watcher, desk.clock))
        return made[-1]

    yield make
    for one in made:
        one.connection.close()
        one.watcher.close()


def test_a_poll_with_nothing_new_sends_the_cheap_commands_at_once_and_no_other(mailbox_account, poller, mail):
    mailbox_account.fill("INBOX", [mail(n) for n in range(3)])
    poller = poller(mailbox_account)
    for _ in range(3):
        assert poller.poll() == [["LIST", "STATUS", "STATUS", "NOOP"]]


@pytest.mark.parametrize("folder", ["INBOX", "Sent", "Archive"])
def test_a_poll_finds_new_mail_in_any_folder_and_opens_no_other(mailbox_account, poller, desk, mail, folder):
    poller = poller(mailbox_account).settled()
    uid = mailbox_account.append(folder, mail(1))
    asked = poller.poll()
    assert desk.bodies[folder, uid] == mail(1)
    assert desk.history[folder, uid] is False
    assert sum(words == ["EXAMINE"] for words in asked) == 1


def test_a_poll_finds_mail_in_the_folder_that_was_listened_to(mailbox_account, poller, desk, mail):
    poller = poller(mailbox_account).settled()
    poller.connection.examine("INBOX")
    assert poller.connection.idle(Wake(), 0.0) is IdleEnd.OVER
    assert poller.poll() == [["LIST", "STATUS", "STATUS", "NOOP"]]
    uid = mailbox_account.append("INBOX", mail(1))
    poller.poll()
    assert ("INBOX", uid) in desk.bodies


def test_a_poll_finds_what_was_put_into_the_files_of_a_folder(mailbox_account, poller, desk, mail):
    poller = poller(mailbox_account).settled()
    for folder in ("Sent", "Archive"):
        mailbox_account.fill(folder, [mail(1), mail(2)])
    poller.poll()
    assert {folder for folder, _ in desk.bodies} == {"Sent", "Archive"} and len(desk.bodies) == 4


def test_a_poll_finds_a_new_folder_and_what_is_in_it(mailbox_account, poller, desk, mail):
    poller = poller(mailbox_account).settled()
    mailbox_account.create("Sent Items")
    uid = mailbox_account.append("Sent Items", mail(1))
    poller.poll()
    assert ("Sent Items", uid) in desk.bodies
    assert poller.poll() == [["LIST", "STATUS", "STATUS", "STATUS", "NOOP"]]


def test_a_poll_notes_that_a_folder_went_away(mailbox_account, poller, desk):
    mailbox_account.create("Sent Items")
    poller = poller(mailbox_account).settled()
    mailbox_account.delete("Sent Items")
    assert ["EXAMINE"] in poller.poll()
    assert poller.poll() == [["LIST", "STATUS", "STATUS", "NOOP"]]


def test_a_poll_sees_a_changed_uidvalidity(mailbox_account, poller, desk, mail):
    old = datetime.now(UTC) - timedelta(days=2)
    mailbox_account.fill("Archive", [mail(n) for n in range(3)], date=old)
    poller = poller(mailbox_account).settled()
    poller.connection.examine("INBOX")
    mailbox_account.recreate("Archive")
    poller.poll()
    (renumbered,) = desk.facts("folder.renumbered")
    assert renumbered.folder == "Archive"
    assert renumbered.new == mailbox_account.uidvalidity("Archive") != renumbered.old


@pytest.mark.parametrize("folder", ["INBOX", "Sent", "Archive"])
def test_a_poll_sees_what_vanished_and_whose_flags_changed(mailbox_account, poller, desk, mail, folder):
    mailbox_account.fill(folder, [mail(n) for n in range(5)])
    poller = poller(mailbox_account).settled()
    mailbox_account.expunge(folder, 2, 4)
    poller.poll()
    assert [fact.uids for fact in desk.facts("message.vanished")] == [(2, 4)]
    mailbox_account.store(folder, 3, "+FLAGS", "(\\Flagged)")
    poller.poll()
    assert [(fact.folder, fact.uid) for fact in desk.facts("message.flagged")] == [(folder, 3)]


def test_now_and_then_every_folder_is_opened_whatever_was_said_of_it(mailbox_account, poller):
    poller = poller(mailbox_account).settled()
    assert poller.poll(WHOLE_EVERY - 100) == [["LIST", "STATUS", "STATUS", "NOOP"]]
    asked = poller.poll(100)
    assert asked.count(["EXAMINE"]) == 3 and asked.count(["LIST"]) == 1
    assert poller.poll() == [["LIST", "STATUS", "STATUS", "NOOP"]]


def test_the_time_of_a_quiet_pass_is_written_down_at_most_once_a_minute(mailbox_account, poller, desk):
    poller = poller(mailbox_account)
    writes = []
    for _ in range(40):
        before = desk.store.version()
        poller.poll(3)
        writes.append(desk.store.version() != before)
    assert sum(writes) == 2  # at the first poll, and a minute after it
    for folder in ("INBOX", "Sent", "Archive"):
        last = desk.store.folder("post", folder).last_pass
        assert desk.clock.now() - last < timedelta(minutes=1)


def test_the_time_of_quiet_folders_is_not_written_down_with_each_news_of_another(
    mailbox_account, poller, desk, mail
):
    poller = poller(mailbox_account).settled()
    before = desk.store.folder("post", "Archive").last_pass
    mailbox_account.append("INBOX", mail(1))
    poller.poll(3)
    assert desk.bodies and desk.store.folder("post", "Archive").last_pass == before


def test_a_wider_scope_opens_folders_that_have_nothing_new(mailbox_account, poller):
    directory = [object()]
    poller = poller(mailbox_account, directory=lambda: directory[0]).settled()
    assert poller.poll() == [["LIST", "STATUS", "STATUS", "NOOP"]]
    directory[0] = object()
    assert poller.poll().count(["EXAMINE"]) == 3
    poller.poll()
    assert poller.poll() == [["LIST", "STATUS", "STATUS", "NOOP"]]


def test_a_message_that_somebody_found_missing_is_asked_for_by_the_next_poll(
    mailbox_account, poller, desk, mail
):
    mailbox_account.fill("Sent", [mail(1)])
    poller = poller(mailbox_account).settled()
    key = plan.kept_under("gaps", "post", "Sent", mailbox_account.uidvalidity("Sent"))
    desk.bodies.clear()
    with desk.store.transaction(desk.clock.now()) as tx:
        tx.set_meta(key, plan.gaps_to({1: plan.Gap(tries=0, tried_at=tx.now)}))
    poller.poll()
    assert desk.bodies["Sent", 1] == mail(1)


def test_as_long_as_a_message_waits_to_be_asked_for_again_no_poll_goes_by_the_last_one(
    mailbox_account, poller, desk
):
    poller = poller(mailbox_account).settled()
    assert poller.watcher._rounds._settled is not None
    key = plan.kept_under("gaps", "post", "Sent", mailbox_account.uidvalidity("Sent"))
    with desk.store.transaction(desk.clock.now()) as tx:
        tx.set_meta(key, plan.gaps_to({1: plan.Gap(tries=plan.TRIES, tried_at=tx.now)}))
    poller.watcher._rounds._settled = None
    assert poller.poll() == [["LIST", "STATUS", "STATUS", "NOOP"]]
    assert poller.watcher._rounds._settled is None


def test_what_another_process_writes_during_a_pass_is_looked_at_by_the_next_poll(
    mailbox_account, poller, desk, mail, tmp_path
):
    mailbox_account.fill("Sent", [mail(1)])
    looked_at = []
    poller = poller(mailbox_account, pulse=lambda: looked_at.append(1)).settled()
    key = plan.kept_under("gaps", "post", "Sent", mailbox_account.uidvalidity("Sent"))
    desk.bodies.clear()
    poller.watcher._rounds._settled = None
    other = open_store(tmp_path / "index.sqlite")

    def write():
        """At the last folder of the pass, when Sent was passed over."""
        looked_at.append(1)
        if len(looked_at) == 3:
            with other.transaction(desk.clock.now()) as tx:
                tx.set_meta(key, plan.gaps_to({1: plan.Gap(tries=0, tried_at=tx.now)}))

    looked_at.clear()
    poller.watcher.pulse = write
    try:
        poller.poll(1)
    finally:
        other.close()
    assert not desk.bodies and len(looked_at) >= 3
    poller.poll(1)
    assert desk.bodies["Sent", 1] == mail(1)


def test_a_poll_that_opens_one_folder_forgets_nothing_of_the_messages_that_wait_in_another(
    mailbox_account, poller, desk, mail
):
    told = []
    mailbox_account.fill("Sent", [mail(1)])
    poller = poller(mailbox_account, on_lost=lambda kind, why: told.append((kind, why))).settled()
    poller.watcher._incomplete = frozenset({("Sent", 1)})
    mailbox_account.append("INBOX", mail(2))
    poller.poll()
    assert ("INBOX", 1) in desk.bodies and poller.watcher._incomplete == {("Sent", 1)}
    poller.poll(WHOLE_EVERY)
    assert poller.watcher._incomplete == {("Sent", 1)}, "a folder that was not read says nothing of it"
    mailbox_account.append("Sent", mail(3))
    poller.poll()
    assert not poller.watcher._incomplete and not told


def test_one_damaged_folder_ends_no_session_while_the_others_are_quiet(
    mailbox_account, poller, desk, mail, monkeypatch
):
    poller = poller(mailbox_account).settled()
    poller.connection.examine("INBOX")
    examine = poller.connection.examine

    def damaged(folder):
        if folder == "Archive":
            raise ServerBusy("the server answered NO to EXAMINE: [SERVERBUG]")
        return examine(folder)

    monkeypatch.setattr(poller.connection, "examine", damaged)
    mailbox_account.append("Archive", mail(1))
    poller.poll()
    assert [(row.state, row.kind) for row in desk.store.mailboxes()] == [("lost", "folders")]
    monkeypatch.undo()
    poller.poll()
    assert [row.state for row in desk.store.mailboxes()] == ["watched"] and desk.bodies


# --- servers that are not right ---------------------------------------------------------------


class Bent(Inbox):
    """An INBOX beside an empty Sent folder, of which STATUS says `status` (None: it is not known)."""

    status: bytes | None = b"* STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\n"
    noop = b""
    folders = b'* LIST (\\Marked) "/" INBOX\r\n* LIST (\\Sent) "/" Sent\r\n'

    def script(self, talk):
        talk.login(self.capabilities)
        answers = {
            rb"LIST .* RETURN": b"",
            rb"LIST ": lambda found: self.folders,
            rb"EXAMINE \"Sent\"": b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 1] x\r\n",
            rb"(EXAMINE|SELECT) ": self.examine,
            rb"NOOP": lambda found: self.noop,
            rb"UID SEARCH UID (\d+):(\d+|\*)$": self.search,
            rb"UID SEARCH UID (\S+)$": self.present,
            rb"UID FETCH (\S+) \(UID RFC822.SIZE INTERNALDATE FLAGS( BODY.PEEK\[HEADER\])?": self.heads,
            rb"UID FETCH (\S+) \(UID BODY.PEEK\[\](?:<(\d+)\.(\d+)>)?\)": self.bodies,
        }
        if self.status is not None:
            answers[rb"STATUS \"Sent\""] = lambda found: self.status
            answers[rb"STATUS \"INBOX\""] = lambda found: self.figures(found)
        talk.serve(answers, idle=self.idle)

    def figures(self, found):
        there, after = len(self.uids), max(self.uids) + 1
        return b"* STATUS INBOX (MESSAGES %d UIDNEXT %d UIDVALIDITY 7)\r\n" % (there, after)


def test_a_server_that_is_wrong_about_its_folders_is_read_whole_from_then_on(scripted, poller, desk, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    poller.connection.examine("INBOX")
    assert poller.poll() == [["LIST", "STATUS", "NOOP"]]
    inbox.uids.append(2)
    poller.poll()
    assert ("INBOX", 2) not in desk.bodies, "this server was to say nothing of it"
    poller.poll(WHOLE_EVERY)
    assert ("INBOX", 2) in desk.bodies
    inbox.uids.append(3)
    asked = poller.poll()
    assert ("INBOX", 3) in desk.bodies
    assert ["STATUS"] not in asked and ["LIST", "STATUS"] not in asked


def test_the_time_in_which_a_server_kept_news_back_is_on_record_as_a_gap(scripted, poller, desk, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    poller.connection.examine("INBOX")
    whole = desk.clock.now() - timedelta(seconds=30)
    inbox.uids.append(2)
    while ("INBOX", 2) not in desk.bodies:
        poller.poll(60)
    (gap,) = desk.facts("mailbox.unwatched")
    assert (gap.since, gap.until, gap.why) == (whole, desk.clock.now(), KEPT_BACK)
    poller.poll()
    assert len(desk.facts("mailbox.unwatched")) == 1


def test_what_was_kept_back_is_on_record_even_when_asking_once_more_ends_the_session(
    scripted, poller, desk, mail, monkeypatch
):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    poller.connection.examine("INBOX")
    inbox.uids.append(2)
    poller.almost_whole()
    monkeypatch.setattr(Bent, "figures", lambda self, found: b"* BYE that was one too many\r\n")
    with pytest.raises(ServerBusy):
        poller.poll(60)
    assert ("INBOX", 2) in desk.bodies
    poller.reconnect()
    (gap,) = desk.facts("mailbox.unwatched")
    assert gap.why == KEPT_BACK


def test_a_server_that_was_wrong_is_not_believed_on_the_next_connection(scripted, poller, desk, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    poller.connection.examine("INBOX")
    inbox.uids.append(2)
    poller.poll(WHOLE_EVERY)
    poller.reconnect()
    poller.connection.examine("INBOX")
    inbox.uids.append(3)
    poller.poll()
    assert ("INBOX", 3) in desk.bodies


def test_a_server_whose_connections_are_always_cut_early_is_held_to_its_word_all_the_same(
    scripted, poller, desk, mail
):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script))
    for _ in range(4):
        poller.reconnect(WHOLE_EVERY / 4)
    poller.connection.examine("INBOX")
    inbox.uids.append(2)
    poller.poll()
    assert ("INBOX", 2) in desk.bodies
    assert not poller.watcher._rounds._believed


def test_what_status_keeps_back_is_noticed_by_the_first_pass_of_the_next_connection(
    scripted, poller, desk, mail, monkeypatch
):
    inbox = Bent([1], mail)
    old = inbox.figures(None)
    monkeypatch.setattr(Bent, "figures", lambda self, found: old)
    poller = poller(scripted(inbox.script)).settled()
    inbox.uids.append(2)
    poller.reconnect(600)
    (gap,) = desk.facts("mailbox.unwatched")
    assert gap.why == KEPT_BACK and ("INBOX", 2) in desk.bodies


def test_a_server_that_looks_itself_only_when_a_folder_is_opened_is_found_out_by_the_dates(
    mailbox_account, poller, desk, mail, monkeypatch
):
    poller = poller(mailbox_account).settled()
    poller.connection.examine("INBOX")
    poller.almost_whole()
    glance, looks = poller.connection.glance, []
    before = glance(["INBOX", "Sent", "Archive"])

    def lagging(folders):
        looks.append(glance(folders))
        return before if len(looks) == 1 else looks[-1]

    monkeypatch.setattr(poller.connection, "glance", lagging)
    # It came in the middle of the quarter of an hour in which nobody said so.
    mailbox_account.fill("Archive", [mail(1)], date=desk.clock.now() - timedelta(seconds=WHOLE_EVERY / 2))
    poller.poll(60)
    assert desk.bodies["Archive", 1] == mail(1) and len(looks) == 2
    (gap,) = desk.facts("mailbox.unwatched")
    assert gap.why == KEPT_BACK


@pytest.mark.parametrize("folder", ["INBOX", "Sent", "Archive"])
@pytest.mark.parametrize("what", ["new mail", "moved mail", "a flag"])
def test_what_comes_between_a_glance_and_the_opening_of_a_folder_is_nobodys_fault(
    mailbox_account, poller, desk, mail, monkeypatch, folder, what
):
    mailbox_account.fill(folder, [mail(1)])
    poller = poller(mailbox_account).settled()
    glance, examine, looks = poller.connection.glance, poller.connection.examine, []

    def looked(folders):
        looks.append(found := glance(folders))
        if len(looks) == 1 and what == "a flag":
            mailbox_account.store(folder, 1, "+FLAGS", "(\\Flagged)")
        elif len(looks) == 1:
            old = timedelta(days=3 if what == "moved mail" else 0)
            mailbox_account.fill(folder, [mail(2)], date=desk.clock.now() - old)
        return found

    poller.almost_whole()
    if folder != "INBOX" or what != "moved mail":
        examine("INBOX")  # of a folder that is open nobody can tell what was moved in from what was hidden
    monkeypatch.setattr(poller.connection, "glance", looked)
    poller.poll(60)
    assert len(looks) == 2, "nothing was surprising"
    assert poller.watcher._rounds._believed
    assert not desk.facts("mailbox.unwatched")


def test_a_scope_that_widens_while_a_folder_is_opened_is_no_news_that_was_kept_back(
    mailbox_account, poller, desk, mail, monkeypatch
):
    directory = [object()]
    mailbox_account.fill("Archive", [mail(1)])
    poller = poller(mailbox_account, directory=lambda: directory[0]).settled()
    poller.almost_whole()
    examine = poller.connection.examine
    examine("INBOX")

    def widened(folder):
        if folder == "Archive":
            directory[0] = object()
        return examine(folder)

    monkeypatch.setattr(poller.connection, "examine", widened)
    before = directory[0]
    poller.poll(60)
    assert directory[0] is not before
    assert poller.watcher._rounds._believed and not desk.facts("mailbox.unwatched")


def test_what_was_kept_back_is_noticed_by_the_look_before_a_draft_is_placed(scripted, poller, desk, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    poller.connection.examine("INBOX")
    inbox.uids.append(2)
    for _ in range(8):
        poller.poll(60)
    poller.watcher._before_paying(poller.connection)
    assert ("INBOX", 2) in desk.bodies
    poller.poll()
    (gap,) = desk.facts("mailbox.unwatched")
    assert gap.why == KEPT_BACK


def test_the_look_before_a_draft_is_placed_is_at_what_is_opened_then(mailbox_account, poller):
    poller = poller(mailbox_account).settled()
    poller.connection.examine("INBOX")
    poller.sent.clear()
    poller.watcher._before_paying(poller.connection)
    assert [line.split(b" ", 1)[1] for line in poller.sent[0].splitlines()][1:] == [
        b'STATUS "Sent" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)',
        b"NOOP",
    ]


@pytest.mark.parametrize(
    "status", [b"* BYE too many commands\r\n", b"Q77 OK done\r\n"], ids=["a BYE", "nonsense"]
)
def test_a_glance_that_ends_the_session_is_left_out_on_the_next_and_after_twice_for_good(
    scripted, poller, status, mail
):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    inbox.status = status
    ended = []
    for _ in range(5):
        try:
            for _ in range(3):
                poller.poll()
            ended.append(False)
        except (ServerBusy, ConnectionLost):
            ended.append(True)
        try:
            poller.reconnect()
        except (ServerBusy, ConnectionLost):
            ended.append(True)
            poller.reconnect()
    assert ended == [True, False, True, False, False, False]


def test_two_cuts_at_a_glance_with_long_sessions_between_them_do_not_end_glances(scripted, poller, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    right = inbox.status
    for _ in range(2):
        inbox.status = b"* BYE restarting\r\n"
        with pytest.raises(ServerBusy):
            poller.poll()
        inbox.status = right
        poller.reconnect()
        poller.reconnect()
        poller.poll(WHOLE_EVERY)
    assert any("STATUS" in words for words in poller.poll())


def test_connections_that_are_cut_while_nobody_speaks_do_not_end_glances(scripted, poller, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    right = inbox.status
    for _ in range(3):
        poller.watcher._rest(60.0)
        inbox.status = b"* BYE you were silent for too long\r\n"
        with pytest.raises(ServerBusy):
            poller.poll()
        inbox.status = right
        poller.reconnect()
    assert any("STATUS" in words for words in poller.poll())


def test_a_glance_right_after_a_word_of_the_server_is_held_to_account(scripted, poller, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    inbox.status = b"* BYE too many commands\r\n"
    poller.watcher._rest(60.0)
    poller.watcher._whole(poller.connection)
    with pytest.raises(ServerBusy):
        poller.poll()
    poller.reconnect()
    assert not any("STATUS" in words for words in poller.poll())


def test_a_glance_that_a_stop_ends_is_not_held_to_account(scripted, poller, mail, monkeypatch):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()

    def stopped(folders):
        raise Stopped("the daemon stops")

    monkeypatch.setattr(poller.connection, "glance", stopped)
    with pytest.raises(Stopped):
        poller.poll()
    poller.reconnect()
    assert any("STATUS" in words for words in poller.poll())


def test_a_new_folder_is_seen_where_list_by_use_answers_nothing(scripted, poller, desk, mail):
    inbox = Bent([1], mail)
    inbox.capabilities += " SPECIAL-USE"
    inbox.folders = b'* LIST () "/" INBOX\r\n'
    poller = poller(scripted(inbox.script)).settled()
    assert not any(each.name == "Sent" for each in poller.watcher._chosen.watched)
    inbox.folders += b'* LIST () "/" Sent\r\n'
    poller.poll()
    assert any(each.name == "Sent" for each in poller.watcher._chosen.watched)


def test_a_server_that_does_not_know_a_command_is_asked_once_and_read_whole(scripted, poller, desk, mail):
    inbox = Bent([1], mail)
    inbox.status = None
    server = scripted(inbox.script)
    poller = poller(server).settled()
    inbox.uids.append(2)
    poller.poll()
    assert ("INBOX", 2) in desk.bodies
    assert sum(b" STATUS " in line for line in server.lines) == 1


def test_a_server_whose_figures_never_are_enough_is_soon_not_asked_for_them_any_more(
    scripted, poller, mail, monkeypatch
):
    inbox = Bent([1], mail)
    inbox.status = b"* STATUS Sent (MESSAGES 0 UIDVALIDITY 7)\r\n"
    monkeypatch.setattr(Bent, "figures", lambda self, found: b"* STATUS INBOX (MESSAGES 1)\r\n")
    poller = poller(scripted(inbox.script))
    asked = [any("STATUS" in words for words in poller.poll()) for _ in range(VAIN + 2)]
    assert asked == [True] * VAIN + [False] * 2
    monkeypatch.undo()
    inbox.status = Bent.status
    poller.reconnect()
    assert any("STATUS" in words for words in poller.poll()), "another connection may know more"


def test_a_glance_that_tells_nothing_lets_the_next_pass_pass_over_folders_all_the_same(
    scripted, poller, mail, monkeypatch
):
    """It went before a pass over everything, and so that pass is not made again at once."""
    poller = poller(scripted(Bent([1], mail).script)).settled()
    poller.almost_whole()
    glance = poller.connection.glance
    monkeypatch.setattr(poller.connection, "glance", lambda folders: Glance(same_folders=True, told={}))
    assert ["LIST"] in poller.poll(60)
    monkeypatch.setattr(poller.connection, "glance", glance)
    assert ["LIST"] not in poller.poll()


@pytest.mark.parametrize(
    "status",
    [
        b"",
        b"* STATUS Sent (MESSAGES 0 UIDVALIDITY 7)\r\n",
        b"* STATUS Sent (MESSAGES 0 UIDNEXT 0 UIDVALIDITY 7)\r\n",
        b"* STATUS Other (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\n",
        b"* STATUS Sent (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)\r\n",
        b"* STATUS Sent (MESSAGES x UIDNEXT 1 UIDVALIDITY 7)\r\n",
    ],
)
def test_a_folder_of_which_status_says_too_little_or_other_things_is_opened(scripted, poller, mail, status):
    inbox = Bent([1], mail)
    inbox.status = status
    server = scripted(inbox.script)
    poller = poller(server).settled()
    poller.connection.examine("INBOX")
    assert ["EXAMINE"] in poller.poll()
    assert server.lines[-1].endswith(b'EXAMINE "Sent"')


@pytest.mark.parametrize(
    "status",
    [
        b'* STATUS "Sent" (UIDVALIDITY 7 UIDNEXT 1 MESSAGES 0)\r\n',
        b"* STATUS {4}\r\nSent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\n",
        b"* status Sent (messages 0 uidnext 1 uidvalidity 7) \r\n",
    ],
)
def test_status_is_understood_however_the_name_is_written(scripted, poller, mail, status):
    inbox = Bent([1], mail)
    inbox.status = status
    poller = poller(scripted(inbox.script)).settled()
    poller.connection.examine("INBOX")
    assert poller.poll() == [["LIST", "STATUS", "NOOP"]]


@pytest.mark.parametrize("news", [b"* 2 EXISTS\r\n", b"* 1 EXPUNGE\r\n", b"* 1 FETCH (FLAGS ())\r\n"])
def test_a_word_of_the_open_folder_has_it_opened_again(scripted, poller, mail, news):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    poller.connection.examine("INBOX")
    inbox.noop = news
    assert ["EXAMINE"] in poller.poll()


def test_a_bye_in_a_poll_is_a_busy_server_and_ends_the_session(scripted, poller, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    inbox.status = b"* BYE back in a minute\r\n"
    with pytest.raises(ServerBusy, match="back in a minute"):
        poller.poll()
    assert poller.connection._wire.sock is None


def test_nonsense_in_a_poll_ends_the_session(scripted, poller, mail):
    inbox = Bent([1], mail)
    poller = poller(scripted(inbox.script)).settled()
    inbox.status = b"Q77 OK done\r\n"
    with pytest.raises(ConnectionLost, match="cannot be read"):
        poller.poll()
    with pytest.raises(ConnectionLost):
        poller.connection.noop()


def test_what_is_told_before_idle_begins_ends_it_at_once(opened):
    def script(talk):
        talk.expect(rb"IDLE")
        talk.say(b"* 2 EXISTS\r\n+ idling\r\n")
        assert talk.line() == b"DONE"
        talk.done()

    connection, server = opened(script)
    assert connection.idle(Wake(), 5.0) is IdleEnd.CHANGED
    assert connection.standing("INBOX") is None
    assert not server.trouble


def test_an_idle_without_news_leaves_the_folder_standing_and_any_other_command_does_not(opened):
    def script(talk):
        talk.expect(rb"IDLE")
        talk.say(b"+ idling\r\n* OK still here\r\n")
        assert talk.line() == b"DONE"
        talk.done()
        talk.expect(rb"NOOP")
        talk.done()

    connection, server = opened(script)
    status = connection.standing("INBOX")
    assert status is not None and connection.standing("Sent") is None
    assert connection.idle(Wake(), 0.01) is IdleEnd.OVER
    assert connection.standing("INBOX") == status
    connection.noop()
    assert connection.standing("INBOX") is None
    assert not server.trouble


def test_a_name_that_would_end_a_command_is_never_sent():
    encoded = Round.of((("Sent\r\nx LOGOUT",), "", False), b'LIST "" "*"', modseq=False)
    assert (
        encoded.commands.count(b"\n") == encoded.count == 2
        and b" LOGOUT" not in encoded.commands.split(b"&")[0]
    )
    with pytest.raises(UnsafeArgument):
        Round.of(((), "", True), b'LIST "" "*"\r\nx LOGOUT', modseq=False)


def test_a_percent_sign_and_a_quote_in_a_name_are_sent_as_they_are():
    round_ = Round.of((('100% "sure"',), "", False), b'LIST "" "*"', modseq=True)
    sent = (round_.commands % (7, 8)).splitlines()
    assert sent[0] == b'Q7 LIST "" "*"'
    assert re.fullmatch(
        rb'Q8 STATUS "100% \\"sure\\"" \(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ\)', sent[1]
    )
