"""Who is me, who is a client, which way a message goes, and whether it is archived."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from levelhead.clients.directory import Decision, Directory, ListedClient, Placed, Scope
from levelhead.model import Address, Direction, Message, Parsed

ME = ("me@studio.example", "*@mine.example")
ACME = ListedClient(
    name="Acme", addresses=("ann@acme.example", "*@acme-group.example"), language="de", notes="big"
)
BETA = ListedClient(name="Beta", addresses=("boss@beta.example", "partner@mine.example"))


def directory(scope: Scope = "correspondents", **others: Any) -> Directory:
    values: dict[str, Any] = {
        "me": ME,
        "listed": (ACME, BETA),
        "scope": scope,
        "ignore": ("*@ads.example", "noreply@acme-group.example"),
        "correspondents": frozenset({"old@friend.example", "X@Büro.example"}),
    }
    return Directory.make(**(values | others))


def mail(sender: str = "", to: str = "", cc: str = "", bcc: str = "", automatic: str = "") -> Parsed:
    people = [tuple(Address(address=address) for address in field.split()) for field in (to, cc, bcc)]
    return Parsed(
        sender=Address(address=sender) if sender else None,
        to=people[0],
        cc=people[1],
        bcc=people[2],
        automatic=automatic,
    )


def message(to: str = "", cc: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Message:
    parsed = mail(to=to, cc=cc)
    return Message(
        id="0" * 64,
        seq=1,
        client="Acme",
        direction=Direction.IN,
        sender=None,
        to=parsed.to,
        cc=parsed.cc,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        headers=headers,
    )


# --- one address --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "mine"),
    [
        ("me@studio.example", True),
        ("ME+tag@Studio.Example", True),
        ("anybody@mine.example", True),
        ("partner@mine.example", False),
        ("you@studio.example", False),
        ("me@studiо.example", False),
        ("", False),
    ],
)
def test_an_address_is_mine_unless_a_client_is_named_more_closely(address: str, mine: bool) -> None:
    assert directory().mine(address) is mine


@pytest.mark.parametrize(
    ("scope", "address", "client"),
    [
        ("listed", "ann@acme.example", "Acme"),
        ("listed", "ANN+x@ACME.example", "Acme"),
        ("listed", "who@acme-group.example", "Acme"),
        ("listed", "partner@mine.example", "Beta"),
        ("listed", "old@friend.example", ""),
        ("correspondents", "old@friend.example", "old@friend.example"),
        ("correspondents", "OLD+list@Friend.example", "old@friend.example"),
        ("correspondents", "x@xn--bro-hoa.example", "x@xn--bro-hoa.example"),
        ("correspondents", "new@stranger.example", ""),
        ("everyone", "New@Stranger.example", "new@stranger.example"),
        ("everyone", "me@studio.example", ""),
        ("everyone", "x@ads.example", ""),
        ("everyone", "noreply@acme-group.example", ""),
        ("everyone", "MAILER-DAEMON", ""),
    ],
)
def test_the_client_of_an_address(scope: Scope, address: str, client: str) -> None:
    assert directory(scope).client_of(address) == client


@pytest.mark.parametrize("scope", ["listed", "correspondents", "everyone"])
def test_an_alert_channel_is_refused_for_every_client(scope: Scope) -> None:
    asked = directory(scope)
    assert asked.is_client("ann@acme.example")
    assert asked.is_client("partner@mine.example")
    assert asked.is_client("old@friend.example") is (scope != "listed")
    assert not asked.is_client("me@studio.example")
    assert not asked.is_client("mentor@elsewhere.example")
    assert not asked.is_client("x@ads.example")


def test_who_is_ignored_as_closely_as_listed_is_ignored_and_a_closer_name_wins() -> None:
    both = directory(ignore=("ann@acme.example", "*@beta.example"))
    assert both.client_of("ann@acme.example") == ""
    assert both.client_of("boss@beta.example") == "Beta"


# --- placing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parsed", "client", "direction"),
    [
        (mail("ann@acme.example", "me@studio.example"), "Acme", Direction.IN),
        (mail("old@friend.example", "me@studio.example"), "old@friend.example", Direction.IN),
        (mail("me@studio.example", "ann@acme.example"), "Acme", Direction.OUT),
        (mail("me@studio.example", "old@friend.example ann@acme.example"), "Acme", Direction.OUT),
        (mail("me@studio.example", "old@friend.example", cc="boss@beta.example"), "Beta", Direction.OUT),
        (mail("me@studio.example", "new@stranger.example"), "new@stranger.example", Direction.OUT),
        (mail("me@studio.example", "me@mine.example", bcc="ann@acme.example"), "Acme", Direction.OUT),
        (mail("me@studio.example", "me@studio.example"), "", Direction.OUT),
        (mail("me@studio.example", "x@ads.example"), "", Direction.OUT),
        (mail("me@studio.example"), "", Direction.OUT),
        (mail("third@party.example", "ann@acme.example me@studio.example"), "Acme", Direction.OTHER),
        (mail("third@party.example", "me@studio.example"), "third@party.example", Direction.IN),
        (mail("x@ads.example", "me@studio.example"), "", Direction.OTHER),
        (mail("", "ann@acme.example"), "Acme", Direction.OTHER),
        (mail(), "", Direction.OTHER),
        (mail("noreply@acme-group.example", "me@studio.example"), "", Direction.OTHER),
        (mail("partner@mine.example", "me@studio.example"), "Beta", Direction.IN),
    ],
)
def test_direction_comes_from_identities(parsed: Parsed, client: str, direction: Direction) -> None:
    assert directory().place(parsed) == Placed(client=client, direction=direction)


def test_what_is_archived_although_it_is_out_of_scope_belongs_to_whom_it_is_with() -> None:
    listed = directory("listed")
    assert listed.place(mail("me@studio.example", "new@stranger.example")).client == "new@stranger.example"
    assert listed.place(mail("old@friend.example", "me@studio.example")).client == "old@friend.example"


# --- deciding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "parsed", "reason"),
    [
        ("listed", mail("ann@acme.example", "me@studio.example"), ""),
        ("listed", mail("me@studio.example", "ann@acme.example"), ""),
        ("listed", mail("third@party.example", "me@studio.example", cc="ann@acme.example"), ""),
        ("listed", mail("old@friend.example", "me@studio.example"), "scope"),
        ("listed", mail("me@studio.example", "old@friend.example"), "scope"),
        ("listed", mail("me@studio.example", "me@studio.example"), "scope"),
        ("correspondents", mail("old@friend.example", "me@studio.example"), ""),
        ("correspondents", mail("third@party.example", "me@studio.example", cc="old@friend.example"), ""),
        ("correspondents", mail("new@stranger.example", "me@studio.example"), "scope"),
        ("correspondents", mail("me@studio.example", "new@stranger.example"), ""),
        (
            "correspondents",
            mail("me@studio.example", "new@stranger.example", automatic="auto-reply"),
            "scope",
        ),
        ("correspondents", mail("me@studio.example", "me@mine.example"), ""),
        ("correspondents", mail("me@studio.example", "x@ads.example"), "ignored"),
        ("correspondents", mail(), "scope"),
        ("everyone", mail("new@stranger.example", "me@studio.example"), ""),
        ("everyone", mail("x@ads.example", "me@studio.example"), "ignored"),
        ("everyone", mail("x@ads.example", "me@studio.example other@stranger.example"), "ignored"),
        ("everyone", mail("x@ads.example", "me@studio.example ann@acme.example"), ""),
        ("everyone", mail("noreply@acme-group.example", "me@studio.example"), "ignored"),
        ("everyone", mail(), ""),
    ],
)
def test_scope_and_ignore_decide_what_is_archived(scope: Scope, parsed: Parsed, reason: str) -> None:
    decision = directory(scope).decide(parsed)
    assert (decision.archive, decision.reason) == (reason == "", reason)


def test_a_decision_names_everybody_but_me_in_the_form_that_is_compared() -> None:
    parsed = mail("New@Stranger.example", "me@studio.example X@Büro.example", cc="new@stranger.example")
    assert directory("listed").decide(parsed) == Decision(
        archive=False, reason="scope", addresses=("new@stranger.example", "x@xn--bro-hoa.example")
    )


# --- learning -----------------------------------------------------------------------------------


def test_whom_i_write_to_is_learnt() -> None:
    parsed = mail(
        "me@studio.example", "New@Stranger.example me@mine.example", cc="x@ads.example", bcc="b@c.example"
    )
    assert directory().recipients_to_learn(parsed) == ("new@stranger.example", "b@c.example")


@pytest.mark.parametrize("automatic", ["auto-reply", "bulk", "bounce"])
def test_my_vacation_notice_makes_nobody_a_correspondent(automatic: str) -> None:
    assert (
        directory().recipients_to_learn(mail("me@studio.example", "spam@x.example", automatic=automatic))
        == ()
    )


def test_what_others_write_teaches_nobody() -> None:
    assert directory().recipients_to_learn(mail("ann@acme.example", "me@studio.example z@z.example")) == ()
    assert directory().recipients_to_learn(mail()) == ()


def test_a_new_correspondent_brings_in_what_was_out_of_scope() -> None:
    before = directory()
    after = before.with_correspondents({"NEW@stranger.example"})
    parsed = mail("new@stranger.example", "me@studio.example")
    assert (before.decide(parsed).archive, after.decide(parsed).archive) == (False, True)
    assert after.with_correspondents(["new@stranger.example"]) is after


# --- fingerprint, clients, my address -----------------------------------------------------------


def test_the_fingerprint_changes_with_what_decides_and_with_nothing_else() -> None:
    base = directory().fingerprint()
    assert directory().with_correspondents({"n@n.example"}).fingerprint() == base
    other_notes = ListedClient(name="Acme", addresses=ACME.addresses, language="en", notes="other")
    assert directory(listed=(other_notes, BETA)).fingerprint() == base
    changed = (
        directory("everyone"),
        directory(me=("me@studio.example",)),
        directory(ignore=()),
        directory(listed=(ACME,)),
        directory(listed=(BETA, ACME)),
        directory(listed=(ListedClient(name="Acme Ltd", addresses=ACME.addresses), BETA)),
    )
    assert base not in {one.fingerprint() for one in changed}


def test_listed_clients_and_correspondents_can_be_asked_for_by_name() -> None:
    asked = directory()
    assert [client.name for client in asked.clients()] == ["Acme", "Beta"]
    assert all(client.listed for client in asked.clients())
    acme = asked.client("Acme")
    assert (acme.language, acme.notes, acme.addresses) == ("de", "big", ACME.addresses)
    friend = asked.client("old@friend.example")
    assert (friend.listed, friend.addresses) == (False, ("old@friend.example",))


@pytest.mark.parametrize(
    ("written", "mine"),
    [
        (message("x@y.example hello@mine.example"), "hello@mine.example"),
        (message("x@y.example", cc="me+shop@studio.example"), "me+shop@studio.example"),
        (message("list@y.example", headers=(("Delivered-To", "<info@mine.example>"),)), "info@mine.example"),
        (message("list@y.example", headers=(("X-Original-To", "me@studio.example"),)), "me@studio.example"),
        (message("partner@mine.example"), "me@studio.example"),
        (message(), "me@studio.example"),
    ],
)
def test_the_answer_goes_out_from_the_address_that_was_written_to(written: Message, mine: str) -> None:
    assert directory().address_i_was_written_to(written) == mine


def test_without_an_exact_address_of_mine_there_is_no_default() -> None:
    assert directory(me=("*@mine.example",)).address_i_was_written_to(message()) == ""
