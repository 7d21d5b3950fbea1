"""The engine of the heat detector: text preparation, features, model (pure; no plugin machinery)."""

from __future__ import annotations

from collections.abc import Iterable


def score_many(texts: Iterable[str]) -> list[dict[str, object]]:
    """For each mail text (subject above the body, quotes and all) its `score`, 0..1, and `spans`, what earned it.

    This is the scorer without the daemon: no plugins, no client, no level. `levelhead score` is the whole.
    """
    from levelhead.heat.aside import aside
    from levelhead.heat.engine import probability, read
    from levelhead.heat.language import language_of
    from levelhead.heat.newtext import new_text_of
    from levelhead.heat.text import shown

    answers: list[dict[str, object]] = []
    for text in texts:
        text = shown(text)
        new = new_text_of(text).text or text
        reading = read(new, language_of(aside(new).text))
        answers.append({"score": probability(reading.logit), "spans": placed(text, new, reading.hot_spans())})
    return answers


def placed(text: str, new: str, spans: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Where the places of the newly written part stand in the whole text; those that a quote broke up are left out."""
    found = []
    for start, end in spans:
        at = text.find(new[start:end])
        if at >= 0:
            found.append([at, at + end - start])
    return found
