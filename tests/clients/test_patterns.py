"""Address patterns and what they hold for."""

from __future__ import annotations

import time

import pytest

from levelhead.clients.patterns import Closeness, Patterns, comparable_domain, normal, problem_with


@pytest.mark.parametrize(
    ("pattern", "address", "wanted"),
    [
        ("ann@acme.example", "ann@acme.example", Closeness.EXACT),
        ("Ann@Acme.example", "aNN@aCME.EXAMPLE", Closeness.EXACT),
        ("ann@acme.example", "ann+shop@acme.example", Closeness.EXACT),
        ("ann+shop@acme.example", "ann+shop@acme.example", Closeness.EXACT),
        ("ann+shop@acme.example", "ann@acme.example", Closeness.NONE),
        ("ann@acme.example", "anne@acme.example", Closeness.NONE),
        ("ann@acme.example", "ann@mail.acme.example", Closeness.NONE),
        ("ann@acme.example", "ann@acme.example.evil.example", Closeness.NONE),
        ("+@acme.example", "+@acme.example", Closeness.EXACT),
        ("*@acme.example", "anybody@acme.example", Closeness.DOMAIN),
        ("*@acme.example", "ann@sub.acme.example", Closeness.NONE),
        ("*@acme.example", "ann@notacme.example", Closeness.NONE),
        ("*@*.acme.example", "ann@sub.acme.example", Closeness.SUBDOMAINS),
        ("*@*.acme.example", "ann@a.b.acme.example", Closeness.SUBDOMAINS),
        ("*@*.acme.example", "ann@acme.example", Closeness.NONE),
        ("*@*.acme.example", "ann@evilacme.example", Closeness.NONE),
        ("sales-*@acme.example", "sales-eu@acme.example", Closeness.LOCAL_GLOB),
        ("sales-*@acme.example", "presales-eu@acme.example", Closeness.NONE),
        ("sales-*@acme.example", "sales-eu@other.example", Closeness.NONE),
        ("a?@acme.example", "ab@acme.example", Closeness.LOCAL_GLOB),
        ("a[b]*@acme.example", "a[b]c@acme.example", Closeness.LOCAL_GLOB),
        ("a[b]*@acme.example", "abc@acme.example", Closeness.NONE),
        ("a.b@acme.example", "axb@acme.example", Closeness.NONE),
        ("ann@büro.example", "ann@BÜRO.example", Closeness.EXACT),
        ("ann@büro.example", "ann@xn--bro-hoa.example", Closeness.EXACT),
        ("ann@xn--bro-hoa.example", "ann@büro.example", Closeness.EXACT),
        ("ann@acme.example", "ann@acme.example.", Closeness.EXACT),
        ("ann@acme.example", "ann@аcme.example", Closeness.NONE),
        ("ann@acme.example", "аnn@acme.example", Closeness.NONE),
        ("ann@fass.example", "ann@faß.example", Closeness.NONE),
        ("ann@acme.example", "ann@ａcme.example", Closeness.NONE),
        ("*@acme.example", "no address", Closeness.NONE),
        ("*@acme.example", "", Closeness.NONE),
        ("*@acme.example", "a@b@acme.example", Closeness.DOMAIN),
    ],
)
def test_a_pattern_holds_for_what_it_says(pattern: str, address: str, wanted: Closeness) -> None:
    assert Patterns.of([(pattern, "x")]).match(address).closeness is wanted


def test_the_closest_pattern_decides_and_of_equals_the_first() -> None:
    patterns = Patterns.of(
        [
            ("*@*.acme.example", "below"),
            ("*@a.acme.example", "domain"),
            ("s*@a.acme.example", "glob"),
            ("sam@a.acme.example", "exact"),
            ("sam@a.acme.example", "late"),
        ]
    )
    owners = [patterns.match(f"{name}.acme.example").owner for name in ("sam@a", "sue@a", "bob@a", "bob@b")]
    assert owners == ["exact", "glob", "domain", "below"]


@pytest.mark.parametrize(
    "pattern", ["acme.example", "", "@acme.example", "ann@", "*@ac*me.example", "*@*.", "a b@x.example"]
)
def test_a_pattern_that_cannot_be_used_is_refused_with_a_sentence(pattern: str) -> None:
    assert problem_with(pattern)
    with pytest.raises(ValueError, match=r"\S"):
        Patterns.of([(pattern, "x")])


@pytest.mark.parametrize(
    "pattern", ["ann@acme.example", "*@acme.example", "*@*.acme.example", "a*b?@acme.example"]
)
def test_a_good_pattern_has_no_problem(pattern: str) -> None:
    assert problem_with(pattern) == ""


@pytest.mark.parametrize(
    "domain", ["", ".", "x" * 5000, "é" * 5000, "\ud800", "xn--\u00e9", "a..b", "é." * 200]
)
def test_any_domain_has_a_form_that_compares(domain: str) -> None:
    assert comparable_domain(comparable_domain(domain)) == comparable_domain(domain)
    assert isinstance(normal(f"a@{domain}"), str)


def test_a_big_address_book_is_asked_quickly() -> None:
    patterns = Patterns.of(
        (f"person{number}@acme{number % 500}.example", str(number)) for number in range(50_000)
    )
    started = time.perf_counter()
    for number in range(20_000):
        patterns.match(f"person{number}@acme{number % 500}.example")
        patterns.match(f"stranger{number}@acme{number % 500}.example")
    assert time.perf_counter() - started < 5


def test_a_glob_of_many_stars_stays_quick() -> None:
    patterns = Patterns.of([("*a*a*a*a*b@acme.example", "x")])
    started = time.perf_counter()
    patterns.match("a" * 300 + "@acme.example")
    assert time.perf_counter() - started < 5
