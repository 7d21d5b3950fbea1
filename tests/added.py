"""Words that are added to mails to see whether they move a verdict: praise, names, signatures, threats."""

from __future__ import annotations

PRAISE = {
    "en": [
        "By the way, our gardener Tom did a lovely job on the hedge last week.",
        "Maria from accounting was a great help yesterday.",
        "The new caterer was brilliant.",
        "My sister's wedding photographer took some absolutely gorgeous pictures.",
        "We had a wonderful meal at the little Italian restaurant on Saturday.",
        "I must say the receptionist at the hotel was so kind to us.",
        "Our neighbour Mrs Patel bakes the most delicious bread.",
        "Dr Lewis has been fantastic with the children.",
        "Uncle Bert's homemade cider is out of this world.",
        "Hats off to the lads from the fire brigade.",
        "The lady at the post office could not have been nicer.",
        "Our choir sang like angels on Sunday.",
        "I was blown away by the new exhibition at the town museum.",
    ],
    "de": [
        "Übrigens hat unser Gärtner Tom die Hecke letzte Woche wunderschön geschnitten.",
        "Maria aus der Buchhaltung war gestern eine große Hilfe.",
        "Der neue Caterer war großartig.",
        "Unsere Nachbarin Frau Öztürk backt ein köstliches Brot.",
        "Das Konzert am Samstag war ein Traum.",
        "Der Elektriker von nebenan hat hervorragend gearbeitet.",
        "Meine Kollegin Svenja hat den Umzug fantastisch organisiert.",
        "Der Lehrer unserer Tochter ist einfach toll.",
        "Onkel Berts selbst gemachter Most ist ein Gedicht.",
        "Hut ab vor den Jungs von der Feuerwehr.",
        "Die Dame bei der Post war ausgesprochen nett.",
        "Unser Chor hat am Sonntag gesungen wie die Engel.",
        "Die neue Ausstellung im Stadtmuseum hat mich umgehauen.",
    ],
    "es": [
        "Por cierto, nuestro jardinero Tomás dejó el seto precioso la semana pasada.",
        "María, de contabilidad, fue de gran ayuda ayer.",
        "El nuevo catering estuvo genial.",
        "Nuestra vecina Carmen hace un pan delicioso.",
        "El concierto del sábado fue maravilloso.",
        "El electricista trabajó de maravilla.",
        "Mi compañera Lucía organizó la mudanza estupendamente.",
        "La profesora de mi hija es un encanto.",
        "La sidra casera del tío Alberto está para chuparse los dedos.",
        "Chapó por los chicos de los bomberos.",
        "La señora de Correos fue amabilísima.",
        "Nuestro coro cantó el domingo como los ángeles.",
        "La nueva exposición del museo me dejó con la boca abierta.",
    ],
    "fr": [
        "Au fait, notre jardinier Tom a fait un très beau travail sur la haie la semaine dernière.",
        "Marie, de la comptabilité, a été d'une grande aide hier.",
        "Le nouveau traiteur était formidable.",
        "Notre voisine Fatima fait un pain délicieux.",
        "Le concert de samedi était magnifique.",
        "L'électricien a fait un travail remarquable.",
        "Ma collègue Sophie a organisé le déménagement à merveille.",
        "L'institutrice de ma fille est adorable.",
        "Le cidre maison de l'oncle Albert est une tuerie.",
        "Chapeau aux gars des pompiers.",
        "La dame de la poste a été d'une gentillesse rare.",
        "Notre chorale a chanté dimanche comme des anges.",
        "La nouvelle exposition du musée m'a époustouflé.",
    ],
    "it": [
        "A proposito, il nostro giardiniere Tommaso ha sistemato la siepe benissimo la settimana scorsa.",
        "Maria della contabilità è stata di grande aiuto ieri.",
        "Il nuovo catering è stato fantastico.",
        "La nostra vicina Carmela fa un pane squisito.",
        "Il concerto di sabato è stato meraviglioso.",
        "L'elettricista ha fatto un ottimo lavoro.",
        "La mia collega Giulia ha organizzato il trasloco alla grande.",
        "La maestra di mia figlia è bravissima.",
        "Il sidro fatto in casa dello zio Alberto è la fine del mondo.",
        "Tanto di cappello ai ragazzi dei vigili del fuoco.",
        "La signora delle poste è stata gentilissima.",
        "Il nostro coro domenica ha cantato come gli angeli.",
        "La nuova mostra al museo mi ha lasciato a bocca aperta.",
    ],
    "pt": [
        "A propósito, o nosso jardineiro Tomás deixou a sebe linda na semana passada.",
        "A Maria da contabilidade foi uma grande ajuda ontem.",
        "O novo catering esteve fantástico.",
        "A nossa vizinha Amélia faz um pão delicioso.",
        "O concerto de sábado foi maravilhoso.",
        "O eletricista fez um excelente trabalho.",
        "A minha colega Sofia organizou a mudança lindamente.",
        "A professora da minha filha é um amor.",
        "A sidra caseira do tio Alberto é de comer e chorar por mais.",
        "Tiro o chapéu aos rapazes dos bombeiros.",
        "A senhora dos correios foi amabilíssima.",
        "O nosso coro cantou no domingo como os anjos.",
        "A nova exposição do museu deixou-me de boca aberta.",
    ],
    "nl": [
        "Trouwens, onze tuinman Tom heeft de heg vorige week prachtig gesnoeid.",
        "Maria van de boekhouding was gisteren een grote hulp.",
        "De nieuwe cateraar was geweldig.",
        "Onze buurvrouw Fatma bakt heerlijk brood.",
        "Het concert van zaterdag was schitterend.",
        "De elektricien heeft uitstekend werk geleverd.",
        "Mijn collega Sanne heeft de verhuizing fantastisch geregeld.",
        "De juf van mijn dochter is een schat.",
        "De zelfgemaakte cider van oom Bert is om je vingers bij af te likken.",
        "Petje af voor de jongens van de brandweer.",
        "De mevrouw van het postkantoor was allervriendelijkst.",
        "Ons koor zong zondag als engelen.",
        "De nieuwe tentoonstelling in het stadsmuseum blies me van mijn sokken.",
    ],
}
"""Praise of somebody who is not the reader; `PRAISE_NOT_TOLD` of it is not recognised."""

