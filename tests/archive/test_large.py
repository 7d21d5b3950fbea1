"""Large messages: every part is listed with its size and digest, and memory does not grow with what they hold."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import resource
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from levelhead.archive import large, tree
from levelhead.archive.body import read_body
from levelhead.archive.chars import Defects
from levelhead.archive.contents import contents
from levelhead.archive.headers import split_head
from levelhead.archive.mime import read_parts
from levelhead.archive.parse import parse
from levelhead.model import Parsed
from levelhead.raw import Raw, raw

HEAD = b"From: a@b.example\r\nSubject: plans\r\nMIME-Version: 1.0\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n"
TEXT = b"--bb\r\nContent-Type: text/plain\r\n\r\nThe plain words.\r\n"
LINE = b"0123456789abcdef" * 4 + b"wxyz01234567\r\n"


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as large is small enough for a test."""
    monkeypatch.setattr(tree, "READ_LIMIT", 6_000)
    monkeypatch.setattr(large, "SMALL", 200)
    monkeypatch.setattr(large, "OTHER_KEPT", 100)
    monkeypatch.setattr(large, "TEXT_KEPT", 1_000)
    monkeypatch.setattr(large, "TEXTS_KEPT", 2_000)
    monkeypatch.setattr(large, "LEAST_TEXT", 500)


def part(name: str, data: bytes, encoding: str = "base64") -> bytes:
    coded = base64.encodebytes(data).replace(b"\n", b"\r\n") if encoding == "base64" else data + b"\r\n"
    fields = (
        f"Content-Type: application/pdf\r\nContent-Transfer-Encoding: {encoding}\r\n"
        f"Content-Disposition: attachment; filename={name}\r\n\r\n"
    )
    return b"--bb\r\n" + fields.encode() + coded


def listed(parsed: Parsed) -> list[tuple[str, int, str]]:
    return [(one.name, one.size, one.digest) for one in parsed.attachments]


def said(name: str, data: bytes) -> tuple[str, int, str]:
    return name, len(data), hashlib.sha256(data).hexdigest()


def test_every_attachment_of_a_large_message_is_listed_with_its_size_and_digest(small_limits: None) -> None:
    first, second, quoted = os.urandom(9_001), os.urandom(7_000), b"caf\xe9 = tea\r\n" * 900
    coded = quoted.replace(b"=", b"=3D").replace(b"\xe9", b"=E9")
    parsed = parse(
        raw(
            MIXED
            + TEXT
            + part("one.pdf", first)
            + part("two.pdf", second, "binary")
            + part("three.txt", coded, "quoted-printable")
            + part("four.pdf", b"tiny")
            + b"--bb--\r\n"
        )
    )
    assert listed(parsed) == [
        said("one.pdf", first),
        said("two.pdf", second),
        said("three.txt", quoted),
        said("four.pdf", b"tiny"),
    ]
    assert (parsed.text, parsed.defects) == ("The plain words.", ())


def test_what_is_listed_with_a_digest_can_be_taken_out(small_limits: None) -> None:
    files = [os.urandom(size) for size in (9_001, 7_000, 4, 30_000)]
    one, two, small, last = (part(f"{number}.pdf", data) for number, data in enumerate(files))
    unsure = part("unsure.pdf", b"YWI=" * 3_000 + b"!", "base64").replace(b"\r\nWVdJ", b"\r\nYWI=!")
    message = raw(MIXED + TEXT + one + two + unsure + small + last + b"--bb--\r\n")
    taken = contents(message)
    digests = [one.digest for one in parse(message).attachments]
    assert [b"".join(taken[digest]()) for digest in digests if digest] == files
    assert (digests.count(""), "" in taken) == (1, False)
    # As often as it is asked for.
    assert b"".join(taken[digests[0]]()) == files[0]


