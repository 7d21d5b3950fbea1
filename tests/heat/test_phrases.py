"""Phrase families: whole words within one sentence, meant for the reader, and nothing that is harmless or a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.heat import phrases
from levelhead.heat.language import LANGUAGES
from levelhead.heat.phrases import SHARES, families, hits
from levelhead.heat.text import fold


def found(text: str, language: str = "en") -> dict[str, float]:
    """The families that stand in a text, each with the share it earns."""
    shares: dict[str, float] = {}
    for hit in hits(text, fold(text), language):
        shares[hit.family] = shares.get(hit.family, 0.0) + hit.share
    return shares


def test_a_phrase_never_reaches_into_the_next_sentence() -> None:
    assert "cancellation" not in found("I will cancel. The contract is fine.")
    assert "cancellation" in found("I will cancel\nthe contract")


def test_what_overlaps_a_harmless_phrase_is_no_finding() -> None:
    assert found("We will cancel the contract with our old hosting provider.") == {}
    assert "cancellation" in found("We will cancel the contract.")


def test_the_beginning_and_the_end_of_a_sentence_can_be_asked_for() -> None:
    assert "contempt" in found("This is not acceptable.")
    assert "contempt" not in found("This is not acceptable paper for the press.")


def test_only_whole_words_count() -> None:
    assert "insult" not in found("The scumble effect on the shitake crappie cheatsheet")
    assert "insult" in found("You scum.")


@pytest.mark.parametrize("text", ["I spoke to Mr. Crook about it.", "Our contact is Anna Thief in Leeds."])
def test_a_capitalised_word_inside_a_sentence_is_a_name(text: str) -> None:
    assert "insult" not in found(text)


def test_a_single_word_is_an_insult_only_to_somebody_who_is_spoken_to() -> None:
    about = found("The thief who broke into our office last week has been caught by the police.")
    to = found("You are a thief and everybody in the office knows it by now, believe me.")
    assert about["insult"] == SHARES["hint"] < to["insult"]


def test_accents_and_curly_apostrophes_make_no_difference() -> None:
    assert found("esto es una verguenza", "es") == found("esto es una vergüenza", "es") != {}
    assert found("you’re pathetic") == found("you're pathetic") != {}


def test_a_text_whose_language_is_not_known_is_compared_with_every_list() -> None:
    assert "insult" in found("Sie Lügner", "")


def test_what_is_said_once_counts_once_however_many_phrases_of_a_family_fit_it() -> None:
    said = hits("I want my money back", fold("I want my money back"), "en")
    assert [hit.family for hit in said] == ["chargeback"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_family_that_is_heat_speaks_every_language(language: str) -> None:
    for name, row in phrases._table().items():
        assert any(language in row.get(grade, {}) for grade in SHARES), name


def test_every_phrase_of_the_table_can_be_found_and_begins_with_a_word() -> None:
    """A slip in the table, such as a stray slash or hyphen, would otherwise make a phrase that never fits."""
    for family, row in phrases._table().items():
        for grade in SHARES:
            for language, listed in row.get(grade, {}).items():
                for phrase in listed:
                    slots = phrases._slots(phrase)
                    assert slots[0].words or slots[0].beginnings, (family, language, phrase)
                    assert not slots[0].optional, (family, language, phrase)
                    assert sum(slot.gap for slot in slots) <= 4, (family, language, phrase)
                    for piece in phrase.removeprefix("^").split():
                        if "/" in piece or "?" in piece:
                            assert phrases._PLACE.fullmatch(fold(piece)), (family, language, phrase)


def test_a_family_is_called_by_a_label_and_says_a_sentence() -> None:
    assert {family.label for family in families().values()} <= {
        "personal-attack", "attacks-work", "pressure", "legal", "payment-dispute", "threat", "heated", "courtesy",
        "passive-aggressive", "boundary",
    }  # fmt: skip
    assert all(family.why for family in families().values())


@given(st.text(max_size=300), st.sampled_from(["", *LANGUAGES]))
def test_looking_for_phrases_never_fails_and_finds_them_in_order(text: str, language: str) -> None:
    said = hits(text, fold(text), language)
    assert all(0 <= hit.start < hit.end <= len(text) and hit.share > 0 for hit in said)
    assert [hit.start for hit in said] == sorted(hit.start for hit in said)


def test_each_word_is_compared_with_a_bounded_number_of_phrases() -> None:
    """Counted, not timed: what a word costs does not grow with the text."""
    for language in LANGUAGES:
        lexicon = phrases._lexicon(language)
        for word in lexicon.by_word:
            starts = lexicon._learn(word)
            most = max((len(named) for named in starts.by_second.values()), default=0)
            assert len(starts.others) + most < 80, (language, word)
