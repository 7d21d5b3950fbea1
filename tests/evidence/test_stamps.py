"""Time stamps: what an authority of OpenSSL says is believed, what is wrong is one sentence, and nothing waits long."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from evidence.authority import Authority as Served
from evidence.authority import Handler, Maker
from levelhead.clock import FrozenClock, SystemClock
from levelhead.errors import Stopping, Unavailable, UserError
from levelhead.evidence import stamps
from levelhead.evidence.anchoring import Authority, Statement
from levelhead.exchange import LARGEST, post
from levelhead.facts import AnchorStamped

NOTE = "levelhead/0123456789abcdef\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u2014 x Zm9v\n"
STATEMENT = Statement(size=7, root="00" * 32, text=NOTE, verifier="x")


def stamped(tsa: Served, *, ca_file: Path | None = None, deadline: float = 20.0) -> AnchorStamped:
    return Authority(tsa.url, SystemClock(), ca_file=ca_file, deadline=deadline).reach(STATEMENT)


def refused(tsa: Served, *, ca_file: Path | None = None, deadline: float = 20.0) -> str:
    """The sentence with which an answer is not believed."""
    with pytest.raises(Unavailable) as caught:
        stamped(tsa, ca_file=ca_file, deadline=deadline)
    said = str(caught.value)
    assert "\n" not in said and len(said) < 400
    return said


def answer_to(maker: Maker, data: bytes = NOTE.encode(), config: str = "plain") -> tuple[bytes, int]:
    """An answer, and the number that was asked with."""
    asked, nonce = stamps.question(data)
    return maker.reply(asked, config), nonce


# --- as it should be ------------------------------------------------------------------------------


def test_an_authority_stamps_the_bytes_of_the_note_and_learns_nothing_but_their_digest(tsa: Served) -> None:
    before = datetime.now(UTC)
    fact = stamped(tsa, ca_file=tsa.maker.root)
    assert (fact.size, fact.root, fact.authority) == (7, "00" * 32, tsa.url)
    assert timedelta(seconds=-2) < fact.stamped_at - before < timedelta(seconds=20)
    ((headers, query),) = tsa.asked
    assert headers["Content-Type"] == "application/timestamp-query"  # RFC 3161, section 3.4
    assert hashlib.sha256(NOTE.encode()).digest() in query and len(query) < 80
    stamp = stamps.read_answer(base64.b64decode(fact.token))
    assert (stamp.digest, stamp.signer) == (hashlib.sha256(NOTE.encode()).digest(), "CN=clock")


def test_openssl_finds_the_kept_answer_right(tsa: Served, tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(NOTE.encode())
    (tmp_path / "token").write_bytes(base64.b64decode(stamped(tsa).token))
    words = ["-data", str(tmp_path / "note"), "-in", str(tmp_path / "token"), "-CAfile", str(tsa.maker.root)]
    assert "Verification: OK" in tsa.maker.run("ts -verify", *words)


def test_every_question_has_its_own_number() -> None:
    assert len({stamps.question(b"x")[1] for _ in range(20)}) == 20


def test_certificates_that_are_out_of_order_are_read_all_the_same(maker: Maker, tmp_path: Path) -> None:
    answer, nonce = answer_to(maker, config="chain")
    assert stamps.certificates_in_order(answer) != answer, (
        "OpenSSL has sent them in order; the test shows nothing"
    )
    stamp = stamps.believed(answer, NOTE.encode(), nonce)
    stamps.must_be_signed(stamp, stamps.roots_of(maker.root))
    assert stamp.signer == "CN=clock"


# --- what is wrong --------------------------------------------------------------------------------


def test_a_refusal_is_told_in_the_authoritys_words(tsa: Served) -> None:
    tsa.act = lambda handler, query: handler.send(tsa.maker.reply(query, "other"))
    assert "no grant but a rejection: Message digest algorithm is not supported." in refused(tsa)


def test_a_stamp_on_something_else_is_not_believed(tsa: Served) -> None:
    ours, other = (hashlib.sha256(one).digest() for one in (NOTE.encode(), b"other"))
    tsa.act = lambda handler, query: handler.send(tsa.maker.reply(query.replace(ours, other)))
    assert "a stamp on something else" in refused(tsa)


def test_an_answer_to_an_earlier_question_is_not_believed(tsa: Served, maker: Maker) -> None:
    earlier, _ = answer_to(maker)
    tsa.act = lambda handler, query: handler.send(earlier)
    assert "its nonce is not ours" in refused(tsa)


def test_an_answer_without_the_signers_certificate_is_not_believed(maker: Maker) -> None:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    asked = TimestampRequestBuilder(NOTE.encode(), HashAlgorithm.SHA256, nonce=True, cert_req=False).build()
    assert asked.nonce is not None
    with pytest.raises(ValueError, match="lacks the certificate"):
        stamps.believed(maker.reply(asked.as_bytes()), NOTE.encode(), asked.nonce)


def test_a_stamp_of_somebody_else_is_not_believed_where_the_roots_are_named(tsa: Served) -> None:
    assert "does not lead from CN=clock to a certificate" in refused(tsa, ca_file=tsa.maker.stranger)


def test_a_signature_that_is_not_right_is_not_believed_where_the_roots_are_named(tsa: Served) -> None:
    def forge(handler: Handler, query: bytes) -> None:
        answer = bytearray(tsa.maker.reply(query))
        answer[-20] ^= 1  # within the signature, which stands last
        handler.send(bytes(answer))

    tsa.act = forge
    assert "its signature is not right" in refused(tsa, ca_file=tsa.maker.root)


@pytest.mark.parametrize("body", [b"", b"hello", b"\x30\x80" * 50, b"<html>pay first</html>"])
def test_what_is_no_time_stamp_is_told_as_that(tsa: Served, body: bytes) -> None:
    tsa.act = lambda handler, query: handler.send(body, kind="text/html")
    assert "(it says that it is text/html) is not believed: it is no time stamp" in refused(tsa)


def test_a_broken_server_is_told_by_its_status(tsa: Served) -> None:
    tsa.act = tsa.fails
    assert refused(tsa) == "127.0.0.1 answered with status 500"


def test_nobody_is_followed_elsewhere(tsa: Served) -> None:
    def elsewhere(handler: Handler, query: bytes) -> None:
        if handler.path == "/elsewhere":
            tsa.stamps(handler, query)
        else:
            handler.send(b"", status=307, Location="/elsewhere")

    tsa.act = elsewhere
    assert "sends us elsewhere (status 307)" in refused(tsa)
    assert len(tsa.asked) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, f"127.0.0.1 answered with more than {LARGEST} bytes"),
        (503, "127.0.0.1 answered with status 503"),
    ],
)
def test_an_endless_answer_is_cut_off(tsa: Served, status: int, said: str) -> None:
    sent = 0

    def flood(handler: Handler, query: bytes) -> None:
        nonlocal sent
        handler.send_response(status)
        handler.end_headers()
        while not tsa.over.is_set():
            sent += handler.wfile.write(b"x" * 10_000)

    tsa.act = flood
    assert refused(tsa) == said
    assert sent < 100 * LARGEST


@pytest.mark.parametrize(
    "first", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]
)
def test_an_answer_that_drips_ends_with_the_deadline(tsa: Served, first: bytes) -> None:
    def drip(handler: Handler, query: bytes) -> None:
        handler.wfile.write(first)
        while not tsa.over.wait(0.02):
            handler.wfile.write(b"x")

    tsa.act = drip
    began = SystemClock().monotonic()
    assert "did not answer whole within 0.3 s" in refused(tsa, deadline=0.3)
    assert SystemClock().monotonic() - began < 5


def test_whoever_drips_is_left_alone_when_the_deadline_is_over(tsa: Served) -> None:
    hung_up = threading.Event()

    def drip(handler: Handler, query: bytes) -> None:
        try:
            while not tsa.over.wait(0.01):
                handler.wfile.write(b"x")
        except OSError:
            hung_up.set()

    tsa.act = drip
    refused(tsa, deadline=0.2)
    assert hung_up.wait(5), "the connection is kept open"


def test_nobody_there_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(Unavailable, match=r"^no answer from 127\.0\.0\.1: Connection refused$"):
            post(url, b"x", sends="a/b", accepts="a/b", clock=SystemClock())


@pytest.mark.parametrize("size", [b"-1", b"-5", b"fffffffffffffffff", b"x"])
def test_a_chunk_of_a_size_that_cannot_be_is_one_sentence_and_no_flood(tsa: Served, size: bytes) -> None:
    sent = 0

    def chunk(handler: Handler, query: bytes) -> None:
        nonlocal sent
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
        while not tsa.over.is_set() and sent < 100 * LARGEST:
            sent += handler.wfile.write(b"x" * 10_000)

    tsa.act = chunk
    assert refused(tsa).startswith("127.0.0.1 ")
    assert sent < 100 * LARGEST


def test_a_server_that_speaks_something_else_is_one_sentence(tsa: Served) -> None:
    tsa.act = lambda handler, query: handler.wfile.write(b"220 mail.example ESMTP\r\n") and None
    assert "does not speak HTTP" in refused(tsa)


def test_an_answer_that_breaks_off_is_one_sentence(tsa: Served) -> None:
    def break_off(handler: Handler, query: bytes) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")

    tsa.act = break_off
    assert refused(tsa) == "127.0.0.1 broke off in the middle of its answer"


def test_https_without_a_trusted_certificate_is_not_used(tsa: Served) -> None:
    url = tsa.url.replace("http://", "https://")
    with pytest.raises(Unavailable, match=r"no answer from 127\.0\.0\.1"):
        Authority(url, SystemClock()).reach(STATEMENT)
    assert tsa.asked == []


def test_https_with_a_trusted_certificate_is_used(
    tsa: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    tsa.encrypt(context)
    assert Authority(tsa.url.replace("http://", "https://"), SystemClock()).reach(STATEMENT).size == 7


def test_a_daemon_that_ends_does_not_wait_for_an_authority(tsa: Served) -> None:
    tsa.act = lambda handler, query: tsa.over.wait(20) and None
    asked = Authority(
        tsa.url, FrozenClock(datetime(2026, 3, 2, tzinfo=UTC)), stopping=lambda: bool(tsa.asked)
    )
    with pytest.raises(Stopping):
        asked.reach(STATEMENT)


def test_without_the_extra_it_is_one_sentence(tsa: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(
        UserError, match=r"^\[anchors\] needs the extra: pip install 'levelhead\[evidence\]'$"
    ):
        stamped(tsa)
    assert tsa.asked == []


def test_certificates_that_cannot_be_read_are_one_sentence(tmp_path: Path, tsa: Served) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name, why in (("empty.pem", "holds no certificates"), ("none.pem", "No such file")):
        with pytest.raises(UserError, match=why):
            stamped(tsa, ca_file=tmp_path / name)
    assert tsa.asked == []


def test_what_a_bundle_holds_beside_good_certificates_is_passed_over(maker: Maker, tmp_path: Path) -> None:
    bad = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "bundle.pem").write_bytes(
        b"# roots\n" + bad + maker.stranger.read_bytes() + maker.root.read_bytes()
    )
    roots = stamps.roots_of(tmp_path / "bundle.pem")
    assert [one.subject.rfc4514_string() for one in roots] == ["CN=stranger", "CN=root"]
    answer, _ = answer_to(maker)
    stamps.must_be_signed(stamps.read_answer(answer), roots)


# --- any bytes ------------------------------------------------------------------------------------


def test_no_flipped_bit_passes_for_a_stamp_on_something_else_or_raises_anything_but_a_sentence(
    maker: Maker,
) -> None:
    answer, _ = answer_to(maker)
    roots = stamps.roots_of(maker.root)
    whole = stamps.read_answer(answer)
    passed = 0
    for place in range(0, len(answer) * 8, 29):
        bent = bytearray(answer)
        bent[place // 8] ^= 1 << place % 8
        try:
            stamp = stamps.read_answer(bytes(bent))
            stamps.must_be_on(stamp, NOTE.encode())
            stamps.must_be_signed(stamp, roots)
        except ValueError:
            continue
        passed += 1
        assert stamp.at == whole.at, "a stamp of another time passes"
    # What no signature covers: parameters left out, the status's own words.
    assert passed < 10


@given(st.binary(max_size=200))
def test_any_bytes_are_put_in_order_or_left_as_they_are(data: bytes) -> None:
    assert sorted(stamps.certificates_in_order(data)) == sorted(data)
    with pytest.raises(ValueError, match="no time stamp"):
        stamps.read_answer(data)