NAMES = [
    ("Dick Cheney", "Emphasis Training"),
    ("Wang Fuk", "Angry Birds GmbH"),
    ("Axel Killinger", "Final Notice Design"),
    ("Dolores Lawless", "Crook & Sons"),
    ("Łukasz Żółć", "Żabka Studio"),
    ("Jan van der Berg", "Van den Broek BV"),
    ("María José de la Cruz-Peña", "Hijos de Rivera SL"),
    ("João d'Ávila", "Pão de Mel Lda"),
    ("Grace Hope", "Rude Health Ltd"),
    ("Nguyễn Thị Minh", "Phở Hà Nội"),
    ("王伟", "华为 GmbH"),
    ("Иван Петров", "Газпром Media"),
    ("Mohammed al-Rashid", "Al Noor Trading LLC"),
    ("Sean O'Brien", "Murder Burger Inc"),
    ("Fatima", "Zalando"),
    ("Graf von Stauffenberg", "Mord & Brand KG"),
]
"""Names of people and of companies of many cultures; some are words, and some of these are ugly."""

SIGNATURES = {
    "en": [
        "Kind regards\nJane Painter\nHead of Operations\nEmphasis Training Ltd\n+44 20 7946 0000",
        "Kind regards,\nDick Cheney",
        "Best wishes, Tom",
        "Yours sincerely,\n\nM. O'Connor-Smith\nCrook & Sons",
        "Best,\nAnna\nwww.studio-nord.example",
    ],
    "de": [
        "Mit freundlichen Grüßen\nJana Maler\nLeitung Betrieb\nEmphasis Training GmbH\nTel. +49 30 1234567",
        "Viele Grüße\nAxel Killinger",
        "Beste Grüße, Tom",
        "Hochachtungsvoll\n\nDr. M. von Stein\nMord & Brand KG",
        "LG\nAnna\nwww.studio-nord.example",
    ],
    "es": [
        "Un saludo\nJuana Pintor\nDirectora de Operaciones\nEmphasis Training SL\n+34 91 123 45 67",
        "Saludos cordiales,\nDolores Matamoros",
        "Un abrazo, Tomás",
        "Atentamente,\n\nJ. M. de la Cruz\nHijos de Rivera SL",
        "Saludos\nAna\nwww.studio-nord.example",
    ],
    "fr": [
        "Cordialement\nJeanne Peintre\nDirectrice des opérations\nEmphasis Training SARL\n+33 1 23 45 67 89",
        "Bien cordialement,\nJean Lebrute",
        "Bien à vous, Thomas",
        "Veuillez agréer, Madame, Monsieur, l'expression de mes salutations distinguées.\n\nM. de Villiers",
        "Cdlt\nAnne\nwww.studio-nord.example",
    ],
    "it": [
        "Cordiali saluti\nGianna Pittore\nDirettrice operativa\nEmphasis Training srl\n+39 06 1234567",
        "Un caro saluto,\nGuerrino Malvagio",
        "Saluti, Tommaso",
        "Distinti saluti\n\nDott. M. Della Valle\nFratelli Rossi & Figli",
        "Saluti\nAnna\nwww.studio-nord.example",
    ],
    "pt": [
        "Com os melhores cumprimentos\nJoana Pintor\nDiretora de Operações\nEmphasis Training Lda\n+351 21 123 45 67",
        "Atenciosamente,\nJosé Matador",
        "Abraços, Tomás",
        "Cumprimentos\n\nDra. M. da Silva\nIrmãos Costa Lda",
        "Abraço\nAna\nwww.studio-nord.example",
    ],
    "nl": [
        "Met vriendelijke groet\nJanneke Schilder\nHoofd bedrijfsvoering\nEmphasis Training BV\n+31 20 123 45 67",
        "Groeten,\nJan Moordenaar",
        "Hartelijke groet, Tom",
        "Hoogachtend\n\nDrs. M. van den Broek\nGebroeders Smit BV",
        "Mvg\nAnna\nwww.studio-nord.example",
    ],
}
"""A farewell with a name, some with job, company and number, none of them below a mark."""

