"""What must never be shown: the secrets of this process, known by value, and how a text is made fit to be shown."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Hashable, Iterable, Mapping
from urllib.parse import parse_qsl, quote, unquote, urlsplit

HIDDEN = "[secret]"
ADDRESS = "[address]"
SHORTEST = 4
"""Characters; a shorter secret is hidden under its key only, because it would occur in ordinary words."""

SECRET_WORDS = frozenset(
    {"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "apikey", "credential"}
)
"""A key with one of these words in it never shows its value."""

NOTHING = r"(?!)"
"""A pattern that is found nowhere."""
_DEEPEST = 8
_USERINFO = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]{0,31}://)[^\s/?#@\"']{1,512}@")
_MAIL = re.compile(r"[^\s@<>\"'(),;:\[\]=]{1,64}@[^\s@<>\"'(),;:\[\]=/]{1,255}")
_PLAIN = re.compile(r"[^@]*@[^@]*\Z|[a-z0-9-]+(?:\.[a-z0-9-]+)+\Z|#\w+\Z")
"""What is long and no key: an address, a host, the name of a room."""
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


class Vault:
    """The secrets that this process has read, in every form in which they may come up in a text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lasting: dict[str, frozenset[str]] = {}
        """Secrets, and the forms of each."""
        self._passing: dict[Hashable, dict[str, frozenset[str]]] = {}
        """Those that others follow, by where: the newest last."""
        self._pattern: re.Pattern[str] | None = re.compile(NOTHING)
        """All forms of all of them; None when they have changed since it was made."""

    def add(self, *secrets: str) -> None:
        """Hide these from now on: plain, quoted for URLs, IMAP and Python, and in base64."""
        with self._lock:
            for secret in secrets:
                if secret not in self._lasting:
                    self._lasting[secret] = _forms(secret)
                    self._pattern = None

    def turn(self, where: Hashable, secret: str, most: int) -> None:
        """Hide this one from now on, and no more than the newest `most` of those that were told for `where`.

        For tokens, of which there is a new one each hour: a year of them would slow down every line of the log.
        """
        with self._lock:
            turns = self._passing.setdefault(where, {})
            forms = turns.pop(secret, None)
            if forms is None:
                forms, self._pattern = _forms(secret), None
            turns[secret] = forms
            while len(turns) > most:
                del turns[next(iter(turns))]

    def hide(self, text: str) -> str:
        """The text with every known secret replaced."""
        return (self._pattern or self._compiled()).sub(HIDDEN, text)

    def _compiled(self) -> re.Pattern[str]:
        """The pattern, made when it is needed: that takes 10 ms for a long token, and secrets come several at once."""
        with self._lock:
            if self._pattern is not None:
                return self._pattern
            known = (self._lasting, *self._passing.values())
            forms = {form for secrets in known for one in secrets.values() for form in one}
            longest_first = sorted(forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first) or NOTHING)
            return self._pattern


def _forms(secret: str) -> frozenset[str]:
    """A secret as it may come up: as it is, for URLs, in base64, and escaped once or twice (a text in a text)."""
    if len(secret) < SHORTEST:
        return frozenset()
    from base64 import b64encode  # here, because most commands know no secret

    once = {secret, quote(secret), quote(secret, safe=""), b64encode(secret.encode()).decode()}
    for _ in range(2):
        once |= {escaped for form in once for escaped in _escapes(form)}
    return frozenset(form for form in once if len(form) >= SHORTEST)


def _escapes(text: str) -> Iterable[str]:
    """As Python, JSON and IMAP write a text between quotes; Python's choice of quotes depends on the text around."""
    for plain in (repr(text)[1:-1], repr(text.encode())[2:-1], text.replace("\\", "\\\\")):
        yield plain
        bare = plain.replace("\\'", "'")
        yield bare
        yield bare.replace("'", "\\'")
    yield text.replace("\\", "\\\\").replace('"', '\\"')
    yield json.dumps(text)[1:-1]


