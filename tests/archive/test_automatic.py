"""Header blocks as machines and people write them, and which of them a machine wrote."""

from __future__ import annotations

import pytest

from levelhead.archive.parse import parse, parse_head
from levelhead.raw import raw

PERSON = "From: Ann <ann@acme.example>\nTo: me@studio.example\nSubject: Invoice\n"

HEADS = {
    "a plain mail": ("", PERSON),
    "Auto-Submitted: no is a person (RFC 3834, 5)": ("", PERSON + "Auto-Submitted: no\n"),
    "the same in capitals with a comment": ("", PERSON + "Auto-Submitted: NO (really)\n"),
    "no beats Precedence": ("", PERSON + "Auto-Submitted: no\nPrecedence: bulk\n"),
    "auto-replied": ("auto-reply", PERSON + "Auto-Submitted: auto-replied\n"),
    "auto-replied with a parameter": ("auto-reply", PERSON + "Auto-Submitted: auto-replied; owner-email=x\n"),
    "auto-replied with an empty return path": (
        "auto-reply",
        "Return-Path: <>\n" + PERSON + "Auto-Submitted: auto-replied\n",
    ),
    "auto-generated": ("bulk", PERSON + "Auto-Submitted: auto-generated\n"),
    "a word that RFC 3834 does not know": ("bulk", PERSON + "Auto-Submitted: auto-notified\n"),
    "Precedence: bulk": ("bulk", PERSON + "Precedence: bulk\n"),
    "Precedence: junk": ("bulk", PERSON + "Precedence: junk\n"),
    "Precedence: list alone proves no machine": ("", PERSON + "Precedence: list\n"),
    "Precedence: first-class": ("", PERSON + "Precedence: first-class\n"),
    "a mailing list": ("list", PERSON + "List-Id: Designers <d.lists.example>\nPrecedence: list\n"),
    "a list by its post address": ("list", PERSON + "List-Post: <mailto:d@lists.example>\n"),
    "a newsletter": ("list", PERSON + "List-Unsubscribe: <https://x.example/u>\nPrecedence: bulk\n"),
    "a bounce by its return path": ("bounce", "Return-Path: <>\n" + PERSON),
    "a bounce by its type": (
        "bounce",
        PERSON + "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
    ),
    "a bounce by its daemon": (
        "bounce",
        "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example>\nAuto-Submitted: auto-replied\n",
    ),
    "a bounce by a daemon without a domain": ("bounce", "From: MAILER-DAEMON (Mail Delivery System)\n"),
    "a bounce by the postmaster": ("bounce", "From: postmaster@mx.example\nSubject: Undeliverable\n"),
    "a bounce of Gmail": ("bounce", PERSON + "X-Failed-Recipients: bob@b.example\n"),
    "an ordinary return path": ("", "Return-Path: <ann@acme.example>\n" + PERSON),
    "Exchange's out of office": (
        "auto-reply",
        "From: ann@acme.example\nSubject: Automatic reply: Invoice\nX-Auto-Response-Suppress: All\n",
    ),
    "the same in German": (
        "auto-reply",
        "From: ann@acme.example\nSubject: =?utf-8?q?Automatische_Antwort=3A_Rechnung?=\n"
        "X-Auto-Response-Suppress: DR, OOF, AutoReply\n",
    ),
    "a person who writes about being away": (
        "",
        "From: ann@acme.example\nSubject: Out of office next week\n",
    ),
    "Exchange's wish alone": ("", PERSON + "X-Auto-Response-Suppress: All\n"),
    "X-Autoreply": ("auto-reply", PERSON + "X-Autoreply: yes\n"),
    "X-Autorespond": ("auto-reply", PERSON + "X-Autorespond: Re: Invoice\n"),
    "Precedence: auto_reply": ("auto-reply", PERSON + "Precedence: auto_reply\n"),
    "a calendar's answer": (
        "calendar",
        PERSON + "Content-Type: text/calendar; method=REPLY; charset=utf-8\n",
    ),
    "a calendar's request": ("calendar", PERSON + 'Content-Type: text/calendar; method="REQUEST"\n'),
    "a calendar file that asks nothing": ("", PERSON + "Content-Type: text/calendar; method=PUBLISH\n"),
    "no-reply": ("no-reply", "From: Shop <no-reply@shop.example>\n"),
    "noreply with a tag": ("no-reply", "From: noreply+7f3@shop.example\n"),
    "do-not-reply": ("no-reply", "From: do_not_reply@shop.example\n"),
    "donotreply": ("no-reply", "From: DoNotReply@shop.example\n"),
    "a name that only begins alike": ("", "From: noel.reply@shop.example\n"),
    "a relayed mail of a list by a no-reply sender": (
        "list",
        "From: noreply@groups.example\nList-Id: <g.groups.example>\n",
    ),
}


@pytest.mark.parametrize(("wanted", "head"), HEADS.values(), ids=HEADS.keys())
def test_what_wrote_a_message_is_read_from_its_header(wanted: str, head: str) -> None:
    assert parse_head(head.encode()).automatic == wanted
    assert parse(raw(head.encode() + b"\nHello there.\n")).automatic == wanted


def test_an_invitation_inside_a_mail_makes_it_one() -> None:
    data = (
        PERSON + "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nCome!\n"
        "--b\nContent-Type: text/calendar; charset=utf-8\n\nBEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n--b--\n"
    )
    assert parse(raw(data.encode())).automatic == "calendar"


def test_a_forwarded_bounce_is_written_by_a_person() -> None:
    data = (
        PERSON
        + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nWhat is this?\n"
        "--b\nContent-Type: message/rfc822\n\nFrom: MAILER-DAEMON@x.example\nAuto-Submitted: auto-replied\n\nx\n--b--\n"
    )
    assert parse(raw(data.encode())).automatic == ""
