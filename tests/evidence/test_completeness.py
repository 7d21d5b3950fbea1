"""What a server shows and what the archive accounts for: the numbers add up, and what does not is named."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from levelhead.evidence.completeness import (
    NAMED,
    FolderCompared,
    MailboxCompared,
    Tally,
    doubtful,
    fact_of,
    looked_again,
    sentences,
    tally,
)
from levelhead.store.api import KnownUids

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOTHING = KnownUids(archived=frozenset(), excluded={}, vanished=frozenset())

uids = st.frozensets(st.integers(1, 12))


def known(archived: str = "", excluded: str = "", vanished: str = "") -> KnownUids:
    """UIDs written as digits: `known("12", "3")`."""
    return KnownUids(
        archived=frozenset(map(int, archived)),
        excluded=dict.fromkeys(map(int, excluded), "scope"),
        vanished=frozenset(map(int, vanished)),
    )


@st.composite
def anything_known(draw: st.DrawFn) -> KnownUids:
    """Of each UID at most one thing is known, as in the index."""
    archived, vanished = draw(uids), draw(uids)
    excluded = draw(st.dictionaries(st.integers(1, 12), st.sampled_from(["scope", "draft"])))
    return KnownUids(
        archived=archived,
        vanished=vanished - archived,
        excluded={uid: why for uid, why in excluded.items() if uid not in archived | vanished},
    )


@given(uids, anything_known())
def test_what_is_on_the_server_is_archived_or_left_out_or_unexplained(there, what) -> None:
    found = tally(there, what)
    assert found.on_server == found.archived + found.reasons.total() + len(found.unexplained) == len(there)
    assert found.gone == len(what.archived | what.vanished) - len(there & (what.archived | what.vanished))


@given(uids, anything_known(), uids, anything_known())
def test_a_second_look_never_counts_a_message_twice(there, what, still, again) -> None:
    found = looked_again(there, what, still, again)
    assert found.on_server == found.archived + found.reasons.total() + len(found.unexplained)
    assert found.on_server == len(there - doubtful(there, what)) + len(still & doubtful(there, what))


def test_a_message_that_nothing_accounts_for_is_unexplained() -> None:
    found = tally(frozenset({1, 2, 3, 4}), known("1", "2", "9"))
    assert (found.archived, found.reasons, found.gone, found.unexplained) == (
        1,
        Counter({"scope": 1}),
        1,
        (3, 4),
    )


def test_a_message_that_is_there_although_it_was_noted_as_vanished_is_unexplained() -> None:
    assert tally(frozenset({5}), known(vanished="5")).unexplained == (5,)


def test_a_message_deleted_between_the_two_answers_is_gone_and_not_unexplained() -> None:
    found = looked_again(frozenset({1, 2}), known("1", vanished="2"), frozenset(), known("1", vanished="2"))
    assert (found.unexplained, found.on_server, found.gone) == ((), 1, 1)


def test_a_message_archived_between_the_two_answers_is_archived() -> None:
    found = looked_again(frozenset({1, 2}), known("1"), frozenset({2}), known("12"))
    assert (found.unexplained, found.archived) == ((), 2)


def test_a_message_that_is_doubtful_twice_is_unexplained() -> None:
    assert looked_again(frozenset({1, 2}), known("1"), frozenset({2}), known("1")).unexplained == (2,)


def test_spans_add_up_and_the_lowest_hundred_are_named() -> None:
    low, high = (
        tally(frozenset(range(first, first + 70)), NOTHING) + tally(frozenset({first + 70}), NOTHING)
        for first in (1, 1000)
    )
    both = high + low
    assert (both.on_server, len(both.unexplained), both.unnamed) == (142, NAMED, 42)
    assert both.unexplained == (*range(1, 72), *range(1000, 1029))
    assert FolderCompared(folder="INBOX", tally=both).unexplained == 142


def test_a_mailbox_is_complete_only_when_every_folder_was_compared_and_is() -> None:
    good = FolderCompared(folder="INBOX", tally=tally(frozenset({1}), known("1")), newer=3)
    assert MailboxCompared(mailbox="post", folders=(good,)).ok
    for bad in (
        FolderCompared(folder="Sent", tally=tally(frozenset({1}), NOTHING)),
        FolderCompared(folder="Sent", why="it is not on the server"),
    ):
        assert not MailboxCompared(mailbox="post", folders=(good, bad)).ok
    assert not MailboxCompared(mailbox="post", folders=(good,), error="nobody answers").ok
    assert not MailboxCompared(mailbox="post").ok


def test_everything_that_is_not_explained_has_a_sentence() -> None:
    crowd = tally(frozenset(range(1, 103)), NOTHING)
    folders = (
        FolderCompared(folder="INBOX", tally=crowd, incomplete=(2,)),
        FolderCompared(folder="Sent", why="it is not on the server"),
    )
    said = list(
        sentences([MailboxCompared(mailbox="post", folders=folders), MailboxCompared(mailbox="shop")])
    )
    assert said[0] == (
        "INBOX of mailbox post: message 1 is on the server, and it is neither archived nor left out for a reason"
    )
    assert said[1].endswith(
        "message 2 is on the server, and it does not come whole from the server and is tried again"
    )
    assert said[100:] == [
        "INBOX of mailbox post: 2 more messages are on the server and not in the archive",
        "Sent of mailbox post: it is not on the server",
        "mailbox shop: no folder of it is watched, so there is nothing to compare",
    ]


def test_the_ledger_keeps_the_numbers_of_each_folder() -> None:
    folder = FolderCompared(
        folder="INBOX", uidvalidity=7, tally=tally(frozenset({1, 2, 3}), known("1", "2", "8")), newer=4
    )
    fact = fact_of(MailboxCompared(mailbox="post", folders=(folder,)), NOON)
    (part,) = fact.folders
    assert (fact.ok, fact.mailbox, fact.compared_at) == (False, "post", NOON)
    assert (part.on_server, part.archived, part.excluded, part.gone, part.unexplained, part.newer) == (
        3, 1, 1, 1, (3,), 4,
    )  # fmt: skip


def test_an_empty_folder_adds_nothing() -> None:
    assert Tally() + tally(frozenset(), NOTHING) == Tally()
