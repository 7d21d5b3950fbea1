"""The bundle as one HTML page: no script, nothing from elsewhere, every word of a mail escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, BinaryIO

from levelhead.evidence.pack.book import Appendix, Book
from levelhead.evidence.pack.exhibits import visible
from levelhead.evidence.pack.sentences import moment

STYLE = """
:root { --ink: #1d2733; --soft: #5b6773; --rule: #d5dbe0; --accent: #8a3b2e; --shade: #f4f5f6; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 4rem 2rem; color: var(--ink); background: #fff;
  font: 1rem/1.55 Georgia, "Libertinus Serif", "Noto Serif", serif; }
h1 { font-size: 2.2rem; line-height: 1.15; margin: 0 0 .4rem; }
h2 { font-size: 1.5rem; margin: 4rem 0 1rem; padding-top: 1rem; border-top: 2px solid var(--accent); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
.kind { color: var(--accent); font-size: .8rem; letter-spacing: .12em; text-transform: uppercase; }
.sub, th, dt { color: var(--soft); }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .35rem 1rem; margin: 1rem 0; }
dt { font-size: .85rem; } dd { margin: 0; overflow-wrap: anywhere; }
.headers { background: var(--shade); padding: 1rem; border-radius: 3px; }
.warning { background: #fbf1ee; border-left: 3px solid var(--accent); padding: .6rem .9rem; margin: .6rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; font-weight: normal; font-size: .8rem; }
td, th { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  overflow-wrap: anywhere; }
td:first-child { white-space: nowrap; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 1.2rem 0; }
code { font: .78rem/1.4 "DejaVu Sans Mono", Consolas, monospace; overflow-wrap: anywhere; }
a { color: inherit; }
@media print { body { max-width: none; padding: 0; } section { break-before: page; } }
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEAD = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-"
    f"{_HASH}'; base-uri 'none'; form-action 'none'\">\n"
    '<meta name="referrer" content="no-referrer">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
)


def write_html(file: BinaryIO, book: Book, exhibits: Iterable[Mapping[str, Any]], without_pdf: str) -> None:
    """The whole page, piece by piece; `exhibits` as `exhibits.shown` makes them."""

    def add(text: str) -> None:
        file.write(text.encode("utf-8", "replace"))

    add(f"{HEAD}<title>{escape(book.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n")
    add(f'<p class="kind">Record of correspondence</p>\n<h1>{escape(book.title)}</h1>\n')
    add(f'<p class="sub">{escape(book.subtitle)}</p>\n{_pairs(book.facts)}')
    add("<h3>Summary</h3>\n" + "".join(f"<p>{escape(one)}</p>\n" for one in book.summary))
    warnings = [*book.warnings, *([without_pdf] if without_pdf else [])]
    add("".join(f'<p class="warning">{escape(one)}</p>\n' for one in warnings))
    _add_contents(add, book)
    _add_chronology(add, book)
    for one in exhibits:
        add(_exhibit(one))
    for appendix in book.appendices:
        add(_appendix(appendix))
    add(f'<p class="sub">{escape(book.footer)} · {escape(book.made_by)}</p>\n</body>\n</html>\n')


def _add_contents(add: Any, book: Book) -> None:
    add("<section><h2>Contents</h2>\n<table><tr><th>No.</th><th>Received</th><th>Subject</th></tr>\n")
    for one in book.exhibits:
        subject = escape(visible(one.subject) or "(no subject)")
        link = f'<a href="#exhibit-{one.number}" dir="auto">{subject}</a>'
        add(f"<tr><td>{one.number}</td><td>{moment(one.received)}</td><td>{link}</td></tr>\n")
    add("</table></section>\n")


def _add_chronology(add: Any, book: Book) -> None:
    add("<section><h2>Chronology</h2>\n<table><tr><th>Time</th><th>Exhibit</th><th>What happened</th></tr>\n")
    for line in book.chronology:
        link = f'<a href="#exhibit-{line.exhibit}">{line.exhibit}</a>' if line.exhibit else ""
        what = escape(visible(line.what))
        add(f'<tr><td>{moment(line.time)}</td><td>{link}</td><td dir="auto">{what}</td></tr>\n')
    add("</table></section>\n")


def _pairs(rows: Iterable[Iterable[str]], css: str = "") -> str:
    lines = "".join(f'<dt>{escape(name)}</dt><dd dir="auto">{escape(value)}</dd>\n' for name, value in rows)
    return f"<dl{f' class={css}' if css else ''}>\n{lines}</dl>\n"


def _exhibit(one: Mapping[str, Any]) -> str:
    parts = [
        f'<section id="{one["anchor"]}"><h2>Exhibit {one["number"]}</h2>\n',
        f'<h3 dir="auto">{escape(one["subject"])}</h3>\n{_pairs(one["headers"], "headers")}',
        f'<div class="text" dir="auto">{escape(chr(10).join(one["text"]))}</div>\n',
    ]
    if one["attachments"]:
        parts.append(
            "<h3>Attachments</h3>\n<table><tr><th>Name</th><th>What</th><th>SHA-256, file</th></tr>\n"
        )
        for part in one["attachments"]:
            where = escape(part["file"])
            if where.startswith("attachments/"):
                where = f'<a href="{where}">{where}</a>'
            parts.append(
                f'<tr><td dir="auto">{escape(part["name"])}</td><td>{escape(part["what"])}</td>'
                f"<td><code>{escape(part['digest'])}</code><br>{where}</td></tr>\n"
            )
        parts.append("</table>\n")
    parts.append("<h3>Custody</h3>\n<table>\n")
    parts += [
        f'<tr><td>{escape(row["time"])}</td><td dir="auto">{escape(row["what"])}</td></tr>\n'
        for row in one["custody"]
    ]
    parts.append(
        f'</table>\n<p class="sub"><a href="{one["file"]}">{one["file"]}</a>, SHA-256 <code>{one["digest"]}</code>'
        + (f"<br>Noticed while reading it: {escape(one['defects'])}" if one["defects"] else "")
        + "</p></section>\n"
    )
    return "".join(parts)


def _appendix(appendix: Appendix) -> str:
    parts = [f"<section><h2>{escape(appendix.title)}</h2>\n"]
    parts += [f"<p>{escape(one)}</p>\n" for one in appendix.paragraphs]
    if appendix.rows:
        head = "".join(f"<th>{escape(one)}</th>" for one in appendix.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in appendix.rows
        )
        parts.append(f"<table><tr>{head}</tr>\n{rows}</table>\n")
    return "".join(parts) + "</section>\n"
