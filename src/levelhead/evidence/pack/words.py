"""Longer texts of a pack."""

from __future__ import annotations

NO_LEGAL_ADVICE = (
    "This is a template and no legal advice. Whether and how such a declaration is made is for you and your lawyer"
    " to decide; strike out what is not so."
)

DECLARATION = """\
I, ______________________, of ______________________, declare:

1. I use the program levelhead to archive the e-mail of mailboxes that are mine to keep records of.

2. This pack was made by it (version {version}) from that archive. It holds {count} messages exchanged with {client}, \
as the archive held them at the checkpoint of {size} entries, {as_of}, whose root is {root}.

3. The files in the folder messages/ are the bytes as they were archived. I have not changed them, nor had anybody \
change them.

4. What I know of how the messages came about, from my own knowledge: ______________________

5. What I cannot say: ______________________

Place, date, signature: ______________________"""

CHECKING = (
    "Run python3 verify.py in the folder of this pack. It needs Python 3.9 or newer and nothing else; read it first,"
    " it is one file. It recomputes every digest in manifest.sha256, finds each message in the ledger by its digest,"
    " checks each entry's place in the tree (RFC 9162) and the signature on the root, and says what it did not check.",
    "sha256sum --check manifest.sha256 checks the digests alone.",
    "What no file in a pack can show: that the pack is complete, and that the key is really its owner's. Compare the"
    " public key with the one that its owner published, and ask for a time stamp or a witness.",
)

README = """{title}
{subtitle}

Made by {made_by} as of {as_of}.
{pdf}

bundle.html          the same for a browser: cover, contents, exhibits, chronology, appendices
messages/            every message, byte for byte as it was archived
attachments/         what was attached, under names made by levelhead (open only what you trust)
tables/              messages, attachments, custody, coverage, authentication and anchors as CSV (UTF-8);
                     loadfile.dat for review programs (Concordance: thorn around values, DC4 between them, UTF-8)
ledger/              the checkpoint, entries with inclusion proofs (RFC 9162), consistency proofs
timestamps/          answers of time-stamp authorities (RFC 3161), where there are any
declaration.txt      a template, and no legal advice
pack.json            what this pack is, for programs
manifest.sha256      the SHA-256 of every other file: sha256sum --check manifest.sha256
verify.py            checks all of it: python3 verify.py

In the tables an apostrophe stands in front of a value that a spreadsheet would take for a formula.
"""

WITH_PDF = "bundle.pdf           all of it for reading and printing"
WITH_VOLUMES = "bundle-*.pdf         all of it for reading and printing, in {count} volumes"
WITHOUT_PDF = "There is no PDF: {why}. bundle.html holds the same."