def test_a_large_message_that_is_one_attachment_is_measured_whole(small_limits: None) -> None:
    data = os.urandom(20_000)
    head = HEAD + b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    parsed = parse(raw(head + base64.encodebytes(data)))
    assert listed(parsed) == [said("", data)]


@pytest.mark.parametrize("window", [16, 17, 300, 1 << 20])
def test_what_is_found_does_not_depend_on_where_a_look_ends(
    small_limits: None, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    files = [os.urandom(3_000 + number) for number in range(12)]
    data = MIXED + TEXT + b"".join(part(f"{len(one)}.pdf", one) for one in files) + b"--bb--\r\n"
    monkeypatch.setattr(large, "WINDOW", window)
    monkeypatch.setattr(large, "OVERLAP", 512)
    assert listed(parse(raw(data))) == [said(f"{len(one)}.pdf", one) for one in files]


def test_a_large_part_is_looked_through_once(small_limits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "WINDOW", 8_192)
    read: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            read.append(len(data))
            return data

    whole = raw(MIXED + part("one.pdf", os.urandom(200_000)) + b"--bb--\r\n")
    monkeypatch.setattr(Raw, "open", lambda self: Counted(self.data))
    large.made_small(whole, split_head(whole.read(), Defects()), 6_000)
    assert sum(read) < whole.size * 1.2


def test_of_a_large_text_the_beginning_is_read_and_the_cut_is_told(small_limits: None) -> None:
    parsed = parse(raw(HEAD + b"Content-Type: text/plain\r\n\r\n" + b"word " * 4_000))
    assert parsed.text.startswith("word word") and len(parsed.text) == 1_000
    assert parsed.defects == ("text-cut",)


def test_a_text_that_comes_after_large_ones_is_read_too(small_limits: None) -> None:
    filler = b"--bb\r\nContent-Type: text/plain\r\n\r\n" + b"calm " * 800 + b"\r\n"
    last = b"--bb\r\nContent-Type: text/plain\r\n\r\nYou are a liar. " + b"x " * 800 + b"\r\n"
    parsed = parse(raw(MIXED + filler * 3 + last + b"--bb--\r\n"))
    assert "You are a liar." in parsed.text


def test_parts_inside_parts_and_inside_messages_are_found(small_limits: None) -> None:
    data, other = os.urandom(5_000), os.urandom(6_000)
    inner = (
        b"--bb\r\nContent-Type: multipart/related; boundary=bb2\r\n"
        + b"X-Padding: y\r\n" * 20
        + b"\r\n"
        + part("in.pdf", data).replace(b"--bb\r\n", b"--bb2\r\n")
        + b"--bb2--\r\n--bb\r\nContent-Type: message/rfc822\r\n\r\n"
        + HEAD
        + b"Content-Type: application/pdf; name=deep.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(other)
    )
    parsed = parse(raw(MIXED + TEXT + inner + b"\r\n--bb--\r\n"))
    assert [one for one in listed(parsed) if one[0] != "plans.eml"] == [
        said("in.pdf", data),
        said("deep.pdf", other),
    ]
    assert parsed.defects == ()
    # The message itself lacks what was left out of it, so nobody knows its digest.
    assert [one.digest for one in parsed.attachments if one.name == "plans.eml"] == [""]


def test_lines_that_only_look_like_delimiters_belong_to_the_part(small_limits: None) -> None:
    data = b"x" * 900 + b"\r\n--bbx\r\n--bb2\r\n" + b"y" * 900
    inner = b"--bb\r\nContent-Type: multipart/mixed; boundary=bb2\r\n\r\n--bb2\r\n\r\none\r\n--bb2--\r\n"
    filler = part("filler.pdf", bytes(6_000))
    parsed = parse(raw(MIXED + inner + part("two.bin", data, "binary") + filler + b"--bb--\r\n"))
    assert said("two.bin", data) in listed(parsed)


def test_a_sender_cannot_lend_an_attachment_the_digest_of_another(
    small_limits: None,
) -> None:
    first, second = os.urandom(5_000), os.urandom(5_000)
    forged = part("two.pdf", second).replace(b"--bb\r\n", b"--bb\r\nlevelhead-left-out: 00-1\r\n")
    parsed = parse(raw(MIXED + part("one.pdf", first) + forged + b"--bb--\r\n"))
    assert listed(parsed) == [said("one.pdf", first), said("two.pdf", second)]
    # A folded line in front would join our own field: what is left out of such a part is nobody's.
    folded = part("two.pdf", second).replace(b"--bb\r\n", b"--bb\r\n folded\r\n")
    parsed = parse(raw(MIXED + part("one.pdf", first) + folded + b"--bb--\r\n"))
    assert [one.digest for one in parsed.attachments] == [hashlib.sha256(first).hexdigest(), ""]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_body_without_large_parts_stays_as_it_is(end: bytes) -> None:
    lines = [
        b"before",
        b"--bb",
        b"--bb",
        b"",
        b"one",
        b"--bbx",
        b"--bb",
        b"Content-Type: message/rfc822",
        b"",
    ]
    lines += [
        b"Content-Type: multipart/mixed; boundary=b2",
        b"",
        b"--b2",
        b"",
        b"two",
        b"--b2--",
        b"--bb--",
        b"after",
    ]
    data = MIXED.replace(b"\r\n", end) + end.join(lines)
    head = split_head(data, Defects())
    made = large.made_small(raw(data), head, len(data))
    assert (made.body, made.cut, made.left_out) == (data[head.body_at :], False, {})


def test_header_blocks_of_parts_are_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "HEADS_READ", 5_000)
    data = MIXED + (b"--bb\r\n" + b"X-Y: z\r\n" * 100 + b"\r\nx\r\n") * 50
    made = large.made_small(raw(data), split_head(data, Defects()), len(data))
    assert made.cut and 5_000 < len(made.body) < 7_000


