"""Trains the heat detector: `make train`. Seeded, and the same to the digit on every run.

1. The n-grams learn from the mails as they were written (whole, and sentence by sentence: a sentence that holds marked
   words is hot), the banks of sentences and, with little weight, the public rows; those of public texts from the public
   rows alone.
2. The coefficients that combine n-grams, phrase families and signs are learnt on mails that the n-grams did not learn
   from (five folds by author), so that they are calibrated; their signs are fixed.
3. The n-grams learn once more from everything, and all is written as bytes.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, vstack

from levelhead.heat.aside import aside
from levelhead.heat.engine import REACH, measure
from levelhead.heat.grams import Choice, Grams
from levelhead.heat.kinds import SLOPE, has_paragraphs, likeness
from levelhead.heat.known import filter_of
from levelhead.heat.phrases import families
from levelhead.heat.text import fold, normal, segments
from levelhead.heat.weights import Weights, curve, packed
from training.learn import Vector, logistic, matrix, quantised, sentences_of, sigmoid, word_matrix
from training.material import HERE, LABELS, Mail, Sentence, digest, mails, public, sentences

DATA = HERE.parents[1] / "shared" / "data" / "heated"
TARGET = HERE.parent / "src" / "levelhead" / "heat" / "weights.bin"
SIZE, PUBLIC_SIZE, KIND_SIZE, COMPLAINT_SIZE, LABEL_SIZE = 1 << 20, 1 << 19, 1 << 18, 1 << 16, 1 << 14
FOLDS = 5
STEPS = 80
MAIL, HOT_SENTENCE, CALM_SENTENCE, BANK, PUBLIC = 3.0, 2.0, 0.4, 2.0, 0.05
"""What a row of each kind weighs for the n-grams of mail. A calm sentence of a heated mail says little."""
FORMULA = 1.4
"""What a hot sentence of the bank `families` weighs: one thing said in seven languages, less than what people wrote."""
SEED = 7
PRIOR = 0.14
"""The share of heated messages for which the probability is calibrated: a mailbox with difficult clients in it."""

TAKEN_FOR_MAIL = 0.12
"""The share of public rows that are rather read as mail. With fewer of them, more mail would be read as posts."""

POST = 0.25
"""What a public text weighs beside a mail for the coefficients. Both kinds are calibrated at `PRIOR`."""

MIXED = ("quince", "rowan", "sorbe", "tilo")
"""Authors who wrote the mix of a mailbox, eight kinds of calm mail to one part of heated: the scale is theirs."""


def sentence_rows(all_mails: list[Mail]) -> list[tuple[str, bool, float, int]]:
    """Each sentence of the mails, whether it is hot, what it weighs, and the number of its mail."""
    rows = []
    for number, mail in enumerate(all_mails):
        marked = [words for label, words in mail.quotes if label in LABELS]
        for segment in segments(mail.text, fold(mail.text)):
            text = mail.text[segment.start : segment.end].strip()
            hot = mail.heated and any(
                words in text or text in words or words[:15] in text for words in marked
            )
            rows.append((text, hot, HOT_SENTENCE if hot or not mail.heated else CALM_SENTENCE, number))
    return rows


def public_weight(row: dict[str, object]) -> float:
    """Templates and what is merely annoyed weigh less."""
    return (0.2 if row["source"] == "mhatecheck" else 1.0) * (0.3 if row["heat"] == 1 else 1.0)


class Rows:
    """Everything that is learnt from, as matrices made once."""

    def __init__(self, data: Path, every: int = 1) -> None:
        self.mails = mails("mail")[::every]
        self.bank = sentences()[::every]
        self.parts = sentence_rows(self.mails)
        self.public = public(data, "train")[::every]
        self.valid = public(data, "valid")[::every]
        self.fold = np.array(
            [int(hashlib.sha256(fold_of(mail).encode()).hexdigest(), 16) % FOLDS for mail in self.mails]
        )
        texts = [mail.text for mail in self.mails]
        lines = [row[0] for row in self.parts]
        bank = [row.text for row in self.bank]
        posts = [str(row["text"]) for row in self.public]
        self.features = [matrix(group, SIZE) for group in (texts, lines, bank, posts)]
        self.words = [word_matrix(group, KIND_SIZE) for group in (texts, lines, bank, posts)]
        self.posts = matrix(posts, PUBLIC_SIZE)
        self.kept = [
            ([word for words in sentences_of(str(row["text"])) for word in words], str(row["text"]))
            for row in self.valid
        ]
        self.hot = [
            np.array([mail.heated for mail in self.mails], float),
            np.array([row[1] for row in self.parts], float),
            np.array([bool(row.label) for row in self.bank], float),
            np.array([int(str(row["heat"])) >= 2 for row in self.public], float),
        ]
        self.weights = [
            np.full(len(texts), MAIL),
            np.array([row[2] for row in self.parts]),
            np.array([FORMULA if row.label and row.file == "families" else BANK for row in self.bank]),
            PUBLIC * np.array([public_weight(row) for row in self.public]),
        ]
        self.owner = np.array([row[3] for row in self.parts])

    def chosen(self, keep: np.ndarray, groups: list[csr_matrix]) -> tuple[csr_matrix, list[np.ndarray]]:
        """The rows of the mails to keep, of their sentences, of the banks and the posts; and which those are."""
        masks = [keep, keep[self.owner], np.ones(len(self.bank), bool), np.ones(len(self.public), bool)]
        return vstack([group[mask] for group, mask in zip(groups, masks, strict=True)]).tocsr(), masks

    def heat(self, keep: np.ndarray) -> Grams:
        """The n-grams of heat, from these mails and everything else."""
        rows, masks = self.chosen(keep, self.features)
        target = np.concatenate([each[mask] for each, mask in zip(self.hot, masks, strict=True)])
        weight = np.concatenate([each[mask] for each, mask in zip(self.weights, masks, strict=True)])
        return quantised(*logistic(rows, target, weight, strength=2.0, steps=STEPS))

    def kind(self, keep: np.ndarray) -> Grams:
        """What tells client mail from public texts, by single words."""
        rows, masks = self.chosen(keep, self.words)
        sizes = [int(mask.sum()) for mask in masks]
        target = np.concatenate([np.full(size, number < 3, float) for number, size in enumerate(sizes)])
        weight = np.concatenate(
            [np.full(size, each) for size, each in zip(sizes, (4.0, 1.0, 1.0, 0.6), strict=True)]
        )
        return self.centred(quantised(*logistic(rows, target, weight, strength=4.0, steps=40)))

    def centred(self, kind: Grams) -> Grams:
        """The same with another bias: of the public rows that nothing learns from, `TAKEN_FOR_MAIL` look like mail.

        Left to the regression, the more mails there are to learn from, the more posts would be read as mail.
        """
        looks = [
            likeness(words, kind.bare(words), paragraphs=has_paragraphs(text)) for words, text in self.kept
        ]
        return replace(kind, bias=round(kind.bias - float(np.quantile(looks, 1 - TAKEN_FOR_MAIL)) / SLOPE, 6))

    def of_public(self) -> Grams:
        """The n-grams of public texts."""
        weight = np.array([public_weight(row) for row in self.public])
        return quantised(*logistic(self.posts, self.hot[3], weight, strength=4.0, steps=STEPS))


def fold_of(mail: Mail) -> str:
    """What stays together: an author, or a run of mails of one whose languages nobody else writes."""
    return mail.author if mail.language == "en" else f"{mail.author} {mail.number // 20}"


def labels(bank: list[Sentence], all_mails: list[Mail]) -> dict[str, Grams]:
    """For each label the n-grams that tell it from the other labels, from hot sentences and marked words."""
    rows = [(row.text, row.label) for row in bank if row.label]
    rows += [(words, label) for mail in all_mails for label, words in mail.quotes if label in LABELS]
    features = word_matrix([text for text, _ in rows], LABEL_SIZE)
    ones = np.ones(len(rows))
    return {
        label: quantised(
            *logistic(
                features, np.array([each == label for _, each in rows], float), ones, strength=2.0, steps=40
            )
        )
        for label in LABELS
    }


def complaints(bank: list[Sentence], all_mails: list[Mail]) -> Grams:
    """What tells a sentence that names a fault from every other, hot or calm."""
    rows = [(row.text, row.kind == "complaint") for row in bank]
    rows += [(words, label == "legitimate-complaint") for mail in all_mails for label, words in mail.quotes]
    target = np.array([each for _, each in rows], float)
    weight = np.where(target > 0, 3.0, 1.0)
    return quantised(
        *logistic(matrix([text for text, _ in rows], COMPLAINT_SIZE), target, weight, strength=2.0, steps=40)
    )


def vocabulary(texts: list[str]) -> bytes:
    """The words that stand in at least three of the texts, as a Bloom filter."""
    counted = Counter(word for text in texts for word in {normal(t) for s in sentences_of(text) for t in s})
    return filter_of(sorted(word for word, count in counted.items() if count >= 3 and word[0].isalpha()))


HOT = ("tone", "public", "reported", "shouting")


LEAST = {
    "legal-threat": 2.2,
    "chargeback": 2.0,
    "violence": 2.0,
    "review-threat": 1.6,
    "ultimatum": 1.1,
    "cancellation": 1.0,
    "impatience": 1.0,
    "contempt": 0.7,
    "insult": 0.7,
    "shouting": 0.5,
    "blame": 0.3,
    "profanity": 0.3,
    "reported": 0.1,
}
"""What these count at least: the n-grams say nearly all of it already, but a threat must never count for nothing."""

CALMS = {"promise": -0.95}
"""What these calm at least: in a short mail the n-grams of a day and an hour say the opposite."""


def bounds(name: str) -> tuple[float | None, float | None]:
    """The sign that a coefficient must have: heat raises, courtesy calms; what stands in any case has none."""
    if name in ("bias", "posted"):
        return None, None
    calm = name == "smiling" or (name in families() and families()[name].label == "courtesy")
    return (None, CALMS.get(name, -0.05)) if calm else (LEAST.get(name, 0.0), None)


def combined(measured: list[dict[str, float]], target: Vector, weight: Vector) -> dict[str, float]:
    """Coefficients that make the logit, bounded as the engine bounds it, the best calibrated on these rows."""
    names = [*HOT, "posted", "smiling", *sorted(families())]
    rows = np.array([[each.get(name, 0.0) for name in names] + [1.0] for each in measured])
    weight = weight / weight.sum()

    def loss(theta: Vector) -> tuple[float, Vector]:
        bent = np.tanh(rows @ theta / REACH)
        logit = REACH * bent
        slope = weight * (sigmoid(logit) - target) * (1 - bent**2)
        held = 1e-4 * theta * np.append(np.ones(len(names)), 0.0)
        return float(
            weight @ (np.logaddexp(0, logit) - target * logit) + held @ theta / 2
        ), rows.T @ slope + held

    start = np.array([1.0 if name in HOT else 0.0 for name in names] + [0.0])
    limits = [bounds(name) for name in [*names, "bias"]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 300}).x
    return {name: round(float(value), 4) for name, value in zip([*names, "bias"], found, strict=True)}


def scaled(coefficients: dict[str, float], measured: list[dict[str, float]], hot: Vector) -> dict[str, float]:
    """The coefficients times a factor, and another bias: calibrated on these rows at `PRIOR` (Platt 1999).

    Contrast pairs, of which the other authors wrote many, teach what matters; they also make a doubter of whoever is
    calibrated on them. The factor is 1 at least, so that nothing counts less than it must.
    """
    bias = coefficients["bias"]
    plain = np.array([sum(coefficients[name] * value for name, value in each.items()) for each in measured])
    weight = np.where(hot > 0, PRIOR / hot.mean(), (1 - PRIOR) / (1 - hot.mean())) / len(hot)

    def loss(theta: Vector) -> float:
        logit = REACH * np.tanh((theta[0] * plain + theta[1]) / REACH)
        return float(weight @ (np.logaddexp(0, logit) - hot * logit))

    factor, shift = minimize(
        loss, np.array([1.0, bias]), method="L-BFGS-B", bounds=[(1.0, 3.0), (None, None)]
    ).x
    print(f"scale {factor:.4f}, bias {bias} -> {shift:.4f}")
    return {
        name: round(float(shift if name == "bias" else factor * value), 4)
        for name, value in coefficients.items()
    }


def held_out(rows: Rows, known: Weights) -> tuple[list[dict[str, float]], Vector, Vector, list[bool]]:
    """What is measured of texts that the n-grams did not learn from, whether they are heated, what they weigh, and
    which of them `MIXED` wrote."""
    measured: list[dict[str, float]] = []
    target, weight, mixed = [], [], []
    for number in range(FOLDS):
        held = rows.fold == number
        fold_known = replace(known, heat=rows.heat(~held), kind=rows.kind(~held))
        print(f"fold {number}: {int(held.sum())} mails held out")
        chosen = [mail for mail, kept in zip(rows.mails, held, strict=True) if kept]
        texts = [(mail.text, mail.language, mail.heated, 1.0) for mail in chosen]
        mixed += [mail.author in MIXED for mail in chosen]
        if number == 0:
            texts += (others := posts(rows.valid))
            mixed += [False] * len(others)
        for text, language, heated, weighs in texts:
            measured.append(measure(aside(text).text, language, fold_known).features)
            target.append(float(heated))
            weight.append(weighs)
    return measured, np.array(target), np.array(weight), mixed


def posts(valid: list[dict[str, object]]) -> list[tuple[str, str, bool, float]]:
    """Some of the public rows that nothing learns from, so that public texts are calibrated too."""
    chosen = np.random.default_rng(SEED).permutation(len(valid))[:4000]
    rows = [valid[row] for row in chosen if valid[row]["heat"] != 1]
    return [(str(row["text"]), str(row["language"]), int(str(row["heat"])) >= 2, POST) for row in rows]


def train(data: Path, every: int = 1) -> Weights:
    """Everything, in order; prints what it does. Of the material only each so many-th row, to try something quickly."""
    rows = Rows(data, every)
    print(f"{len(rows.mails)} mails, {len(rows.bank)} sentences, {len(rows.public)} public rows")
    everything = np.ones(len(rows.mails), bool)
    known = Weights(
        heat=Grams(bytes([128] * SIZE), curve(1.0)),
        public=rows.of_public(),
        kind=rows.kind(everything),
        complaint=complaints(rows.bank, rows.mails),
        labels=Choice({}),
        coefficients={},
    )
    measured, hot, weight, mixed = held_out(rows, known)
    for group in (weight == POST, weight != POST):
        share = np.average(hot[group], weights=weight[group])
        weight[group] *= np.where(hot[group] > 0, PRIOR / share, (1 - PRIOR) / (1 - share))
    coefficients = combined(measured, hot, weight)
    own = [each for each, kept in zip(measured, mixed, strict=True) if kept]
    coefficients = scaled(coefficients, own, hot[np.array(mixed)])
    print(coefficients)
    texts = [mail.text for mail in rows.mails] + [row.text for row in rows.bank]
    texts += [str(row["text"]) for row in rows.public]
    return replace(
        known,
        heat=rows.heat(everything),
        labels=Choice(labels(rows.bank, rows.mails)),
        coefficients=coefficients,
        words=vocabulary(texts),
        trained={
            "mails": len(rows.mails),
            "sentences": len(rows.bank),
            "public": len(rows.public),
            "seed": SEED,
            "material": digest(),
        },
    )


def main() -> None:
    """Train and write; the data folder, the file to write and `every` of `train` can be given."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else TARGET
    if not (data / "train.jsonl.gz").exists():
        sys.exit(f"the public rows are not in {data}; name their folder: make train DATA=FOLDER")
    content = packed(train(data, int(sys.argv[3]) if len(sys.argv) > 3 else 1))
    target.write_bytes(content)
    print(f"{target.name}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
