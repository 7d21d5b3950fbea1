"""What is said of a message: whether it is the first one ever exchanged, and what follows from that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from levelhead.hookspecs import Asked, Said
from levelhead.model import Client, Finding, Level, Thread
from levelhead.outbox.said import asked_verdict
from levelhead.policy.types import HeatPolicy
from levelhead.testing import make_message
from outbox.conftest import ScriptedPanel

NOW = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)
ANGRY = (Finding("heated", 1.0, "it is angry"), Finding("personal-attack", 0.8, "it calls you names"))


def verdict(client: Client, *findings: Finding, **fields: object):
    """What is said of a message of NOW by that client, in which these findings were made."""
    message = replace(make_message("You liars."), received_at=NOW, **fields)
    said, _ = asked_verdict(
        ScriptedPanel(findings=findings or ANGRY),
        message,
        Thread(key="t1", client=client.name),
        client,
        unknown="",
        heat=HeatPolicy(),
        may_lower=frozenset(),
    )
    return said


@pytest.mark.parametrize("earlier", [None, NOW, NOW + timedelta(days=1)], ids=["none", "itself", "later"])
def test_the_first_message_ever_exchanged_is_tense_at_most(earlier: datetime | None) -> None:
    said = verdict(Client(name="acme", first_contact=earlier))
    assert said.level is Level.TENSE
    assert [point.label for point in said.because if point.millionths < 0] == ["first-contact"]
    assert sum(point.millionths for point in said.because) == said.millionths


def test_after_anything_was_exchanged_it_is_no_first_contact() -> None:
    said = verdict(Client(name="acme", first_contact=NOW - timedelta(seconds=1)))
    assert said.level is Level.HOSTILE
    assert "first-contact" not in [point.label for point in said.because]


def test_a_first_message_with_an_explicit_threat_is_not_spared() -> None:
    said = verdict(Client(name="acme"), *ANGRY, Finding("legal", 0.5, "it threatens to sue"))
    assert said.level is Level.HOSTILE


def test_text_that_is_nobody_s_is_no_contact() -> None:
    """`levelhead score` judges a text without a client: it says how heated the text is, and nothing else."""
    assert verdict(Client(name="")).level is Level.HOSTILE


def test_what_a_plugin_says_of_a_first_message_is_its_own_business() -> None:
    """The cap is part of our weighing; a classifier that raises the level is still heard."""

    class Raises(ScriptedPanel):
        def classify(self, message, thread, client, screening):
            assert screening.first_contact
            return Asked(answers=(Said("mine", replace(OURS, level=Level.HOSTILE, millionths=900_000)),))

    said, _ = asked_verdict(
        Raises(findings=ANGRY),
        replace(make_message("You liars."), received_at=NOW),
        Thread(key="t1", client="acme"),
        Client(name="acme"),
        unknown="",
        heat=HeatPolicy(),
        may_lower=frozenset(),
    )
    assert (said.level, said.decided_by) == (Level.HOSTILE, "mine")


OURS = replace(verdict(Client(name="acme")), because=())
