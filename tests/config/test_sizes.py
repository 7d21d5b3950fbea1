"""Sizes: how they are written, and what is refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from levelhead.config.explain import explain
from levelhead.config.settings import Settings
from levelhead.config.sizes import parse_size, size_text
from levelhead.errors import Problem

BOX = '[[mailbox]]\nname = "office"\nhost = "{host}"\nuser = "me@example.com"\n{more}\n'
SECRET = 'credential = "office"'
GOOGLE = '[mailbox.oauth2]\nprovider = "google"\nclient_id = "x"'


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500 MB", 500_000_000),
        ("2GB", 2_000_000_000),
        ("1.5 GB", 1_500_000_000),
        ("1 kB", 1_000),
        ("1 TB", 10**12),
    ],
)
def test_a_size_is_a_number_and_a_unit_of_thousands(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("500", 'has no unit: write "500 MB"'),
        ("0 MB", '"none" is for no limit'),
        ("-1 MB", "is not a size"),
        ("2 gb", "is not a size"),
        ("1,5 GB", "is not a size"),
        ("", "is not a size"),
        ("2 GB a day", "is not a size"),
        ("9999999 TB", "is not a size"),
    ],
)
def test_what_is_no_size_is_told_so(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_234_567, "1.23 MB"),
        (2_500_000_000, "2.5 GB"),
        (999_900_000, "1000 MB"),
        (123_456_000_000, "123 GB"),
    ],
)
def test_a_size_for_a_reader_has_three_digits(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("host", "more", "limit"),
    [
        ("imap.example.com", SECRET, None),
        ("imap.gmail.com", SECRET, 2_500_000_000),
        ("IMAP.googlemail.com", SECRET, 2_500_000_000),
        ("imap.example.com", GOOGLE, 2_500_000_000),
        ("imap.gmail.com", f'{SECRET}\nbytes_per_day = "none"', None),
        ("imap.gmail.com", f'{SECRET}\nbytes_per_day = "500 MB"', 500_000_000),
        ("imap.example.com", f'{SECRET}\nbytes_per_day = "1 GB"', 1_000_000_000),
    ],
)
def test_only_gmail_has_a_limit_that_nobody_wrote(
    settings_of: Callable[..., Settings], host: str, more: str, limit: int | None
) -> None:
    assert settings_of(BOX.format(host=host, more=more)).mailboxes[0].bytes_per_day == limit


@pytest.mark.parametrize("value", ["500", "true", '"5"', '"much"', '"9.9 MB"'])
def test_a_limit_that_is_none_is_refused_with_its_line(
    problems_of: Callable[..., tuple[Problem, ...]], value: str
) -> None:
    (told,) = problems_of(BOX.format(host="imap.example.com", more=f"{SECRET}\nbytes_per_day = {value}"))
    assert told.line is not None
    assert any(word in told.problem for word in ("size", "unit", 'write "10 MB" or more')), told.problem


def test_what_a_size_is_told_to_take_is_no_bare_number() -> None:
    told = explain("mailbox.bytes_per_day")
    assert (
        'Takes:   a size from "10 MB" on, such as "500 MB" or "2 GB", or "none"' in told
        and "whole number" not in told
    )
