"""erase, purge and casehold, as a person types them, on an archive in which a hostile message was judged and held."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from levelhead.archive.erased import erased
from levelhead.archive.lock import hold as hold_lock
from levelhead.archive.relabel import relabel
from levelhead.clock import FrozenClock
from levelhead.config.load import load
from levelhead.daemon.parts import Archive, open_archive
from levelhead.model import ERASED

CANARIES = (b"WHERE ARE MY FILES", b"pathetic excuses", b"UNACCEPTABLE")
"""Words of the hostile message alone, in its subject and its body; the quotes of its verdict hold them too."""


@contextmanager
def opened(home: Path) -> Iterator[Archive]:
    archive = open_archive(load(home / "levelhead.toml"), read_only=True)
    try:
        yield archive
    finally:
        archive.close()


def whole(home: Path) -> dict[str, bytes]:
    """Every file of the archive that has bytes, but for what SQLite's readers share among themselves."""
    files = (path for path in sorted((home / "archive").rglob("*")) if path.is_file())
    found = {str(path): path.read_bytes() for path in files if not path.name.endswith("-shm")}
    return {name: data for name, data in found.items() if data}


def plain(home: Path) -> bytes:
    """Everything in the archive's files, and what the volumes hold when they are unpacked."""
    unpacked = b"".join(
        subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True).stdout
        for path in sorted((home / "archive" / "volumes").glob("*.tar.zst"))
    )
    return unpacked + b"".join(whole(home).values())


def found(home: Path, words: bytes = b"pathetic") -> bool:
    return words.lower() in plain(home).lower()


def only(home: Path, letters) -> tuple[str, ...]:
    return ("Harbour Ltd", "--only", letters.id(letters.hostile))


# --- erase --------------------------------------------------------------------------------------


def test_without_yes_nothing_changes_and_it_says_what_would_go(levelhead, home: Path, letters) -> None:
    before = whole(home)
    said = levelhead("erase", *only(home, letters), "--json")
    assert said.status == 0
    value = said.one
    assert (value["done"], value["messages"], value["client"]) == (False, 1, "Harbour Ltd")
    assert value["drafts"] == 1 and value["alerts"] >= 1 and value["on_server"] == 1
    text = levelhead("erase", *only(home, letters)).out
    assert "Would erase 1 message of Harbour Ltd" in text and "say --yes" in text
    assert "levelhead deletes nothing there" in text
    assert whole(home) == before


def test_an_erased_message_leaves_no_byte_behind_and_the_ledger_still_verifies(
    levelhead, home: Path, letters
) -> None:
    assert all(found(home, words) for words in CANARIES)
    root = levelhead("status", "--json").one["ledger"]
    said = levelhead("erase", *only(home, letters), "--why", "asked for", "--yes", "--json")
    assert (said.status, said.err) == (0, "")
    assert (said.one["done"], said.one["messages"]) == (True, 1)
    for words in (*CANARIES, b"completely incompetent", letters.id(letters.hostile).encode()[:20]):
        assert not found(home, words), words
    checked = levelhead("verify", "--deep", "--json")
    assert (checked.status, checked.one["damaged"], checked.one["missing"], checked.one["unexplained"]) == (
        0,
        [],
        [],
        [],
    )
    assert checked.one["size"] > root["size"]
    assert levelhead("verify", "--quick").status == 0


def test_what_was_made_for_it_goes_with_it_and_the_rest_stays(levelhead, home: Path, letters) -> None:
    assert levelhead("held", "--json").lines and levelhead("alerts", "--json").lines
    calm = levelhead("explain", letters.id(letters.calm), "--json").one
    assert levelhead("erase", *only(home, letters), "--why", "asked for", "--yes").status == 0
    ids = {line["id"] for line in levelhead("messages", "--json").lines}
    assert ids == {letters.id(one) for one in letters.all} - {letters.id(letters.hostile)}
    assert letters.id(letters.hostile) not in {
        line.get("message") for line in levelhead("held", "--json").lines
    }
    assert levelhead("search", "pathetic", "--json").lines == []
    assert [line["id"] for line in levelhead("search", "invoice", "--json").lines]
    assert levelhead("explain", letters.id(letters.calm), "--json").one == calm
    gone = levelhead("show", letters.id(letters.hostile))
    assert gone.status == 2
    raw = levelhead("show", letters.id(letters.calm), "--raw")
    assert raw.status == 0


