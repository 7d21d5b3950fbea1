"""Questions to a person at a terminal: each answer is an option too, wrong ones are asked again, secrets are not shown.

Questions go to stderr, because stdout is for the answer. Where nobody can be asked an option that is missing is an
error that names it.
"""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Callable
from typing import TypeVar

from levelhead.cli.output import complain, lines_of
from levelhead.errors import UserError
from levelhead.masking import VAULT

Answer = TypeVar("Answer")
Read = Callable[[str], Answer]
"""Makes an answer of what was typed (an empty text for nothing); ValueError, in one sentence, for a wrong one."""

ENDED = "the input ended before everything was answered; nothing was written"
LONGEST = 4_096
"""Characters of an answer; more is not typed by anybody."""


class Questions:
    """Asks one question after the other. `may_ask` is False where there is no terminal, or nothing is to be asked."""

    def __init__(self, *, may_ask: bool) -> None:
        self.may_ask = may_ask

    def say(self, text: str) -> None:
        """Tell the person something on the way."""
        complain(text)

    def ask(
        self, question: str, read: Read[Answer], *, option: str, given: str | None = None, default: str = ""
    ) -> Answer:
        """The answer that was `given` as an option, or one that is typed now; an empty one is the default.

        UserError for a wrong or missing option, and when the input ends.
        """
        if given is not None or not self.may_ask:
            try:
                return read(default if given is None else given)
            except ValueError as exc:
                if given is None:
                    raise UserError(f"nothing is asked here, so give {option}: {exc}") from None
                raise UserError(f"{option}: {exc}") from None
        while True:
            try:
                return read(
                    self._line(f"{question} [{default}]: " if default else f"{question}: ") or default
                )
            except ValueError as exc:
                self.say(_sentence(exc))

    def agreed(self, question: str, *, default: bool) -> bool:
        """Yes or no; the default where nobody can be asked."""
        return self.ask(
            f"{question} ({'Y/n' if default else 'y/N'})",
            lambda text: _yes_or_no(text, default),
            option="an answer",
        )

    def secret(self, question: str, read: Read[Answer], *, option: str) -> Answer:
        """What is typed without being shown; it is hidden from now on in all that is complained of."""
        if not self.may_ask:
            raise UserError(f"nothing is asked here, so give {option}")
        while True:
            try:
                return read(self._hidden(f"{question}: "))
            except ValueError as exc:
                self.say(_sentence(exc))

    def _line(self, prompt: str) -> str:
        sys.stderr.write(lines_of(prompt))
        sys.stderr.flush()
        try:
            typed = sys.stdin.readline(LONGEST)
        except UnicodeDecodeError:
            raise ValueError("that cannot be read in this terminal's encoding") from None
        if not typed.endswith("\n"):
            raise UserError(ENDED)
        return typed.strip()

    def _hidden(self, prompt: str) -> str:
        try:
            with warnings.catch_warnings():
                # Its way out of a terminal that cannot hide what is typed is to show it.
                warnings.simplefilter("error", getpass.GetPassWarning)
                typed = getpass.getpass(lines_of(prompt))
        except EOFError:
            raise UserError(ENDED) from None
        except UnicodeDecodeError:
            raise ValueError("that cannot be read in this terminal's encoding") from None
        except getpass.GetPassWarning:
            raise UserError(
                "this terminal cannot hide what is typed, so no secret is asked for here; give it as a file"
            ) from None
        VAULT.add(typed)
        return typed


def _yes_or_no(text: str, default: bool) -> bool:
    if text.lower() in ("y", "yes", "n", "no"):
        return text.lower().startswith("y")
    if text:
        raise ValueError("please answer yes or no")
    return default


def _sentence(exc: ValueError) -> str:
    text = str(exc)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
