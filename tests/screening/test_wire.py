"""The answers of plugins cross as plain values: every answer comes back, and nothing else is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bent import bent
from levelhead.hookspecs import HOOKS
from levelhead.model import Alert, Delivered, Draft, Finding, Hold, Level, Point, Severity, Verdict
from levelhead.pipes import BadFrame
from levelhead.plain import LARGEST_WHOLE, from_json, to_json
from levelhead.screening.answers import EXPECTED, MANY, MOST, WrongAnswer, checked
from levelhead.screening.guard import Opened, Reply
from levelhead.screening.panel import HostPanel
from levelhead.screening.wire import LARGEST_ANSWER, packed, read_opened, read_reply

Drop = Callable[[str, str], Path]
Seat = Callable[..., HostPanel]

ANY = some.text(some.characters(), max_size=20)
"""With halves of surrogate pairs, which a plugin can say."""
SAID = ANY.filter(str.strip)
SLUGS = some.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
MILLIONTHS = some.integers(-LARGEST_WHOLE, LARGEST_WHOLE)
POINTS = some.builds(
    Point,
    plugin=ANY,
    label=ANY,
    millionths=MILLIONTHS,
    why=ANY,
    quotes=some.lists(ANY, max_size=2).map(tuple),
)


@some.composite
def verdicts(draw: some.DrawFn) -> Verdict:
    """Verdicts whose points sum to their score."""
    rest = {"labels": tuple(draw(some.lists(ANY, max_size=2))), "complete": draw(some.booleans())}
    if draw(some.booleans()):
        points = tuple(draw(some.lists(POINTS, max_size=1)))
        return Verdict(level=Level.UNKNOWN, millionths=None, because=points, decided_by=draw(ANY), **rest)
    score = draw(some.integers(0, 1_000_000))
    shares = draw(some.lists(some.integers(-1_000_000, 1_000_000), max_size=2))
    amounts = [*shares, score - sum(shares)]
    because = tuple(Point(plugin=draw(ANY), label=draw(ANY), millionths=one) for one in amounts)
    level = draw(some.sampled_from([Level.CALM, Level.TENSE, Level.HEATED, Level.HOSTILE]))
    return Verdict(level=level, millionths=score, because=draw(some.sampled_from([(), because])), **rest)


NOUNS: dict[str, some.SearchStrategy[object]] = {
    "detect": some.builds(Finding, SLUGS, some.floats(-1, 1), ANY, some.lists(SAID, max_size=3).map(tuple)),
    "classify": verdicts(),
    "draft_reply": some.builds(Draft, ANY, SAID),
    "hold": some.builds(Hold, some.datetimes().map(lambda when: when.replace(tzinfo=UTC, fold=0)), SAID),
    "escalate": some.builds(Alert, SLUGS, some.sampled_from(Severity), SAID, ANY),
    "deliver": some.builds(Delivered, ANY),
}

WHOLE: dict[str, Reply] = {
    "detect": Reply((Finding("a", 0.5, "why", ("quote",)), Finding("b", 0.25))),
    "classify": Reply(
        (
            Verdict(
                level=Level.TENSE,
                millionths=4,
                because=(Point(plugin="p", label="l", millionths=4, why="w", quotes=("q",)),),
                labels=("l",),
            ),
        )
    ),
    "draft_reply": Reply((Draft("Re: x", "Hello"),)),
    "hold": Reply((Hold(datetime(2026, 1, 1, tzinfo=UTC), "why"),)),
    "escalate": Reply((Alert("key", Severity.WARNING, "title", "body"),)),
    "deliver": Reply((Delivered("sent"),)),
}


# --- what is said comes back -------------------------------------------------------------------


def test_every_hook_that_answers_is_tried_here() -> None:
    assert set(NOUNS) == set(WHOLE) == set(EXPECTED)


@pytest.mark.parametrize("hook", NOUNS)
@given(data=some.data())
def test_every_answer_comes_back_as_it_was_given(hook: str, data: some.DataObject) -> None:
    most = 3 if hook in MANY else 1
    reply = Reply(tuple(data.draw(some.lists(NOUNS[hook], max_size=most))))
    back = read_reply(packed(reply), hook)
    assert back == reply and repr(back) == repr(reply)
    assert checked(hook, back.answers if hook in MANY else next(iter(back.answers), None)) == reply.answers


@given(error=ANY, starved=some.booleans(), hook=some.sampled_from(HOOKS))
def test_every_failure_comes_back_as_it_was_given(error: str, starved: bool, hook: str) -> None:
    reply = Reply(error=error, starved=starved)
    assert read_reply(packed(reply), hook) == reply


@given(some.lists(some.sampled_from(HOOKS), unique=True), ANY)
def test_what_came_of_loading_comes_back_as_it_was_given(hooks: list[str], refused: str) -> None:
    answer = Opened(tuple(hooks), refused)
    assert read_opened(packed(answer)) == answer


# --- nothing else is an answer -------------------------------------------------------------------


@pytest.mark.parametrize("hook", WHOLE)
def test_an_answer_with_another_type_at_any_place_is_refused(hook: str) -> None:
    right = from_json(packed(WHOLE[hook]))
    assert read_reply(to_json(right), hook) == WHOLE[hook]
    for where, wrong in bent(right):
        with pytest.raises(BadFrame):
            raise AssertionError(f"{where}: {read_reply(to_json(wrong), hook)}")


def test_what_came_of_loading_with_another_type_at_any_place_is_refused() -> None:
    for where, wrong in bent([["detect", "hold"], "why"]):
        with pytest.raises(BadFrame):
            raise AssertionError(f"{where}: {read_opened(to_json(wrong))}")
    for hooks in (["detect", "sendmail"], ["detect"] * (len(HOOKS) + 1)):
        with pytest.raises(BadFrame, match="a hook that there is not"):
            read_opened(to_json([hooks, ""]))


@pytest.mark.parametrize("hook", WHOLE)
def test_an_answer_to_another_hook_is_none_to_this_one(hook: str) -> None:
    """But for a Hold, which is two texts as a Draft is: it could only be a draft of strange words."""
    for other in set(HOOKS) - {hook, "draft_reply" if hook == "hold" else ""}:
        with pytest.raises(BadFrame):
            read_reply(packed(WHOLE[hook]), other)


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("detect", ["Not a slug", 0.5, "", []]),
        ("detect", ["a", 1.5, "", []]),
        ("detect", ["a", 0.5, "", [""]]),
        ("classify", ["tense", None, [], [], True, ""]),
        ("classify", ["unknown", 5, [], [], True, ""]),
        ("classify", ["lukewarm", 5, [], [], True, ""]),
        ("classify", ["tense", 1_000_001, [], [], True, ""]),
        ("classify", ["tense", 5, [["p", "l", 4, "", []]], [], True, ""]),
        ("draft_reply", ["Re:", " "]),
        ("hold", ["2026-01-01T00:00:00", "why"]),
        ("hold", ["2026-01-01T00:00:00+01:00", "why"]),
        ("escalate", ["key", "shrill", "title", ""]),
        ("escalate", ["key", "info", "", ""]),
    ],
)
def test_a_noun_that_the_model_would_not_have_is_refused(hook: str, answer: list[object]) -> None:
    with pytest.raises(BadFrame):
        read_reply(to_json([[answer], "", False, False]), hook)


def test_more_answers_than_a_hook_may_give_are_refused_before_any_is_made() -> None:
    many = [["a", 0.5, "", []]] * MOST
    assert len(read_reply(to_json([many, "", False, False]), "detect").answers) == MOST
    with pytest.raises(BadFrame, match="201 answers to detect"):
        read_reply(to_json([["no answer"] * (MOST + 1), "", False, False]), "detect")
    with pytest.raises(BadFrame, match="2 answers to deliver"):
        read_reply(to_json([["no answer"] * 2, "", False, False]), "deliver")


def test_a_worker_cannot_say_of_itself_that_it_is_gone() -> None:
    with pytest.raises(BadFrame):
        read_reply(packed(Reply(error="x", gone=True)), "detect")


def test_an_answer_that_is_too_large_is_the_failure_of_its_call() -> None:
    many = Verdict(level=Level.TENSE, millionths=5, labels=("",) * LARGEST_ANSWER)
    assert "is too large" in read_reply(packed(Reply((many,))), "classify").error
    assert "is too large" in read_opened(packed(Opened(refused="x" * LARGEST_ANSWER))).refused
    longest = Reply((Draft("", "\x01" * 200_000),))
    assert read_reply(packed(longest), "draft_reply") == longest


def test_a_number_that_cannot_cross_is_a_wrong_answer_wherever_the_plugin_runs() -> None:
    points = tuple(Point(plugin="p", label="l", millionths=one) for one in (2**63, 1 - 2**63))
    with pytest.raises(WrongAnswer, match="at most 64 bits"):
        checked("classify", Verdict(level=Level.CALM, millionths=1, because=points))


# --- in the panel --------------------------------------------------------------------------------

SAYS_ITSELF = """
import base64, pickle
class Calls:
    def __reduce__(self):
        return os.mkdir, (__file__ + ".called",)

@hookimpl
def detect():
    data = {says}
    os.write(int(sys.argv[1]), len(data).to_bytes(4, "big") + data)
    return Finding("fine", 0.1)
"""


@pytest.mark.parametrize(
    "says",
    [
        "pickle.dumps(Calls())",
        'b"\\x80\\x04})" + b"2\\x86" * 40 + b"Ns."',
        'b"[" * 100_000',
        "json.dumps([[['Re: x', 'Hello']], '', False, False]).encode()",
        "b'[[],\"\",true,false]'",
    ],
    ids=["a call", "for ever", "deep", "a draft", "gone"],
)
def test_a_plugin_that_writes_an_answer_itself_has_given_none(
    drop: Drop, seat: Seat, detect, folder: Path, says: str
) -> None:
    drop("a_bad.py", "import json\n" + SAYS_ITSELF.format(says=says))
    panel = seat()
    asked = detect(panel)
    (failure,) = asked.failures
    assert failure.plugin == "a-bad" and failure.error.startswith("it answered nonsense: ")
    assert asked.answers == ()
    assert sum(panel._chairs[0].strikes._failed) == 1
    assert not list(folder.glob("*.called"))
