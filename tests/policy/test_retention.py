"""How long a message is kept, and which cases beat that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from levelhead.policy.retention import Case, Rules, needed_by

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
RULES = Rules(clients={"Harbour Ltd": 2 * YEAR}, folders={"Archive": YEAR, "Old": 3 * YEAR})


def test_a_clients_rule_counts_for_all_of_its_mail() -> None:
    assert RULES.keeps("Harbour Ltd", {"INBOX"}) == 2 * YEAR
    assert RULES.keeps("Harbour Ltd", ()) == 2 * YEAR


def test_a_folders_rule_counts_only_where_no_other_folder_showed_the_message() -> None:
    assert RULES.keeps("Northwind", {"Archive"}) == YEAR
    assert RULES.keeps("Northwind", {"Archive", "INBOX"}) is None


def test_what_no_rule_counts_for_is_kept_for_ever() -> None:
    assert RULES.keeps("Northwind", ()) is None
    assert not RULES.due("Northwind", (), NOW - 50 * YEAR, NOW)
    assert not Rules().any


def test_of_several_rules_the_longest_decides() -> None:
    assert RULES.keeps("Harbour Ltd", {"Archive"}) == 2 * YEAR
    assert RULES.keeps("Harbour Ltd", {"Old"}) == 3 * YEAR
    assert RULES.keeps("Northwind", {"Archive", "Old"}) == 3 * YEAR


def test_a_message_is_due_at_the_very_moment_that_its_time_is_over() -> None:
    received = NOW - 2 * YEAR
    assert RULES.due("Harbour Ltd", {"INBOX"}, received, NOW)
    assert not RULES.due("Harbour Ltd", {"INBOX"}, received, NOW - timedelta(seconds=1))


def case(since: datetime | None = None, until: datetime | None = None) -> Case:
    return Case(name="claim", client="Harbour Ltd", since=since, until=until, why="a claim", held_at=NOW)


def test_a_case_needs_all_of_its_clients_record_and_nobody_elses() -> None:
    assert needed_by([case()], "Harbour Ltd", NOW - 30 * YEAR) == (case(),)
    assert needed_by([case()], "Northwind", NOW) == ()


def test_a_case_about_a_time_needs_what_was_received_in_it() -> None:
    bounded = case(since=NOW - YEAR, until=NOW)
    assert needed_by([bounded], "Harbour Ltd", NOW - YEAR)
    assert not needed_by([bounded], "Harbour Ltd", NOW)
    assert not needed_by([bounded], "Harbour Ltd", NOW - YEAR - timedelta(seconds=1))
