"""The rules of the mailbox room that need no server: roles of folders, history, sets and windows of UIDs, codes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import CommandRefused, ServerBusy, UnsafeArgument
from levelhead.mailbox import guard, plan
from levelhead.mailbox.api import FolderInfo, FolderStatus, Wake
from levelhead.mailbox.codes import plain, refusal
from levelhead.mailbox.folders import Role, choose
from levelhead.mailbox.ranges import WINDOW, chunks, sets, windows
from levelhead.store.api import FolderState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def listing(*entries):
    """Folders from `name` or `(name, attribute, ...)`."""
    pairs = [(entry, ()) if isinstance(entry, str) else (entry[0], entry[1:]) for entry in entries]
    return [
        FolderInfo(name=name, separator="." if "." in name else "/", attributes=frozenset(attributes))
        for name, attributes in pairs
    ]


def chosen(*entries, **how):
    picked = choose(listing(*entries), **how)
    return [(folder.name, folder.role.value) for folder in picked.watched], picked.drafts


# --- folders -----------------------------------------------------------------------------------


def test_special_use_counts_more_than_a_name():
    assert chosen("INBOX", ("Kladde", "\\drafts"), "Drafts", ("Raus", "\\sent"), ("Alt", "\\archive")) == (
        [("Raus", "sent"), ("INBOX", "inbox"), ("Alt", "archive")],
        "Kladde",
    )


@pytest.mark.parametrize(
    ("sent", "drafts", "archive"),
    [
        ("Sent Items", "Drafts", "Archive"),
        ("Gesendete Elemente", "Entwürfe", "Archiv"),
        ("Éléments envoyés", "Brouillons", "Archives"),
        ("Elementos enviados", "Borradores", "Archivo"),
        ("Itens Enviados", "Rascunhos", "Arquivo"),
        ("Posta inviata", "Bozze", "Archivio"),
        ("Verzonden items", "Concepten", "Archief"),
        ("Skickat", "Utkast", "Arkiv"),
        ("Wysłane", "Szkice", "Archiwum"),
        ("Отправленные", "Черновики", "Архив"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "INBOX."])
def test_names_are_known_in_the_common_languages(sent, drafts, archive, prefix):
    assert chosen("INBOX", prefix + sent, prefix + drafts, prefix + archive, prefix=prefix) == (
        [(prefix + sent, "sent"), ("INBOX", "inbox"), (prefix + archive, "archive")],
        prefix + drafts,
    )


def test_a_prefix_that_was_not_told_is_seen_in_the_names():
    assert chosen("INBOX", "INBOX.Sent", "INBOX.Drafts") == (
        [("INBOX.Sent", "sent"), ("INBOX", "inbox")],
        "INBOX.Drafts",
    )


def test_a_folder_of_a_client_called_archive_deep_below_is_no_archive():
    assert chosen("INBOX", "Clients/Acme/Archive") == ([("INBOX", "inbox")], None)


def test_several_sent_folders_are_all_mine():
    assert chosen("INBOX", ("Sent", "\\sent"), "Sent Messages")[0] == [
        ("Sent", "sent"),
        ("Sent Messages", "sent"),
        ("INBOX", "inbox"),
    ]


def test_what_cannot_be_selected_is_passed_over():
    assert chosen("INBOX", ("Sent", "\\noselect"), ("Archive", "\\nonexistent"))[0] == [("INBOX", "inbox")]


def test_a_configured_folder_is_added_to_auto_and_a_missing_one_is_named():
    picked = choose(listing("INBOX", "Sent", "Projects"), wanted=("auto", "Projects", "Nope"), drafts="Gone")
    assert [folder.name for folder in picked.watched] == ["Sent", "INBOX", "Projects"]
    assert picked.missing == ("Nope", "Gone")


def test_a_folder_that_is_named_for_sent_mail_is_one_and_is_read_whatever_is_wanted():
    for name, prefix in (("Out 2026", ""), ("INBOX.Out 2026", "INBOX.")):
        folders = ["INBOX", (name, "\\archive"), "Sent"]
        both = [(name, "sent"), ("Sent", "sent"), ("INBOX", "inbox")]
        assert sorted(chosen(*folders, sent="Out 2026", prefix=prefix)[0]) == sorted(both)
        assert (name, "sent") in chosen(*folders, sent="Out 2026", prefix=prefix, wanted=("INBOX", name))[0]
    assert choose(listing("INBOX", "Sent"), sent="Gone").missing == ("Gone",)


def test_the_drafts_folder_is_never_read_as_mail():
    picked = choose(listing("INBOX", ("Drafts", "\\drafts")), wanted=("INBOX", "Drafts"))
    assert [folder.name for folder in picked.watched] == ["INBOX"]


def test_inbox_is_found_whatever_its_case():
    assert choose(listing("Inbox"), wanted=("INBOX",)).watched[0].role is Role.INBOX


# --- what follows from the numbers ---------------------------------------------------------------


def state(**changes):
    values = {"mailbox": "m", "folder": "INBOX", "uidvalidity": 5, "first_uidnext": 10, "last_uid": 20}
    return FolderState(**(values | {"highestmodseq": 1, "last_pass": NOW} | changes))


def history(uid, date, **changes):
    how = {
        "first_uidnext": 10,
        "last_pass": NOW - timedelta(hours=2),
        "now": NOW,
        "stale": timedelta(days=14),
    }
    return plan.is_history(uid, date, **(how | changes))


def test_history_is_by_number_first_and_then_by_date():
    assert history(9, NOW)
    assert not history(10, NOW)
    assert not history(10, None)
    assert history(10, NOW - timedelta(days=15), last_pass=None)
    assert history(10, NOW - timedelta(hours=27))


def test_mail_that_came_while_a_pass_was_under_way_is_news_even_with_a_slow_clock():
    assert not history(10, NOW - timedelta(hours=2, minutes=50))


def test_a_machine_whose_clock_is_hours_ahead_of_the_server_s_still_takes_news_for_news():
    assert not history(10, NOW - timedelta(hours=14))


def test_after_a_changed_uidvalidity_dates_decide_and_not_numbers():
    status = FolderStatus(uidvalidity=6, uidnext=500, exists=3)
    assert plan.opened(state(), status) is plan.Opened.RENUMBERED
    assert plan.boundary(state(), status) == 1
    assert plan.boundary(state(last_pass=None), status) == 500
    assert plan.boundary(None, status) == 500


def test_numbers_that_go_down_are_odd():
    assert len(plan.oddities(state(), FolderStatus(uidvalidity=4, uidnext=30, exists=1))) == 1
    assert len(plan.oddities(state(), FolderStatus(uidvalidity=5, uidnext=20, exists=1))) == 1
    assert plan.oddities(state(), FolderStatus(uidvalidity=5, uidnext=21, exists=1)) == ()


@pytest.mark.parametrize(
    ("live", "there", "absurd"), [(1, 0, True), (0, 0, False), (5, 1, False), (100, 40, True)]
)
def test_a_loss_of_all_or_most_is_absurd(live, there, absurd):
    assert plan.absurd(live, there) is absurd


@pytest.mark.parametrize(
    ("head", "ours"),
    [
        (b"X-Levelhead-Draft: 1\r\n\r\n", True),
        (b"From: a\r\nx-levelhead-draft: 1\r\n\r\nbody", True),
        (b"From: a\r\n\r\nX-Levelhead-Draft: quoted in the body", False),
        (b"Subject: about X-Levelhead-Draft: 1\r\n\r\n", False),
    ],
)
def test_a_draft_is_known_by_its_flag_and_ours_by_its_header(head, ours):
    assert plan.unfinished(("\\Seen", "\\Draft"), head) == ("own-draft" if ours else "draft")
    assert plan.unfinished(("\\Seen",), head) == "", "our mark can be in anybody's mail, the flag cannot"


@pytest.mark.parametrize(
    ("modseq", "reasons", "untouched"),
    [
        (0, {}, True),
        (9, {}, True),
        (0, {"drafts"}, False),
        (9, {"drafts"}, True),
        (9, {"widened"}, False),
        (9, {"due"}, False),
    ],
)
def test_a_folder_with_the_same_figures_is_left_alone_unless_there_is_another_reason(
    modseq: int, reasons: set[str], untouched: bool
):
    status = FolderStatus(uidvalidity=7, uidnext=9, exists=3, highestmodseq=modseq)
    why = {name: name in reasons for name in ("drafts", "widened", "due")}
    assert plan.untouched(status, status, **why) is untouched
    assert not plan.untouched(None, status, **why)
    assert not plan.untouched(replace(status, exists=4), status, **why)


def test_gaps_are_kept_as_they_were_and_become_due_less_often():
    gaps = {7: plan.Gap(tries=1, tried_at=NOW), 3: plan.Gap(tries=plan.TRIES, tried_at=NOW)}
    assert plan.gaps_from(plan.gaps_to(gaps)) == gaps
    assert gaps[7].due(NOW)
    assert not gaps[3].due(NOW + timedelta(hours=1))
    assert gaps[3].due(NOW + plan.RARELY)


# --- sets and windows ----------------------------------------------------------------------------


@given(st.sets(st.integers(1, 2**32 - 1), max_size=300))
def test_sets_hold_exactly_the_uids(uids):
    found = set()
    for part in sets(uids):
        for span in part.split(","):
            first, _, last = span.partition(":")
            found |= set(range(int(first), int(last or first) + 1))
    assert found == uids


def test_a_set_is_never_too_long_for_a_line():
    assert max(len(part) for part in sets(range(1, 100_000, 2))) <= 4_000


@given(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1), st.integers(0, 2_000_000))
def test_windows_cover_everything_once_and_are_few(first, last, exists):
    spans = list(windows(first, last, exists))
    if last < first:
        assert spans == []
        return
    assert spans[0][0] == first and spans[-1][1] == last
    assert all(after[0] == before[1] + 1 for before, after in pairwise(spans))
    assert len(spans) <= max(1, -(-exists // WINDOW))


def test_chunks_keep_the_order():
    assert list(chunks((1, 2, 3, 4, 5), 2)) == [(1, 2), (3, 4), (5,)]


# --- words and arguments -------------------------------------------------------------------------


@given(st.text())
def test_a_servers_words_always_fit_on_one_short_line(words):
    line = plain(words)
    assert len(line) <= 200 and not set(line) & {"\r", "\n", "\0", "\x1b"}


def test_a_code_that_does_not_fit_the_command_is_not_taken_literally():
    assert type(refusal("FETCH", "NO", "[AUTHENTICATIONFAILED] token expired")) is ServerBusy
    assert type(refusal("CREATE", "NO", "[NONEXISTENT] x")) is CommandRefused


@given(st.text(max_size=40))
def test_a_message_id_that_passes_the_gate_is_one_harmless_word(value):
    try:
        safe = guard.message_id(value)
    except UnsafeArgument:
        return
    assert safe.isascii() and safe.isprintable() and '"' not in safe and " " not in safe


@given(st.lists(st.one_of(st.binary(), st.text(), st.none())))
def test_arguments_that_pass_the_gate_make_one_line(arguments):
    try:
        guard.check_arguments("X", arguments)
    except UnsafeArgument:
        return
    joined = b" ".join(a.encode() if isinstance(a, str) else a for a in arguments if a is not None)
    assert not set(joined) & {0, 10, 13} and joined.isascii()


def test_a_bell_rung_often_rings_once_and_can_be_hushed():
    bell = Wake()
    for _ in range(100_000):
        bell.set()
    assert bell.is_set()
    bell.clear()
    assert not bell.is_set()
    bell.set()
    assert bell.is_set()
    bell.close()
