"""Making a dispute pack: a pure function of a checkpoint, a selection, the volumes and this version of levelhead.

The same three give the same bytes (of the PDF too, as long as typst and the fonts are the same). Nothing asks the time:
every date is that of the checkpoint. That a pack was made is recorded afterwards, by whoever had it made.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

from levelhead import __version__
from levelhead.archive.volumes import Volumes
from levelhead.clock import to_text
from levelhead.errors import UserError
from levelhead.evidence.coverage import Gap, facts_of, gaps
from levelhead.evidence.pack import tables
from levelhead.evidence.pack.book import Book, Line, Sources, book_of, declared
from levelhead.evidence.pack.exhibits import Exhibit, Parse, Reader, Story, shown, to_line
from levelhead.evidence.pack.folder import Folder, must_be_free, new_folder
from levelhead.evidence.pack.html import write_html
from levelhead.evidence.pack.names import number_of
from levelhead.evidence.pack.pdf import Pdf, missing_sentence, weight_of, write_pdf
from levelhead.evidence.pack.proofs import (
    ENTRIES,
    Anchor,
    add_entries,
    entry_line,
    write_anchors,
    write_checkpoint,
)
from levelhead.evidence.pack.records import Record, records
from levelhead.evidence.pack.selection import Point, Survey, Tell, Wanted, survey
from levelhead.evidence.pack.tables import Csv
from levelhead.evidence.pack.withheld import Withheld, withheld
from levelhead.evidence.pack.words import (
    DECLARATION,
    NO_LEGAL_ADVICE,
    README,
    WITH_PDF,
    WITH_VOLUMES,
    WITHOUT_PDF,
)
from levelhead.facts import AlertRaised, MessageAuthenticated, MessageSighted, NoteTaken, PackExported
from levelhead.store.api import Store

SCHEMA = 1
"""The form of a pack; `pack.json` says it."""


Typeset = Callable[
    [Folder, Book, Iterable[Mapping[str, Any]], Sequence[int], Iterable[str], Tell],
    Pdf,
]
"""`pdf.write_pdf`, or what stands in for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was made: where, of whom, how many messages and files, the manifest's SHA-256, and what came of the PDF."""

    out: Path
    client: str
    messages: int
    point: Point
    files: int
    manifest: str
    pdf: Pdf
    part: bool
    telling: tuple[str, ...] = ()
    """Messages whose entry is opened though it names one that is not in the pack (`withheld`)."""


@dataclass(slots=True)
class _Gathered:
    """What the ledger's entries tell, while the pack is written."""

    stories: list[Story]
    events: list[Line] = field(default_factory=list)
    mailboxes: set[str] = field(default_factory=set)
    characters: set[str] = field(default_factory=set)
    weights: list[int] = field(default_factory=list)


def nobody_listens(what: str, done: int, of: int) -> None:
    """A `Tell` for nobody."""


def export(
    store: Store,
    volumes: Volumes,
    parse: Parse,
    wanted: Wanted,
    out: Path,
    *,
    size: int | None = None,
    tell: Tell = nobody_listens,
    typeset: Typeset = write_pdf,
) -> Exported:
    """Write the pack of the ledger's first `size` entries (None: all) into the new folder `out`, whole or not at all.

    UserError for a folder that is not empty, an empty ledger, and a selection that finds nothing; StoreDamaged for
    entries or messages that are damaged; DiskFull and Unavailable when it cannot be written.
    """
    must_be_free(out)
    size = store.ledger_size() if size is None else size
    if not 0 < size <= store.ledger_size():
        raise UserError(f"the ledger has {store.ledger_size()} entries: there is no checkpoint of {size}")
    found = survey(store, wanted, size, tell)
    if not found.chosen:
        raise UserError(
            f"there is no message of {wanted.client} {'in that time' if wanted.since or wanted.until else 'yet'}"
            f" at the checkpoint of {size} entries"
        )
    held = withheld(store, found)
    with new_folder(out) as folder, tempfile.TemporaryFile() as spool:
        pdf, names = _write(folder, store, volumes, parse, found, held, tell, typeset, spool)
        manifest = folder.seal()
        folder.set_times(found.point.as_of)
    return Exported(
        out=out,
        client=wanted.client,
        messages=len(found.chosen),
        point=found.point,
        files=names + 1,
        manifest=manifest,
        pdf=pdf,
        part=bool(wanted.only or wanted.since or wanted.until),
        telling=held.telling,
    )


