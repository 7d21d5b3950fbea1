"""Messages made to keep a parser busy, each of them large; what is read of none may take a second."""

from __future__ import annotations

import base64

HEAD = b"From: a@b.example\r\nMIME-Version: 1.0\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
TEXT = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
QUOTED = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
CODED = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
UU = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n"
LARGE = 1_000_000
HUGE = 34_000_000
IMAGE = b"--b\r\nContent-Type: image/png\r\n"

LONG = b"y" * 500_000
BOMBS = {
    # headers
    "lines that are no fields": b"From: a@b.example\r\n" + b"x\r\nSubject:a\r\n" * 70_000 + b"\r\nx",
    "few fields among such lines": b"From: a@b.example\r\n" + (b"x\r\n" * 20 + b"Subject:a\r\n") * 15_000 + b"\r\nx",
    "brackets never closed": HEAD + b"From: " + b"(" * 60_000 + b"\r\nReferences: " + b"<a" * 30_000 + b"\r\n\r\nx",
    "words never closed": HEAD + b"Subject: " + b"=?utf-8?q?" * 6_000 + b"\r\n\r\nx",
    "spaces in a parameter": HEAD + b"Content-Type: text/plain;" + b" " * 60_000 + b"\r\n\r\nx",
    "quotes in parameters": HEAD + b"Content-Type: text/plain" + b';a="\\' * 15_000 + b"\r\n\r\nx",
    "many small addresses": HEAD + b"To: " + b"a@b," * 16_000 + b"\r\n\r\nx",
    "many references": HEAD + b"References: " + b"<a@b>\r\n " * 100_000 + b"\r\n\r\nx",
    # parts
    "a boundary of 500 KB": HEAD + b'Content-Type: multipart/mixed; boundary="' + LONG + b'"\r\n\r\n--' + LONG
    + b"\r\n\r\nx\r\n--" + LONG + b"--\r\n",
    "boundary and spaces": MIXED + b"boundary\n" * 101 + b"boundary" + b" " * LARGE,
    "boundaries and spaces": MIXED + (b"boundary" + b" " * 1_000) * 1_000,
    "many boundaries declared": MIXED
    + b"".join(b"--b\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % number for number in range(99))
    + b"--q\r\n" * 9_000,
    "fields of parts": MIXED + (b"--b\r\n" + b"X: y\r\n" * 20 + b"\r\nx\r\n") * 9_000,
    "many embedded messages": MIXED + b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@b\r\n\r\nx\r\n" * 9_000,
    # text
    "fields in the text": TEXT + b"From: a\nSent: b\n" * (LARGE // 16),
    "fields with stars": TEXT + b"*From:* a\n*Sent:* b\n" * (LARGE // 20),
    "valedictions": TEXT + b"Best regards\n" * (LARGE // 13),
    "attributions": TEXT + b"On 1 Jan 2026, A <a@b> wrote:\n" * (LARGE // 30),
    "On On On": TEXT + b"On " * (LARGE // 3),
    "signatures": TEXT + b"-- \n" * (LARGE // 4),
    "short lines": TEXT + b"-\n" * (LARGE // 2),
    "control characters": TEXT + b"\x01a" * (LARGE // 2),
    "combining characters": TEXT + "\u0301".encode() * (LARGE // 2),
    "flowed lines": HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n" + b"a \n" * (LARGE // 3),
    "signed texts": TEXT + b"-----BEGIN PGP SIGNED MESSAGE-----\nA:b\n" * (LARGE // 40),
    # HTML
    "tags never closed": HTML + b"<div>" * (LARGE // 5),
    "hidden elements": HTML + b"<div hidden>x" * 390,
    "styles": HTML + (b"<p style='" + b"height:0;" * 100 + b"'>x</p>") * 500,
    "attributes never closed": HTML + b"<p " + b'a="' * 170_000,
    "scripts": HTML + b"<script></script" * 30_000,
}  # fmt: skip
"""About a megabyte each, the usual size of what is sent to hurt."""

HUGE_BOMBS = {
    "empty lines": TEXT + b"\r\n" * (HUGE // 2),
    "one line": TEXT + b"x" * HUGE,
    "nulls": TEXT + b"\x00" * HUGE,
    "8-bit quoted-printable": HEAD + QUOTED + b"\xe9=\r\n" * (HUGE // 4),
    "8-bit quoted-printable in a part": MIXED + b"--b\r\n" + QUOTED + b"\xe9=\r\n" * (HUGE // 4),
    "uuencode": HEAD + UU + b"\n" * HUGE,
    "uuencode in a part": MIXED + b"--b\r\n" + UU + b"#AAAA\n" * (HUGE // 6),
    "a coded message of short lines": MIXED + b"--b\r\n" + CODED + b"A\n" * (HUGE // 2),
    "lines that could begin a boundary": MIXED + b"--b\r\n\r\n" + b"\n-" * (HUGE // 2),
    "types in one line": MIXED + b"--b\r\n\r\n" + b"content-type:" * (HUGE // 13),
    "an attachment": MIXED + b"--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(bytes(HUGE * 3 // 4)) + b"--b--\r\n",
    "headers": b"X-Y: z\r\n" * (HUGE // 8) + b"\r\nx",
    "delimiters": MIXED + b"--b\r\n" * (HUGE // 5),
    "almost delimiters": MIXED + b"--bx\r\n" * (HUGE // 6),
    "header blocks of parts": MIXED + (b"--b\r\n" + b"a: b\r\n" * 2_000) * (HUGE // 12_005),
    "a quoted-printable attachment": MIXED + IMAGE + QUOTED + b"=41=\r\n" * (HUGE // 6),
    "a quoted-printable attachment in one line": MIXED + IMAGE + QUOTED + b"=4" * (HUGE // 2),
    "parts in parts": HEAD + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (depth - 1, depth) for depth in range(1, 100)
    ) * (HUGE // 6_000),
}  # fmt: skip
"""More than is read of any message."""
