"""Bytes to `Parsed`: every field, every fall-back, and never an exception."""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from levelhead.archive import mime, tree
from levelhead.archive.parse import parse, parse_head
from levelhead.model import Parsed
from levelhead.raw import Raw, raw

HEAD = (
    b"From: Ann Smith <ann@ACME.example>\r\nTo: me@studio.example, Bob <bob@b.example>\r\nCc: c@c.example\r\n"
    b"Reply-To: office@acme.example\r\nSubject: =?utf-8?q?Caf=C3=A9?= plan\r\n"
    b"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <a1@acme.example>\r\n"
    b"In-Reply-To: <z9@studio.example>\r\nReferences: <z8@studio.example>\r\n <z9@studio.example>\r\n"
)


def read(data: bytes) -> Parsed:
    return parse(raw(data))


def simple(fields: bytes = b"", body: bytes = b"Hello there.\r\n") -> Parsed:
    return read(HEAD + fields + b"\r\n" + body)


def multipart(kind: str, *parts: bytes) -> Parsed:
    body = b"".join(b"--bb\r\n" + part + b"\r\n" for part in parts) + b"--bb--\r\n"
    return simple(f"Content-Type: multipart/{kind}; boundary=bb\r\n".encode(), body)


# --- header fields ------------------------------------------------------------------------------


def test_the_fields_of_a_message_are_read() -> None:
    parsed = simple()
    assert str(parsed.sender) == "Ann Smith <ann@acme.example>"
    assert [str(address) for address in parsed.to] == ["me@studio.example", "Bob <bob@b.example>"]
    assert [str(address) for address in parsed.cc] == ["c@c.example"]
    assert [str(address) for address in parsed.reply_to] == ["office@acme.example"]
    assert parsed.subject == "Café plan"
    assert parsed.date == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert parsed.message_id == "<a1@acme.example>"
    assert parsed.in_reply_to == ("<z9@studio.example>",)
    assert parsed.references == ("<z8@studio.example>", "<z9@studio.example>")
    assert parsed.text == "Hello there."
    assert parsed.defects == ()


def test_a_header_block_alone_says_the_same_as_the_whole_message() -> None:
    whole, head = simple(), parse_head(HEAD + b"\r\n")
    for name in (
        "sender",
        "to",
        "cc",
        "reply_to",
        "subject",
        "date",
        "message_id",
        "references",
        "automatic",
    ):
        assert getattr(whole, name) == getattr(head, name)
    assert parse_head(HEAD).headers == head.headers == whole.headers


def test_all_fields_are_kept_in_order_with_repeats() -> None:
    parsed = read(b"Received: b\nReceived: a\nFrom: ann@a.example\nreceived: c\n\nx")
    assert parsed.headers == (
        ("Received", "b"),
        ("Received", "a"),
        ("From", "ann@a.example"),
        ("received", "c"),
    )


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (b"=?utf-8?b?R3LDvMOfZQ==?=", "Grüße"),
        (b"=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        (b"=?utf-8?q?Gr=C3?= =?utf-8?q?=BC=C3=9Fe?=", "Grüße"),
        (b"=?iso-8859-1?q?Gr=FC=DFe?=\r\n =?utf-8?q?_aus?= Bonn", "Grüße aus Bonn"),
        (b"=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        (b"=?x-klingon?q?Gr=FC=DFe?=", "Grüße"),
        (b"=?utf-8?q?broken", "=?utf-8?q?broken"),
        (b"=?utf-8?b?!!!?=", ""),
        (b"a\tb", "a b"),
        (b"=?utf-8?q?hi=0D=0ABcc=3A_x@y.example?=", "hi Bcc: x@y.example"),
        (b"=?utf-8?q?a=00b=1B[31mc=C2=85?=", "ab[31mc"),
        (b"=?utf-7?q?+ADw-?=", "+ADw-"),
        (b"a\x00b\rc", "ab c"),
        (b"=?utf-8?q?=E2=80=AEgnp.exe?=", "gnp.exe"),
    ],
)
def test_the_subject_is_decoded_on_one_line_without_controls(field: bytes, wanted: str) -> None:
    assert read(b"From: a@b.example\r\nSubject: " + field + b"\r\n\r\nx").subject == wanted


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (b"Tue, 24 Nov 2026 10:00:00 -0000", datetime(2026, 11, 24, 10, 0, tzinfo=UTC)),
        (b"24 Nov 2026 10:00", datetime(2026, 11, 24, 10, 0, tzinfo=UTC)),
        (b"Tue, 24 Nov 2026 10:00:00 +0200 (CEST)", datetime(2026, 11, 24, 8, 0, tzinfo=UTC)),
        (b"yesterday", None),
        (b"Tue, 99 Nov 2026 10:00:00 +0000", None),
        (b"Tue, 24 Nov 2026 10:00:00 +9999999999", None),
        (b"Fri, 31 Dec 9999 23:59:59 -2300", None),
        (b"Fri, 1 Jan 1600 00:00:00 +2300", None),
        (b"9" * 5000, None),
    ],
)
def test_a_date_is_a_moment_in_utc_or_none(field: bytes, wanted: datetime | None) -> None:
    parsed = read(b"Date: " + field + b"\n\nx")
    assert parsed.date == wanted
    assert (wanted is None) == ("bad-date" in parsed.defects)