VAULT = Vault()
"""The secrets of this process."""


def remember_login(user: str, password: str) -> None:
    """Hide a password, and what SASL PLAIN makes of it (RFC 4616)."""
    VAULT.add(password)
    if len(password) >= SHORTEST:
        from base64 import b64encode

        VAULT.add(b64encode(f"\0{user}\0{password}".encode()).decode())


def remember_url(url: str, *, private: bool) -> None:
    """Hide a channel's URL and the parts of it that can be a key: user, password, path, query, a host without a dot.

    In a `private` URL (one from a secret) every longer part is hidden, even if it is an ordinary word.
    """
    VAULT.add(
        url, url.partition("://")[2], *(piece for piece in _pieces(url) if private or _looks_random(piece))
    )


def holds_key(url: str) -> bool:
    """Whether a channel's URL holds a password or what looks like a key; addresses, hosts and this machine are none."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return True
    if "://" not in url or host == "localhost" or host.startswith("127.") or host == "::1":
        return False
    user, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    keys = (piece for piece in _pieces(url) if piece != unquote(user) and not _PLAIN.match(piece))
    return bool(password) or any(_looks_random(piece) for piece in keys)


def _pieces(url: str) -> Iterable[str]:
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query)
    except ValueError:  # not a URL at all; it is hidden as a whole
        return
    userinfo, _, host = parts.netloc.rpartition("@")
    # Many services put a key where others have a host: what has a dot is a host, what is a number its port.
    name, _, port = host.partition(":")
    hosts = () if "." in name or name.startswith("[") or name == "localhost" else (name,)
    ports = () if port.isdigit() or name.startswith("[") else (port,)
    given = (*userinfo.split(":", 1), *hosts, *ports, *parts.path.split("/"), *(value for _, value in query))
    for piece in given:
        if len(piece) >= SHORTEST:
            yield from {piece, unquote(piece)}


def _looks_random(piece: str) -> bool:
    return len(piece) >= 12 or (len(piece) >= 6 and not (piece.isalpha() and piece.islower()))


def is_secret_key(key: str) -> bool:
    """Whether a value of that name is a secret, by the words of its name."""
    return not SECRET_WORDS.isdisjoint(re.split(r"[^a-z]+", key.lower()))


def hide_addresses(text: str) -> str:
    """The text with every e-mail address replaced."""
    return _MAIL.sub(ADDRESS, text) if "@" in text else text


def masked(value: object, *, key: str = "", addresses: bool = True) -> object:
    """A value fit for the log: plain, secrets hidden; e-mail addresses too unless `addresses` may be shown."""
    return _masked(value, key, addresses, 0)


def _masked(value: object, key: str, addresses: bool, depth: int) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if is_secret_key(key):
        return HIDDEN
    if isinstance(value, int):
        return value if VAULT.hide(str(value)) == str(value) else HIDDEN
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {
            str(_masked(str(name), "", addresses, depth)): _masked(item, str(name), addresses, depth + 1)
            for name, item in value.items()
        }
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, "", addresses, depth + 1) for item in value]
    text = VAULT.hide(value if isinstance(value, str) else _said(value))
    if "://" in text:
        text = _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
    return text if addresses else hide_addresses(text)


def _said(value: object) -> str:
    try:
        return str(value) if isinstance(value, BaseException) else repr(value)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as exc:
        return f"<{type(value).__name__} that cannot be shown: {type(exc).__name__}>"


def escape(text: str, *, lines: bool = False) -> str:
    """The text with control, direction and invisible characters as `\\u202e`; `lines` keeps line breaks and tabs."""
    return _UNSAFE.sub(lambda match: match[0] if lines and match[0] in "\n\t" else _visible(match[0]), text)


def _visible(character: str) -> str:
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    code = ord(character)
    return short.get(character) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
