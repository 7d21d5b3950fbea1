"""How people greet, take leave, are titled and praised: the words of `aside.toml` as patterns and sets.

They tell what carries no verdict, in seven languages; all are folded (lower case without accents).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

_TABLE: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    files(__package__).joinpath("aside.toml").read_text(encoding="utf-8")
)
_PATTERNS, _LISTED = _TABLE["patterns"], _TABLE["words"]


def _any(options: Iterable[str]) -> str:
    return f"(?:{'|'.join(options)})"


GREETING = re.compile(rf"[ \t]*{_any(_PATTERNS['greeting'])}(?![\w'])")
"""How a line begins that greets."""

_PIECE = (
    r"(?:(?i:mrs?|ms|dra?|prof|sra?|srta|dott|sig|avv|ing|arch|geom|rag|mm?|mme|mlle|eng|drs|ir|hr|fr|st|pfr|exm[oa]"
    r"|dr\.ssa|sig\.ra|dott\.ssa|[^\W\d_])\. ?[^\W\d_]|[^\W\d_])[^\W\d_]*(?:['’-][^\W\d_]+)*"
)
NAMES = re.compile(rf"[ ,]*({_PIECE}(?:(?: ?[&/+] ?| ){_PIECE}){{0,6}})[ \t]*(?=[,!:;.…–—-]|$)")
"""What may be names behind a greeting, up to a mark or the end of the line."""

FAREWELL = re.compile(rf"[ \t]*{_any(_PATTERNS['farewell'])}(?![\w'])[ \t]*[,.!;–—-]*[ \t]*")
"""A line that takes leave and says nothing else; a name may follow on it."""

THANKING = re.compile(rf"[ \t]*{_any(_PATTERNS['thanking'])}(?![\w'])[ \t]*[,.!;–—-]*[ \t]*")
"""A line of thanks and nothing else; a name may follow on it."""

FORM = re.compile(rf"(?<![\w&]){_any(_PATTERNS['form'])}(?![\w&])\.?")
"""A form of company behind its name (`GmbH`, `& Sons`)."""

GREETING_BEGINS = frozenset(_LISTED["greeting_begins"])
"""The first words of lines that greet, by which most lines are quickly told to be others."""
FAREWELL_BEGINS = frozenset(_LISTED["farewell_begins"])
"""The same for lines that take leave or thank."""
TITLES = frozenset(_LISTED["titles"])
"""What stands before a name."""
SURE_TITLES = frozenset(_LISTED["sure_titles"])
"""Titles that are not also words that stand before any other."""
PARTICLES = frozenset(_LISTED["particles"])
"""Small words inside names."""
CONNECTORS = frozenset(_LISTED["connectors"])
"""What stands between names."""
DATES = frozenset(_LISTED["dates"])
"""Days, months and feasts: no names unless beside one."""
KEPT = frozenset(_LISTED["kept"])
"""Words with a capital that are no names, or names that say what somebody threatens with."""
DETERMINERS = frozenset(_LISTED["determiners"])
"""Before a single word with a capital they tell that it is a thing, and no name."""
NOUNS_HAVE_CAPITALS = frozenset(_LISTED["nouns_have_capitals"])
"""Small words of German: where they are common, a capital tells no name."""
SPEAKING = frozenset(_LISTED["speaking"])
"""A line with any of these speaks, and is no line of a signature."""
DISPLEASED = tuple(_LISTED["displeased"])
"""How somebody signs who is displeased (parts of words): that stays."""

PRAISES: Mapping[str, str] = {language: "|".join(listed) for language, listed in _TABLE["praises"].items()}
"""Words that praise, by language: the alternatives of a pattern for whole words."""
OTHERS: Mapping[str, str] = {language: "|".join(listed) for language, listed in _TABLE["others"].items()}
"""People, houses and events that are not the reader."""
NO_PRAISE: Mapping[str, str] = {
    language: "|".join(listed) for language, listed in _TABLE["no_praise"].items()
}
"""Words of a sentence that is no plain praise of somebody else."""
