"""Throttling: what is said of the account ends the pass and is waited out; what is said of one folder does not."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from levelhead.clock import FrozenClock
from levelhead.errors import (
    CommandRefused,
    ConnectionLost,
    FolderMissing,
    LoginRefused,
    ServerBusy,
    StoreLocked,
    Throttled,
)
from levelhead.mailbox import passes, sync, waits
from levelhead.mailbox.codes import busy, refusal
from levelhead.mailbox.folders import Role, Watched
from levelhead.mailbox.pauses import QUICK, kind_of, pause_of_session
from levelhead.mailbox.tools import Memory, Report
from levelhead.mailbox.waits import noted
from levelhead.store.api_waits import Pause, pause_from, pause_key

NOW = datetime(2026, 3, 6, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("[THROTTLED] x", Throttled),
        ("[OVERQUOTA] Account exceeded command or bandwidth limits. abc", Throttled),
        ("Account exceeded command or bandwidth limits. abc", Throttled),
        ("User is authenticated but not connected.", Throttled),
        ("Request is throttled. Suggested Backoff Time: 299980 milliseconds", Throttled),
        ("[ALERT] Too many simultaneous connections. (Failure)", ServerBusy),
        ("[LIMIT] too large for this folder", ServerBusy),
        ("[UNAVAILABLE] Temporary failure", ServerBusy),
        ("[SERVERBUG] internal error", ServerBusy),
        ("[INUSE] locked", ServerBusy),
    ],
)
def test_words_about_the_account_are_told_from_those_about_a_folder(words: str, error: type) -> None:
    assert type(refusal("FETCH", "NO", words)) is error
    assert kind_of(refusal("FETCH", "NO", words)) == "busy"


@pytest.mark.parametrize(
    "words",
    [
        'Mailbox "Throttle notes" cannot be opened',
        "cannot open 'Rate limits' here",
        'no folder "say \\"too many requests\\"" here',
        'cannot open "[THROTTLED] Read later" or "Throttle…',
    ],
)
def test_a_folder_that_is_named_after_throttling_is_no_throttling(words: str) -> None:
    assert type(refusal("EXAMINE", "NO", words)) is FolderMissing
    assert type(refusal("FETCH", "NO", words)) is CommandRefused


def test_what_stands_outside_of_quotes_and_apostrophes_still_counts() -> None:
    assert type(refusal("FETCH", "NO", "can't read \"INBOX\": we're throttled, it's so")) is Throttled
    assert type(refusal("EXAMINE", "NO", "Mailbox 'Throttle' is locked, try again")) is ServerBusy
    assert type(refusal("FETCH", "NO", '"Request is throttled"')) is Throttled


def test_the_last_words_of_a_session_count_too() -> None:
    assert (
        type(busy("the server ended the session: Account exceeded command or bandwidth limits.")) is Throttled
    )
    assert type(busy("the server ended the session: Autologout; idle for too long")) is ServerBusy


class Silent:
    """A connection that is asked for nothing: the reading of a folder is what each test brings."""

    capabilities: frozenset[str] = frozenset()


@pytest.fixture
def read(desk, monkeypatch):
    """A pass over three folders, the second of which answers so; the folders asked for, and what came of it."""

    def make(error: Exception):
        asked = []

        def sync(connection, folder, tools, memory):
            asked.append(folder.name)
            if folder.name == "INBOX":
                raise error
            return Report()

        monkeypatch.setattr(passes, "sync_folder", sync)
        folders = [Watched(name=name, role=Role.INBOX) for name in ("Sent", "INBOX", "Archive")]
        try:
            return asked, passes.read(Silent(), folders, desk.tools(), Memory(), told={}, whole=True).missing
        except ServerBusy as exc:
            return asked, exc

    return make


def test_an_account_that_is_throttled_is_asked_for_nothing_more_and_no_folder_is_blamed(read) -> None:
    asked, found = read(Throttled("exceeded"))
    assert asked == ["Sent", "INBOX"] and isinstance(found, Throttled)


@pytest.mark.parametrize(("error", "tried"), [(Throttled("exceeded"), 1), (ServerBusy("[INUSE] locked"), 2)])
def test_where_folders_are_opened_before_any_is_read_throttling_ends_it_too(desk, error, tried) -> None:
    asked = []

    class Refusing:
        def examine(self, name):
            asked.append(name)
            raise error

    folders = [Watched(name=name, role=Role.INBOX) for name in ("Sent", "INBOX")]
    with pytest.raises(Throttled) if tried == 1 else contextlib.nullcontext():
        sync.meet(Refusing(), folders, desk.tools(), Memory())
    assert len(asked) == tried


def test_a_folder_that_is_busy_keeps_no_other_from_being_read(read) -> None:
    asked, found = read(ServerBusy("[INUSE] locked"))
    assert asked == ["Sent", "INBOX", "Archive"] and found == {"INBOX": "[INUSE] locked"}


def test_a_session_that_throttling_ended_is_begun_again_after_a_minute_and_any_other_at_once() -> None:
    assert pause_of_session(Throttled("exceeded"), 0) >= 60
    assert pause_of_session(ServerBusy("BYE Autologout"), 0) <= 2 * QUICK
    assert pause_of_session(ConnectionLost("reset"), 0) <= 2 * QUICK


# --- what is told of a pause --------------------------------------------------------------------


def kept(desk):
    return pause_from(desk.store.meta(pause_key("post")))


def test_a_pause_is_written_down_for_as_long_as_it_lasts(desk) -> None:
    clock = FrozenClock(NOW)
    with noted(desk.store, clock, "post", 90, LoginRefused("wrong password")):
        assert kept(desk) == Pause(until=NOW + timedelta(seconds=90), kind="login", why="wrong password")
    assert kept(desk) is None
    with pytest.raises(KeyboardInterrupt), noted(desk.store, clock, "post", 90, Throttled("exceeded")):
        raise KeyboardInterrupt
    assert kept(desk) is None


def test_a_short_pause_writes_nothing(desk) -> None:
    before = desk.store.version()
    with noted(desk.store, FrozenClock(NOW), "post", 29, Throttled("x")):
        assert kept(desk) is None
    assert desk.store.version() == before


def test_a_pause_that_cannot_be_written_down_is_made_all_the_same(desk, monkeypatch) -> None:
    def locked(now):
        raise StoreLocked("another program writes")

    monkeypatch.setattr(desk.store, "transaction", locked)
    rested = []
    with noted(desk.store, FrozenClock(NOW), "post", waits.LONG, Throttled("x")):
        rested.append(True)
    assert rested
