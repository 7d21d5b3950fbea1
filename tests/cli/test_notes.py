"""notes: what was written down can be read again."""

from __future__ import annotations

from pathlib import Path


def test_notes_are_read_in_the_order_in_which_they_were_taken(levelhead, home: Path) -> None:
    assert levelhead("notes").out == "Nothing was written down.\n"
    for text in ("They called.", "We agreed on Monday."):
        said = levelhead("note", "harbour ltd", text)
        assert "levelhead notes --client 'Harbour Ltd'" in said.out
    lines = levelhead("notes", "--json").lines
    assert [line["text"] for line in lines] == ["They called.", "We agreed on Monday."]
    for line in lines:
        assert line["client"] == "Harbour Ltd"
        assert line["actor"] and line["time"].endswith("Z")


def test_notes_of_one_client_are_theirs_alone(levelhead, home: Path, letters) -> None:
    (home / "other.eml").write_bytes(letters.calm.replace(b"sam@harbour.example", b"kim@other.example"))
    levelhead("add", "other.eml")
    levelhead("note", "kim@other.example", "Another client.")
    levelhead("note", "Harbour Ltd", "They called.")
    assert [line["text"] for line in levelhead("notes", "--client", "Harbour Ltd", "--json").lines] == [
        "They called."
    ]
    said = levelhead("notes", "--client", "nobody", "--json")
    assert (said.status, said.out) == (2, "")
