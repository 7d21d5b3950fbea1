"""What Gmail says beyond IMAP, read strictly; and which folders are read where it says it."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.exceptions import ProtocolError
from imapclient.imap_utf7 import encode

from levelhead.clock import SystemClock
from levelhead.mailbox import answers, gmail, plan
from levelhead.mailbox.api import FolderInfo, Head
from levelhead.mailbox.folders import Chosen, choose
from levelhead.model import Gmail

NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30
)  # fmt: skip


def answer(*parts: Any) -> Any:
    """What is read of one message."""
    return answers.read(parts, labels=True)[1]


def quoted(sent: bytes) -> bytes:
    return b'"' + sent.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


@given(st.lists(st.tuples(NAMES, st.booleans()), max_size=6))
def test_labels_come_back_however_they_are_sent(names: list[tuple[str, bool]]) -> None:
    parts: list[Any] = []
    text = b"1 (UID 1 X-GM-MSGID 5 X-GM-LABELS ("
    for name, as_literal in names:
        sent = encode(name)
        if as_literal:
            parts.append((text + b"{%d}" % len(sent), sent))
            text = b" "
        else:
            text += quoted(sent) + b" "
    header = b"Subject: X-GM-LABELS (a b\r\n\r\n"
    parts += [(text + b") BODY[HEADER]<0> {%d}" % len(header), header), b" FLAGS (\\Seen))"]
    read = answer(*parts)
    assert read.gmail() == Gmail(id="5", labels=tuple(sorted({name for name, _ in names})))
    assert [piece.data for piece in read.headers] == [header] and read.flags == ("\\Seen",)


@pytest.mark.parametrize(
    ("sent", "labels"),
    [
        (b'"\\\\Inbox" "\\\\Sent" Work', ("Work", "\\Inbox", "\\Sent")),
        (b"\\Inbox [Mailbox] 2024 007 NIL", ("007", "2024", "NIL", "[Mailbox]", "\\Inbox")),
        (b'[open a]b "x) y" {x} a"b', ('a"b', "[open", "a]b", "x) y", "{x}")),
        (b"", ()),
        (b"&ANw-ber &- &AOQ-", ("&", "Über", "ä")),
    ],
)
def test_labels_are_read_as_gmail_sends_them(sent: bytes, labels: tuple[str, ...]) -> None:
    said = answer(
        b"1 (X-GM-LABELS (" + sent + b') UID 1 X-GM-THRID 9 BODY[HEADER]<0> "a X-GM-LABELS (")'
    ).gmail()
    assert said == Gmail(thread="9", labels=tuple(sorted(labels)))


@pytest.mark.parametrize("value", [b"NIL", b"5", b'"a"', b"a"])
def test_labels_that_are_no_list_are_refused(value: bytes) -> None:
    assert answer(b"1 (UID 1 X-GM-LABELS " + value + b")").gmail() == Gmail(refused=("labels",))


def test_two_answers_that_differ_are_refused_and_two_alike_are_one() -> None:
    one = b"1 (UID 1 X-GM-MSGID 5 X-GM-LABELS (a))"
    assert answer(one, one).gmail() == Gmail(id="5", labels=("a",))
    other = b"1 (UID 1 X-GM-MSGID 6 X-GM-LABELS (b))"
    assert answer(one, other).gmail() == Gmail(refused=("id", "labels"))


@pytest.mark.parametrize(
    "text", [b"1 (UID 1 X-GM-LABELS (a", b"1 (UID 1 X-GM-LABELS ({5}", b'1 (UID 1 X-GM-LABELS ("a)']
)
def test_a_list_without_an_end_is_no_answer(text: bytes) -> None:
    with pytest.raises((ValueError, ProtocolError)):
        answers.read([text], labels=True)


@pytest.mark.parametrize(
    "text",
    [b'\\"' * 300_000, b'"\\" ' * 200_000, b"(" * 600_000, b" X-GM-LABELS (" * 50_000],
    ids=["escapes", "quotes", "depth", "lists"],
)
def test_no_list_of_labels_takes_long_to_read(text: bytes) -> None:
    clock = SystemClock()
    began = clock.monotonic()
    for start in (b"1 (UID 1 X-GM-LABELS (", b"1 (UID 1 X-OTHER X-GM-LABELS "):
        with contextlib.suppress(ValueError):
            gmail.lifted([start + text])
    assert clock.monotonic() - began < 5, "a million bytes, on a slow machine"


def test_an_answer_full_of_lists_of_labels_is_packed_in_time_that_grows_with_its_length() -> None:
    took = []
    for many in (20_000, 160_000):
        began = time.process_time()
        (packed,) = gmail.lifted([b"1 (UID 1" + b" X-GM-LABELS ()" * many + b")"])
        took.append(time.process_time() - began)
        assert packed.count(b"()") == many
    assert took[1] < 2 or took[1] < 24 * took[0], (
        "eight times as much; sixty-four times were a quadratic cost"
    )


def test_nothing_said_is_nothing_known() -> None:
    assert answer(b"1 (UID 1 FLAGS ())").gmail() is None
    assert gmail.said((), (), ()) is None


def head(*labels: str, flags: tuple[str, ...] = ()) -> Head:
    return Head(uid=1, size=1, internal_date=None, flags=flags, gmail=Gmail(labels=labels))


def test_only_the_system_label_is_sent_and_only_it_is_a_draft() -> None:
    assert plan.stands_in_sent(head("\\Sent")) and not plan.stands_in_sent(head("Sent", "x\\Sent"))
    assert plan.marks(head("\\Draft")) == plan.marks(head("\\Drafts")) == ("\\draft",)
    assert plan.marks(head("Drafts", flags=("\\Seen",))) == ("\\Seen",)


@pytest.mark.parametrize(
    ("header", "beginning", "same"),
    [
        (b"A: 1\r\n\r\n", b"A: 1\r\n\r\nbody\r\n\r\n", True),
        (b"A: 1\r\n", b"A: 1\r\n\r\nbody", False),
        (b"", b"A: 1\r\n\r\n", False),
        (b"", b"", False),
        (b"A: 1\r\n\r\nbody", b"A: 1\r\n\r\nbody", False),
        (b"A: 1\r\n", b"A: 1\r\n", True),
        (b"A: 2\r\n\r\n", b"A: 1\r\n\r\n", False),
    ],
)
def test_a_header_is_the_same_when_all_of_it_is(header: bytes, beginning: bytes, same: bool) -> None:
    assert plan.same_header(header, beginning) is same


# --- which folders are read ----------------------------------------------------------------------

SHOWN = (
    ("INBOX", ""), ("[Gmail]/All Mail", "\\all"), ("[Gmail]/Sent Mail", "\\sent"), ("[Gmail]/Spam", "\\junk"),
    ("[Gmail]/Trash", "\\trash"), ("[Gmail]/Drafts", "\\drafts"), ("[Gmail]/Starred", "\\flagged"), ("Projects", ""),
)  # fmt: skip


def read(*hidden: str, labels: bool = True, **how: Any) -> Chosen:
    listed = [
        FolderInfo(name=name, separator="/", attributes=frozenset({use} - {""}))
        for name, use in SHOWN
        if name not in hidden
    ]
    return choose(listed, labels=labels, **how)


def names(chosen: Chosen) -> list[str]:
    return [folder.name for folder in chosen.watched]


def test_all_mail_is_read_last_and_no_label_besides() -> None:
    chosen = read()
    assert names(chosen) == ["[Gmail]/Sent Mail", "INBOX", "[Gmail]/All Mail"]
    assert chosen.drafts == "[Gmail]/Drafts" and not chosen.hidden
    assert chosen.sent == ("[Gmail]/Sent Mail",)
    assert read("[Gmail]/Sent Mail").sent == ("[Gmail]/All Mail",)


def test_where_all_mail_is_hidden_all_is_read_but_junk_trash_and_drafts() -> None:
    chosen = read("[Gmail]/All Mail")
    assert names(chosen) == ["[Gmail]/Sent Mail", "INBOX", "Projects", "[Gmail]/Starred"]
    assert chosen.hidden


def test_who_names_folders_gets_these_and_no_note() -> None:
    chosen = read("[Gmail]/All Mail", wanted=("INBOX",))
    assert names(chosen) == ["INBOX"] and not chosen.hidden


def test_elsewhere_a_folder_of_all_mail_is_not_read() -> None:
    for chosen in (read(labels=False), read("[Gmail]/All Mail", labels=False)):
        assert names(chosen) == ["[Gmail]/Sent Mail", "INBOX"] and not chosen.hidden