def test_the_whole_record_of_a_client_goes_with_its_notes(levelhead, home: Path) -> None:
    assert levelhead("note", "Harbour Ltd", "She shouted about zebrafinches on the telephone.").status == 0
    assert found(home, b"zebrafinches")
    said = levelhead("erase", "harbour ltd", "--why", "the client asked", "--yes", "--json")
    assert said.status == 0
    assert said.one["whole"] and said.one["notes"] == 1
    assert not found(home, b"zebrafinches") and not found(home, b"sam@harbour.example")
    assert levelhead("messages", "--client", "Harbour Ltd", "--json").lines == []
    assert levelhead("verify", "--deep").status == 0


def test_a_part_of_a_record_leaves_notes_and_correspondents(levelhead, home: Path, letters) -> None:
    levelhead("note", "Harbour Ltd", "A call about zebrafinches.")
    with opened(home) as archive:
        before = archive.store.correspondents()
    assert "sam@harbour.example" in before
    id = letters.id(letters.answer)
    assert levelhead("erase", "Harbour Ltd", "--only", id, "--why", "a slip", "--yes").status == 0
    with opened(home) as archive:
        assert archive.store.correspondents() == before
    assert found(home, b"zebrafinches")
    assert levelhead("verify").status == 0


def test_an_erased_message_is_not_added_again(levelhead, home: Path, letters) -> None:
    levelhead("erase", *only(home, letters), "--why", "asked for", "--yes")
    (home / "again.eml").write_bytes(letters.hostile)
    said = levelhead("add", "again.eml", "--json")
    assert said.one["added"] == 0 and said.one["known"] == 0
    assert "erased" in said.one["erased"][0]["why"] and said.one["failed"] == []
    assert not found(home)
    assert levelhead("verify").status == 0


def test_where_it_still_stands_on_a_server_is_left_out_for_that_reason(
    levelhead, home: Path, letters
) -> None:
    levelhead("erase", *only(home, letters), "--why", "asked for", "--yes")
    with opened(home) as archive:
        left_out = list(archive.store.excluded("office", "INBOX", 7))
        assert [(one.place.uid, one.reason, one.addresses) for one in left_out] == [(3, ERASED, ())]


def test_an_index_made_again_knows_nothing_of_it_and_still_refuses_it(levelhead, home: Path, letters) -> None:
    levelhead("erase", *only(home, letters), "--why", "asked for", "--yes")
    before = levelhead("messages", "--json").out
    assert levelhead("rebuild").status == 0
    assert levelhead("messages", "--json").out == before
    (home / "again.eml").write_bytes(letters.hostile)
    assert levelhead("add", "again.eml", "--json").one["added"] == 0
    assert not found(home)
    assert levelhead("verify", "--deep").status == 0


def test_older_copies_of_the_index_go_too(levelhead, home: Path, letters) -> None:
    assert levelhead("rebuild").status == 0
    kept = home / "archive" / "index.old.sqlite"
    assert b"pathetic" in kept.read_bytes()
    levelhead("erase", *only(home, letters), "--why", "asked for", "--yes")
    assert not kept.exists()
    assert not found(home)


def test_the_next_message_gets_a_number_of_its_own(levelhead, home: Path, letters) -> None:
    last = max(levelhead("messages", "--json").lines, key=lambda line: line["seq"])
    levelhead("erase", last["client"] or "Harbour Ltd", "--only", last["id"], "--why", "asked for", "--yes")
    (home / "new.eml").write_bytes(letters.calm.replace(b"m1@", b"m99@").replace(b"Friday", b"Monday"))
    assert levelhead("add", "new.eml", "--json").one["added"] == 1
    assert max(line["seq"] for line in levelhead("messages", "--json").lines) == last["seq"] + 1
    assert levelhead("verify").status == 0


def test_the_volumes_still_open_with_tar(levelhead, home: Path, letters, tmp_path: Path) -> None:
    levelhead("erase", *only(home, letters), "--why", "asked for", "--yes")
    out = tmp_path / "out"
    out.mkdir()
    volume = home / "archive" / "volumes" / "000001.tar.zst"
    subprocess.run(["tar", "--zstd", "-xf", str(volume), "-C", str(out)], check=True)
    assert sorted(path.read_bytes() for path in out.iterdir()) == sorted(
        one for one in letters.all if one != letters.hostile
    )


def test_what_is_out_of_reach_is_said_with_its_dates(levelhead, home: Path, letters) -> None:
    assert levelhead("backup", "copy").status == 0
    assert levelhead("export", "Harbour Ltd", "--out", "pack").status == 0
    said = levelhead("erase", *only(home, letters), "--why", "asked for", "--yes")
    today = datetime.now(UTC).date().isoformat()
    assert re.search(
        rf"out of reach.*1 backup \(the last of {today}\) and 1 pack \(the last of {today}\)", said.out, re.S
    )


