"""messages, show, search."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest

from levelhead.cli import main
from levelhead.cli.snippet import snippet

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
        assert UTC_TIME.match(line["received_at"])
        assert UTC_TIME.match(line["date"])
        assert line["level"] in {"calm", "tense", "heated", "hostile", "unknown"}
        assert (line["score"] is None) == (line["level"] == "unknown")
        assert line["score"] is None or 0 <= line["score"] <= 1


def test_a_message_says_who_wrote_and_where_it_was_seen(levelhead, home: Path) -> None:
    first, answer, *_ = levelhead("messages", "--json").lines
    assert (first["client"], first["direction"], first["sender"]) == (
        "Harbour Ltd",
        "in",
        "sam@harbour.example",
    )
    assert (answer["direction"], answer["to"], answer["thread"]) == (
        "out",
        ["sam@harbour.example"],
        first["thread"],
    )
    (seen,) = first["sightings"]
    assert {key: seen[key] for key in ("mailbox", "folder", "uidvalidity", "uid")} == {
        "mailbox": "office",
        "folder": "INBOX",
        "uidvalidity": 7,
        "uid": 1,
    }


@pytest.mark.parametrize(
    ("words", "seqs"),
    [
        (["--level", "hostile"], [3]),
        (["--level", "unknown"], [4]),
        (["--direction", "out"], [2]),
        (["--attachment"], []),
        (["--no-attachment", "--direction", "out"], [2]),
        (["--limit", "2"], [1, 2]),
        (["--since", "2026-03-06T15:59:00Z"], [4, 5]),
        (["--since", "2026-03-06T16:59:00+01:00", "--until", "2026-03-06T16:00:00Z"], [4]),
        (["--since", "2026-03-07"], []),
        (["--client", "Harbour Ltd", "--level", "calm", "--direction", "in"], [1, 5]),
        (["--client", "harbour ltd", "--limit", "1"], [1]),
        (["--client", "sam@harbour.example", "--limit", "1"], [1]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_messages_can_be_narrowed(levelhead, home: Path, words: list[str], seqs: list[int]) -> None:
    said = levelhead("messages", "--json", *words)
    assert said.status == 0
    assert [line["seq"] for line in said.lines] == seqs


def test_mail_with_an_attachment_is_listed_and_found_by_that(levelhead, home: Path, letters) -> None:
    """Beside five letters that have none."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "sam@harbour.example", "robin@studio.example", "The files"
    mail.set_content("Hello Robin,\n\nhere are the files that you asked for.\n")
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="plan.pdf")
    data = mail.as_bytes()
    (home / "one.eml").write_bytes(data)
    assert levelhead("add", "one.eml").status == 0
    others = {letters.id(one) for one in letters.all}

    def found(*words: str) -> set[str]:
        said = levelhead(*words, "--json")
        assert said.status == 0, said.err
        return {line["id"] for line in said.lines}

    assert found("messages", "--attachment") == {letters.id(data)}
    assert found("messages", "--no-attachment") == others
    assert found("search", "files") == {
        letters.id(data),
        letters.id(letters.answer),
        letters.id(letters.hostile),
    }
    assert found("search", "files", "--attachment") == {letters.id(data)}
    assert found("search", "files", "--no-attachment") == {
        letters.id(letters.answer),
        letters.id(letters.hostile),
    }
    assert found("search", "files", "--attachment", "--client", "Harbour Ltd") == {letters.id(data)}
    assert found("search", "invoice", "--attachment") == set()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--level", "furious"], "'hostile'"),
        (["--since", "last week"], "is not a time"),
        (["--client", "Habour Ltd"], "did you mean 'Harbour Ltd'?"),
        (["--limit", "0"], "--limit"),
        (["extra"], "extra"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_filter_is_one_helpful_sentence(levelhead, home: Path, words: list[str], hint: str) -> None:
    said = levelhead("messages", *words, "--json")
    assert (said.status, said.out) == (2, "")
    assert hint in said.err
    assert said.err.count("\n") == 1


def test_a_table_for_people_has_a_head_and_short_ids(levelhead, home: Path, letters) -> None:
    head, *rows = levelhead("messages").out.splitlines()
    assert head.split("\t")[0] == "id"
    assert [row.split("\t")[0] for row in rows] == [letters.id(data)[:12] for data in letters.all]


def test_a_table_on_a_terminal_never_shows_what_steers_it(
    levelhead, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    said = levelhead("messages")
    assert said.status == 0
    plain = re.sub("\x1b\\[[0-9]*m", "", said.out)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", plain)
    assert "owned" in plain


# --- show ---------------------------------------------------------------------------------------


def test_show_raw_gives_the_archived_bytes_exactly(home: Path, letters, capfdbinary) -> None:
    for data in letters.all:
        capfdbinary.readouterr()
        assert main(["show", letters.id(data)[:8], "--raw"]) == 0
        assert capfdbinary.readouterr().out == data


def test_show_is_a_letter_for_a_reader(levelhead, home: Path, letters) -> None:
    page = levelhead("show", letters.id(letters.calm)[:8]).out
    for part in (
        "Sam Client <sam@harbour.example>",
        "Friday's delivery",
        "Harbour Ltd (in)",
        "Could you please send",
    ):
        assert part in page


def test_show_never_shows_what_steers_a_terminal(levelhead, home: Path, letters) -> None:
    said = levelhead("show", letters.id(letters.steering))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said.out)
    assert "\\u202ereversed" in said.out


def test_show_as_json_has_the_text_and_the_attachments(levelhead, home: Path, letters) -> None:
    value = levelhead("show", letters.id(letters.calm), "--json").one
    assert value["id"] == letters.id(letters.calm)
    assert "Could you please send the invoice" in value["new_text"]
    assert value["attachments"] == []


@pytest.mark.parametrize("command", ["show", "explain"])
@pytest.mark.parametrize(
    ("id", "hint"),
    [("abc", "8"), ("0" * 8, "0" * 8), ("zzzzzzzzzz", "zzzzzzzzzz"), ("", "8"), ("../../etc", "")],
)
def test_an_id_that_names_no_message_is_refused(
    levelhead, home: Path, command: str, id: str, hint: str
) -> None:
    said = levelhead(command, id, "--json")
    assert (said.status, said.out) == (2, "")
    assert hint in said.err
    assert said.err.count("\n") == 1


def test_an_id_may_be_written_in_capitals(levelhead, home: Path, letters) -> None:
    assert levelhead("show", letters.id(letters.calm)[:10].upper()).status == 0


def test_raw_and_json_exclude_each_other(levelhead, home: Path, letters) -> None:
    said = levelhead("show", letters.id(letters.calm), "--raw", "--json")
    assert (said.status, said.out) == (2, "")
    assert "--raw" in said.err


# --- search -------------------------------------------------------------------------------------


def test_search_finds_words_of_text_subject_and_people(levelhead, home: Path, letters) -> None:
    for query, data in (
        ("lawyer", letters.hostile),
        ("invoice next", letters.calm),
        ("delivery thank", letters.calm),
    ):
        said = levelhead("search", query, "--json")
        assert said.status == 0
        (hit,) = said.lines
        assert hit["id"] == letters.id(data)
        assert set(hit) >= {"id", "client", "subject", "date", "level", "snippet"}


def test_a_snippet_shows_the_words_around_what_was_found(levelhead, home: Path) -> None:
    (hit,) = levelhead("search", "lawyer", "--json").lines
    assert "My lawyer will hear of this" in hit["snippet"]
    assert len(hit["snippet"]) < 200


def test_a_snippet_never_shows_quoted_words_as_those_of_the_writer(levelhead, empty_home: Path) -> None:
    body = "Hello,\n\nhere it is, as agreed.\n\nOn Friday Robin wrote:\n> Your invoice is a joke and so are you.\n"
    head = "From: sam@harbour.example\nTo: robin@studio.example\nSubject: Re: invoice 12\n\n"
    mail = (head + body).replace("\n", "\r\n").encode()
    assert levelhead("add", "-", stdin=mail).status == 0
    (hit,) = levelhead("search", "invoice", "--json").lines
    assert "as agreed" in hit["snippet"] and "joke" not in hit["snippet"]
    assert levelhead("search", "joke", "--json").lines == []


def test_a_table_of_what_was_found_says_who_wrote(levelhead, home: Path) -> None:
    head, *rows = (line.split("\t") for line in levelhead("search", "invoice").out.splitlines())
    assert {row[head.index("direction")] for row in rows} == {"in", "out"}


def test_search_can_be_narrowed_and_may_find_nothing(levelhead, home: Path) -> None:
    assert levelhead("search", "lawyer", "--level", "calm", "--json").lines == []
    assert levelhead("search", "xylophone").out == "Nothing was found.\n"


@pytest.mark.parametrize("query", ["", "   ", '"open', "***"])
def test_a_search_that_asks_for_nothing_is_refused(levelhead, home: Path, query: str) -> None:
    said = levelhead("search", query, "--json")
    assert (said.status, said.out) == (2, "")


@pytest.mark.parametrize(
    "query", ["a AND OR NOT", "col:umn", "x*", "-- ;DROP", "Привет", "NEAR(a b)", "'", "(", "^a"]
)
def test_no_search_breaks_the_program(levelhead, home: Path, query: str) -> None:
    assert levelhead("search", "--json", "--", query).status in {0, 2}


def test_a_snippet_ignores_case_and_accents_and_falls_back_to_the_beginning() -> None:
    assert snippet("GRUSSE", "viele Grüße\naus Köln").startswith("viele")
    assert snippet("uber", "a " * 60 + "Über uns").endswith("Über uns")
    assert snippet("nothing", "the beginning of it") == "the beginning of it"
    assert snippet("x", "") == ""


def test_the_whole_text_is_asked_for_only_when_its_opening_does_not_hold_the_words() -> None:
    def unwanted() -> str:
        raise AssertionError("the opening holds the word")

    opening = "the beginning of it…"
    assert snippet("beginning", opening, unwanted) == opening
    assert (
        snippet("end", opening, lambda: "the beginning of it, and its end")
        == "the beginning of it, and its end"
    )
    assert snippet("subject", opening, lambda: "") == opening


def test_words_far_behind_the_opening_are_shown_all_the_same(levelhead, empty_home: Path) -> None:
    head = "From: sam@harbour.example\nTo: robin@studio.example\nSubject: Re: invoice 12\n\n"
    mail = (head + "So it goes on. " * 800 + "\nThe harbourmaster objects.\n").replace("\n", "\r\n").encode()
    assert levelhead("add", "-", stdin=mail).status == 0
    (hit,) = levelhead("search", "harbourmaster", "--json").lines
    assert "The harbourmaster objects." in hit["snippet"]
    (hit,) = levelhead("search", "invoice", "--json").lines
    assert hit["snippet"].startswith("So it goes on. So it") and hit["snippet"].endswith("…")


def test_a_snippet_reads_no_volume_where_the_opening_is_all_there_is(
    levelhead, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = levelhead("search", "lawyer", "--json").lines
    monkeypatch.setattr("levelhead.archive.words.new_text_in", None)
    assert levelhead("search", "lawyer", "--json").lines == before


def test_a_message_that_has_no_opening_is_read_from_its_volume(levelhead, home: Path) -> None:
    """An index that an older version made has none until it is made again."""
    before = levelhead("search", "lawyer", "--json").lines
    with closing(sqlite3.connect(home / "archive" / "index.sqlite")) as index:
        index.execute("DELETE FROM opening")
        index.commit()
    assert levelhead("search", "lawyer", "--json").lines == before


@pytest.mark.parametrize("command", ["messages", "search x"])
@pytest.mark.parametrize("option", ["--since", "--until"])
def test_no_time_at_all_is_refused(levelhead, home: Path, command: str, option: str) -> None:
    said = levelhead(*command.split(), option, "", "--json")
    assert (said.status, said.out) == (2, "")
    assert '"" is not a time' in said.err


def test_a_mark_is_seen_wherever_the_message_is(levelhead, home: Path, letters) -> None:
    assert [line["mark"] for line in levelhead("messages", "--json").lines] == [None] * 5
    levelhead("mark", letters.id(letters.calm), "heated")
    first, second, *_ = levelhead("messages", "--json").lines
    assert (first["level"], first["mark"], second["mark"]) == ("calm", "heated", None)
    _, first, second, *_ = levelhead("messages").out.splitlines()
    assert "\tcalm*\t" in first and "*" not in second
    assert re.search(
        r"calm \(0\.0\d\), marked heated by a person", levelhead("show", letters.id(letters.calm)).out
    )
    assert levelhead("show", letters.id(letters.calm), "--json").one["mark"] == "heated"
