"""Tables of a pack: CSV (RFC 4180, UTF-8 with BOM) for spreadsheets, a Concordance load file for review programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import BinaryIO

from levelhead.clock import to_text
from levelhead.evidence.coverage import Gap
from levelhead.evidence.pack.exhibits import Exhibit, Story, edrm_mih
from levelhead.evidence.pack.folder import Folder
from levelhead.evidence.pack.names import number_of
from levelhead.evidence.pack.proofs import Anchor
from levelhead.evidence.pack.records import Record
from levelhead.facts import MessageAuthenticated

BOM = b"\xef\xbb\xbf"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a cell begins that a spreadsheet would compute; an apostrophe is put in front."""

QUOTE, BETWEEN, NEWLINE = "\u00fe", "\x14", "\u00ae"
"""Concordance's signs: thorn around a value, DC4 between values, the registered sign for a line end in a value."""

MESSAGES = (
    *("exhibit", "id_sha256", "file", "size", "direction", "from", "to", "cc", "bcc", "subject", "sent"),
    *("sent_zone", "received", "message_id", "edrm_mih", "edrm_mih_without_brackets", "in_reply_to"),
    *(
        "references",
        "attachments",
        "level",
        "score",
        "mark",
        "signatures",
        "automatic",
        "language",
        "same_as",
    ),
    "defects",
)
ATTACHMENTS = ("exhibit", "position", "name", "type", "size", "sha256", "file")
CUSTODY = ("entry", "time", "kind", "exhibits", "what", "opened")
AUTHENTICATION = (
    *("entry", "exhibit", "checked_at", "resolver", "domain", "selector", "result", "why", "chain"),
    *("key_name", "key_answer", "key_dnssec", "key_fetched_at", "key_record_base64"),
)
COVERAGE = ("entry", "mailbox", "since", "until", "why")
ANCHORS = ("entry", "kind", "size", "root", "by", "at", "file")
LOAD_FILE = (
    *("DOCID", "BEGATTACH", "ENDATTACH", "PARENTID", "ATTACHCOUNT", "RECORDTYPE", "FROM", "TO", "CC", "BCC"),
    *(
        "SUBJECT",
        "DATESENT",
        "TIMESENT",
        "DATERECEIVED",
        "TIMERECEIVED",
        "TIMEZONE",
        "MESSAGEID",
        "INREPLYTO",
    ),
    *("EDRM_MIH", "EDRM_MIH_BARE", "FILENAME", "FILETYPE", "FILESIZE", "SHA256", "NATIVELINK"),
)


