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


HIDDEN_BY_STYLE = [
    "display:none", "DISPLAY : NONE !important", "display:/**/none", "dis\\70lay:none", "visibility:hidden",
    "content-visibility:hidden", "mso-hide:all",
    "font-size:0", "font-size: 0px; color:red", "font-size:1px", "font-size:.1px", "font-size:0.05em", "font-size:1%",
    "font:0/0 a", "font:bold 1px/1 Arial",
    "opacity:0", "opacity:.01", "opacity:1%", "filter:opacity(0)", "filter:alpha(x) opacity(1%)",
    "color:white", "color:#fff", "color:#ffffffff", "color:#fefefe", "color:snow", "color:#eee", "color:transparent",
    "color:rgb(255, 255, 255)", "color:rgb(100% 100% 100%)", "color:rgba(0,0,0,.02)", "color:hsl(0, 0%, 99%)",
    "color:lightyellow", "-webkit-text-fill-color:white", "color:#000;background:black", "color:#333;background:#333",
    "color:red;background:repeat-x red", "color:#fff;background:none", "color:#fff;background-color:#ffffff",
    "position:absolute;left:-9999px", "top:-9999px;position:fixed", "position:absolute;right:-700pt",
    "position:absolute;left:-100em", "position:absolute;left:9999px", "text-indent:-9999px", "margin-left:-9999px",
    "margin:0 0 0 -9999px",
    "transform:scale(0)", "transform: rotate(3deg) scale(.01)", "transform:scaleX(0)", "transform:scale3d(0,0,0)",
    "transform:translateX(-9999px)", "transform:rotateY(90deg)", "scale:0", "zoom:0",
    "clip-path:inset(100%)", "clip-path:inset(50%)", "clip-path:circle(0)", "clip-path:polygon(0 0, 0 0)",
    "position:absolute;clip:rect(0,0,0,0)", "clip:rect(1px 1px 1px 1px)",
    "max-height:0;overflow:hidden", "overflow:hidden;height:1px", "width:0;overflow:hidden",
    "overflow-x:clip;width:1px",
    "x:" + "y" * 3_000 + ";display:none",
]  # fmt: skip


@pytest.mark.parametrize(
    "hidden",
    [
        *[f'<div style="{style}">secret</div>' for style in HIDDEN_BY_STYLE],
        "<p hidden>secret</p>",
        "<dialog>secret</dialog>",
        '<font color="#ffffff">secret</font>',
        '<font color="FFFFFF">secret</font>',
        '<div bgcolor="#112233"><font color="#112233">secret</font></div>',
        '<div style="display:none"><div><p>secret</div>secret</div>',
        '<div style="color:white"><p><b>secret</b></p></div>',
        '<div style="font-size:10px"><p style="font-size:.1em">secret</p></div>',
    ],
)
def test_what_a_reader_cannot_see_is_left_out_and_said(hidden: str) -> None:
    assert read(f"<p>before</p>{hidden}<p>after</p>") == "before\n\nafter"
    assert "hidden-text" in defects_of(f"<p>before</p>{hidden}<p>after</p>")


@pytest.mark.parametrize(
    "sheet",
    [
        ".x{display:none}",
        "#y{display:none}",
        "p.x{display:none}",
        "P#y { DISPLAY: none }",
        ".a, .x , .b{display:none}",
        "* {color:red} p{color:white}",
        "@import url(a.css); .x{display:none}",
        "<!-- .x{display:none} -->",
        "/* { */ .x{/* } */ display:none}",
        "@media screen{.a{color:red}.x{display:none}}",
        "@media only screen and (min-width: 480px) {.x{display:none}}",
        "@media print, screen{.x{display:none}}",
        "@supports (display:grid){.x{display:none}}",
        "@font-face{src:url(x)} @keyframes k{from{top:0}to{top:1px}} .x{display:none}",
        ".x{display:block}.x{display:none}",
        ".x{display:none!important}.x{display:block}",
        "#y{display:none}.x{display:block}",
        "p{background:#000}.x{color:#000}",
    ],
)
def test_a_style_sheet_that_hides_by_one_class_id_or_tag_is_obeyed(sheet: str) -> None:
    source = f"<style>{sheet}</style><div>before</div><p class='z x' id=y>secret</p><div>after</div>"
    assert "".join(read(source).split()) == "beforeafter"
    assert "hidden-text" in defects_of(source)


