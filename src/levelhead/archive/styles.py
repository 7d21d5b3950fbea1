"""What of an HTML mail can be seen, by its styles: CSS of single selectors, inheritance, colours, sizes and places.

A small part of CSS 2.1 and of what programs add to it, read as a wide screen shows it: rules by one class, id or tag
(lists of them too), the cascade among these, and the declarations that can hide text. Everything is linear in its size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from levelhead.archive.colours import Colour, background_of, colour_of, indistinct, over

SMALLEST = 3.0
"""Pixels; smaller letters are no letters to anybody."""
FAINTEST = 0.1
"""What is less opaque than this is not seen."""
SLIT = 2.0
"""Pixels; a box that is no wider or higher, and cuts off what does not fit, shows nothing."""
AWAY, FAR_AWAY = -500.0, 3_000.0
"""Pixels to the left or above, and to the right or below, from where nobody scrolls to."""
SCREEN = 1_000.0
"""Pixels that the screen is wide, for `@media`."""
LETTER = 16.0
"""Pixels of a letter whose size nobody says."""

Declared = Mapping[str, str]
"""What was declared for an element, by property; the strongest declaration of each."""
Rule = dict[str, tuple[bool, str]]
"""What rules of one selector declare, by property: whether it is important, and the value."""

PROPERTIES = frozenset({
    "display", "visibility", "content-visibility", "opacity", "filter", "font", "font-size", "color",
    "-webkit-text-fill-color", "background", "background-color", "background-image", "position", "left",
    "right", "top", "bottom", "margin", "margin-left", "margin-top", "text-indent", "transform",
    "scale", "zoom", "clip", "clip-path", "width", "height", "max-width", "max-height", "overflow",
    "overflow-x", "overflow-y", "mso-hide",
})  # fmt: skip
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.DOTALL)
SELECTOR = re.compile(r"(\*|[a-z][a-z0-9]*)?(?:([.#])((?:[\w-]|[^\x00-\x7f])+))?")
BRACE = re.compile(r"[{}]")
CONDITION = re.compile(r"\(\s*(min|max)-(?:device-)?width\s*:\s*(\d+(?:\.\d+)?)\s*px\s*\)")
LENGTH = re.compile(
    r"(?<![\d.])([+-]?(?:\d++(?:\.\d*+)?|\.\d++))(px|pt|pc|in|cm|mm|rem|em|ex|ch|vw|vh|%|)(?![\w.%])"
)
PIXELS = {
    "px": 1.0, "": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "rem": LETTER, "ex": 8.0,
    "ch": 8.0, "vw": 10.0, "vh": 8.0,
}  # fmt: skip
WEIGHT = re.compile(r"\b[1-9]00\b(?!\w|%)")
FUNCTION = re.compile(r"(?<![a-z0-9])([a-z]++(?:3d)?)\(([^()]{0,200})\)")
VALUE_LIMIT = 2_000
"""Characters of a value that are read."""
REMEMBERED = 2_000
"""Characters of a style that is remembered; a longer one is read each time."""
STYLES_REMEMBERED = 1_000
"""Elements of different tag, class, id and style of one mail of which is remembered what is declared for them."""


class Look(NamedTuple):
    """How text looks in an element: what it inherits from the elements around it."""

    colour: Colour | None = (0.0, 0.0, 0.0, 1.0)
    """None where it cannot be told."""
    behind: Colour | None = (255.0, 255.0, 255.0, 1.0)
    """None where it is a picture, or cannot be told."""
    size: float = LETTER
    visible: bool = True

    def unseen(self) -> bool:
        """Whether nobody can see text that looks like this."""
        return not self.visible or self.size < SMALLEST or indistinct(self.colour, self.behind)


PLAIN = Look()
"""Black on white, of ordinary size."""


class Sheet:
    """The style sheets of a mail: their rules by selector."""

    __slots__ = ("_found", "_rules")

    def __init__(self, sources: Iterable[str]) -> None:
        self._rules: dict[str, Rule] = {}
        self._found: dict[tuple[str | None, ...], tuple[Declared, bool]] = {}
        for source in sources:
            self._read(_cleaned(source))

    def declared(self, tag: str, attributes: Mapping[str, str | None]) -> tuple[Declared, bool]:
        """What the sheets and its own style declare for an element, and whether that hides all of it."""
        place = (tag, attributes.get("class"), attributes.get("id"), attributes.get("style"))
        if (known := self._found.get(place)) is not None:
            return known
        declared = self._declared(tag, attributes)
        if len(self._found) < STYLES_REMEMBERED:
            self._found[place] = declared, gone(declared)
        return declared, gone(declared)

    def _declared(self, tag: str, attributes: Mapping[str, str | None]) -> Declared:
        style = attributes.get("style") or ""
        if not self._rules:
            return {name: value for name, _, value in _declarations(style)} if style else {}
        found: Rule = {}
        for key in self._keys(tag, attributes):
            for name, (important, value) in (self._rules.get(key) or {}).items():
                if important or not found.get(name, (False, ""))[0]:
                    found[name] = (important, value)
        for name, important, value in _declarations(style) if style else ():
            if important or not found.get(name, (False, ""))[0]:
                found[name] = (important, value)
        return {name: value for name, (_, value) in found.items()}

    def _keys(self, tag: str, attributes: Mapping[str, str | None]) -> Iterable[str]:
        """The selectors that an element matches, the weakest first (CSS 2.1, section 6.4.3)."""
        yield "*"
        yield tag
        classes = dict.fromkeys((attributes.get("class") or "").lower().split())
        for name in classes:
            yield f".{name}"
        for name in classes:
            yield f"{tag}.{name}"
        if name := (attributes.get("id") or "").strip().lower():
            yield f"#{name}"
            yield f"{tag}#{name}"

    def _read(self, source: str) -> None:
        """Take in the rules of one sheet; what does not hold for a wide screen is skipped."""
        at = 0
        while (brace := source.find("{", at)) >= 0:
            before = source[at:brace].rpartition(";")[2].strip("} \t\r\n\f")
            at = brace + 1
            if before.startswith("@"):
                at = at if _holds(before) else _block_end(source, at)
                continue
            end = source.find("}", at)
            end = len(source) if end < 0 else end
            self._add(before, source[at:end])
            at = end + 1

    def _add(self, selectors: str, body: str) -> None:
        declarations = _declarations(body)
        for selector in dict.fromkeys(selectors.split(",")) if declarations else ():
            match = SELECTOR.fullmatch(selector.strip())
            if match is None or not match[0]:
                continue
            key = match[0].removeprefix("*") or "*"
            rule = self._rules.setdefault(key, {})
            for name, important, value in declarations:
                if important or not rule.get(name, (False, ""))[0]:
                    rule[name] = (important, value)


def media_holds(media: str) -> bool:
    """Whether a list of media queries holds for a wide screen; what is not understood does not."""
    return not media.strip() or any(_query_holds(query) for query in media.lower().split(","))


def _query_holds(query: str) -> bool:
    for part in query.split(" and "):
        words = part.strip().removeprefix("only ").strip()
        if (match := CONDITION.fullmatch(words)) is not None:
            width = float(match[2])
            if width > SCREEN if match[1] == "min" else width < SCREEN:
                return False
        elif words not in ("screen", "all"):
            return False
    return True


def _holds(rule: str) -> bool:
    """Whether the rules inside an at-rule hold."""
    name, _, rest = rule.partition(" ")
    if name.startswith("@media"):
        return media_holds(rule.removeprefix("@media"))
    return name in ("@supports", "@layer") and not rest.lstrip().startswith("not")


def _block_end(source: str, at: int) -> int:
    """Where the block ends whose brace stands before `at`."""
    depth = 1
    for match in BRACE.finditer(source, at):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return match.end()
    return len(source)


def _cleaned(css: str) -> str:
    """Lower case, without comments and escapes."""
    css = COMMENT.sub(" ", css.lower()) if "/*" in css or "--" in css else css.lower()
    return ESCAPE.sub(_unescaped, css) if "\\" in css else css


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1], 16) if match[1] else 0
    return match[2] or (chr(code).lower() if 0 < code < 0x110000 else "\ufffd")


def _declarations(css: str) -> tuple[tuple[str, bool, str], ...]:
    """The declarations that matter here: property, whether it is important, value."""
    return _remembered(css) if len(css) <= REMEMBERED else _parsed(css)


def _parsed(css: str) -> tuple[tuple[str, bool, str], ...]:
    found: Rule = {}
    for declaration in _cleaned(css).split(";"):
        name, colon, value = declaration.partition(":")
        name = name.strip()
        if colon and name in PROPERTIES:
            value, mark, _ = value.partition("!")
            if mark or not found.get(name, (False, ""))[0]:
                found[name] = (bool(mark), value.strip()[:VALUE_LIMIT])
    return tuple([(name, important, value) for name, (important, value) in found.items()])


_remembered = lru_cache(maxsize=512)(_parsed)


def look(around: Look, tag: str, declared: Declared, attributes: Mapping[str, str | None]) -> Look:
    """How text looks in an element of these declarations, inside one that looks like `around`."""
    colour, behind, size, visible = around
    told = declared.get("-webkit-text-fill-color") or declared.get("color")
    if not told and tag in ("font", "body"):
        told = (attributes.get("color" if tag == "font" else "text") or "").strip().lower()
    if told and told not in ("inherit", "unset", "currentcolor"):
        colour = colour_of(told)
    if attributes.get("background"):
        behind = None
    for value in (attributes.get("bgcolor") or "", *_backgrounds(declared)):
        if value:
            behind = background_of(value.strip().lower(), behind)
    if "font" in declared or "font-size" in declared:
        size = _size(declared, size)
    if told := declared.get("visibility"):
        visible = told not in ("hidden", "collapse") if told != "inherit" else visible
    return Look(colour if colour is None else over(colour, behind), behind, size, visible)


def _backgrounds(declared: Declared) -> tuple[str, ...]:
    names = ("background", "background-color", "background-image")
    return tuple([declared[name] for name in names if name in declared])


def _size(declared: Declared, around: float) -> float:
    """The size of letters in pixels; a word, or what must be computed, leaves it as it is around."""
    told = declared.get("font-size")
    if told is None:
        told = WEIGHT.sub(" ", declared["font"].partition("/")[0])
    match = LENGTH.search(told) if "(" not in told else None
    if match is None:
        return max(around, LETTER) if re.search(r"small|medium|large", told) else around
    number = float(match[1])
    if match[2] in ("em", "%"):
        return number * around / (100 if match[2] == "%" else 1)
    return number * PIXELS[match[2]]


def gone(declared: Declared) -> bool:
    """Whether nothing in an element of these declarations can be seen, whatever its children declare."""
    if not declared:
        return False
    if declared.get("display", "").startswith("none") or declared.get("content-visibility") == "hidden":
        return True
    if declared.get("mso-hide") == "all" or _fraction(declared.get("opacity", "")) < FAINTEST:
        return True
    return _outside(declared) or _shrunk(declared) or _slit(declared)


def _fraction(value: str) -> float:
    """An opacity, as a number or in per cent; 1 where it cannot be told."""
    match = LENGTH.match(value)
    return 1.0 if match is None else float(match[1]) / (100 if match[2] == "%" else 1)


def _pixels(value: str) -> float | None:
    """A length in pixels, as far as it does not hang on anything around it; None where it cannot be told."""
    match = LENGTH.match(value)
    if match is None:
        return None
    return float(match[1]) * (LETTER if match[2] == "em" else PIXELS.get(match[2], 5.0))


def _outside(declared: Declared) -> bool:
    """Whether it stands where nobody looks."""
    names = ["margin-left", "margin-top", "text-indent"]
    if declared.get("position", "static") != "static":
        names += ["left", "top", "right", "bottom"]
    lengths = [_pixels(declared[name]) for name in names if name in declared]
    lengths += [_pixels(value) for value in declared.get("margin", "").split()[:4]]
    return any(length is not None and not AWAY < length < FAR_AWAY for length in lengths)


def _shrunk(declared: Declared) -> bool:
    """Whether a filter, a transformation or a clip leaves nothing of it."""
    for name in ("scale", "zoom"):
        if name in declared and _fraction(declared[name]) < FAINTEST:
            return True
    for name in ("transform", "filter", "clip-path", "clip"):
        for function, inside in FUNCTION.findall(declared.get(name, "")):
            if _nothing_left(function, LENGTH.findall(inside.replace(",", " ")), inside):
                return True
    return False


def _nothing_left(function: str, lengths: list[tuple[str, str]], inside: str) -> bool:
    numbers = [float(number) for number, _ in lengths]
    if not numbers:
        return bool(function in ("rotatex", "rotatey") and re.match(r"\s*-?(?:90|270)deg", inside))
    if function.startswith("scale") or function == "opacity":
        least = min(numbers[:2]) / (100 if lengths[0][1] == "%" else 1)
        return abs(least) < FAINTEST
    if function.startswith("translate"):
        moved = zip(numbers, (PIXELS.get(unit, 1.0) for _, unit in lengths), strict=True)
        return any(not AWAY < number * unit < FAR_AWAY for number, unit in moved)
    if function == "inset":
        top, right, bottom, left = (numbers * 4)[:4] if len(numbers) != 3 else (*numbers, numbers[1])
        return all(unit in ("%", "") for _, unit in lengths) and (top + bottom >= 100 or left + right >= 100)
    if function in ("circle", "ellipse"):
        return min(numbers[:2] if function == "ellipse" else numbers[:1]) <= 0
    if function == "rect":
        return max(map(abs, numbers)) <= SLIT
    return function == "polygon" and not any(numbers)


def _slit(declared: Declared) -> bool:
    """Whether it is a box of next to no width or height that cuts off what does not fit."""
    if not any(declared.get(f"overflow{axis}", "")[:6] in ("hidden", "clip") for axis in ("", "-x", "-y")):
        return False
    sides = (declared.get(name, "") for name in ("width", "height", "max-width", "max-height"))
    return any(length is not None and length <= SLIT for length in map(_pixels, sides))
