"""The mails of the report: the same on every run, and what is quoted in them is not taken for new."""

from __future__ import annotations

from functools import cache

from training.composed import (
    ANGRY_OVER_CALM,
    EACH,
    ENVELOPES,
    LEGAL_FOOTER,
    QUOTED_ANGER,
    STYLES,
    Composed,
    composed,
    footed,
)
from training.evidence import touching
from training.goals import unseen
from training.judged import columns, judged
from training.material import mails


@cache
def made() -> list[Composed]:
    return composed(mails("holdout"))


def test_the_same_mails_are_made_every_time() -> None:
    assert [mail.raw for mail in made()] == [mail.raw for mail in composed(mails("holdout"))]


def test_every_mail_of_the_hold_out_arrives_once_and_the_made_groups_are_large_enough() -> None:
    kept = mails("holdout")
    assert [mail.mail for mail in made()[: len(kept)]] == kept
    for name in (QUOTED_ANGER, ANGRY_OVER_CALM):
        assert sum(mail.category == name for mail in made()) == EACH >= 200


def test_every_way_to_quote_is_met_in_every_language() -> None:
    met = {(mail.mail.language, mail.style) for mail in made()}
    assert {style for _, style in met} == {*STYLES, "alone"}
    assert len(met) == 7 * (len(STYLES) + 1)


def test_the_anger_that_is_quoted_stands_in_the_mail_and_not_in_its_newest_text() -> None:
    rows = judged([mail for mail in made() if mail.category == QUOTED_ANGER][:40])
    assert all(len(row.message.text) > len(row.message.new_text) for row in rows)
    assert sum(row.prepared for row in rows) >= 38


def test_a_legal_footer_in_capitals_stands_below_two_hundred_calm_mails_in_every_language() -> None:
    made = footed(mails("holdout"))
    assert [mail.raw for mail in made] == [mail.raw for mail in footed(mails("holdout"))]
    assert len(made) == EACH and {mail.category for mail in made} == {LEGAL_FOOTER}
    assert not any(mail.mail.heated for mail in made)
    for language, words in ENVELOPES.items():
        own = {mail.ending.strip() for mail in made if mail.mail.language == language}
        assert own == set(words["footers"]) and len(own) >= 3
        assert all(footer.isupper() for footer in own)


def test_mails_in_registers_that_were_learnt_from_are_told_from_the_others() -> None:
    kept = mails("holdout")
    seen = columns(judged(mail for mail in made()[: len(kept)] if mail.category == "blunt"))
    new = unseen(seen)
    registers = {mail.register for mail in mails("mail")}
    assert 0 < len(new.rows) < len(seen.rows)
    assert all(row.mail.mail.register not in registers for row in new.rows)
    assert len(new.rows) == sum(row.mail.mail.register not in registers for row in seen.rows)


def test_two_mails_made_of_one_text_are_of_one_group() -> None:
    answer = next(mail for mail in made() if mail.category == QUOTED_ANGER)
    first = next(mail for mail in made() if mail.mail == answer.mail)
    assert len(set(columns(judged([first, answer])).group)) == 1


def test_a_phrase_is_touched_only_by_a_point_that_quotes_it() -> None:
    row = next(
        row
        for row in judged(mail for mail in made()[:300] if mail.mail.heated)
        if any(point.millionths > 0 and point.quotes for point in row.verdict.because)
    )
    quote = next(point.quotes[0] for point in row.verdict.because if point.millionths > 0 and point.quotes)
    assert touching(row, quote)
    assert not touching(row, "words that stand nowhere")
