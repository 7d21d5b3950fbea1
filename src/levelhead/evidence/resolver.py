"""Asks the DNS for the keys of signatures: one name at a time, within a total deadline, remembered for a while.

Whoever asks for a key tells the resolver, and the name servers of the domain behind it, that mail of that domain has
come here. So nobody is asked unless the operator named a resolver.
"""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from levelhead.clock import Clock
from levelhead.errors import UserError
from levelhead.evidence.signing import KEY_LIMIT
from levelhead.facts import KeyPart

if TYPE_CHECKING:
    from dns.resolver import Resolver as DnsResolver

NEEDED = "checking DKIM signatures needs the extra: pip install 'levelhead[evidence]'"

DEADLINE = 5.0
"""Seconds that one question may take in all, over UDP and TCP and however many servers."""
ONE_TRY = 2.0
"""Seconds that one server is waited for."""
LONGEST = 3_600.0
"""Seconds for which a key is remembered at most, whatever its TTL."""
NONE_FOR = 300.0
"""Seconds for which it is remembered that there is no such key."""
FAILED_FOR = 10.0
"""Seconds for which a question that failed is not asked again."""
SILENT_FOR = 30.0
"""Seconds for which a resolver that has not answered twice in a row is not asked at all."""
REMEMBERED = 1_000
"""Names."""
UDP_SIZE = 1_232
"""Bytes of an answer that come in one packet everywhere (EDNS); larger ones come over TCP."""


def must_be_installed() -> None:
    """UserError unless the libraries that check signatures and ask for their keys are there."""
    if any(importlib.util.find_spec(name) is None for name in ("cryptography", "dkim", "dns")):
        raise UserError(NEEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a DNS server said: the record, for how many seconds it holds, and whether nobody answered at all."""

    key: KeyPart
    ttl: float
    silent: bool = False


class Server(Protocol):
    """A DNS server that is asked for TXT records."""

    @property
    def address(self) -> str:
        """Whom it asks, for the record."""

    def ask(self, name: str) -> Answer:
        """Ask for that name; every failure is an answer."""


class Resolver:
    """Remembers what a server has answered. For one thread."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._known: dict[str, tuple[float, KeyPart]] = {}
        self._silences = 0
        self._silent_until = 0.0

    @property
    def address(self) -> str:
        """Whom it asks, for the record."""
        return self._server.address

    def lookup(self, name: str) -> KeyPart:
        """The key of that DNS name, from memory or from the server."""
        now = self._clock.monotonic()
        until, key = self._known.get(name, (0.0, None))
        if key is not None and now < until:
            return key
        if now < self._silent_until:
            return failed(name, self._clock)
        answer = self._server.ask(name)
        self._note(answer.silent)
        self._keep(name, answer)
        return answer.key

    def _note(self, silent: bool) -> None:
        self._silences = self._silences + 1 if silent else 0
        if self._silences > 1:
            self._silent_until = self._clock.monotonic() + SILENT_FOR

    def _keep(self, name: str, answer: Answer) -> None:
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known.pop(name, None)
        self._known[name] = (self._clock.monotonic() + min(LONGEST, max(0.0, answer.ttl)), answer.key)


def failed(name: str, clock: Clock) -> KeyPart:
    """The answer of nobody."""
    return KeyPart(name=name, record="", answer="failed", dnssec="unknown", fetched_at=clock.now())


class Dns:
    """A real DNS server, asked through dnspython; `where` is its address and port, None for the machine's own."""

    def __init__(
        self,
        where: tuple[str, int] | None,
        clock: Clock,
        *,
        deadline: float = DEADLINE,
        one_try: float = ONE_TRY,
    ) -> None:
        self._where = where
        self._clock = clock
        self._deadline = deadline
        self._one_try = one_try

    @property
    def address(self) -> str:
        """`ADDRESS:PORT`; of the machine's own, all that it names."""
        import dns.exception

        try:
            asked = self._resolver()
        except dns.exception.DNSException:
            return "system"
        return ", ".join(
            f"[{one}]:{asked.port}" if ":" in str(one) else f"{one}:{asked.port}" for one in asked.nameservers
        )

    def ask(self, name: str) -> Answer:
        """Ask for the TXT records of that name; every failure is an answer."""
        import dns.exception
        import dns.resolver

        try:
            found = self._resolver().resolve(
                f"{name}.", "TXT", search=False, lifetime=self._deadline, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN as exc:
            secure = any(_secure(response) for response in exc.responses().values())  # type: ignore[no-untyped-call]
            return self._answer(name, "none", secure=secure, ttl=NONE_FOR)
        except dns.exception.Timeout:
            return Answer(key=failed(name, self._clock), ttl=FAILED_FOR, silent=True)
        except (dns.exception.DNSException, OSError, ValueError):
            return Answer(key=failed(name, self._clock), ttl=FAILED_FOR)
        records = [b"".join(record.strings) for record in found.rrset or ()]
        secure, key = _secure(found.response), the_key(records)
        if key is None:
            return self._answer(name, "none", secure=secure, ttl=NONE_FOR)
        return self._answer(
            name, "found", record=key, secure=secure, ttl=found.rrset.ttl if found.rrset else 0
        )

    def _answer(self, name: str, answer: str, *, secure: bool, ttl: float, record: bytes = b"") -> Answer:
        key = KeyPart(
            name=name,
            record=base64.b64encode(record).decode("ascii"),
            answer=answer,
            dnssec="secure" if secure else "insecure",
            fetched_at=self._clock.now(),
        )
        return Answer(key=key, ttl=ttl)

    def _resolver(self) -> DnsResolver:
        """Made anew each time: the machine's own servers change when it moves to another network."""
        import dns.flags
        import dns.resolver

        asked = dns.resolver.Resolver(configure=self._where is None)
        if self._where is not None:
            asked.nameservers, asked.port = [self._where[0]], self._where[1]
        asked.timeout = self._one_try
        asked.cache = None
        asked.use_edns(0, 0, UDP_SIZE)
        # AD in a question asks the server to say whether it validated the answer (RFC 6840, section 5.7).
        asked.flags = dns.flags.RD | dns.flags.AD
        return asked


def _secure(response) -> bool:  # type: ignore[no-untyped-def]  # a dns.message.Message
    import dns.flags

    return bool(response.flags & dns.flags.AD)


def the_key(records: Iterable[bytes]) -> bytes | None:
    """The one of several TXT records that is a key: it has a `p=`; of several, the same one whatever their order."""
    keys = sorted(one for one in records if len(one) <= KEY_LIMIT and b"p=" in one.replace(b" ", b""))
    return keys[0] if keys else None


def within(lookup: Callable[[str], KeyPart], clock: Clock, seconds: float) -> Callable[[str], KeyPart]:
    """The same for questions that all together may begin within so many seconds; later ones fail at once."""
    end = clock.monotonic() + seconds

    def ask(name: str) -> KeyPart:
        return lookup(name) if clock.monotonic() < end else failed(name, clock)

    return ask
