"""Messages, threads and clients: what is archived, found again, judged, marked, joined and counted."""

from __future__ import annotations

import random
import statistics
from datetime import UTC, datetime
from typing import Any

import pytest

from levelhead import facts
from levelhead.errors import ProgrammerError, UserError
from levelhead.lifecycle import WrongState
from levelhead.model import Address, Attachment, Direction, Level
from levelhead.store.api import MessageFilter, Store


def archive(
    store: Store, make: Any, *numbers: int, parsed: dict[str, Any] | None = None, **changes: Any
) -> None:
    with store.transaction(make.noon) as tx:
        for number in numbers:
            tx.archive(make.archived(number, **changes), make.parsed(number, **(parsed or {})))


def seqs(store: Store, limit: int | None = None, **wanted: Any) -> list[int]:
    return [row.seq for row in store.messages(MessageFilter(**wanted), limit=limit)]


def test_a_message_comes_back_as_it_was_archived(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.archive(
            make.archived(1, history=True, same_as="b" * 64, direction="out"),
            make.parsed(
                1,
                cc=(Address(address="boss@acme.example", name='Dr. "B" ☎'),),
                date=make.at(hours=-1),
                language="de",
                automatic="list",
                defects=("no date", "no text"),
            ),
        )
    row = store.message(make.id(1))
    assert (row.id, row.seq, row.volume, row.offset, row.length, row.size) == (
        make.id(1),
        1,
        1,
        1000,
        900,
        2000,
    )
    assert (row.client, row.direction, row.thread) == ("Acme", Direction.OUT, "thread-1")
    assert row.sender == Address(address="anna@acme.example", name="Anna Kröger")
    assert row.to == (Address(address="me@studio.example"),)
    assert row.cc == (Address(address="boss@acme.example", name='Dr. "B" ☎'),)
    assert (row.subject, row.date, row.received_at) == ("Invoice 1", make.at(hours=-1), make.at(minutes=1))
    assert (row.language, row.message_id, row.automatic) == ("de", "<1@acme.example>", "list")
    assert (row.history, row.same_as, row.defects) == (True, "b" * 64, ("no date", "no text"))
    assert (row.level, row.millionths, row.labels) == (None, None, ())


def test_a_message_that_says_nothing_is_archived_all_the_same(store: Store, make: Any) -> None:
    nothing = {"sender": None, "to": (), "subject": "", "message_id": "", "new_text": "", "body_digest": ""}
    archive(store, make, 1, 2, parsed=nothing, client="", thread="")
    assert store.message(make.id(1)).sender is None
    assert store.message(make.id(2)).message_id == ""
    assert store.clients() == ()
    assert store.copy_of("", "") == ""
    assert store.counts().messages == 2


def test_hostile_words_are_kept_as_far_as_they_can_be_written(store: Store, make: Any) -> None:
    bad = "half \ud800 a character, a \0 and \x1b[31m"
    sender = Address(address="a\udcff@x.example", name=bad)
    archive(
        store,
        make,
        1,
        parsed={"subject": bad, "sender": sender, "new_text": bad, "message_id": bad, "defects": (bad,)},
    )
    row = store.message(make.id(1))
    assert row.subject == bad.replace("\ud800", "?")
    assert row.sender == Address(address="a?@x.example", name=bad.replace("\ud800", "?"))
    assert [hit.message.id for hit in store.search("character", MessageFilter())] == [make.id(1)]


def test_the_same_bytes_or_number_are_archived_once(store: Store, make: Any) -> None:
    archive(store, make, 1)
    for change in ({"seq": 2}, {"id": "f" * 64}):
        with pytest.raises(ProgrammerError, match="archived already"):
            archive(store, make, 1, **change)
    assert store.ledger_size() == 1


def test_an_id_is_found_by_any_unique_prefix_of_eight(store: Store, make: Any) -> None:
    archive(store, make, 1, id="abcdef01" + "0" * 56)
    archive(store, make, 2, id="abcdef01" + "1" * 56)
    assert store.message("abcdef010").seq == 1
    assert store.message("ABCDEF011").seq == 2
    with pytest.raises(UserError, match="several messages"):
        store.message("abcdef01")
    with pytest.raises(UserError, match="too short"):
        store.message("abcdef0")
    for unknown in ("abcdef02", "abcdef01%", "zzzzzzzzz"):
        with pytest.raises(UserError, match="no message has an id that begins"):
            store.message(unknown)
    with store.transaction(make.noon) as tx:
        assert tx.message("abcdef010").seq == 1


def test_known_ids_are_told_apart_in_any_number(store: Store, make: Any) -> None:
    archive(store, make, 1, 2, 3)
    many = [make.id(number) for number in range(2, 5000)]
    assert store.known(many) == {make.id(2): 2, make.id(3): 3}
    assert store.known([]) == {}


def test_the_last_number_given_out_is_known(store: Store, make: Any) -> None:
    assert store.last_seq() == 0
    archive(store, make, 3, 7)
    assert store.last_seq() == 7


def test_messages_are_listed_by_number_and_by_every_filter(store: Store, make: Any) -> None:
    archive(store, make, 5, 1)
    archive(store, make, 3, client="Bolt", direction="out")
    with store.transaction(make.noon) as tx:
        tx.record(make.judged(5, level="hostile", millionths=900_000, because=()))
    assert seqs(store) == [1, 3, 5]
    assert seqs(store, client="Bolt") == [3]
    assert seqs(store, direction=Direction.IN) == [1, 5]
    assert seqs(store, level=Level.HOSTILE) == [5]
    assert seqs(store, thread="thread-3") == [3]
    assert seqs(store, since=make.at(minutes=3)) == [3, 5]
    assert seqs(store, until=make.at(minutes=3)) == [1]
    assert seqs(store, client="Acme", since=make.at(minutes=2), until=make.at(minutes=9)) == [5]
    assert seqs(store, limit=2) == [1, 3]
    assert seqs(store, limit=0) == []


def test_messages_are_told_apart_by_their_attachments(store: Store, make: Any) -> None:
    plan = Attachment(name="plan.pdf", type="application/pdf", size=3, digest="ab" * 32)
    archive(store, make, 1)
    archive(store, make, 2, parsed={"attachments": (plan, plan)})
    assert seqs(store, attachment=True) == [2]
    assert seqs(store, attachment=False) == [1]
    assert [hit.message.seq for hit in store.search("invoice", MessageFilter(attachment=True))] == [2]
    assert [hit.message.seq for hit in store.search("invoice", MessageFilter(attachment=False))] == [1]


def test_a_long_list_has_no_gap_and_no_double(store: Store, make: Any) -> None:
    archive(store, make, *range(1, 1203))
    assert seqs(store) == list(range(1, 1203))
    assert seqs(store, limit=1001) == list(range(1, 1002))


def test_a_copy_is_known_by_message_id_and_body(store: Store, make: Any) -> None:
    archive(store, make, 1, parsed={"message_id": "<m@x>", "body_digest": "d1"})
    archive(store, make, 2, parsed={"message_id": "<m@x>", "body_digest": "d1"}, same_as=make.id(1))
    assert store.copy_of("<m@x>", "d1") == make.id(1)
    assert store.copy_of("<m@x>", "d2") == ""
    assert store.copy_of("<n@x>", "d1") == ""


def test_messages_are_found_by_their_message_id_whoever_they_belong_to(store: Store, make: Any) -> None:
    archive(store, make, 1, parsed={"message_id": "<m@x>", "references": ("<r@x>",)})
    archive(store, make, 2, client="Bolt", parsed={"message_id": "<m@x>"})
    archive(store, make, 3, parsed={"message_id": "<n@x>"})
    archive(store, make, 4, parsed={"message_id": ""})
    assert [(row.seq, row.client) for row in store.named(["<m@x>"])] == [(1, "Acme"), (2, "Bolt")]
    assert [row.seq for row in store.named(["<n@x>", "<m@x>", "<o@x>"])] == [1, 2, 3]
    assert store.named(["<r@x>"]) == (), "who only mentions an id does not bear it"
    assert store.named([]) == store.named([""]) == ()


def test_a_verdict_comes_back_whole_and_the_last_one_counts(store: Store, make: Any) -> None:
    archive(store, make, 1)
    assert store.judged(make.id(1)) is None
    assert store.counts().backlog == 1
    with store.transaction(make.noon) as tx:
        tx.record(make.judged(1))
        assert tx.judged(make.id(1)) == make.judged(1)
    later = make.judged(1, level="unknown", millionths=None, because=(), labels=("no-text",))
    with store.transaction(make.noon) as tx:
        tx.record(later)
    assert store.judged(make.id(1)) == later
    row = store.message(make.id(1))
    assert (row.level, row.millionths, row.labels) == (Level.UNKNOWN, None, ("no-text",))
    assert store.counts().backlog == 0


def test_a_mark_can_be_changed_and_undone_once(store: Store, make: Any) -> None:
    archive(store, make, 1)
    for level in ("calm", "hostile"):
        with store.transaction(make.noon) as tx:
            tx.record(facts.MessageMarked(id=make.id(1), level=level, why="", actor="me"))
    assert store.marks(make.id(1)) == "hostile"
    assert store.calibration("Acme").marks == {"hostile": 1}
    with store.transaction(make.noon) as tx:
        tx.record(facts.MarkUndone(id=make.id(1), actor="me"))
    assert store.marks(make.id(1)) is None
    with pytest.raises(WrongState, match="bears no mark"), store.transaction(make.noon) as tx:
        tx.record(facts.MarkUndone(id=make.id(1), actor="me"))
    assert store.calibration("Acme").marks == {}


# --- threads -----------------------------------------------------------------------------------


def test_a_thread_is_found_by_every_id_that_its_messages_hold_or_mention(store: Store, make: Any) -> None:
    archive(
        store,
        make,
        1,
        thread="t",
        parsed={
            "message_id": "<own@x>",
            "in_reply_to": ("<parent@x>",),
            "references": ("<root@x>", "<mid@x>"),
        },
    )
    for one in ("<own@x>", "<parent@x>", "<root@x>", "<mid@x>"):
        assert store.threads_of("Acme", [one]) == ("t",)
    assert store.threads_of("Acme", ["<other@x>"]) == ()
    assert store.threads_of("Acme", []) == ()
    assert store.threads_of("Bolt", ["<own@x>"]) == ()


def test_threads_are_told_oldest_first_and_each_once(store: Store, make: Any) -> None:
    archive(store, make, 2, thread="b", parsed={"message_id": "<2@x>", "references": ("<r@x>",)})
    archive(store, make, 1, thread="c", parsed={"message_id": "<1@x>"})
    archive(store, make, 3, thread="a", parsed={"message_id": "<3@x>", "references": ("<r@x>",)})
    assert store.threads_of("Acme", ["<r@x>", "<3@x>", "<2@x>", "<1@x>"]) == ("c", "b", "a")


def test_a_message_that_joins_threads_makes_them_one_for_every_reader(store: Store, make: Any) -> None:
    archive(store, make, 1, 2, 3)
    with store.transaction(make.noon) as tx:
        tx.record(make.held("draft", thread="thread-2", message=make.id(2)))
        tx.record(make.raised("alert", thread="thread-3", message=make.id(3)))
        tx.archive(make.archived(4, thread="thread-1", thread_joins=("thread-2", "thread-3")), make.parsed(4))
    for key in ("thread-1", "thread-2", "thread-3"):
        assert [past.id for past in store.past(key)] == [make.id(number) for number in (1, 2, 3, 4)]
        assert seqs(store, thread=key) == [1, 2, 3, 4]
        assert [draft.thread for draft in store.drafts(thread=key)] == ["thread-1"]
        assert [alert.thread for alert in store.alerts(thread=key)] == ["thread-1"]
    assert store.threads_of("Acme", ["<2@acme.example>", "<3@acme.example>"]) == ("thread-1",)
    with store.transaction(make.noon) as tx:
        tx.record(make.held("late", thread="thread-3"))
        tx.archive(make.archived(5, thread="thread-2"), make.parsed(5))
    assert {draft.thread for draft in store.drafts()} == {"thread-1"}
    assert store.message(make.id(5)).thread == "thread-1"


def test_threads_that_were_joined_can_be_joined_again(store: Store, make: Any) -> None:
    archive(store, make, 1, 2, 3)
    archive(store, make, 4, thread="thread-2", thread_joins=("thread-3", "never-seen"))
    archive(store, make, 5, thread="thread-1", thread_joins=("thread-3",))
    for key in ("thread-1", "thread-2", "thread-3", "never-seen"):
        assert seqs(store, thread=key) == [1, 2, 3, 4, 5]
    archive(store, make, 6, thread="thread-3", thread_joins=("thread-1", "thread-2", "thread-3"))
    assert seqs(store, thread="thread-2") == [1, 2, 3, 4, 5, 6]
    assert store.threads_of("Acme", ["<3@acme.example>"]) == ("thread-1",)


def test_the_past_of_a_thread_is_its_latest_messages_oldest_first(store: Store, make: Any) -> None:
    archive(store, make, *range(1, 9), thread="t")
    with store.transaction(make.noon) as tx:
        tx.record(make.judged(7))
    assert [past.id for past in store.past("t", before_seq=8, limit=3)] == [make.id(n) for n in (5, 6, 7)]
    assert [past.score for past in store.past("t", limit=2)] == [0.4, None]
    first = store.past("t")[0]
    assert (first.direction, first.sender, first.subject) == (Direction.IN, "anna@acme.example", "Invoice 1")
    assert (first.received_at, first.level) == (make.at(minutes=1), None)
    assert store.past("nobody") == ()


def test_the_past_tells_whom_a_message_went_to_and_what_was_noticed_in_it(store: Store, make: Any) -> None:
    to = (Address(address="Me@Studio.example"), Address(address="boss@acme.example", name="The Boss"))
    archive(store, make, 1, thread="t", parsed={"to": to, "cc": (Address(address="BOSS@acme.example"),)})
    with store.transaction(make.noon) as tx:
        tx.record(make.judged(1, labels=("pressure", "legal")))
    (past,) = store.past("t")
    assert past.recipients == ("me@studio.example", "boss@acme.example")
    assert past.labels == ("pressure", "legal")


def test_a_header_with_a_hundred_thousand_references_is_bounded(store: Store, make: Any) -> None:
    references = tuple(f"<{number}@x>" for number in range(100_000))
    archive(store, make, 1, thread="t", parsed={"references": references, "message_id": "<own@x>"})
    for one in ("<own@x>", references[0], references[-1], references[-100]):
        assert store.threads_of("Acme", [one]) == ("t",)
    assert store.threads_of("Acme", [references[5000]]) == ()
    assert store.threads_of("Acme", references) == ("t",)


# --- clients -----------------------------------------------------------------------------------


def judge(store: Store, make: Any, number: int, millionths: int | None) -> None:
    level = "unknown" if millionths is None else "tense"
    with store.transaction(make.noon) as tx:
        tx.record(make.judged(number, level=level, millionths=millionths, because=()))


def test_a_clients_normal_is_the_mean_and_deviation_of_what_they_wrote(store: Store, make: Any) -> None:
    scores = random.Random(5).sample(range(1_000_001), 40)
    archive(store, make, *range(1, 41))
    archive(store, make, 50, direction="out")
    archive(store, make, 51, client="Bolt")
    for number, score in enumerate(scores, 1):
        judge(store, make, number, 17)
        judge(store, make, number, score)
    for number in (50, 51):
        judge(store, make, number, 999_999)
    judge(store, make, 1, None)
    calibration = store.calibration("Acme")
    wanted = [score / 1e6 for score in scores[1:]]
    assert calibration.judged == 39
    assert calibration.mean == pytest.approx(statistics.fmean(wanted))
    assert calibration.deviation == pytest.approx(statistics.pstdev(wanted))


def test_a_clients_labels_are_counted_once_for_each_judged_message(store: Store, make: Any) -> None:
    archive(store, make, 1, 2, 3)
    archive(store, make, 4, direction="out")
    archive(store, make, 5, client="Bolt")
    with store.transaction(make.noon) as tx:
        for number, labels in ((1, ("a", "b", "a")), (2, ("b",)), (4, ("b",)), (5, ("c",))):
            tx.record(make.judged(number, labels=labels))
        tx.record(make.judged(3, level="unknown", millionths=None, because=(), labels=("no-text",)))
    assert store.calibration("Acme").labels == {"a": 1, "b": 2}
    with store.transaction(make.noon) as tx:
        tx.record(make.judged(1, labels=("d",)))
        tx.record(facts.MessageRelabelled(id=make.id(2), client="Bolt", direction="in", thread="bolt"))
    assert store.calibration("Acme").labels == {"d": 1}
    assert store.calibration("Bolt").labels == {"b": 1, "c": 1}


def test_an_unknown_client_has_no_past(store: Store) -> None:
    assert store.calibration("Nobody").judged == 0
    assert store.first_contact("Nobody") is None


def test_equal_scores_deviate_by_nothing(store: Store, make: Any) -> None:
    archive(store, make, 1, 2, 3)
    for number in (1, 2, 3):
        judge(store, make, number, 333_333)
    calibration = store.calibration("Acme")
    assert (calibration.judged, calibration.mean, calibration.deviation) == (3, pytest.approx(0.333333), 0.0)


def test_first_contact_is_the_earliest_message_whenever_it_was_archived(store: Store, make: Any) -> None:
    archive(store, make, 5, 2, 9)
    assert store.first_contact("Acme") == make.at(minutes=2)


def test_a_message_was_seen_among_sent_mail_once_one_such_folder_has_shown_it(
    store: Store, make: Any
) -> None:
    """What an older version sighted says nothing of it, and neither takes it back."""
    archive(store, make, 1, direction="out")
    seen: list[bool | None] = [store.message(make.id(1)).in_sent]
    for uid, sent in enumerate((None, False, None, True, False, None), 1):
        with store.transaction(make.noon) as tx:
            tx.record(make.sighted(1, uid, sent=sent))
        seen.append(store.message(make.id(1)).in_sent)
    assert seen == [None, None, False, False, True, True, True]


def test_mail_in_my_name_that_anybody_may_have_delivered_is_no_contact_and_no_certain_part_of_a_thread(
    store: Store, make: Any
) -> None:
    archive(store, make, 1, 2, 3, direction="out", thread="thread-1")
    archive(store, make, 4, thread="thread-1")
    with store.transaction(make.noon) as tx:
        tx.record(make.sighted(1, 1, sent=False))
        tx.record(make.sighted(2, 2, sent=True))
        tx.record(make.sighted(4, 4, sent=False))
    assert store.first_contact("Acme") == make.at(minutes=2)
    assert [past.certain for past in store.past("thread-1")] == [False, True, True, True]


def test_a_relabelled_message_belongs_to_its_new_client_in_everything(store: Store, make: Any) -> None:
    archive(store, make, 1, 2)
    for number in (1, 2):
        judge(store, make, number, 500_000)
    with store.transaction(make.noon) as tx:
        tx.record(facts.MessageRelabelled(id=make.id(1), client="Bolt", direction="in", thread="bolt-thread"))
    assert (store.calibration("Acme").judged, store.calibration("Bolt").judged) == (1, 1)
    assert store.clients() == ("Acme", "Bolt")
    assert seqs(store, client="Bolt") == [1]
    assert store.threads_of("Bolt", ["<1@acme.example>"]) == ("bolt-thread",)
    assert [past.id for past in store.past("bolt-thread")] == [make.id(1)]
    assert store.past("thread-1") == ()
    with store.transaction(make.noon) as tx:
        tx.record(
            facts.MessageRelabelled(id=make.id(2), client="Bolt", direction="out", thread="bolt-thread")
        )
    assert (store.calibration("Acme").judged, store.calibration("Bolt").judged) == (0, 1)
    assert store.clients() == ("Bolt",)
    assert store.counts().messages == 2


def test_correspondents_are_known_in_lower_case(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        for address in ("Anna@Acme.Example", "anna@acme.example", "bo@bolt.example"):
            tx.record(facts.CorrespondentFound(address=address, message=make.id(1), found_at=make.noon))
    assert store.correspondents() == {"anna@acme.example", "bo@bolt.example"}


def test_counts_say_what_there_is_to_do(store: Store, make: Any) -> None:
    archive(store, make, 1, 2, 3)
    judge(store, make, 1, 100)
    with store.transaction(make.noon) as tx:
        tx.record(make.held("one"))
        tx.record(make.held("two"))
        tx.record(facts.DraftCancelled(key="two", actor="me"))
        tx.record(make.raised("first"))
        tx.record(make.raised("second"))
        tx.record(make.raised("third"))
        tx.record(facts.AlertSnoozed(key="second", until=make.at(hours=1), actor="me"))
        tx.record(facts.AlertAcknowledged(key="third", actor="me"))
    counts = store.counts()
    assert (counts.messages, counts.backlog, counts.held, counts.open_alerts) == (3, 2, 1, 2)


def test_the_backlog_is_counted_once_for_each_mailbox_that_a_message_was_seen_in(
    store: Store, make: Any
) -> None:
    with store.transaction(make.noon) as tx:
        for number in (1, 2, 3, 4):
            tx.archive(make.archived(number), make.parsed(number))
        for number in (1, 2, 3):
            tx.record(make.sighted(number, uid=number))
        tx.record(make.sighted(1, uid=9, folder="Archive"))
        tx.record(make.sighted(2, uid=1, mailbox="home"))
        tx.record(make.judged(3))
    assert store.backlog() == {"work": 2, "home": 1}


def test_a_date_of_any_year_comes_back(store: Store, make: Any) -> None:
    years = (1, 999, 1582, 2026, 9999)
    for number, year in enumerate(years, 1):
        archive(store, make, number, parsed={"date": datetime(year, 1, 2, 3, 4, 5, 6, tzinfo=UTC)})
    assert [row.date.year for row in store.messages(MessageFilter()) if row.date] == list(years)
