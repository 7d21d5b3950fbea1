"""The bytes of a draft: threaded, addressed as the client asked, and without anything smuggled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.model import Address, Direction, Level, Message
from levelhead.outbox.compose import (
    NAMES,
    Composer,
    asks_elsewhere,
    compose,
    draft_message_id,
    same_draft,
    stripped,
)
from levelhead.store.api import DraftRow

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
ME, BOSS = (
    Address(address="me@studio.example", name="Me"),
    Address(address="boss@acme.example", name="The Boss"),
)
PARENT = Message(
    id="a" * 64,
    seq=1,
    client="acme",
    direction=Direction.IN,
    sender=BOSS,
    to=(Address(address="other@elsewhere.example"), Address(address="billing@studio.example")),
    subject="Where is it?",
    received_at=NOW,
    message_id="<two@acme.example>",
    references=("<zero@acme.example>", "<one@studio.example>"),
)
DRAFT = DraftRow(
    key="0123456789abcdef",
    state="held",
    message=PARENT.id,
    client="acme",
    thread="t1",
    mailbox="work",
    subject="Re: Where is it?",
    body="Dear boss,\n\nthank you — truly.\n",
    level=Level.HEATED,
    why="",
    plugin="templates",
    created_at=NOW,
    release_at=NOW,
    folder="",
    uidvalidity=0,
    uid=0,
    uidnext_before=0,
    message_id="",
    digest="",
)


def composed(parent: Message = PARENT, draft: DraftRow = DRAFT):
    mine = ("me@studio.example", "billing@studio.example")
    composer = Composer(
        lambda id: parent,
        is_me=lambda one: one in mine,
        fallback=lambda mailbox: ME.address,
        same_client=lambda one, other: one.endswith("@acme.example") and other.endswith("@acme.example"),
        name="Me, Myself",
    )
    return composer(draft, NOW)


def read(parent: Message = PARENT, draft: DraftRow = DRAFT):
    return message_from_bytes(composed(parent, draft).data, policy=policy.default)


def test_a_draft_sits_in_its_conversation():
    reply = read()
    assert reply["In-Reply-To"] == "<two@acme.example>"
    assert reply["References"] == "<zero@acme.example> <one@studio.example> <two@acme.example>"
    assert reply["Subject"] == "Re: Where is it?"
    assert reply["X-Levelhead-Draft"] == DRAFT.key


def test_it_comes_from_the_address_that_the_client_wrote_to_and_goes_to_the_sender():
    reply = read()
    assert reply["From"] == '"Me, Myself" <billing@studio.example>'
    assert reply["To"] == "The Boss <boss@acme.example>"


@pytest.mark.parametrize(
    "elsewhere",
    [
        ("boss@evil.example",),
        ("boss@acme.example.evil.example",),
        ("other@client.example", "boss@evil.example"),
    ],
)
def test_a_reply_to_that_no_client_is_known_by_gets_no_draft_and_the_sender_does(elsewhere):
    parent = replace(PARENT, reply_to=tuple(Address(address=one) for one in elsewhere))
    assert read(parent)["To"] == "The Boss <boss@acme.example>"


def test_of_several_reply_tos_only_the_clients_own_count():
    parent = replace(
        PARENT, reply_to=(Address(address="x@evil.example"), Address(address="desk@acme.example"))
    )
    assert read(parent)["To"] == "desk@acme.example"
    assert asks_elsewhere(parent, lambda one, other: "acme" in other, lambda one: False) == "x@evil.example"


def test_reply_to_is_honoured_and_i_never_write_to_myself():
    desk = Address(address="desk@acme.example")
    assert read(replace(PARENT, reply_to=(desk,)))["To"] == "desk@acme.example"
    assert read(replace(PARENT, reply_to=(desk, ME)))["To"] == "desk@acme.example"
    assert read(replace(PARENT, reply_to=(ME,)))["To"] == "The Boss <boss@acme.example>"


def test_mail_that_names_none_of_my_addresses_is_answered_from_the_mailboxs_own():
    assert read(replace(PARENT, to=()))["From"] == '"Me, Myself" <me@studio.example>'


def test_the_text_arrives_whole_as_utf_8_in_crlf_lines():
    data = composed().data
    assert read().get_content().replace("\r\n", "\n") == "Dear boss,\n\nthank you — truly.\n"
    assert data.count(b"\n") == data.count(b"\r\n") and data.isascii()


def test_its_message_id_is_the_same_whenever_it_is_composed():
    assert composed().message_id == "<levelhead.0123456789abcdef@studio.example>" == read()["Message-ID"]
    assert draft_message_id("k", 'x@"weird\r\ndomain"') == "<levelhead.k@levelhead.invalid>"


def test_nothing_in_the_clients_mail_becomes_a_header_of_the_draft():
    encoded = "=?utf-8?q?hi=0D=0ABcc=3A_victim=40evil.example=0D=0A=0D=0Abody?="
    decoded = str(make_header(decode_header(encoded)))
    assert "\r\nBcc:" in decoded
    evil = "x\r\nBcc: victim@evil.example"
    parent = replace(
        PARENT,
        subject=decoded,
        sender=Address(address="boss@acme.example", name=evil),
        message_id="<a@b>\r\nBcc: victim@evil.example",
        references=("<ok@acme.example>", "<x y@z>", "<é@acme.example>", evil),
    )
    for draft in (replace(DRAFT, subject=decoded), replace(DRAFT, subject="")):
        reply = read(parent, draft)
        assert reply["Bcc"] is None and set(reply.keys()) <= set(NAMES)
        assert "Bcc: victim@evil.example" in reply["Subject"]
        assert reply["References"] == "<ok@acme.example>" and reply["In-Reply-To"] is None


def test_control_characters_reach_neither_headers_nor_text():
    evil = "a\x00b\x1b[31mc\x07\x9b\u2028d"
    reply = read(draft=replace(DRAFT, subject=evil, body=f"{evil}\te\rf"))
    assert reply["Subject"] == "a b [31mc d"
    assert reply.get_content().replace("\r\n", "\n") == "a b [31mc d    e\nf\n"


@pytest.mark.parametrize(
    "address", ["boss@acme.example\r\nBcc: x@y.example", "böss@acme.example", "not an address", "@", "a@b@c"]
)
def test_an_address_that_cannot_be_written_is_left_for_the_person_to_fill_in(address):
    assert read(replace(PARENT, sender=Address(address=address)))["To"] is None


def test_long_message_ids_stay_whole_so_that_programs_thread_by_them():
    long = tuple(f"<{'x' * 90}{number}@{'y' * 60}.example>" for number in range(60))
    reply = read(replace(PARENT, references=long))
    ids = reply["References"].split()
    assert ids[0] == long[0] and ids[-2:] == [long[-1], PARENT.message_id] and len(ids) == 30
    assert b"=?" not in composed(replace(PARENT, references=long)).data.split(b"\r\n\r\n")[0]
    assert max(map(len, composed(replace(PARENT, references=long)).data.split(b"\r\n"))) <= 998


def test_without_references_the_parents_own_parent_is_named():
    parent = replace(PARENT, references=(), in_reply_to=("<one@studio.example>", "<other@x.example>"))
    assert read(parent)["References"] == "<one@studio.example> <two@acme.example>"


def test_an_empty_subject_is_a_reply_to_the_parents():
    assert read(draft=replace(DRAFT, subject=""))["Subject"] == "Re: Where is it?"
    assert read(replace(PARENT, subject="RE: again"), replace(DRAFT, subject=""))["Subject"] == "RE: again"


@given(st.text(max_size=200), st.text(max_size=200), st.text(min_size=1, max_size=400), st.text(max_size=60))
def test_whatever_stands_in_subject_body_and_names_the_draft_has_our_headers_only(mine, theirs, body, name):
    parent = replace(PARENT, subject=theirs, sender=Address(address="boss@acme.example", name=name))
    reply = composed(parent, replace(DRAFT, subject=mine, body=body))
    again = message_from_bytes(reply.data, policy=policy.compat32)
    assert set(again.keys()) <= set(NAMES) and len(again.keys()) == len(set(again.keys()))
    assert not again.defects and reply.data.count(b"\n") == reply.data.count(b"\r\n")
    assert same_draft(reply.data, reply.data)


def test_an_edit_is_seen_and_a_new_date_or_an_added_header_is_not_one():
    ours = composed().data
    later = compose(
        DRAFT,
        PARENT,
        sender=Address(address="billing@studio.example", name="Me, Myself"),
        to=(BOSS,),
        at=NOW.replace(hour=20),
    ).data
    assert ours != later and same_draft(ours, later) and same_draft(ours, b"X-Added: yes\r\n" + later)
    for old, new in ((b"truly", b"never"), (b"Where", b"There"), (b"boss@acme", b"sam@acme")):
        assert not same_draft(ours, ours.replace(old, new))


def test_threading_headers_that_a_server_dropped_or_changed_are_named():
    ours = composed().data
    assert stripped(ours, ours) == ()
    assert stripped(ours, ours.replace(b"References:", b"X-Was:")) == ("References",)
    assert stripped(ours, ours.replace(b"<two@", b"<2@")) == ("In-Reply-To", "References")
