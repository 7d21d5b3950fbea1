"""Which language a text is in, told by its small words; empty when unsure. No model, no dependency, linear.

Seven languages are told. The profiles of their neighbours are here too, so that a Danish, Catalan or Polish text is
answered with silence rather than with the nearest of the seven.
"""

from __future__ import annotations

import re
from functools import cache

from levelhead.heat.text import shown

LANGUAGES = ("en", "de", "es", "fr", "pt", "it", "nl")
TEXT_LIMIT = 5_000
"""Characters that are looked at."""
LEAST_SCORE = 1.0
"""What the small words of the best language must weigh together."""
LEAST_SHARE = 0.11
"""The least weight for each word of the text."""
LEANING = 0.1
"""The least weight for each word of the text from which it leans towards a language without telling it."""
SHARED = 0.2
"""The same as a share of the words, for words that languages have in common."""
LEAD = 1.25
"""How many times the second-best language the best must weigh."""
LATIN_SHARE = 0.7
"""The least part of letters that are Latin."""

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
PLAIN_WORD = re.compile(r"[a-z]++(?:'[a-z]++)?+")
"""The same in lower case that is ASCII, and faster."""
NOT_WORDS = re.compile(r"(?:https?://|www\.)\S{1,500}|\S{1,64}@\S{1,255}|[#@]\w{1,100}")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
NOT_LATIN = re.compile(r"[^\x00-\xa9\xab-\xb4\xb6-\xb9\xbb-\u024f\u1e00-\u1eff\u2010-\u2027\u20ac]")
"""Whatever may be a letter that is not Latin."""
STRANGE = re.compile(r"[\u0100-\u0151\u0154-\u024f\u1e00-\u1eff]")
"""Latin letters that none of the seven languages has."""

STRANGE_SHARE = 0.02

