"""Transactions and the ledger: what commits together, what does not, and what the record holds."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from levelhead import facts
from levelhead.errors import ProgrammerError, StoreLocked
from levelhead.lifecycle import WrongState
from levelhead.store.api import MessageFilter, Store
from levelhead.store.ledger import check, read_leaf
from levelhead.tree import EMPTY_ROOT, root_of


def note(text: str = "called") -> facts.NoteTaken:
    return facts.NoteTaken(client="Acme", text=text, actor="me")


def everything(store: Store) -> tuple[Any, ...]:
    """All that can be seen of a store."""
    return (
        tuple(store.messages(MessageFilter())),
        store.drafts(),
        store.alerts(),
        store.folders(),
        store.mailboxes(),
        store.plugins(),
        store.counts(),
        tuple(store.entries()),
        store.ledger_root(),
    )


def test_an_empty_ledger_has_the_root_of_the_empty_tree(store: Store) -> None:
    assert store.ledger_size() == 0
    assert store.ledger_root() == EMPTY_ROOT
    assert list(store.entries()) == []
    assert list(store.facts_about()) == []


def test_a_fact_is_one_entry_that_its_leaf_commits_to(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.record(note())
    (entry,) = store.entries()
    leaf = read_leaf(entry.leaf)
    assert (entry.seq, leaf.seq, leaf.type, leaf.time) == (0, 0, "note.taken", make.noon)
    assert check(entry) == ""
    assert entry.payload == note().payload()
    assert store.ledger_root() == root_of([entry.leaf])


def test_the_root_is_that_of_all_leaves_however_they_were_recorded(store: Store, make: Any) -> None:
    for size in (1, 3, 0, 7, 600):
        with store.transaction(make.noon) as tx:
            for number in range(size):
                tx.record(note(str(number)))
    entries = list(store.entries())
    assert [entry.seq for entry in entries] == list(range(611))
    assert store.ledger_size() == 611
    assert store.ledger_root() == root_of(entry.leaf for entry in entries)
    assert [entry.seq for entry in store.entries(600, 605)] == [600, 601, 602, 603, 604]


def test_a_leaf_tells_nothing_of_its_payload(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.archive(make.archived(1), make.parsed(1))
        tx.record(note("a secret word"))
    for entry in store.entries():
        leaf = entry.leaf.decode()
        assert "secret" not in leaf
        assert "acme" not in leaf.lower()
        assert make.id(1) not in leaf


def test_two_equal_facts_have_different_commitments(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.record(note())
        tx.record(note())
    one, other = store.entries()
    assert one.payload == other.payload
    assert read_leaf(one.leaf).commit != read_leaf(other.leaf).commit


def test_a_transaction_that_fails_leaves_nothing_behind(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.archive(make.archived(1), make.parsed(1))
        tx.record(make.opened())
    before = everything(store)
    with pytest.raises(RuntimeError, match="in the middle"), store.transaction(make.noon) as tx:
        tx.archive(make.archived(2), make.parsed(2))
        tx.record(make.sighted(2, 5))
        tx.record(make.held("k"))
        tx.advance("work", "INBOX", last_uid=5)
        tx.add_job("work", "screen", "screen:2", make.id(2), make.noon)
        tx.set_meta("word", "kept")
        raise RuntimeError("in the middle")
    assert everything(store) == before
    assert store.meta("word") is None
    assert store.next_due("work") is None
    with store.transaction(make.noon) as tx:
        tx.record(note())
    assert store.ledger_root() == root_of(entry.leaf for entry in store.entries())


def test_an_impossible_step_writes_nothing_and_the_transaction_may_go_on(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.record(note("before"))
        with pytest.raises(WrongState, match="the draft is not there, so it cannot be cancelled"):
            tx.record(facts.DraftCancelled(key="k", actor="me"))
        tx.record(note("after"))
    assert [fact for _, fact in store.facts_about()] == [note("after"), note("before")]
    assert store.ledger_root() == root_of(entry.leaf for entry in store.entries())


def test_a_failed_write_that_was_passed_over_cannot_be_committed(store: Store, make: Any) -> None:
    with pytest.raises(ProgrammerError, match="passed over"), store.transaction(make.noon) as tx:
        tx.record(note())
        with pytest.raises(ProgrammerError, match="was never archived"):
            tx.record(make.judged(99))
    assert store.ledger_size() == 0


def test_a_message_is_archived_with_what_its_bytes_say(store: Store, make: Any) -> None:
    with pytest.raises(ProgrammerError, match="use tx"), store.transaction(make.noon) as tx:
        tx.record(make.archived(1))
    assert store.ledger_size() == 0


def test_facts_are_read_newest_first_and_by_kind(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        for number in range(3):
            tx.record(note(str(number)))
            tx.record(facts.ConfigLoaded(digest=str(number)))
    found = [(entry.seq, fact) for entry, fact in store.facts_about(kind="note.taken")]
    assert found == [(4, note("2")), (2, note("1")), (0, note("0"))]
    assert [fact.name for _, fact in store.facts_about(limit=2)] == ["config.loaded", "note.taken"]
    assert list(store.facts_about(kind="daemon.started")) == []
    assert list(store.facts_about(limit=0)) == []


def test_a_transaction_knows_the_time_it_was_opened_with(store: Store, make: Any) -> None:
    with store.transaction(make.at(hours=3)) as tx:
        assert tx.now == make.at(hours=3)
    with pytest.raises(ProgrammerError), store.transaction(make.noon.replace(tzinfo=None)):
        pass


def test_a_transaction_inside_another_is_refused(store: Store, make: Any) -> None:
    with (
        pytest.raises(ProgrammerError, match="inside another"),
        store.transaction(make.noon),
        store.transaction(make.noon),
    ):
        pass
    with store.transaction(make.noon) as tx:
        tx.record(note())
    assert store.ledger_size() == 1


def test_a_transaction_is_dead_when_it_ended(store: Store, make: Any) -> None:
    with store.transaction(make.noon) as tx:
        tx.record(note())
    with pytest.raises(ProgrammerError, match="after it ended"):
        tx.record(note())


def test_a_writer_that_waits_too_long_gets_one_sentence(backend: Any, make: Any) -> None:
    first, second = backend.open(), backend.open()
    with first.transaction(make.noon) as tx:
        tx.record(note())
        with pytest.raises(StoreLocked, match="busy") as caught, second.transaction(make.noon):
            pass
        assert second.ledger_size() == 0  # reading goes on beside a writer
    assert caught.value.exit_status == 3
    with second.transaction(make.noon) as tx:
        tx.record(note())
    assert first.ledger_size() == 2


def test_a_thread_that_waits_too_long_gets_one_sentence(store: Store, make: Any) -> None:
    caught: list[BaseException] = []

    def write() -> None:
        try:
            with store.transaction(make.noon):
                pass
        except StoreLocked as exc:
            caught.append(exc)

    with store.transaction(make.noon):
        other = threading.Thread(target=write)
        other.start()
        other.join()
    assert len(caught) == 1


def test_the_version_changes_with_every_commit_of_anybody(backend: Any, make: Any) -> None:
    first, second = backend.open(), backend.open()
    seen = first.version()
    assert first.version() == seen
    with first.transaction(make.noon) as tx:
        tx.record(note())
    own = first.version()
    assert own != seen
    with second.transaction(make.noon) as tx:
        tx.record(note())
    foreign = first.version()
    assert foreign != own

    def write() -> None:
        with first.transaction(make.noon) as tx:
            tx.record(note())

    other = threading.Thread(target=write)
    other.start()
    other.join()
    assert first.version() != foreign


def test_the_version_stays_when_nothing_was_committed(store: Store, make: Any) -> None:
    seen = store.version()
    with pytest.raises(RuntimeError), store.transaction(make.noon) as tx:
        tx.record(note())
        raise RuntimeError
    assert store.version() == seen


def test_words_are_kept(store: Store, make: Any) -> None:
    assert store.meta("place") is None
    for value in ("1:20", "1:40"):
        with store.transaction(make.noon) as tx:
            tx.set_meta("place", value)
            assert tx.meta("place") == value
    assert store.meta("place") == "1:40"
    assert store.ledger_size() == 0


def test_writing_while_a_list_is_read_is_no_mistake(backend: Any, make: Any) -> None:
    store, other = backend.open(), backend.open()
    with store.transaction(make.noon) as tx:
        for number in range(1, 700):
            tx.archive(make.archived(number), make.parsed(number))
    for count, row in enumerate(store.messages(MessageFilter())):
        if count % 200 == 0:
            with other.transaction(make.noon) as tx:
                tx.record(note())
            with store.transaction(make.noon) as tx:
                tx.record(make.judged(row.seq))
    assert store.counts().backlog == 699 - 4


def test_threads_that_record_together_make_one_unbroken_ledger(store: Store, make: Any) -> None:
    def write(name: str) -> None:
        for number in range(25):
            with store.transaction(make.noon) as tx:
                tx.record(note(f"{name} {number} first"))
                tx.record(note(f"{name} {number} second"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = list(store.entries())
    assert [entry.seq for entry in entries] == list(range(200))
    assert [check(entry) for entry in entries] == [""] * 200
    assert store.ledger_root() == root_of(entry.leaf for entry in entries)
    texts = [fact.text for _, fact in store.facts_about() if isinstance(fact, facts.NoteTaken)][::-1]
    assert [one.replace("first", "second") for one in texts[::2]] == texts[1::2]


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(ProgrammerError, match="after it was closed"):
        store.counts()
