"""The plugins that ship: tone, weigh, cooldown, templates, levels."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from levelhead.heat.language import LANGUAGES, language_of
from levelhead.model import (
    Address,
    Client,
    Draft,
    Level,
    Message,
    Noted,
    Screening,
    Severity,
    Thread,
    Verdict,
)
from levelhead.policy.types import DraftPolicy, HeatPolicy
from levelhead.screening.builtin import builtin_plugins, templates
from levelhead.screening.panel import HostPanel
from levelhead.screening.unknown import unknown_reason

Write = Callable[..., Message]
Seat = Callable[..., HostPanel]


@pytest.fixture
def score(seat: Seat, write_message: Write, thread: Thread, client: Client) -> Callable[[str, str], float]:
    """The score that a text gets from the built-ins alone."""
    panel = seat()

    def judge(text: str, language: str) -> float:
        message = write_message(text, language=language)
        asked = panel.detect(message, thread, client)
        assert asked.failures == ()
        noted = tuple(Noted(plugin=said.plugin, finding=said.value) for said in asked.answers)
        screening = Screening(message_id=message.id, noted=noted)
        (said,) = panel.classify(message, thread, client, screening).answers
        assert said.value.score is not None
        return said.value.score

    return judge


CALM = [
    (
        "en",
        "Hi Anna, thanks for the draft. The header looks good; could we try the blue one on page two? Best, Tom",
    ),
    ("en", "Unfortunately the invoice has the wrong address. Can you send a new one by Friday?"),
    ("en", "The form does not work on my phone. Please fix it before the launch on Monday."),
    ("en", "Our meeting with Dick Cheney's office and Mr Idiot Savant of Thief River Falls moved to 3 pm."),
    ("en", "I spoke to Mr. Crook about the Emphasis Training. He will call you."),
    ("en", "A thief stole my laptop on the train, so please send the files again. The police were useless."),
    ("en", "My lawyer looked at the contract and is happy with it. Could you post this to social media?"),
    ("en", "We would love a review on Trustpilot, could you leave a review for us within the hour?"),
    ("en", "Damn, this is great work, you legend!"),
    ("de", "Guten Tag, anbei die Texte für die neue Seite. Leider fehlt noch ein Bild. Viele Grüße"),
    ("de", "Der Anwalt unseres Kunden hat die Texte freigegeben, wir können veröffentlichen."),
    ("de", "Wie versprochen die Bilder für die Rechtsanwaltskanzlei; der Rechtsanwalt prüft sie noch."),
    ("es", "Publicad el anuncio en las redes sociales el lunes; de lo contrario esperamos al martes."),
    ("fr", "Le texte pour les réseaux sociaux part à la presse lundi, et mon avocat relit le contrat."),
    ("it", "Il file va alla stampa domani. Le mie scuse per il ritardo, e grazie per le recensioni!"),
    ("es", "Hola, adjunto el contrato firmado. ¿Podemos hablar mañana a las diez? Un saludo"),
    ("fr", "Bonjour, pourriez-vous m'envoyer le devis avant jeudi ? Merci beaucoup."),
    ("pt", "Bom dia, o logótipo ficou ótimo. Falta só a versão a preto e branco. Obrigado!"),
    ("it", "Buongiorno, purtroppo il file non si apre. Può rimandarlo? Grazie mille"),
    ("nl", "Dag, de teksten staan klaar. Kun je ze vandaag plaatsen? Alvast bedankt"),
]

FURIOUS = [
    ("en", "You are a liar. This is the third time you have let us down and I am sick of your excuses."),
    ("de", "Das ist eine Frechheit! Sie sind ein Betrüger, und Ihre Ausreden können Sie sich sparen."),
    ("es", "Esto es una vergüenza. Sois unos mentirosos y estoy harto de vuestras excusas."),
    ("fr", "C'est une honte. Vous êtes des escrocs et j'en ai marre de vos excuses bidon."),
    ("pt", "Isto é uma vergonha. Vocês são uns mentirosos e estou farto de promessas."),
    ("it", "È una vergogna. Siete dei truffatori e sono stufo delle vostre scuse."),
    ("nl", "Dit is een schande. Jullie zijn oplichters en ik ben het zat, al die smoesjes."),
]

THREATENING = [
    ("en", "You are thieves. Pay me back by Friday or you will hear from my lawyer and I file a chargeback."),
    (
        "de",
        "Sie sind ein Betrüger. Wenn ich mein Geld zurück nicht habe, gehe ich zum Rechtsanwalt. Letzte Chance.",
    ),
    ("es", "Son unos estafadores. Exijo mi dinero o mi abogado tomará acciones legales."),
    ("fr", "Vous êtes des voleurs. Mon avocat enverra une mise en demeure, et je veux mon argent."),
    ("pt", "São uns vigaristas. Quero o meu dinheiro ou o meu advogado avança com uma ação judicial."),
    ("it", "Siete dei ladri. Rivoglio i miei soldi o il mio avvocato passerà alle vie legali."),
    ("nl", "Jullie zijn oplichters. Ik wil mijn geld terug of mijn advocaat begint een rechtszaak."),
]


@pytest.mark.parametrize(("language", "text"), CALM)
def test_calm_business_mail_stays_calm(score: Callable[[str, str], float], language: str, text: str) -> None:
    assert score(text, language) < HeatPolicy().tense


@pytest.mark.parametrize(("language", "text"), FURIOUS)
def test_furious_mail_is_heated(score: Callable[[str, str], float], language: str, text: str) -> None:
    assert score(text, language) >= HeatPolicy().heated


@pytest.mark.parametrize(("language", "text"), THREATENING)
def test_threats_with_insults_are_hostile(
    score: Callable[[str, str], float], language: str, text: str
) -> None:
    assert score(text, language) >= HeatPolicy().hostile


# --- what cannot be judged ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fields", "reason"),
    [
        ("Hello", {}, ""),
        ("Ok", {"language": ""}, ""),
        ("", {}, "no text"),
        ("  \n -- !", {}, "no text"),
        ("Hello", {"encrypted": True}, "encrypted"),
        ("x" * 39, {"language": ""}, ""),
        ("x" * 40, {"language": ""}, "unsupported language"),
        ("Dzień dobry, proszę o fakturę.", {"language": "pl"}, "unsupported language"),
        ("Здравствуйте", {"language": ""}, "unsupported language"),
        ("你好", {"language": "en"}, "unsupported language"),
    ],
)
def test_what_cannot_be_judged_is_said_to_be_unknown(
    write_message: Write, text: str, fields: dict[str, object], reason: str
) -> None:
    assert unknown_reason(write_message(text, **fields)) == reason


# --- drafts ------------------------------------------------------------------------------------


def draft(message: Message, level: Level, policy: DraftPolicy = DraftPolicy(), language: str = "") -> Draft:  # noqa: B008
    millionths = None if level is Level.UNKNOWN else 500_000
    made = templates.draft_reply(
        message, Client(name="ACME", language=language), Verdict(level=level, millionths=millionths), policy
    )
    assert made is not None
    return made


@pytest.mark.parametrize(("language", "level"), list(itertools.product(LANGUAGES, Level)))
def test_there_is_a_reply_in_every_language_for_every_level(
    write_message: Write, language: str, level: Level
) -> None:
    body = draft(write_message(language=language), level).body
    assert "Bob Builder" in body.splitlines()[0]
    assert "[" in body and "$" not in body
    assert body.count("\n- [") == (0 if level is Level.CALM else 2)


def test_the_reply_follows_the_message_s_language_then_the_client_s_then_english(
    write_message: Write,
) -> None:
    assert draft(write_message(language="de"), Level.CALM, language="fr").body.startswith("Guten Tag")
    assert draft(write_message(language="pl"), Level.CALM, language="fr").body.startswith("Bonjour")
    assert draft(write_message(language=""), Level.CALM).body.startswith("Hello")


@pytest.mark.parametrize(
    ("subject", "reply"),
    [
        ("Website", "Re: Website"),
        ("Re: Website", "Re: Website"),
        ("AW: Website", "AW: Website"),
        ("RE[2]: Website", "RE[2]: Website"),
        ("Sv: Website", "Sv: Website"),
        ("Really: new", "Re: Really: new"),
        ("", "Re:"),
        ("two\r\n lines\tand\x00more", "Re: two lines andmore"),
    ],
)
def test_a_reply_s_subject_says_re_once(subject: str, reply: str) -> None:
    assert templates.reply_subject(subject) == reply


def test_a_display_name_cannot_bring_lines_or_control_characters_into_a_draft(write_message: Write) -> None:
    message = write_message(sender=Address(address="a@b.example", name="Bob\r\nBcc: x\x1b[31m" + "y" * 200))
    first = draft(message, Level.CALM).body.splitlines()[0]
    assert first.startswith("Hello Bob Bcc: x")
    assert "\x1b" not in first and len(first) < 100


def test_a_nameless_sender_is_greeted_without_a_name(write_message: Write) -> None:
    assert draft(write_message(sender=None), Level.CALM).body.startswith("Hello,\n")


def test_nothing_is_drafted_when_drafting_is_off(message: Message, client: Client, verdict: Verdict) -> None:
    assert templates.draft_reply(message, client, verdict, DraftPolicy(enabled=False)) is None


def test_the_signature_stands_at_the_end(write_message: Write) -> None:
    policy = DraftPolicy(signature="Anna Sample\nSample Studio\n")
    assert draft(write_message(), Level.HEATED, policy).body.endswith("Anna Sample\nSample Studio\n")


def test_my_own_templates_go_first_the_one_with_the_language_before_the_other(
    write_message: Write, tmp_path: Path
) -> None:
    policy = DraftPolicy(templates=tmp_path, signature="Anna")
    (tmp_path / "heated.txt").write_text("Any language, ${name}: $$5.", encoding="utf-8")
    assert draft(write_message(), Level.HEATED, policy).body == "Any language, Bob Builder: $5.\n\nAnna\n"
    (tmp_path / "en-heated.txt").write_text("English. ${signature} ${date}", encoding="utf-8")
    assert draft(write_message(), Level.HEATED, policy).body == "English. Anna 2026-03-06"
    assert draft(write_message(language="de"), Level.HEATED, policy).body.startswith("Any language")


def test_a_broken_template_is_told_in_a_sentence(write_message: Write, tmp_path: Path) -> None:
    policy = DraftPolicy(templates=tmp_path)
    (tmp_path / "heated.txt").write_text("Dear ${nmae}", encoding="utf-8")
    (tmp_path / "calm.txt").write_text("It costs $ 5", encoding="utf-8")
    (tmp_path / "tense.txt").write_text("Fine, ${name}.", encoding="utf-8")
    (tmp_path / "hostile.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ValueError, match=r"heated.txt asks for \${nmae}; there are \${name}"):
        draft(write_message(), Level.HEATED, policy)
    told = [str(problem) for problem in templates.template_problems(policy)]
    assert len(told) == 3
    assert "a lone $ is written $$" in told[0]
    (nowhere,) = templates.template_problems(DraftPolicy(templates=tmp_path / "x"))
    assert "there is no folder" in nowhere.problem


# --- alerts and holds --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (Level.CALM, None),
        (Level.TENSE, None),
        (Level.UNKNOWN, None),
        (Level.HEATED, Severity.WARNING),
        (Level.HOSTILE, Severity.CRITICAL),
    ],
)
def test_a_level_calls_for_help_without_a_word_of_the_client_s(
    seat: Seat, write_message: Write, thread: Thread, client: Client, level: Level, severity: Severity | None
) -> None:
    message = write_message("You liar, see you in court", subject="Secret matter")
    millionths = None if level is Level.UNKNOWN else 900_000
    verdict = Verdict(level=level, millionths=millionths, labels=("personal-attack", "legal"))
    answers = seat().escalate(message, thread, client, verdict).answers
    assert [said.value.severity for said in answers] == ([severity] if severity else [])
    for said in answers:
        text = f"{said.value.title}\n{said.value.body}".lower()
        assert "acme" in text and level.value in text and "personal-attack, legal" in text
        assert f"levelhead explain {message.id[:8]}" in text
        for word in ("liar", "court", "secret", "bob"):
            assert word not in text


@pytest.mark.parametrize(
    ("level", "hours"),
    [(Level.CALM, 0), (Level.TENSE, 0.5), (Level.UNKNOWN, 0.5), (Level.HEATED, 4), (Level.HOSTILE, 24)],
)
def test_the_cool_down_follows_the_level(
    seat: Seat, message: Message, client: Client, clock, level: Level, hours: float
) -> None:
    verdict = Verdict(level=level, millionths=None if level is Level.UNKNOWN else 500_000)
    (said,) = seat().hold(message, client, verdict, Draft("Re:", "x"), clock.now()).answers
    assert said.plugin == "cooldown"
    assert said.value.until - clock.now() == timedelta(hours=hours)


def test_an_incomplete_verdict_is_held_at_least_as_long_as_a_heated_one(
    seat: Seat, message: Message, client: Client, clock
) -> None:
    verdict = Verdict(level=Level.CALM, millionths=10_000, complete=False)
    (said,) = seat().hold(message, client, verdict, Draft("Re:", "x"), clock.now()).answers
    assert said.value.until - clock.now() == timedelta(hours=4)


def test_the_operator_s_settings_reach_the_built_ins(
    seat: Seat, message: Message, thread: Thread, client: Client, verdict: Verdict
) -> None:
    panel = seat(builtin={"templates": DraftPolicy(enabled=False), "weigh": HeatPolicy(tense=0.01)})
    assert panel.draft_reply(message, thread, client, verdict).answers == ()
    (said,) = panel.classify(message, thread, client, Screening(message_id="x")).answers
    assert said.value.level is Level.TENSE


def test_the_built_ins_use_the_same_door_as_yours() -> None:
    """They are ordinary modules with `hookimpl`, and none of them has an import that a plugin could not have."""
    for name, module in builtin_plugins().items():
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        assert "@hookimpl" in source, name
        for room in ("store", "outbox", "mailbox", "archive", "daemon", "config", "cli"):
            assert f"levelhead.{room}" not in source, name


@pytest.mark.parametrize(
    "text", ["2008", "👍", "Gdańsk", "Avanti, riposati un po'.", "Nobody understands us."]
)
def test_a_number_a_picture_and_a_few_words_are_judged(text: str, write_message: Write) -> None:
    assert unknown_reason(write_message(text, language=language_of(text))) == ""
