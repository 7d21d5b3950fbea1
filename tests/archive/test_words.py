"""The text for a snippet is the one that a message is judged and searched by."""

from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.archive import large, tree
from levelhead.archive.parse import parse
from levelhead.archive.words import new_text_in
from levelhead.raw import raw

MAILS = sorted((Path(__file__).parents[1] / "data" / "hostile").glob("*.eml"))
QUOTED = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: text/plain\r\n\r\nOn Monday Sam wrote:\r\n> the invoice\r\n\r\n"
    b"It is paid.\r\n-- \r\nRobin\r\n"
    b"--x\r\nContent-Type: text/html\r\n\r\n<p>Something else was said here, and it is long enough.</p>\r\n--x--\r\n"
)
BROKEN = (
    b"",
    b"\r\n",
    b"Subject: no body",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhalf a part",
    b"Content-Type: text/plain; charset=no-such\r\n\r\n\xff\xfe words",
    b"Content-Transfer-Encoding: base64\r\n\r\n????",
    b"Subject: old line ends\rTo: me\r\rwords on a\rMac",
)


@pytest.mark.parametrize("data", [*(path.read_bytes() for path in MAILS), QUOTED, *BROKEN])
def test_a_snippet_is_made_of_the_newly_written_text_that_was_parsed(data: bytes) -> None:
    found = parse(raw(data))
    assert MAILS
    assert new_text_in(raw(data)) == found.new_text


@pytest.mark.parametrize("limit", [100, 3_000, 9_000])
def test_of_a_large_message_the_snippet_is_made_of_what_was_parsed_too(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(tree, "READ_LIMIT", limit)
    monkeypatch.setattr(large, "SMALL", 50)
    file = b"--x\r\nContent-Type: application/pdf\r\n\r\n" + b"%" * 5_000 + b"\r\n"
    text = b"--x\r\nContent-Type: text/plain\r\n\r\nThe words behind it.\r\n--x--\r\n"
    data = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + file + text
    assert new_text_in(raw(data)) == parse(raw(data)).new_text
    assert new_text_in(raw(data)) == ("" if limit == 100 else "The words behind it.")
