"""Groups the registers of the hold-out, of which there are more than a thousand, by what kind of writer they name."""

from __future__ import annotations

import re

GROUPS = {
    "machines and offices' programs": r"""auto system monitor robot alarm alert portal scheduler mailing backup iot
        like\b ssl""",
    "second language": """esl polish nigerian ukrainian indian pakistani ghana philippine singapore kenya egypt korean
        bilingual expat emigrant hindu caribbean""",
    "law and authorities": r"""law legal judge court attorney solicitor avocat jurist notar advoc kanzlei civil council
        gemeente mairie kommune gov police tribunal ombuds embassy customs douane tax- tax\b steuer hmrc amt\b municip
        diplomat prosecutor collect dunning incasso bailiff compliance audit""",
    "trades, farms, transport": r"""trade \branch croft farm build plumb carpent scaffold garage mechanic monteur
        handwerk artisan landwirt boer agro winzer vigneron fish butcher baker bakk boulang smith freight ship \bport\b
        truck charter haul crane foreman aannemer schilder joiner farrier harbour skipper transport spedition garden
        mill\b quarry veterin vet\b dealer""",
    "shops, kitchens, hotels": r"""shop retail store market hotel resto gastro chef cafe pub\b publican bar\b cater
        pizza horeca guest camping campsite import export wholesal groothandel wine brew kiosk etsy ecommerce
        florist""",
    "schools, care, clubs, churches": """school schule teacher student parent univers acad prof scien lab nurse hosp
        clinic doctor dentist tandarts zahn care charity npo ngo club choir church parish priest verein asso volunteer
        sport museum library biblio scout pta phd research surgeon pharm medec midwife psych coach tutor""",
    "firms and agencies": r"""agenc agent founder saas startup enterprise corporate company ceo cto manager direct
        procure purchas consult bank insur assur fund fintech invest energy utility telecom tech software dev\b it-
        it\b sysadmin hosting logist hr\b broker account recruit supplier vendor b2b office pm\b konzern pme mkb kmu
        gmbh entrepren""",
    "arts and media": r"""theat music \bband film cinema writer author editor verlag publish podcast radio \btv game
        design photo gallery galer artist sculpt compos poet novel festival event dance circus cirque fashion blog
        journal press \bactor influenc""",
}
"""Patterns of registers by group; the first group counts of which one fits."""

OTHERS = "private people and others"

_FOUND = {name: re.compile("|".join(patterns.split())) for name, patterns in GROUPS.items()}


def group_of(register: str) -> str:
    """The first group whose words a register holds."""
    return next((name for name, pattern in _FOUND.items() if pattern.search(register)), OTHERS)
