"""The built-in `apprise` plugin: carries alerts to any address that Apprise knows, but never to a client.

Redirects are not followed (Apprise would, and a webhook could send an alert elsewhere), a name that leads into one's
own network is not dialled, connecting and reading end after seconds, the whole of it after half a minute. The text is
plain, so a channel of HTML gets it escaped. What is raised or logged names the channel, and of its address nothing but
the host that was dialled in vain.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from levelhead import Channel, Delivered, Notice, hookimpl
from levelhead.screening.reach import within_reach

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
WHOLE_SECONDS = 30.0
"""A delivery that takes longer counts as failed, whatever it waits for."""

NO_CONNECTION = "no connection, or no answer in time"

_ADDRESS = re.compile(r"[^\s,;:<>()\[\]\"'/@?&=]+@[^\s,;:<>()\[\]\"'/@?&=]+\.[^\s,;:<>()\[\]\"'/@?&=]+")
_STATUS = re.compile(r"\berror=(\d{3})\b")
_DIALLED = re.compile(r"\bhost='([\w.:-]{1,253})', port=(\d{1,5})")
_SAID = re.compile(
    r"(?<=\] )[A-Z][a-z]+( [a-z]+){1,6}|(?:read )?timed out|certificate verify failed", re.IGNORECASE
)
_TARGETS = ("targets", "cc", "bcc", "to", "to_emails", "recipients", "emails")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """Whom an alert must never reach: `is_client` answers for one mail address."""

    is_client: Callable[[str], bool]


class NotDelivered(Exception):
    """The channel did not take the alert; the message names the channel, at most the host, never the whole address."""


@hookimpl
def deliver(alert: Notice, channel: Channel, settings: Any) -> Delivered:
    """Carry an alert; raises NotDelivered, so that it is tried again, when the channel does not take it."""
    if not isinstance(settings, DeliveryPolicy):
        raise NotDelivered("nobody has said who the clients are, so nothing is delivered")
    if problem := problem_of(channel.url, settings.is_client):
        raise NotDelivered(f"the channel {channel.name} {problem}")
    target = _target(channel.url)
    _mark(target, alert)
    why = _send(target, channel.url, alert)
    if why:
        raise NotDelivered(f"the channel {channel.name} did not take it: {why}")
    return Delivered(f"by {_schema(channel.url)}")


def problem_of(url: str, is_client: Callable[[str], bool]) -> str:
    """What is wrong with an address, as the end of "the channel NAME ...", or empty; never shows the address."""
    if _target(url) is None:
        return f"has an address that Apprise cannot use (it begins with {_schema(url)}://)"
    if any(is_client(address) for address in recipients(url)):
        return "would write to a client; alerts go to you and yours alone"
    return ""


def recipients(url: str) -> tuple[str, ...]:
    """Every mail address that a delivery to this URL may write to, sorted; none for a channel that is not mail."""
    found: set[str] = set()
    target = _target(url)
    for name in _TARGETS:
        found.update(_addresses(getattr(target, name, None)))
    # What the URL itself says behind its host, in case that a transport keeps its recipients elsewhere.
    parts = urlsplit(url)
    found.update(_ADDRESS.findall(unquote(parts.path)))
    for _, value in parse_qsl(parts.query, keep_blank_values=True):
        found.update(_ADDRESS.findall(value))
    return tuple(sorted(address.lower() for address in found))


def _addresses(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from _ADDRESS.findall(value)
    elif isinstance(value, dict):
        yield from _addresses(list(value.items()))
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for item in value:
            yield from _addresses(item)


def _schema(url: str) -> str:
    schema, colon, _ = url.partition("://")
    return schema.lower() if colon and re.fullmatch(r"[A-Za-z0-9]{1,20}", schema) else "something else"


@cache
def _library() -> Any:
    """Apprise, imported when the first alert leaves: it is heavy. Its log lines show addresses, so they stay inside."""
    import apprise

    logging.getLogger("apprise").addFilter(_EAR)
    for name in ("urllib3", "requests", "smtplib"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return apprise


def _target(url: str) -> Any:
    """Apprise's own object for an address, with redirects off and time limits set; None when it knows none."""
    library = _library()
    asset = library.AppriseAsset(
        http_redirects=False, app_id="levelhead", app_desc="levelhead", async_mode=False
    )
    try:
        target = library.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    except Exception:  # noqa: BLE001 - what a transport raises for a bad address shows the address
        return None
    if target is None:
        return None
    target.redirects = False
    target.socket_connect_timeout = min(float(target.socket_connect_timeout), CONNECT_SECONDS)
    target.socket_read_timeout = min(float(target.socket_read_timeout), READ_SECONDS)
    return target


