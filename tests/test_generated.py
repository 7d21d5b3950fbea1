"""What is made from the code is as the code would make it now."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from levelhead import docs, facts

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("name", "make"), docs.PAGES.items(), ids=docs.PAGES)
def test_a_made_file_is_up_to_date(name: str, make: Callable[[], str]) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == make(), "run `make docs` and commit what changed"


def test_a_file_that_is_out_of_date_is_shown_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "PAGES", {"a/page.md": lambda: "new\n"})
    monkeypatch.setattr(docs, "outdated", lambda root=tmp_path, real=docs.outdated: real(root))
    monkeypatch.setattr(docs, "write", lambda root=tmp_path, real=docs.write: real(root))
    assert docs.main(["--check"]) == 1
    assert "+new" in (said := capsys.readouterr().err) and "make docs" in said
    assert docs.main([]) == 0
    assert (tmp_path / "a" / "page.md").read_text() == "new\n"
    assert docs.main(["--check"]) == 0
    assert docs.main(["--chek"]) == 2


def test_every_fact_has_its_heading_and_all_of_its_fields() -> None:
    page = docs.facts_page()
    for name in facts.names():
        block = page.split(f"\n## `{name}`\n")[1].split("\n## ")[0]
        for field in dataclasses.fields(facts.fact_class(name)):
            assert f"\n- `{field.name}` (" in block, f"{name}.{field.name}"


def test_made_pages_have_one_sentence_a_line() -> None:
    for line in docs.configuration_page().splitlines():
        if line and not line.startswith(("-", "#", "<")):
            assert ". " not in line.replace("levelhead.toml", ""), line