@pytest.mark.parametrize(
    "field",
    [
        b"no brackets",
        b"<a b@c>",
        b'<x" SEARCH>',
        b"<a>\x00",
        b"<" + b"a" * 2000 + b">",
        b"<[[[",
        b"<a@b><c@d>",
        b"<>",
    ],
)
def test_a_message_id_that_could_do_harm_is_not_kept(field: bytes) -> None:
    parsed = read(b"Message-ID: " + field + b"\n\nx")
    assert parsed.message_id == ""
    assert "bad-message-id" in parsed.defects


def test_the_hundred_latest_references_are_kept() -> None:
    ids = " ".join(f"<{number}@x.example>" for number in range(250))
    parsed = read(f"References: {ids}\n\nx".encode())
    assert parsed.references == tuple(f"<{number}@x.example>" for number in range(150, 250))


def test_of_two_from_fields_the_first_counts_and_it_is_said() -> None:
    parsed = read(b"From: ann@a.example\nFrom: evil@x.example\n\nx")
    assert parsed.sender is not None
    assert parsed.sender.address == "ann@a.example"
    assert "several-from-fields" in parsed.defects


def test_fields_that_decide_survive_a_flood_of_others() -> None:
    flood = b"".join(b"X-%d: %s\n" % (number, b"y" * (number % 150)) for number in range(5000))
    parsed = read(flood + b"From: ann@a.example\nSubject: found\n\nbody")
    assert parsed.sender is not None
    assert parsed.subject == "found"
    assert parsed.text == "body"
    assert len(parsed.headers) <= 1000
    assert sum(len(name) + len(value) for name, value in parsed.headers) <= 102_400
    assert any(defect.startswith("headers-cut") for defect in parsed.defects)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"\n", ""),
        (b"\nbody", "body"),
        (b"just words\nand more", "just words\nand more"),
        (b"From: a@b.example\nHello: no\nthis is text\nmore", "this is text\nmore"),
        (b"From: a@b.example\rSubject: x\r\rbody\rline", "body\nline"),
        (b"From ann Tue Nov 24\nFrom: a@b.example\n\nbody", "body"),
        (b"From: a@b.example\nbroken line\nSubject: x\n\nbody", "body"),
        (b"From: a@b.example\n\n\n\nbody\n\n", "body"),
        (b"From: a@b.example", ""),
    ],
)
def test_where_the_body_begins(data: bytes, text: str) -> None:
    assert read(data).text == text


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "wanted"),
    [
        (b"text/plain; charset=utf-8", "Grüße".encode(), "Grüße"),
        (b"text/plain; charset=iso-8859-1", "Grüße “x”".encode("cp1252"), "Grüße “x”"),
        (b"text/plain", "Grüße".encode(), "Grüße"),
        (b"text/plain", "Grüße".encode("latin-1"), "Grüße"),
        (b"text/plain; charset=us-ascii", "Grüße".encode(), "Grüße"),
        (b"text/plain; charset=x-unknown", "Grüße".encode(), "Grüße"),
        (b"text/plain; charset=utf-16", "Grüße".encode("utf-16"), "Grüße"),
        (b"text/plain; charset=gb2312", "发票".encode("gb18030"), "发票"),
        (b"text/plain; charset=rot13", b"Hello", "Hello"),
        (b"text/plain; charset=unicode-escape", rb"\ud800", r"\ud800"),
        (b"text/plain; charset=utf-8", b"a\xff\xfeb", "a\ufffd\ufffdb"),
        (
            b'text/plain; charset="utf-8"; format=flowed',
            b"one \r\ntwo\r\n\r\n> old \r\n> words",
            "one two\n\n> old words",
        ),
        (b"text/plain; format=flowed; delsp=yes", b"one \r\ntwo\r\n-- \r\nAnn", "onetwo\n-- \nAnn"),
        (b"text/html; charset=utf-8", "<p>Grüße</p>".encode(), "Grüße"),
        (b"text/html", b"<meta charset='iso-8859-1'><p>Gr\xfc\xdfe</p>", "Grüße"),
        (b"text/plain", b"a\x00b\x1b[31mc\x07\x9b", "ab[31mc›"),
        (b"bogus", b"Hello", "Hello"),
        (b"", b"Hello", "Hello"),
    ],
)
def test_text_is_decoded_whatever_its_charset(kind: bytes, body: bytes, wanted: str) -> None:
    assert simple(b"Content-Type: " + kind + b"\r\n", body).text == wanted


