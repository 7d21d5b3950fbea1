"""Hostile and odd mail: collected, made, and random. Nothing escapes, nothing takes long, nothing dirty comes out."""

from __future__ import annotations

import ast
import csv
import dataclasses
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from levelhead.archive.parse import parse, parse_head
from levelhead.clients.directory import Directory, ListedClient, Scope
from levelhead.model import Direction, Parsed
from levelhead.raw import raw

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TORTURE = DATA / "torture"
needs_torture = pytest.mark.skipif(
    not TORTURE.is_dir(), reason="the torture corpus is not beside the repository"
)
DIRTY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
SECONDS = 1.0
"""Of computing; the slowest of the corpus takes 0.3. `test_parse_time` takes the best of three."""


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts_in(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from texts_in(getattr(value, field.name))


def check(parsed: Parsed) -> None:
    for text in texts_in(parsed):
        text.encode("utf-8")
        assert not DIRTY.search(text), repr(DIRTY.search(text))
    one_line = (parsed.subject, parsed.message_id, *parsed.in_reply_to, *parsed.references, *parsed.defects)
    names = (item.name for item in parsed.attachments)
    fields = (text for field in parsed.headers for text in field)
    people = (parsed.sender, *parsed.to, *parsed.cc, *parsed.bcc, *parsed.reply_to)
    for text in (*one_line, *names, *fields, *(str(person) for person in people)):
        assert "\n" not in text
    assert all("/" not in item.name and "\\" not in item.name for item in parsed.attachments)
    assert len(parsed.headers) <= 1000
    assert len(parsed.text) <= 1_100_000
    assert all(re.match(r"[a-z0-9-]+(?:: .+)?\Z", defect) for defect in parsed.defects)


@needs_torture
def test_no_collected_or_made_message_escapes_hangs_or_leaves_dirt() -> None:
    slow = []
    paths = sorted((*TORTURE.glob("messages/*"), *TORTURE.glob("made/*")))
    assert len(paths) > 600
    for path in paths:
        data = path.read_bytes()
        started = time.process_time()
        parsed = parse(raw(data))
        took = time.process_time() - started
        check(parsed)
        check(parse_head(data))
        if took > SECONDS:
            slow.append((path.name, took))
    assert not slow


@needs_torture
@pytest.mark.parametrize("scope", ["listed", "correspondents", "everyone"])
def test_made_spoofs_are_said_and_never_taken_for_the_client(scope: Scope) -> None:
    with (TORTURE / "MADE.csv").open(encoding="utf-8") as table:
        spoofs = [row["file"] for row in csv.DictReader(table) if row["expect"].startswith("flag sender")]
    assert len(spoofs) == 4
    client = ListedClient(name="Client", addresses=("*@client.example",))
    directory = Directory.make(me=("me@agency.example",), listed=(client,), scope=scope)
    for name in spoofs:
        parsed = parse(raw((TORTURE / "made" / name).read_bytes()))
        assert parsed.defects, name
        doubt = directory.doubt(parsed.sender, parsed.defects, automatic=parsed.automatic)
        assert doubt is not None and doubt.poses_as == "Client", name
        placed = directory.place(parsed)
        assert placed.client != "Client" or placed.direction is Direction.OTHER, name


@pytest.mark.skipif(
    not (DATA / "heated").is_dir(), reason="the heated-mail examples are not beside the repository"
)
def test_the_latest_words_of_the_examples_are_found() -> None:
    rows = [
        json.loads(line) for line in (DATA / "heated" / "challenge_examples.jsonl").open(encoding="utf-8")
    ]
    matches = sum(
        parse(raw((DATA / "heated" / "eml" / f"{row['id']}.eml").read_bytes())).new_text
        == row["latest"].strip()
        for row in rows
    )
    assert matches / len(rows) > 0.95  # 60 of 61; the other one's disclaimer is set aside on purpose


PIECES = st.sampled_from(
    [
        b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"References: ", b"Content-Type: ",
        b"Content-Transfer-Encoding: ", b"Content-Disposition: ", b"multipart/mixed; boundary=b", b"--b", b"--b--",
        b"multipart/alternative; boundary=\"b\"", b"text/html; charset=", b"text/plain; format=flowed",
        b"message/rfc822",
        b"base64", b"quoted-printable", b"x-uuencode", b"utf-8", b"utf-16", b"utf-7", b"iso-2022-jp", b"idna",
        b"punycode",
        b"attachment; filename*0*=utf-8''%ff", b"\r\n", b"\n", b"\r", b"\n\n", b" ", b"\t", b"=?utf-8?q?=0D=0A?=",
        b"=?utf-8?b?////?=", b"<a@b>", b"\"x\" <y@z>", b"(", b")", b"<", b">", b",", b";", b":", b"=", b"=ZZ", b"=E9",
        b"<div style=\"display:none\">", b"<blockquote>", b"</p>", b"<script>", b"<!--", b"&#xD800;", b"&#0;",
        b"> quoted", b"On 1 Jan 2026, A <a@b> wrote:", b"-- ", b"-----Original Message-----", b"begin 644 a", b"AAAA",
        b"Tue, 24 Nov 2026 10:00:00 +0100", b"9999", b"\x00", b"\x1b[31m", b"\xff\xfe", b"\xed\xa0\x80",
        b"\xe2\x80\xae",
    ]
)  # fmt: skip
SLOWLY = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


@SLOWLY
@given(st.lists(st.one_of(PIECES, st.binary(max_size=8)), max_size=60).map(b"".join))
@example(b"From: \x00@\x00")
def test_no_message_made_of_pieces_of_mail_escapes(data: bytes) -> None:
    check(parse(raw(data)))
    check(parse_head(data))


@SLOWLY
@given(st.binary(max_size=2_000))
def test_no_random_bytes_escape(data: bytes) -> None:
    check(parse(raw(data)))


@SLOWLY
@given(
    st.sampled_from(
        [b"utf-8", b"utf-16", b"utf-32", b"iso-2022-jp", b"hz", b"utf-7", b"big5", b"cp037", b"nonsense"]
    ),
    st.sampled_from([b"text/plain", b"text/html", b"text/plain; format=flowed; delsp=yes", b"text/calendar"]),
    st.sampled_from([b"7bit", b"base64", b"quoted-printable", b"x-uuencode"]),
    st.binary(max_size=500),
)
def test_no_body_of_any_charset_and_encoding_escapes(
    charset: bytes, kind: bytes, encoding: bytes, body: bytes
) -> None:
    head = b"Content-Type: " + kind + b"; charset=" + charset + b"\nContent-Transfer-Encoding: " + encoding
    check(parse(raw(b"From: =?" + charset + b"?q?=FF?= <a@b.example>\n" + head + b"\n\n" + body)))


SOURCE = Path(__file__).parents[2] / "src" / "levelhead"


def test_others_mail_is_never_given_to_the_slow_policies_of_the_standard_library() -> None:
    """Only what we compose ourselves uses the new policies: a header of 0.2 MB keeps them busy for 20 seconds."""
    users = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if slow_policies(path.read_text(encoding="utf-8"))
    }
    composing = {"outbox/compose.py", "daemon/demo_story.py"}  # they write mail, and read none
    assert (
        users - {"evidence/pack/verify.py"} == composing
    )  # it travels with a pack and is run by who gets it


