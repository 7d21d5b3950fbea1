"""Address fields (RFC 5322, section 3.4), read once from left to right, so in time linear in their length.

The address is what stands between the angle brackets, never what the display name shows; what only looks like
another sender is said in the defects.
"""

from __future__ import annotations

import re
import unicodedata

from levelhead.archive.chars import Defects, visible
from levelhead.archive.headers import SPACES, decode_words
from levelhead.heat.text import HIDDEN
from levelhead.model import Address

RECIPIENTS_LIMIT = 10_000
ADDRESS_LIMIT = 320
"""Characters of an address: 64 for the local part, 255 for the domain (RFC 5321)."""
NAME_LIMIT = 500

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[^\s"(),:;<>\\]+|\s+|.', re.DOTALL)
DIRT = r"\s\x00-\x1f\x7f-\x9f"
"""What no address holds: spaces and control characters."""
ADDRESS = re.compile(
    rf'(?:[^{DIRT}"(),:;<>@\\]+|"[^"\\\x00-\x1f\x7f-\x9f]{{1,64}}")'
    rf"@(?:[^{DIRT}\"(),:;<>@\[\]\\]+|\[[^{DIRT}\[\]<>@]{{1,60}}\])\Z"
)
BARE_LOCAL = re.compile(r"[A-Za-z0-9._+-]{1,64}\Z")
SHOWN = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
LOOK_ALIKES = frozenset("аеорсухіјѕԁһӏԛԝвнкмтпгαορυνικτε")
"""Cyrillic and Greek letters that are drawn like Latin ones."""


class _Entry:
    """One mailbox while it is being read: words of the name, comments, and what stood in angle brackets."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.comments: list[str] = []
        self.angles: list[str] = []
        self.glued = False

    def word(self, text: str) -> None:
        if self.glued and self.words and len(self.words[-1]) < NAME_LIMIT * 4:
            self.words[-1] += text
        else:
            self.words.append(text)
        self.glued = True


def addresses_of(values: tuple[str, ...], defects: Defects) -> tuple[Address, ...]:
    """The mailboxes of the raw texts of address fields, in order; groups are opened, what is no address is left out."""
    found: list[Address] = []
    for value in values:
        for entry in _entries(value):
            found.extend(_addresses(entry, defects))
            if len(found) >= RECIPIENTS_LIMIT:
                defects.add("recipients-cut")
                return tuple(found[:RECIPIENTS_LIMIT])
    return tuple(found)


def _entries(value: str) -> list[_Entry]:
    """The field parted at commas, semicolons and the colons of groups, with comments and brackets minded."""
    entries = [_Entry()]
    comment, angle = 0, False
    for match in TOKEN.finditer(value):
        token, entry = match[0], entries[-1]
        if comment:
            comment += {"(": 1, ")": -1}.get(token, 0)
            if comment:
                entry.comments.append(token)
        elif token == "(":
            comment = 1
        elif angle:
            if token == ">":
                angle = False
            elif not token.isspace() and len(entry.angles[-1]) <= ADDRESS_LIMIT * 4:
                entry.angles[-1] += token
        elif token == "<":
            angle = True
            entry.angles.append("")
        elif token in (",", ";"):
            entries.append(_Entry())
        elif token == ":":
            entries[-1] = _Entry()
        elif token.isspace():
            entry.glued = False
        else:
            entry.word(token)
    return entries


def _addresses(entry: _Entry, defects: Defects) -> list[Address]:
    """The mailbox of an entry; several only where somebody left the commas out."""
    if entry.angles:
        if len(entry.angles) > 1:
            defects.add("several-addresses-in-one")
        made = _address(entry.angles[0].rpartition(":")[2], " ".join(map(_unquoted, entry.words)), defects)
        return [made] if made else []
    plain = [word for word in entry.words if "@" in word.strip('"')]
    if not plain and len(entry.words) == 1:
        plain = entry.words
    elif not plain and entry.words:
        defects.add("bad-address")
    name = "".join(entry.comments)
    return [made for word in plain if (made := _address(word, name, defects))]


def _unquoted(word: str) -> str:
    if word[:1] != '"':
        return word
    return re.sub(
        r"\\(.)", r"\1", word[1:-1] if len(word) > 1 and word[-1] == '"' else word[1:], flags=re.DOTALL
    )


def _address(text: str, name: str, defects: Defects) -> Address | None:
    bare = visible(text.strip())
    if bare != text.strip():
        defects.add("hidden-characters-in-address")
    if len(bare) > ADDRESS_LIMIT or not (ADDRESS.match(bare) or BARE_LOCAL.match(bare)):
        if bare:
            defects.add("bad-address")
        return None
    local, at, domain = bare.rpartition("@")
    address = f"{local}@{domain.lower().rstrip('.')}" if at else bare
    if not at:
        defects.add("address-without-domain")
    if _imitates(domain):
        defects.add("look-alike-domain", domain)
    return Address(address=address, name=_name(name, address, defects))


def _name(raw: str, address: str, defects: Defects) -> str:
    """The display name as it may be shown; one that shows another address is a defect, not the sender."""
    name = decode_words(raw[: NAME_LIMIT * 4], defects)
    if HIDDEN.search(name):
        defects.add("hidden-characters-in-name")
        name = visible(name)
    name = SPACES.sub(" ", name).strip().strip('"')[:NAME_LIMIT]
    shown = SHOWN.search(name)
    if shown and shown[0].lower() != address.lower():
        defects.add("name-shows-another-address")
    return name


def _imitates(domain: str) -> bool:
    """True when a label could be taken for a Latin one: scripts mixed, or all its letters drawn like Latin ones."""
    for label in domain.lower().split("."):
        if label.startswith("xn--") and len(label) <= 63:
            try:
                label = label[4:].encode("ascii").decode("punycode")
            except UnicodeError:
                continue
        if label.isascii():
            continue
        letters = [letter for letter in label if letter.isalpha()]
        scripts = {unicodedata.name(letter, "").split(" ", 1)[0] for letter in letters}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN"}:
            return True
        if all(letter in LOOK_ALIKES for letter in letters):
            return True
    return False
