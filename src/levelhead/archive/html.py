"""Text from other people's HTML: what a reader sees, in lines, with quotes as `>` lines. Never fetches, never hangs.

lexbor (by selectolax) builds the tree, but a native parser cannot be interrupted, and trees can be made to cost it
seconds. So it never sees the sender's HTML: one linear pass reads the tags and writes them anew with the few
attributes that matter; what is too large or too deep after that is read without a tree.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator
from functools import lru_cache

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from levelhead.archive.chars import Defects, Guard, clean
from levelhead.archive.styles import PLAIN, Look, Sheet, look, media_holds

HTML_LIMIT = 524_288
"""Characters of HTML that are read."""
TAGS_LIMIT = 50_000
DEPTH_LIMIT = 400
FORMATTING_COST = 400_000
"""Tags times the most formatting elements open at once: those are opened anew in each block they run into."""

TAG_REMEMBERED = 500
"""Characters of a tag that is remembered."""

TAG_START = re.compile(r"<(?:(!--)|([!?])|(/?)([a-zA-Z][^\s/>]{0,30}))")
ATTRIBUTE = re.compile(r"[\s/]*(=?[^\s/>=]*)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*)))?")
KEPT = frozenset(
    {
        "aria-hidden",
        "background",
        "bgcolor",
        "class",
        "color",
        "hidden",
        "id",
        "media",
        "open",
        "style",
        "text",
        "type",
    }
)

VOID = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    }
)
RAW = frozenset(
    {
        "script",
        "style",
        "textarea",
        "title",
        "xmp",
        "iframe",
        "noembed",
        "noframes",
        "noscript",
        "plaintext",
        "svg",
        "math",
    }
)
"""Elements whose content nobody reads; it is left out, unread, to their end tag."""
NO_TEXT = frozenset({"head", "template", "object", "select", "datalist", "audio", "video", "canvas"})
FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
IMPLIED_END = frozenset({"p", "li", "td", "th", "tr", "dd", "dt", "option", "tbody", "thead", "tfoot"})
BLOCK = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    }
)
SPACED = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"})
"""Blocks that a browser parts from others by an empty line."""

QUOTE_CLASS = re.compile(
    r"(?:^|\s)(?:gmail_attr|yahoo_quoted|protonmail_quote|moz-cite-prefix|tutanota_quote|zmail_extra)\b"
)
QUOTE_ID = re.compile(
    r"(?:x_)?(?:divRplyFwdMsg|appendonsend|reply-intro|OLK_SRC_BODY_SECTION|mail-editor-reference)"
)
SPACES = re.compile(r"[ \t\r\n\f]+")
INDENT = re.compile(r"margin: ?0 0 0 40px; ?border: ?(?:medium )?none", re.IGNORECASE)
"""What programs write when a person only moves a paragraph to the right."""
QUOTE_DEPTH = 8


def text_of_html(source: str, defects: Defects) -> str:
    """The visible text. Defects: `html-cut`, `html-too-deep` (read without a tree), `hidden-text` (left out)."""
    if len(source) > HTML_LIMIT:
        defects.add("html-cut")
        source = source[:HTML_LIMIT]
    sheets: list[str] = []
    tokens = list(_tokens(source, sheets))
    if not _harmless(tokens):
        defects.add("html-too-deep")
        return _flat(tokens)
    with Guard(defects, "html-unread") as guard:
        try:
            tree = LexborHTMLParser("".join(_written(token) for token in tokens))
        except SelectolaxError:
            guard.failed = True
        else:
            return _Writer(defects, Sheet(sheets)).text(tree)
    return _flat(tokens)


class _Tag:
    """One tag as the sender wrote it: its lower-case name, whether it ends, and the attributes that matter."""

    __slots__ = ("attributes", "end", "name", "written")

    def __init__(self, name: str, end: bool, attributes: dict[str, str]) -> None:
        self.name = name
        self.end = end
        self.attributes = attributes
        self.written = ""
        """It as HTML of ours, once it was asked for."""


def _tokens(source: str, sheets: list[str]) -> Iterator[_Tag | str]:
    """Texts and tags in order, as the HTML standard parts them; comments and unread elements are left out.

    The style sheets that hold for a screen are put into `sheets`.
    """
    at, lower = 0, None
    while True:
        match = TAG_START.search(source, at)
        if match is None:
            yield source[at:]
            return
        if match.start() > at:
            yield source[at : match.start()]
        if match[1] or match[2]:
            end = source.find("-->" if match[1] else ">", match.end())
            at = len(source) if end < 0 else end + (3 if match[1] else 1)
            continue
        close = source.find(">", match.end(), match.start() + TAG_REMEMBERED) + 1
        tag = _closed(source[match.start() : close]) if close else None
        if tag is not None:
            at = close
        else:
            at, attributes = _attributes(source, match.end())
            tag = _Tag(match[4].lower(), bool(match[3]), attributes)
        name = tag.name
        if not tag.end and name in RAW:
            lower = source.lower() if lower is None else lower
            if len(lower) != len(source):
                lower = source
            end = lower.find(f"</{name}", at)
            end = len(source) if end < 0 else end
            if name == "style" and media_holds(tag.attributes.get("media", "")):
                sheets.append(source[at:end])
            at = end
            continue
        yield tag


@lru_cache(maxsize=512)
def _closed(text: str) -> _Tag | None:
    """The tag that a text is, kept because mail repeats its tags; None where a quotation mark in it is left open.

    What begins with such a mark goes on behind the text, whatever stands there; that is tried with both marks.
    """
    match = TAG_START.match(text)
    if match is None:
        return None
    end, attributes = _attributes(f"{text}\"'>", match.end())
    return _Tag(match[4].lower(), bool(match[3]), attributes) if end == len(text) else None


def _attributes(source: str, at: int) -> tuple[int, dict[str, str]]:
    """The attributes of a tag whose name ends at `at`, and where the tag ends."""
    kept: dict[str, str] = {}
    length = len(source)
    while at < length:
        if source[at] == ">":
            return at + 1, kept
        match = ATTRIBUTE.match(source, at)
        if match is None or match.end() == at:
            at += 1
            continue
        name = match[1].lower()
        if name in KEPT:
            value = next((group for group in match.group(2, 3, 4) if group is not None), "")
            kept.setdefault(name, value)
        at = match.end()
    return length, kept


def _written(token: _Tag | str) -> str:
    """The token as HTML of ours; a `<` in a text can open nothing."""
    if isinstance(token, str):
        return token.replace("<", "&lt;").replace("\x00", "")
    if not token.written:
        words = "".join([f' {key}="{entities.escape(value)}"' for key, value in token.attributes.items()])
        token.written = f"</{token.name}>" if token.end else f"<{token.name}{words}>"
    return token.written


def _harmless(tokens: list[_Tag | str]) -> bool:
    """Whether a tree of these tags is of bounded cost, by their number, depth and unclosed formatting."""
    tags = depth = deepest = formatting = most = 0
    for token in tokens:
        if isinstance(token, str) or token.name in VOID:
            continue
        tags += 1
        if token.name in IMPLIED_END:
            continue
        depth = max(0, depth + (-1 if token.end else 1))
        deepest = max(deepest, depth)
        if token.name in FORMATTING:
            formatting = max(0, formatting + (-1 if token.end else 1))
            most = max(most, formatting)
    return tags <= TAGS_LIMIT and deepest <= DEPTH_LIMIT and tags * most <= FORMATTING_COST


def _flat(tokens: list[_Tag | str]) -> str:
    """The text without a tree: blocks become line ends, nothing is known of what is hidden or quoted."""
    pieces = []
    for token in tokens:
        if isinstance(token, str):
            pieces.append(re.sub(r"\s+", " ", token))
        elif token.name in BLOCK or token.name == "br":
            pieces.append("\n")
    return _tidied(entities.unescape("".join(pieces)))


class _Writer:
    """Walks a tree once and writes its visible text."""

    def __init__(self, defects: Defects, sheet: Sheet) -> None:
        self._defects = defects
        self._sheet = sheet
        self._lines: list[tuple[int, str]] = []
        self._line: list[str] = []
        self._quotes = 0
        self._rest_quoted = False

    def text(self, tree: LexborHTMLParser) -> str:
        body = tree.body
        if body is not None:
            page = look(PLAIN, "html", self._sheet.declared("html", {})[0], {})
            declared, _ = self._sheet.declared("body", body.attributes)
            self._walk(body, look(page, "body", declared, body.attributes))
            self._break()
        return _tidied(
            "\n".join(f"{'>' * depth} {line}".rstrip() if depth else line for depth, line in self._lines)
        )

    def _walk(self, top: LexborNode, page: Look) -> None:
        """Depth first without recursion; a stack entry is a node to open, or one to close after its children."""
        stack: list[tuple[LexborNode, Look | None, bool]] = [(top, page, False)]
        while stack:
            node, around, quoted = stack.pop()
            tag = node.tag or ""
            if around is None:
                self._close(tag, quoted)
                continue
            if tag == "-text":
                self._text(node.text_content or "", around)
                continue
            if tag[:1] in "-!" or tag in NO_TEXT or tag in RAW:
                continue
            attributes = node.attributes if node is not top else {}
            inside = self._look(tag, attributes, around) if node is not top else around
            if inside is None:
                if (node.text(deep=True) or "").strip():
                    self._defects.add("hidden-text")
                continue
            stack.append((node, None, self._open(tag, attributes)))
            children = []
            child = node.child
            while child is not None:
                children.append(child)
                child = child.next
            stack.extend((child, inside, False) for child in reversed(children))

    def _look(self, tag: str, attributes: dict[str, str | None], around: Look) -> Look | None:
        """How text looks inside an element; None where none of it can be seen."""
        if "hidden" in attributes or (attributes.get("type") or "").lower() == "hidden":
            return None
        if tag == "dialog" and "open" not in attributes:
            return None
        declared, gone = self._sheet.declared(tag, attributes)
        if gone:
            return None
        return look(around, tag, declared, attributes) if declared or attributes else around

    def _text(self, text: str, around: Look) -> None:
        if around is not PLAIN and around.unseen():
            if text.strip():
                self._defects.add("hidden-text")
            text = " "
        self._words(text)

    def _open(self, tag: str, attributes: dict[str, str | None]) -> bool:
        """Write what comes before an element; True when it is a quote that its end closes."""
        if tag == "br":
            self._break(force=True)
            return False
        if tag in BLOCK:
            self._break()
            if tag in SPACED:
                self._blank()
        if tag == "li":
            self._line.append("- ")
        if tag in ("td", "th") and self._line:
            self._line.append(" ")
        if QUOTE_ID.match(attributes.get("id") or "") and not self._rest_quoted:
            self._break()
            self._rest_quoted = True
            self._quotes += 1
            return False
        css = attributes.get("class") or ""
        indented = tag == "blockquote" and INDENT.search(attributes.get("style") or "")
        if (tag == "blockquote" and not indented) or (css and QUOTE_CLASS.search(css)):
            self._break()
            self._quotes += 1
            return True
        return False

    def _close(self, tag: str, quoted: bool) -> None:
        if tag in BLOCK:
            self._break()
            if tag in SPACED:
                self._blank()
        if quoted:
            self._break()
            self._quotes -= 1

    def _words(self, text: str) -> None:
        squeezed = SPACES.sub(" ", text)
        if squeezed.strip(" ") or self._line:
            self._line.append(squeezed)

    def _break(self, *, force: bool = False) -> None:
        line = SPACES.sub(" ", "".join(self._line)).strip(" ") if self._line else ""
        self._line = []
        if line or force:
            self._lines.append((min(self._quotes, QUOTE_DEPTH), line))

    def _blank(self) -> None:
        if self._lines and self._lines[-1][1]:
            self._lines.append((min(self._quotes, QUOTE_DEPTH), ""))


def _tidied(text: str) -> str:
    """Without spaces at line ends and without more than one empty line in a row."""
    lines = [line.rstrip() for line in clean(text.replace("\u00a0", " ")).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
