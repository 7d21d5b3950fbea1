"""The reference page of the hooks: every hook has its heading, its true signature, and an example that runs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from levelhead import hookspecs
from levelhead.hookspecs import HOOKS
from levelhead.model import Address, Finding, Noted, Screening
from levelhead.screening.answers import MANY
from levelhead.screening.seat import run_code, take_seat
from levelhead.screening.sources import Source
from levelhead.testing import ask, make_message

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S))

THREAT = Noted(plugin="tone", finding=Finding("legal", 0.9))
FITTING: dict[str, dict[str, object]] = {
    "classify": {"screening": Screening(message_id="x", noted=(THREAT,))},
    "escalate": {"message": make_message(cc=(Address(address="a@b.example"),) * 3)},
}


def blocks(hook: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTIONS[hook], re.M | re.S)


def test_every_hook_has_its_heading_in_the_order_in_which_it_is_asked() -> None:
    assert tuple(SECTIONS) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_the_signature_on_the_page_is_the_one_in_the_code(hook: str) -> None:
    signature = inspect.signature(getattr(hookspecs, hook))
    arguments = ", ".join(f"{name}: {one.annotation}" for name, one in signature.parameters.items())
    assert blocks(hook, "")[0].strip() == f"{hook}({arguments}) -> {signature.return_annotation}"


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_runs_and_answers(hook: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(hook, "python")
    path = tmp_path / f"example_{hook}.py"
    path.write_text(code, encoding="utf-8")
    if hook == "configure":
        assert ask(path, "detect", message=make_message("word " * 500))[0].why == "it has 500 words"
        with pytest.raises(ValueError, match="longest is a number of words, not 'x'"):
            ask(path, "detect", settings={"longest": "x"})
    elif hook == "observe":
        assert ask(path, hook) is None
        module = run_code(Source(name="example", origin=str(path), code=code.encode()))
        take_seat("example", module, {}).call("observe", {"fact": hookspecs.Fact()})
        assert module.seen == {"": 1}
    else:
        answer = ask(path, hook, **FITTING.get(hook, {}))
        assert answer[0] if hook in MANY else answer
