"""Whether the quotes of a verdict touch the phrases that a person pointed at, and give them the same label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from levelhead.heat import score_many
from training.judged import ALARM, Judged
from training.material import LABELS
from training.tables import counted, table

COMPLAINT = "legitimate-complaint"


def touched(rows: Iterable[Judged]) -> tuple[int, int]:
    """How many of the phrases that were marked in these mails a quote touches, and how many there are."""
    marks = [bool(touching(row, words)) for row in rows for _, words in _marked(row)]
    return sum(marks), len(marks)


def section(rows: list[Judged]) -> str:
    """The section on quotes and labels."""
    hot = [row for row in rows if row.heated]
    marked: Counter[str] = Counter()
    quoted: Counter[str] = Counter()
    same: Counter[str] = Counter()
    for row in hot:
        for label, words in _marked(row):
            labels = touching(row, words)
            marked[label] += 1
            quoted[label] += bool(labels)
            same[label] += label in labels
    lines = [
        [
            label,
            str(marked[label]),
            counted(quoted[label], marked[label]),
            counted(same[label], quoted[label]),
        ]
        for label in LABELS
    ]
    total = marked.total()
    lines.append(["all", str(total), counted(quoted.total(), total), counted(same.total(), quoted.total())])
    said = [row for row in hot if row.score >= ALARM and row.verdict.labels]
    first = sum(row.verdict.labels[0] in {label for label, _ in _marked(row)} for row in said)
    complaints = [row for row in rows if any(label == COMPLAINT for label, _ in row.mail.mail.quotes)]
    others = [row for row in rows if row not in complaints]
    return "\n".join(
        [
            "The authors marked in each heated mail the words that a careful person would point at, with"
            " a label.",
            "A phrase is touched when a quote of a point that raised the score shares a letter with it.",
            "",
            table(["marked as", "phrases", "touched by a quote", "and given that label"], lines),
            "",
            "As the benchmark counts it (`score_many` on the whole mail as one text, its spans),"
            f" {counted(*spans_touch(hot))} are touched.",
            f"In the heated mails that reach {ALARM}, the label named first is one that the author gave"
            f" in {counted(first, len(said))}.",
            "",
            "A complaint about a fault is a remark and moves no score.",
            f"The remark stands at {counted(_remarked(complaints), len(complaints))} of the mails in"
            " which an author marked a fault,"
            f" and at {counted(_remarked(others), len(others))} of the others.",
        ]
    )


def _marked(row: Judged) -> list[tuple[str, str]]:
    return [(label, words) for label, words in row.mail.mail.quotes if label in LABELS]


def _remarked(rows: Iterable[Judged]) -> int:
    return sum(COMPLAINT in row.verdict.labels for row in rows)


def touching(row: Judged, words: str) -> set[str]:
    """The labels of the points that raised the score and quote something of these words."""
    text = f"{row.message.subject} {row.message.new_text}"
    found: set[str] = set()
    whole = _flat(text)
    places = list(_places(whole, _flat(words)))
    for point in row.verdict.because:
        if point.millionths <= 0:
            continue
        quoted = [place for quote in point.quotes for place in _places(whole, _flat(quote))]
        if any(start < until and end > begin for begin, until in quoted for start, end in places):
            found.add(point.label)
    return found


def _flat(text: str) -> str:
    return " ".join(text.lower().split())


def _places(text: str, words: str) -> Iterable[tuple[int, int]]:
    at = text.find(words) if words else -1
    while at >= 0:
        yield at, at + len(words)
        at = text.find(words, at + 1)


def spans_touch(rows: list[Judged]) -> tuple[int, int]:
    """How many marked phrases the spans of `score_many` touch, given the mail as one text, and of how many."""
    met = total = 0
    texts = [row.whole for row in rows]
    for row, text, answer in zip(rows, texts, score_many(texts), strict=True):
        spans: list[list[int]] = answer["spans"]  # type: ignore[assignment]  # pairs of offsets
        for _, words in _marked(row):
            at = text.lower().find(words.lower())
            total += 1
            met += any(start < at + len(words) and end > at for start, end in spans)
    return met, total
