"""The page about levels says what the rules do."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from levelhead.model import Level
from levelhead.policy.types import HeatPolicy
from levelhead.policy.weigh import ENOUGH_JUDGED, LABEL_CAP

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "levels.md").read_text(encoding="utf-8")


def test_the_page_names_every_level_with_its_default_threshold():
    above, _, _ = PAGE.partition("## Labels")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", above, re.MULTILINE))
    heat = HeatPolicy()
    assert set(rows) == {level.value for level in Level}
    assert [float(rows[name]) for name in ("tense", "heated", "hostile")] == [
        heat.tense,
        heat.heated,
        heat.hostile,
    ]


def test_the_page_names_the_holds_that_the_configuration_has_by_default():
    from levelhead.config.sections import Cooldown

    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", PAGE, re.MULTILINE))
    cooldown = Cooldown()
    assert (cooldown.tense, rows["tense"]) == (timedelta(minutes=30), "30 minutes")
    assert (cooldown.heated, rows["heated"]) == (timedelta(hours=4), "4 hours")
    assert (cooldown.hostile, rows["hostile"]) == (timedelta(hours=24), "24 hours")
    assert (cooldown.calm, rows["calm"]) == (timedelta(0), "not at all")


def test_the_page_names_the_numbers_of_the_weighing():
    assert f"a strength of {LABEL_CAP}" in PAGE and f"after {ENOUGH_JUDGED} judged" in PAGE
