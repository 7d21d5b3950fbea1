"""explain, mark, score, replay."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from levelhead.config.load import load
from levelhead.daemon.parts import open_archive

EXPLAIN = {
    "id": str,
    "level": str,
    "score": float,
    "complete": bool,
    "because": list,
    "hooks": list,
    "draft": dict,
    "alerts": list,
}
RUDE = "You are a liar and completely incompetent, I want my money back or my lawyer will sue you."


def test_the_points_of_an_explanation_sum_to_its_score(levelhead, home: Path, letters) -> None:
    for data in (letters.calm, letters.hostile, letters.steering):
        value = levelhead("explain", letters.id(data)[:8], "--json").one
        assert value["because"]
        assert sum(point["points"] for point in value["because"]) == pytest.approx(value["score"], abs=1e-9)


def test_an_explanation_has_the_fields_of_the_contract(levelhead, home: Path, letters) -> None:
    said = levelhead("explain", letters.id(letters.hostile), "--json")
    assert (said.status, said.err) == (0, "")
    for field, kind in EXPLAIN.items():
        assert isinstance(said.one[field], kind), field
    assert said.one["level"] == "hostile"
    for point in said.one["because"]:
        assert set(point) == {"plugin", "label", "points", "why", "quotes"}
    for call in said.one["hooks"]:
        assert set(call) == {"plugin", "hook", "took_ms", "result", "error"}
        assert isinstance(call["took_ms"], float)
    assert {call["hook"] for call in said.one["hooks"]} >= {
        "detect",
        "classify",
        "escalate",
        "draft_reply",
        "hold",
    }


def test_an_explanation_leads_to_the_draft_and_the_alert(levelhead, home: Path, letters) -> None:
    value = levelhead("explain", letters.id(letters.hostile), "--json").one
    assert value["draft"]["key"] in {line["key"] for line in levelhead("held", "--json").lines}
    assert [alert["key"] for alert in value["alerts"]] == [
        line["key"] for line in levelhead("alerts", "--json").lines
    ]


def test_what_was_judged_unknown_has_no_score_and_no_points(levelhead, home: Path, letters) -> None:
    value = levelhead("explain", letters.id(letters.foreign), "--json").one
    assert (value["level"], value["score"], value["because"]) == ("unknown", None, [])
    assert "unsupported" in levelhead("explain", letters.id(letters.foreign)).out


def test_an_explanation_for_people_shows_words_points_and_what_followed(
    levelhead, home: Path, letters
) -> None:
    page = levelhead("explain", letters.id(letters.hostile)).out
    for part in ("hostile", "is the score", "“", "tone.detect", "A reply is drafted", "Alert "):
        assert part in page


def test_a_message_that_is_not_judged_yet_says_so(levelhead, empty_home: Path, letters, monkeypatch) -> None:
    monkeypatch.setattr("levelhead.daemon.history.judge_history", lambda *_, **__: 0)
    (empty_home / "one.eml").write_bytes(letters.calm)
    assert levelhead("add", empty_home / "one.eml").status == 0
    value = levelhead("explain", letters.id(letters.calm), "--json").one
    assert (value["level"], value["score"], value["complete"], value["hooks"]) == (None, None, False, [])
    assert "Not judged yet" in levelhead("explain", letters.id(letters.calm)).out
    assert levelhead("messages", "--json").lines[0]["level"] is None


# --- mark ---------------------------------------------------------------------------------------


def test_a_mark_is_recorded_shown_and_taken_back(levelhead, home: Path, letters) -> None:
    id = letters.id(letters.calm)
    marked = levelhead("mark", id[:8], "heated", "--why", "he is always so polite when angry", "--json")
    assert (marked.status, marked.one["mark"], marked.one["level"]) == (0, "heated", "calm")
    assert levelhead("explain", id, "--json").one["mark"] == "heated"
    assert levelhead("mark", "--undo", id[:8], "--json").one["mark"] is None
    assert levelhead("explain", id, "--json").one["mark"] is None
    assert levelhead("verify", "--json").one["ok"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["{id}", "heatd"], "did you mean heated?"),
        (["{id}", "unknown"], "one of calm"),
        (["{id}"], "--undo"),
        (["{id}", "calm", "--undo"], "calm"),
        (["{id}", "--undo"], "no mark"),
        (["abc", "calm"], "8"),
        ([], "ID"),
    ],
)
def test_a_wrong_mark_is_refused(levelhead, home: Path, letters, words: list[str], hint: str) -> None:
    id = letters.id(letters.calm)
    said = levelhead("mark", *(word.format(id=id) for word in words), "--json")
    assert (said.status, said.out) == (2, "")
    assert hint in said.err
    assert said.err.count("\n") == 1


def test_a_mark_says_what_it_was_and_names_the_reply_that_waits(levelhead, home: Path, letters) -> None:
    (key,) = [line["key"] for line in levelhead("held", "--json").lines if line["level"] == "hostile"]
    said = levelhead("mark", letters.id(letters.hostile), "tense")
    assert "as tense; it was judged hostile." in said.out
    assert f"levelhead cancel {key}" in said.out
    assert levelhead("mark", letters.id(letters.hostile), "tense", "--json").one["draft"] == key
    levelhead("cancel", key)
    assert "levelhead cancel" not in levelhead("mark", letters.id(letters.hostile), "calm").out
    assert levelhead("mark", letters.id(letters.calm), "tense", "--json").one["draft"] is None


# --- score --------------------------------------------------------------------------------------


def lines(*values: object) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def test_score_answers_each_line_in_order_with_the_fields_of_the_contract(
    levelhead, empty_home: Path, letters
) -> None:
    encoded = base64.b64encode(letters.hostile).decode()
    said = levelhead(
        "score",
        "--jsonl",
        stdin=lines(
            {"id": "a", "text": "Thank you for the files, they look wonderful."},
            {"id": "b", "raw_base64": encoded},
            {"id": 7, "text": RUDE},
        ),
    )
    assert (said.status, said.err) == (0, "")
    assert [line["id"] for line in said.lines] == ["a", "b", 7]
    assert [line["level"] for line in said.lines] == ["calm", "hostile", "hostile"]
    for line in said.lines:
        assert set(line) >= {"id", "score", "level", "labels", "language", "because"}
        assert line["language"] == "en"
        assert sum(point["points"] for point in line["because"]) == pytest.approx(line["score"], abs=1e-9)


def test_score_judges_a_mail_as_the_daemon_does(levelhead, home: Path, letters) -> None:
    encoded = base64.b64encode(letters.steering).decode()
    said = levelhead("score", "--jsonl", stdin=lines({"id": "x", "raw_base64": encoded}))
    archived = levelhead("explain", letters.id(letters.steering), "--json").one
    assert said.lines[0]["labels"] == archived["labels"]
    assert said.lines[0]["level"] == archived["level"]


def test_score_needs_no_configuration_and_leaves_nothing(levelhead, empty_home: Path) -> None:
    (empty_home / "levelhead.toml").unlink()
    before = sorted(empty_home.iterdir())
    said = levelhead("score", "--json", stdin=RUDE.encode())
    assert (said.status, said.one["level"]) == (0, "hostile")
    assert sorted(empty_home.iterdir()) == before


@pytest.mark.parametrize("width", [1, 76])
def test_a_mail_in_base64_may_be_broken_into_lines(levelhead, empty_home: Path, letters, width: int) -> None:
    encoded = base64.b64encode(letters.hostile).decode()
    broken = "\r\n ".join(encoded[start : start + width] for start in range(0, len(encoded), width)) + "\n"
    said = levelhead(
        "score", "--jsonl", stdin=lines({"id": "1", "raw_base64": encoded}, {"id": "1", "raw_base64": broken})
    )
    assert said.status == 0
    assert said.lines[0] == said.lines[1]


@pytest.mark.parametrize(
    "text", ["", "   ", "Здравствуйте, когда будут готовы файлы? Мы ждём уже очень долго."]
)
def test_what_cannot_be_judged_is_unknown_without_a_score(levelhead, empty_home: Path, text: str) -> None:
    (line,) = levelhead("score", "--jsonl", stdin=lines({"id": "1", "text": text})).lines
    assert (line["level"], line["score"], line["because"]) == ("unknown", None, [])


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        (b"not json\n", ""),
        (b"[1]\n", "JSON object"),
        (b'{"text": "x"}\n', '"id"'),
        (b'{"id": true, "text": "x"}\n', '"id"'),
        (b'{"id": "1"}\n', "raw_base64"),
        (b'{"id": "1", "text": "x", "raw_base64": "eA=="}\n', "either"),
        (b'{"id": "1", "text": 3}\n', '"text"'),
        (b'{"id": "1", "raw_base64": "not base64!"}\n', "base64"),
        (b'{"id": "1", "raw_base64": "\xc3\xa9"}\n', "base64"),
        (b'{"id": "1", "text": "\xff"}\n', ""),
        (b"[" * 100_000 + b"\n", ""),
    ],
)
def test_a_bad_line_is_named_by_its_number_after_the_answers_before_it(
    levelhead, empty_home: Path, bad: bytes, hint: str
) -> None:
    said = levelhead("score", "--jsonl", stdin=lines({"id": "first", "text": "Thank you."}) + b"\n" + bad)
    assert said.status == 2
    assert [line["id"] for line in said.lines] == ["first"]
    assert "line 3 of standard input" in said.err
    assert hint in said.err
    assert said.err.count("\n") == 1


def test_any_text_can_be_scored(levelhead, empty_home: Path) -> None:
    texts = [
        "\x00\x1b[2J",
        "\ud800",
        "a" * 100_000,
        "> quoted\n> only",
        "-- \nsignature",
        "\r\n.\r\n",
        "From here\n",
    ]
    said = levelhead(
        "score", "--jsonl", stdin=lines(*({"id": str(n), "text": t} for n, t in enumerate(texts)))
    )
    assert said.status == 0
    assert len(said.lines) == len(texts)


def test_score_for_people_gives_the_reasons(levelhead, empty_home: Path) -> None:
    page = levelhead("score", stdin=RUDE.encode()).out
    assert page.startswith("Level    hostile")
    assert "is the score" in page


# --- replay -------------------------------------------------------------------------------------


def test_replay_by_the_same_rules_changes_nothing(levelhead, home: Path, letters) -> None:
    before = levelhead("status", "--json").one["ledger"]
    said = levelhead("replay", "--json")
    assert said.status == 0
    *replayed, summary = said.lines
    assert [line["id"] for line in replayed] == [letters.id(data) for data in letters.all]
    assert all(set(line) >= {"id", "before", "after"} for line in replayed)
    assert all(line["before"]["level"] == line["after"]["level"] for line in replayed)
    assert summary["summary"] == {"messages": 5, "changed": 0, "raised": 0, "lowered": 0, "incomplete": 0}
    assert levelhead("status", "--json").one["ledger"] == before


def test_replay_with_other_rules_shows_what_they_would_do(levelhead, home: Path, letters) -> None:
    rules = home / "strict.toml"
    rules.write_text(
        (home / "levelhead.toml").read_text() + "\n[heat]\ntense = 0.01\nheated = 0.02\nhostile = 0.03\n"
    )
    *replayed, summary = levelhead("replay", "--with", rules, "--json").lines
    after = {line["id"]: line["after"]["level"] for line in replayed}
    assert after[letters.id(letters.steering)] == "hostile"
    assert summary["summary"]["raised"] >= 1
    assert "would change" in levelhead("replay", "--with", rules).out


def test_replay_can_be_narrowed_to_a_time_and_a_plugin(levelhead, home: Path, letters) -> None:
    *replayed, _ = levelhead("replay", "--since", "2026-03-06T16:00:00Z", "--json").lines
    assert [line["id"] for line in replayed] == [letters.id(letters.steering)]
    *replayed, summary = levelhead("replay", "--plugin", "tone", "--json").lines
    assert letters.id(letters.hostile) in [line["id"] for line in replayed]
    assert letters.id(letters.foreign) not in [line["id"] for line in replayed]
    assert summary["summary"]["messages"] == len(replayed)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--with", "nowhere.toml"], "nowhere.toml"),
        (["--since", "tomorrow"], "is not a time"),
        (["--since", ""], "is not a time"),
        (["--plugin", "tonne"], "did you mean tone?"),
    ],
)
def test_a_wrong_replay_is_refused(levelhead, home: Path, words: list[str], hint: str) -> None:
    said = levelhead("replay", *words, "--json")
    assert (said.status, said.out) == (2, "")
    assert hint in said.err


@pytest.fixture
def two_clients(levelhead, home: Path, letters) -> Path:
    """The same home with a second client, of whom there are two messages."""
    settings = home / "levelhead.toml"
    more = '[[client]]\nname = "Mill Ltd"\naddresses = ["*@mill.example"]\n'
    settings.write_text(settings.read_text() + more)
    for name, data in (("calm", letters.calm), ("hostile", letters.hostile)):
        path = home / f"{name}.eml"
        path.write_bytes(data.replace(b"harbour.example", b"mill.example"))
        assert levelhead("add", path).status == 0
    return home


def replayed(levelhead) -> tuple[dict[str, float], dict[str, float]]:
    """The score of each judged message as it is recorded and as it would be now, by the message's client and id."""
    *lines, _ = levelhead("replay", "--json").lines
    before, after = (
        {(line["client"], line["id"]): line[when]["score"] for line in lines if line[when]}
        for when in ("before", "after")
    )
    return before, after


