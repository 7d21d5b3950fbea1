"""What I wrote ends what a client's message began, and levelhead says when it cannot see what I wrote."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytestmark = pytest.mark.server


def test_an_answer_to_where_the_client_asked_for_answers_ends_draft_and_alert(
    home, write: Callable[..., bytes], heated: str
) -> None:
    home.write_config(cooldown="1h")
    home.run("run", "--once")
    asked = "Reply-To: maria@private.example\r\n"
    home.account.append("INBOX", write(heated, own_id="<a@northwind.example>", more=asked))
    home.run("run", "--once")
    assert home.count("draft.held") == home.count("alert.raised") == 1
    home.account.append(
        "Sent",
        write(
            "I call you.",
            sender="me@studio.example",
            to="maria@private.example",
            own_id="<b@studio.example>",
            references=("<a@northwind.example>",),
        ),
    )
    home.run("run", "--once")
    assert home.count("draft.superseded") == home.count("alert.answered") == 1


def test_a_mailbox_whose_sent_mail_is_not_seen_is_an_alert_until_it_is(home) -> None:
    home.write_config()
    text = home.config.read_text()
    home.config.write_text(text.replace('poll = "3s"\n', 'poll = "3s"\nfolders = ["INBOX"]\n'))
    home.run("run", "--once")
    home.run("run", "--once")
    (raised,) = home.of("alert.raised")
    assert raised.title == "No sent mail is seen in the mailbox studio"
    home.config.write_text(text)
    home.run("run", "--once")
    assert home.count("alert.raised") == home.count("alert.resolved") == 1
