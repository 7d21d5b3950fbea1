"""Draws the pictures of the report: curves in a unit square, as SVG for dark and light, for the eye and the ear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 790, 500
LEFT, TOP, SIDE = 70, 24, 400
LEGEND = LEFT + SIDE + 30

STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1e293b } .card { fill: #ffffff } .small { font-size: 12px }
.grid { stroke: #cbd5e1; stroke-width: 1 } .axis { stroke: #475569; stroke-width: 1.5; fill: none }
.ideal { stroke: #64748b; stroke-width: 1.2; stroke-dasharray: 3 4; fill: none }
.line { fill: none; stroke-width: 2.4 }
.c0 { stroke: #b91c1c } .c1 { stroke: #1d4ed8 } .c2 { stroke: #15803d } .c3 { stroke: #a16207 } .c4 { stroke: #7e22ce }
.c5 { stroke: #0e7490 } .c6 { stroke: #be185d } .f0 { fill: #b91c1c } .f1 { fill: #1d4ed8 }
@media (prefers-color-scheme: dark) {
text { fill: #e2e8f0 } .card { fill: #0f172a } .grid { stroke: #334155 } .axis { stroke: #94a3b8 }
.ideal { stroke: #94a3b8 }
.c0 { stroke: #f87171 } .c1 { stroke: #60a5fa } .c2 { stroke: #4ade80 } .c3 { stroke: #facc15 } .c4 { stroke: #c084fc }
.c5 { stroke: #22d3ee } .c6 { stroke: #f472b6 } .f0 { fill: #f87171 } .f1 { fill: #60a5fa }
}"""

DASHES = ("", "7 4", "2 4", "10 4 2 4", "5 2", "1 3", "12 3")
"""A curve is told by its dashes as well as by its colour."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve of a picture; `dots` are radii for its points, when these are to be seen."""

    name: str
    points: Sequence[tuple[float, float]]
    """Both from 0 to 1."""
    dots: Sequence[float] = ()


def picture(
    title: str, description: str, axes: tuple[str, str], curves: Sequence[Curve], *, diagonal: bool = False
) -> str:
    """An SVG of the curves over the unit square, with a legend; the same curves always make the same bytes."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' aria-labelledby="title desc">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(description)}</desc>',
        f"<style>{STYLE}\n</style>",
        f'<rect class="card" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
        *_frame(axes),
    ]
    if diagonal:
        parts.append(f'<path class="ideal" d="M{_place((0, 0))} L{_place((1, 1))}"/>')
    for number, curve in enumerate(curves):
        parts += _drawn(curve, number)
        parts += _named(curve, number)
    return "\n".join([*parts, "</svg>", ""])


def _place(point: tuple[float, float]) -> str:
    return f"{LEFT + SIDE * point[0]:.1f} {TOP + SIDE * (1 - point[1]):.1f}"


def _frame(axes: tuple[str, str]) -> list[str]:
    bottom = TOP + SIDE
    parts = []
    for tenths in range(0, 11, 2):
        x, y = LEFT + SIDE * tenths / 10, bottom - SIDE * tenths / 10
        parts += [
            f'<path class="grid" d="M{x:.0f} {TOP}V{bottom}M{LEFT} {y:.0f}H{LEFT + SIDE}"/>',
            f'<text class="small" x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{tenths / 10:.1f}</text>',
            f'<text class="small" x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{tenths / 10:.1f}</text>',
        ]
    middle = TOP + SIDE / 2
    return [
        *parts,
        f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{LEFT + SIDE}"/>',
        f'<text x="{LEFT + SIDE / 2:.0f}" y="{bottom + 44}" text-anchor="middle">{escape(axes[0])}</text>',
        f'<text x="22" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 22 {middle:.0f})">'
        f"{escape(axes[1])}</text>",
    ]


def _drawn(curve: Curve, number: int) -> list[str]:
    path = " L".join(_place(point) for point in curve.points)
    parts = [f'<path class="line c{number}" stroke-dasharray="{DASHES[number]}" d="M{path}"/>']
    for point, radius in zip(curve.points, curve.dots, strict=False):
        x, y = _place(point).split()
        parts.append(f'<circle class="f{number}" cx="{x}" cy="{y}" r="{radius:.1f}"/>')
    return parts


def _named(curve: Curve, number: int) -> list[str]:
    y = TOP + 14 + 26 * number
    return [
        f'<path class="line c{number}" stroke-dasharray="{DASHES[number]}" d="M{LEGEND} {y}h34"/>',
        f'<text class="small" x="{LEGEND + 42}" y="{y + 4}">{escape(curve.name)}</text>',
    ]


def thinned(points: Sequence[tuple[float, float]], gap: float = 0.004) -> list[tuple[float, float]]:
    """The points of a curve without those that are nearer than `gap` to the one before; first and last stay."""
    kept = [points[0]]
    for point in points[1:-1]:
        if abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) >= gap:
            kept.append(point)
    return [*kept, points[-1]] if len(points) > 1 else kept