def test_more_parts_than_fit_are_told(small_limits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = parse(raw(MIXED + TEXT + part("a.pdf", bytes(120)) * 50 + b"--bb--\r\n"))
    assert any(defect.startswith("message-cut: ") for defect in parsed.defects)
    assert parsed.text == "The plain words."
    assert 5 < len(parsed.attachments) < 50


def test_memory_does_not_grow_with_a_large_message(tmp_path: Path) -> None:
    path = tmp_path / "large.eml"
    with path.open("wb") as file:
        file.write(HEAD + b"Content-Type: video/mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n")
        for _ in range(50):
            file.write(LINE * 10_000)
    message = Raw(digest="0" * 64, size=path.stat().st_size, path=path)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            (found,) = parse(message).attachments
            taken = sum(map(len, contents(message)[found.digest]()))
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            os.write(writer, f"{grown} {found.size} {taken}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        grown, size, taken = map(int, stream.read().split())
    os.waitpid(child, 0)
    assert size == taken == 500_000 * 76 * 3 // 4
    assert grown * 1024 < 24_000_000


# --- the same as of a small message ------------------------------------------------------------


def by_pieces(data: bytes, window: int, overlap: int = 24) -> list[tuple[str, int, str]]:
    """What is listed of a message that is made small, and looked at through windows of so many bytes."""
    limits = {"SMALL": 8, "OTHER_KEPT": 8, "WINDOW": window, "OVERLAP": overlap}
    with patch.multiple(large, **limits):
        head = split_head(data, Defects())
        made = large.made_small(raw(data), head, 1_000_000)
        root = made.marked(read_parts(head, made.body, Defects()))
        body = read_body(root, Defects())
    return [(one.name, one.size, one.digest) for one in body.attachments]


def message(*contents: tuple[str, bytes]) -> bytes:
    parts = (
        part(f"{number}.bin", content, "binary").replace(b"binary", encoding.encode(), 1)
        for number, (encoding, content) in enumerate(contents)
    )
    return MIXED + TEXT + b"".join(parts) + b"--bb--\r\n"


def one_by_pieces(encoding: str, content: bytes, window: int = 40) -> tuple[int, str]:
    ((_, size, digest),) = by_pieces(message((encoding, content)), window)
    return size, digest


RUNS = st.builds(base64.b64encode, st.binary(max_size=40))
BASE64 = st.lists(RUNS | st.sampled_from([b"\r\n", b" ", b"\r\n\r\n"]), max_size=12).map(b"".join)
WORDS = [
    b"x" * 90,
    b"word",
    b" ",
    b"\t",
    b"   ",
    b" " * 50,
    b"\r\n",
    b"=\r\n",
    b"=  \r\n",
    b"=3D",
    b"=e9",
    b"=20",
]
QUOTED = st.lists(st.sampled_from([*WORDS, b"=0D=0A"]), max_size=25).map(b"".join)
NOISE = st.lists(
    st.sampled_from(
        [b"YWI=", b"YWJj", b"Y", b"=", b"==", b"!", b"-- \r\n", b"\xe9", b"=4", b"\r", b"\n", b" \n", b"\0"]
    ),
    max_size=12,
).map(b"".join)
LINES = st.lists(
    st.sampled_from(
        [
            b"\r\n--bbyyyy\r\n",
            b"\r\n--b\r\n",
            b"\n--bb-\n",
            b"\r\n--bb" + b" " * 60 + b"x",
            b"x",
            b"y" * 30,
            b"\r\n",
        ]
    ),
    max_size=20,
).map(b"".join)
LONG_DELIMITER = b"a" * 70 + b"\r\n--bb" + b" \t" * 40 + b"\r\n\r\nnext"


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.just("base64"), BASE64) | st.tuples(st.just("quoted-printable"), QUOTED),
        min_size=1,
        max_size=4,
    ),
    st.integers(24, 90),
)
def test_what_is_decoded_in_pieces_is_what_a_small_message_says(
    contents: list[tuple[str, bytes]], window: int
) -> None:
    data = message(*contents)
    for found, wanted in zip(by_pieces(data, window), listed(parse(raw(data))), strict=True):
        assert found == wanted or (found[0], found[2]) == (wanted[0], "")


