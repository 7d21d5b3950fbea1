"""What mail programs and their users write around a new text, in English, German, Spanish, French, Portuguese,
Italian and Dutch. Every pattern looks at one line of bounded length."""

from __future__ import annotations

import re

FIELD_NAMES = {
    "from": ("from", "von", "de", "da", "van", "expéditeur", "remitente", "mittente", "afzender"),
    "date": (
        "sent", "date", "gesendet", "datum", "envoyé", "envoyé le", "enviado", "enviado el", "enviado em",
        "enviada em", "enviada", "fecha", "data", "inviato", "verzonden", "verstuurd",
    ),
    "to": ("to", "an", "à", "a", "para", "aan", "destinataire"),
    "subject": ("subject", "betreff", "objet", "asunto", "assunto", "oggetto", "onderwerp"),
    "copy": ("cc", "kopie", "copie", "copia", "bcc", "cópia", "reply-to", "antwort an", "attachments", "importance"),
}  # fmt: skip
"""Names of fields in the block that a program writes above an earlier message, by what they say."""

FIELD_KINDS = {name.replace(" ", ""): kind for kind, names in FIELD_NAMES.items() for name in names}

_spaced = "|".join(
    sorted(
        (re.escape(n).replace(r"\ ", " ?") for ns in FIELD_NAMES.values() for n in ns), key=len, reverse=True
    )
)
FIELD = re.compile(rf"[*_]{{0,2}}({_spaced})[*_]{{0,2}} ?[:：][*_]{{0,2}}(?:\s|$)", re.IGNORECASE)
"""A field of such a block, bold in some programs."""

SEPARATOR = re.compile(
    r"(?:[-_=*]{2,}\s*(?:original message|original appointment|forwarded message|forwarded by .{1,80}"
    r"|(?:ursprüngliche|original|weitergeleitete) ?-?nachricht"
    r"|message (?:d['’]origine|original|transféré|transmis|réexpédié)"
    r"|mensaje (?:original|reenviado)|mensagem (?:original|encaminhada|reencaminhada)"
    r"|messaggio (?:originale|inoltrato)|(?:oorspronkelijk|origineel|doorgestuurd) bericht)\s*:?\s*[-_=*]{2,}"
    r"|>?\s*(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)"
    r"|début du message (?:transféré|réexpédié)|inicio del mensaje reenviado"
    r"|início da mensagem (?:re)?encaminhada|inizio messaggio inoltrato|begin doorgestuurd bericht)\s*:)\s*\Z",
    re.IGNORECASE,
)
"""A line after which an earlier or forwarded message begins."""

MARKS = (":", "-", "_", "=", "*")
"""Such a line, and a rule, ends with one of these."""

RULE = re.compile(r"[_\-=*]{5,}\Z")
"""A rule, which counts only when a block of fields follows."""

WROTE = re.compile(
    r"\b(?:wrote|writes|schrieb|schrieben|geschrieben|a écrit|escribió|escreveu|ha scritto|schreef|geschreven)\b",
    re.IGNORECASE,
)
YOU_WROTE = re.compile(
    r"\b(?:you|we|they|i) wrote|\b(?:hast|haben|habt) (?:du|sie|ihr)\b|schrieb(?:en)? (?:ich|sie|wir) ?:"
    r"|\bich schrieb"
    r"|\b(?:hai|hanno) scritto|\b(?:heb|hebt) .{0,30}geschreven",
    re.IGNORECASE,
)
"""A person telling who wrote what, not a program."""

OPENING = re.compile(
    r"(?:on|am|le|el|em|il|op|den)\b|.{0,80}[<(\[].{1,80}@|.{1,80}\b(?:wrote|schrieb|a écrit)\b",
    re.IGNORECASE,
)
"""How a program begins the line above a quote."""

WHEN = re.compile(
    r"@|\b\d{4}\b.{0,40}\b\d{1,2}[:.h]\d{2}|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{1,2}[:h]\d{2}\b.{0,40}\b\d{4}\b"
)
"""An address, or a date as programs write it."""