def test_a_mark_moves_that_clients_scores_in_a_replay_and_taken_back_moves_them_back(
    levelhead, two_clients: Path, letters
) -> None:
    recorded, unmarked = replayed(levelhead)
    assert len({client for client, _ in unmarked}) == 2 and recorded == unmarked
    assert levelhead("mark", letters.id(letters.calm), "hostile").status == 0
    recorded_too, marked = replayed(levelhead)
    assert recorded_too == recorded
    for (client, id), score in marked.items():
        if score is None:
            continue
        if client == "Harbour Ltd":
            assert score > unmarked[client, id]
        else:
            assert score == unmarked[client, id]
    assert levelhead("mark", "--undo", letters.id(letters.calm)).status == 0
    assert replayed(levelhead) == (recorded, unmarked)


def test_a_mark_leaves_what_is_remembered_of_every_other_client_as_it_is(
    levelhead, two_clients: Path, letters
) -> None:
    def remembered() -> dict[str, object]:
        archive = open_archive(load(two_clients / "levelhead.toml"), read_only=True)
        try:
            return {name: archive.store.calibration(name) for name in ("Harbour Ltd", "Mill Ltd")}
        finally:
            archive.close()

    before = remembered()
    assert levelhead("mark", letters.id(letters.hostile), "calm").status == 0
    after = remembered()
    assert after["Harbour Ltd"] != before["Harbour Ltd"]
    assert after["Mill Ltd"] == before["Mill Ltd"]
