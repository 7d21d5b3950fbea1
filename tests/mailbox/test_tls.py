"""TLS that cannot be trusted or breaks off: an error that says so, and not one word in the clear."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from levelhead.errors import ConnectionLost, ServerBusy, TlsFailed
from servers.scripted import ScriptedServer


@pytest.fixture
def secured(tmp_path):
    """Makes scripted servers that speak TLS; `change(context)` bends theirs, and the authority is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    servers = []

    def make(script=lambda talk: talk.login(), *, change=lambda context: None, **certificate):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1", **certificate).configure_cert(context)
        change(context)
        servers.append(ScriptedServer([script], tls=context))
        servers[-1].ca_file = tmp_path / "ca.pem"
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def test_a_certificate_that_is_valid_is_accepted(secured, connected):
    assert "IDLE" in connected(secured()).capabilities


def test_an_expired_certificate_is_refused(secured, connected):
    now = datetime.now(UTC)
    server = secured(not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    with pytest.raises(TlsFailed, match="expired"):
        connected(server)
    assert not server.lines


def test_a_certificate_of_the_future_is_refused(secured, connected):
    now = datetime.now(UTC)
    with pytest.raises(TlsFailed, match="not yet valid"):
        connected(secured(not_before=now + timedelta(days=1), not_after=now + timedelta(days=9)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_server_that_speaks_only_tls_1_1_is_refused(secured, connected):
    def old(context):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    server = secured(change=old)
    with pytest.raises(TlsFailed):
        connected(server)
    assert not server.lines


# --- cut in the middle of the handshake ----------------------------------------------------------


class Cutter:
    """Listens, reads the client's first bytes, answers with some of its own and ends the connection; keeps all."""

    host = "127.0.0.1"

    def __init__(self, answer=b"", *, reset=False):
        self.heard = b""
        self.listener = socket.create_server((self.host, 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.cut, args=(answer, reset), daemon=True)
        self.thread.start()

    def cut(self, answer, reset):
        sock, _ = self.listener.accept()
        with sock:
            sock.settimeout(5)
            self.heard = sock.recv(65536)
            sock.sendall(answer)
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                sock.shutdown(socket.SHUT_WR)
                while data := sock.recv(65536):
                    self.heard += data

    def close(self):
        self.thread.join(5)
        self.listener.close()


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize("answer", [b"", b"\x16\x03\x03\x00\x7a\x02\x00"], ids=["at-once", "in-a-record"])
def test_a_cut_in_the_handshake_is_a_lost_connection(connected, answer, reset, tmp_path):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = Cutter(answer, reset=reset)
    with pytest.raises(ConnectionLost):
        connected(server, tls="implicit", ca_file=tmp_path / "ca.pem")
    server.close()
    assert server.heard.startswith(b"\x16\x03"), "a TLS record"
    assert b"CAPABILITY" not in server.heard and b"LOGIN" not in server.heard


@pytest.mark.parametrize(
    ("answer", "error"),
    [(b"NO not now", TlsFailed), (b"BAD what is that", TlsFailed), (b"NO [UNAVAILABLE] later", ServerBusy)],
)
def test_starttls_that_is_refused_is_never_given_up_for_clear_text(scripted, connected, answer, error):
    def script(talk):
        talk.greet("IMAP4rev1 STARTTLS")
        talk.expect(rb"STARTTLS")
        talk.done(answer)
        talk.until_gone()

    server = scripted(script)
    with pytest.raises(error, match=answer.split()[-1].decode() + "$"):
        connected(server, tls="starttls")
    server.wait()
    assert [line.split()[1] for line in server.lines] == [b"CAPABILITY", b"STARTTLS"]


@pytest.mark.parametrize("answer", [b"", b"garbage, and not a word of TLS\r\n" * 9])
def test_a_server_that_breaks_off_after_starttls_hears_nothing_in_the_clear(scripted, connected, answer):
    def script(talk):
        talk.greet("IMAP4rev1 STARTTLS")
        talk.expect(rb"STARTTLS")
        talk.done()
        talk.say(answer)
        heard.append(talk.silence(1.0))

    heard = []
    server = scripted(script)
    with pytest.raises((TlsFailed, ConnectionLost)):
        connected(server, tls="starttls")
    server.wait()
    assert not any(b"LOGIN" in line for line in [*server.lines, *heard])
