"""The demo's story: one client over a few days, and an afternoon that gets hot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP

ME = "you@studio.example"
CLIENT = "maria.keller@northwind.example"
CLIENT_NAME = "Northwind"

FIRST_ID = "<brief-1@northwind.example>"
PROMISE_ID = "<brief-2@studio.example>"
DELAY_ID = "<brief-3@studio.example>"
HEATED_ID = "<brief-4@northwind.example>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message of the story, the folder it appears in, and when it was written."""

    folder: str
    written: datetime
    data: bytes


def friday_before(now: datetime) -> datetime:
    """Friday 17:00 in the story's time, the latest that is not in the future."""
    day = now - timedelta(days=(now.weekday() - 4) % 7)
    friday = day.replace(hour=17, minute=0, second=0, microsecond=0)
    return friday if friday <= now else friday - timedelta(days=7)


def past(now: datetime) -> tuple[Letter, ...]:
    """What was already in the mailbox: a request, a promise, a delay."""
    friday = friday_before(now)
    monday, tuesday, thursday = (friday - timedelta(days=days) for days in (4, 3, 1))
    return (
        _letter(
            "INBOX", monday, CLIENT, ME, "New website: texts", FIRST_ID, (),
            "Hello,\n\nwe are looking forward to the new site. When can we see the texts?\n"
            "Our board meets on Friday at five.\n\nBest regards\nMaria Keller\n",
        ),
        _letter(
            "Sent", tuesday, ME, CLIENT, "Re: New website: texts", PROMISE_ID, (FIRST_ID,),
            "Hello Maria,\n\nyou will have all texts by Friday noon, well before your board meets.\n\nBest\nSam\n",
        ),
        _letter(
            "Sent", thursday, ME, CLIENT, "Re: New website: texts", DELAY_ID, (FIRST_ID, PROMISE_ID),
            "Hello Maria,\n\na short note: two of the six texts will be late, probably Monday.\n\nBest\nSam\n",
        ),
    )  # fmt: skip


def friday_afternoon(now: datetime) -> Letter:
    """Friday, 17:00."""
    return _letter(
        "INBOX", friday_before(now), CLIENT, ME, "Re: New website: texts", HEATED_ID,
        (FIRST_ID, PROMISE_ID, DELAY_ID),
        "This is unacceptable!\n\n"
        "You promised ALL texts by noon and now I stand in front of my board with nothing. "
        "I am sick of your excuses, this is completely unprofessional. "
        "Either I have everything by tonight or we will cancel the contract and want our money back. "
        "My lawyer will be in touch.\n\nMaria Keller\n\n"
        "> Hello Maria,\n>\n> a short note: two of the six texts will be late, probably Monday.\n",
    )  # fmt: skip


def _letter(
    folder: str,
    written: datetime,
    sender: str,
    to: str,
    subject: str,
    own_id: str,
    thread: tuple[str, ...],
    text: str,
) -> Letter:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Maria Keller <{sender}>" if sender == CLIENT else f"Sam <{sender}>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = written
    message["Message-ID"] = own_id
    if thread:
        message["In-Reply-To"] = thread[-1]
        message["References"] = " ".join(thread)
    message.set_content(text)
    return Letter(folder=folder, written=written, data=message.as_bytes())
