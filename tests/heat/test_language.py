"""Languages told by their small words, and silence for all others."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from levelhead.heat.language import LATIN, TEXT_LIMIT, all_latin, foreign, language_of, latin, leans

KNOWN = {
    "en": [
        "I am not happy with the way this is going, and I want my money back.",
        "Could you please send us the invoice again? We can't find it.",
        "nope, not this one. try again with just the icon",
        "This is the third time that I have to ask you about the contract.",
    ],
    "de": [
        "Ich bin mit der Arbeit nicht zufrieden und möchte mein Geld zurück.",
        "Bitte schicken Sie uns die Rechnung noch einmal, wir können sie nicht finden.",
        "Das ist jetzt das dritte Mal, dass ich nach dem Vertrag fragen muss.",
        "Wann kommt die neue Version? Wir warten immer noch auf Ihre Antwort.",
    ],
    "es": [
        "No estoy contento con el trabajo y quiero que me devuelvan el dinero.",
        "¿Nos puede enviar la factura otra vez? No la encontramos.",
        "Es la tercera vez que tengo que preguntar por el contrato.",
        "Muchas gracias por su ayuda, todo está muy bien ahora.",
    ],
    "fr": [
        "Je ne suis pas content du travail et je veux être remboursé.",
        "Pouvez-vous nous envoyer la facture encore une fois ? Nous ne la trouvons pas.",
        "C'est la troisième fois que je dois vous demander le contrat.",
        "Merci beaucoup pour votre aide, tout est très bien maintenant.",
    ],
    "pt": [
        "Não estou satisfeito com o trabalho e quero o meu dinheiro de volta.",
        "Você pode nos enviar a fatura mais uma vez? Não a encontramos.",
        "É a terceira vez que tenho que perguntar sobre o contrato.",
        "Muito obrigado pela sua ajuda, agora está tudo bem.",
    ],
    "it": [
        "Non sono contento del lavoro e voglio indietro i miei soldi.",
        "Ci può mandare di nuovo la fattura? Non la troviamo più.",
        "È la terza volta che devo chiedere del contratto.",
        "Grazie mille per il vostro aiuto, adesso è tutto a posto.",
    ],
    "nl": [
        "Ik ben niet tevreden met het werk en ik wil mijn geld terug.",
        "Kunt u ons de factuur nog een keer sturen? We kunnen hem niet vinden.",
        "Dit is de derde keer dat ik naar het contract moet vragen.",
        "Hartelijk dank voor uw hulp, alles is nu goed.",
    ],
}

OTHERS = {
    "Swedish": "Jag är inte nöjd med arbetet och vill ha mina pengar tillbaka, så snart som det går.",
    "Danish": "Jeg er ikke tilfreds med arbejdet og vil gerne have mine penge tilbage nu.",
    "Norwegian": "Jeg er ikke fornøyd med arbeidet og vil ha pengene mine tilbake så snart som mulig.",
    "Polish": "Nie jestem zadowolony z tej pracy i chcę, żeby pan oddał mi pieniądze.",
    "Turkish": "Bu işten memnun değilim ve paramı geri istiyorum, lütfen en kısa zamanda.",
    "Czech": "Nejsem s tou prací spokojený a chci, abyste mi vrátili peníze, prosím.",
    "Romanian": "Nu sunt mulțumit de această lucrare și vreau banii mei înapoi cât mai repede.",
    "Catalan": "No estic content amb la feina i vull que em torneu els diners, si us plau.",
    "Finnish": "En ole tyytyväinen työhön ja haluan rahani takaisin niin pian kuin mahdollista.",
    "Hungarian": "Nem vagyok elégedett a munkával, és kérem vissza a pénzemet, amint lehet.",
    "Indonesian": "Saya tidak puas dengan pekerjaan ini dan saya akan meminta uang kami kembali.",
    "Russian": "Я недоволен работой и хочу вернуть свои деньги как можно скорее.",
    "Greek": "Δεν είμαι ευχαριστημένος με τη δουλειά και θέλω τα χρήματά μου πίσω.",
    "Chinese": "我对这项工作不满意，我想要回我的钱。请尽快处理。",
    "Japanese": "この仕事に満足していません。お金を返してください。",
    "Arabic": "أنا لست راضيا عن العمل وأريد استعادة أموالي في أقرب وقت ممكن.",
}


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in KNOWN.items() for text in texts]
)
def test_the_seven_languages_are_told(language: str, text: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_another_language_is_answered_with_silence(text: str) -> None:
    assert language_of(text) == ""


@pytest.mark.parametrize(
    "text", ["", "Ok", "??? !!!", "12.04.2026 14:00", "Acme Logo Final v3", "de la", "x" * 9999]
)
def test_too_little_text_is_answered_with_silence(text: str) -> None:
    assert language_of(text) == ""


def test_addresses_of_the_web_do_not_count_as_words() -> None:
    assert language_of("Siehe https://the.example/and/that/you/are bitte noch, das ist nicht gut") == "de"


def test_capitals_do_not_matter() -> None:
    assert language_of("THIS IS NOT WHAT WE HAVE ASKED FOR AND YOU KNOW IT") == "en"


@pytest.mark.parametrize("ask", [language_of, foreign, leans, latin])
def test_a_long_text_costs_no_more_than_its_beginning(ask: Callable[[str], object]) -> None:
    beginning = ("Das ist nicht, was wir bestellt haben. " * TEXT_LIMIT)[:TEXT_LIMIT]
    told = ask(beginning)
    text = beginning + "это и the and of " * 200_000
    tracemalloc.start()
    try:
        assert ask(text) == told, "what stands behind it is not looked at"
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < len(text) / 2, "nor even copied"


@pytest.mark.parametrize(
    "text",
    [
        "Hvor er min hjemmeside? Det er for dårligt, jeg er rasende og betaler ikke fakturaen.",
        "Gdzie jest moja strona? Jestem wściekły i nie zapłacę za tę robotę ani grosza.",
        "Kur yra mano svetainė? Esu įsiutęs ir nemokėsiu sąskaitos.",
        "Tôi rất tức giận, trang web của tôi đâu rồi?",
    ],
)
def test_letters_and_small_words_of_another_language_give_it_away(text: str) -> None:
    assert foreign(text) and language_of(text) == ""


@pytest.mark.parametrize(
    "text", ["Où est mon œuvre ?", "Não há desculpa, já é a terceira vez.", "Größe passt, danke."]
)
def test_letters_of_the_seven_are_not_foreign(text: str) -> None:
    assert not foreign(text)


@pytest.mark.parametrize("text", ["¿ quienes cobran ei alquiler ?", "chega povo p dar aquela força kkk"])
def test_one_small_word_of_another_language_does_not_make_a_text_foreign(text: str) -> None:
    assert not foreign(text)


def test_a_text_of_names_leans_by_small_words_that_languages_share() -> None:
    assert leans("Copia compulsada de la Cancillería Fluvial de Corrientes.")
    assert not leans("Copia compulsada, Cancillería Fluvial, Corrientes.")


@given(st.text(st.characters(), max_size=60))
@example("gut 😀 → schön")
@example("ªº")
def test_all_letters_are_latin_only_where_each_of_them_is(text: str) -> None:
    strange = [letter for letter in text if letter.isalpha() and not LATIN.match(letter)]
    assert not (all_latin(text) and strange)
    assert all_latin(text) or strange


def test_pictures_and_arrows_are_no_letters() -> None:
    assert all_latin("gut 😀 → schön")
    assert not all_latin("gut Привет")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "Je laisse un mot à la gardienne."),
        ("fr", "On passe à midi, à la boutique."),
        ("pt", "Se vos der jeito, passo outra vez por aí."),
    ],
)
def test_a_short_text_is_not_taken_for_a_neighbour_by_a_word_that_both_have(language: str, text: str) -> None:
    assert language_of(text) in (language, "")
