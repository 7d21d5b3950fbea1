"""The other process that sets a PDF: `python -P -m levelhead.evidence.pack.typesetting WHAT FOLDER SECONDS`.

A volume takes much memory while it is set, which the system has back when the process ends. FOLDER holds the template
and its data and is all that typst can read. `probe` writes `missing.json`, the characters of `wanted.json` that no font
of this machine can draw; `set` writes `bundle.pdf`, which bears the date SECONDS after 1970.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

PROBE = """
#set page(width: 400pt, height: auto, margin: 0pt)
#set text(font: "Libertinus Serif", size: 10pt)
#for sign in json("characters.json") { block(sign) }
"""
NOBODYS = "\U0010fffe"
"""A code that is no character, and that no font can draw: its sign is that of what is missing."""

TOGETHER = 1_000
"""Characters that are tried at once."""

_GLYPH = re.compile(r'<use xlink:href="#([0-9A-Za-z]+)"')
_BLOCK = re.compile(r'<g transform="translate\(0 ')


def missing(folder: Path) -> list[str]:
    """Those of `wanted.json` for which the fonts have no sign: they are drawn as what `NOBODYS` is drawn as."""
    wanted = json.loads((folder / "wanted.json").read_text("utf-8"))
    found = []
    for start in range(0, len(wanted), TOGETHER):
        signs = [NOBODYS, *wanted[start : start + TOGETHER]]
        drawn = _drawn(folder, signs)
        found += [sign for sign, glyphs in zip(signs[1:], drawn[1:], strict=True) if drawn[0] & glyphs]
    return found


def _drawn(folder: Path, signs: list[str]) -> list[set[str]]:
    """The glyphs that each of the signs is drawn by."""
    blocks = _blocks(folder, signs)
    if len(blocks) != len(signs):  # one of them began a line of its own; that one is found alone
        first = set(_GLYPH.findall(blocks[0]))
        return [
            first,
            *(set(_GLYPH.findall("".join(_blocks(folder, [NOBODYS, one])[1:]))) for one in signs[1:]),
        ]
    return [set(_GLYPH.findall(block)) for block in blocks]


def _blocks(folder: Path, signs: list[str]) -> list[str]:
    """What is drawn, by blocks: the first stands where the page begins, every other is moved down from there."""
    import typst

    (folder / "characters.json").write_text(json.dumps(signs), "utf-8")
    (folder / "probe.typ").write_text(PROBE, "utf-8")
    page = typst.compile(folder / "probe.typ", root=folder, format="svg")
    assert page is not None
    text = (page if isinstance(page, bytes) else page[0]).decode()
    return _BLOCK.split(text.partition("<defs")[0])


def compile_bundle(folder: Path, seconds: int) -> None:
    """Set `bundle.pdf`; the date that it bears is so many seconds after 1970."""
    import typst

    typst.compile(
        folder / "bundle.typ",
        output=folder / "bundle.pdf",
        root=folder,
        timestamp=datetime.fromtimestamp(seconds, UTC),
        pdf_tags=False,
    )


def main(what: str, folder: Path, seconds: int) -> None:
    """Do one of the two in this folder."""
    if what == "probe":
        (folder / "missing.json").write_text(json.dumps(missing(folder)), "utf-8")
    else:
        compile_bundle(folder, seconds)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
