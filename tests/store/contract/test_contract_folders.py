"""Where messages are seen: sightings, exclusions, what vanished, and how far a folder is read."""

from __future__ import annotations

from typing import Any

import pytest

from levelhead import facts
from levelhead.errors import ProgrammerError
from levelhead.model import Place
from levelhead.store.api import Store


def record(store: Store, make: Any, *found: facts.Fact) -> None:
    with store.transaction(make.noon) as tx:
        for fact in found:
            tx.record(fact)


@pytest.fixture
def filled(store: Store, make: Any) -> Store:
    """A store with two messages and an opened INBOX."""
    with store.transaction(make.noon) as tx:
        tx.archive(make.archived(1), make.parsed(1))
        tx.archive(make.archived(2), make.parsed(2))
        tx.record(make.opened())
    return store


def vanished(*uids: int, make: Any, uidvalidity: int = 7, **at: float) -> facts.MessageVanished:
    return facts.MessageVanished(
        mailbox="work", folder="INBOX", uidvalidity=uidvalidity, uids=uids, noticed_at=make.at(**at)
    )


def test_a_message_has_a_sighting_for_each_place(filled: Store, make: Any) -> None:
    record(filled, make, make.sighted(1, 5), make.sighted(1, 9, folder="Archive", seen_at=make.at(hours=1)))
    first, second = filled.sightings(make.id(1))
    assert first.place == Place(mailbox="work", folder="INBOX", uidvalidity=7, uid=5)
    assert second.place.folder == "Archive"
    assert (first.message, first.flags, first.internal_date) == (make.id(1), ("\\Seen",), make.noon)
    assert filled.sightings(make.id(2)) == ()


def test_a_message_has_an_origin_for_each_file_and_the_first_word_about_one_counts(
    filled: Store, make: Any
) -> None:
    first = make.brought(1, source="Maildir", flags=("\\Seen", "$Work"), internal_date=make.at(hours=-1))
    again = make.brought(1, source="Maildir", brought_at=make.at(hours=2))
    record(filled, make, first, make.brought(1, brought_at=make.at(hours=1)), again, make.brought(2))
    one, other = filled.origins(make.id(1))
    assert (one.source, one.flags, one.internal_date) == ("Maildir", ("\\Seen", "$Work"), make.at(hours=-1))
    assert (one.brought_at, other.source) == (make.noon, "old/mail.mbox")
    assert (other.internal_date, other.flags) == (None, ())
    assert filled.origins(make.id(3)) == ()
    with filled.transaction(make.noon) as tx:
        tx.record(make.brought(2, source="-", brought_at=make.at(hours=3)))
        assert [origin.source for origin in tx.origins(make.id(2))] == ["old/mail.mbox", "-"]


def test_a_message_is_found_by_what_its_server_calls_it_in_that_mailbox_alone(
    filled: Store, make: Any
) -> None:
    def said(id: str, **changes: Any) -> facts.GmailPart:
        values = {"id": id, "thread": "", "labels": ("\\Inbox", "Ü"), "refused": (), "by_id": False}
        return facts.GmailPart(**(values | changes))

    record(filled, make, make.sighted(1, 5, gmail=said("77")), make.sighted(2, 6, gmail=said("78")))
    record(filled, make, make.sighted(2, 7), make.sighted(2, 8, mailbox="home", gmail=said("79", by_id=True)))
    size = filled.message(make.id(1)).size
    assert filled.named_by_server("work", "77") == ((make.id(1), size),)
    assert filled.named_by_server("work", "79") == filled.named_by_server("work", "") == ()
    assert [(seen.server_id, seen.labels, seen.by_id) for seen in filled.sightings(make.id(2))] == [
        ("79", ("\\Inbox", "Ü"), True), ("78", ("\\Inbox", "Ü"), False), ("", (), False),
    ]  # fmt: skip
    record(filled, make, make.sighted(2, 5, gmail=said("77")), make.sighted(2, 6))
    assert [id for id, _ in filled.named_by_server("work", "77")] == [make.id(2)], (
        "what stands there now counts"
    )
    assert filled.named_by_server("work", "78") == ()
    record(filled, make, *(make.sighted(1, uid, gmail=said("80")) for uid in range(100, 120)))
    assert len(filled.named_by_server("work", "80")) == 8


def test_seeing_it_again_moves_only_the_last_time(filled: Store, make: Any) -> None:
    record(filled, make, make.sighted(1, 5), make.sighted(1, 5, seen_at=make.at(hours=2), flags=()))
    (sighting,) = filled.sightings(make.id(1))
    assert (sighting.first_seen, sighting.last_seen) == (make.noon, make.at(hours=2))
    assert sighting.flags == ()


