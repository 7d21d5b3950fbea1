"""Colours of CSS, and whether one can be told from the other on a screen (WCAG 2.1, contrast ratio)."""

from __future__ import annotations

import colorsys
import re
from functools import lru_cache

Colour = tuple[float, float, float, float]
"""Red, green and blue from 0 to 255, and how opaque it is, from 0 to 1."""

LEAST_CONTRAST, LEAST_DISTANCE = 1.2, 48.0
"""Text below both, as contrast ratio and as the difference of one of red, green and blue, is not told from what is
behind it: #ebebeb on white."""
FAINTEST = 0.1

HEX = re.compile(r"#?([0-9a-f]{3,8})")
CALL = re.compile(r"(rgb|hsl)a?\(([^()]{0,100})\)")
NUMBER = re.compile(r"(-?(?:\d+\.?\d*|\.\d+))(%?)")
WORD = re.compile(r"#[0-9a-f]++|(?<![a-z-])[a-z-]++\([^()]{0,200}\)|[a-z]++")
NAMED = {
    "white": "ffffff", "snow": "fffafa", "ivory": "fffff0", "ghostwhite": "f8f8ff", "whitesmoke": "f5f5f5",
    "floralwhite": "fffaf0", "azure": "f0ffff", "mintcream": "f5fffa", "honeydew": "f0fff0", "aliceblue": "f0f8ff",
    "seashell": "fff5ee", "lavenderblush": "fff0f5", "oldlace": "fdf5e6", "linen": "faf0e6", "cornsilk": "fff8dc",
    "beige": "f5f5dc", "lightyellow": "ffffe0", "lightcyan": "e0ffff", "lemonchiffon": "fffacd", "lavender": "e6e6fa",
    "gainsboro": "dcdcdc", "black": "000000", "red": "ff0000", "green": "008000", "blue": "0000ff", "navy": "000080",
    "gray": "808080", "grey": "808080", "silver": "c0c0c0", "lightgray": "d3d3d3", "lightgrey": "d3d3d3",
    "darkgray": "a9a9a9", "darkgrey": "a9a9a9", "yellow": "ffff00", "orange": "ffa500", "maroon": "800000",
    "purple": "800080", "teal": "008080", "olive": "808000", "lime": "00ff00", "aqua": "00ffff", "fuchsia": "ff00ff",
    "darkblue": "00008b", "darkgreen": "006400", "darkred": "8b0000", "windowtext": "000000", "window": "ffffff",
    "canvas": "ffffff", "canvastext": "000000",
}  # fmt: skip
CLEAR: Colour = (0.0, 0.0, 0.0, 0.0)


@lru_cache(maxsize=512)
def colour_of(value: str) -> Colour | None:
    """A colour as CSS (lower case) writes it, also without its `#` as old HTML does; None where it is not known."""
    value = value.strip()
    if value == "transparent":
        return CLEAR
    value = NAMED.get(value, value)
    if (match := HEX.fullmatch(value)) is not None and len(match[1]) in (3, 4, 6, 8):
        digits = match[1] if len(match[1]) > 4 else "".join(digit * 2 for digit in match[1])
        parts = [float(int(f"{digits}ff"[at : at + 2], 16)) for at in (0, 2, 4, 6)]
        return (parts[0], parts[1], parts[2], parts[3] / 255)
    if (match := CALL.fullmatch(value)) is None or len(told := NUMBER.findall(match[2])) not in (3, 4):
        return None
    numbers = [float(number) for number, _ in told]
    opaque = 1.0 if len(told) == 3 else _part(told[3], 1.0)
    if match[1] == "hsl":
        red, green, blue = colorsys.hls_to_rgb(numbers[0] / 360 % 1, numbers[2] / 100, numbers[1] / 100)
        red, green, blue = (min(255.0, max(0.0, part * 255)) for part in (red, green, blue))
        return (red, green, blue, opaque)
    return (_part(told[0], 255.0), _part(told[1], 255.0), _part(told[2], 255.0), opaque)


def _part(part: tuple[str, str], most: float) -> float:
    """A number between 0 and `most`, or that many per cent of it."""
    number = float(part[0]) * (most / 100 if part[1] else 1)
    return min(most, max(0.0, number))


def background_of(value: str, behind: Colour | None) -> Colour | None:
    """What is behind text by a `background` in front of what was behind; None for a picture, and when in doubt."""
    if "url(" in value or "gradient(" in value or "var(" in value or "image" in value:
        return None
    whole = colour_of(value)
    colours = [whole or colour_of(word) for word in WORD.findall(value)]
    found = next((colour for colour in colours if colour is not None), CLEAR)
    return behind if found[3] < FAINTEST else over(found, behind)


def over(colour: Colour, behind: Colour | None) -> Colour | None:
    """A colour in front of another one; None where that one is not known and shines through."""
    red, green, blue, opaque = colour
    if opaque >= 1 or behind is None:
        return colour if opaque >= 1 or opaque < FAINTEST else None
    mixed = [
        part * opaque + back * (1 - opaque) for part, back in zip((red, green, blue), behind[:3], strict=True)
    ]
    return (mixed[0], mixed[1], mixed[2], 1.0)


def indistinct(colour: Colour | None, behind: Colour | None) -> bool:
    """Whether nobody can tell text of a colour from what is behind it; when in doubt, somebody can."""
    if colour is None:
        return False
    if colour[3] < FAINTEST:
        return True
    if behind is None or any(abs(colour[at] - behind[at]) >= LEAST_DISTANCE for at in range(3)):
        return False
    lighter, darker = sorted((_luminance(colour), _luminance(behind)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05) < LEAST_CONTRAST


@lru_cache(maxsize=512)
def _luminance(colour: Colour) -> float:
    """Relative luminance of sRGB, 0 to 1."""
    linear = [part / 255 for part in colour[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in linear]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