def slow_policies(source: str) -> set[str]:
    """What of the standard library's newer e-mail code a module names, under whatever name it was imported."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "email.policy":
            found |= {alias.name for alias in node.names} - {"compat32", "Policy"}
        elif isinstance(node, ast.ImportFrom) and node.module in ("email.message", "email.headerregistry"):
            found |= {alias.name for alias in node.names} - {"Message"}
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("email.policy."):
            found |= {node.attr} - {"compat32"}
        elif isinstance(node, ast.Attribute) and node.attr == "EmailMessage":
            found.add(node.attr)
        elif isinstance(node, ast.Call) and _reads_mail(node):
            found |= {"a reader without compat32"}
    return found


def _reads_mail(call: ast.Call) -> bool:
    """Whether a call makes the standard library read a mail in another way than by compat32, said in so many words."""
    name = ast.unparse(call.func).split(".")[-1]
    if not (
        name.startswith("message_from_") or name in {"BytesParser", "Parser", "FeedParser", "BytesFeedParser"}
    ):
        return False
    return not any(
        one.arg == "policy" and ast.unparse(one.value).endswith("compat32") for one in call.keywords
    )


@pytest.mark.parametrize(
    "source",
    [
        "from email.policy import default", "from email import policy\nx = email.policy.SMTP", "email.policy.default",
        "from email.message import EmailMessage", "email.message_from_bytes(b'')", "BytesParser(policy=p.default)",
        "email.message_from_bytes(b'', policy=default)",
    ],
)  # fmt: skip
def test_whoever_uses_the_slow_policies_is_seen(source: str) -> None:
    assert slow_policies(source)


def test_nobody_can_write_a_regular_expression() -> None:
    """No pattern is made of what a user or a sender wrote, unless it is escaped: nothing can run away then.

    Where a user may write one some day, it belongs to re2.
    """
    for path in SOURCE.rglob("*.py"):
        for call, pattern in patterns(path.read_text(encoding="utf-8")):
            name = path.relative_to(SOURCE).as_posix()
            assert name in ALLOWED or is_ours(pattern), f"{name}: {call}"


ALLOWED = {
    "clients/patterns.py": "stars and question marks by fnmatch, whose time is tested there",
    "heat/praise.py": "the word lists of aside.toml, which is part of the program",
    "heat/aside_words.py": "the word lists of aside.toml, which is part of the program",
    "heat/names.py": "the word lists of aside.toml, which is part of the program",
    "heat/threats.py": "the word lists of threats.toml, which is part of the program",
    "heat/manners.py": "the word lists of manners.toml, which is part of the program",
    "heat/newtext_words.py": "the field names of mail programs, constants of the module",
}


def patterns(source: str) -> Iterator[tuple[str, str]]:
    """(call, first argument) of each call of a function of `re`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func)
            if name.startswith("re.") and name != "re.escape":
                yield ast.unparse(node), ast.unparse(node.args[0])


def is_ours(pattern: str) -> bool:
    """Whether a pattern is made of constants of the module and escaped words alone: no name in it is lower-case."""
    names = {
        node.id
        for node in ast.walk(ast.parse(pattern))
        if isinstance(node, ast.Name) and not node.id.isupper()
    }
    return not names or "re.escape" in pattern