@pytest.mark.parametrize(
    ("encoding", "body", "wanted"),
    [
        (b"quoted-printable", b"Gr=C3=BC=C3=9Fe=\r\n!", "Grüße!"),
        (b"QUOTED-PRINTABLE", b"bad =ZZ end", "bad =ZZ end"),
        (b"base64", base64.b64encode("Grüße".encode()), "Grüße"),
        (b"base64", b"SGVs!!bG8g dGhlcmU", "Hello there"),
        (b"base64", b"SGVsbG8=\r\n-- \r\nfooter of a list", "Hello"),
        (b"x-unknown", b"as it is", "as it is"),
        (b"quoted-printable", "Grüße =C3=BC".encode(), "Grüße ü"),
        (b"x-uuencode", b"begin 644 a\r\n%2&5L;&\\\r\n`\r\nend\r\n", "Hello"),
    ],
)
def test_transfer_encodings_are_undone_as_far_as_they_can_be(
    encoding: bytes, body: bytes, wanted: str
) -> None:
    fields = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: " + encoding + b"\r\n"
    assert simple(fields, body).text.startswith(wanted)


PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe plain words that everybody can read in peace."
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>The <b>rich</b> words that everybody can read in peace.</p>"


def test_of_two_forms_the_plain_one_is_read() -> None:
    assert multipart("alternative", PLAIN, HTML).text == "The plain words that everybody can read in peace."


@pytest.mark.parametrize(
    "stub", [b"", b" \r\n", b"Your mail program cannot show HTML.", b"View this message in your browser: x"]
)
def test_a_plain_form_that_only_stands_in_gives_way_to_the_html(stub: bytes) -> None:
    long = b"Content-Type: text/html\r\n\r\n" + b"<p>The rich words that everybody can read in peace.</p>" * 5
    assert "rich" in multipart("alternative", b"Content-Type: text/plain\r\n\r\n" + stub, long).text


def test_texts_beside_each_other_are_joined() -> None:
    footer = b"Content-Type: text/plain\r\n\r\nthe list's footer"
    assert multipart("mixed", PLAIN, footer).text.endswith("in peace.\n\nthe list's footer")


def test_a_message_inside_is_shown_as_forwarded_and_is_not_new() -> None:
    inner = (
        b"Content-Type: message/rfc822\r\n\r\nFrom: X <x@y.example>\r\nSubject: old\r\n\r\nwords of another"
    )
    parsed = multipart("mixed", PLAIN, inner)
    assert "---------- Forwarded message ----------\nFrom: X <x@y.example>\nSubject: old" in parsed.text
    assert "words of another" in parsed.text
    assert parsed.new_text == "The plain words that everybody can read in peace."
    assert [(item.name, item.type) for item in parsed.attachments] == [("old.eml", "message/rfc822")]


