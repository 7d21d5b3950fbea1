"""Address fields as people and attackers write them."""

from __future__ import annotations

import time

import pytest

from levelhead.archive.addresses import addresses_of
from levelhead.archive.chars import Defects
from levelhead.model import Address


def read(*values: str) -> list[tuple[str, str]]:
    return [(address.address, address.name) for address in addresses_of(values, Defects())]


def defects_of(value: str) -> tuple[str, ...]:
    defects = Defects()
    addresses_of((value,), defects)
    return defects.all()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("ann@acme.example", [("ann@acme.example", "")]),
        ("Ann Smith <ann@acme.example>", [("ann@acme.example", "Ann Smith")]),
        ('"Smith, Ann" <ann@acme.example>', [("ann@acme.example", "Smith, Ann")]),
        (
            "Ann <ann@acme.example>, Bob <bob@b.example>",
            [("ann@acme.example", "Ann"), ("bob@b.example", "Bob")],
        ),
        ("ann@acme.example (Ann Smith)", [("ann@acme.example", "Ann Smith")]),
        ("Ann (at (work)) Smith <ann@acme.example>", [("ann@acme.example", "Ann Smith")]),
        ("Team: ann@a.example, bob@b.example;", [("ann@a.example", ""), ("bob@b.example", "")]),
        ("undisclosed-recipients:;", []),
        ("<@relay.example,@b.example:ann@acme.example>", [("ann@acme.example", "")]),
        ('"ann smith"@acme.example', [('"ann smith"@acme.example', "")]),
        ("Ann < ann@acme.example >", [("ann@acme.example", "Ann")]),
        ("Ann@ACME.Example", [("Ann@acme.example", "")]),
        ("=?utf-8?q?J=C3=BCrgen?= <j@acme.example>", [("j@acme.example", "Jürgen")]),
        ("=?utf-8?q?evil=40x=2C?= <j@acme.example>", [("j@acme.example", "evil@x,")]),
        ("ann@büro.example", [("ann@büro.example", "")]),
        ("ann@[192.0.2.1]", [("ann@[192.0.2.1]", "")]),
        (
            "O'Neil <o'neil@acme.example>;bob@b.example",
            [("o'neil@acme.example", "O'Neil"), ("bob@b.example", "")],
        ),
        ('\x00@\x00, a\x1b@b.example, a@b\x9f.example, "a\x07"@b.example', []),
        ("", []),
        (",,;,", []),
        ("<>", []),
        ("MAILER-DAEMON (Mail Delivery System)", [("MAILER-DAEMON", "Mail Delivery System")]),
        ("no address here at all", []),
        ("Ann <ann@acme.example", [("ann@acme.example", "Ann")]),
        ('"Ann <ann@acme.example>', []),
    ],
)
def test_an_address_is_read_as_it_was_meant(value: str, wanted: list[tuple[str, str]]) -> None:
    assert read(value) == wanted


@pytest.mark.parametrize(
    "value",
    [
        '"Boss <boss@client.example>" <evil@x.example>',
        "boss@client.example <evil@x.example>",
        "=?utf-8?q?boss=40client.example?= <evil@x.example>",
        "(boss@client.example) <evil@x.example>",
    ],
)
def test_the_sender_is_who_stands_in_the_brackets_never_who_is_shown(value: str) -> None:
    assert [address for address, _ in read(value)] == ["evil@x.example"]


def test_a_name_that_shows_another_address_is_said() -> None:
    assert "name-shows-another-address" in defects_of('"boss@client.example" <evil@x.example>')
    assert defects_of('"ann@acme.example" <ann@acme.example>') == ()


@pytest.mark.parametrize(
    "value",
    [
        '"ann@acme.example" <ann+offers@acme.example>',
        '"Ann@Acme.Example" <ann@acme.example>',
        '"ann@büro.example" <ann@xn--bro-hoa.example>',
        '"ann@xn--bro-hoa.example" <ann@büro.example>',
    ],
)
def test_a_name_that_shows_the_same_address_in_another_spelling_is_no_other_address(value: str) -> None:
    assert defects_of(value) == ()


@pytest.mark.parametrize(
    "name", ["أحمد\u200f", "שרה\u200e", "कार्य\u200dकर्ता", "Shop \U0001f469\u200d\U0001f4bb"]
)
def test_marks_that_a_script_is_written_with_are_no_hidden_characters(name: str) -> None:
    assert defects_of(f"{name} <x@acme.example>") == ()


def test_what_is_odd_about_a_recipient_is_said_of_a_recipient() -> None:
    defects = Defects()
    found = addresses_of(('"a@b.example" <c@d.example>, x@сlient.example',), defects, of_sender=False)
    assert [one.address for one in found] == ["c@d.example", "x@сlient.example"]
    assert defects.all() == (
        "recipient-name-shows-another-address",
        "recipient-look-alike-domain: сlient.example",
    )


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\ufeff", "\u00ad", "\U000e0041"])
def test_characters_that_cannot_be_seen_are_taken_from_names_and_said(hidden: str) -> None:
    defects = Defects()
    (address,) = addresses_of((f"An{hidden}n <ann@acme.example>",), defects)
    assert address == Address(address="ann@acme.example", name="Ann")
    assert "hidden-characters-in-name" in defects.all()


@pytest.mark.parametrize(
    "domain", ["сlient.example", "xn--lient-8of.example", "аррӏе.example", "clιent.example"]
)
def test_a_domain_that_looks_like_another_is_said(domain: str) -> None:
    assert any(defect.startswith("look-alike-domain") for defect in defects_of(f"ann@{domain}"))


@pytest.mark.parametrize("domain", ["client.example", "büro.example", "xn--bro-hoa.example", "почта.example"])
def test_an_honest_foreign_domain_is_not_accused(domain: str) -> None:
    assert not any(defect.startswith("look-alike-domain") for defect in defects_of(f"ann@{domain}"))


def test_two_addresses_in_one_entry_are_said_and_the_first_counts() -> None:
    value = '"Boss" <boss@client.example> <evil@x.example>'
    assert [address for address, _ in read(value)] == ["boss@client.example"]
    assert "several-addresses-in-one" in defects_of(value)


def test_ten_thousand_recipients_are_the_most() -> None:
    defects = Defects()
    found = addresses_of((", ".join(f"a{number}@x.example" for number in range(10_500)),), defects)
    assert len(found) == 10_000
    assert "recipients-cut" in defects.all()


@pytest.mark.parametrize(
    "piece", ["(", "<", '"', ",", "a@b,", ":", "\\", "<a", "((a)", '"a" ', "=?utf-8?q?a?= ", "@"]
)
def test_reading_takes_time_by_length_alone(piece: str) -> None:
    started = time.perf_counter()
    read(piece * (100_000 // len(piece)))
    assert time.perf_counter() - started < 3
