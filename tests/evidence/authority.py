"""A time-stamp authority of our own: keys and answers made by OpenSSL, behind a small HTTP server on loopback."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from servers.requirements import require

CONFIG = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
[authority]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[stamps]
serial = serial
signer_cert = authority.pem
signer_key = authority.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
ess_cert_id_alg = sha256
"""


class Maker:
    """The authority's keys and certificates in a folder, and OpenSSL, which makes its answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._openssl = require("openssl", "openssl")
        (folder / "serial").write_text("01\n")
        (folder / "plain.cnf").write_text(CONFIG.format(digests="sha256, sha512"))
        (folder / "other.cnf").write_text(CONFIG.format(digests="sha512"))
        (folder / "chain.cnf").write_text(CONFIG.format(digests="sha256") + "certs = chain.pem\n")
        for name in ("root", "stranger"):
            self.run(
                f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem"
                f" -days 3650 -config plain.cnf -extensions root -subj /CN={name}"
            )
        self.run(
            "req -newkey rsa:2048 -nodes -keyout authority.key -out authority.csr -config plain.cnf -subj /CN=clock"
        )
        self.run(
            "x509 -req -in authority.csr -CA root.pem -CAkey root.key -CAcreateserial -out authority.pem -days 3650"
            " -extfile plain.cnf -extensions authority"
        )
        (folder / "chain.pem").write_bytes(self.root.read_bytes())

    @property
    def root(self) -> Path:
        """The certificate that the authority's own is signed by."""
        return self.folder / "root.pem"

    @property
    def stranger(self) -> Path:
        """The certificate of somebody who has nothing to do with it."""
        return self.folder / "stranger.pem"

    def run(self, words: str, *more: str) -> str:
        """`openssl WORDS`, in the folder; what it says."""
        done = subprocess.run(
            [self._openssl, *words.split(), *more],
            cwd=self.folder,
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def reply(self, query: bytes, config: str = "plain") -> bytes:
        """The answer of `openssl ts` to a TimeStampReq."""
        (self.folder / "query").write_bytes(query)
        self.run(f"ts -reply -config {config}.cnf -section stamps -queryfile query -out reply")
        return (self.folder / "reply").read_bytes()


class Handler(BaseHTTPRequestHandler):
    """Takes a question down and lets the authority act."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.authority.asked.append((dict(self.headers), body))
        with suppress(OSError):
            self.server.authority.act(self, body)
        self.close_connection = True

    def send(
        self, body: bytes, *, status: int = 200, kind: str = "application/timestamp-reply", **more: str
    ) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    authority: Authority


@dataclass
class Authority:
    """An authority at work; `act` is what it does with a question."""

    maker: Maker
    url: str = ""
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over, for who would go on for ever."""
    act: Callable[[Handler, bytes], None] = lambda handler, query: None
    server: Server | None = None

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        assert self.server is not None
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def stamps(self, handler: Handler, query: bytes) -> None:
        """As it should."""
        handler.send(self.maker.reply(query))

    def fails(self, handler: Handler, query: bytes) -> None:
        handler.send(b"no", status=500, kind="text/plain")


@contextmanager
def serving(maker: Maker) -> Iterator[Authority]:
    """The authority on a port of its own."""
    server = Server(("127.0.0.1", 0), Handler)
    made = Authority(maker, f"http://127.0.0.1:{server.server_port}/stamp?for=tests")
    made.act = made.stamps
    server.authority, made.server = made, server
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