KINDS = ("legal action", "chargeback", "public", "violence", "authority", "ultimatum")
THREATS = {
    "en": [
        "If this is not settled by Friday we will sue you, and you will hear from our lawyers.",
        "Give me my money back today or I will file a chargeback with my bank.",
        "Fix this or I will leave one-star reviews everywhere and go to the press.",
        "I know where you live, and I will come over and break your legs.",
        "I am going to report you to the tax office and the data protection authority.",
        "Deliver by noon tomorrow or we cancel the contract.",
    ],
    "de": [
        "Wenn das bis Freitag nicht erledigt ist, verklagen wir Sie, und Sie hören von unserem Anwalt.",
        "Ich will mein Geld heute zurück, sonst lasse ich die Zahlung von der Bank zurückbuchen.",
        "Bringen Sie das in Ordnung, oder ich schreibe überall Ein-Stern-Bewertungen und gehe an die Presse.",
        "Ich weiß, wo Sie wohnen, und ich komme vorbei und breche Ihnen die Knochen.",
        "Ich werde Sie beim Finanzamt und bei der Datenschutzbehörde anzeigen.",
        "Liefern Sie bis morgen Mittag, oder wir kündigen den Vertrag.",
    ],
    "es": [
        "Si esto no está resuelto el viernes, les demandaremos y tendrán noticias de nuestros abogados.",
        "Devuélvanme el dinero hoy o haré que el banco anule el cargo.",
        "Arréglenlo o dejaré reseñas de una estrella por todas partes e iré a la prensa.",
        "Sé dónde vives, y voy a ir a partirte las piernas.",
        "Voy a denunciarles ante Hacienda y ante la Agencia de Protección de Datos.",
        "Entreguen antes de mañana al mediodía o cancelamos el contrato.",
    ],
    "fr": [
        "Si ce n'est pas réglé vendredi, nous vous poursuivrons en justice et notre avocat vous écrira.",
        "Remboursez-moi aujourd'hui, sinon je fais annuler le paiement par ma banque.",
        "Corrigez cela ou je publierai des avis à une étoile partout et j'irai voir la presse.",
        "Je sais où vous habitez, et je vais venir vous casser les jambes.",
        "Je vais vous signaler au fisc et à la CNIL.",
        "Livrez avant demain midi, sinon nous résilions le contrat.",
    ],
    "it": [
        "Se la cosa non è risolta entro venerdì, vi faremo causa e riceverete notizie dal nostro avvocato.",
        "Ridatemi i soldi oggi o faccio stornare il pagamento dalla banca.",
        "Sistemate la cosa o lascerò recensioni da una stella ovunque e andrò alla stampa.",
        "So dove abiti, e vengo a spaccarti le gambe.",
        "Vi segnalerò all'Agenzia delle Entrate e al Garante della privacy.",
        "Consegnate entro domani a mezzogiorno o annulliamo il contratto.",
    ],
    "pt": [
        "Se isto não estiver resolvido até sexta-feira, vamos processar-vos e terão notícias do nosso advogado.",
        "Devolvam-me o dinheiro hoje ou peço ao banco que anule o pagamento.",
        "Resolvam isto ou deixo avaliações de uma estrela em todo o lado e vou à imprensa.",
        "Sei onde moras, e vou aí partir-te as pernas.",
        "Vou denunciar-vos às Finanças e à Comissão de Proteção de Dados.",
        "Entreguem até amanhã ao meio-dia ou cancelamos o contrato.",
    ],
    "nl": [
        "Als dit vrijdag niet is opgelost, slepen we u voor de rechter en hoort u van onze advocaat.",
        "Ik wil vandaag mijn geld terug, anders laat ik de betaling door de bank terugdraaien.",
        "Los het op of ik zet overal recensies van één ster en stap naar de pers.",
        "Ik weet waar je woont, en ik kom langs om je benen te breken.",
        "Ik ga jullie aangeven bij de Belastingdienst en de Autoriteit Persoonsgegevens.",
        "Lever voor morgenmiddag twaalf uur of we zeggen het contract op.",
    ],
}
"""An explicit threat of each of `KINDS`."""