PROFILES = {
    "en": """the and to of a in is it you that for on with this are be was have not we your our i my me at by from or
        but will would can could should they their there what which who when why how has had been do does did don't
        isn't can't won't it's i'm you've we've i've if as an so no any all just now please thanks thank about out up
        more than then them were here again one only want need get know because after before still really you're
        didn't let send sent hello hi dear regards never very good never again nope yes try""",
    "de": """der die das und ist nicht ich sie wir ein eine zu mit den von für auf es dem des im sich dass auch aber
        wie war hat haben bei noch nach nur oder einen einem einer mir mich uns ihr ihre ihnen wenn was so kein keine
        werden wird kann können sind bin habe aus an als um über schon mehr sehr bitte danke am zum zur vom dann doch
        wurde sein seine unsere ihren mal jetzt immer diese dieser hier wer warum du dir dich mein meine hallo guten
        bis ohne gegen wieder nichts alles etwas ja nein grüße geehrte""",
    "es": """el la los las de que y en un una es no se por con para su lo como más pero le ya o este esta está son
        muy sin sobre también me mi nos hay todo esto ni cuando si porque desde ha han he al del usted ustedes nuestro
        nuestra ser estoy qué quién cómo hasta donde ahora solo nada siempre hola gracias por favor buenos tiene tengo
        eso ese esa te tu fue era están hemos puede yo él ella nunca hacer bien otra vez señor aquí vos""",
    "fr": """le la les de des et est un une que qui dans pour pas ne je vous nous il elle sur avec ce cette au aux du
        en se plus mais ou par sont être avez avons ai votre vos notre nos mon ma mes c'est j'ai n'est d'un d'une
        qu'il qu'on si comme tout tous bien très fait sans même leur leurs on y a été encore aussi merci bonjour cela
        ça quand donc alors rien jamais toujours suis êtes était peut faire depuis l'on tu te toi moi son sa ses
        s'il pourquoi où ici monsieur madame déjà à""",
    "pt": """o a os as de que e em um uma é não se por com para do da dos das no na nos nas ao à mais mas como eu você
        ele ela nós seu sua meu minha está são foi ser ter tem já também muito isso isto este esta esse essa quando
        só até sem sobre ou nem porque pelo pela me lhe vocês nosso nossa estou estamos temos tenho fazer agora
        obrigado obrigada olá bom dia nada sempre ainda depois pode vai vou então quem onde tudo há nunca aqui bem
        caro prezado gente num numa pra pro vc tô cu vos vosso vossa outra outro lhes""",
    "it": """il lo la i gli le di che e è non un una per con del della dei delle nel nella al alla da dal dalla in si
        sono ho ha abbiamo avete hanno ma come più anche questo questa questi quello quella mi ci vi ti se io lei noi
        voi loro suo sua mio mia nostro vostro cosa quando perché dove chi ancora già molto tutto tutti sempre mai
        essere stato fare grazie buongiorno ciao prego solo poi ora adesso senza dopo prima c'è l'ho dell'
        sia siamo siete era anni così qui niente nulla bene degli sul sulla sui alle ai po finché ve ne""",
    "nl": """de het een en van ik je is dat niet in te zijn op we met voor die er maar om aan hij ze dit ook als bij
        nog wel uw u heb heeft hebben wordt worden kan kunnen naar dan of over door wat geen mijn jullie ons onze
        was deze hier uit meer al nu moet zou wij zij hoe waar wie waarom omdat graag dank bedankt beste groet goed
        zo heel altijd nooit niets iets alles weer even zonder tegen tot na jij jou jouw hem haar hun hallo mij
        ben bent gaat gaan komt""",
    "sv": """och att det är som på inte jag av för med till en ett den har de vi kan om men var så vill ska från eller
        när du mig oss er hur nu här mycket bara även utan efter detta denna vara blir måste tack hej alla din min
        vårt våra inga någon skulle varit får""",
    "da": """og at det er som på ikke jeg af for med til en et den har de vi kan om men var så vil skal fra eller når
        du mig os hvordan nu her meget kun uden efter dette denne være bliver må tak hej alle din min vores ingen
        nogen skulle været får hvor hvad også kunne deg deres ikkje meg bare nå noe etter""",
    "pl": """i w na z nie się do że to jest o jak co ale po za od przez dla tak tylko już jeszcze czy być ma są był
        tego tym proszę dziękuję pan pani mnie nam gdzie kiedy bardzo może dlaczego""",
    "tr": """ve bir bu için ile çok de da ne ben sen biz siz değil var yok gibi daha ama olarak olan kadar sonra
        şey mi mı ki her en neden nasıl lütfen teşekkürler""",
    "ro": """și să în de la cu nu este sunt pe că un o din mai pentru care ce am ai au fost dar sau acest această
        vă noi le se ne când foarte doar după fără mulțumesc bună""",
    "ca": """el la els les de que i en un una és no se per amb al del dels hi ha més però com aquest aquesta són molt
        meu seva nosaltres vostè també ens quan això fins on gràcies bon dia res sempre tot perquè hem tinc està
        ja si us plau només""",
    "cs": """a v na se je že to s z do o i ale jak co za by pro jsem jsou byl tak už nebo jen ještě když jako podle
        není může prosím děkuji dobrý den jste nám vám proč velmi""",
    "fi": """ja on ei se että en oli hän mutta ovat kun niin ole joka mitä myös tämä minä sinä me te he olen kiitos
        hei vain jos voi olisi nyt mukaan kuin sitten""",
    "hu": """a az és hogy nem is egy ez van de meg csak ha már volt mint el kell én mi ők lesz vagy azt nagyon kérem
        köszönöm miért hogyan""",
    "id": """yang dan di ini itu dengan untuk tidak dari dalam akan pada saya kami anda adalah ke ada sudah bisa juga
        atau karena oleh terima kasih""",
}

TELLING = {
    "de": "äöüß",
    "es": "ñ¿¡",
    "fr": "œçèêëîïû",
    "pt": "ãõ",
    "sv": "å",
    "da": "øæ",
    "pl": "łąęśżźćń",
    "tr": "ğşı",
    "ro": "ășțâ",
    "cs": "ěřůčžš",
    "hu": "őű",
}
"""Letters that speak for a language; each word with one weighs a little."""


@cache
def _weights() -> dict[str, tuple[tuple[str, float], ...]]:
    """For each small word the languages that have it; the fewer have it, the more it weighs."""
    owners: dict[str, list[str]] = {}
    for language, profile in PROFILES.items():
        for word in dict.fromkeys(profile.split()):
            owners.setdefault(word, []).append(language)
    return {word: tuple((language, 1 / len(who)) for language in who) for word, who in owners.items()}