NOISE = re.compile(
    r"(?:sent (?:from|via|with) (?:my |a )?(?:iphone|ipad|android|samsung|galaxy|mobile|phone|blackberry|huawei|outlook"
    r"|mail for|proton|gmail|yahoo).{0,60}"
    r"|sent from (?:my \w+|outlook.{0,40})|get outlook for .{1,40}|(?:holen|laden) sie (?:sich )?outlook für .{1,40}"
    r"|(?:von meinem .{1,40} gesendet|gesendet (?:von|mit|über|aus) (?:meinem |der |outlook|mail|yahoo|gmx|web).{0,60})"
    r"|envoyé (?:de|depuis|à partir de) (?:mon |ma |outlook|yahoo|l'application).{0,60}"
    r"|téléchargez outlook pour .{1,40}"
    r"|enviado (?:desde|do|de|a partir do|através do) (?:mi |meu |outlook|mail|yahoo|gmail|samsung).{0,60}"
    r"|(?:obtener|obter) (?:o )?outlook para .{1,40}"
    r"|inviato (?:da|dal) (?:mio |iphone|ipad|outlook|yahoo|gmail|samsung).{0,60}"
    r"|(?:scarica|ottieni) outlook per .{1,40}"
    r"|(?:verstuurd|verzonden) (?:vanaf|vanuit|via|met) (?:mijn |outlook|mail|een|samsung).{0,60}"
    r"|(?:outlook voor|download outlook) .{1,40}"
    r"|\[?(?:external|extern|externe|externo|esterno)(?: e?-?mail| sender)?\]?[:.]?"
    r"|(?:caution|warning|achtung|vorsicht|attention|atención|atenção|attenzione|let op)[:!].{0,60}"
    r"(?:outside|external|außerhalb|extern|externe|extérieur|externo|fuera de|fora d|esterno|buiten).{0,200}"
    r"|virus-?free\.? ?(?:www\.avg\.com|www\.avast\.com)?)[.!]?\Z",
    re.IGNORECASE,
)
"""A line that a program added."""

VALEDICTION = re.compile(
    r"(?:(?:best|kind|warm|kindest|warmest|many|with)? ?(?:regards|wishes|thanks)|best|cheers|sincerely|yours"
    r"|yours (?:sincerely|faithfully|truly)|all the best|thank you|thanks|respectfully"
    r"|(?:mit )?(?:freundlichen?|besten?|herzlichen?|vielen?|liebe[nr]?|schönen?) (?:grü(?:ß|ss)en?|gru(?:ß|ss)|dank)"
    r"|hochachtungsvoll|mfg|lg|vg|grü(?:ß|ss)e|danke"
    r"|(?:bien )?cordialement|(?:meilleures |sincères )?salutations|bien à vous|merci|à bientôt|bonne journée"
    r"|(?:un )?(?:cordial )?saludos?(?: cordiales)?|atentamente|cordialmente|(?:muchas )?gracias"
    r"|(?:com os )?(?:melhores )?cumprimentos|atenciosamente|att|abraços?|obrigad[oa]"
    r"|(?:cordiali|distinti|migliori|un)? ?salut[io]|cordialmente|grazie(?: mille)?"
    r"|(?:met )?(?:vriendelijke|hartelijke) (?:groet|groeten)|(?:hoogachtend|groet|groeten|mvg|bedankt|bvd))[,.!]*\Z",
    re.IGNORECASE,
)

POSTSCRIPT = re.compile(r"p\.? ?s\.?\b|n\.? ?b\.? ", re.IGNORECASE)

CONTACT_PLACE = re.compile(
    r"(?:\b(?:tel|phone|mobile|mob|cell|fax|telefon|telefono|teléfono|telefone|téléphone|tél|mobil|móvil|cellulare|gsm"
    r"|direct|office|handy|ust-?id|vat|siret|p\.? ?iva|cif|nif|kvk|btw|hrb|iban)\b[.:/ ]{0,4}.{0,20}\d)"
    r"|(?:\+|\b00)\d[\d\s()./-]{6,}|\bwww\.|https?://|[\w.+-]{1,64}@[\w-]{1,63}\.[a-z]",
    re.IGNORECASE,
)
"""A line that tells where to reach somebody; there is a digit in it, or an address."""

CONTACT_WORD = re.compile(
    r"\b(?:gmbh|ltd|llc|inc|b\.v\.|s\.r\.l|s\.l\.|s\.a\.|sarl|lda|ug|ag|gbr)\b\.?|geschäftsführer|amtsgericht"
    r"|registered in"
    r"|^\W{0,3}(?:t|m|p|e|w|f|d)[:.|]\s?\S",
    re.IGNORECASE,
)
"""A line that tells who they are before the law, or begins like one of a signature."""

DIGIT = re.compile(r"\d")
"""Where it has none of these and no address, a line tells no place."""