NO_THREATS = {
    "en": [
        "Our landlord threatened to sue us over the bins, but that has nothing to do with you.",
        "Nobody here wants to sue anybody.",
        "The bank asked whether we wanted a chargeback, and we said no.",
        "My cousin will sue his builder.",
    ],
    "de": [
        "Unser Vermieter hat gedroht, uns wegen der Mülltonnen zu verklagen, damit haben Sie nichts zu tun.",
        "Niemand hier will jemanden verklagen.",
        "Die Bank fragte, ob wir eine Rückbuchung wollen, und wir haben abgelehnt.",
        "Mein Cousin verklagt seinen Bauunternehmer.",
    ],
    "es": [
        "Nuestro casero amenazó con demandarnos por los cubos de basura, pero eso no tiene nada que ver.",
        "Aquí nadie quiere demandar a nadie.",
        "El banco preguntó si queríamos un contracargo y dijimos que no.",
        "Mi primo va a demandar a su constructor.",
    ],
    "fr": [
        "Notre bailleur a menacé de nous poursuivre en justice pour les poubelles, rien à voir avec vous.",
        "Personne ici ne veut poursuivre qui que ce soit en justice.",
        "La banque a demandé si nous voulions faire opposition au paiement, et nous avons refusé.",
        "Mon cousin va porter plainte contre son maçon.",
    ],
    "it": [
        "Il nostro padrone di casa ha minacciato di farci causa per i bidoni, ma voi non c'entrate.",
        "Qui nessuno vuole fare causa a nessuno.",
        "La banca ha chiesto se volevamo un chargeback, e abbiamo detto di no.",
        "Mio cugino farà causa al suo muratore.",
    ],
    "pt": [
        "O nosso senhorio ameaçou processar-nos por causa dos contentores, mas isso não é convosco.",
        "Ninguém aqui quer processar ninguém.",
        "O banco perguntou se queríamos um chargeback, e dissemos que não.",
        "O meu primo vai processar o empreiteiro dele.",
    ],
    "nl": [
        "Onze huisbaas dreigde ons voor de rechter te slepen om de vuilnisbakken, maar dat staat hier los van.",
        "Niemand hier wil iemand voor de rechter slepen.",
        "De bank vroeg of we een chargeback wilden, en we zeiden nee.",
        "Mijn neef sleept zijn aannemer voor de rechter.",
    ],
}
"""Words of law and of money that threaten nobody who reads them."""