def _write(
    folder: Folder,
    store: Store,
    volumes: Volumes,
    parse: Parse,
    found: Survey,
    held: Withheld,
    tell: Tell,
    typeset: Typeset,
    spool: Any,
) -> tuple[Pdf, int]:
    """Everything but the manifest; what came of the PDF, and how many files there are."""
    gathered = _Gathered(stories=[Story() for _ in found.chosen])
    write_checkpoint(folder, found.point)
    with folder.open(ENTRIES) as entries:
        _write_records(folder, entries, store, found, held, gathered, tell)
        blind = _gaps(store, found, gathered.mailboxes)
        anchors = write_anchors(folder, store, found)
        more = {*(gap.seq for gap in blind), *(anchor.entry for anchor in anchors)}
        add_entries(entries, store, found, more)
    exhibits = _write_exhibits(
        folder, Reader(store, volumes, parse, folder, len(found.chosen)), found, gathered, tell, spool
    )
    _write_rest(folder, blind, anchors)
    sources = Sources(
        version=__version__,
        wanted=found.wanted,
        point=found.point,
        exhibits=exhibits,
        stories=gathered.stories,
        events=gathered.events,
        gaps=blind,
        mailboxes=sorted(gathered.mailboxes),
        anchors=anchors,
    )
    book = book_of(sources)
    gathered.characters.update(repr(book.title), *_words(book))
    pdf = typeset(folder, book, _spooled(spool), gathered.weights, gathered.characters, tell)
    tell("html", 0, 1)
    with folder.open("bundle.html") as page:
        write_html(page, book, _spooled(spool), WITHOUT_PDF.format(why=pdf.why) if pdf.why else "")
    _write_papers(folder, sources, book, pdf)
    names = folder.names()
    return pdf, len(names)


def _write_records(
    folder: Folder,
    entries: BinaryIO,
    store: Store,
    found: Survey,
    held: Withheld,
    gathered: _Gathered,
    tell: Tell,
) -> None:
    """Entries, custody log and authentication, as the ledger is gone through."""
    size, total = found.point.checkpoint.size, len(found.chosen)
    with ExitStack() as stack:
        custody = stack.enter_context(Csv(folder, "tables/custody.csv", tables.CUSTODY))
        signatures = stack.enter_context(Csv(folder, "tables/authentication.csv", tables.AUTHENTICATION))
        for record in records(store, found, held, tell):
            entries.write(entry_line(record.entry, found.tree, size, opened=record.opened))
            custody.row(tables.custody_row(record, total))
            for number in record.exhibits:
                gathered.stories[number - 1].take(record)
            if isinstance(record.fact, MessageAuthenticated):
                for row in tables.authentication_rows(record, record.fact, total):
                    signatures.row(row)
            if isinstance(record.fact, MessageSighted):
                gathered.mailboxes.add(record.fact.mailbox)
            if isinstance(record.fact, NoteTaken | PackExported | AlertRaised):
                gathered.events.append(_event(record, total))


def _event(record: Record, total: int) -> Line:
    exhibit = number_of(record.exhibits[0], total) if record.exhibits else ""
    return Line(time=record.time, exhibit=exhibit, what=record.sentence)


def _gaps(store: Store, found: Survey, mailboxes: set[str]) -> Sequence[Gap]:
    """Gaps of the mailboxes that showed these messages, as far as they reach into the wanted time."""
    wanted, as_of = found.wanted, found.point.as_of
    until = as_of if wanted.until is None else min(as_of, wanted.until)
    known = facts_of(store, found.point.checkpoint.size)
    return [gap for gap in gaps(known, wanted.since, until) if gap.mailbox in mailboxes]


