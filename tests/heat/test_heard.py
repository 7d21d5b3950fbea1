"""What was heard of a message's words is the same wherever it was made, and crosses as plain values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bent import bent
from levelhead.archive.hearing import parse_and_hear
from levelhead.archive.parse import parse
from levelhead.heat import heard as heard_module
from levelhead.heat.engine import Cue, Reading
from levelhead.heat.forms import joined
from levelhead.heat.heard import (
    FURTHEST,
    MOST_CUES,
    NOTHING_KNOWN,
    Heard,
    Known,
    Lately,
    forget,
    hear,
    is_of,
    packed,
    unpacked,
)
from levelhead.heat.unjudged import REASONS
from levelhead.pipes import BadFrame
from levelhead.plain import from_json, to_json
from levelhead.raw import raw
from levelhead.testing import make_message

ANGRY = (
    "Hello Kim,\n\nyour work is a disgrace, you idiot. “Never again”, says my wife. The page is broken. "
    "The people at Northwind were wonderful. If I do not have it tomorrow my lawyer will call you.\n\nRegards\nSam"
)
HOSTILE = sorted((Path(__file__).parents[1] / "data" / "hostile").glob("*.eml"))
ANY = some.text(some.characters(), max_size=20)
REAL = some.floats(-FURTHEST, FURTHEST)
WHY = some.sampled_from(["", *REASONS])
LABEL = some.sampled_from(["heated", "legal", "attacks-work"])


@some.composite
def readings(draw: some.DrawFn) -> Heard:
    """Whatever may be heard: places lie in the text."""
    said = draw(ANY)
    span = some.tuples(some.integers(0, len(said)), some.integers(0, len(said))).map(sorted).map(tuple)
    spans = some.lists(span, max_size=3).map(tuple)
    cues = some.lists(some.builds(Cue, LABEL, REAL, ANY, spans), max_size=3).map(tuple)
    reading = Reading(draw(REAL), draw(cues), draw(REAL), draw(spans), draw(spans))
    fault = draw(some.none() | span)
    return Heard(said, reading, draw(spans), fault, draw(some.booleans()), draw(WHY))


@given(readings())
def test_what_was_heard_comes_back_as_it_was(heard: Heard) -> None:
    assert unpacked(packed(heard)) == heard


def test_the_words_of_a_message_cross_to_the_digit() -> None:
    heard = hear("The site", ANGRY, "en")
    assert len(heard.reading.cues) > 2
    assert unpacked(packed(heard)) == heard


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_what_is_heard_where_a_message_is_read_is_what_is_heard_of_it_later(path: Path) -> None:
    mail = raw(path.read_bytes())
    read, both = parse(mail), parse_and_hear(mail)
    assert both == type(both)(
        **{name: getattr(read, name) for name in type(read).__dataclass_fields__ if name != "heard"},
        heard=both.heard,
    )
    if both.heard:
        assert unpacked(both.heard) == hear(read.subject, read.new_text, read.language)
    else:
        assert read.encrypted or not read.new_text


def test_anything_else_is_no_reading() -> None:
    whole = from_json(packed(hear("The site", ANGRY, "en")).encode())
    for where, wrong in bent(whole):
        if where == "[3] is None":
            continue
        with pytest.raises(BadFrame):
            raise AssertionError(f"{where}: {unpacked(to_json(wrong).decode('utf-8', 'surrogatepass'))}")
    for nonsense in ("", "nonsense", "[]", "{}", "null"):
        with pytest.raises(BadFrame):
            unpacked(nonsense)


def test_what_no_text_reads_like_is_refused() -> None:
    heard = hear("The site", ANGRY, "en")
    cue, reading = heard.reading.cues[0], heard.reading
    beyond = (0, len(heard.text) + 1)
    for wrong in (
        replace(heard, reading=replace(reading, logit=1e18)),
        replace(heard, reading=replace(reading, rest=-1e18)),
        replace(heard, reading=replace(reading, cues=(replace(cue, logits=1e18),))),
        replace(heard, reading=replace(reading, cues=(cue,) * (MOST_CUES + 1))),
        replace(heard, reading=replace(reading, cues=(replace(cue, label="No Label"),))),
        replace(heard, reading=replace(reading, cues=(replace(cue, why="w" * 501),))),
        replace(heard, reading=replace(reading, cues=(replace(cue, spans=(beyond,)),))),
        replace(heard, reading=replace(reading, untold=((3, 2),))),
        replace(heard, reading=replace(reading, reported=((-1, 2),))),
        replace(heard, praised=(beyond,)),
        replace(heard, fault=beyond),
        replace(heard, unjudged="not worth judging"),
    ):
        with pytest.raises(BadFrame):
            raise AssertionError(unpacked(packed(wrong)))


def test_it_is_known_whose_words_were_heard() -> None:
    heard = hear("The site", ANGRY, "en")
    assert is_of(heard, "The site", ANGRY)
    assert not is_of(heard, "The site", ANGRY + " Or not.")
    assert not is_of(heard, "Another", ANGRY)
    both = joined("All is well here, and we thank you for your work on it.", ANGRY)
    assert is_of(hear("The site", both, "en"), "The site", both)


def test_a_message_is_heard_once_whoever_asks_how_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(
        heard_module, "hear", lambda *words: (heard.append(words[1]), hear(*words))[1], raising=True
    )
    forget()
    message = make_message(ANGRY, language="en")
    assert NOTHING_KNOWN.of(message) == hear(message.subject, ANGRY, "en") == Known().of(message)
    assert heard == [ANGRY]
    forget()
    NOTHING_KNOWN.of(message)
    assert len(heard) == 2, "nothing of it was left"
    told = hear("", "Thank you.", "en")
    assert Known({message.id: told}.get).of(message) is told and len(heard) == 2


def test_what_was_heard_lately_does_not_pile_up() -> None:
    short, long = hear("", "Thank you.", "en"), hear("", "Thank you. " * 9, "en")
    lately = Lately(most=2, letters=len(long.text))
    for key in "abc":
        lately.keep(key, short)
    assert [lately.get(key) for key in "abc"] == [None, short, short]
    lately.keep("c", short)
    assert lately.get("b"), "the same again takes no room"
    lately.keep("d", long)
    assert [lately.get(key) for key in "bcd"] == [None, None, long]
    lately.keep("e", replace(long, text=long.text + "!"))
    assert lately.get("e") and not lately.get("d"), "the last stays however long it is"
    lately.clear()
    assert lately.get("e") is None
