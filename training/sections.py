"""The sections of the report on mails: what they are, how each group comes out, where it still fails."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from levelhead.model import Point
from training.composed import ANGRY_OVER_CALM, ANNOUNCED, LEGAL_FOOTER, QUOTED_ANGER
from training.draw import Curve, picture, thinned
from training.goals import unseen
from training.judged import ALARM, TENSE, Columns, Judged
from training.material import HERE, Mail, learnt_registers, mails
from training.metrics import Floats, bootstrap, ece, platt, reliability, steps
from training.peers import INSTALL, found
from training.registers import group_of
from training.tables import (
    GROUP_HEAD,
    Value,
    alarms,
    by,
    by_category,
    counted,
    group_row,
    percent,
    plain,
    ranking,
    table,
)

WORST = 8
"""False alarms and misses that are quoted."""

LETTERS = 420
"""Letters of a mail that are quoted."""


def material(kept: Sequence[Mail], seen: Columns) -> str:
    """What is measured, and how it was made."""
    learnt = mails("mail")
    authors = sorted({mail.author for mail in kept})
    rows = []
    for author in authors:
        own = [mail for mail in kept if mail.author == author]
        hot = sum(mail.heated for mail in own)
        languages = " ".join(sorted({mail.language for mail in own}))
        rows.append(
            [author, languages, str(len(own) - hot), str(hot), str(len({mail.register for mail in own}))]
        )
    new = sum(mail.register not in learnt_registers() for mail in kept)
    digest = hashlib.sha256()
    for path in sorted((HERE / "holdout").glob("*.txt")):
        digest.update(path.read_bytes())
    made = {
        name: sum(row.mail.category == name for row in seen.rows) for name in (QUOTED_ANGER, ANGRY_OVER_CALM)
    }
    unknown = sum(row.verdict.score is None for row in seen.rows)
    return "\n".join(
        [
            f"The hold-out is {len(kept)} mails in `training/holdout` by {len(authors)} authors from whom"
            " nothing was learnt;"
            f" {len({mail.author for mail in learnt})} others wrote `training/mail`.",
            f"{new} of the mails are in registers that do not occur there.",
            "All were written for this purpose by language models, each author playing many people under"
            " the same brief, so that the"
            " hold-out is nearer to the training mails than a stranger's mailbox is.",
            "A mail is heated when its author gave it heat 2 or 3; firm ones (1) count as calm and must"
            " not alarm.",
            "",
            table(["author", "languages", "calm", "heated", "registers"], rows),
            "",
            f"They are composed into {len(seen.rows)} mails as they arrive (`training/composed.py`, seeded).",
            "Each comes once, people's mails half the time with an earlier message quoted, four in ten"
            " with a signature, a"
            " telephone's line or small print.",
            f"Then {made[QUOTED_ANGER]} calm answers get an angry mail quoted in them (`{QUOTED_ANGER}`), and"
            f" {made[ANGRY_OVER_CALM]} heated mails a long calm conversation (`{ANGRY_OVER_CALM}`).",
            "No header gives a machine's mail away: what a newsletter or an out-of-office notice is"
            " spared for in practice,"
            " its headers, is used only where that is said.",
            "Each is parsed from its bytes, read by `tone` and weighed, as the daemon does it, for a"
            " client of whom nothing is remembered.",
            f"{unknown} of them cannot be judged (`unknown`) and count as score 0.",
            "Intervals are 95 %: of shares by Wilson, of everything else by a seeded bootstrap that draws"
            " all mails made of one text together.",
            "",
            f"Hold-out: SHA-256 `{digest.hexdigest()[:16]}`.",
        ]
    )


def preparation(seen: Columns) -> str:
    """How often the newest text is found, by how the earlier message is quoted."""
    rows = []
    for style, each in by(seen, lambda number: seen.rows[number].mail.style).items():
        rows.append([style, counted(sum(row.prepared for row in each.rows), len(each.rows))])
    told = sum(row.message.language == row.mail.mail.language for row in seen.rows)
    return "\n".join(
        [
            "The newest text is found when nothing of it is lost and nothing of an earlier message is"
            " left; a part of a signature may stay.",
            "",
            table(["where the new text stands, or how the earlier is marked", "newest text found"], rows),
            "",
            f"The language is told in {counted(told, len(seen.rows))}.",
        ]
    )


def heat(seen: Columns) -> str:
    """Each category of heated mail against all calm mail."""
    calm = seen.only(~seen.hot)
    false = alarms(calm, ALARM)[0] / len(calm.rows)
    rows = []
    for name, each in by_category(seen.only(seen.hot)).items():
        rows.append(_heat_row(name, each, seen, false))
    rows.append(_heat_row("all", seen.only(seen.hot), seen, false))
    return "\n".join(
        [
            "Precision depends on how common a category is; it is told as if one mail in five were of"
            f" it, the rest calm ({percent(false)} of which alarm).",
            "",
            table(
                [
                    "category",
                    "mails",
                    f"found at {ALARM}",
                    f"found at {TENSE}",
                    "AUROC",
                    "precision, one in five",
                ],
                rows,
            ),
        ]
    )


def _heat_row(name: str, each: Columns, seen: Columns, false: float) -> list[str]:
    only = seen.only([not row.heated or name in ("all", row.mail.category) for row in seen.rows])
    recall = alarms(each, ALARM)[0] / len(each.rows)
    alarmed = 0.2 * recall + 0.8 * false
    return [
        name,
        str(len(each.rows)),
        counted(*alarms(each, ALARM)),
        counted(*alarms(each, TENSE)),
        str(ranking(only).auroc),
        f"{0.2 * recall / alarmed:.2f}" if alarmed else "none",
    ]


def calm(seen: Columns, footed: Columns, told: Columns) -> str:
    """False alarms by category of calm mail, by the heat that the author gave it, and where a header tells."""
    quiet = seen.only(~seen.hot)
    firm = quiet.only([row.mail.mail.heat == 1 for row in quiet.rows])
    named = [*by_category(quiet).items(), ("all", quiet), ("of these firm (heat 1)", firm)]
    named.append((f"{LEGAL_FOOTER}, beside all these", footed))
    named += [(f"{name}, with `{ANNOUNCED[name][0]}`", each) for name, each in by_category(told).items()]
    rows = [
        [
            name,
            counted(*alarms(each, ALARM)),
            counted(*alarms(each, TENSE)),
            counted(*alarms(unseen(each), ALARM)),
        ]
        for name, each in named
    ]
    head = ["category", f"score at least {ALARM}", f"score at least {TENSE}"]
    return "\n".join(
        [
            table([*head, f"of these in registers not learnt from, at {ALARM}"], rows),
            "",
            f"`{LEGAL_FOOTER}` is {len(footed.rows)} calm mails of the same hold-out (blunt, or urgent and polite) with"
            " a legal notice in capitals below them; they count in this line and in their goal, nowhere else.",
            "The last lines are mails as programs send them, with the header that announces one:"
            " such mail is not judged as anger.",
        ]
    )


def groups(seen: Columns) -> str:
    """The same by language, by author, by group of registers."""
    keys = (
        ("language", lambda row: row.mail.mail.language),
        ("author", lambda row: row.mail.mail.author),
        ("registers", lambda row: group_of(row.mail.mail.register)),
    )
    parts = []
    for name, key in keys:
        found_groups = by(seen, lambda number, key=key: key(seen.rows[number]))  # type: ignore[misc]
        parts.append(
            table([name, *GROUP_HEAD], (group_row(each, rows) for each, rows in found_groups.items()))
        )
    return "\n\n".join(parts)


def fitted(seen: Columns) -> Floats:
    """The scores of each author's mails after a two-parameter fit on the logits of the other authors' mails."""
    logits = np.log(np.clip(seen.score, 1e-6, 1 - 1e-6) / (1 - np.clip(seen.score, 1e-6, 1 - 1e-6)))
    author = np.array([row.mail.mail.author for row in seen.rows])
    chance = np.empty(len(logits))
    for name in sorted(set(author)):
        chance[author == name] = platt(seen.hot[author != name], logits[author != name])(
            logits[author == name]
        )
    return chance


def calibration(seen: Columns) -> tuple[Value, Value]:
    """The calibration error as the score ships and after the fit."""
    values = []
    for chance in (seen.score, fitted(seen)):
        (ends,) = bootstrap(seen.group, lambda weight, chance=chance: [ece(seen.hot, chance, weight)])  # type: ignore[misc]
        values.append(Value(ece(seen.hot, chance), *ends))
    return values[0], values[1]


def reliability_plot(seen: Columns) -> str:
    """The picture of what was said against what was so."""
    curves = []
    for name, chance in (("as it ships", seen.score), ("after a fit of two numbers", fitted(seen))):
        bins = reliability(seen.hot, chance, bins=10)
        curves.append(
            Curve(name, [(told, so) for told, so, _ in bins], [2 + 14 * part**0.5 for *_, part in bins])
        )
    described = "; ".join(
        f"{curve.name}: " + ", ".join(f"{x:.2f} said {y:.2f} so" for x, y in curve.points) for curve in curves
    )
    title = "How often a mail is heated, by its score"
    return picture(title, described, ("score", "share that is heated"), curves, diagonal=True)


def calibrated(error: tuple[Value, Value]) -> str:
    """The section on calibration."""
    return "\n".join(
        [
            f"The calibration error (15 bins of equal width) is {error[0]} as the score ships, and {error[1]} after"
            " a fit of two numbers to its logit, made for each author on the mails of the others.",
            "Drawing mails anew adds noise to every bin, so that the intervals lie a little high.",
            "The larger a dot, the more mails it stands for.",
            "",
            "![How often a mail is heated, by its score](heat/reliability.svg)",
        ]
    )


def peers(seen: Columns) -> tuple[str, dict[str, Floats]]:
    """The section on other tools, and the scores of everybody on the whole mails."""
    ready, missing = found()
    whole = [row.whole for row in seen.rows]
    newest = [row.newest for row in seen.rows]
    scores = {"levelhead": seen.score}
    rows = [_peer_row("levelhead", seen, seen.score, seen.score)]
    for name, score in ready.items():
        scores[name] = np.array(score(whole))
        rows.append(_peer_row(name, seen, scores[name], np.array(score(newest))))
    text = [
        "All get the same mails in the same run: subject and whole text, and once more the newest text alone, as its"
        " author wrote it.",
        "levelhead finds the newest text itself.",
        "",
        table(
            [
                "tool",
                "AUROC, whole mail",
                "AUROC, newest text",
                "average precision",
                "recall at 5 %",
                "recall at 1 %",
            ],
            rows,
        ),
        "",
        *([f"Not installed where this was made: {', '.join(missing)}."] if missing else []),
        f"The tools are no dependencies of levelhead; `{INSTALL}` brings those that have a package.",
        "",
        "![Precision and recall beside other tools](heat/precision-recall.svg)",
    ]
    return "\n".join(text), scores


def peers_plot(seen: Columns, scores: Mapping[str, Floats]) -> str:
    """The picture of precision against recall, of everybody."""
    curves = []
    for name, score in scores.items():
        known = steps(seen.hot, score)
        points = list(zip(known.recall.tolist(), known.precision.tolist(), strict=True))
        curves.append(Curve(name, thinned(points)))
    described = (
        f"Precision against recall on {len(seen.rows)} mails; {float(seen.hot.mean()):.2f} is chance."
        " At half of the heated mails found: "
    )
    described += ", ".join(f"{curve.name} {_at_half(curve):.2f}" for curve in curves)
    return picture("Precision and recall beside other tools", described, ("recall", "precision"), curves)


def _peer_row(name: str, seen: Columns, raw: Floats, new: Floats) -> list[str]:
    known = ranking(seen, raw)
    bare = ranking(seen, new).auroc
    return [name, str(known.auroc), str(bare), str(known.precision), str(known.at_five), str(known.at_one)]


def _at_half(curve: Curve) -> float:
    return next((precision for recall, precision in curve.points if recall >= 0.5), 0.0)


def failures(seen: Columns) -> str:
    """The worst false alarms and the worst misses, quoted."""
    loud = _worst([row for row in seen.rows if not row.heated and row.score >= ALARM], hottest=True)
    quiet = _worst([row for row in seen.rows if row.heated and row.score < ALARM], hottest=False)
    return "\n".join(
        [
            "All of these are our own texts.",
            "",
            "### The worst false alarms",
            "",
            *(_told(row) for row in loud),
            "### The worst misses",
            "",
            *(_told(row) for row in quiet),
        ]
    ).rstrip()


def _worst(rows: Sequence[Judged], *, hottest: bool) -> list[Judged]:
    """The first of them by score, each text once."""
    chosen: dict[tuple[str, int], Judged] = {}
    for row in sorted(
        rows,
        key=lambda row: (-row.score if hottest else row.score, row.mail.mail.author, row.mail.mail.number),
    ):
        chosen.setdefault((row.mail.mail.author, row.mail.mail.number), row)
    return list(chosen.values())[:WORST]


def _told(row: Judged) -> str:
    mail = row.mail
    text = plain(f"{mail.mail.subject} / {' '.join(mail.mail.body.split())}", LETTERS)
    said = [
        _point(point)
        for point in sorted(row.verdict.because, key=lambda point: -abs(point.millionths))
        if point.label != "baseline"
    ]
    marked = "; ".join(plain(words, 80) for _, words in mail.mail.quotes) if row.heated else ""
    return "\n".join(
        [
            f"**{row.score:.2f}**, {mail.mail.language}, {mail.category}, register {mail.mail.register}:",
            "",
            f"> {text}",
            "",
            *([f"Its author marked: {marked}.", ""] if marked else []),
            f"It said: {'; '.join(said[:3]) or 'that it cannot be judged'}.",
            "",
        ]
    )


def _point(point: Point) -> str:
    quote = f" (“{plain(point.quotes[0], 90)}”)" if point.quotes else ""
    return f"{point.label} {point.millionths / 1e6:+.2f}, {point.why}{quote}"
