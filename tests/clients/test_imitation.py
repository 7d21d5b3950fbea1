"""Who poses as a client and who does not: tricks with names, letters and domains, and the ordinary mail beside them."""

from __future__ import annotations

import time

import pytest

from levelhead.archive.parse import parse_head
from levelhead.clients.directory import Directory, ListedClient, Scope
from levelhead.clients.imitation import Doubt, skeleton
from levelhead.model import Direction, Parsed

ACME = ListedClient(
    name="Acme Ltd", addresses=("*@acme-mail.example", "*@*.acme-mail.example", "ann@modern.example")
)
BURO = ListedClient(name="Büro Krause", addresses=("*@büro-krause.example",))
MARIA = ListedClient(name="Maria Keller", addresses=("maria.keller@freemail.example",))
KNOWN = frozenset({"old@friend.example"})


def directory(scope: Scope = "everyone") -> Directory:
    return Directory.make(
        me=("me@studio.example",), listed=(ACME, BURO, MARIA), scope=scope, correspondents=KNOWN
    )


def read(sender: str, more: str = "") -> Parsed:
    return parse_head(f"From: {sender}\r\nTo: Me <me@studio.example>\r\nSubject: hi\r\n{more}\r\n".encode())


def doubt(sender: str, more: str = "", scope: Scope = "everyone") -> Doubt | None:
    """What the directory says of a message with this From field, as the daemon asks it."""
    parsed = read(sender, more)
    fields = [value for name, value in parsed.headers if name.lower() == "from"]
    return directory(scope).doubt(
        parsed.sender,
        parsed.defects,
        automatic=parsed.automatic,
        others=fields if len(fields) > 1 else (),
    )


POSERS = [
    # The display name.
    ('"ann@modern.example" <x@evil.test>', "Acme Ltd"),
    ('"Ann (ann@modern.example)" <x@evil.test>', "Acme Ltd"),
    ("=?utf-8?b?YW5uQG1vZGVybi5leGFtcGxl?= <x@evil.test>", "Acme Ltd"),
    ('"billing@acme-mail.example" <x@evil.test>', "Acme Ltd"),
    ('"old@friend.example" <x@evil.test>', "old@friend.example"),
    ("Acme Ltd <x@evil.test>", "Acme Ltd"),
    ('"ACME  LTD." <x@evil.test>', "Acme Ltd"),
    ("\u0410cm\u0435 Ltd <x@evil.test>", "Acme Ltd"),
    ("Buro Krause <x@evil.test>", "Büro Krause"),
    ("Maria Kel1er <maria@evil.test>", "Maria Keller"),
    ("Client \u202eelpmaxe.liam-emca\u202c <x@evil.test>", "Acme Ltd"),
    ("Ann acme-mail.exam\u200bple <x@evil.test>", "Acme Ltd"),
    # One client who writes in another's name.
    ('"maria.keller@freemail.example" <ann@modern.example>', "Maria Keller"),
    # Letters of the domain.
    ("ann@m\u043edern.example", "Acme Ltd"),
    ("ann@xn--mdern-jye.example", "Acme Ltd"),
    ("ann@modem.example", "Acme Ltd"),
    ("ann@m0dern.example", "Acme Ltd"),
    ("ann@modérn.example", "Acme Ltd"),
    ("ann@acrne-mail.example", "Acme Ltd"),
    ("ann@acme-mai1.example", "Acme Ltd"),
    ("ann@acme-maiI.example", "Acme Ltd"),
    ("ann@acmemail.example", "Acme Ltd"),
    ("ann@buro-krause.example", "Büro Krause"),
    ("old@fr1end.example", "old@friend.example"),
    # More around the domain.
    ("ann@acme-mail.example.evil.test", "Acme Ltd"),
    ("ann@acme-mail-example.test", "Acme Ltd"),
    ("ann@login-modern-example.evil.test", "Acme Ltd"),
    ("ann@modern.example.test", "Acme Ltd"),
    # The local part at a provider of many.
    ("maria.ke11er@freemail.example", "Maria Keller"),
    # The address itself in doubt.
    ("ann@modern.example\r\nFrom: x@evil.test", "Acme Ltd"),
    ("x@evil.test\r\nFrom: Ann <ann@modern.example>", "Acme Ltd"),
    ("ann@modern.example, x@evil.test", "Acme Ltd"),
    ("Ann <ann@modern.example> <x@evil.test>", "Acme Ltd"),
    ("ann@mod\u200bern.example", "Acme Ltd"),
]


@pytest.mark.parametrize(("sender", "client"), POSERS)
def test_who_poses_as_a_client_is_said_to(sender: str, client: str) -> None:
    found = doubt(sender)
    assert found is not None and found.poses_as == client, found


@pytest.mark.parametrize(("sender", "client"), POSERS)
def test_who_poses_as_a_client_is_never_placed_as_that_client(sender: str, client: str) -> None:
    placed = directory().place(read(sender))
    own = placed.client == "Acme Ltd" and client == "Maria Keller"
    assert own or placed.client != client or placed.direction is Direction.OTHER