def test_what_vanished_is_no_longer_live_and_is_live_again_when_it_is_seen(filled: Store, make: Any) -> None:
    record(filled, make, make.sighted(1, 5), make.sighted(2, 6), make.excluded(7), make.excluded(8))
    assert filled.live_uids("work", "INBOX", 7) == {5, 6, 7, 8}
    assert filled.live_uids("work", "INBOX", 7, first=6, last=7) == {6, 7}
    assert filled.live_uids("work", "INBOX", 7, first=7) == {7, 8}
    record(filled, make, vanished(5, 7, 99, make=make, hours=1), vanished(5, make=make, hours=2))
    assert filled.live_uids("work", "INBOX", 7) == {6, 8}
    (sighting,) = filled.sightings(make.id(1))
    assert sighting.vanished_at == make.at(hours=1)
    assert [one.place.uid for one in filled.excluded("work", "INBOX", 7)] == [8]
    record(filled, make, make.sighted(1, 5), make.excluded(7))
    assert filled.live_uids("work", "INBOX", 7) == {5, 6, 7, 8}
    assert filled.sightings(make.id(1))[0].vanished_at is None


def test_a_uid_that_shows_another_message_belongs_to_that_one_now(filled: Store, make: Any) -> None:
    record(filled, make, make.sighted(1, 5), make.sighted(2, 5, seen_at=make.at(hours=1)))
    assert filled.sightings(make.id(1)) == ()
    (sighting,) = filled.sightings(make.id(2))
    assert sighting.first_seen == make.at(hours=1)


def test_flags_follow_the_server(filled: Store, make: Any) -> None:
    record(
        filled,
        make,
        make.sighted(1, 5),
        facts.MessageFlagged(
            mailbox="work",
            folder="INBOX",
            uidvalidity=7,
            uid=5,
            flags=("\\Flagged", "$Work"),
            noticed_at=make.noon,
        ),
    )
    assert filled.sightings(make.id(1))[0].flags == ("\\Flagged", "$Work")


def test_an_excluded_message_keeps_its_reason_and_its_people(filled: Store, make: Any) -> None:
    record(filled, make, make.excluded(7), make.excluded(7, reason="ignored", internal_date=make.at(hours=1)))
    (one,) = filled.excluded("work", "INBOX", 7)
    assert one.place == Place(mailbox="work", folder="INBOX", uidvalidity=7, uid=7)
    assert (one.reason, one.addresses, one.internal_date) == (
        "ignored",
        ("shop@elsewhere.example",),
        make.at(hours=1),
    )


def test_an_excluded_message_that_is_archived_after_all_is_excluded_no_longer(
    filled: Store, make: Any
) -> None:
    record(filled, make, make.excluded(7), make.sighted(1, 7))
    assert list(filled.excluded("work", "INBOX", 7)) == []
    assert filled.live_uids("work", "INBOX", 7) == {7}


def test_a_long_list_of_exclusions_is_read_whole(filled: Store, make: Any) -> None:
    record(filled, make, *(make.excluded(uid) for uid in range(1, 1203)))
    assert [one.place.uid for one in filled.excluded("work", "INBOX", 7)] == list(range(1, 1203))


def test_a_folder_is_known_from_its_first_opening(store: Store, make: Any) -> None:
    assert store.folder("work", "INBOX") is None
    record(store, make, make.opened(), make.opened(folder="Sent"), make.opened(mailbox="home", uidnext=3))
    state = store.folder("work", "INBOX")
    assert state is not None
    assert (state.mailbox, state.folder, state.uidvalidity, state.first_uidnext) == ("work", "INBOX", 7, 10)
    assert (state.last_uid, state.highestmodseq, state.last_pass) == (0, 0, None)
    assert [(one.mailbox, one.folder) for one in store.folders()] == [
        ("home", "INBOX"),
        ("work", "INBOX"),
        ("work", "Sent"),
    ]
    assert [one.folder for one in store.folders("work")] == ["INBOX", "Sent"]


def test_a_cursor_moves_forward_only(filled: Store, make: Any) -> None:
    with filled.transaction(make.noon) as tx:
        tx.advance("work", "INBOX", last_uid=20, highestmodseq=500)
        tx.advance("work", "INBOX", last_uid=15)
        state = tx.folder("work", "INBOX")
        assert state is not None
        assert (state.last_uid, state.highestmodseq) == (20, 500)
        assert tx.folder("work", "nowhere") is None
    with filled.transaction(make.noon) as tx:
        tx.advance("work", "INBOX", last_uid=21, highestmodseq=501)
    state = filled.folder("work", "INBOX")
    assert state is not None
    assert (state.last_uid, state.highestmodseq) == (21, 501)


