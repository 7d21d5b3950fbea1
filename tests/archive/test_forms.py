"""Two forms of one message that say different things: both are read, and ordinary forms of one text are one text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from levelhead.archive.parse import parse
from levelhead.heat.forms import OTHER_FORM, forms, joined
from levelhead.model import Parsed
from levelhead.raw import raw
from levelhead.screening.unknown import unknown_reason
from levelhead.testing import make_message


def multipart_of(kind: str, *parts: bytes, boundary: str = "inner") -> bytes:
    lines = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    top = f"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n"
    return top.encode() + lines + f"--{boundary}--\r\n".encode()


def multipart(kind: str, *parts: bytes) -> Parsed:
    return parse(raw(b"From: a@acme.example\r\nSubject: x\r\n" + multipart_of(kind, *parts, boundary="bb")))


CALM = "Thank you for the drafts. The second one is lovely, and we will look at it together on Monday."
ANGRY = "You have lied to me for three months. I want every cent of my money back today, or I will see you in court."


def part(kind: str, text: str) -> bytes:
    return f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n{text}".encode()


@pytest.mark.parametrize(
    ("plain", "rich"),
    [
        (CALM, f"<p>{ANGRY}</p>"),
        (CALM * 10, f"<p>{CALM * 10}</p><p>{ANGRY}</p>"),
        (f"{CALM}\n\n{ANGRY}", f"<p>{ANGRY}</p>"),
        (f"{CALM}\n\n{ANGRY}", f"<p>{ANGRY}</p><p style='display:none'>{CALM}</p>"),
        (f"{CALM}\n-- \nAnn", f"<p>{ANGRY}</p>"),
    ],
)
def test_of_two_forms_that_say_different_things_neither_hides_the_other(plain: str, rich: str) -> None:
    parsed = multipart("alternative", part("plain", plain), part("html", rich))
    assert "forms-differ" in parsed.defects
    for form in forms(parsed.new_text):
        assert form in parsed.text or "Ann" in parsed.text
    assert ANGRY in forms(parsed.new_text)[1]
    assert forms(parsed.new_text)[0] == plain.partition("\n-- ")[0]


def test_forms_are_compared_wherever_they_stand() -> None:
    inner = multipart_of("alternative", part("plain", CALM), part("html", f"<p>{ANGRY}</p>"))
    for parts in (
        (part("plain", CALM), inner),
        (part("plain", CALM), part("plain", ANGRY)),
        (part("plain", CALM), part("html", f"<p>{ANGRY}</p>"), part("html", f"<p>{CALM}</p>")),
    ):
        parsed = multipart("alternative", *parts)
        assert "forms-differ" in parsed.defects
        assert ANGRY in parsed.new_text
    assert ANGRY in multipart("mixed", inner, part("plain", "the list's footer")).new_text
    deep = inner
    for depth in range(20):
        deep = multipart_of("alternative", part("plain", CALM), deep, boundary=f"deep{depth}")
    assert ANGRY in multipart("alternative", part("plain", CALM), deep).new_text


def test_the_line_that_parts_two_forms_is_no_senders() -> None:
    parsed = multipart(
        "alternative", part("plain", f"{CALM}\n{OTHER_FORM}\n{CALM}"), part("html", f"<p>{ANGRY}")
    )
    assert forms(parsed.new_text)[1:] == (ANGRY,)
    assert len(forms(multipart("mixed", part("plain", f"{CALM}\n{OTHER_FORM}\n{CALM}")).new_text)) == 1


@pytest.mark.parametrize(
    ("plain", "rich"),
    [
        (CALM, f"<p>{CALM}</p>"),
        (f"*{CALM}*", f"<b>{CALM}</b><img alt='our logo' src=x>"),
        (f"> {ANGRY}\n\n{CALM}", f"<blockquote>{ANGRY}</blockquote>{CALM}"),
        (f"{CALM}\n\n> {ANGRY}", f"<p>{CALM}</p>"),
        (f"{CALM} <https://acme.example/a-very-long-way-to-a-page-on-the-web>", f"<a href=x>{CALM}</a>"),
        (f"{CALM}\n\n[1] https://acme.example/one\n[2] https://acme.example/two", f"<p>{CALM}</p>"),
        (f"{CALM}\n[A picture containing text Description automatically generated]", f"<p>{CALM}<img src=x>"),
        (CALM.replace(" ", "\n"), f"<table><tr><td>{CALM.replace(' ', '</td><td>')}</td></tr></table>"),
        (CALM, "".join(f"<p>{line}</p>" for line in CALM.split(". ")) + "<p>Sent from my telephone</p>"),
        ("View this message in your browser: x", f"<p>{CALM * 5}</p>"),
        ("Your mail program cannot show HTML.", f"<p>{ANGRY * 5}</p>"),
        ("", f"<p>{ANGRY}</p>"),
        (CALM, ""),
    ],
)
def test_ordinary_forms_of_one_text_are_one_text(plain: str, rich: str) -> None:
    parsed = multipart("alternative", part("plain", plain), part("html", rich))
    assert "forms-differ" not in parsed.defects
    assert OTHER_FORM not in parsed.text + parsed.new_text


def test_a_short_plain_form_that_says_something_else_is_read_too() -> None:
    parsed = multipart("alternative", part("plain", "You are a liar and a thief."), part("html", CALM * 5))
    assert forms(parsed.new_text)[1:] == ("You are a liar and a thief.",)


def test_of_forms_that_differ_each_must_be_unknown_for_the_message_to_be() -> None:
    foreign = "Это письмо написано на языке, которого здесь никто не знает и не судит."
    message = make_message("")
    for one, other in ((foreign, ANGRY), (ANGRY, foreign)):
        assert unknown_reason(replace(message, new_text=joined(one, other), language="")) == ""
    both = replace(message, new_text=joined(foreign, foreign), language="")
    assert unknown_reason(both) == "unsupported language"