def test_a_folder_that_was_backed_up_twice_is_not_told_as_two_copies(levelhead, home: Path, letters) -> None:
    for _ in range(2):
        assert levelhead("backup", "copy").status == 0
    said = levelhead("erase", *only(home, letters), "--why", "asked for")
    assert "The ledger knows of 2 runs of backup, of one folder or several (the last of 20" in said.out


def test_bad_wishes_get_one_sentence_and_change_nothing(levelhead, home: Path, letters) -> None:
    before = levelhead("status", "--json").one["ledger"]
    for words, sentence in (
        ((), "name a client"),
        (("Harbour Ltd", "--finish"), "leave the client away"),
        (("Harbour Ltd", "--yes"), "say why"),
        (("Nobody", "--why", "x", "--yes"), "there is no client 'Nobody'"),
        (("Harbour Ltd", "--only", "ffffffff", "--why", "x", "--yes"), "ffffffff"),
        (
            ("Harbour Ltd", "--until", "2001-01-01", "--why", "x", "--yes"),
            "nothing of Harbour Ltd to erase",
        ),
        (("Harbour Ltd", "--only", letters.id(letters.calm), "--since", "1d", "--why", "x"), "--only names"),
    ):
        said = levelhead("erase", *words)
        assert said.status == 2, words
        assert said.err.count("\n") == 1 and sentence in said.err
    assert levelhead("status", "--json").one["ledger"] == before


@pytest.mark.parametrize(
    "narrow", [("--only", "f09b3879", "--only", "a b"), ("--since", "7d", "--until", "1 d")]
)
def test_a_command_that_it_suggests_erases_no_more_than_was_asked_for(
    levelhead, home: Path, narrow: tuple[str, ...]
) -> None:
    asked = f"levelhead erase {shlex.join(('Harbour Ltd', *narrow))} --why TEXT"
    assert levelhead("erase", "Harbour Ltd", *narrow, "--yes").err.endswith(f": {asked} --yes\n")
    said = levelhead("erase", *narrow).err
    assert said.endswith(f": levelhead erase CLIENT {shlex.join(narrow)} --why TEXT\n")


def test_two_erasures_do_not_get_in_each_others_way(levelhead, home: Path, letters) -> None:
    with hold_lock(home / "archive" / "erasing.lock", datetime.now(UTC)):
        said = levelhead("erase", *only(home, letters), "--why", "asked for", "--yes")
    assert said.status == 3 and "messages are being erased" in said.err
    assert levelhead("erase", *only(home, letters), "--why", "asked for", "--yes").status == 0


def test_notes_that_are_left_of_a_record_can_be_erased_when_its_messages_are_gone(
    levelhead, home: Path
) -> None:
    assert levelhead("erase", "Harbour Ltd", "--why", "asked for", "--yes").status == 0
    assert levelhead("note", "Harbour Ltd", "A call about zebrafinches.").status == 0
    said = levelhead("erase", "Harbour Ltd", "--why", "asked for", "--yes", "--json")
    assert (said.status, said.one["messages"], said.one["notes"]) == (0, 0, 1)
    assert not found(home, b"zebrafinches")
    assert levelhead("verify").status == 0
    assert levelhead("erase", "Harbour Ltd", "--why", "asked for", "--yes").status == 2


def test_what_a_killed_program_left_in_the_spool_goes_too(levelhead, home: Path, letters) -> None:
    left = home / "archive" / "spool" / "999999999-00aa.spool"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(letters.hostile)
    assert levelhead("erase", *only(home, letters), "--why", "asked for", "--yes").status == 0
    assert not left.exists()
    assert not found(home)


def test_no_index_is_made_again_while_messages_are_erased(levelhead, home: Path) -> None:
    with hold_lock(home / "archive" / "erasing.lock", datetime.now(UTC)):
        said = levelhead("rebuild")
    assert said.status == 3 and "messages are being erased" in said.err


# --- casehold -----------------------------------------------------------------------------------


def hold(levelhead, *more: str) -> None:
    said = levelhead("casehold", "open", "claim-7", "Harbour Ltd", "--why", "claim of 2026-11-02", *more)
    assert said.status == 0, said.err


