"""Draws the plots of the page as SVG, for dark and light, in the manner of the heat report's pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bench.core import Line, Plot
from training.draw import DASHES, STYLE

WIDTH = 790
LEFT, TOP, SIDE, HIGH = 80, 40, 440, 320
LEGEND = LEFT + SIDE + 24
BAR, GAP, NAMES, LONGEST = 20, 10, 300, 380
"""Of a bar chart: how high a bar is, the room below it, the room for names, the longest bar."""


def drawn(plot: Plot) -> str:
    """The SVG of a plot; the same plot always makes the same bytes."""
    body, height = _bars(plot) if plot.bars else _lines(plot)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
            ' aria-labelledby="title desc">',
            f'<title id="title">{escape(plot.title)}</title>',
            f'<desc id="desc">{escape(plot.description)}</desc>',
            f"<style>{STYLE}\n</style>",
            f'<rect class="card" width="{WIDTH}" height="{height}" rx="8"/>',
            f'<text x="{WIDTH / 2:.0f}" y="24" text-anchor="middle">{escape(plot.title)}</text>',
            *body,
            "</svg>",
            "",
        ]
    )


def _bars(plot: Plot) -> tuple[list[str], int]:
    most = max(value for _, value in plot.bars) or 1.0
    parts = []
    for number, (name, value) in enumerate(plot.bars):
        y = TOP + number * (BAR + GAP)
        colour = "f0" if name.startswith("levelhead") else "f1"
        width = max(1.0, LONGEST * value / most)
        parts += [
            f'<text class="small" x="{NAMES}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{colour}" x="{NAMES + 8}" y="{y}" width="{width:.1f}" height="{BAR}"/>',
            f'<text class="small" x="{NAMES + 14 + width:.1f}" y="{y + 14}">{_number(value)}</text>',
        ]
    bottom = TOP + len(plot.bars) * (BAR + GAP)
    parts.append(
        f'<text class="small" x="{NAMES + 8 + LONGEST / 2:.0f}" y="{bottom + 14}" text-anchor="middle">'
        f"{escape(plot.axes[0])}</text>"
    )
    return parts, bottom + 30


def _lines(plot: Plot) -> tuple[list[str], int]:
    points = [point for line in plot.lines for point in line.points]
    least, most = min(x for x, _ in points), max(x for x, _ in points)
    high = _round_up(max(y for _, y in points))

    def across(x: float) -> float:
        low, top, at = (math.log10(v) for v in (least, most, x)) if plot.logarithmic else (least, most, x)
        return LEFT + SIDE * ((at - low) / (top - low) if top > low else 0.5)

    def up(y: float) -> float:
        return TOP + HIGH * (1 - y / high)

    parts = _frame(plot, sorted({x for x, _ in points}), high, across, up)
    for number, line in enumerate(plot.lines):
        parts += _curve(line, number, across, up)
    return parts, TOP + HIGH + 60


def _frame(plot: Plot, marks: Sequence[float], high: float, across, up) -> list[str]:  # type: ignore[no-untyped-def]
    bottom = TOP + HIGH
    parts = []
    for fifth in range(6):
        y = up(high * fifth / 5)
        parts += [
            f'<path class="grid" d="M{LEFT} {y:.0f}H{LEFT + SIDE}"/>',
            f'<text class="small" x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{_number(high * fifth / 5)}</text>',
        ]
    last = -math.inf
    for mark in marks:
        x = across(mark)
        parts.append(f'<path class="grid" d="M{x:.0f} {TOP}V{bottom}"/>')
        if x - last > 55:
            parts.append(
                f'<text class="small" x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{_number(mark)}</text>'
            )
            last = x
    middle = TOP + HIGH / 2
    return [
        *parts,
        f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{LEFT + SIDE}"/>',
        f'<text x="{LEFT + SIDE / 2:.0f}" y="{bottom + 44}" text-anchor="middle">{escape(plot.axes[0])}</text>',
        f'<text x="22" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 22 {middle:.0f})">'
        f"{escape(plot.axes[1])}</text>",
    ]


def _curve(line: Line, number: int, across, up) -> list[str]:  # type: ignore[no-untyped-def]
    path = " L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in line.points)
    y = TOP + 14 + 26 * number
    return [
        f'<path class="line c{number}" stroke-dasharray="{DASHES[number]}" d="M{path}"/>',
        *(
            f'<circle class="f{number % 2}" cx="{across(x):.1f}" cy="{up(at):.1f}" r="3"/>'
            for x, at in line.points
        ),
        f'<path class="line c{number}" stroke-dasharray="{DASHES[number]}" d="M{LEGEND} {y}h34"/>',
        f'<text class="small" x="{LEGEND + 42}" y="{y + 4}">{escape(line.name)}</text>',
    ]


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def _number(value: float) -> str:
    if value >= 1_000_000 and value % 100_000 == 0:
        return f"{value / 1_000_000:g} M"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