LEGAL_HINTS = (
    "confiden", "vertraulich", "vertrouwelijk", "riservat", "intended", "rechtlich geschützt", "destinat",
    "geadresseerde",
)  # fmt: skip
"""Without one of these a text holds no disclaimer; asked first because it is quick."""

_LEGAL = (
    "confidential", "privileged", "intended (?:solely|only|recipient)", "intended for", "unauthori[sz]ed",
    "received (?:it|this).{0,30}in error", "notify the sender", "delete (?:it|this|the)", "disclos", "disseminat",
    "strictly prohibited", "liability", "viruses", "this e-?mail", "any attachments", "legal action",
    "views expressed",
    "vertrauliche?", "rechtlich geschützt", "irrtümlich", "nicht der (?:richtige|beabsichtigte)", "unbefugt",
    "vernichten", "nicht gestattet", "diese e-?mail", "informieren sie bitte", "absender", "weitergabe",
    "confidentiel", "destinataire", "par erreur", "ce message", "ce courriel", "pièces jointes", "détruire",
    "interdite?", "l'expéditeur", "non autorisée?",
    "confidencial", "destinatari[oa]", "por error", "este mensaje", "este correo", "notifique", "prohibid[oa]",
    "elimin[aeo]", "remitente", "adjuntos",
    "por engano", "esta mensagem", "este e-?mail", "proibid[oa]", "remetente", "anexos", "apag(?:ue|ar|á-l[ao])",
    "riservat[oiae]", "per errore", "questo messaggio", "questa e-?mail", "mittente", "vietat[oa]", "allegati",
    "distrugg", "cancellar",
    "vertrouwelijk", "geadresseerde", "ten onrechte", "dit (?:e-?mail)?bericht", "deze e-?mail", "afzender",
    "verboden", "bijlagen", "verwijder",
)  # fmt: skip

LEGAL = re.compile("|".join(_LEGAL), re.IGNORECASE)
"""Words of the small print; three different ones in one paragraph make it a disclaimer."""

LEGAL_STEMS = tuple(dict.fromkeys(re.split(r"[(\[.]|.\?", each)[0] for each in _LEGAL))
"""What each of them begins with: without any of these a text has none of them; asked first because it is quick."""

_SHOUTED = (
    r"this (?:e-?mail|message|communication)|diese[rs]? (?:e-?mail|nachricht)|ce (?:message|courriel|mail)"
    r"|este (?:mensaje|correo|e-?mail)|esta mensagem|quest[oa] (?:messaggio|e-?mail)|(?:dit|deze) (?:e-?mail|bericht)",
    r"viren|virus",
    r"liab|haftet|haftung|responsa|aansprakelijk|non risponde",
    r"unauthori[sz]ed|unbefugt|no autorizad|non autoris|non autorizzat|não autorizad|nao autorizad|onbevoegd",
    r"prohibited|verboten|untersagt|prohibid|interdit|vietat|proibid|verboden",
    r"confiden|vertraulich|vertrouwelijk|riservat|sigilo|secret|segreto|geheim|privileged",
    r"\bprint|drucken|imprim|stampa|afdruk",
    r"environment|umwelt|medio ?ambiente|environnement|l'ambiente|meio ambiente|milieu",
    r"2016/679|gdpr|dsgvo|rgpd|privacy",
    r"terms and conditions|geschäftsbedingungen|condiciones generales|conditions générales|condizioni generali"
    r"|condições gerais|algemene voorwaarden",
    r"binding|verbindlich|vinculante|vincolante|engage la soci|assinatura|bindend",
    r"recipient|addressee|adressat|empfänger|destinat|geadresseerde",
    r"disclaimer|legal notice|important notice|aviso|avertissement|avvertenza|avviso|advertencia|hinweis",
    r"unlawful|strafbar|strafbaar|delito|infraction|reato|\bcrime\b",
)
SHOUTED = tuple(re.compile(each, re.IGNORECASE) for each in _SHOUTED)
"""What small print in capitals speaks of, a pattern each: three of them make a paragraph in capitals a footer."""

SMALL = re.compile(r"[a-zß-ÿ]{3}")
"""Three small letters in a row: what has them soon is not in capitals."""

FIRST_PERSON = re.compile(
    r"\b(?:i (?:am|will|shall|have|want|demand|expect|do|did|know)|i'(?:m|ll|ve|d)|my|me|ich|mich|mir|mein\w*|je"
    r"|j'\w+|mon|mes|moi|yo|mi|mis|io|mio|mia|eu|meu|minha|ik|mij|mijn)\b",
    re.IGNORECASE,
)
"""Whoever says I is no footer."""