@pytest.mark.parametrize(
    "sheet",
    [
        ".x1{display:none}",
        "div.x{display:none}",
        "@media print{.x{display:none}}",
        "@media (max-width:600px){.x{display:none}}",
        "@media (prefers-color-scheme: dark){.x{color:#fff}}",
        ".x{display:none}#y{display:block}",
        ".x{display:none}@media screen{.x{display:inline}}",
        "@media print{.a{top:0}.x{display:none}} .b{display:none}",
        ".x{",
        "{}{}}}.x",
    ],
)
def test_a_style_sheet_that_hides_nothing_on_a_screen_hides_nothing(sheet: str) -> None:
    assert read(f"<style>{sheet}</style><p class=x id=y>shown</p>") == "shown"
    assert (
        read(f"<style media=print>.x{{display:none}}</style><style>{sheet}</style><p class=x id=y>shown")
        == "shown"
    )
    assert "hidden-text" not in defects_of(f"<style>{sheet}</style><p class=x id=y>shown</p>")


@pytest.mark.parametrize(
    "shown",
    [
        '<span style="font-size:0.9em">shown</span>',
        '<span style="font-size:10px">shown</span>',
        '<span style="font:normal 400 14px/20px Arial">shown</span>',
        '<span style="font-size:small">shown</span>',
        '<div style="font-size:0px;padding:20px"><div style="font-size:13px">shown</div></div>',
        '<div style="visibility:hidden"><p style="visibility:visible">shown</p></div>',
        '<span style="color:white;background:#336699">shown</span>',
        '<div style="background:#336699"><p><span style="color:white">shown</span></p></div>',
        "<div bgcolor=black><font color=white>shown</font></div>",
        '<body bgcolor="#000000" text="#ffffff">shown</body>',
        "<style>body{background:#111;color:#eee}</style><p>shown</p>",
        '<table><tr><td background="x.png"><b style="color:#ffffff">shown</b></td></tr></table>',
        '<div style="background:url(x.png) #fff"><b style="color:#ffffff">shown</b></div>',
        '<div style="background:linear-gradient(#000, #333)"><b style="color:#ffffff">shown</b></div>',
        '<p style="color:var(--ink)">shown</p>',
        "<p color=white text=white>shown</p>",
        '<p style="color:#999">shown</p>',
        '<p style="display:block">shown</p>',
        '<p style="opacity:0.9">shown</p>',
        '<p style="margin-left:144pt;text-indent:-144pt">shown</p>',
        '<p style="left:-9999px">shown</p>',
        '<p style="max-height:0">shown</p>',
        '<p style="width:100%;overflow:hidden;max-width:600px">shown</p>',
        '<p style="transform:scale(1.5) translate(-50%, 0)">shown</p>',
        '<p style="clip-path:inset(10px 20px)">shown</p>',
        '<p style="margin:0 auto">shown</p>',
        "<details><summary>More</summary>shown</details>",
        "<dialog open>shown</dialog>",
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


DECLARED = [
    "display:block", "color:red", "background:blue", "font-size:9px", "position:absolute", "left:1px", "right:1px",
    "margin:1px 1px 1px 1px", "transform:rotate(1deg)", "clip-path:inset(1px)", "overflow:hidden", "width:9px",
]  # fmt: skip

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
    "style: selectors": f"<style>{','.join(f'.a{n}' for n in range(40_000))}{{{';'.join(DECLARED)}}}</style>x",
    "style: classes": f"<style>.a,.b,.c,.d{{{';'.join(DECLARED)}}}</style>"
    + "<p class='a b c d' id=x>y" * 15_000,
    "style: one element": "<p class='" + " ".join(f"a{n}" for n in range(70_000)) + "'>x",
    "style: braces": f"<style>{'{' * 500_000}</style>x",
    "style: blocks": f"<style>{'@a{' * 160_000}</style>x",
    "style: media": f"<style>{'@media screen{' * 35_000}</style>x",
    "style: comments": f"<style>{'/*' * 250_000}</style>x",
    "style: digits": "".join(
        f"<p style='font-size:{'1' * 1_900}x;margin:{'1.' * 900}'>x" for _ in range(130)
    ),
    "style: letters": "".join(
        f"<p style='transform:{'a' * 1_900};background:{'a-' * 900}'>x" for _ in range(130)
    ),
    "style: brackets": "".join(
        f"<p style='transform:{'a(' * 900};color:rgb({'1.' * 900}'>x" for _ in range(130)
    ),
    "style: colours": "".join(f"<p style='color:#{n:06x};background:#{n:06x}'>x" for n in range(12_000)),
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


def test_a_tag_whose_quotation_mark_is_open_goes_on_differently_in_every_mail() -> None:
    assert read("<p title='a>one</p>") == "one"
    assert read("<p title='a>one</p><p title=b'>two</p>") == "two"
    assert read("<p title='a>one</p>") == "one"