def test_an_internationalised_message_inside_is_opened_too() -> None:
    inner = (
        "Content-Type: message/global\r\n\r\nFrom: Jürgen <j@büro.example>\r\n\r\nforwarded words".encode()
    )
    parsed = multipart("mixed", PLAIN, inner)
    assert "From: Jürgen" in parsed.text
    assert "forwarded words" in parsed.text


def test_a_delivery_report_is_an_attachment_and_no_message() -> None:
    status = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nStatus: 5.1.1\r\n"
    for refused in (b"", b"\r\n\xff=ZZ"):
        broken = (
            b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nfailed" + refused
        )
        parsed = multipart("report", broken, status)
        assert parsed.text.startswith("failed")
        assert "Forwarded" not in parsed.text
        assert [item.type for item in parsed.attachments] == ["message/delivery-status"]


@pytest.mark.parametrize(
    "kind", [b"multipart/mixed\r\n Content-Type: text/plain", b"multipart/mixed", b"multipart/ x"]
)
def test_a_type_that_makes_no_sense_leaves_the_body_as_text(kind: bytes) -> None:
    assert simple(b"Content-Type: " + kind + b"\r\n", b"I am still here.").text == "I am still here."


def test_a_boundary_that_never_comes_leaves_the_body_as_text() -> None:
    parsed = simple(b"Content-Type: multipart/mixed; boundary=never\r\n", b"I am still here.")
    assert parsed.text == "I am still here."
    assert "multipart-without-parts" in parsed.defects


def test_a_boundary_in_the_form_of_rfc_2231_is_found() -> None:
    body = b"--bb\r\nContent-Type: text/plain\r\n\r\nfound\r\n--bb--\r\n"
    assert simple(b"Content-Type: multipart/mixed; boundary*=us-ascii''bb\r\n", body).text == "found"


def test_a_boundary_that_begins_like_another_is_not_taken_for_it() -> None:
    inner = b"--bb2\r\n" + PLAIN + b"\r\n--bb2\r\n" + HTML + b"\r\n--bb2--\r\n"
    parsed = multipart("mixed", b"Content-Type: multipart/alternative; boundary=bb2\r\n\r\n" + inner)
    assert parsed.text == "The plain words that everybody can read in peace."
    assert parsed.attachments == ()


def test_a_line_that_begins_like_a_boundary_is_text() -> None:
    assert multipart("mixed", PLAIN + b"\r\n--bbq on Friday?\r\nYes.").text.endswith(
        "peace.\n--bbq on Friday?\nYes."
    )


def test_only_the_new_words_are_new_text_and_their_language_is_told() -> None:
    body = b"That is not what we have agreed on.\r\n\r\nOn 1 Jan 2026, Bob <b@x.example> wrote:\r\n> Das ist alt.\r\n"
    parsed = simple(b"", body)
    assert (parsed.new_text, parsed.language, parsed.whole_judged) == (
        "That is not what we have agreed on.",
        "en",
        False,
    )


def test_a_short_answer_is_in_the_language_of_its_conversation() -> None:
    body = b"Ok.\r\n\r\nAm 01.01.26 um 10:00 schrieb Ann <a@x.example>:\r\n> Das ist nicht das, was wir wollten.\r\n"
    assert simple(b"", body).language == "de"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=bb\r\n',
         b"--bb\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--bb--\r\n"),
        (b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n", b"AAAA"),
        (b"Content-Type: application/x-pkcs7-mime; name=smime.p7m\r\n", b"AAAA"),
        (b"", b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----\r\n"),
    ],
)  # fmt: skip
def test_an_encrypted_message_is_said_to_be_one(fields: bytes, body: bytes) -> None:
    assert simple(fields, body).encrypted


