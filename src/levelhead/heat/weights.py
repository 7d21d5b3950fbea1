"""The weights that ship: what `make train` learnt, in one small file, and how it is written and read.

The file is a line of JSON (schema, coefficients, scales, what it was trained from) and, compressed, the tables of bytes
that the line names, in its order. It is read once and takes a few milliseconds.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from levelhead.errors import UserError
from levelhead.heat.grams import Choice, Grams

SCHEMA = 1
FILE = "weights.bin"


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learnt: the n-grams of heat, those of each label, and the coefficients that combine everything."""

    heat: Grams
    """Of client mail."""
    public: Grams
    """Of posts, comments and subtitles."""
    kind: Grams
    """Whether a text is rather client mail (positive) or such a public text, by its words alone."""
    complaint: Grams
    """Whether a sentence names a fault, in any tone."""
    labels: Choice
    """Which label the words of a hot sentence speak for."""
    coefficients: Mapping[str, float]
    """By feature; `bias` is what stands before anything is found. Already calibrated."""
    words: bytes = b""
    """A Bloom filter of the words of the seven languages."""
    trained: Mapping[str, Any] = field(default_factory=dict)
    """What it was trained from: seed, digests, counts."""


def packed(weights: Weights) -> bytes:
    """The bytes of the file; the same weights always make the same bytes."""
    grams = {
        "heat": weights.heat,
        "public": weights.public,
        "kind": weights.kind,
        "complaint": weights.complaint,
    }
    grams |= {f"label {name}": table for name, table in sorted(weights.labels.tables.items())}
    tables = {name: each.table for name, each in grams.items()} | {"words": weights.words}
    head = {
        "schema": SCHEMA,
        "tables": [[name, len(table)] for name, table in tables.items()],
        "peaks": {name: round(each.scale[255], 6) for name, each in grams.items()},
        "bias": {name: each.bias for name, each in grams.items()},
        "coefficients": dict(weights.coefficients),
        "trained": dict(weights.trained),
    }
    line = json.dumps(head, sort_keys=True, separators=(",", ":")) + "\n"
    return line.encode() + zlib.compress(b"".join(tables.values()), 9)


def unpacked(data: bytes) -> Weights:
    """The weights that such a file holds; raises UserError when it is of a newer schema or damaged."""
    line, _, body = data.partition(b"\n")
    try:
        head = json.loads(line)
        if head["schema"] != SCHEMA:
            raise UserError(f"heat/{FILE} has schema {head['schema']}, and this version knows only {SCHEMA}")
        rest = zlib.decompress(body)
        tables = {}
        for name, size in head["tables"]:
            tables[name], rest = rest[:size], rest[size:]
        grams = {
            name: Grams(tables[name], curve(head["peaks"][name]), head["bias"][name])
            for name in head["peaks"]
        }
    except (ValueError, KeyError, TypeError, zlib.error) as exc:
        raise UserError(f"heat/{FILE} is damaged ({exc}); install levelhead again") from exc
    return Weights(
        heat=grams.pop("heat"),
        public=grams.pop("public"),
        kind=grams.pop("kind"),
        complaint=grams.pop("complaint"),
        labels=Choice({name.removeprefix("label "): table for name, table in grams.items()}),
        coefficients=head["coefficients"],
        words=tables["words"],
        trained=head["trained"],
    )


@cache
def weights() -> Weights:
    """The weights that ship."""
    return unpacked(files(__package__).joinpath(FILE).read_bytes())


def curve(peak: float) -> tuple[float, ...]:
    """What each byte stands for: 128 is nothing, and the steps are finer near it (a signed square)."""
    return tuple(peak * (byte - 128) * abs(byte - 128) / 127**2 for byte in range(256))