def test_a_cursor_of_a_folder_that_was_never_opened_is_a_mistake(store: Store, make: Any) -> None:
    for act in (
        lambda tx: tx.advance("work", "INBOX", last_uid=1),
        lambda tx: tx.end_pass("work", "INBOX"),
    ):
        with pytest.raises(ProgrammerError, match="before FolderOpened"), store.transaction(make.noon) as tx:
            act(tx)


def test_the_end_of_a_pass_is_noted(filled: Store, make: Any) -> None:
    with filled.transaction(make.at(hours=2)) as tx:
        tx.end_pass("work", "INBOX")
    state = filled.folder("work", "INBOX")
    assert state is not None
    assert state.last_pass == make.at(hours=2)


def test_a_folder_opened_again_under_the_same_number_keeps_its_cursor(filled: Store, make: Any) -> None:
    with filled.transaction(make.noon) as tx:
        tx.advance("work", "INBOX", last_uid=20, highestmodseq=500)
        tx.record(make.opened(uidnext=99))
    state = filled.folder("work", "INBOX")
    assert state is not None
    assert (state.first_uidnext, state.last_uid, state.highestmodseq) == (10, 20, 500)


def test_a_renumbered_folder_is_read_from_the_start_and_forgets_nothing(filled: Store, make: Any) -> None:
    with filled.transaction(make.at(hours=1)) as tx:
        tx.record(make.sighted(1, 5))
        tx.advance("work", "INBOX", last_uid=20, highestmodseq=500)
        tx.end_pass("work", "INBOX")
    with filled.transaction(make.at(hours=2)) as tx:
        tx.record(
            facts.FolderRenumbered(mailbox="work", folder="INBOX", old=7, new=8, noticed_at=make.at(hours=2))
        )
        tx.record(make.opened(uidvalidity=8, uidnext=3))
    state = filled.folder("work", "INBOX")
    assert state is not None
    assert (state.uidvalidity, state.first_uidnext, state.last_uid, state.highestmodseq) == (8, 3, 0, 0)
    assert state.last_pass == make.at(hours=1)
    assert filled.live_uids("work", "INBOX", 7) == {5}
    assert filled.live_uids("work", "INBOX", 8) == frozenset()
    assert len(filled.sightings(make.id(1))) == 1


def test_a_mailbox_is_new_then_watched_then_lost_with_its_reason(store: Store, make: Any) -> None:
    record(store, make, make.opened())
    assert [(one.name, one.state) for one in store.mailboxes()] == [("work", "new")]
    lost = facts.MailboxLost(mailbox="work", kind="login", why="the password was refused", since=make.noon)
    record(store, make, lost)
    (one,) = store.mailboxes()
    assert (one.state, one.kind, one.why, one.since) == (
        "lost",
        "login",
        "the password was refused",
        make.noon,
    )
    record(
        store, make, facts.MailboxWatched(mailbox="work", blind_since=make.noon, watched_at=make.at(hours=1))
    )
    (one,) = store.mailboxes()
    assert (one.state, one.kind, one.why, one.since) == ("watched", "", "", None)


def test_a_plugin_is_as_it_was_last_reported(store: Store, make: Any) -> None:
    record(
        store,
        make,
        facts.PluginLoaded(plugin="tone", origin="built-in", digest="d"),
        facts.PluginRefused(plugin="loose", why="others may write the file"),
        facts.PluginLoaded(plugin="shaky", origin="plugins/shaky.py", digest="e"),
        facts.PluginSetAside(plugin="shaky", why="failed 5 times"),
    )
    assert [(one.name, one.state, one.why) for one in store.plugins()] == [
        ("loose", "refused", "others may write the file"),
        ("shaky", "set-aside", "failed 5 times"),
        ("tone", "loaded", ""),
    ]
    record(store, make, facts.PluginLoaded(plugin="shaky", origin="plugins/shaky.py", digest="f"))
    assert [one.why for one in store.plugins() if one.name == "shaky"] == [""]


def test_what_is_known_of_a_span_is_told_by_kind(filled: Store, make: Any) -> None:
    record(filled, make, make.sighted(1, 5), make.sighted(2, 6), make.excluded(7), make.excluded(8))
    record(filled, make, make.sighted(1, 20), vanished(6, 8, make=make, hours=1))
    found = filled.known_uids("work", "INBOX", 7, 1, 19)
    assert (found.archived, found.excluded, found.vanished) == ({5}, {7: make.excluded(7).reason}, {6})
    assert filled.known_uids("work", "INBOX", 7, 6, 6).vanished == {6}
    assert not filled.known_uids("work", "INBOX", 8, 1, 19).archived
    assert not filled.known_uids("work", "Sent", 7, 1, 19).archived
