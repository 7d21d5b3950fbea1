"""The bytes that are fetched in a day: counted as they come, kept over restarts, news before history, never "done"."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from levelhead.clock import FrozenClock
from levelhead.errors import ConnectionLost
from levelhead.mailbox.budget import HISTORY, SPENT, Account, Budget, BudgetSpent
from levelhead.mailbox.folders import chosen_on
from levelhead.mailbox.watch import Watcher
from levelhead.store.api import mailbox_lane
from levelhead.store.api_waits import budget_key, spent_from
from servers.inbox import Inbox

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
BODY = 10_000


def letter(uid: int) -> bytes:
    head = f"From: ada@client.test\r\nTo: me@example.test\r\nSubject: {uid}\r\nMessage-ID: <{uid}@client.test>\r\n\r\n"
    return head.encode() + b"x" * (BODY - len(head) - 2) + b"\r\n"


@pytest.fixture
def account(desk):
    desk.clock = FrozenClock(NOON)
    return Account(desk.store, desk.clock, "imap.example.test:me")


# --- counting -----------------------------------------------------------------------------------


def test_a_day_ends_at_midnight_utc(account, desk):
    account.count(70)
    desk.clock.advance(hours=11, minutes=59, seconds=59)
    assert account.today() == (date(2026, 11, 1), 70)
    desk.clock.advance(seconds=1)
    assert account.today() == (date(2026, 11, 2), 0)


def test_what_came_is_counted_over_restarts(account, desk):
    account.count(5_000_000)
    account.settle()
    assert Account(desk.store, desk.clock, "imap.example.test:me").today()[1] == 5_000_000
    assert Account(desk.store, desk.clock, "imap.example.test:you").today()[1] == 0
    desk.clock.advance(days=1)
    assert Account(desk.store, desk.clock, "imap.example.test:me").today()[1] == 0


def test_a_crash_while_a_message_comes_counts_too_much_and_never_too_little(account, desk):
    budget = Budget(account=account, limit=10**9)
    budget.begin([400_000, 600_000], news=True)
    account.count(250_000)  # and here it ends
    again = Account(desk.store, desk.clock, "imap.example.test:me")
    assert again.today()[1] == 1_000_000


def test_what_really_came_takes_the_place_of_what_was_promised(account, desk):
    Budget(account=account, limit=10**9).begin([40_000_000], news=True)
    account.count(1_500_000)
    account.settle()
    assert Account(desk.store, desk.clock, "imap.example.test:me").today()[1] == 1_500_000


def test_a_message_that_is_larger_than_a_whole_day_is_fetched_some_day(account):
    budget = Budget(account=account, limit=1000)
    assert budget.begin([5_000, 10], news=False) == 1
    account.count(5_000)
    assert budget.begin([10], news=True) == 0
    with pytest.raises(BudgetSpent):
        budget.must_have(news=True)


def test_history_leaves_a_part_for_news(account):
    budget = Budget(account=account, limit=1000)
    account.count(int(1000 * HISTORY))
    with pytest.raises(BudgetSpent):
        budget.must_have(news=False)
    assert budget.begin([10], news=False) == 0 and budget.begin([10], news=True) == 1


# --- a mailbox ----------------------------------------------------------------------------------


class Reader:
    """A watcher whose passes are made one by one, of an inbox whose history fills more than a day."""

    def __init__(self, desk, spec_of, scripted, spooled, *, limit, messages=30):
        self.inbox = Inbox(list(range(1, messages + 1)), letter)
        self.desk, self.told = desk, []
        self.server = scripted(self.inbox.script)
        self.make = lambda: Watcher(
            spec=spec_of(self.server, received=lambda size: self.account.count(size)),
            store=desk.store,
            clock=desk.clock,
            record=desk.record,
            spool=spooled,
            on_lost=lambda kind, why: self.told.append((kind, why)),
            budget=Budget(account=self.account, limit=limit),
        )
        desk.clock = FrozenClock(NOON)
        self.start()

    def start(self):
        """As another process that begins now."""
        self.account = Account(self.desk.store, self.desk.clock, "the account")
        self.watcher = self.make()
        self.connection = self.watcher._open()

    def look(self, **parts):
        """One pass, so much later."""
        self.desk.clock.advance(**parts)
        self.watcher._whole(self.connection)

    @property
    def uids(self):
        return sorted(uid for _, uid in self.desk.bodies)

    def kept(self):
        return spent_from(self.desk.store.meta(budget_key("post")))

    def close(self):
        self.connection.close()
        self.watcher.close()


@pytest.fixture
def reader(desk, spec_of, scripted, spooled):
    made = []

    def make(**changes):
        made.append(Reader(desk, spec_of, scripted, spooled, **changes))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_history_is_fetched_over_days_until_all_of_it_is_here_and_nothing_twice(reader):
    one = reader(limit=125_000)
    per_day = []
    for _ in range(5):
        before = len(one.uids)
        one.look()
        one.look(minutes=2)
        per_day.append(len(one.uids) - before)
        one.desk.clock.advance(days=1)
    assert one.uids == list(range(1, 31)) and per_day[0] < 12 and per_day[-1] == 0, per_day
    asked = [uid for words in one.inbox.asked for uid in one.inbox.among(words)]
    assert sorted(asked) == one.uids, "each was asked for once"
    assert one.kept().waiting == 0


def test_a_backlog_is_never_taken_for_done_and_is_no_outage(reader):
    one = reader(limit=125_000)
    one.look()
    spent = one.kept()
    assert spent.waiting == 30 - len(one.uids) > 0 and not spent.news
    assert spent.until == datetime(2026, 11, 2, tzinfo=UTC)
    assert one.desk.store.folder("post", "INBOX").last_pass == NOON
    assert 100_000 <= spent.spent <= 115_000 and spent.limit == 125_000
    assert [row.state for row in one.desk.store.mailboxes()] == ["watched"]
    assert [kind for kind, _ in one.told if kind != "sent"] == []


def test_the_bytes_are_those_that_came_over_the_wire(reader):
    one = reader(limit=10**9)
    said = []
    count, one.account.count = one.account.count, lambda size: (said.append(size), count(size))
    one.look()
    assert one.account.today()[1] >= sum(said) > 30 * BODY
    assert one.account.today()[1] < 33 * BODY


def test_a_poll_while_history_waits_fetches_and_lists_nothing(reader):
    one = reader(limit=125_000)
    one.look()
    asked, lines = len(one.inbox.asked), len(one.server.lines)
    one.look(minutes=2)
    sent = one.server.lines[lines:]
    assert len(one.inbox.asked) == asked and not [
        line for line in sent if b"SEARCH" in line or b"FETCH" in line
    ]


def test_mail_that_arrives_while_history_waits_is_read_at_once_from_what_is_kept_for_it(reader):
    one = reader(limit=125_000)
    one.look()
    one.inbox.uids.append(31)
    one.look(minutes=2)
    assert 31 in one.uids and one.kept().waiting == 30 - len(one.uids) + 1
    assert not one.desk.history["INBOX", 31] and one.desk.history["INBOX", 1]
    one.start()  # what was read ahead is known to another process, too
    for _ in range(4):
        one.look(days=1)
    asked = [uid for words in one.inbox.asked for uid in one.inbox.among(words)]
    assert asked.count(31) == 1 and sorted(asked) == one.uids == list(range(1, 32))


def test_news_come_before_history_on_a_new_day(reader):
    one = reader(limit=125_000)
    one.look()
    before = len(one.inbox.asked)
    one.inbox.uids.append(31)
    one.look(days=1)
    assert one.inbox.asked[before] == b"31"


def test_on_a_new_day_the_news_of_all_folders_come_before_the_history_of_the_first(reader):
    one = reader(limit=125_000)
    inbox = one.connection.folders()[0]
    sent = replace(inbox, name="Sent", attributes=frozenset({"\\sent"}))
    one.connection.folders = lambda: (inbox, sent)
    one.look()
    before = len(one.desk.bodies)
    assert before and {name for name, _ in one.desk.bodies} == {"Sent"}
    one.inbox.uids.append(31)
    one.desk.clock.advance(days=1)
    reports = one.watcher._whole(one.connection)
    new = list(one.desk.bodies)[before:]
    assert new[:2] == [("Sent", 31), ("INBOX", 31)] and len(new) > 8
    assert sum(report.archived for report in reports) == len(new)
    asked = [uid for words in one.inbox.asked for uid in one.inbox.among(words)]
    assert asked.count(31) == 2, "once in each"


def test_where_even_the_reserve_is_spent_new_mail_waits_and_that_is_a_gap_on_record(reader):
    one = reader(limit=125_000)
    one.look()
    seen = one.watcher.seen
    one.inbox.uids += range(31, 41)
    one.look(minutes=2)
    assert one.kept().news and 0 < len([uid for uid in one.uids if uid > 30]) < 10
    assert one.watcher.seen is seen, "this was no look at everything"
    last_pass = one.desk.store.folder("post", "INBOX").last_pass
    lines = len(one.server.lines)
    one.look(minutes=2)
    assert not [line for line in one.server.lines[lines:] if b"FETCH" in line]
    assert one.desk.store.folder("post", "INBOX").last_pass == last_pass
    one.look(hours=12)  # after midnight
    assert {31, 40} <= set(one.uids) and not one.kept().news
    (gap,) = one.desk.facts("mailbox.unwatched")
    assert gap.why == SPENT and gap.since == NOON
    assert [kind for kind, _ in one.told if kind != "sent"] == []


@pytest.mark.parametrize("news", [False, True])
def test_what_waited_in_a_folder_that_is_watched_no_more_is_forgotten(reader, news):
    one = reader(limit=125_000)
    one.look()
    if news:
        one.inbox.uids += range(31, 41)
        one.look(minutes=2)
    assert one.kept().waiting and one.kept().news == news
    seen, waiting, listed = one.watcher.seen, one.kept().waiting, one.connection.folders
    archive = replace(listed()[0], name="Archive", attributes=frozenset({"\\archive"}))
    one.connection.folders = lambda: (archive,)
    one.look(minutes=2)
    assert one.watcher._memory.put_off.keys() == {"Archive"}, "it is as full, and history has had its day"
    assert not one.kept().news and one.watcher.seen is not seen
    one.connection.folders = listed
    one.look(minutes=2)
    assert one.watcher._memory.put_off.keys() == {"INBOX"}, "it waits again as soon as it is watched again"
    assert one.kept().waiting == waiting and one.kept().news == news


def test_what_is_wanted_again_while_history_waits_is_not_forgotten(reader):
    one = reader(limit=125_000)
    wanted = []
    one.watcher.decide = lambda head: SimpleNamespace(
        archive=b"Subject: 2\r\n" not in head, reason="scope", addresses=("ada@client.test",)
    )
    one.watcher.wanted_again = lambda left_out: bool(wanted)
    one.watcher.directory = lambda: len(wanted)
    one.look()
    assert 1 in one.uids and 2 not in one.uids
    wanted.append("ada")
    one.look(minutes=2)
    assert 2 not in one.uids
    for _ in range(5):
        one.look(days=1)
    assert one.uids == list(range(1, 31))


def test_after_a_change_of_uidvalidity_news_still_come_before_what_was_there(reader):
    one = reader(limit=125_000)
    for _ in range(5):
        one.look(days=1)
    assert len(one.uids) == 30
    examine = one.inbox.examine
    one.inbox.examine = lambda found: examine(found).replace(b"UIDVALIDITY 7", b"UIDVALIDITY 8")
    one.start()  # the script asks for its answers when a connection begins
    before = len(one.inbox.asked)
    one.look(days=1)
    assert one.kept().waiting and not one.kept().news
    one.inbox.uids.append(31)
    one.look(minutes=2)
    asked = [uid for words in one.inbox.asked[before:] for uid in one.inbox.among(words)]
    assert asked[-1] == 31 and len(asked) < 15


def test_a_restart_in_the_middle_of_the_day_fetches_no_more_of_it(reader):
    one = reader(limit=125_000)
    one.look()
    before = len(one.uids)
    one.start()
    one.look()
    assert len(one.uids) <= before + 1
    one.look(days=1)
    assert len(one.uids) > before + 5


@pytest.mark.parametrize("breaks", [False, True])
def test_what_came_without_being_promised_is_written_down_before_the_pass_ends(reader, breaks):
    """Headers of mail that the scope leaves out: no body is asked for, and the daemon may end at any time."""
    one = reader(limit=10**9)
    head = b"X-Filler: " + b"x" * 900 + b"\r\n"
    one.inbox.mail = lambda uid: head * 30 + letter(uid)
    one.inbox.uids = list(range(1, 181))
    one.watcher.decide = lambda head: SimpleNamespace(archive=False, reason="scope", addresses=())
    noted, heads = [], one.connection.heads

    def watched(uids, *, header=True):
        noted.append(Account(one.desk.store, one.desk.clock, "the account").today()[1])
        found = heads(uids, header=header)
        if breaks and len(noted) == 2:
            raise ConnectionLost("here it ends")
        return found

    one.connection.heads = watched
    if breaks:
        with pytest.raises(ConnectionLost):
            one.look()
        noted.append(Account(one.desk.store, one.desk.clock, "the account").today()[1])
    else:
        one.look()
    assert noted[0] == 0 and noted[1] > 100 * 30 * 900
    assert not breaks or noted[2] > 180 * 30 * 900


def test_batches_that_cost_less_than_is_noted_write_nothing_more(reader, monkeypatch):
    one = reader(limit=10**9)
    written = []
    write = Account._write
    monkeypatch.setattr(Account, "_write", lambda self, spent: (written.append(spent), write(self, spent)))
    monkeypatch.setattr("levelhead.mailbox.intake.BATCH", 10)
    one.look()
    assert len(one.uids) == 30 and len(written) == 3, "what each batch promises, and no more"


def test_two_mailboxes_of_one_account_share_what_it_gives(reader, desk):
    one = reader(limit=125_000)
    one.account.count(95_000)
    one.look()
    assert len(one.uids) <= 1


def test_no_draft_is_placed_while_new_mail_of_sent_waits(reader, desk):
    one = reader(limit=125_000)
    one.look()
    one.inbox.uids += range(31, 41)
    one.watcher.spec = one.watcher.spec.__class__(
        **{name: getattr(one.watcher.spec, name) for name in one.watcher.spec.__dataclass_fields__}
        | {"sent": "INBOX"}
    )
    spec, prefix = one.watcher.spec, one.watcher._prefix
    one.watcher._chosen = chosen_on(one.connection, spec, prefix, one.connection.folders())
    one.watcher.pay = lambda drafts: pytest.fail("nobody knows what I have answered")
    with desk.store.transaction(desk.clock.now()) as tx:
        tx.add_job(mailbox_lane("post"), "place", "k", "k", desk.clock.now())
    one.watcher._pay_due(one.connection)
    assert one.watcher.resting and one.watcher._sent_unread == SPENT


@pytest.mark.server
def test_polls_by_a_glance_go_on_with_history_on_the_next_day(mailbox_account, desk, spec_of, spooled):
    mailbox_account.fill("INBOX", [letter(n) for n in range(1, 31)])
    mailbox_account.fill("Sent", [letter(n) for n in range(100, 103)])
    desk.clock = FrozenClock(datetime.now(UTC).replace(hour=22, minute=59, second=0))
    account = Account(desk.store, desk.clock, "the account")
    watcher = Watcher(
        spec=spec_of(mailbox_account, received=account.count),
        store=desk.store,
        clock=desk.clock,
        record=desk.record,
        spool=spooled,
        budget=Budget(account=account, limit=160_000),
    )
    connection = watcher._open()
    watcher._whole(connection)
    first = len(desk.bodies)
    assert 3 < first < 20
    opened, examine = [], connection.examine
    connection.examine = lambda name: opened.append(name) or examine(name)
    for _ in range(30):
        desk.clock.advance(minutes=2)
        watcher._look(connection)
    assert len(desk.bodies) == first
    assert opened.count("INBOX") <= 4, "only passes that open every folder have opened it"
    for _ in range(2):
        desk.clock.advance(minutes=1)
        watcher._look(connection)
    assert len(desk.bodies) > first + 5, "it is past midnight"
    for _ in range(3):
        desk.clock.advance(days=1)
        watcher._look(connection)
    assert len(desk.bodies) == 33 and spent_from(desk.store.meta(budget_key("post"))).waiting == 0
    connection.close()
    watcher.close()
