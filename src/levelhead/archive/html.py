"""Text from other people's HTML: what a reader sees, in lines, with quotes as `>` lines. Never fetches, never hangs.

lexbor (by selectolax) builds the tree, but a native parser cannot be interrupted, and trees can be made to cost it
seconds. So it never sees the sender's HTML: one linear pass reads the tags and writes them anew with the few
attributes that matter; what is too large or too deep after that is read without a tree.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from levelhead.archive.chars import Defects, Guard, clean

HTML_LIMIT = 524_288
"""Characters of HTML that are read."""
TAGS_LIMIT = 50_000
DEPTH_LIMIT = 400
FORMATTING_COST = 400_000
"""Tags times the most formatting elements open at once: those are opened anew in each block they run into."""

TAG_START = re.compile(r"<(?:(!--)|([!?])|(/?)([a-zA-Z][^\s/>]{0,30}))")
ATTRIBUTE = re.compile(r"[\s/]*(=?[^\s/>=]*)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*)))?")
KEPT = frozenset({"style", "class", "id", "hidden", "color", "bgcolor", "aria-hidden", "type"})
VALUE_LIMIT = 1_000

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

HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:\.0+)?(?:px|pt|em|rem|%)?\s*(?:;|!|$)"
    r"|opacity\s*:\s*0(?:\.0+)?\s*(?:;|!|$)|(?:max-)?height\s*:\s*0(?:px)?\s*(?:;|!|$)[^\"]*overflow\s*:\s*hidden"
    r"|mso-hide\s*:\s*all|text-indent\s*:\s*-\d{3,}"
)
COLOR = re.compile(r"(?:^|;)\s*color\s*:\s*([^;!]+)")
BACKGROUND = re.compile(r"(?:^|;)\s*background(?:-color)?\s*:\s*([^;!]+)")
WHITE = frozenset({"white", "#fff", "#ffffff", "#fefefe", "rgb(255,255,255)", "transparent", "rgba(0,0,0,0)"})

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
    tokens = list(_tokens(source))
    if not _harmless(tokens):
        defects.add("html-too-deep")
        return _flat(tokens)
    with Guard(defects, "html-unread") as guard:
        try:
            tree = LexborHTMLParser("".join(_written(token) for token in tokens))
        except SelectolaxError:
            guard.failed = True
        else:
            return _Writer(defects).text(tree)
    return _flat(tokens)


class _Tag:
    """One tag as the sender wrote it: its lower-case name, whether it ends, and the attributes that matter."""

    __slots__ = ("attributes", "end", "name")

    def __init__(self, name: str, end: bool, attributes: dict[str, str]) -> None:
        self.name = name
        self.end = end
        self.attributes = attributes


def _tokens(source: str) -> Iterator[_Tag | str]:
    """Texts and tags in order, as the HTML standard parts them; comments and unread elements are left out."""
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
        name = match[4].lower()
        at, attributes = _attributes(source, match.end())
        if not match[3] and name in RAW:
            lower = source.lower() if lower is None else lower
            if len(lower) != len(source):
                lower = source
            end = lower.find(f"</{name}", at)
            at = len(source) if end < 0 else end
            continue
        yield _Tag(name, bool(match[3]), attributes)


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
            kept.setdefault(name, value[:VALUE_LIMIT])
        at = match.end()
    return length, kept


def _written(token: _Tag | str) -> str:
    """The token as HTML of ours; a `<` in a text can open nothing."""
    if isinstance(token, str):
        return token.replace("<", "&lt;").replace("\x00", "")
    if token.end:
        return f"</{token.name}>"
    words = "".join(f' {key}="{entities.escape(value)}"' for key, value in token.attributes.items())
    return f"<{token.name}{words}>"


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

    def __init__(self, defects: Defects) -> None:
        self._defects = defects
        self._lines: list[tuple[int, str]] = []
        self._line: list[str] = []
        self._quotes = 0
        self._rest_quoted = False

    def text(self, tree: LexborHTMLParser) -> str:
        body = tree.body
        if body is not None:
            self._walk(body)
            self._break()
        return _tidied(
            "\n".join(f"{'>' * depth} {line}".rstrip() if depth else line for depth, line in self._lines)
        )

    def _walk(self, top: LexborNode) -> None:
        """Depth first without recursion; a stack entry is a node to open, or a function to call after its children."""
        stack: list[tuple[LexborNode, bool, bool]] = [(top, False, False)]
        while stack:
            node, closing, quoted = stack.pop()
            tag = node.tag or ""
            if closing:
                self._close(tag, quoted)
                continue
            if tag == "-text":
                self._words(node.text_content or "")
                continue
            if tag[:1] in "-!" or tag in NO_TEXT or tag in RAW:
                continue
            attributes = node.attributes if tag not in ("body",) else {}
            if _hidden(attributes):
                if (node.text(deep=True) or "").strip():
                    self._defects.add("hidden-text")
                continue
            stack.append((node, True, self._open(tag, attributes)))
            children = []
            child = node.child
            while child is not None:
                children.append(child)
                child = child.next
            stack.extend((child, False, False) for child in reversed(children))

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


def _hidden(attributes: dict[str, str | None]) -> bool:
    """Whether an element cannot be seen: by attribute, by style, or white on white."""
    if not attributes:
        return False
    if "hidden" in attributes or (attributes.get("type") or "").lower() == "hidden":
        return True
    style = (attributes.get("style") or "").lower()
    if style and HIDING.search(style):
        return True
    color = COLOR.search(style)
    shown = (color[1] if color else attributes.get("color") or "").replace(" ", "").lower()
    if shown not in WHITE:
        return False
    background = BACKGROUND.search(style)
    behind = (background[1] if background else attributes.get("bgcolor") or "").replace(" ", "").lower()
    return shown in ("transparent", "rgba(0,0,0,0)") or (behind in WHITE and bool(behind))


def _tidied(text: str) -> str:
    """Without spaces at line ends and without more than one empty line in a row."""
    lines = [line.rstrip() for line in clean(text.replace("\u00a0", " ")).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
