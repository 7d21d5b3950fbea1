"""What the bundle says besides the messages: cover, contents, chronology, appendices; the same in PDF and HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from levelhead.evidence.coverage import Gap
from levelhead.evidence.pack.exhibits import Exhibit, Story, visible
from levelhead.evidence.pack.proofs import Anchor
from levelhead.evidence.pack.selection import Point, Wanted
from levelhead.evidence.pack.sentences import moment
from levelhead.evidence.pack.words import CHECKING, DECLARATION, NO_LEGAL_ADVICE

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the chronology; `exhibit` is empty for what is about no message."""

    time: datetime
    exhibit: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Appendix:
    """Paragraphs, and below them a table when there are rows."""

    title: str
    paragraphs: Sequence[str]
    columns: Row = ()
    rows: Sequence[Row] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All of it but the exhibits' texts."""

    title: str
    subtitle: str
    made_by: str
    facts: Sequence[Row]
    summary: Sequence[str]
    warnings: Sequence[str]
    exhibits: Sequence[Exhibit]
    chronology: Sequence[Line]
    appendices: Sequence[Appendix]
    footer: str
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a book is made from."""

    version: str
    wanted: Wanted
    point: Point
    exhibits: Sequence[Exhibit]
    stories: Sequence[Story]
    events: Sequence[Line]
    """What happened beside the messages, in order."""
    gaps: Sequence[Gap]
    mailboxes: Sequence[str]
    anchors: Sequence[Anchor]


def book_of(sources: Sources) -> Book:
    """The book of a pack."""
    exhibits, point = sources.exhibits, sources.point
    made_by = f"levelhead {sources.version}"
    return Book(
        title=f"Correspondence with {visible(sources.wanted.client)}",
        subtitle=_period(exhibits),
        made_by=made_by,
        facts=_facts(sources, made_by),
        summary=_summary(sources),
        warnings=tuple(_warnings(sources)),
        exhibits=exhibits,
        chronology=_chronology(sources),
        appendices=_appendices(sources),
        footer=f"As of {moment(point.as_of)} · checkpoint {point.checkpoint.size}",
        as_of=point.as_of,
    )


def _period(exhibits: Sequence[Exhibit]) -> str:
    first, last = moment(exhibits[0].received)[:10], moment(exhibits[-1].received)[:10]
    days = first if first == last else f"{first} to {last}"
    return f"{_count(len(exhibits), 'message')}, {days}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _facts(sources: Sources, made_by: str) -> Sequence[Row]:
    exhibits, point = sources.exhibits, sources.point
    ways = Counter(one.way for one in exhibits)
    parts = sum(len(one.parts) for one in exhibits)
    return (
        ("Client", visible(sources.wanted.client)),
        ("Selection", selection(sources.wanted)),
        (
            "Messages",
            f"{len(exhibits):,}: {ways['in']:,} from the client, {ways['out']:,} to the client,"
            f" {ways['other']:,} by others",
        ),
        ("Attachments", f"{parts:,}"),
        ("As of", moment(point.as_of)),
        ("Checkpoint", f"{point.checkpoint.size:,} entries of the ledger {point.checkpoint.origin}"),
        ("Root", point.checkpoint.root.hex()),
        ("Signed by", point.verifier or "nobody: no signing key was configured"),
        ("Made by", made_by),
    )


def selection(wanted: Wanted) -> str:
    """What was asked for, in words."""
    if wanted.only:
        return "some messages, named one by one"
    if wanted.since is None and wanted.until is None:
        return "all messages of this client"
    since = f" from {moment(wanted.since)}" if wanted.since else ""
    until = f" before {moment(wanted.until)}" if wanted.until else ""
    return f"messages received{since}{until}"


def _summary(sources: Sources) -> Sequence[str]:
    exhibits, stories = sources.exhibits, sources.stories
    said = [
        f"This bundle shows {_count(len(exhibits), 'e-mail message')} exchanged with"
        f" {visible(sources.wanted.client)}, numbered in order of when they were received. Each stands in the folder"
        " messages/ byte for byte as it was archived; what is shown here is for reading."
    ]
    levels = Counter(story.level for story in stories if story.level)
    if levels:
        names = ("hostile", "heated", "tense", "calm", "unknown")
        said.append(
            "A program judged their tone: "
            + ", ".join(f"{levels[name]} {name}" for name in names if levels[name])
            + ". That is an opinion of software about words, not a finding about people."
        )
    checked = [story.signatures for story in stories if story.signatures]
    passed = sum("DKIM pass" in one for one in checked)
    if checked:
        said.append(
            f"Signatures of sending domains (DKIM) were looked at when {len(checked):,} of them came in, and those of"
            f" {passed:,} were right; the others were not witnessed at arrival."
        )
    else:
        said.append("Nobody looked at signatures of sending domains (DKIM) when these messages came in.")
    stamps = sum(bool(anchor.token) for anchor in sources.anchors)
    said.append(
        f"On record: {_count(len(sources.gaps), 'gap')} in watching the mailboxes, and"
        f" {_count(stamps, 'time stamp')} by outside authorities. The appendices say more, and how to check all this."
    )
    return said


def _warnings(sources: Sources) -> Iterator[str]:
    if sources.wanted.only:
        yield "Only some messages are here. Nothing is said about what else was written, before, between or after."
    if not sources.point.note:
        yield (
            "The checkpoint is not signed. The proofs show that these entries belong together under one root;"
            " who vouches for that root must be shown by other means."
        )
    unread = [one.number for one in sources.exhibits if any(d.startswith("unread") for d in one.defects)]
    if unread:
        yield f"No program could read the bodies of {', '.join(unread)}; their bytes are there all the same."


def _chronology(sources: Sources) -> Sequence[Line]:
    lines = [
        Line(time=one.received, exhibit=one.number, what=_happened(one, story))
        for one, story in zip(sources.exhibits, sources.stories, strict=True)
    ]
    lines += sources.events
    lines += [
        Line(
            time=gap.since,
            exhibit="",
            what=f"mailbox {gap.mailbox} not watched until {_until(gap)}: {gap.why}",
        )
        for gap in sources.gaps
    ]
    return sorted(lines, key=lambda line: (line.time, line.exhibit))


def _happened(one: Exhibit, story: Story) -> str:
    level = f" [{story.mark or story.level}]" if story.mark or story.level else ""
    return f"{visible(one.sender) or 'somebody'}: {visible(one.subject) or '(no subject)'}{level}"


def _until(gap: Gap) -> str:
    return moment(gap.until) if gap.until else "(it had not ended)"


def _appendices(sources: Sources) -> Sequence[Appendix]:
    return (
        _coverage(sources),
        _anchoring(sources),
        Appendix(title="How to check this pack", paragraphs=CHECKING),
        Appendix(
            title="Declaration (template)",
            paragraphs=(NO_LEGAL_ADVICE, *DECLARATION.format(**declared(sources)).split("\n\n")),
        ),
    )


def declared(sources: Sources) -> dict[str, str]:
    """What fills the blanks of the declaration that are known."""
    return {
        "client": visible(sources.wanted.client),
        "count": str(len(sources.exhibits)),
        "version": sources.version,
        "as_of": moment(sources.point.as_of),
        "size": str(sources.point.checkpoint.size),
        "root": sources.point.checkpoint.root.hex(),
    }


def _coverage(sources: Sources) -> Appendix:
    if not sources.mailboxes:
        where = "No mailbox has shown these messages: they were brought from files, and nothing was watched."
        return Appendix(title="Coverage", paragraphs=(where,))
    names = ", ".join(sources.mailboxes)
    where = (
        f"Mailboxes in which these messages were seen: {names}. Gaps are listed for these and for no others."
    )
    if not sources.gaps:
        none = "No gap is on record: nothing in the ledger says that they were not watched at any time."
        return Appendix(title="Coverage", paragraphs=(where, none))
    meaning = (
        "In these times nobody watched: what arrived and was deleted within one of them was not seen."
        " What was still there afterwards was archived then."
    )
    rows = [(moment(gap.since), _until(gap), f"{gap.mailbox}: {visible(gap.why)}") for gap in sources.gaps]
    return Appendix(
        title="Coverage",
        paragraphs=(where, meaning),
        columns=("From", "Until", "Mailbox and reason"),
        rows=rows,
    )


def _anchoring(sources: Sources) -> Appendix:
    if not sources.anchors:
        none = "Up to this checkpoint nobody outside was told of the ledger: no time stamp and no witness is on record."
        return Appendix(title="Time stamps and witnesses", paragraphs=(none,))
    meaning = (
        "Each line is a word from outside about the ledger as it was with so many entries. Every message whose entry"
        " has a lower number was in it then; the consistency proofs show that the ledger only grew since."
    )
    rows = [
        (
            moment(anchor.at),
            f"{anchor.size:,}",
            f"{'time stamp by' if anchor.token else 'told to'} {visible(anchor.by)}",
        )
        for anchor in sources.anchors
    ]
    return Appendix(
        title="Time stamps and witnesses",
        paragraphs=(meaning,),
        columns=("Time", "Entries", "By whom"),
        rows=rows,
    )
