"""messages, show, search."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
FIELDS = {
    "id": str,
    "seq": int,
    "client": str,
    "direction": str,
    "sender": str,
    "to": list,
    "subject": str,
    "date": str,
    "received_at": str,
    "size": int,
    "language": str,
    "level": str,
    "score": (float, type(None)),
    "labels": list,
    "thread": str,
    "sightings": list,
    "defects": list,
}


def test_messages_are_lines_with_the_fields_of_the_contract(levelhead, home: Path, letters) -> None:
    said = levelhead("messages", "--json")
    assert (said.status, said.err) == (0, "")
    assert [line["seq"] for line in said.lines] == [1, 2, 3, 4, 5]
    assert [line["id"] for line in said.lines] == [hashlib.sha256(data).hexdigest() for data in letters.all]
    for line in said.lines:
        for field, kind in FIELDS.items():
            assert isinstance(line[field], kind), field
        assert UTC_TIME.match(line["received_at"]) and UTC_TIME.match(line["date"])
        assert line["level"] in {"calm", "tense", "heated", "hostile", "unknown"}
        assert (line["score"] is None) == (line["level"] == "unknown")
        assert line["score"] is None or 0 <= line["score"] <= 1