@pytest.mark.parametrize(
    "sender",
    [
        "ann@modern.example",
        "Ann <ann@modern.example>",
        "Ann <ANN+offers@Modern.Example>",
        '"ann@modern.example" <ann+offers@modern.example>',
        '"Ann@MODERN.example" <ann@modern.example>',
        "Acme Ltd <billing@acme-mail.example>",
        "Acme Ltd <news@mail.acme-mail.example>",
        "Büro Krause <info@büro-krause.example>",
        "Büro Krause <info@xn--bro-krause-9db.example>",
        '"info@büro-krause.example" <info@xn--bro-krause-9db.example>',
        "=?utf-8?q?B=C3=BCro_Krause?= <info@xn--bro-krause-9db.example>",
        "Maria Keller <maria.keller@freemail.example>",
        "Jürgen Groß <juergen.gross@freemail.example>",
        "old@friend.example",
        "Me <me@studio.example>",
        "Somebody Else <somebody@elsewhere.example>",
        "Anne Modern <anne@sea-modern.example>",
        "ann@modern.test",
        "ann@modernism.example",
        "Maria <maria@keller.example>",
        "почта <info@почта.example>",
        '"j.doe@elsewhere.example" <john@elsewhere.example>',
        "=?utf-8?b?2KPYrdmF2K/igI8=?= <ahmad@elsewhere.example>",
    ],
)
def test_ordinary_mail_is_no_spoof(sender: str) -> None:
    assert doubt(sender) is None


@pytest.mark.parametrize(
    ("sender", "more"),
    [
        ('"Acme Ltd via DocuSign" <dse@docusign.test>', ""),
        ("Acme Ltd <no-reply@invoices.test>", ""),
        ("Acme Ltd <billing@invoices.test>", "Precedence: bulk\r\n"),
        (
            '"Ann via Users" <users@lists.test>',
            "List-Id: <users.lists.test>\r\nReply-To: ann@modern.example\r\n",
        ),
        ('"ann@modern.example via Users" <users@lists.test>', "List-Id: <users.lists.test>\r\n"),
        ("\"'Ann' via Team\" <team@groups.test>", "List-Unsubscribe: <mailto:u@groups.test>\r\n"),
        ("Shop \U0001f469\u200d\U0001f4bb <news@shop.test>", "List-Unsubscribe: <mailto:u@shop.test>\r\n"),
    ],
)
def test_machines_that_write_in_a_clients_name_are_no_spoof(sender: str, more: str) -> None:
    assert doubt(sender, more) is None


def test_a_machine_with_a_look_alike_address_is_one_all_the_same() -> None:
    found = doubt("Acme Ltd <no-reply@acrne-mail.example>", "List-Id: <x.y.test>\r\n")
    assert found is not None and found.poses_as == "Acme Ltd"


@pytest.mark.parametrize(
    ("sender", "word"),
    [
        ("ann@сlient.example", "drawn like others"),
        ('"info@shop.test" <x@evil.test>', "another address"),
        ("Bo\u202ebby <x@evil.test>", "nobody sees"),
        ("a@one.test, b@two.test", "several senders"),
    ],
)
def test_a_stranger_with_a_trick_is_doubted_and_poses_as_nobody_known(sender: str, word: str) -> None:
    found = doubt(sender)
    assert found is not None and word in found.why and found.poses_as == ""


def test_what_is_odd_about_a_recipient_says_nothing_of_the_sender() -> None:
    more = 'Cc: "ann@old.test" <ann@new.test>, bob@m\u043edern.example\r\nReply-To: Ann\u202e <a@modern.example>\r\n'
    parsed = read("ann@modern.example", more)
    assert "recipient-name-shows-another-address" in parsed.defects
    assert directory().doubt(parsed.sender, parsed.defects) is None


def test_correspondents_cannot_be_imitated_where_only_listed_clients_count() -> None:
    assert doubt("old@fr1end.example", scope="listed") is None
    assert doubt("ann@modem.example", scope="listed") is not None


def test_a_reply_address_counts_only_when_the_configuration_names_it_as_the_same_client() -> None:
    asked = directory()
    assert asked.same_client("ann@modern.example", "desk@acme-mail.example")
    assert not asked.same_client("ann@modern.example", "maria.keller@freemail.example")
    assert not asked.same_client("maria.keller@freemail.example", "maria@freemail.example")
    assert not asked.same_client("old@friend.example", "other@friend.example")
    assert not asked.same_client("x@evil.test", "y@evil.test")


@pytest.mark.parametrize("text", ["a.", "rn", "-", "é", "xn--", "a-", "о", "@"])
def test_comparing_takes_time_by_length_alone(text: str) -> None:
    started = time.process_time()
    skeleton(text * 5_000)
    directory().doubt(read(f"{text * 200} <a@{text * 120}b.test>").sender, ())
    assert time.process_time() - started < 1
