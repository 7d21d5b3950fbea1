"""What is set aside before a text is judged, and what stays because it speaks."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from levelhead.heat import aside_words as words
from levelhead.heat.aside import aside
from levelhead.heat.engine import read
from levelhead.heat.language import LANGUAGES
from levelhead.heat.text import fold
from written import holdout

BODY = "the page is late and we need it soon."
anything = st.text(st.characters(), max_size=200)
PIECES = (
    "Dear Anna Berger,\n\n", "Kind regards\n", "Jane Painter\n", "Our gardener Tom did a lovely job. ", "Mr Crook ",
    "you are a liar. ", "\n\n", "Crook & Sons\n", "Łukasz ", "王伟 ", "ich habe nicht mit Herrn Fuchs und ",
    "P.S. no.\n",
)  # fmt: skip
mails = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(st.one_of(mails, anything))
@example("")
@example("Kind regards\nTom")
@example("\ud800 Dear \x00,")
def test_what_is_kept_is_found_where_it_was_written(text: str) -> None:
    kept = aside(text)
    for start in range(0, len(kept.text), 3):
        end = min(start + 5, len(kept.text))
        if start < end:
            begin, stop = kept.place(start, end)
            assert 0 <= begin < stop <= len(text)
            assert kept.text[start] == text[begin] or kept.text[start] in "N \n"


@pytest.mark.parametrize(
    "text", ["Kind regards\nTom", "Anna Berger", "Our gardener Tom did a lovely job.", "Dear Anna,"]
)
def test_where_nothing_would_be_left_everything_is_read(text: str) -> None:
    kept = aside(text).text
    assert kept == text


@pytest.mark.parametrize(
    "ending",
    [
        "Regards, you thieves",
        "Yours in disgust",
        "Kind regards\nA very disappointed customer",
        "Kind regards\nIhr enttäuschter",
        "Kind regards\nI will sue you tomorrow",
        "Incompetent Fools",
        "Letzte Warnung",
        "Unacceptable",
    ],
)
def test_an_ending_that_speaks_stays(ending: str) -> None:
    last = ending.split("\n")[-1]
    assert last[:12] in aside(f"{BODY}\n\n{ending}").text


def test_a_postscript_below_a_signature_stays() -> None:
    text = f"{BODY}\n\nKind regards,\nJane Painter\nHead of Operations\n\nP.S. You are a liar."
    assert aside(text).text == f"{BODY}\n\nP.S. You are a liar."


@pytest.mark.parametrize(
    "line",
    [
        "Dear idiots,",
        "Hello liars,",
        "Dear so-called experts,",
        "Sehr geehrte Betrüger,",
        "Hi you useless lot,",
    ],
)
def test_a_greeting_that_names_nobody_stays(line: str) -> None:
    assert aside(f"{line}\n\n{BODY}").text == f"{line}\n\n{BODY}"


@pytest.mark.parametrize(
    "sentence",
    [
        "the page is what a Thief would send.",
        "I call my Lawyer and your Service is a Disgrace.",
        "we want it by Friday and then You pay.",
        "This Is A Disgrace And You Know It.",
        "I will write it on Trustpilot and Google.",
    ],
)
def test_words_with_a_capital_that_say_something_stay(sentence: str) -> None:
    assert aside(sentence).text == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "Unlike you, our gardener Tom did a lovely job.",
        "Our gardener Tom did a lovely job, but the page is late.",
        "Our gardener is better than you and did a great job.",
        "At least our gardener did a lovely job.",
        "The page looks lovely.",
        "Your colleague Maria was a great help.",
        "Even my daughter would have done a great job.",
        "Our gardener Tom, that thief, did a lovely job.",
        "Unser Gärtner arbeitet wunderbar, Sie nicht.",
        "Nuestro jardinero trabaja de maravilla, usted no.",
        "Contrairement à vous, notre jardinier a fait un travail magnifique.",
        "O nosso jardineiro fez um excelente trabalho, vocês não.",
    ],
)
def test_praise_that_says_something_of_the_reader_stays(sentence: str) -> None:
    assert sentence[1:9] in aside(f"{BODY}\n\n{sentence}").text


def test_what_is_set_aside_is_never_quoted_as_evidence() -> None:
    for mail in holdout(60, seed=5):
        text = (
            f"Dear Dolores Lawless,\n\n{mail.body}\n\nThe new caterer was brilliant.\n\n"
            "Kind regards,\nAxel Killinger\nCrook & Sons"
        )
        quoted = "\n".join(text[start:end] for start, end in read(text, mail.language).hot_spans())
        assert not any(word in quoted for word in ("Killinger", "Crook", "caterer", "Lawless")), quoted


def test_the_first_words_by_which_lines_are_told_are_those_of_their_patterns() -> None:
    """The patterns are tried only on lines that begin so: a beginning that is missing there is never found."""
    farewells = (
        "kind regards", "best wishes", "sincerely", "take care", "mit freundlichen grüßen", "viele grüße", "lg",
        "herzliche grüße", "liebe grüße", "hochachtungsvoll", "un saludo", "saludos", "atentamente",
        "le saluda atentamente",
        "cordialement", "bien à vous", "sincères salutations", "veuillez agréer mes salutations", "cordiali saluti",
        "distinti saluti", "un caro saluto", "in fede", "com os melhores cumprimentos", "atenciosamente", "um abraço",
        "met vriendelijke groet", "hartelijke groeten", "hoogachtend", "mvg",
    )  # fmt: skip
    for line in farewells:
        assert words.FAREWELL.fullmatch(fold(line)), line
        assert fold(line).split()[0] in words.FAREWELL_BEGINS, line
    for line in (
        "dear",
        "sehr geehrte",
        "hola",
        "estimada",
        "bonjour",
        "chers",
        "gentile",
        "prezada",
        "beste",
        "geachte",
    ):
        assert words.GREETING.fullmatch(fold(line)), line
        assert fold(line).split()[0] in words.GREETING_BEGINS, line


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_pattern_of_praise_is_found_in_nothing(language: str) -> None:
    for table in (words.PRAISES, words.OTHERS, words.NO_PRAISE):
        assert "||" not in table[language] and table[language].strip("|") == table[language]


THANKING = {
    "en": [
        "Many thanks in advance",
        "Thank you very much,",
        "Thanks and best regards,",
        "With sincere thanks",
    ],
    "de": [
        "Vielen Dank im Voraus",
        "Mit bestem Dank und freundlichen Grüßen",
        "Danke schon mal",
        "Tausend Dank!",
    ],
    "es": ["Gracias de antemano", "Muchas gracias y un saludo,", "Agradeciéndole de antemano su atención,"],
    "fr": ["Merci d'avance,", "En vous remerciant par avance,", "Avec mes remerciements anticipés"],
    "it": ["Grazie in anticipo,", "Ringraziandola anticipatamente,", "Cari saluti e grazie"],
    "pt": ["Desde já obrigada,", "Muito obrigado pela atenção", "Agradecemos desde já"],
    "nl": ["Alvast bedankt,", "Bij voorbaat dank", "Hartelijk dank en vriendelijke groet"],
}
"""Lines of thanks that close a mail."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_of_thanks_above_a_signature_is_part_of_the_close(language: str) -> None:
    for line in THANKING[language]:
        for below in ("", "\nJane Painter", "\n\nJane Painter\nHead of Operations\n+44 20 7946 0000"):
            assert aside(f"{BODY}\n\n{line}{below}").text == BODY, (line, below)


@pytest.mark.parametrize(
    "line",
    ["Thanks for nothing", "Thanks a lot", "Thank you for the delay", "Danke für nichts", "Merci pour rien"],
)
def test_thanks_that_say_more_stay(line: str) -> None:
    assert line in aside(f"{BODY}\n\n{line}\nJane Painter").text


def test_thanks_above_the_message_stay_and_below_it_until_something_is_said() -> None:
    assert aside(f"Many thanks.\n{BODY}\nTom").text == f"Many thanks.\n{BODY}"
    assert aside(f"{BODY}\n\nThank you.\n\nP.S. You are a liar.").text.endswith(
        "Thank you.\n\nP.S. You are a liar."
    )
