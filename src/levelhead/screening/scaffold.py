"""A new plugin with its test, both of which work as they are written."""

from __future__ import annotations

import os
import re
from pathlib import Path
from string import Template

from levelhead.errors import UserError
from levelhead.screening.builtin import builtin_plugins

_PLUGIN = Template('''\
"""The $name plugin: notices words that you list.

    [plugins.$name]
    words = ["asap", "immediately"]
"""

from levelhead import Finding, hookimpl


@hookimpl
def configure(settings):
    words = settings.get("words", ["asap"])
    if not all(isinstance(word, str) for word in words):
        raise ValueError("words must be a list of texts")
    return [word.lower() for word in words]


@hookimpl
def detect(message, settings):
    text = message.new_text.lower()
    found = [word for word in settings if word in text.split()]
    if found:
        return Finding("$name", 0.2, why="it uses words that you listed", quotes=found)
''')

_TEST = Template('''\
"""Run me with: python -m pytest $path"""

from pathlib import Path

import pytest

from levelhead.testing import ask, check_plugin, make_message

PLUGIN = Path(__file__).parents[1] / "$file"


def test_it_is_loaded():
    assert "detect" in check_plugin(PLUGIN).hooks


def test_it_notices_the_word():
    (finding,) = ask(PLUGIN, "detect", message=make_message("I need it asap please"))
    assert finding.label == "$name"
    assert finding.quotes == ("asap",)


def test_it_is_silent_otherwise():
    assert ask(PLUGIN, "detect", message=make_message("No hurry at all")) == ()


def test_a_wrong_setting_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="words must be a list of texts"):
        ask(PLUGIN, "detect", settings={"words": [1]})
''')


def scaffold(name: str, folder: Path) -> Path:
    """Write `NAME.py` into the plugins folder and a passing test into its `tests/`; returns the plugin's path.

    `name` is lower-case letters, digits, hyphens or underscores. Raises UserError when it is something else, is a
    built-in's, or when there is such a file; nothing is ever overwritten.
    """
    stem = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*", stem):
        raise UserError(
            f"a plugin is called by lower-case words joined by hyphens, such as late-night, not {name!r}"
        )
    slug = stem.replace("_", "-")
    if slug in builtin_plugins():
        raise UserError(f"there is a built-in plugin called {slug}; give yours another name")
    plugin, test = folder / f"{stem}.py", folder / "tests" / f"test_{stem}.py"
    for path in (plugin, test):
        if path.exists():
            raise UserError(f"there is already a file {path}; give your plugin another name")
    try:
        for place in (folder, test.parent):
            place.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write(plugin, _PLUGIN.substitute(name=slug))
        _write(test, _TEST.substitute(name=slug, file=plugin.name, path=f"tests/{test.name}"))
    except OSError as exc:
        raise UserError(f"{plugin} cannot be written: {exc.strerror}") from exc
    return plugin


def _write(path: Path, text: str) -> None:
    """Writable by nobody else whatever the umask says: the daemon refuses a file that others may write."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o644)
        stream.write(text)
