"""The gate through which every IMAP argument passes: nothing that could end a command early gets out. Pure.

imapclient 4.1 sends arguments of SEARCH, FETCH and STORE as they are; with CR LF in a Message-ID a real server ran the
rest as a command and deleted a folder. A line that ends in `{5}` would swallow the next command as a literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from levelhead.errors import UnsafeArgument

_BAD_TEXT = re.compile("[\r\n\0\x80-\U0010ffff]")
_BAD_BYTES = re.compile(rb"[\r\n\0\x80-\xff]")
_LITERAL = re.compile(rb"~?\{\d*[+-]?\}\Z")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`|~.{}-]{1,128}@[A-Za-z0-9.:\[\]_-]{1,128}>\Z")


def check_arguments(command: str, arguments: Iterable[object]) -> None:
    """Raise UnsafeArgument for CR, LF, NUL, 8-bit or a literal's announcement; the argument itself is never named."""
    last: bytes = b""
    for argument in arguments:
        if argument is None or callable(argument):
            continue
        if isinstance(argument, str):
            if _BAD_TEXT.search(argument):
                raise UnsafeArgument(f"an argument of {command} holds CR, LF, NUL or 8-bit characters")
            last = argument.encode("ascii")
        elif isinstance(argument, bytes | bytearray):
            if _BAD_BYTES.search(argument):
                raise UnsafeArgument(f"an argument of {command} holds CR, LF, NUL or 8-bit bytes")
            last = bytes(argument)
        else:
            raise UnsafeArgument(f"an argument of {command} is a {type(argument).__name__}")
    if _LITERAL.search(last):
        raise UnsafeArgument(f"the last argument of {command} announces a literal")


def check_line(data: bytes) -> None:
    """Raise UnsafeArgument unless `data` is at most one line: a second look at what is about to be sent."""
    if _BAD_BYTES.search(data.removesuffix(b"\r\n")):
        raise UnsafeArgument("a command would be more than one line, or hold NUL or 8-bit bytes")


def message_id(value: str) -> str:
    """The same Message-ID when it is safe to search for: `<local@domain>` of plain ASCII; else UnsafeArgument."""
    if not _MESSAGE_ID.match(value):
        raise UnsafeArgument("a search for what is not a plain Message-ID")
    return value