@settings(max_examples=150)
@given(st.lists(st.tuples(st.just("binary"), LINES), min_size=1, max_size=4), st.integers(24, 90))
@example([("binary", LONG_DELIMITER)], 40)
def test_lines_that_begin_like_a_delimiter_end_no_part_wherever_a_look_ends(
    contents: list[tuple[str, bytes]], window: int
) -> None:
    data = message(*contents)
    assert by_pieces(data, window) == listed(parse(raw(data)))


@settings(max_examples=150)
@given(st.sampled_from(["base64", "quoted-printable"]), NOISE, st.integers(24, 90))
def test_what_no_encoder_writes_gets_the_digest_of_a_small_message_or_none(
    encoding: str, content: bytes, window: int
) -> None:
    data = message((encoding, b"YWJj" * 8 + content))
    ((_, _, found),), ((_, _, wanted),) = by_pieces(data, window), listed(parse(raw(data)))
    assert found in ("", wanted)


@pytest.mark.parametrize("line", [b"\r\n--bbyyyy\r\n", b"\r\n--bb" + b" " * 60 + b"y\r\n"])
def test_a_line_that_begins_like_a_delimiter_ends_no_part_at_any_place(line: bytes) -> None:
    for before in range(150):
        content = b"x" * before + line + b"z" * 90
        assert one_by_pieces("binary", content, window=64) == said("", content)[1:]


