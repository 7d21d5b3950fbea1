"""Signing in with a browser (RFC 8252): the provider sends it back to a port of this machine, with PKCE (RFC 7636).

Where the browser is on another machine it ends up at an address that does not answer there; that address, pasted in,
does as well.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import secrets
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from levelhead.clock import Clock
from levelhead.errors import LevelheadError
from levelhead.masking import VAULT
from levelhead.signin.answers import DENIED, Tokens, described, hide, refusal, tokens_of
from levelhead.signin.asking import Answer, Ask
from levelhead.signin.device import CodeExpired, Denied
from levelhead.signin.providers import MICROSOFT, Registration

PATIENCE = 600.0
"""Seconds that a person may take at the provider's pages."""
SLICE = 0.2
"""Seconds between two looks at whether somebody wants to end."""
LARGEST = 16_384
"""Bytes of a request of a browser that are read."""
READING = 2.0
"""Seconds that a browser may take to say what it wants; others wait meanwhile."""
_ENDED = re.compile(rb"\r?\n\r?\n")

PAGE = (
    "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
    "Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n"
    "<!doctype html><title>levelhead</title><p>{words}</p>\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What the browser brought back."""

    code: str = field(repr=False)
    refused: Answer | None = None
    """What the provider says instead of giving a code (RFC 6749, 4.1.2.1)."""


class Visit:
    """One visit of a person at the provider's pages: where to go, and the wait for what comes back."""

    def __init__(self, registration: Registration, clock: Clock) -> None:
        self._registration = registration
        self._clock = clock
        self._verifier = secrets.token_urlsafe(48)
        self._state = secrets.token_urlsafe(24)
        VAULT.add(self._verifier)
        self._listener = socket.create_server(("127.0.0.1", 0))
        # RFC 8252 (7.3) wants the address, which no name server can bend; Microsoft registers only the name.
        host = "localhost" if registration.provider.name == MICROSOFT else "127.0.0.1"
        self.returns_to = f"http://{host}:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()

    @property
    def url(self) -> str:
        """The provider's page for this visit; good once, and nothing in it is secret."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self._verifier.encode()).digest()).rstrip(b"=")
        asked = {
            "response_type": "code",
            "client_id": self._registration.client_id,
            "redirect_uri": self.returns_to,
            "scope": self._registration.scope,
            "state": self._state,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
            "login_hint": self._registration.account,
            **dict(self._registration.provider.asks),
        }
        parts = urlsplit(self._registration.provider.auth_url)
        query = "&".join(filter(None, (parts.query, urlencode(asked))))
        return urlunsplit(parts._replace(query=query))

    def wait(
        self,
        stop: threading.Event,
        pasted: Callable[[], str | None] = lambda: None,
        wrong: Callable[[str], None] = lambda why: None,
    ) -> Back | None:
        """What came back, by the browser or as the pasted address; None when `stop` is set.

        `wrong` is told at once why something pasted is not it, in a sentence that repeats nothing of it. Raises
        CodeExpired, Denied, and what `refusal` makes of other errors.
        """
        end = self._clock.elapsed() + PATIENCE
        while not stop.is_set():
            if self._clock.elapsed() >= end:
                raise CodeExpired(f"nobody signed in within {PATIENCE / 60:g} minutes")
            back = self._visitor() or self._pasted(pasted() or "", wrong)
            if back is not None:
                if back.refused is not None:
                    raise self._refusal(back.refused)
                return back
        return None

    def tokens(self, back: Back, ask: Ask) -> Tokens:
        """The tokens for the code (RFC 6749, 4.1.3); raises what `tokens_of` raises."""
        form = self._registration.form(
            grant_type="authorization_code",
            code=back.code,
            redirect_uri=self.returns_to,
            code_verifier=self._verifier,
        )
        answer = ask(self._registration.provider.token_url, form)
        if answer.status == 400 and answer.data.get("error") == "invalid_grant":
            hide(answer.data, self._registration)
            # RFC 6749, 5.2: for a code it is that, and not a sign-in which has ended.
            raise CodeExpired(
                f"the code was used already, or is too old ({answer.host} said {described(answer)}); sign in once more"
            )
        return tokens_of(answer, self._registration)

    def _refusal(self, said: Answer) -> LevelheadError:
        if said.data["error"] in DENIED:
            return Denied(f"the sign-in was denied: {described(said)}")
        return refusal(said, self._registration)

    # --- the browser --------------------------------------------------------------------------

    def _visitor(self) -> Back | None:
        """Whoever comes within a slice; anybody but the one with our state is turned away and the wait goes on."""
        if not select.select([self._listener], [], [], SLICE)[0]:
            return None
        with contextlib.suppress(OSError):
            sock, _ = self._listener.accept()
            with sock:
                sock.settimeout(READING)
                back = self._of_request(self._request(sock))
                if back is None:
                    words, status = "This is not the sign-in that levelhead waits for.", "404 Not Found"
                elif back.refused is not None:
                    words, status = "Nobody was signed in. You can close this window.", "200 OK"
                else:
                    words, status = "You can close this window and go back to levelhead.", "200 OK"
                with contextlib.suppress(OSError):
                    sock.sendall(PAGE.format(status=status, words=words).encode())
                return back
        return None

    def _request(self, sock: socket.socket) -> str:
        data = b""
        end = self._clock.monotonic() + READING
        with contextlib.suppress(OSError):
            # To its end: whoever is answered with something unread finds the connection reset instead of the page.
            while not _ENDED.search(data) and len(data) < LARGEST and self._clock.monotonic() < end:
                more = sock.recv(4096)
                if not more:
                    break
                data += more
        return data.partition(b"\n")[0].decode("ascii", "replace")

    def _of_request(self, line: str) -> Back | None:
        method, _, rest = line.strip().partition(" ")
        target, _, version = rest.partition(" ")
        if method != "GET" or not version.startswith("HTTP/") or not target.startswith("/?"):
            return None
        return self._of_query(target[2:])

    def _pasted(self, text: str, wrong: Callable[[str], None]) -> Back | None:
        back = self._of_address(text)
        if back is None and text.strip():
            wrong(
                f"that is not the address at which this sign-in ends: it begins with {self.returns_to} and holds "
                "`state=`; copy the whole of it out of the browser's address line, and paste it here"
            )
        return back

    def _of_address(self, text: str) -> Back | None:
        """The same from an address that a person copied out of the browser."""
        try:
            return self._of_query(urlsplit(text.strip()).query)
        except ValueError:
            return None

    def _of_query(self, query: str) -> Back | None:
        try:
            told = parse_qs(query, max_num_fields=50)
        except ValueError:
            return None
        states, codes, errors = told.get("state", []), told.get("code", []), told.get("error", [])
        # Compared in constant time, and exactly one of each: what somebody else made up is not ours (RFC 6749, 10.12).
        if len(states) != 1 or not hmac.compare_digest(states[0].encode(), self._state.encode()):
            return None
        if len(errors) == 1 and not codes:
            data = {"error": errors[0], "error_description": told.get("error_description", [""])[0]}
            host = urlsplit(self._registration.provider.auth_url).hostname or ""
            return Back(code="", refused=Answer(host=host, status=400, data=data))
        if len(codes) != 1 or errors:
            return None
        VAULT.add(codes[0])
        return Back(code=codes[0])
