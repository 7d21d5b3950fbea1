"""The newly written part of a mail: quotes, earlier messages, signature and disclaimer set aside, answers between kept.

Each line is given a kind, in passes over the lines, each linear. What is set aside by a mark that mail programs make
(`>`, a header block, a line such as "On ... wrote:") is simply not new. What is set aside by a guess (a signature,
a disclaimer, an earlier message without a mark) may not take more than 70 % of the prose that nobody quoted: then
the guess is dropped, and the whole of it counts as new.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from levelhead.heat import newtext_words as words
from levelhead.heat.text import has_any

TEXT_LIMIT, LINES_LIMIT = 262_144, 10_000
"""Characters, and lines of them, that are looked at."""
LINE_LIMIT = 400
"""Characters of a line that are compared with what mail programs write; a longer line is prose."""
TOO_MUCH = 0.7
"""The share of unquoted prose that guesses may set aside."""
SIGNATURE_LINES = 15
SHOUTED_WORDS, SHOUTED_TOLD = 8, 3
"""Words of a footer in capitals, and things that small print speaks of in it, at least."""
NAME_LINES = 2
"""Lines after a valediction that are kept, because they are a name."""
BLOCK_LINES = 20
"""Lines in which the fields of a block must stand."""
PROSE_WORDS = 6
"""Words that make a line a sentence rather than a line of a signature."""


class Kind(Enum):
    """What a line is."""

    NEW = "new"
    QUOTE = "quote"
    EARLIER = "earlier"
    """A mark of a mail program, or what stands below one."""
    GUESSED = "guessed"
    """Signature, disclaimer, or an earlier message that only looks like one."""
    NOISE = "noise"
    """What a program adds: "Sent from my phone", a warning about strangers."""


@dataclass(frozen=True, slots=True)
class NewText:
    """What its author newly wrote; `whole` when setting aside would have taken too much."""

    text: str
    whole: bool = False


def new_text_of(text: str) -> NewText:
    """The newly written part of a text of lines in which quotes begin with `>`."""
    lines = text[:TEXT_LIMIT].split("\n", LINES_LIMIT)[:LINES_LIMIT]
    kinds = [Kind.QUOTE if line.lstrip().startswith(">") else Kind.NEW for line in lines]
    for mark in (
        _mark_noise,
        _mark_earlier,
        _mark_signature,
        _mark_disclaimer,
        _mark_shouted,
        _mark_contacts,
    ):
        mark(lines, kinds)
    new = _joined(lines, kinds, (Kind.NEW,))
    if _took_too_much(lines, kinds):
        return NewText(_joined(lines, kinds, (Kind.NEW, Kind.GUESSED)), whole=True)
    if not new and Kind.EARLIER not in kinds and Kind.QUOTE in kinds:
        return NewText(_joined([line.lstrip("> ") for line in lines], kinds, tuple(Kind)), whole=True)
    return NewText(new)


def _joined(lines: list[str], kinds: list[Kind], wanted: tuple[Kind, ...]) -> str:
    """The lines of those kinds, with an empty line where others stood between them, never two in a row."""
    kept: list[str] = []
    for line, kind in zip(lines, kinds, strict=True):
        text = line.rstrip() if kind in wanted else ""
        if text or (kept and kept[-1]):
            kept.append(text)
    return "\n".join(kept).strip("\n").strip()


def _took_too_much(lines: list[str], kinds: list[Kind]) -> bool:
    """Whether guesses took most of the unquoted prose; lines of contact and of law are no prose."""
    guessed = [line for line, kind in zip(lines, kinds, strict=True) if kind is Kind.GUESSED]
    if not any(map(_is_prose, guessed)):
        return False
    prose = {line.strip(): kind for line, kind in zip(lines, kinds, strict=True) if _is_prose(line)}
    taken = sum(len(line) for line, kind in prose.items() if kind is Kind.GUESSED)
    kept = sum(len(line) for line, kind in prose.items() if kind is Kind.NEW)
    return taken > TOO_MUCH * (taken + kept)


def _is_prose(line: str) -> bool:
    if len(line.split(None, PROSE_WORDS)) < PROSE_WORDS:
        return False
    return not (_contact(line) or _legal(line) or _shouted(line))


def _contact(line: str) -> bool:
    line = line[:LINE_LIMIT]
    if words.CONTACT_WORD.search(line):
        return True
    told = "@" in line or "://" in line or "www." in line.lower() or words.DIGIT.search(line)
    return bool(told and words.CONTACT_PLACE.search(line))


def _legal(text: str) -> int:
    """How many words of disclaimers a text holds, two or more of them."""
    text = text[: LINE_LIMIT * 10]
    lower = _lower(text)
    if not has_any(lower, words.LEGAL_STEMS):
        return 0
    found = {match[0].lower() for match in words.LEGAL.finditer(text)}
    return len(found) if len(found) >= 2 else 0


def _lower(text: str) -> str:
    """Lower case, with the three letters to which a pattern that ignores case is kinder than `str.lower`."""
    lower = text.lower()
    return lower if lower.isascii() else lower.replace("ſ", "s").replace("ı", "i").replace("i\u0307", "i")


# --- what programs write ------------------------------------------------------------------------


def _mark_noise(lines: list[str], kinds: list[Kind]) -> None:
    for index, line in enumerate(lines):
        if kinds[index] is Kind.NEW and len(line) < LINE_LIMIT and words.NOISE.match(line.strip()):
            kinds[index] = Kind.NOISE


def _mark_earlier(lines: list[str], kinds: list[Kind]) -> None:
    """Mark lines that introduce an earlier message and, where it is not quoted with `>`, all that follows."""
    index = 0
    while index < len(lines):
        if kinds[index] is not Kind.NEW or not lines[index].strip() or len(lines[index]) > LINE_LIMIT:
            index += 1
            continue
        end, kind = _introduction(lines, kinds, index)
        if end == index:
            index += 1
            continue
        for position in range(index, end):
            kinds[position] = Kind.EARLIER
        if not _quoted_next(lines, kinds, end):
            for position in range(end, len(lines)):
                if kinds[position] is not Kind.QUOTE:
                    kinds[position] = kind
            return
        index = end


def _introduction(lines: list[str], kinds: list[Kind], index: int) -> tuple[int, Kind]:
    """Where the introduction that begins at a line ends (the same line: it is none), and what follows it is."""
    line = lines[index].strip()
    marked = line.endswith(words.MARKS)
    if marked and words.SEPARATOR.match(line):
        return _after_header_block(lines, index + 1, least=1), Kind.EARLIER
    if marked and words.RULE.match(line):
        end = _after_header_block(lines, index + 1, least=2)
        return (end if end > index + 1 else index), Kind.EARLIER
    if (":" in line or "：" in line) and words.FIELD.match(line):
        return _after_header_block(lines, index, least=3), Kind.EARLIER
    return _attribution(lines, kinds, index)


def _after_header_block(lines: list[str], start: int, *, least: int) -> int:
    """The line after a block of at least that many fields (From, Sent, ...); `start` when there is none."""
    found: set[str] = set()
    index = end = start
    while index < min(len(lines), start + BLOCK_LINES, end + 3):
        line = lines[index].strip()
        match = words.FIELD.match(line) if len(line) <= LINE_LIMIT else None
        if match:
            found.add(words.FIELD_KINDS[match[1].lower().replace(" ", "")])
            end = index + 1
        elif line and (not lines[index - 1].strip() if found else index > start):
            break
        index += 1
    whole = len(found) >= least and ("from" in found or "date" in found)
    return end if whole else start


def _attribution(lines: list[str], kinds: list[Kind], index: int) -> tuple[int, Kind]:
    """A line such as "On ... wrote:", which a program may have broken into up to three."""
    if not any(line.rstrip().endswith((":", "*")) for line in lines[index : index + 3]):
        return index, Kind.NEW
    joined = ""
    for length in range(1, 4):
        end = index + length
        if end > len(lines) or kinds[end - 1] is not Kind.NEW or not lines[end - 1].strip():
            break
        joined = f"{joined} {lines[end - 1].strip()}".strip()
        if len(joined) > LINE_LIMIT:
            break
        if not joined.endswith((":", ":*", ": *")):
            continue
        if not words.WROTE.search(joined):
            break
        quoted = _quoted_next(lines, kinds, end)
        if words.YOU_WROTE.search(joined) and "@" not in joined:
            break
        if quoted and (length == 1 or words.OPENING.match(joined)):
            return end, Kind.EARLIER
        if words.OPENING.match(joined) and words.WHEN.search(joined):
            return end, Kind.EARLIER if "@" in joined else Kind.GUESSED
        break
    return index, Kind.NEW


def _quoted_next(lines: list[str], kinds: list[Kind], start: int) -> bool:
    """Whether the next line that is not empty is quoted with `>`."""
    for index in range(start, min(start + 5, len(lines))):
        if lines[index].strip():
            return kinds[index] is Kind.QUOTE
    return False


# --- what people add ----------------------------------------------------------------------------


def _mark_signature(lines: list[str], kinds: list[Kind]) -> None:
    """From a line `-- ` to the end of the newly written lines around it."""
    for index, line in enumerate(lines):
        if kinds[index] is not Kind.NEW or line.rstrip() not in ("--", "—", "––", "__"):
            continue
        for position in _signature_lines(
            lines, kinds, index, most=None if line == "-- " else SIGNATURE_LINES
        ):
            kinds[position] = Kind.GUESSED


def _signature_lines(lines: list[str], kinds: list[Kind], start: int, *, most: int | None) -> list[int]:
    """The newly written lines from `start` to the next quoted or earlier one; none when they are more than `most`."""
    found: list[int] = []
    texts = 0
    for index in range(start, len(lines)):
        if kinds[index] in (Kind.QUOTE, Kind.EARLIER):
            break
        texts += bool(lines[index].strip())
        if most is not None and (texts > most or index > start + 4 * most):
            return []
        if kinds[index] is Kind.NEW:
            found.append(index)
    return found


def _mark_disclaimer(lines: list[str], kinds: list[Kind]) -> None:
    """Paragraphs that hold several words of law, when other text stands before them."""
    seen = False
    lower = "\n".join(lines).lower()
    if not has_any(lower, words.LEGAL_HINTS):
        return
    for start, end in _paragraphs(lines, kinds):
        if seen and _legal(" ".join(lines[start:end])) >= 3:
            for position in range(start, end):
                kinds[position] = Kind.GUESSED
        seen = True


def _mark_shouted(lines: list[str], kinds: list[Kind]) -> None:
    """Last paragraphs of small print in capitals, below something that is not in capitals."""
    last = len(lines) - 1
    while last > 0 and (kinds[last] is not Kind.NEW or not lines[last].strip()):
        last -= 1
    if not _loud(lines[last]):
        return  # Most mails: their last line tells it quickly.
    paragraphs = _paragraphs(lines, kinds)
    said = [" ".join(lines[start:end]) for start, end in paragraphs]
    below = next((number for number, text in enumerate(said, 1) if not _loud(text)), len(said))
    for number in range(len(said) - 1, below - 1, -1):
        if not _shouted(said[number]):
            return
        for position in range(*paragraphs[number]):
            kinds[position] = Kind.GUESSED


def _shouted(text: str) -> bool:
    """Whether a text is small print in capitals, and nobody speaks of himself in it."""
    text = text[: LINE_LIMIT * 10]
    if (
        not _loud(text)
        or len(text.split(None, SHOUTED_WORDS)) < SHOUTED_WORDS
        or words.FIRST_PERSON.search(text)
    ):
        return False
    return sum(pattern.search(text) is not None for pattern in words.SHOUTED) >= SHOUTED_TOLD


def _loud(text: str) -> bool:
    """Whether nearly all letters of a text are capitals, and it begins with such."""
    if words.SMALL.search(text, 0, 40):
        return False
    small = sum(map(str.islower, text))
    return small * 10 <= sum(map(str.isupper, text))


def _mark_contacts(lines: list[str], kinds: list[Kind]) -> None:
    """The lines below a valediction and a name, when they tell how to reach somebody."""
    for index, line in enumerate(lines):
        if kinds[index] is not Kind.NEW or len(line) > 60 or not words.VALEDICTION.match(line.strip()):
            continue
        block = _signature_block(lines, kinds, index + 1)
        if any(_contact(lines[position]) for position in block):
            names = [position for position in block if lines[position].strip()][:NAME_LINES]
            for position in block:
                if position not in names or _contact(lines[position]):
                    kinds[position] = Kind.GUESSED
    _mark_last_contacts(lines, kinds)


def _signature_block(lines: list[str], kinds: list[Kind], start: int) -> list[int]:
    """The lines after a valediction up to a sentence (a postscript is no signature) or another kind of line."""
    block = []
    for index in range(start, min(start + SIGNATURE_LINES, len(lines))):
        sentence = len(lines[index].split()) >= PROSE_WORDS and not _contact(lines[index])
        if kinds[index] is not Kind.NEW or sentence or words.POSTSCRIPT.match(lines[index].strip()):
            break
        block.append(index)
    return block


def _mark_last_contacts(lines: list[str], kinds: list[Kind]) -> None:
    """A last paragraph in which at least half of the lines tell how to reach somebody."""
    paragraphs = _paragraphs(lines, kinds)
    if len(paragraphs) < 2:
        return
    start, end = paragraphs[-1]
    contacts = sum(1 for line in lines[start:end] if _contact(line) and len(line) <= 80)
    if end - start >= 2 and contacts * 2 >= end - start and contacts >= 2:
        for position in range(start, end):
            kinds[position] = Kind.GUESSED


def _paragraphs(lines: list[str], kinds: list[Kind]) -> list[tuple[int, int]]:
    """From and to of each run of newly written lines without an empty one."""
    found, start = [], -1
    for index in range(len(lines) + 1):
        inside = index < len(lines) and kinds[index] is Kind.NEW and bool(lines[index].strip())
        if inside and start < 0:
            start = index
        elif not inside and start >= 0:
            found.append((start, index))
            start = -1
    return found