@pytest.mark.parametrize("blanks", [5, 20, 60, 600, 30_000])
def test_a_delimiter_with_blanks_behind_it_is_one_at_any_place(blanks: int) -> None:
    for before in range(0, 150, 1 if blanks < 100 else 29):
        first, second = b"x" * before, b"y" * 90
        data = MIXED + part("0.bin", first, "binary") + part("1.bin", second, "binary") + b"--bb--\r\n"
        data = data.replace(b"\r\n--bb\r\n", b"\r\n--bb" + b" " * blanks + b"\r\n")
        found = by_pieces(data, 64)
        assert [one[0] for one in found] == ["0.bin", "1.bin"]
        wanted = [said("", one)[2] for one in (first, second)]
        assert [one[2] for one in found] == (wanted if blanks < large.PART_HEAD else ["", ""])


def test_base64_goes_on_after_padding() -> None:
    first, second = b"a" * 10, os.urandom(400)
    content = base64.b64encode(first) + b"\r\n" + base64.b64encode(second)
    assert one_by_pieces("base64", content) == said("", first + second)[1:]


def test_quoted_printable_on_one_line_is_cut_in_no_escape() -> None:
    for before in range(3):
        content = b"x" * before + b"=3D" * 200
        assert one_by_pieces("quoted-printable", content) == said("", b"x" * before + b"=" * 200)[1:]


def test_blanks_before_a_line_end_of_quoted_printable_are_not_the_writers() -> None:
    content = b"caf=E9 \t \r\n" * 60
    assert one_by_pieces("quoted-printable", content) == said("", b"caf\xe9\r\n" * 59 + b"caf\xe9\r\n")[1:]


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("base64", b"YWJj" * 30 + b"Y"),
        ("base64", b"YWI=" * 30 + b"\r\n-- \r\nThe list"),
        ("base64", b"YWI=" * 30 + b"===="),
        ("quoted-printable", b"=ZZ" * 30),
        ("quoted-printable", b"one\rtwo\r\n" * 30),
        ("quoted-printable", b"caf\xe9 " * 30),
        ("quoted-printable", b"x" * 60 + b" " * 200 + b"y"),
        ("x-strange", b"x" * 90),
    ],
)
def test_a_content_that_two_parsers_read_in_two_ways_has_no_digest(encoding: str, content: bytes) -> None:
    assert one_by_pieces(encoding, content)[1] == ""


def test_a_message_whose_line_ends_are_cr_has_the_digests_of_a_small_one() -> None:
    data = message(("binary", b"one\r\ntwo\r\n\r\n" * 9), ("base64", base64.encodebytes(bytes(90))))
    data = data.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    assert by_pieces(data, 64) == listed(parse(raw(data)))


def test_a_part_that_is_cut_behind_the_beginning_of_a_delimiter_makes_none_of_it() -> None:
    data = message(("binary", b"\r\n--bb" + b" " * 60 + b"y\r\n" + b"z" * 90))
    with patch.multiple(large, SMALL=8, OTHER_KEPT=12):
        head = split_head(data, Defects())
        made = large.made_small(raw(data), head, len(data))
    assert len(read_parts(head, made.body, Defects()).children) == 2


def test_a_part_whose_header_block_is_too_large_has_no_digest() -> None:
    fields = b"X-Y: z\r\n" * (large.PART_HEAD // 8)
    data = message(("binary", b"z" * 90)).replace(b"\r\n\r\nzz", b"\r\n" + fields + b"\r\nzz")
    ((name, _, digest),) = by_pieces(data, 1 << 20)
    assert (name, digest) == ("0.bin", "")


def test_what_is_cut_off_behind_many_messages_in_each_other_leaves_none_a_digest() -> None:
    inner = b"Content-Type: message/rfc822\r\n\r\n" * 100
    found = by_pieces(HEAD + inner + b"Content-Type: text/plain\r\n\r\n" + b"z" * 9_000, 1 << 20)
    assert found and {digest for _, _, digest in found} == {""}


def test_base64_with_too_many_paddings_is_not_decoded_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "PADDED_RUNS", 20)
    assert one_by_pieces("base64", b"YWI=" * 20)[1] != ""
    assert one_by_pieces("base64", b"YWI=" * 21)[1] == ""
