"""The page about lifecycles is drawn from the tables: `LEVELHEAD_WRITE_DOCS=1 pytest tests/outbox` writes it again."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from levelhead.lifecycle import ALERT, DRAFT, LIVE_DRAFTS, OPEN_ALERTS, AlertState, DraftState, Table

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "lifecycle.md"


def diagram(table: Table) -> str:
    """A mermaid state diagram of a table, one arrow for each pair of states, with the facts that take it."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, fact), after in table.items():
        arrows.setdefault((str(before) or "[*]", str(after)), []).append(fact)
    lines = [f"    {before} --> {after}: {', '.join(facts)}" for (before, after), facts in arrows.items()]
    ends = {str(after) for after in table.values()} - {str(before) for before, _ in table}
    lines += [f"    {state} --> [*]" for state in dict.fromkeys(map(str, table.values())) if state in ends]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


@pytest.mark.parametrize(("name", "table"), [("drafts", DRAFT), ("alerts", ALERT)])
def test_the_page_draws_exactly_what_the_table_says(name, table):
    begin, end = f"<!-- {name}: drawn from lifecycle.py -->", f"<!-- {name}: end -->"
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(begin)}\n(.*?)\n{re.escape(end)}", re.DOTALL)
    if os.environ.get("LEVELHEAD_WRITE_DOCS"):
        page = pattern.sub(f"{begin}\n{diagram(table)}\n{end}", page)
        PAGE.write_text(page, encoding="utf-8")
    found = pattern.search(page)
    assert found is not None and found[1] == diagram(table)


def test_the_page_says_what_every_state_and_fact_means():
    page = PAGE.read_text(encoding="utf-8")
    words = {str(word) for word in (*DraftState, *AlertState)} | {fact for _, fact in (*DRAFT, *ALERT)}
    assert [word for word in sorted(words) if f"| `{word}` |" not in page] == []


def test_every_state_can_be_reached_and_none_is_a_dead_end_that_still_lives():
    for table, states, living in ((DRAFT, DraftState, LIVE_DRAFTS), (ALERT, AlertState, OPEN_ALERTS)):
        assert set(table.values()) == set(states)
        assert set(living) <= {before for before, _ in table}
