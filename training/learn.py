"""Logistic regression over hashed features, the same to the digit on every run: L-BFGS in float64, fixed steps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags

from levelhead.heat.engine import own_words
from levelhead.heat.grams import Grams, features, parts
from levelhead.heat.text import fold, masked, normal, segments
from levelhead.heat.weights import curve

Vector = NDArray[np.float64]


def sentences_of(text: str) -> list[tuple[str, ...]]:
    """The tokens of each sentence of a text, cut up as the engine does it."""
    own, _ = own_words(masked(text))
    return [segment.words for segment in segments(own, fold(own))]


def matrix(texts: Sequence[str], size: int) -> csr_matrix:
    """A row for each text: how often each hashed feature stands in it, divided by the root of their number."""
    starts, columns, values = [0], [], []
    for text in texts:
        hashed = np.fromiter(
            (
                crc32(each.encode("utf-8", "surrogatepass")) & (size - 1)
                for each in features(sentences_of(text))
            ),
            np.int64,
        )
        unique, counts = np.unique(hashed, return_counts=True)
        columns.append(unique)
        values.append(counts / np.sqrt(max(1, len(hashed))))
        starts.append(starts[-1] + len(unique))
    return csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(texts), size))


MOST_STEPS = int(os.environ.get("LEVELHEAD_TRAINING_STEPS", "1000"))
"""Steps of any of the fits, at most: who only wants to see the same bytes twice needs few."""


def logistic(
    rows: csr_matrix, target: Vector, weight: Vector, *, strength: float, steps: int
) -> tuple[Vector, float]:
    """Weights and bias that minimise the weighted logistic loss times `strength` plus half the squared norm.

    Columns are scaled beforehand by how much they tell (Wang and Manning, ACL 2012: naive Bayes log-count ratios), so
    that a word that stands in both kinds alike is not used to tell them apart.
    """
    weight = weight / weight.mean()
    telling = _telling(rows, target, weight)
    rows = (rows @ diags(telling)).tocsr()
    columns = rows.T.tocsr()

    def loss(theta: Vector) -> tuple[float, Vector]:
        logit = rows @ theta[:-1] + theta[-1]
        slope = strength * weight * (sigmoid(logit) - target)
        value = strength * float(np.sum(weight * (np.logaddexp(0, logit) - target * logit)))
        value += 0.5 * float(theta[:-1] @ theta[:-1])
        return value, np.append(columns @ slope + theta[:-1], slope.sum())

    found = minimize(
        loss,
        np.zeros(rows.shape[1] + 1),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": min(steps, MOST_STEPS)},
    ).x
    return found[:-1] * telling, float(found[-1])


SMOOTH, EVEN = 0.2, 0.3


def _telling(rows: csr_matrix, target: Vector, weight: Vector) -> Vector:
    """For each column the size of its log-count ratio, on average 1 where it tells anything, mixed with evenness."""
    hot, calm = SMOOTH + rows.T @ (target * weight), SMOOTH + rows.T @ ((1 - target) * weight)
    ratio = np.abs(np.log((hot / hot.sum()) / (calm / calm.sum())))
    told = ratio[ratio > 1e-6]
    return EVEN + (1 - EVEN) * ratio / (np.sqrt(np.mean(told**2)) if len(told) else 1.0)


def sigmoid(logit: Vector) -> Vector:
    """The probability of a logit."""
    return 1 / (1 + np.exp(-np.clip(logit, -500, 500)))


def quantised(weights: Vector, bias: float) -> Grams:
    """The weights as bytes on a signed square scale; the largest 0.01 % are cut, so that the rest keeps its detail."""
    peak = round(float(np.quantile(np.abs(weights[weights != 0]), 0.9999)), 6) if weights.any() else 1.0
    steps = np.sign(weights) * np.round(127 * np.sqrt(np.minimum(np.abs(weights) / peak, 1.0)))
    return Grams((steps + 128).astype(np.uint8).tobytes(), curve(peak), round(bias, 6))


def word_matrix(texts: Sequence[str], size: int) -> csr_matrix:
    """The same for words and their parts alone, as `Grams.bare` counts them."""
    starts, columns, values = [0], [], []
    for text in texts:
        words = dict.fromkeys(token for sentence in sentences_of(text) for token in sentence)
        hashed = np.fromiter(
            (
                crc32(part.encode("utf-8", "surrogatepass")) & (size - 1)
                for word in words
                for part in parts(normal(word))
            ),
            np.int64,
        )
        unique, counts = np.unique(hashed, return_counts=True)
        columns.append(unique)
        values.append(counts / np.sqrt(max(1, len(hashed))))
        starts.append(starts[-1] + len(unique))
    return csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(texts), size))