class Csv(AbstractContextManager["Csv"]):
    """One table, written row by row."""

    def __init__(self, folder: Folder, name: str, columns: Sequence[str]) -> None:
        self._opened = folder.open(name)
        self._file: BinaryIO = self._opened.__enter__()
        self._file.write(BOM)
        self.row(columns)

    def row(self, values: Sequence[object]) -> None:
        """Add a row; what a spreadsheet would take for a formula gets an apostrophe in front."""
        line = io.StringIO()
        csv.writer(line).writerow([_safe(str(value)) for value in values])
        self._file.write(line.getvalue().encode("utf-8", "replace"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)


def _safe(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA) else value


def message_row(exhibit: Exhibit, story: Story, there: Container[str]) -> Sequence[object]:
    """A row of `MESSAGES`; `same_as` is told only of a message that is `there`, in the pack, too."""
    same_as = exhibit.same_as if exhibit.same_as in there else ""
    return (
        *(exhibit.number, exhibit.id, exhibit.file, exhibit.size, exhibit.way, exhibit.sender, exhibit.to),
        *(exhibit.cc, exhibit.bcc, exhibit.subject, to_text(exhibit.sent) if exhibit.sent else ""),
        *(exhibit.sent_zone.replace("+", "UTC+").replace("-", "UTC-"), to_text(exhibit.received)),
        *(exhibit.message_id, *edrm_mih(exhibit.message_id), exhibit.in_reply_to, exhibit.references),
        *(len(exhibit.parts), story.level, story.score, story.mark, story.signatures, exhibit.automatic),
        *(exhibit.language, same_as, "; ".join(exhibit.defects)),
    )


def attachment_rows(exhibit: Exhibit) -> Iterable[Sequence[object]]:
    """Rows of `ATTACHMENTS`; `name` is the sender's word."""
    for position, part in enumerate(exhibit.parts, start=1):
        yield exhibit.number, position, part.name, part.type, part.size, part.digest, part.file


def custody_row(record: Record, total: int) -> Sequence[object]:
    """A row of `CUSTODY`."""
    exhibits = " ".join(number_of(one, total) for one in record.exhibits)
    opened = "yes" if record.opened else "no: it also speaks of other mail"
    return record.entry.seq, to_text(record.time), record.kind, exhibits, record.sentence, opened


def authentication_rows(record: Record, fact: MessageAuthenticated, total: int) -> Iterable[Sequence[object]]:
    """Rows of `AUTHENTICATION`, one for each signature; one with `none` for a message that has none."""
    keys = {key.name: key for key in fact.keys}
    start = (
        record.entry.seq,
        " ".join(number_of(one, total) for one in record.exhibits),
        to_text(fact.checked_at),
        fact.resolver,
    )
    chain = f"{fact.chain}: {fact.chain_why}" if fact.chain_why else fact.chain
    for one in fact.signatures:
        key = keys.get(one.key)
        told = (key.name, key.answer, key.dnssec, to_text(key.fetched_at), key.record) if key else ("",) * 5
        yield *start, one.domain, one.selector, one.result, one.why, chain, *told
    if not fact.signatures:
        yield *start, "", "", "none", fact.unfit, chain, *("",) * 5


def coverage_row(gap: Gap) -> Sequence[object]:
    """A row of `COVERAGE`; `until` is empty for a gap that had not ended."""
    return gap.seq, gap.mailbox, to_text(gap.since), to_text(gap.until) if gap.until else "", gap.why


def anchor_row(anchor: Anchor) -> Sequence[object]:
    """A row of `ANCHORS`."""
    kind = "time stamp" if anchor.token else "witness"
    return anchor.entry, kind, anchor.size, anchor.root, anchor.by, to_text(anchor.at), anchor.token


# --- the load file ------------------------------------------------------------------------------


def load_line(values: Sequence[object]) -> bytes:
    """One line of the load file. A thorn in a value is doubled; a DC4, which no text has, becomes a space."""
    return (BETWEEN.join(f"{QUOTE}{_plain(str(value))}{QUOTE}" for value in values) + "\r\n").encode(
        "utf-8", "replace"
    )


def _plain(value: str) -> str:
    value = value.replace(BETWEEN, " ").replace(QUOTE, QUOTE * 2)
    return value.replace("\r\n", NEWLINE).replace("\n", NEWLINE).replace("\r", NEWLINE)


def load_rows(exhibit: Exhibit) -> Iterable[Sequence[object]]:
    """Rows of `LOAD_FILE`: the message, then its attachments, which are a family with it."""
    first, last = exhibit.number, exhibit.number
    if exhibit.parts:
        last = f"{exhibit.number}.{len(exhibit.parts):03}"
    name = exhibit.file.rpartition("/")[2]
    sent = (f"{exhibit.sent:%m/%d/%Y}", f"{exhibit.sent:%H:%M:%S}") if exhibit.sent else ("", "")
    received = (f"{exhibit.received:%m/%d/%Y}", f"{exhibit.received:%H:%M:%S}")
    yield (
        *(first, first, last, "", len(exhibit.parts), "E-MAIL", exhibit.sender, exhibit.to, exhibit.cc),
        *(exhibit.bcc, exhibit.subject, *sent, *received, "UTC", exhibit.message_id, exhibit.in_reply_to),
        *(*edrm_mih(exhibit.message_id), name, "message/rfc822", exhibit.size, exhibit.id, exhibit.file),
    )
    for position, part in enumerate(exhibit.parts, start=1):
        yield (
            *(f"{exhibit.number}.{position:03}", first, last, first, 0, "ATTACHMENT", *("",) * 12, "", ""),
            *(part.name, part.type, part.size, part.digest, part.file),
        )
