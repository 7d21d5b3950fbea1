"""The PDF of a pack on a machine whose fonts draw every script: nothing is missing, and everything is read back."""

from __future__ import annotations

import json
import subprocess
import unicodedata
from pathlib import Path

from evidence.packs import World, mail
from levelhead.evidence.pack.pdf import missing_sentence
from servers.requirements import lacking, require

UNIFONT = Path("/usr/share/fonts/opentype/unifont/unifont.otf")
"""Where Debian's package fonts-unifont puts a font with a sign for nearly every character of Unicode's first plane."""

LINES = {
    "Chinese, simplified": "我们从来没有同意过这个价格",
    "Chinese, traditional": "請於星期五之前回覆我們",
    "Japanese": "金曜日までにファイルをお送りください",
    "Korean": "금요일까지 파일을 보내 주십시오",
    "Arabic": "لم نوافق على هذا السعر",
    "Hebrew": "מעולם לא הסכמנו למחיר הזה",
    "Thai": "เราไม่เคยตกลงราคานี้",
    "Greek": "Δεν συμφωνήσαμε ποτέ σε αυτή την τιμή",
    "Cyrillic": "Мы никогда не соглашались на эту цену",
    "Devanagari": "हमने इस कीमत पर कभी सहमति नहीं दी",
    "Georgian": "ამ ფასზე არასოდეს შევთანხმებულვართ",
    "Armenian": "Մենք երբեք չենք համաձայնել այս գնին",
    "Vietnamese": "Chúng tôi chưa bao giờ đồng ý giá này",
}
"""A sentence of a mail in each script."""


def words_of(line: str) -> list[str]:
    """The words of a line in any order, without marks of direction: an Arabic line is read back from right to left."""
    shown = "".join(sign for sign in line if unicodedata.category(sign) != "Cf")
    return sorted(unicodedata.normalize("NFKC", shown).split())


def test_with_a_font_for_them_every_script_is_drawn_and_read_back(own_world: World, tmp_path: Path) -> None:
    program = require("pdftotext", "poppler-utils")
    if not UNIFONT.is_file():
        lacking(f"{UNIFONT} is not there: install the package fonts-unifont to run this test")
    own_world.archive([mail(40, "Every script", "\n\n".join(LINES.values()))])
    made = own_world.pack(tmp_path / "p", size=own_world.size(), pdf=True)
    assert (made.pdf.why, made.pdf.missing) == ("", ())
    assert json.loads((tmp_path / "p" / "pack.json").read_bytes())["pdf"]["missing"] == []
    bundle = str(tmp_path / "p" / "bundle.pdf")
    done = subprocess.run([program, "-raw", bundle, "-"], capture_output=True, check=True)
    text = done.stdout.decode("utf-8")
    assert "No font of the machine" not in text
    read_back = [words_of(line) for line in text.splitlines()]
    assert [script for script, line in LINES.items() if words_of(line) not in read_back] == []


NOBODYS = "\U00051234"
"""In a plane of Unicode that is empty, so that no font has a sign for it."""


def test_what_no_font_draws_is_told_with_the_packages_that_have_fonts(
    own_world: World, tmp_path: Path
) -> None:
    own_world.archive([mail(40, "A sign of nobody's", f"Here it stands: {NOBODYS}.")])
    made = own_world.pack(tmp_path / "p", size=own_world.size(), pdf=True)
    assert NOBODYS in made.pdf.missing
    for said in (missing_sentence([NOBODYS]), (tmp_path / "p" / "README.txt").read_text("utf-8")):
        assert "U+51234" in said
        assert "on Debian, fonts-noto-cjk has Chinese" in " ".join(said.split())