@cache
def _telling() -> dict[str, str]:
    """For each letter that speaks for a language, that language."""
    return {letter: language for language, letters in TELLING.items() for letter in letters}


def language_of(text: str) -> str:
    """ISO 639-1 of one of the seven languages, or empty when the text is too short, another language, or unclear."""
    best = _told(text)
    return best if best in LANGUAGES else ""


def latin(text: str) -> bool:
    """Whether at least half of the letters of a text are Latin; a text without letters counts as Latin."""
    if all_latin(text[:TEXT_LIMIT]):
        return True
    letters = [letter for letter in text[:TEXT_LIMIT] if letter.isalpha()]
    return len(LATIN.findall("".join(letters))) * 2 >= len(letters)


def all_latin(text: str) -> bool:
    """Whether every letter of a text is Latin; quick. False as well for a few Latin letters that stand alone."""
    return text.isascii() or not any(map(str.isalpha, NOT_LATIN.findall(text)))


def foreign(text: str) -> bool:
    """Whether letters or small words of a text are rather those of another language than of one of the seven."""
    letters = [letter for letter in text[:TEXT_LIMIT] if letter.isalpha()]
    if len(STRANGE.findall("".join(letters))) > STRANGE_SHARE * len(letters):
        return True
    best = _told(text)
    # One small word alone may as well be a slip of the pen: a Spanish "ei" for "el" is no Finnish.
    return best not in ("", *LANGUAGES) and _small_words(_words(prose(text)), best) >= 2


def prose(text: str) -> str:
    """The text that languages are told by: its beginning without addresses, tags and what nobody sees."""
    sample = shown(text[:TEXT_LIMIT])
    if "@" in sample or "#" in sample or "://" in sample or "www." in sample:
        return NOT_WORDS.sub(" ", sample)
    return sample


def leans(text: str) -> bool:
    """Whether small words of the text are as likely of one of the seven languages as of any.

    They weigh at least a tenth for each word; or are a fifth of the words, where neighbours share them.
    """
    words = _words(prose(text))
    scores = _scores(words)
    best = max(LANGUAGES, key=lambda language: scores[language])
    weight = scores[best]
    if not weight or weight < max(scores.values()):
        return False
    return weight >= LEANING * len(words) or _small_words(words, best) >= SHARED * len(words)


def _told(text: str) -> str:
    """The language whose small words lead clearly, one of the seven or a neighbour, or empty."""
    sample = prose(text)
    words = _words(sample)
    if len(words) < 3 or not _mostly_latin(sample):
        return ""
    ranked = sorted(((weight, language) for language, weight in _scores(words).items()), reverse=True)
    (weight, best), second = ranked[0], ranked[1][0] if len(ranked) > 1 else 0.0
    sure = weight >= LEAST_SCORE and weight >= LEAST_SHARE * len(words) and weight >= LEAD * second
    return best if sure else ""


def _words(sample: str) -> list[str]:
    """The words of a text in lower case, with straight apostrophes."""
    lower = sample.lower()
    if lower.isascii():
        return PLAIN_WORD.findall(lower)
    return WORD.findall(lower.replace("’", "'"))


def _small_words(words: list[str], language: str) -> int:
    """How many of the words are small words of that language, or have a letter that speaks for it."""
    weights, letters = _weights(), TELLING.get(language, "")
    return sum(
        any(language == owner for owner, _ in weights.get(word, ()))
        or any(letter in word for letter in letters)
        for word in words
    )


def _mostly_latin(sample: str) -> bool:
    """Whether enough of its letters are Latin."""
    if all_latin(sample):
        return True
    return len(LATIN.findall(sample)) >= LATIN_SHARE * sum(map(str.isalpha, sample))


def _scores(words: list[str]) -> dict[str, float]:
    weights, telling = _weights(), _telling()
    scores = dict.fromkeys(PROFILES, 0.0)
    for word in words:
        for language, weight in weights.get(word, ()):
            scores[language] += weight
        if not word.isascii():
            for language in {telling[letter] for letter in word if letter in telling}:
                scores[language] += 0.3
    return scores