def test_a_signed_message_is_read_and_not_called_encrypted() -> None:
    body = (
        b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nI mean it.\r\n"
        b"-----BEGIN PGP SIGNATURE-----\r\n\r\niQEz\r\n-----END PGP SIGNATURE-----\r\n"
    )
    parsed = simple(b"", body)
    assert (parsed.new_text, parsed.encrypted) == ("I mean it.", False)
    signature = b"Content-Type: application/pgp-signature; name=signature.asc\r\n\r\nxx"
    signed = multipart("signed", PLAIN, signature)
    assert (signed.encrypted, [item.name for item in signed.attachments]) == (False, ["signature.asc"])


# --- attachments --------------------------------------------------------------------------------


def attachment(disposition: bytes, content: bytes = b"%PDF") -> bytes:
    encoded = base64.encodebytes(content)
    return (
        b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: "
        + disposition
        + b"\r\n\r\n"
        + encoded
    )


def test_an_attachment_has_its_decoded_size_and_digest() -> None:
    (found,) = multipart(
        "mixed", PLAIN, attachment(b"attachment; filename=offer.pdf", b"x" * 999)
    ).attachments
    assert (found.name, found.type, found.size) == ("offer.pdf", "application/pdf", 999)
    assert found.digest == hashlib.sha256(b"x" * 999).hexdigest()


@pytest.mark.parametrize(
    ("disposition", "wanted"),
    [
        (b'attachment; filename="../../etc/passwd"', "passwd"),
        (b'attachment; filename="C:\\\\Windows\\\\x.dll"', "x.dll"),
        (b"attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.pdf", "Grüße.pdf"),
        (b"attachment; filename*0=a; filename*1=b; filename*2=.pdf", "ab.pdf"),
        (b"attachment; filename*=utf-8''a%0D%0Ab.pdf", "a b.pdf"),
        (b"attachment; filename*=utf-8''x%E2%80%AEfdp.exe", "xfdp.exe"),
        (b'attachment; filename="=?utf-8?q?Gr=C3=BC=C3=9Fe=2Epdf?="', "Grüße.pdf"),
        (b'attachment; filename=".."', ""),
        (b"attachment", ""),
        (b'attachment; filename="' + b"n" * 400 + b'.pdf"', "n" * 235 + ".pdf"),
    ],
)
def test_the_name_of_an_attachment_is_never_a_path(disposition: bytes, wanted: str) -> None:
    (found,) = multipart("mixed", PLAIN, attachment(disposition)).attachments
    assert found.name == wanted


def test_a_text_that_is_attached_is_not_read_as_the_message() -> None:
    note = b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=log.txt\r\n\r\nangry log"
    parsed = multipart("mixed", PLAIN, note)
    assert "angry" not in parsed.text
    assert [item.name for item in parsed.attachments] == ["log.txt"]


# --- copies -------------------------------------------------------------------------------------


def test_two_copies_that_travelled_differently_have_one_body_digest() -> None:
    one = read(
        b"Received: by a\r\n"
        + HEAD
        + b"Content-Type: text/plain;\r\n charset=utf-8\r\n\r\nHello\r\nthere\r\n"
    )
    two = read(
        HEAD.replace(b"\r", b"")
        + b"Content-Type: text/plain; charset=utf-8\nX-Spam: no\n\nHello\nthere\n\n\n"
    )
    assert one.body_digest == two.body_digest != ""


def test_another_body_or_type_has_another_body_digest() -> None:
    digests = {
        simple(b"", b"one").body_digest,
        simple(b"", b"two").body_digest,
        simple(b"Content-Type: text/html\r\n", b"one").body_digest,
        simple(b"", b"\r\none").body_digest,
        simple(b"", b"one\r\n\r\ntwo").body_digest,
    }
    assert len(digests) == 5


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) - 1, (1 << 20) + 1])
def test_line_ends_on_the_edge_of_a_chunk_do_not_change_the_digest(size: int) -> None:
    body = b"x" * (size - 1) + b"\r\n" + b"\r\n\r\ny"
    assert simple(b"", body).body_digest == simple(b"", body.replace(b"\r\n", b"\n")).body_digest


# --- limits -------------------------------------------------------------------------------------