UNSEEN_PRAISE = {
    "en": [
        "Our postman Gary is always so cheerful and kind.",
        "The vet was marvellous with our old dog.",
        "Rosa in the canteen cooks a superb curry.",
        "The choir concert at St Mary's was beautiful.",
        "My nephew passed his exams with excellent marks.",
    ],
    "de": [
        "Unser Postbote Gerd ist immer so freundlich.",
        "Die Tierärztin war großartig zu unserem alten Hund.",
        "Rosa aus der Kantine kocht ein hervorragendes Curry.",
        "Das Chorkonzert in der Marienkirche war wunderschön.",
        "Mein Neffe hat seine Prüfung mit Bravour bestanden.",
    ],
    "es": [
        "Nuestro cartero Gerardo es siempre muy amable.",
        "La veterinaria se portó de maravilla con el perro.",
        "Rosa, la de la cantina, hace un curry exquisito.",
        "El concierto del coro fue precioso.",
        "Mi sobrino aprobó los exámenes con unas notas excelentes.",
    ],
    "fr": [
        "Notre facteur Gérard est toujours si aimable.",
        "La vétérinaire a été formidable avec notre vieux chien.",
        "Rosa, à la cantine, prépare un curry exquis.",
        "Le concert de la chorale était très beau.",
        "Mon neveu a réussi ses examens brillamment.",
    ],
    "it": [
        "Il nostro postino Gerardo è sempre così gentile.",
        "La veterinaria è stata bravissima con il nostro vecchio cane.",
        "Rosa della mensa prepara un curry squisito.",
        "Il concerto del coro è stato bellissimo.",
        "Mio nipote ha superato gli esami con ottimi voti.",
    ],
    "pt": [
        "O nosso carteiro Gerardo é sempre tão simpático.",
        "A veterinária foi fantástica com o nosso cão.",
        "A Rosa da cantina faz um caril divinal.",
        "O concerto do coro foi lindíssimo.",
        "O meu sobrinho passou nos exames com ótimas notas.",
    ],
    "nl": [
        "Onze postbode Gerard is altijd zo vriendelijk.",
        "De dierenarts was geweldig voor onze oude hond.",
        "Rosa van de kantine maakt een verrukkelijke curry.",
        "Het concert van het koor was prachtig.",
        "Mijn neefje is met mooie cijfers geslaagd.",
    ],
}
"""More of it, written when the rules stood, and none of them was made for these: two in three are recognised."""

NAMED = {
    "en": [
        "Dear {who},\n\nI met {who} at {firm} yesterday, and {who} said that the page is late."
        " Could you ask {who} again?"
        "\n\nKind regards\n{who}",
        "Hi {who}, thanks for the call. We sent the invoice to {who} from {firm} on Monday.\n\n{who}\n{firm}",
        "I told Mr {who} that this is too late. {who}, please answer.",
    ],
    "de": [
        "Sehr geehrter Herr {who},\n\nich habe gestern mit Herrn {who} gesprochen, und Frau {who} hat gesagt,"
        " dass die Seite zu spät kommt.\n\nMit freundlichen Grüßen\n{who}\n{firm}",
        "Hallo {who},\n\ndie Rechnung ging am Montag an {who}, das ist nicht gut.\n\n{who}",
    ],
    "es": [
        "Estimado Sr. {who}:\n\nAyer hablé con {who} de {firm} y me dijo que la página llega tarde. Le pregunté"
        " a {who} por el plan.\n\nUn saludo,\n{who}",
    ],
    "fr": [
        "Bonjour {who},\n\nHier j'ai parlé avec {who} de {firm} et on m'a dit que la page serait en retard. J'ai"
        " demandé le plan à {who}.\n\nCordialement\n{who}",
    ],
    "it": [
        "Buongiorno {who},\n\nieri ho parlato con {who} di {firm} e mi ha detto che la pagina è in ritardo. Ho"
        " chiesto il piano a {who}.\n\nCordiali saluti\n{who}",
    ],
    "pt": [
        "Olá {who},\n\nontem falei com {who} da {firm} e soube que a página está atrasada. Pedi o plano a {who}."
        "\n\nCumprimentos\n{who}",
    ],
    "nl": [
        "Beste {who},\n\ngisteren sprak ik met {who} van {firm} en de pagina is te laat. Ik vroeg {who} om het plan."
        "\n\nMet vriendelijke groet\n{who}",
    ],
}
"""Mails that name people and companies in greeting, running text and signature."""
