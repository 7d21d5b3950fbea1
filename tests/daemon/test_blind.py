"""Mailboxes that go blind: told at the first failure with the commands that mend them, on record, and others go on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from daemon.desks import NOW, House
from levelhead.cli import main
from levelhead.facts import MailboxLost, MailboxUnwatched
from levelhead.mailbox.budget import SPENT
from levelhead.mailbox.sight import Seen
from levelhead.store.api_waits import Spent, budget_key

REFUSED = b"NO [AUTHENTICATIONFAILED] wrong"


def test_a_refused_password_is_an_alert_at_once_with_the_commands_and_other_mailboxes_go_on(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office", "home")
    assert house.once() == 0
    house.desks["office"].refusing = REFUSED
    house.desks["home"].inbox.uids.append(1)
    house.clock.advance(minutes=1)
    assert house.once() == 3
    assert (house.state("office"), house.state("home")) == ("lost", "watched")
    assert house.archive.store.counts().messages == 1
    ((rule, body),) = house.alerts().items()
    put, reload, look = body.splitlines()[-3:]
    assert rule == "mailbox-refused:office" and "AUTHENTICATIONFAILED" in body
    assert put == f"(umask 077; cat > {house.folder / 'office-password'})"
    assert reload == f"kill -HUP \"$(cut -d' ' -f1 {house.folder / 'archive' / 'lock'})\""
    assert look.endswith("check --online") and "s3cret-word" not in body


def test_the_gap_is_a_fact_when_it_begins_and_when_it_ends(house_of: Callable[..., House]) -> None:
    house = house_of("office")
    house.once()
    house.desks["office"].refusing = REFUSED
    house.clock.advance(hours=2)
    house.once()
    (lost,) = house.facts(MailboxLost)
    assert isinstance(lost, MailboxLost) and (lost.kind, lost.since) == ("login", NOW)
    house.desks["office"].refusing = b""
    house.clock.advance(hours=1)
    house.again()
    assert house.once() == 0 and not house.alerts()
    (gap,) = house.facts(MailboxUnwatched)
    assert isinstance(gap, MailboxUnwatched)
    assert (gap.since, gap.until) == (NOW, NOW + timedelta(hours=3)) and "AUTHENTICATIONFAILED" in gap.why


def test_a_refusal_is_told_although_the_mailbox_is_known_to_be_out_of_reach(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.session._lost("office", "folders", "cannot be read: 'Sent'")
    assert set(house.alerts()) == {"mailbox-lost:office"}
    house.session._lost("office", "login", "the server answered NO to LOGIN")
    assert set(house.alerts()) == {"mailbox-lost:office", "mailbox-refused:office"}
    assert house.once() == 0 and not house.alerts()


def test_a_server_that_asks_for_patience_too_long_is_told_with_what_may_be_the_reason(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    with house.archive.store.transaction(NOW) as tx:
        tx.record(MailboxLost(mailbox="office", kind="busy", why="[THROTTLED] later", since=NOW))
    tick(house, minutes=15)
    assert not house.alerts()
    tick(house, seconds=1)
    (body,) = house.alerts().values()
    assert "[THROTTLED] later" in body and "`bytes_per_day`" in body and body.endswith("check --online")


@pytest.mark.parametrize(
    ("kind", "words"), [("tls", "Correct `host`, or name the certificate"), ("folders", "Correct `folders`")]
)
def test_what_stands_wrong_in_the_configuration_names_the_file_and_how_to_have_it_read(
    house_of: Callable[..., House], kind: str, words: str
) -> None:
    house = house_of("office")
    house.session._lost("office", kind, "it is so")
    (body,) = house.alerts().values()
    assert words in body and str(house.folder / "levelhead.toml") in body
    assert body.splitlines()[-2].startswith("kill -HUP ")


# --- no complete pass for long ------------------------------------------------------------------


def tick(house: House, **parts: float) -> None:
    """A second of the daemon, so much later."""
    house.clock.advance(**parts)
    house.session.tick()


def hang(house: House, seen_at: datetime | None = None) -> None:
    """The watcher of `office` does not move: it tells nothing, and has seen nothing since."""
    clock = house.clock
    seen = None
    if seen_at is not None:
        ago = (clock.now() - seen_at).total_seconds()
        seen = Seen(at=seen_at, monotonic=clock.monotonic() - ago, elapsed=clock.elapsed() - ago)
    own = SimpleNamespace(
        seen=seen, wake=threading.Event(), resting=False, without_sent=False, close=lambda: None
    )
    house.session._crew.watchers["office"] = own  # type: ignore[assignment]


def test_a_watcher_that_hangs_is_found_out_after_a_day_and_the_gap_is_a_fact(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.once()
    hang(house, NOW)
    tick(house, hours=23, minutes=59)
    assert house.state("office") == "watched" and not house.alerts()
    tick(house, minutes=1)
    assert house.state("office") == "lost"
    (lost,) = house.facts(MailboxLost)
    assert isinstance(lost, MailboxLost) and (lost.kind, lost.since) == ("unseen", NOW)
    ((rule, body),) = house.alerts().items()
    assert (
        rule == "mailbox-lost:office" and "no complete look at every watched folder has ended for 1d" in body
    )
    for _ in range(3):
        tick(house, hours=1)
    assert len(house.facts(MailboxLost)) == 1 and len(house.alerts()) == 1


@pytest.mark.parametrize(("days", "news", "budget"), [(1, True, True), (1, False, False), (0, True, False)])
def test_where_a_day_has_too_few_bytes_for_new_mail_that_is_the_reason_and_not_a_part_that_hangs(
    house_of: Callable[..., House], days: int, news: bool, budget: bool
) -> None:
    house = house_of("office")
    house.once()
    hang(house, NOW)
    day = NOW.date() + timedelta(days=days)  # what was spent on an earlier day keeps nobody waiting
    spent = Spent(day=day, spent=9, limit=9, waiting=3, news=news)
    with house.archive.store.transaction(NOW) as tx:
        tx.set_meta(budget_key("office"), spent.text())
    tick(house, hours=24)
    (body,) = house.alerts().values()
    (lost,) = house.facts(MailboxLost)
    assert isinstance(lost, MailboxLost) and lost.kind == "unseen"
    assert (SPENT in lost.why) == (SPENT in body) == ("`bytes_per_day`" in body) == budget
    assert ("start it anew" in body or "start levelhead anew" in body) != budget


def test_a_mailbox_that_is_seen_whole_again_ends_its_alert_and_its_gap(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.once()
    watcher = house.session._crew.watchers["office"]
    tick(house, hours=24)
    assert set(house.alerts()) == {"mailbox-lost:office"}
    house.session._crew.watchers["office"] = watcher
    watcher._trouble = ""  # it has never known of an outage
    watcher._whole(watcher._open())
    tick(house, seconds=1)
    assert house.state("office") == "watched" and not house.alerts()
    (gap,) = house.facts(MailboxUnwatched)
    assert isinstance(gap, MailboxUnwatched) and gap.since == NOW


def test_how_long_is_a_setting_of_the_mailbox(house_of: Callable[..., House]) -> None:
    house = house_of("office", more='blind_after = "3h"\n')
    house.once()
    hang(house, NOW)
    tick(house, hours=2, minutes=59)
    assert not house.alerts()
    tick(house, minutes=1)
    assert set(house.alerts()) == {"mailbox-lost:office"}


def test_who_polls_rarely_on_purpose_is_not_blind_between_two_polls(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office", more='poll = "20h"\n')
    house.once()
    hang(house, NOW)
    tick(house, hours=39)
    assert not house.alerts()
    tick(house, hours=1)
    assert set(house.alerts()) == {"mailbox-lost:office"}


def test_starts_that_follow_each_other_do_not_each_begin_to_count_anew(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.once()
    for _ in range(5):  # each process ends after five hours in which no pass has ended
        house.again()
        hang(house)
        house.session.tick()
        assert not house.alerts()
        tick(house, hours=4, minutes=59)
        house.clock.advance(minutes=1)
    assert set(house.alerts()) == {"mailbox-lost:office"}
    (lost,) = house.facts(MailboxLost)
    assert isinstance(lost, MailboxLost) and lost.since == NOW


def test_a_mailbox_that_never_was_seen_whole_counts_from_the_first_start(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    hang(house)
    house.session.tick()
    house.clock.advance(hours=20)
    house.again()
    hang(house)
    tick(house, hours=4)
    assert set(house.alerts()) == {"mailbox-lost:office"}


def test_a_daemon_that_was_off_for_days_gives_the_first_pass_its_time(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.once()
    house.clock.advance(days=3)
    house.again()
    hang(house)
    tick(house, minutes=14)
    assert not house.alerts()
    tick(house, minutes=1)
    assert set(house.alerts()) == {"mailbox-lost:office"}


def test_a_single_pass_that_fails_after_days_needs_no_patience(house_of: Callable[..., House]) -> None:
    house = house_of("office")
    house.once()
    house.clock.advance(days=3)
    house.again()
    hang(house)
    house.session._crew.unseen.look(house.archive.store.mailboxes(), tried=True)
    assert house.state("office") == "lost"


def test_a_mailbox_that_is_lost_for_another_reason_is_not_told_of_twice(
    house_of: Callable[..., House],
) -> None:
    house = house_of("office")
    house.once()
    house.desks["office"].refusing = REFUSED
    house.once()
    for _ in range(30):
        tick(house, hours=1)
    assert set(house.alerts()) == {"mailbox-refused:office"} and len(house.facts(MailboxLost)) == 1


def test_a_second_in_which_all_is_well_writes_nothing(house_of: Callable[..., House]) -> None:
    house = house_of("office")
    house.once()
    house.session.tick()
    house.session.tick()
    before = house.archive.store.version()
    for _ in range(20):
        tick(house, seconds=1)
    assert house.archive.store.version() == before


# --- what status says ---------------------------------------------------------------------------


def test_status_names_the_commands_that_mend_a_refused_login_and_tells_times_as_people_do(
    house_of: Callable[..., House], capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_of("office")
    house.desks["office"].refusing = REFUSED
    house.once()
    capsys.readouterr()
    config = str(house.folder / "levelhead.toml")
    assert main(["--config", config, "status"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "is not watched since" in line]
    assert line.startswith(
        "! mailbox office is not watched since 2026-03-06 16:05:00 UTC: the server answered"
    )
    assert f"; to mend it: (umask 077; cat > {house.folder / 'office-password'}) && kill -HUP " in line
    assert main(["--config", config, "status", "--json"]) == 0
    (mailbox,) = json.loads(capsys.readouterr().out)["mailboxes"]
    assert mailbox["since"] == "2026-03-06T16:05:00.000000Z" and mailbox["state"] == "lost"
