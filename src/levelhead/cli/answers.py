"""How the answers to `init` are read: each function takes what was typed, and says in one sentence what is wrong."""

from __future__ import annotations

import ipaddress
import os
import unicodedata
from pathlib import Path

from levelhead.clients.patterns import problem_with
from levelhead.config.fields import NAME
from levelhead.config.rules import OWN_LANE
from levelhead.discovery.autoconfig import is_host

WAYS = {"implicit": 993, "starttls": 143, "none": 143}
"""Ways to encrypt, with the port that goes with each."""


PHONE = "phone-url"
"""The name, among the secrets, of the file with the address of the one alert channel that is asked for."""


def clean(text: str) -> str:
    """One line of ordinary text, which may be empty."""
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise ValueError("an answer must not hold control characters")
    return text.strip()


def filled(text: str) -> str:
    """The same, with something in it."""
    if not clean(text):
        raise ValueError("an answer is needed here")
    return clean(text)


def address(text: str) -> str:
    """One e-mail address."""
    found = clean(text)
    local, _, domain = found.rpartition("@")
    if not found:
        raise ValueError("an e-mail address is needed, such as me@example.com")
    unusual = any(one in found for one in '*?<>,;:"()[]\\ ')
    if unusual or not local or "." not in domain.strip(".") or problem_with(found):
        raise ValueError(f"{found!r} is not an e-mail address such as me@example.com")
    return found


def pattern(text: str) -> str:
    """An address, or `*@` and a domain."""
    problem = (
        problem_with(clean(text)) if clean(text) else "an address is needed, such as *@northwind.example"
    )
    if problem or any(one in clean(text) for one in '<>,;:"()[]\\'):
        raise ValueError(problem or f"{clean(text)!r} is more than an address; write *@northwind.example")
    return clean(text)


def host(text: str) -> str:
    """The name of a server, or its IP address."""
    name = clean(text).rstrip(".").lower()
    if not name:
        raise ValueError("the name of a server is needed, such as imap.example.com")
    if not is_host(name) and not _is_ip(name):
        raise ValueError(f"{name!r} is not the name of a server such as imap.example.com")
    return name


def _is_ip(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def port(text: str) -> int:
    """A port's number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise ValueError(f"{text!r} is not a port: a number from 1 to 65535")
    return int(text)


def way(text: str) -> str:
    """How the connection is encrypted."""
    if text.lower() not in WAYS:
        raise ValueError(f"{text!r} is none of implicit, starttls and none")
    return text.lower()


def mailbox_name(text: str) -> str:
    """What a mailbox is called."""
    if not NAME.match(text):
        raise ValueError(f"{text!r} is not a name: use letters, digits, - and _, at most 64")
    if text == OWN_LANE:
        raise ValueError(f"{text!r} is taken by levelhead's own worker")
    if text.lower() == PHONE:
        # The password's file has the mailbox's name; some disks do not tell capitals from small letters.
        raise ValueError(f"{text!r} is taken by the file that says where you are called")
    return text


def certificates(text: str) -> Path | None:
    """A file of certificates to trust, None for nothing."""
    import ssl

    if not clean(text):
        return None
    path = Path(clean(text)).expanduser()
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ValueError(f"there is no file {path} that can be read")
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError):
        raise ValueError(f"{path} holds no certificate (PEM)") from None
    return path


def secret(text: str) -> str:
    """One line with something in it; the sentence never holds it."""
    if not text:
        raise ValueError("nothing was typed")
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise ValueError("what was typed holds control characters; type it again")
    return text