def test_a_case_refuses_an_erasure_with_its_date_and_its_reason(levelhead, home: Path, letters) -> None:
    hold(levelhead)
    said = levelhead("erase", *only(home, letters), "--why", "asked for", "--yes")
    today = datetime.now(UTC).date().isoformat()
    assert said.status == 1
    assert (
        f"nothing was erased: Harbour Ltd is held by the case 'claim-7' since {today} (claim of 2026-11-02)"
        in said.err
    )
    assert "levelhead casehold end" in said.err
    assert found(home)
    with opened(home) as archive:
        ((_, fact),) = archive.store.facts_about(kind="erasure.refused")
        assert (fact.client, fact.cases) == ("Harbour Ltd", ("claim-7",))
        assert not erased(archive.store).all
    as_json = levelhead("erase", *only(home, letters), "--why", "asked for", "--yes", "--json")
    assert (as_json.status, as_json.one["done"]) == (1, False)
    assert as_json.one["refused_by"][0]["case"] == "claim-7"
    shown = levelhead("erase", *only(home, letters))
    assert shown.status == 1 and "It would be refused" in shown.out


def test_once_the_case_has_ended_the_erasure_goes_through(levelhead, home: Path, letters) -> None:
    hold(levelhead)
    assert [line["case"] for line in levelhead("casehold", "--json").lines] == ["claim-7"]
    assert levelhead("casehold", "end", "claim-7", "--why", "settled").status == 0
    assert levelhead("casehold", "list", "--json").lines == []
    assert levelhead("erase", *only(home, letters), "--why", "asked for", "--yes").status == 0
    assert levelhead("verify").status == 0


def test_a_case_about_another_time_holds_nothing_of_this_one(levelhead, home: Path, letters) -> None:
    hold(levelhead, "--until", "2001-01-01")
    assert levelhead("erase", *only(home, letters), "--why", "asked for", "--yes").status == 0


def test_a_case_about_some_of_a_record_refuses_that_the_whole_of_it_goes(levelhead, home: Path) -> None:
    hold(levelhead, "--until", "2001-01-01")
    assert levelhead("erase", "Harbour Ltd", "--why", "asked for", "--yes").status == 1


def test_a_case_holds_its_client_under_another_name_too(levelhead, home: Path, letters) -> None:
    hold(levelhead)
    config = home / "levelhead.toml"
    config.write_text(config.read_text().replace('name = "Harbour Ltd"', 'name = "Quay Ltd"'))
    settings = load(config)
    archive = open_archive(settings, read_only=False)
    try:
        relabel(archive.store, FrozenClock(letters.at), archive.directory, archive.library.parsed)
        archive.mirror.catch_up(archive.store)
    finally:
        archive.close()
    said = levelhead("erase", "Quay Ltd", "--why", "asked for", "--yes")
    assert said.status == 1 and "held by the case 'claim-7'" in said.err
    assert "no client has that name any more" in said.err
    assert found(home)


def test_a_case_is_opened_once_under_a_name_and_ended_once(levelhead, home: Path) -> None:
    hold(levelhead)
    again = levelhead("casehold", "open", "claim-7", "Harbour Ltd", "--why", "x")
    assert again.status == 2 and "is open since" in again.err
    assert levelhead("casehold", "end", "claim-8", "--why", "x").status == 2
    assert levelhead("casehold", "end", "claim-7", "--why", "x").status == 0
    ended = levelhead("casehold", "end", "claim-7", "--why", "x")
    assert ended.status == 2 and "open cases: none" in ended.err
    hold(levelhead)


def test_a_case_needs_a_reason_and_a_time_that_is_one(levelhead, home: Path) -> None:
    assert "say why" in levelhead("casehold", "open", "c", "Harbour Ltd").err
    assert "no case 'c' is open" in levelhead("casehold", "end", "c").err
    said = levelhead(
        "casehold", "open", "c", "Harbour Ltd", "--why", "x", "--since", "2026-02-01", "--until", "2026-01-01"
    )
    assert said.status == 2 and "--since is not before --until" in said.err


# --- purge --------------------------------------------------------------------------------------


def keep(home: Path, rules: str) -> None:
    with (home / "levelhead.toml").open("a") as config:
        config.write(f"\n[retention]\n{rules}\n")


@pytest.fixture
def old(levelhead, home: Path, letters) -> str:
    """A message of the client from years ago, beside those of this year; its id."""
    data = (
        letters.calm.replace(b"m1@", b"m77@")
        .replace(b"06 Mar 2026", b"06 Mar 2019")
        .replace(b"drafts", b"wombats")
    )
    (home / "old.eml").write_bytes(data)
    assert levelhead("add", "old.eml", "--json").one["added"] == 1
    (home / "old.eml").unlink()
    return letters.id(data)


def age(moment: datetime, now: datetime) -> timedelta:
    return now - moment