def _mark(target: Any, alert: Notice) -> None:
    """The alert's key where the transport has room for it, so that a repeat is known as one."""
    if isinstance(extras := getattr(target, "payload_extras", None), dict):
        for name in ("key", "severity", "rung", "count"):
            extras.setdefault(name, getattr(alert, name))
    if isinstance(headers := getattr(target, "headers", None), dict):
        headers.setdefault("Idempotency-Key", alert.key)
        if _is_mail(target):
            headers.setdefault("Auto-Submitted", "auto-generated")


def _is_mail(target: Any) -> bool:
    return any(kind.__name__ == "NotifyEmail" for kind in type(target).__mro__)


def _send(target: Any, url: str, alert: Notice) -> str:
    """Send, and return why it failed, or empty."""
    library = _library()
    kinds = {"critical": library.NotifyType.FAILURE, "warning": library.NotifyType.WARNING}
    then = f"I have it: levelhead ack {alert.key}"
    if alert.is_test or alert.is_checkpoint:
        then = "This was a test; there is nothing to do." if alert.is_test else ""
    body = f"{alert.body.rstrip()}\n\n{then}".strip()
    if alert.count > 1:
        body = f"{body}\nThis has happened {alert.count} times."
    box: list[str] = []

    # At this level it says why there is no connection; whoever sets up the log again has made it quiet.
    logging.getLogger("apprise").setLevel(logging.DEBUG)

    def work() -> None:
        _EAR.heard.why = ""
        try:
            kind = kinds.get(alert.severity, library.NotifyType.INFO)
            with within_reach(url) as reach:
                sent = target.notify(
                    body=body,
                    title=" ".join(alert.title.split()),
                    notify_type=kind,
                    body_format=library.NotifyFormat.TEXT,
                )
            box.append("" if sent else reach.refused or _EAR.heard.why or "it gave no reason")
        except Exception as exc:  # noqa: BLE001 - the guard around a thread; its words may show the address
            box.append(type(exc).__name__)

    thread = threading.Thread(target=work, name="apprise", daemon=True)
    thread.start()
    thread.join(WHOLE_SECONDS)
    return box[0] if box else f"no answer within {WHOLE_SECONDS:g} s"


class _Ear(logging.Filter):
    """Hears what Apprise says while it sends, keeps what cannot hold a secret, and lets nothing pass on."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if status := _STATUS.search(text):
            self.heard.why = f"it answered with status {status[1]}"
        elif "onnection error" in text and not getattr(self.heard, "why", ""):
            self.heard.why = NO_CONNECTION
        elif text.startswith("Socket Exception") and getattr(self.heard, "why", "") == NO_CONNECTION:
            self.heard.why += _cause(text)
        return False


def _cause(text: str) -> str:
    """What can be told of a socket's error: who was dialled and what the system said. Paths are secret."""
    dialled, said = _DIALLED.search(text), _SAID.search(text)
    parts = (f"{dialled[1]} port {dialled[2]}" if dialled else "", said[0].strip().lower() if said else "")
    told = ": ".join(filter(None, parts))
    return f" ({told})" if told else ""


_EAR = _Ear()
