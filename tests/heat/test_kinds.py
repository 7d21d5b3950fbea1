"""Mail and public texts: each is read by its own n-grams, what is in doubt by both, in shares that sum to one."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from levelhead.heat import engine
from levelhead.heat.engine import Measured, measure, read
from levelhead.heat.grams import Grams
from levelhead.heat.kinds import LEAST, has_paragraphs, likeness
from levelhead.heat.weights import Weights, curve, weights
from written import holdout

MAIL = "Invoice 44\n\nDear Ann, please find the invoice for the plans attached. Let me know by Friday. Kind regards"
POSTS = (
    "lol this movie sucked so bad, the girl was hot tho",
    "fuck off you racist trump voter, go back to your cave",
    "omg i love this song so much haha, best day ever",
)


def mail_of(text: str) -> Measured:
    """What is measured of an English text."""
    return measure(text, "en", weights())


def kind_is(bias: float) -> Weights:
    """The weights that ship, but any words are of this kind."""
    return replace(weights(), kind=Grams(bytes([128]) * (1 << 10), curve(1.0), bias))


def test_plain_mail_is_no_post_and_no_table_of_posts_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    known = replace(weights(), public=None)  # type: ignore[arg-type]
    measured = measure(MAIL, "en", known)
    assert (measured.features["posted"], measured.features["public"]) == (0.0, 0.0)


@pytest.mark.parametrize("text", POSTS)
def test_a_post_is_read_as_one(text: str) -> None:
    assert mail_of(text).public.share > 0.8


def test_a_sure_post_says_what_its_own_table_says() -> None:
    (sentence,) = mail_of(POSTS[0]).sentences
    features = measure(POSTS[0], "en", kind_is(-99.0)).features
    assert features["public"] == pytest.approx(weights().public.alone(sentence.words))
    assert (features["tone"], features["posted"]) == (0.0, 1.0)


def test_hardly_any_mail_is_read_as_a_post() -> None:
    shares = [measure(mail.text, mail.language, weights()).public.share for mail in holdout(200, seed=3)]
    assert sum(share > 0.5 for share in shares) <= 4


@pytest.mark.parametrize("bias", [-9.0, -0.4, 0.0, 0.4, 9.0])
def test_both_tables_count_in_shares_that_sum_to_one(bias: float) -> None:
    text = "You are a liar. The wall is wet again and nobody comes"
    one, two, between = (measure(text, "en", kind_is(each)).features for each in (-99.0, 99.0, bias))
    assert one["posted"] == 1 and two["posted"] == 0
    share = between["posted"]
    assert between["tone"] == pytest.approx((1 - share) * two["tone"])
    assert between["public"] == pytest.approx(share * one["public"])


def test_the_share_falls_without_a_jump_to_none() -> None:
    shares = [measure(POSTS[0], "en", kind_is(step / 100)).public.share for step in range(-300, 400)]
    assert shares == sorted(shares, reverse=True) and shares[-1] == 0
    assert max(one - two for one, two in pairwise(shares)) < 0.01
    assert min(share for share in shares if share) < LEAST


def test_a_short_text_and_one_without_paragraphs_look_less_like_mail() -> None:
    lengths = [likeness(["word"] * count, 0.0, paragraphs=False) for count in (1, 5, 12, 30, 300)]
    assert all(one < two for one, two in pairwise(lengths[:4])) and lengths[4] == lengths[3]
    assert likeness(["word"], 0.0, paragraphs=True) > likeness(["word"], 0.0, paragraphs=False)
    assert has_paragraphs("Plans\n\nThey are here.") and not has_paragraphs("\n\nThey are\nhere.\n\n")


def test_a_post_is_pointed_at_where_its_own_table_is_hot() -> None:
    text = "lol what a game last night guys. you are a fucking idiot and a racist piece of shit. anyway gg"
    reading, measured = read(text, "en"), mail_of(text)
    assert measured.public.share > 0.8
    quotes = [text[start:end] for start, end in reading.hot_spans()]
    assert any("idiot" in quote for quote in quotes) and not any("game" in quote for quote in quotes)
    assert math.isclose(math.fsum(measured.public.parts) + measured.public.bias, measured.public.logit)


def test_calm_posts_around_a_hot_one_do_not_bury_it() -> None:
    hot = "you are a fucking idiot and a worthless racist piece of shit, kill yourself you moron. "
    calm = "omg i love this song so much haha, best day ever. lol what a cute cat, thanks for sharing. "
    assert mail_of(hot + calm * 12).public.share > 0.8
    buried = read(hot + calm * 12, "en", kind_is(-99.0))
    assert buried.logit > read(calm * 12, "en", kind_is(-99.0)).logit + 1.0
    assert any(cue.why == "a part of it is hotter than the text around it" for cue in buried.cues)


def test_a_sentence_of_a_post_earns_what_its_own_table_says() -> None:
    text = "The trump voters next door are stupid racist pigs. Best day ever"
    first = read(text, "en", kind_is(-99.0)).cues[0]
    assert first.why in engine.WHY.values() and first.logits > 1


def test_a_long_sentence_of_a_post_is_quoted_where_its_own_table_is_hottest() -> None:
    text = (
        "either you send the refund today or I will tell everybody what a joke your agency is and then i saw"
        " on tv that those women are sluts and trump is a stupid racist pig"
    )
    as_post = [text[start:end] for start, end in read(text, "en", kind_is(-99.0)).hot_spans()]
    assert any(quote.endswith("racist pig") for quote in as_post)
    as_mail = [text[start:end] for start, end in read(text, "en", kind_is(99.0)).hot_spans()]
    assert any("send the refund" in quote for quote in as_mail)


def test_what_calms_in_mail_calms_a_post_less_and_what_heats_there_heats_it_in_full() -> None:
    text = "I will see you in court. Thank you so much :)"
    as_mail, as_post = (measure(text, "en", kind_is(bias)).features for bias in (99.0, -99.0))
    assert as_post["legal-threat"] == as_mail["legal-threat"] > 0
    assert as_mail["thanks"] > 0 and as_mail["smiling"] > 0
    assert as_post["thanks"] == as_post["smiling"] == 0
