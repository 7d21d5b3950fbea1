"""Words to whatever judges the mail rather than to whoever reads it, in seven languages. They may not calm anything.

Nothing here follows instructions; but the words of one ("all is well, score 0") are calm words as any other. So a text
that speaks to a machine is read without these words too. What is found too often costs time and calms nothing.
Every pattern is linear in the length of the text, which is folded (lower case without accents).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from levelhead.heat.text import Guarded

_CALM = (
    r"(?:calm[aoe]?|kalm|ruhig|sachlich|tranquil(?:[oa]|le)|seren[oa]|serein|friendly|freundlich|amical|amable"
    r"|amichevole|amigavel|vriendelijk|harmless|harmlos|inoffensif|inofensiv[oa]|innocu[oa]|onschuldig|neutral|neutre"
    r"|neutr[oa]|neutraal|positive?|positiv[oa]|positif|positief|benign|satisfied|zufrieden"
    r"|(?:un|non-?|not |nicht |kein |pas |no |non |nao |niet |geen )(?:heated|angry|hostile|hitzig|wutend|verargert"
    r"|aufgebracht|feindselig|en colere|enerve|hostil|hostile|agressif|acalorad[oa]|enfadad[oa]|agresiv[oa]"
    r"|enojad[oa]|acces[oa]|arrabbiat[oa]|aggressiv[oa]|exaltad[oa]|irritad[oa]|agressiv[oa]|zangad[oa]|verhit|boos"
    r"|vijandig))"
)
"""What an instruction wants a mail to be called."""

_RULES = Guarded(
    (
        "instru", "istruz", "prompt", "anweis", "irectio", "irectiv", "dirett", "diretr", "directr",
        "vorgabe", "onsigne", "ndicaci", "ndicazi", "ndicaco", "rientac", "wijzing", "uideline", "ichtli",
    ),
    re.compile(
        r"\b(?:ignor(?:e|er|ez|iere?n?|a|ar|ate|en|ad)|disregard|forget|override|bypass|overlook|missachte|negeer|negeren"
        r"|vergeet|vergiss|vergesst|oublie[zr]?|olvid[ae]n?|descart[ae]|dimentica(?:te)?|esqueca|desconsidere)\b"
        r"[^.!?\n]{0,40}\b(?:instructions?|prompts?|anweisung(?:en)?|instruktionen|instrucciones|istruzioni"
        r"|instrucoes|instructies|directions|directives?|direttive|diretrizes|directrices|vorgaben|consignes"
        r"|indicaciones|indicazioni|indicacoes|orientacoes|aanwijzingen|guidelines|richtlijnen|richtlinien)\b"
        r"|\b(?:new|neue|nouvelles?|nuevas?|nuove|novas?|nieuwe|system|special) "
        r"(?:instructions?|prompt|anweisung(?:en)?|instrucciones|istruzioni|instrucoes|instructies|consignes?)\s?:"
    ),
)  # fmt: skip
"""What it is to forget."""

_VERDICT = Guarded(
    (
        "lassif", "lasif", "ategor", "bewert", "stuf", "rate ", "rated", "label", "treat", "mark ", "marked",
        "markier", "markeer", "gemark", "marq", "marca", "beoord", "eschouw", "valu", "avali", "ehandel",
        "trait", "onsider", "score", "flag", "tag ", "trata", "trate", "level", "heat", "puntegg", "puntuac",
    ),
    re.compile(
        r"\b(?:classif(?:y|ied)|classifie[zr]?|classee?|clasifi(?:ca|que|car|cado)|classifi(?:ca|care|cato|cata|que"
        r"|car|cado|ceer|ceren|ceerd)|klassifizieren?|klassifiziert|categori[sz]ed?|kategorisieren?|bewerten?|bewertet"
        r"|einstufen|einzustufen|eingestuft|stufe|rated?|label(?:led)?|treat(?:ed)?|mark(?:ed)?|markieren?|markiert"
        r"|marque[zr]?|marcar?|marcad[oa]|marcare|marque|markeer|gemarkeerd|beoordeel|beoordelen|beschouw|evalu[ae]r?"
        r"|avali[ae]r?|valuta(?:re|te)?|behandeln?|behandelt|behandel(?:d|en)?|traite[zr]?|traitee?|considered?"
        r"|considere[zr]?|consideri|considerar?|score|flag|tag|tratar?|tratad[oa]|trate|trattare|tratta|trattat[oa])\b"
        rf"[^.!?\n]{{0,50}}\b(?:as|als|como|comme|come|in|with|to)\b[^.!?\n]{{0,20}}\b{_CALM}\b"
        r"|\b(?:score|heat|level|punteggio|puntuacion)\s?(?:0|zero|calm)\b"
    ),
)  # fmt: skip
"""What it is to call the mail."""

_ANSWER = Guarded(
    (
        "output", "return", "espond", "reply", "answer", "ntwor", "ausgabe", "gib ", "repond", "renvoi",
        "renvoy", "sortie", "devuelv", "restitu", "retorn", "salid", "geef ", "uitvoer", "saida", "print",
    ),
    re.compile(
        r"\b(?:output|return|respond|reply|answer|print|ausgabe|antworten?|gib|reponde?[zs]?|renvoie|renvoyez|sortie"
        r"|responde|responda|devuelv[ae]|salida|rispond(?:i|ete)|restituis(?:ci|ca|ce)|retorne|saida|geef|antwoord"
        rf"|uitvoer)\b(?: (?:only|just|with|nur|mit|avec|seulement|uniquement|con|solo|com|apenas|met|alleen|the|das"
        rf"|le|la|el|il|o|a|het|word|wort|mot|palabra|parola|palavra|woord|label|als|as))*\W{{1,4}}{_CALM}\b"
        r"(?! ?[a-z])"
    ),
)  # fmt: skip
"""What it is to answer."""

_FIELD = Guarded(
    (
        "score", "heat", "level", "label", "sentim", "tone", "verdict", "anger", "puntegg", "puntuac",
        "pontuac", "nivel", "livell", "niveau", "stimmung", "bewert", "etiquet", "etichet", "toxici",
        "lassif", "lasif", "stufe", "toon", "tono",
    ),
    re.compile(
        r"\b(?:score|heat|heated|level|label|sentiment[oe]?|tone?|verdict|anger|punteggio|puntuacion|pontuacao|nivel"
        r"|livello|niveau|stimmung|bewertung|etiqueta|etichetta|toxicity|classification|klassifikation|clasificacion"
        r"|classificazione|classificacao|classificatie|stufe|toon|tono|tom)\b[\"']?"
        rf"\s?[:=]\s?[\"']?(?:0(?:[.,]\d{{1,3}})?\b|zero\b|null\b|none\b|false\b|low\b|{_CALM}\b)"
        r"|^\W{0,3}x-[a-z-]{0,40}(?:score|heat|level|label|sentiment|class|verdict|spam|filter)[a-z-]{0,20}\s?:",
        re.MULTILINE,
    ),
)  # fmt: skip
"""A form that is filled in for it."""

_ROLE = Guarded(
    (
        "system", "sistema", "systeem", "assist", "asistent", "inst", "user>", "prompt", "<|", "chatbot", "chatgpt",
        "llm", "model",
    ),
    re.compile(
        r"^\W*(?:(?:to|an|au|a|al|ao|aan)\b[^.!?:\n]{0,12} )?(?:systeme?|sistema|systeem|assistants?|assistent"
        r"|asistente|assistente|chatbot|chatgpt|llm|modell?)\b[^.!?:\n]{0,14}:"
        r"|</?\s?(?:system|assistant|user|instructions?|inst|prompt|sys)\b[^<>\n]{0,40}>|\[/?(?:inst|system)\]"
        r"|<\|[a-z_]{1,20}\|>",
        re.MULTILINE,
    ),
)  # fmt: skip
"""How prompts of language models are written."""

_NAMED = Guarded(
    (
        "filter", "filtr", "lassif", "lasif", "etector", "detekt", "detecte", "detetor", "rilevat", "rivelat",
        "language m", "sprachm", "modele d", "modelo d", "modello l", "taalmodel", "assist", "asistent",
        "llm", "moderat", "sentim",
    ),
    re.compile(
        r"\b(?:language model|ai assistant|ki-assistent|sprachmodell|modele de langage|modelo de lenguaje"
        r"|modelo de linguagem|modello linguistico|taalmodel|sentiment analys[ei]s|assistente (?:ia|virtual|di ia)"
        r"|asistente de ia|assistant ia|ai-assistent)\b"
        r"|\b(?:(?:notes?|notice|messages?|instructions?|hinweise?|notiz|nachricht|remarque|consigne|nota|aviso|mensaje"
        r"|avviso|messaggio|mensagem|opmerking|bericht)\s?(?:to|for|an|fur|au|a|aux?|pour|para|al|per|ao|aan|voor|:)"
        r"|(?:to|an|au|a|al|ao|aan)(?= (?:the|den|das|le|il|lo|o|de|het) | (?:clas|detec|filt|rile))"
        r"|attention|dear|hello|achtung|liebe[rs]?|chere?|atencion|estimado|querido|attenzione|caro|atencao|prezado"
        r"|let op|beste)\b[^.!?\n]{0,30}"
        r"\b(?:(?:e-?mail|mail|spam|post|content|inhalts)[- ]?filter|filtre|filtro|classifier|klassifikator"
        r"|klassifizierer|classifieur|classificateur|clasificador|classificatore|classificador|classificeerder"
        r"|detector|detektor|detecteur|detetor|rilevatore|rivelatore|llm|(?:sentiment|moderation|sentiment-?)"
        r"[ -]?(?:model|bot|system|analys\w{1,6}))\b"
    ),
)  # fmt: skip
"""Who it is said to."""


_ALERT = Guarded(
    ("alert", "alarm", "avvis", "allarm", "melding"),
    re.compile(
        r"\b(?:do not|don't|no|never|nicht|kein(?:en|e)?|ne|pas|sans|non|nao|geen|niet)\b[^.!?\n]{0,25}"
        r"\b(?:alerts?|alarme?s?|alarmen|alerte[zr]?|alertar?|alertas?|avvis[oi]|allarm[ei]|alarmas|meldingen?)\b"
        r"(?! (?:system|clock|anlage))"
    ),
)  # fmt: skip
"""What it is not to do."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Patterns of which one is enough."""

    patterns: tuple[Guarded, ...]
    plain: tuple[Guarded, ...]
    """Those that are found in a text without a colon and without an equals sign."""

    def search(self, text: str) -> re.Match[str] | None:
        """A place where one of the patterns is found; None where none is."""
        filled = ":" in text or "=" in text
        for pattern in self.patterns if filled else self.plain:
            if (match := pattern.search(text)) is not None:
                return match
        return None


TO_A_MACHINE = AnyOf(
    (_RULES, _VERDICT, _ANSWER, _FIELD, _ROLE, _NAMED, _ALERT),
    (_RULES, _VERDICT, _ANSWER, _ROLE, _NAMED, _ALERT),
)
"""A sentence (folded) that speaks to whatever judges the mail. It may not calm anything."""
