"""The PDF of a pack: every script, no markup out of mails, and what cannot be drawn is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from evidence.packs import INJECTION, OURS, SCRIPTS, World, files, mail
from levelhead.evidence.pack import pdf as pdf_module
from levelhead.evidence.pack.exhibits import breakable
from levelhead.evidence.pack.pdf import ONE, SEVERAL, _volumes, missing_sentence, weight_of
from levelhead.evidence.pack.typesetting import missing
from servers.requirements import require


def text_of(path: Path, *words: str) -> str:
    program = require("pdftotext", "poppler-utils")
    done = subprocess.run([program, *words, str(path), "-"], capture_output=True, check=True)
    return done.stdout.decode("utf-8")


@pytest.fixture(scope="module")
def text(pack: Path) -> str:
    return text_of(pack / "bundle.pdf", "-layout")


def test_it_has_cover_contents_chronology_exhibits_and_appendices(text: str) -> None:
    order = [
        *(
            "Correspondence with Harbour Ltd",
            "Summary",
            "Contents",
            "Chronology",
            "Exhibit 0001",
            "Exhibit 0007",
        ),
        *("Coverage", "Time stamps and witnesses", "How to check this pack", "Declaration (template)"),
    ]
    places = [text.rindex(word) if word == "Coverage" else text.index(word) for word in order]
    assert places == sorted(places)


def test_the_summary_takes_one_page(text: str) -> None:
    cover, contents = text.split("\f")[:2]
    assert "Correspondence with Harbour Ltd" in cover
    assert "Summary" in cover and "The appendices say more" in " ".join(cover.split())
    assert contents.startswith("Contents")


def test_contents_name_the_page_of_each_exhibit(text: str) -> None:
    pages = text.split("\f")
    contents = next(page for page in pages if page.startswith("Contents"))
    rows = [line.split() for line in contents.splitlines() if line[:4].isdigit()]
    assert [row[0] for row in rows] == [f"{number:04}" for number in range(1, len(OURS) + 1)]
    for row in rows:
        assert pages[int(row[-1]) - 1].startswith(f"Exhibit {row[0]}")


def test_every_page_has_its_number_and_how_many_there_are(text: str) -> None:
    pages = text.split("\f")[:-1]
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page


def test_an_exhibit_has_headers_text_and_attachments_with_digests(pack: Path, text: str) -> None:
    for word in (
        "Sam <sam@harbour.example>",
        "<n3@harbour.example>",
        "Papers",
        "Please find the papers attached.",
    ):
        assert word in text
    for name in files(pack):
        if name.startswith("attachments/"):
            import hashlib

            assert hashlib.sha256((pack / name).read_bytes()).hexdigest() in text


def test_words_of_a_mail_are_never_markup(text: str) -> None:
    for line in INJECTION.splitlines()[:2]:
        assert line.replace("  ", " ") in text
    assert "root:x:0" not in text
    assert "<b>#strong[Injected]</b>" in text


def test_every_character_can_be_read_back_or_is_told_to_be_missing(pack: Path, text: str) -> None:
    """The fonts that come along draw Greek, Cyrillic and Hebrew; for others it depends on the machine."""
    told = set(json.loads((pack / "pack.json").read_bytes())["pdf"]["missing"])
    assert not told & set("Ελληνικά кириллица עברית")
    normal = unicodedata.normalize("NFKC", text)  # an Arabic letter may be read back as one of its forms
    for sign in set(SCRIPTS) - told - set(" ,"):
        assert sign in normal, f"U+{ord(sign):04X}"


def test_what_cannot_be_drawn_is_told_on_the_cover(pack: Path, text: str) -> None:
    told = json.loads((pack / "pack.json").read_bytes())["pdf"]["missing"]
    cover = " ".join(text.split("\f")[0].split())
    readme = (pack / "README.txt").read_text()
    assert ("No font of the machine" in cover) == bool(told) == ("No font of the machine" in readme)
    for sign in told:
        assert f"U+{ord(sign):04X}" in cover


def test_characters_without_a_sign_in_any_font_are_found(tmp_path: Path) -> None:
    nobodys = "\U00051234"  # in a plane that is empty; Unifont has signs for those of private use
    (tmp_path / "wanted.json").write_text(json.dumps(["a", "Ω", "я", nobodys, "\u0301", "é"]))
    assert missing(tmp_path) == [nobodys]


def test_the_sentence_about_them_is_never_longer_than_a_paragraph() -> None:
    said = missing_sentence([chr(0xF0000 + number) for number in range(500)])
    assert "500 of its characters" in said
    assert "and 460 more" in said
    assert len(said) < 700


def test_without_the_extra_the_pack_says_so_and_has_the_page(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_module, "find_spec", lambda name: None)
    made = world.pack(tmp_path / "p", size=8, pdf=True)
    assert made.pdf.why == "a PDF needs the extra: pip install 'levelhead[pdf]'"
    assert not list((tmp_path / "p").glob("*.pdf"))
    assert (tmp_path / "p" / "bundle.html").is_file()
    for name in ("README.txt", "bundle.html", "pack.json"):
        assert "levelhead[pdf]" in (tmp_path / "p" / name).read_text().replace("&#x27;", "'"), name


def test_when_typst_fails_the_pack_says_why_and_has_no_half_pdf(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_module, "SECONDS", 0.01)
    made = world.pack(tmp_path / "p", size=8, pdf=True)
    assert "typst did not set it within" in made.pdf.why
    assert not list((tmp_path / "p").glob("*.pdf"))


def test_a_long_bundle_comes_in_volumes_that_name_each_other(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_module, "ONE", 900)
    monkeypatch.setattr(pdf_module, "SEVERAL", 1200)
    made = world.pack(tmp_path / "p", size=8, pdf=True)
    assert made.pdf.files == ("bundle-1.pdf", "bundle-2.pdf", "bundle-3.pdf")
    first, second, third = (text_of(tmp_path / "p" / name, "-layout") for name in made.pdf.files)
    assert "bundle-2.pdf" in first and "0001 to 0002" in first and "Exhibit 0001" not in first
    assert (
        "VOLUME2OF3" in second.replace(" ", "") and "Exhibit 0002" in second and "Exhibit 0003" not in second
    )
    assert "Exhibit 0003" in third and "Papers" in third
    assert "in 3 volumes" in (tmp_path / "p" / "README.txt").read_text()


def test_volumes_hold_every_exhibit_once_and_none_is_too_heavy() -> None:
    weights = [500, 119_000, 900, 130_000, 500, 500] * 3
    volumes = _volumes(weights)
    assert [at for one in volumes for at in range(one.first, one.last)] == list(range(len(weights)))
    for one in volumes:
        assert sum(weights[one.first : one.last]) <= SEVERAL or one.last - one.first == 1
    assert len(_volumes([ONE])) == 1


def test_a_long_mail_weighs_more_than_a_short_one() -> None:
    short: dict[str, list[object]] = {"text": [""], "attachments": [], "custody": []}
    assert weight_of({**short, "text": ["x" * 100_000]}) > weight_of(short) + 30_000


def test_a_run_of_signs_can_be_broken_and_loses_none() -> None:
    text = "x" * 150 + " short " + "y" * 60
    assert breakable(text).replace("\u200b", "") == text
    assert max(map(len, breakable(text).replace("\u200b", " ").split())) <= 60


MEASURED = """
import re, resource, sys
from pathlib import Path
from evidence.packs import CLIENT, World
made = World(path=Path(sys.argv[1]), verifier="").pack(Path(sys.argv[2]), int(sys.argv[3]), pdf=True)
# Not ru_maxrss of this process: it begins with what the process held that started it.
own = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
print(len(made.pdf.files), own, child)
"""


@pytest.mark.sweep
def test_a_long_export_needs_no_more_memory_than_a_volume(own_world: World, tmp_path: Path) -> None:
    """200 mails in several volumes; by hand, 10,000 were measured (docs/reference/pack.md)."""
    own_world.archive(mail(100 + number, f"Mail {number}", "word " * 350) for number in range(200))
    where = [str(own_world.path), str(tmp_path / "p"), str(own_world.size())]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *where],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    volumes, own, child = map(int, done.stdout.split())
    assert volumes > 3
    assert child < 210, "megabytes of typst, one volume at a time"
    assert own + child < 300