def test_a_message_over_the_limit_has_the_same_body_digest_and_attachments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    body = b"--bb\r\n" + PLAIN + b"\r\n--bb\r\n" + attachment(b"attachment; filename=big.pdf", b"x" * 50_000)
    data = HEAD + b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n" + body + b"\r\n--bb--\r\n"
    whole = parse(raw(data))
    monkeypatch.setattr(tree, "READ_LIMIT", 5_000)
    path = tmp_path / "spooled"
    path.write_bytes(data)
    parsed = parse(Raw(digest=hashlib.sha256(data).hexdigest(), size=len(data), path=path))
    assert parsed == whole
    assert [item.name for item in parsed.attachments] == ["big.pdf"]


def test_parts_beyond_ten_thousand_are_left_unread() -> None:
    body = b"--bb\r\n\r\nx\r\n" * 12_000
    parsed = simple(b"Content-Type: multipart/mixed; boundary=bb\r\n", body)
    assert "too-many-parts" in parsed.defects


@pytest.mark.parametrize("depth", [90, 150, 2_000])
@pytest.mark.parametrize("kind", ["multipart", "message"])
def test_nesting_is_read_to_a_hundred(depth: int, kind: str) -> None:
    level = "Content-Type: multipart/mixed; boundary=b{0}x\n\n--b{0}x\n" if kind == "multipart" else "{1}\n\n"
    data = "".join(level.format(number, "Content-Type: message/rfc822") for number in range(depth))
    parsed = read(("From: a@b.example\n" + data + "Content-Type: text/plain\n\ninnermost\n").encode())
    assert ("innermost" in parsed.text) == (depth == 90) or kind == "multipart"
    assert bool(parsed.defects) == (depth > 100)


EXPENSIVE = {
    "words in a part": b"--bb\nSubject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nx\n",
    "half words in a part": b"--bb\nSubject: " + b"=?" * 500_000 + b"\n\nx\n",
    "parameters of a part": b"--bb\nContent-Type: text/plain" + b";a=b" * 200_000 + b"\n\nx\n",
    "fields of a part": b"--bb\n" + b"A: b\n" * 200_000 + b"\n\nx\n",
    "embedded in embedded": b"--bb\n" + b"Content-Type: message/rfc822\n\n" * 90 + b"x" * 3_000_000,
    "embedded and encoded": b"--bb\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
    + base64.encodebytes(b"Content-Type: message/rfc822\n\n" * 250 + b"x" * 3_000_000),
    "a type in words": b"--bb\nContent-Type: =?utf-8?q?message=2Frfc822?=\n\n" * 90 + b"x" * 3_000_000,
    "dashes": b"--bb\n\n" + b"\n--" * 1_000_000,
    "boundaries": b"--bb\nContent-Type: multipart/mixed; boundary=" + b"b" * 500_000 + b"\n\nx",
}


@pytest.mark.parametrize("body", EXPENSIVE.values(), ids=EXPENSIVE.keys())
def test_no_structure_costs_more_than_moments(body: bytes) -> None:
    started = time.perf_counter()
    simple(b"Content-Type: multipart/mixed; boundary=bb\r\n", body)
    assert time.perf_counter() - started < 5


def test_what_the_fast_parser_refuses_is_read_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of both readings is compared over the torture corpus by hand; see docs/reference/parsing.md."""
    expected = multipart("mixed", PLAIN, attachment(b"attachment; filename=offer.pdf"))

    def refuse(data: bytes, *, mode: str) -> object:
        raise mime.fast_mail_parser.ParseError("refused")

    monkeypatch.setattr(mime.fast_mail_parser, "parse_email_tree", refuse)
    assert multipart("mixed", PLAIN, attachment(b"attachment; filename=offer.pdf")) == expected


def test_a_panic_inside_the_fast_parser_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(data: bytes, *, mode: str) -> object:
        raise PanicException("in Rust")

    monkeypatch.setattr(mime.fast_mail_parser, "parse_email_tree", panic)
    parsed = multipart("mixed", PLAIN)
    assert parsed.text.startswith("The plain words")
    assert "fast-parser-failed: PanicException" in parsed.defects
