"""The newly written part of mails as programs in seven languages write them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from levelhead.heat.newtext import LINES_LIMIT, TEXT_LIMIT, new_text_of

SECONDS = 2.0
"""Of computing that no text may take; the slowest known takes 0.3."""

ATTRIBUTIONS = {
    "en gmail": "On Tue, 4 Jun 2024 at 09:12 Ann Smith <ann@acme.example> wrote:",
    "en apple": "On 2 Jun 2024, at 12:00, Ann Smith <ann@acme.example> wrote:",
    "en thunderbird": "On 04/06/2024 09:12, Ann Smith wrote:",
    "de gmail": "Am Di., 4. Juni 2024 um 09:12 Uhr schrieb Ann Smith <ann@acme.example>:",
    "de thunderbird": "Am 04.06.24 um 09:12 schrieb Ann Smith:",
    "es gmail": "El mar, 4 jun 2024 a las 9:12, Ann Smith (<ann@acme.example>) escribió:",
    "fr gmail": "Le mar. 4 juin 2024 à 09:12, Ann Smith <ann@acme.example> a écrit :",
    "pt gmail": "Em ter., 4 de jun. de 2024 às 09:12, Ann Smith <ann@acme.example> escreveu:",
    "it gmail": "Il giorno mar 4 giu 2024 alle ore 09:12 Ann Smith <ann@acme.example> ha scritto:",
    "nl gmail": "Op di 4 jun 2024 om 09:12 schreef Ann Smith <ann@acme.example>:",
    "gmail's old line": "2024-06-04 9:12 GMT+02:00 Ann Smith <ann@acme.example> wrote:",
}


@pytest.mark.parametrize("line", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS.keys())
def test_what_stands_below_a_line_of_attribution_is_not_new(line: str) -> None:
    assert new_text_of(f"That works for me.\n\n{line}\n\n> old words\n> more").text == "That works for me."


@pytest.mark.parametrize("line", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS.keys())
def test_an_answer_below_the_quote_is_new(line: str) -> None:
    assert new_text_of(f"{line}\n> old words\n> more\n\nThat works for me.").text == "That works for me."


@pytest.mark.parametrize(
    "line", [line for line in ATTRIBUTIONS.values() if "@" in line], ids=lambda line: line[:20]
)
def test_an_earlier_message_without_quote_signs_is_not_new_either(line: str) -> None:
    assert (
        new_text_of(f"That works for me.\n\n{line}\nold words here\nand more of them").text
        == "That works for me."
    )


def test_an_attribution_that_was_broken_into_lines_is_known() -> None:
    text = "Fine.\n\nOn Tue, 4 Jun 2024 at 09:12 Ann Smith of the Long Department\n<ann@acme.example>\nwrote:\n\n> old"
    assert new_text_of(text).text == "Fine."


HEADER_BLOCKS = {
    "en": ("From: Ann <a@x.example>", "Sent: Tuesday, 4 June 2024 09:12", "To: Bob", "Subject: RE: site"),
    "de": (
        "Von: Ann <a@x.example>",
        "Gesendet: Dienstag, 4. Juni 2024 09:12",
        "An: Bob",
        "Betreff: AW: Seite",
    ),
    "es": (
        "De: Ann <a@x.example>",
        "Enviado el: martes, 4 de junio de 2024 9:12",
        "Para: Bob",
        "Asunto: RE: web",
    ),
    "fr": ("De : Ann <a@x.example>", "Envoyé : mardi 4 juin 2024 09:12", "À : Bob", "Objet : RE: site"),
    "pt": (
        "De: Ann <a@x.example>",
        "Enviada em: terça-feira, 4 de junho de 2024 09:12",
        "Para: Bob",
        "Assunto: RE:",
    ),
    "it": ("Da: Ann <a@x.example>", "Inviato: martedì 4 giugno 2024 09:12", "A: Bob", "Oggetto: R: sito"),
    "nl": (
        "Van: Ann <a@x.example>",
        "Verzonden: dinsdag 4 juni 2024 09:12",
        "Aan: Bob",
        "Onderwerp: RE: site",
    ),
}
SEPARATORS = {
    "en": "-----Original Message-----",
    "de": "-----Ursprüngliche Nachricht-----",
    "es": "-----Mensaje original-----",
    "fr": "-----Message d'origine-----",
    "pt": "-----Mensagem original-----",
    "it": "-----Messaggio originale-----",
    "nl": "-----Oorspronkelijk bericht-----",
}


@pytest.mark.parametrize("language", HEADER_BLOCKS)
@pytest.mark.parametrize("before", ["", "________________________________\n", "separator"])
def test_what_stands_below_outlooks_block_of_fields_is_not_new(language: str, before: str) -> None:
    rule = SEPARATORS[language] + "\n" if before == "separator" else before
    text = f"No, thank you.\n\n{rule}" + "\n".join(HEADER_BLOCKS[language]) + "\n\nold words\n\nmore of them"
    assert new_text_of(text).text == "No, thank you."


def test_a_bold_block_of_fields_is_known() -> None:
    block = "*From:* Ann\n*Sent:* Tuesday\n*To:* Bob\n*Subject:* x\n\nold"
    assert new_text_of(f"No.\n\n{block}").text == "No."


@pytest.mark.parametrize(
    "line",
    [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "---------- Weitergeleitete Nachricht ---------",
        "Anfang der weitergeleiteten Nachricht:",
        "---------- Message transféré ---------",
        "Début du message réexpédié :",
        "---------- Mensaje reenviado ---------",
        "---------- Mensagem encaminhada ---------",
        "---------- Messaggio inoltrato ---------",
        "Inizio messaggio inoltrato:",
        "---------- Doorgestuurd bericht ---------",
    ],
)
def test_what_was_forwarded_is_not_new(line: str) -> None:
    assert (
        new_text_of(f"See below.\n\n{line}\nFrom: X <x@y.example>\nDate: today\n\nforwarded words").text
        == "See below."
    )


def test_answers_between_quoted_lines_are_kept() -> None:
    text = (
        "> Can you do Monday?\n\nNo, Monday is impossible.\n\n> And Tuesday?\n\nTuesday is fine.\n\n> Thanks"
    )
    assert new_text_of(text).text == "No, Monday is impossible.\n\nTuesday is fine."


def test_answers_between_lines_quoted_below_a_separator_are_kept() -> None:
    text = "-----Original Message-----\nFrom: Ann\nSent: today\nTo: Bob\n\n> Monday?\nNo.\n> Tuesday?\nYes."
    assert new_text_of(text).text == "No.\n\nYes."


def test_a_signature_below_its_dashes_is_not_new() -> None:
    assert (
        new_text_of("I am done with this.\n\n-- \nAnn Smith\nAcme Ltd, +44 20 7946 0000").text
        == "I am done with this."
    )


def test_what_follows_a_quote_below_a_signature_is_still_read() -> None:
    text = "> You said Friday.\nYes, Friday.\n-- \nAnn\n> And the price?\nThe price stays."
    assert new_text_of(text).text == "Yes, Friday.\n\nThe price stays."


@pytest.mark.parametrize(
    ("words", "valediction"),
    [
        ("We will not pay this.", "Best regards,"),
        ("Das zahlen wir nicht.", "Mit freundlichen Grüßen"),
        ("No vamos a pagar esto.", "Saludos cordiales,"),
        ("Nous ne paierons pas.", "Cordialement,"),
        ("Não vamos pagar isto.", "Atenciosamente,"),
        ("Non lo paghiamo.", "Cordiali saluti"),
        ("Dit betalen wij niet.", "Met vriendelijke groet,"),
    ],
)
def test_ways_to_reach_somebody_below_a_valediction_are_not_new(words: str, valediction: str) -> None:
    text = f"{words}\n\n{valediction}\nAnn Smith\nHead of Things\nAcme GmbH\nTel. +49 30 123456\nwww.acme.example"
    assert new_text_of(text).text == f"{words}\n\n{valediction}\nAnn Smith\nHead of Things"


def test_a_postscript_below_a_signature_is_new() -> None:
    text = "We will not pay.\n\nRegards,\nAnn\nTel. +49 30 123456\n\nPS: my lawyer will call you on Monday morning."
    assert "my lawyer will call you" in new_text_of(text).text


def test_a_name_without_a_delimiter_is_kept() -> None:
    text = "PO IS 4471. THANKS.\n\nBILL DUNMORE\nDUNMORE PLUMBING AND HEATING"
    assert new_text_of(text).text == text


@pytest.mark.parametrize(
    "disclaimer",
    [
        "This e-mail and any attachments are confidential and intended solely for the addressee. If you have received "
        "it in error, notify the sender and delete it.",
        "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind, informieren Sie "
        "bitte den Absender und vernichten Sie diese Mail.",
        "Este mensaje es confidencial y va dirigido a su destinatario. Si lo recibe por error, notifique al remitente.",
        "Ce message est confidentiel et réservé à son destinataire. Si reçu par erreur, veuillez le détruire.",
        "Esta mensagem é confidencial e destina-se ao destinatário. Se a recebeu por engano, avise o remetente.",
        "Questo messaggio è riservato al destinatario. Se ricevuto per errore, avvisare il mittente.",
        "Dit bericht is vertrouwelijk en bestemd voor de geadresseerde. Indien ten onrechte ontvangen, verwijder het.",
    ],
)
def test_a_disclaimer_below_the_text_is_not_new(disclaimer: str) -> None:
    assert new_text_of(f"Where is the invoice?\n\nAnn\n\n{disclaimer}").text == "Where is the invoice?\n\nAnn"


def test_a_text_that_is_a_disclaimer_from_its_first_line_is_judged() -> None:
    text = "This message is confidential. Legal action may be taken; delete this and notify the sender."
    assert new_text_of(text).text == text


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Enviado desde mi iPhone",
        "Envoyé de mon iPhone",
        "Enviado do meu iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPhone",
        "Get Outlook for iOS",
    ],
)
def test_what_a_telephone_adds_is_not_new(line: str) -> None:
    assert new_text_of(f"Call me.\n\n{line}").text == "Call me."


def test_a_person_who_tells_who_wrote_what_is_not_an_attribution() -> None:
    text = (
        "On Monday at 10:30 in 2024 you wrote:\nthe site is ready on Friday at the latest\n\nThat was a lie."
    )
    assert new_text_of(text).text == text


def test_a_list_with_colons_is_not_a_block_of_fields() -> None:
    text = "Here is what we need:\nTo: be paid\nDate: now\n\nNothing else will do for us."
    assert new_text_of(text).text == text


def test_when_guesses_would_take_most_of_the_prose_all_of_it_is_judged() -> None:
    text = "Hello there.\n--\nYou have lied to me for the last time and I will make sure that everybody knows.\n> old"
    new = new_text_of(text)
    assert new.whole
    assert "you have lied to me" in new.text.lower()
    assert "old" not in new.text


def test_a_short_answer_above_a_long_signature_stays_short() -> None:
    signature = "Ann Smith\nChief of Everything\nAcme Ltd\nTel. +44 20 7946 0000\nwww.acme.example"
    new = new_text_of(
        f"Ok.\n\n-- \n{signature}\n\nOn 4 Jun 2024, at 09:12, Bob <b@x.example> wrote:\n\n> long old text"
    )
    assert (new.text, new.whole) == ("Ok.", False)


def test_a_text_that_is_only_indented_is_judged_whole() -> None:
    new = new_text_of("> I indent everything.\n> It looks nicer.")
    assert (new.text, new.whole) == ("I indent everything.\nIt looks nicer.", True)


def test_a_message_that_only_quotes_has_no_new_words() -> None:
    new = new_text_of("On 4 Jun 2024, at 09:12, Bob <b@x.example> wrote:\n> old words")
    assert (new.text, new.whole) == ("", False)


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert new_text_of("x\n" * (LINES_LIMIT + 5)).text.count("x") == LINES_LIMIT
    assert len(new_text_of("x" * (TEXT_LIMIT + 5)).text) == TEXT_LIMIT


ENDLESS = (
    "On ",
    "On \n",
    "From: x\n",
    "-",
    "> ",
    "a@",
    "-- \n",
    "--\n",
    "--\n\n",
    "Regards,\n",
    "____________\n",
    "wrote:\n",
    "+0",
    "confidential ",
    "On 1:\n\n\n\n",
    "Sent: x\nTel. +1\n",
    "1 rue www.x.example ",
    "Mit ",
)
"""What texts made to be slow repeat."""


def lines_run(text: str) -> int:
    """How many lines of Python are run to find the new part of a text: the same number on every machine."""
    count = 0

    def counting(frame: FrameType, event: str, arg: object) -> Callable[..., Any]:
        nonlocal count
        count += event == "line"
        return counting

    before = sys.gettrace()
    sys.settrace(counting)
    try:
        new_text_of(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("piece", [piece for piece in ENDLESS if "\n" in piece], ids=str.strip)
def test_the_work_grows_no_faster_than_the_text(piece: str) -> None:
    assert lines_run(piece * 800) < 2.5 * lines_run(piece * 400)


@pytest.mark.parametrize("piece", ENDLESS, ids=str.strip)
def test_no_text_costs_more_than_moments(piece: str) -> None:
    text = piece * (TEXT_LIMIT // len(piece))
    took = []
    for _ in range(3):  # seconds of computing, the best of three, because machines are shared
        began = time.thread_time()
        new_text_of(text)
        took.append(time.thread_time() - began)
        if took[-1] < SECONDS / 2:
            break
    assert min(took) < SECONDS


FOOTERS = [
    "CONFIDENTIALITY NOTICE: THIS MESSAGE IS FOR ITS RECIPIENT ONLY. UNAUTHORIZED COPYING IS PROHIBITED.",
    "BEFORE PRINTING THIS E-MAIL CONSIDER THE ENVIRONMENT. OAK & TILE LTD ACCEPTS NO LIABILITY FOR ITS CONTENTS.",
    "DIESE NACHRICHT IST VERTRAULICH UND NUR FÜR DEN EMPFÄNGER BESTIMMT. UNBEFUGTE WEITERGABE IST VERBOTEN.",
    "HINWEIS: FÜR VIREN UND ÜBERTRAGUNGSFEHLER ÜBERNIMMT DIE MEYER BAU AG KEINE HAFTUNG. ES GELTEN UNSERE AGB.",
    "ESTE CORREO ES CONFIDENCIAL. QUEDA PROHIBIDA SU DIFUSIÓN SIN PERMISO DE LA EMPRESA REMITENTE.",
    "AVISO: ESTE MENSAJE PUEDE CONTENER VIRUS; LA EMPRESA NO ACEPTA RESPONSABILIDAD ALGUNA POR ELLO.",
    "CE COURRIEL EST CONFIDENTIEL. TOUTE REPRODUCTION SANS ACCORD DE SON DESTINATAIRE EST INTERDITE.",
    "N'IMPRIMEZ CE MESSAGE QUE SI NÉCESSAIRE : PROTÉGEONS ENSEMBLE L'ENVIRONNEMENT ET LES FORÊTS DU MONDE.",
    "QUESTA E-MAIL È RISERVATA AL SUO DESTINATARIO; OGNI ALTRO USO È VIETATO E PUÒ COSTITUIRE REATO.",
    "PRIMA DI STAMPARE QUESTO MESSAGGIO PENSATE ALL'AMBIENTE. I DATI SONO TRATTATI SECONDO IL REGOLAMENTO 2016/679.",
    "ESTA MENSAGEM É CONFIDENCIAL; SE NÃO É O DESTINATÁRIO, É PROIBIDO COPIAR OU GUARDAR O SEU CONTEÚDO.",
    "AVISO: NÃO NOS RESPONSABILIZAMOS POR VÍRUS NEM POR ERROS DE TRANSMISSÃO DESTA MENSAGEM.",
    "DIT BERICHT IS VERTROUWELIJK. GEBRUIK DOOR ANDEREN DAN DE GEADRESSEERDE IS VERBODEN.",
    "WIJ AANVAARDEN GEEN AANSPRAKELIJKHEID VOOR VIRUSSEN IN DEZE E-MAIL. OP ONS WERK GELDEN ALGEMENE VOORWAARDEN.",
]
"""Legal notices in capitals; none of them stands in the material."""

SHOUTED = [
    "THIS MESSAGE IS MY LAST. I WILL HOLD YOU LIABLE AND THE UNAUTHORISED CHARGES GO TO COURT.",
    "YOU HAVE PROMISED US THE PRINTS FOR THREE WEEKS NOW AND NOBODY ANSWERS. THIS IS A DISGRACE AND YOU KNOW IT.",
    "ICH DRUCKE DIESE E-MAIL AUS UND GEHE DAMIT ZUM ANWALT. SIE HAFTEN FÜR JEDEN CENT, DAS IST MEIN LETZTER HINWEIS.",
    "VOUS ÊTES DES VOLEURS ET CE MESSAGE EST LE DERNIER AVANT LE TRIBUNAL, RENDEZ LES CLÉS TOUT DE SUITE.",
]


@pytest.mark.parametrize("footer", FOOTERS)
def test_small_print_in_capitals_below_a_mail_is_set_aside(footer: str) -> None:
    assert (
        new_text_of(f"Shorter, please. Wednesday is fine.\n\n{footer}").text
        == "Shorter, please. Wednesday is fine."
    )


@pytest.mark.parametrize("shouted", SHOUTED)
def test_who_shouts_below_a_mail_is_no_small_print(shouted: str) -> None:
    assert shouted in new_text_of(f"Shorter, please. Wednesday is fine.\n\n{shouted}").text


def test_a_mail_that_is_all_in_capitals_keeps_its_end() -> None:
    text = f"WHERE ARE THE KEYS? WE STAND IN THE RAIN.\n\n{FOOTERS[1]}"
    assert FOOTERS[1] in new_text_of(text).text
