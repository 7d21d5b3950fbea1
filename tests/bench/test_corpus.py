"""The corpus: the same seed makes the same bytes, of the kinds and sizes that it says."""

from __future__ import annotations

import hashlib
import statistics
import subprocess
import sys
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path

from bench import corpus

ROOT = Path(__file__).parents[2]
MADE = (
    "import hashlib; from bench import corpus\n"
    "print(hashlib.sha256(b''.join([*corpus.mails(40), *map(corpus.short, range(40))])).hexdigest())"
)


def test_the_same_seed_makes_the_same_bytes_in_another_process() -> None:
    digest = hashlib.sha256(b"".join([*corpus.mails(40), *map(corpus.short, range(40))])).hexdigest()
    done = subprocess.run([sys.executable, "-c", MADE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest


def test_another_seed_makes_other_bytes() -> None:
    def bodies(made: Iterable[bytes]) -> list[bytes]:
        return [data.partition(b"\r\n\r\n")[2] for data in made]

    assert bodies(corpus.mails(5, seed=1)) != bodies(corpus.mails(5, seed=2))
    assert bodies([corpus.short(0, seed=1)]) != bodies([corpus.short(0, seed=2)])


def test_a_message_can_be_made_alone() -> None:
    assert list(corpus.mails(3, first=7)) == [corpus.mail(7), corpus.mail(8), corpus.mail(9)]


def test_no_two_messages_are_the_same() -> None:
    made = [*corpus.mails(300), *map(corpus.short, range(300)), corpus.short(0, seed=2)]
    assert len(set(made)) == len(made)
    assert len({message_from_bytes(data)["Message-ID"] for data in made}) == len(made)


def test_messages_have_the_mean_size_that_is_told() -> None:
    assert 22_000 < statistics.fmean(len(data) for data in corpus.mails(1500)) < 32_000


def test_messages_are_whole_mail_with_crlf_line_ends() -> None:
    for data in [*corpus.mails(60), *map(corpus.short, range(20))]:
        assert data.count(b"\n") == data.count(b"\r\n")
        message = message_from_bytes(data)
        assert not message.defects
        assert message["From"] and message["Date"] and corpus.ME in message["To"] + message["From"]


def test_conversations_name_the_message_that_they_answer() -> None:
    known = {message_from_bytes(data)["Message-ID"] for data in corpus.mails(100)}
    answers = [message_from_bytes(data)["In-Reply-To"] for data in corpus.mails(100)]
    assert sum(answer in known for answer in answers if answer) > 20


def test_the_oldest_and_the_newest_of_the_largest_mailbox_have_a_date() -> None:
    assert b"Date: " in corpus.mail(210_000)
