"""The keywords plugin: notices words that mean trouble in your line of work.

It sleeps until its table lists some, each label with its words or phrases:

    [plugins.keywords]
    strength = 0.4                                # -1 to 1, of one finding; the default is 0.3
    [plugins.keywords.words]
    scope-creep = ["one more small thing", "while you are at it"]
    deadline = ["launch day", "go live"]

Whole words count, in any mixture of capitals. Weigh a label further with `[heat.weights]`.
"""

import re
from dataclasses import dataclass

from levelhead import Finding, hookimpl


@dataclass(frozen=True)
class Keywords:
    """What `configure` makes of the table: a compiled pattern for each label."""

    patterns: tuple
    strength: float


@hookimpl
def configure(settings):
    """Compile the words once; a table that makes no sense refuses the plugin in a sentence."""
    strength = settings.get("strength", 0.3)
    words = settings.get("words", {})
    if not hasattr(words, "items"):
        raise ValueError("words is a table: a label, and a list of words for it")
    patterns = []
    for label, phrases in words.items():
        if isinstance(phrases, str) or not phrases or not all(isinstance(word, str) for word in phrases):
            raise ValueError(f"{label} must be a list of words or phrases, such as ['launch day']")
        Finding(
            label, strength
        )  # raises when the label or the strength is not fit, with a sentence of its own
        spaced = (r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
        patterns.append((label, re.compile(rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)", re.IGNORECASE)))
    return Keywords(tuple(patterns), strength)


@hookimpl
def detect(message, settings):
    """One finding for each label whose words occur in the newly written text."""
    for label, pattern in settings.patterns:
        quotes = tuple(dict.fromkeys(match.group() for match in pattern.finditer(message.new_text)))
        if quotes:
            yield Finding(label, settings.strength, why="it uses words that you listed", quotes=quotes[:5])