def _write_exhibits(
    folder: Folder, reader: Reader, found: Survey, gathered: _Gathered, tell: Tell, spool: Any
) -> Sequence[Exhibit]:
    """Messages, attachments and the tables about them; what readers are shown goes to `spool`."""
    exhibits = []
    with ExitStack() as stack:
        messages = stack.enter_context(Csv(folder, "tables/messages.csv", tables.MESSAGES))
        parts = stack.enter_context(Csv(folder, "tables/attachments.csv", tables.ATTACHMENTS))
        load = stack.enter_context(folder.open("tables/loadfile.dat"))
        load.write(tables.BOM + tables.load_line(tables.LOAD_FILE))
        for one, story in zip(found.chosen, gathered.stories, strict=True):
            exhibit, text = reader.take(one)
            messages.row(tables.message_row(exhibit, story, there=found.by_id))
            for row in tables.attachment_rows(exhibit):
                parts.row(row)
            for row in tables.load_rows(exhibit):
                load.write(tables.load_line(row))
            value = shown(exhibit, text, story)
            line = to_line(value)
            spool.write(line)
            gathered.characters.update(line.decode())
            gathered.weights.append(weight_of(value))
            exhibits.append(exhibit)
            tell("messages", one.number, len(found.chosen))
    return exhibits


def _spooled(spool: Any) -> Iterator[dict[str, Any]]:
    spool.seek(0)
    for line in spool:
        yield json.loads(line)


def _words(book: Book) -> Iterator[str]:
    """Every text of the book that is not in an exhibit."""
    yield from (book.subtitle, book.made_by, book.footer, *book.summary, *book.warnings)
    yield from (value for row in book.facts for value in row)
    yield from (line.what for line in book.chronology)
    for one in book.appendices:
        yield from (one.title, *one.paragraphs, *(cell for row in one.rows for cell in row))


def _write_rest(folder: Folder, blind: Sequence[Gap], anchors: Sequence[Anchor]) -> None:
    with Csv(folder, "tables/coverage.csv", tables.COVERAGE) as table:
        for gap in blind:
            table.row(tables.coverage_row(gap))
    with Csv(folder, "tables/anchors.csv", tables.ANCHORS) as table:
        for anchor in anchors:
            table.row(tables.anchor_row(anchor))


def _write_papers(folder: Folder, sources: Sources, book: Book, pdf: Pdf) -> None:
    """What a person reads first, what a program reads first, and the checker."""
    count = len(pdf.files)
    if pdf.why:
        said = WITHOUT_PDF.format(why=pdf.why)
    else:
        said = WITH_PDF if count == 1 else WITH_VOLUMES.format(count=count)
    if pdf.missing:
        said += f"\n{missing_sentence(pdf.missing)}"
    readme = README.format(
        title=book.title,
        subtitle=book.subtitle,
        made_by=book.made_by,
        as_of=to_text(book.as_of),
        pdf=said,
    )
    folder.write("README.txt", readme.encode())
    declaration = f"{NO_LEGAL_ADVICE}\n\n{DECLARATION.format(**declared(sources))}\n"
    folder.write("declaration.txt", declaration.encode())
    folder.write("pack.json", _about(sources, pdf))
    folder.write("verify.py", files(__package__).joinpath("verify.py").read_bytes())


def _about(sources: Sources, pdf: Pdf) -> bytes:
    wanted, checkpoint = sources.wanted, sources.point.checkpoint
    value = {
        "schema": SCHEMA,
        "made_by": f"levelhead {sources.version}",
        "client": wanted.client,
        "selection": {
            "since": to_text(wanted.since) if wanted.since else None,
            "until": to_text(wanted.until) if wanted.until else None,
            "only": [one.id for one in sources.exhibits] if wanted.only else None,
        },
        "as_of": to_text(sources.point.as_of),
        "checkpoint": {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "signed": bool(sources.point.note),
            "key": sources.point.verifier,
        },
        "messages": [
            {
                "exhibit": one.number,
                "id": one.id,
                "file": one.file,
                "attachments": [part.file for part in one.parts],
            }
            for one in sources.exhibits
        ],
        "pdf": {"files": list(pdf.files), "missing": list(pdf.missing), "why": pdf.why},
    }
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"
