"""The text for a snippet is the one that a message is judged and searched by."""

from __future__ import annotations

from pathlib import Path

import pytest

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
