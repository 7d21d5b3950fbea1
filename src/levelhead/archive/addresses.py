"""Address fields (RFC 5322, section 3.4), read once from left to right, so in time linear in their length.

The address is what stands between the angle brackets, never what the display name shows; what only looks like
another sender is said in the defects.
"""

from __future__ import annotations

import re
import unicodedata

from levelhead.archive.chars import Defects, visible
from levelhead.archive.headers import SPACES, decode_words
from levelhead.clients.imitation import SHAPES, another_address, readable
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
JOINERS = re.compile("[\u061c\u200c-\u200f]")
"""Marks that Arabic, Hebrew, Persian and Indic names, and emoji, are written with."""


ABOUT_WHO = frozenset(
    {
        "several-addresses-in-one",
        "hidden-characters-in-address",
        "hidden-characters-in-name",
        "look-alike-domain",
        "name-shows-another-address",
    }
)
"""Defects that say that somebody may not be who they seem."""


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


def addresses_of(values: tuple[str, ...], defects: Defects, *, of_sender: bool = True) -> tuple[Address, ...]:
    """The mailboxes of the raw texts of address fields, in order; groups are opened, what is no address is left out.

    What only looks like another one is said of the sender; of others (`of_sender` False) with `recipient-` before it.
    """
    if not of_sender:
        said = Defects()
        found_there = addresses_of(values, said)
        for defect in said.all():
            slug, _, detail = defect.partition(": ")
            defects.add(f"recipient-{slug}" if slug in ABOUT_WHO else slug, detail)
        return found_there
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
        if HIDDEN.search(JOINERS.sub("", name)) or not _is_joined(name):
            defects.add("hidden-characters-in-name")
        name = visible(name)
    name = SPACES.sub(" ", name).strip().strip('"')[:NAME_LIMIT]
    if another_address(name, address):
        defects.add("name-shows-another-address")
    return name


def _is_joined(name: str) -> bool:
    """Whether a name is in a script, or of symbols, that need the marks of `JOINERS`."""
    return any(
        unicodedata.category(one) == "So"
        or unicodedata.name(one, "").split(" ", 1)[0]
        in ("ARABIC", "HEBREW", "DEVANAGARI", "BENGALI", "TAMIL")
        for one in name
    )


def _imitates(domain: str) -> bool:
    """True when a label could be taken for a Latin one: scripts mixed, or all its letters drawn like Latin ones."""
    for label in readable(domain).split("."):
        if label.isascii():
            continue
        letters = [letter for letter in label if letter.isalpha()]
        scripts = {unicodedata.name(letter, "").split(" ", 1)[0] for letter in letters}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN"}:
            return True
        if all(letter in SHAPES for letter in letters):
            return True
    return False
