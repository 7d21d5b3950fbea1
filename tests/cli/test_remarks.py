"""What was judged and what was not is said by `score` and by `explain`, and moves no score."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

HEAD = b"From: ann@acme.example\r\nTo: me@studio.example\r\nSubject: The files\r\nMessage-ID: <remark@acme.example>\r\n"
WHOLE = (
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    b"> I indent everything that I write to you about the files.\r\n> It looks nicer to me that way.\r\n"
)
FORMS = (
    b"Content-Type: multipart/alternative; boundary=bb\r\n\r\n"
    b"--bb\r\nContent-Type: text/plain\r\n\r\nThank you for the lovely files, we will look at them on Monday.\r\n"
    b"--bb\r\nContent-Type: text/html\r\n\r\n<p>You have lied to me for months, you thief: I want my money.</p>\r\n"
    b"--bb--\r\n"
)
ASIDE = (
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Please send the files on Monday. The bank asked whether we wanted a chargeback, and we said no. "
    b'He said "you are liars and you will pay for this, believe me" and left. '
    b"Maria from accounting was a great help yesterday.\r\n"
)
CASES = {
    "whole-judged": (WHOLE, ["whole-judged"]),
    "forms-differ": (FORMS, ["forms-differ"]),
    "set-aside": (ASIDE, ["set-aside"] * 3),
}


def remarks(value: Any, label: str) -> list[Any]:
    return [point for point in value["because"] if point["label"] == label]


@pytest.mark.parametrize("name", CASES)
def test_what_was_judged_and_what_was_not_is_said_and_moves_nothing(
    levelhead, empty_home: Path, name: str
) -> None:
    body, wanted = CASES[name]
    mail = HEAD + body
    line = json.dumps({"id": "1", "raw_base64": base64.b64encode(mail).decode()}) + "\n"
    (scored,) = levelhead("score", "--jsonl", stdin=line.encode()).lines
    found = remarks(scored, name)
    assert [point["label"] for point in found] == wanted
    assert all(point["points"] == 0 and point["why"] for point in found)
    assert name in scored["labels"]
    assert sum(point["points"] for point in scored["because"]) == pytest.approx(scored["score"], abs=1e-9)
    (empty_home / "one.eml").write_bytes(mail)
    levelhead("add", "one.eml")
    (row,) = levelhead("messages", "--json").lines
    explained = levelhead("explain", row["id"], "--json").one
    assert [point["why"] for point in remarks(explained, name)] == [point["why"] for point in found]
