"""A small set of odd mail of our own: each file is read without harm, told for what it is, and kept byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from levelhead.archive.parse import parse
from levelhead.raw import raw

FOLDER = Path(__file__).parents[1] / "data" / "hostile"

EXPECTED: dict[str, dict[str, Any]] = {
    "bare-cr": {"defects": ("bare-cr",), "text": "One line\nand another."},
    "base64-broken": {"defects": ("mime: InvalidBase64LengthDefect",)},
    "calendar-reply": {"automatic": "calendar", "text": "Anna has accepted."},
    "empty": {"defects": ("empty", "no-sender"), "sender": None, "text": ""},
    "format-flowed": {"text": "This line goes on in the next one.\n\n> a quoted line that goes on too"},
    "header-flood": {"defects": ("headers-cut: 1207 fields",), "message_id": "<flood@acme.example>"},
    "headers-8bit": {"defects": ("8bit-header",), "subject": "Größe", "text": "Schöne Grüße, wo ist es?"},
    "hidden-html": {"defects": ("hidden-text",), "text": "Where is it?"},
    "name-shows-another": {"defects": ("name-shows-another-address",), "sender": "eve@elsewhere.example"},
    "nested-multipart": {"defects": ("structure-unread",), "text": "In the innermost box."},
    "no-message-id": {"message_id": ""},
    "null-bytes": {"defects": ("control-characters",), "subject": "Nulls", "text": "Where is it?"},
    "pgp-inline": {"encrypted": True},
    "pgp-mime": {"encrypted": True, "text": "", "attachments": ("", "")},
    "rfc822-three": {"attachments": ("Third.eml", "Second.eml", "Innermost.eml")},
    "subject-crlf": {"defects": ("control-characters",), "subject": "Hello Bcc: eve@elsewhere.example"},
    "two-from": {"defects": ("several-from-fields",), "sender": "boss@elsewhere.example"},
    "uuencode": {"text": "The plan is below."},
    "winmail": {"text": "See the file.", "attachments": ("winmail.dat",)},
}
"""What is said of each file; what is not named is as it is for a plain message from Anna (`text` is the beginning)."""


def test_every_file_has_its_expectation() -> None:
    assert {path.stem for path in FOLDER.glob("*.eml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_odd_about_a_message_is_said_and_the_rest_is_read(name: str) -> None:
    expected = {"defects": (), "automatic": "", "encrypted": False, "sender": "anna@acme.example"}
    expected |= {"attachments": ("",) if name == "calendar-reply" else ()} | EXPECTED[name]
    parsed = parse(raw((FOLDER / f"{name}.eml").read_bytes()))
    assert parsed.text.startswith(expected.pop("text", ""))
    assert tuple(item.name for item in parsed.attachments) == expected.pop("attachments")
    sender = expected.pop("sender")
    assert (parsed.sender.address if parsed.sender else None) == sender
    assert {key: getattr(parsed, key) for key in expected} == expected
    assert not parsed.bcc


def test_every_odd_message_is_kept_byte_for_byte(archive: Any, arrival: Any) -> None:
    files = [(FOLDER / f"{name}.eml").read_bytes() for name in EXPECTED]
    receipts = archive.recorder.record([arrival(data, uid) for uid, data in enumerate(files, 1)])
    assert all(receipt.fresh for receipt in receipts)
    for data, receipt in zip(files, receipts, strict=True):
        assert archive.library.raw(receipt.message_id).read() == data
        assert archive.library.message(receipt.message_id).size == len(data)
    report = archive.verify(deep=True)
    assert report.ok, report