def test_purge_shows_what_is_due_and_erases_it_with_yes(levelhead, home: Path, old: str) -> None:
    keep(home, 'clients = { "Harbour Ltd" = "104w" }')
    before = {line["id"] for line in levelhead("messages", "--json").lines}
    shown = levelhead("purge", "--json")
    assert (shown.status, shown.one["done"], shown.one["messages"]) == (0, False, 1)
    assert shown.one["clients"][0]["client"] == "Harbour Ltd"
    assert {line["id"] for line in levelhead("messages", "--json").lines} == before
    done = levelhead("purge", "--yes")
    assert done.status == 0
    assert "Erased 1 message whose time is over" in done.out and "out of reach" in done.out
    assert {line["id"] for line in levelhead("messages", "--json").lines} == before - {old}
    assert not found(home, b"wombats")
    assert levelhead("verify", "--deep").status == 0
    again = levelhead("purge", "--yes", "--json")
    assert (again.status, again.one["messages"]) == (0, 0)


def test_a_case_beats_the_time_that_is_over(levelhead, home: Path, old: str) -> None:
    keep(home, 'clients = { "Harbour Ltd" = "104w" }')
    hold(levelhead)
    said = levelhead("purge", "--yes", "--json")
    assert (said.status, said.one["messages"]) == (0, 0)
    assert said.one["kept_by_cases"]["messages"] == 1
    assert [case["case"] for case in said.one["kept_by_cases"]["cases"]] == ["claim-7"]
    with opened(home) as archive:
        ((_, fact),) = archive.store.facts_about(kind="erasure.refused")
    assert fact.why.startswith(
        "1 message whose time is over is kept: Harbour Ltd is held by the case 'claim-7'"
    )
    text = levelhead("purge").out
    assert "Kept all the same: 1 message. Harbour Ltd is held by the case 'claim-7' since" in text
    assert "(claim of 2026-11-02)" in text
    assert old in {line["id"] for line in levelhead("messages", "--json").lines}


def test_what_a_held_draft_or_an_open_alert_is_about_is_kept_until_that_is_over(
    levelhead, home: Path
) -> None:
    keep(home, 'clients = { "Harbour Ltd" = "1s" }')
    value = levelhead("purge", "--json").one
    held = {line["key"] for line in levelhead("held", "--json").lines}
    assert held and value["in_use"] >= 1


def test_a_folders_rule_takes_what_was_seen_there_alone(levelhead, home: Path, letters) -> None:
    keep(home, 'folders = { "Sent" = "1s" }')
    assert levelhead("purge", "--yes", "--json").one["messages"] == 1
    assert letters.id(letters.answer) not in {line["id"] for line in levelhead("messages", "--json").lines}
    assert levelhead("verify").status == 0


def test_without_a_rule_purge_says_where_to_write_one(levelhead, home: Path) -> None:
    said = levelhead("purge")
    assert said.status == 2 and "[retention]" in said.err


def test_a_rule_for_nobody_is_told(levelhead, home: Path) -> None:
    keep(home, 'clients = { "Harbor Ltd" = "104w" }')
    said = levelhead("purge")
    assert said.status == 0 and "'Harbor Ltd', and no client is called that" in said.err


def test_a_rule_finds_its_client_in_any_case_and_names_a_folder_that_nobody_has(
    levelhead, home: Path, old: str
) -> None:
    keep(home, 'clients = { "HARBOUR ltd" = "104w" }\nfolders = { "Archief" = "1w" }')
    said = levelhead("purge", "--json")
    assert (said.status, said.one["messages"]) == (0, 1)
    assert "'Archief', and no mailbox has shown a folder of that name" in said.err


# --- finishing ----------------------------------------------------------------------------------


def test_there_is_nothing_to_finish_where_nothing_was_broken_off(levelhead, home: Path) -> None:
    assert json.loads(levelhead("erase", "--finish", "--json").out) == {"finished": 0}


def test_only_a_case_that_is_there_is_asked_for_a_reason_to_end_it(levelhead, home: Path) -> None:
    said = levelhead("casehold", "end", "claim-8")
    assert said.status == 2
    assert "no case 'claim-8' is open" in said.err and "say why" not in said.err
    levelhead("casehold", "open", "claim-7", "Harbour Ltd", "--why", "claim")
    assert "say why" in levelhead("casehold", "end", "claim-7").err


def test_a_case_of_a_client_without_mail_is_opened_and_says_so(levelhead, home: Path) -> None:
    config = home / "levelhead.toml"
    config.write_text(config.read_text() + '[[client]]\nname = "Northwind"\naddresses = ["*@n.example"]\n')
    said = levelhead("casehold", "open", "claim-7", "Northwind", "--why", "claim")
    assert said.status == 0
    assert "There are 0 messages of Northwind now" in said.out
    assert "0 messages" not in levelhead("casehold", "open", "c", "Harbour Ltd", "--why", "claim").out
