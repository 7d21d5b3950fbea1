"""Text from HTML: what a reader sees, and nothing that hangs."""

from __future__ import annotations

import time

import pytest

from levelhead.archive.chars import Defects
from levelhead.archive.html import text_of_html


def read(source: str) -> str:
    return text_of_html(source, Defects())


def defects_of(source: str) -> tuple[str, ...]:
    defects = Defects()
    text_of_html(source, defects)
    return defects.all()


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<p>Hello <b>Ann</b>,</p><p>second &amp; last</p>", "Hello Ann,\n\nsecond & last"),
        ("one<br>two<br><br>three", "one\ntwo\n\nthree"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<div><br></div><div>one</div>", "one"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
        ("a &lt;b&gt; c", "a <b> c"),
        ("5 < 6 and 7 > 6", "5 < 6 and 7 > 6"),
        ("<p>  much \n  space&nbsp;here </p>", "much space here"),
        ("<style>p { color: red }</style><script>alert('<p>no</p>')</script>yes", "yes"),
        ("<head><title>no</title></head><body>yes</body>", "yes"),
        ("<!-- no --><!DOCTYPE html><?xml no?>yes<!--[if mso]>no<![endif]-->", "yes"),
        ("<a href='https://x.example/'>link</a>", "link"),
        ("<img src=x alt='pixel'>text", "text"),
        ("no tags at all", "no tags at all"),
        ("", ""),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ("&#0;&#x1b;[31mred", "\ufffd[31mred"),
    ],
)
def test_visible_text_is_kept_in_lines(source: str, wanted: str) -> None:
    assert read(source) == wanted


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="display:none">secret</div>',
        '<div style="DISPLAY : NONE !important">secret</div>',
        '<span style="font-size:0">secret</span>',
        '<span style="font-size: 0px; color:red">secret</span>',
        '<p style="visibility:hidden">secret</p>',
        "<p hidden>secret</p>",
        '<p style="opacity:0">secret</p>',
        '<font style="color:#fff;background-color:#ffffff">secret</font>',
        '<span style="mso-hide:all">secret</span>',
        '<div style="display:none"><div><p>secret</div>secret</div>',
    ],
)
def test_what_a_reader_cannot_see_is_left_out_and_said(hidden: str) -> None:
    assert read(f"<p>before</p>{hidden}<p>after</p>") == "before\n\nafter"
    assert "hidden-text" in defects_of(f"<p>before</p>{hidden}<p>after</p>")


@pytest.mark.parametrize(
    "shown",
    [
        '<span style="font-size:0.9em">shown</span>',
        '<span style="font-size:10px">shown</span>',
        '<span style="color:white;background:#336699">shown</span>',
        '<td style="color:#ffffff">shown</td>',
        '<p style="display:block">shown</p>',
        '<p style="opacity:0.9">shown</p>',
    ],
)
def test_what_only_resembles_hidden_text_is_kept(shown: str) -> None:
    assert "shown" in read(shown)
    assert defects_of(shown) == ()


@pytest.mark.parametrize(
    "source",
    [
        "<p>new</p><blockquote>old</blockquote>",
        '<div>new</div><div class="gmail_quote"><div class="gmail_attr">On Monday Ann wrote:<br></div>'
        '<blockquote class="gmail_quote">old</blockquote></div>',
        '<div>new</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg">From: Ann</div>old',
        '<div>new</div><div class="moz-cite-prefix">Ann schrieb:</div><blockquote type="cite">old</blockquote>',
        '<div>new</div><div class="yahoo_quoted">old</div>',
    ],
)
def test_quoted_html_becomes_quoted_lines(source: str) -> None:
    lines = [line for line in read(source).split("\n") if line]
    assert lines[0] == "new"
    assert all(line.startswith(">") for line in lines[1:])
    assert any("old" in line for line in lines[1:])


def test_an_answer_between_quotes_is_not_quoted() -> None:
    source = (
        '<div class="gmail_quote"><blockquote class="gmail_quote">Monday?</blockquote><div>No.</div>'
        '<blockquote class="gmail_quote">Tuesday?</blockquote></div>'
    )
    assert [line for line in read(source).split("\n") if line and not line.startswith(">")] == ["No."]


def test_a_paragraph_that_is_only_moved_to_the_right_is_not_quoted() -> None:
    assert read('<blockquote style="margin:0 0 0 40px;border:none;padding:0px">mine</blockquote>') == "mine"


BOMBS = {
    "deep": "<div>" * 100_000,
    "unclosed": "<b>" * 170_000,
    "fonts in paragraphs": "".join(f"<p><font color=c{number}>x" for number in range(25_000)),
    "fonts opened anew": "".join(f"<font color=c{n}>" for n in range(60)) + "<div>x</div>" * 6_000,
    "attributes": "<a " + " ".join(f"a{number}=1" for number in range(70_000)) + ">x",
    "quoted ends": "<a " + "".join(f"a{number}='>' " for number in range(50_000)) + ">x",
    "open quotes": "<a b='" * 80_000,
    "less-than": "<" * 500_000,
    "equals": "<a " + "=" * 500_000,
    "spaces": "<a " + " " * 500_000,
    "comments": "<!--" * 120_000,
    "scripts": "<script></scrip" * 30_000,
    "closing": "</p>" * 120_000,
    "tables": "<table>" * 70_000,
    "many tags": "<p>x" * 120_000,
    "ampersands": "&" * 500_000,
    "selects": "<select><option>" * 30_000,
    "templates": "<template>" * 50_000,
    "capitals that grow": "<script>\u0130</script>" * 20_000,
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_no_html_costs_more_than_moments(source: str) -> None:
    started = time.perf_counter()
    read(source)
    assert time.perf_counter() - started < 5


def test_html_that_is_too_deep_is_read_without_a_tree() -> None:
    source = "<div>" * 1_000 + "I am furious" + "</div>" * 1_000
    assert read(source) == "I am furious"
    assert "html-too-deep" in defects_of(source)


def test_html_is_cut_at_its_limit_and_said() -> None:
    assert "html-cut" in defects_of("x" * 600_000)
