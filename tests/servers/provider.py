"""An OAuth 2.0 provider of our own on loopback: tokens, browser and device sign-in, introspection, and every mood.

RFC 6749 (tokens, refresh), RFC 7636 (PKCE), RFC 8628 (device), RFC 7662 (introspection, which Dovecot asks).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "mail"


@dataclass
class Mood:
    """How the provider behaves; tests change it while it runs."""

    rotates: bool = True
    """A refresh token is spent with its use, and a new one is given."""
    life: Any = 3600
    refresh_life: Any = None
    scope: str | None = SCOPE
    gives_refresh: bool = True
    client_secret: str | None = None
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    """Answers that are given first, one a question: status, body (a dict is JSON), headers."""
    down: tuple[int, Any, dict[str, str]] | None = None
    """What it says to everything."""
    consents: bool = True
    device: list[str] = field(default_factory=list)
    """What it says to one asking for the device code's token after the other, before it grants."""
    device_extra: dict[str, Any] = field(default_factory=dict)


class Provider:
    """A running provider. `asked` is every form that its token endpoint got."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.mood = Mood()
        self.asked: list[dict[str, str]] = []
        self.device_asked: list[dict[str, str]] = []
        self.alive: dict[str, str] = {}
        """Access tokens that are good, and whose they are."""
        self.refresh: dict[str, str] = {}
        """Refresh tokens that are good, and whose they are."""
        self.issued: list[str] = []
        """Every secret that it ever gave."""
        self.codes: dict[str, dict[str, str]] = {}
        self.account = "me@example.test"
        self.gate = threading.Event()
        """Answers of the token endpoint wait for it."""
        self.gate.set()
        self.waiting = threading.Semaphore(0)
        """Released by each question that has come in."""
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((self.host, 0), _handler(self))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://{self.host}:{self.port}/{path}"

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    # --- what a test does to it -----------------------------------------------------------------

    def sign_in(self, account: str | None = None) -> str:
        """A refresh token as after a consent, without any flow."""
        return self._new(self.refresh, account or self.account)

    def revoke(self, account: str | None = None) -> None:
        """A person (or everybody) takes the consent back."""
        for tokens in (self.refresh, self.alive):
            for token in [one for one, whose in tokens.items() if account in (None, whose)]:
                del tokens[token]

    def hold(self) -> None:
        """Answers of the token endpoint wait for the gate from now on, and `waiting` counts from here."""
        while self.waiting.acquire(blocking=False):
            pass
        self.gate.clear()

    def end_access(self) -> None:
        """All access tokens end now; the consent stays."""
        self.alive.clear()

    # --- its answers ------------------------------------------------------------------------------

    def token(self, form: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        with self._lock:
            self.asked.append(form)
        self.waiting.release()
        assert self.gate.wait(30)
        with self._lock:
            if self.mood.answers:
                return self.mood.answers.pop(0)
            if self.mood.down is not None:
                return self.mood.down
            if self.mood.client_secret is not None and form.get("client_secret") != self.mood.client_secret:
                return 401, {"error": "invalid_client"}, {}
            grant = form.get("grant_type")
            if grant == "refresh_token":
                return self._refreshed(form["refresh_token"])
            if grant == "authorization_code":
                return self._coded(form)
            if grant == DEVICE_GRANT:
                return self._polled()
            return 400, {"error": "unsupported_grant_type"}, {}

    def _refreshed(self, token: str) -> tuple[int, Any, dict[str, str]]:
        account = self.refresh.get(token)
        if account is None:
            return 400, {"error": "invalid_grant", "error_description": "Token has been revoked."}, {}
        if self.mood.rotates:
            del self.refresh[token]
        return 200, self._granted(account, again=self.mood.rotates), {}

    def _coded(self, form: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge or asked["code_challenge_method"] != "S256":
            return 400, {"error": "invalid_grant", "error_description": "PKCE"}, {}
        if asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant", "error_description": "redirect_uri"}, {}
        return 200, self._granted(self.account, again=True), {}

    def _polled(self) -> tuple[int, Any, dict[str, str]]:
        if self.mood.device:
            return 400, {"error": self.mood.device.pop(0)}, {}
        return 200, self._granted(self.account, again=True), {}

    def _granted(self, account: str, *, again: bool) -> dict[str, Any]:
        answer: dict[str, Any] = {"access_token": self._new(self.alive, account), "token_type": "Bearer"}
        if self.mood.life is not None:
            answer["expires_in"] = self.mood.life
        if self.mood.scope is not None:
            answer["scope"] = self.mood.scope
        if again and self.mood.gives_refresh:
            answer["refresh_token"] = self._new(self.refresh, account)
        if self.mood.refresh_life is not None:
            answer["refresh_token_expires_in"] = self.mood.refresh_life
        return answer

    def _new(self, where: dict[str, str], account: str) -> str:
        token = f"c4nary.{secrets.token_urlsafe(24)}"
        where[token] = account
        self.issued.append(token)
        return token

    def device(self, form: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        self.device_asked.append(form)
        if self.mood.down is not None:
            return self.mood.down
        code = f"c4nary.{secrets.token_urlsafe(24)}"
        self.issued.append(code)
        answer = {
            "device_code": code,
            "user_code": "WXYZ-1234",
            "verification_uri": self.url("enter"),
            "expires_in": 900,
            "interval": 5,
        }
        return 200, answer | self.mood.device_extra, {}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        told = {"state": query["state"]}
        if self.mood.consents:
            code = f"c4nary.{secrets.token_urlsafe(24)}"
            self.issued.append(code)
            self.codes[code] = query
            told["code"] = code
        else:
            told |= {"error": "access_denied", "error_description": "The person said no."}
        return f"{query['redirect_uri']}?{urlencode(told)}"

    def introspect(self, token: str) -> dict[str, Any]:
        account = self.alive.get(token)
        if account is None:
            return {"active": False}
        return {"active": True, "username": account, "email": account, "scope": SCOPE}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = {key: values[0] for key, values in parse_qs(body).items()}
            path = urlsplit(self.path).path
            if path == "/token":
                self._say(*provider.token(form))
            elif path == "/device":
                self._say(*provider.device(form))
            elif path == "/introspect":
                self._say(200, provider.introspect(form.get("token", "")), {})
            else:
                self._say(404, {}, {})

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if parts.path == "/authorize":
                self._say(302, "", {"Location": provider.authorize(query)})
            elif parts.path == "/introspect":
                self._say(200, provider.introspect(query.get("token", "")), {})
            else:
                self._say(404, {}, {})

        def _say(self, status: int, body: Any, headers: dict[str, str]) -> None:
            data = (
                body if isinstance(body, bytes) else (body.encode() if isinstance(body, str) else _json(body))
            )
            with contextlib.suppress(OSError):  # whoever asked may have given up
                self.send_response(status)
                for key, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, *said: object) -> None:
            """Nothing: it is a test's."""

    return Handler


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()
