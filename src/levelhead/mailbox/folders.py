"""Which folders are watched, and which one holds drafts: by SPECIAL-USE, then by name, then as configured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from levelhead.mailbox.api import Connection, FolderInfo, MailboxSpec
from levelhead.mailbox.gmail import CAPABILITY
from levelhead.store.api import Store, kept_note

NONE_WATCHED = "there is no folder to watch; name some with `folders` in this [[mailbox]]"
NONE_SENT = "no folder for sent mail was found, so none of your answers counts; name it with `sent` in this [[mailbox]]"


class Role(StrEnum):
    """What a folder is for."""

    INBOX = "inbox"
    SENT = "sent"
    ARCHIVE = "archive"
    DRAFTS = "drafts"
    OTHER = "other"
    ALL = "all"
    """Gmail's All Mail, where every message stands but junk and what was thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A folder that is read, and its role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was chosen: folders to read (Sent first), the Drafts folder if there is one, and names not found."""

    watched: tuple[Watched, ...]
    drafts: str | None
    missing: tuple[str, ...] = ()
    hidden: bool = False
    """Whether `auto` was wanted of a server with labels whose All Mail is not shown by IMAP."""

    @property
    def sent(self) -> tuple[str, ...]:
        """The folders with mail of mine; without one Gmail's All Mail, where labels tell what was sent."""
        mine = tuple(folder.name for folder in self.watched if folder.role is Role.SENT)
        return mine or tuple(folder.name for folder in self.watched if folder.role is Role.ALL)

    @property
    def listened_to(self) -> str | None:
        """The folder that is open while nothing happens: INBOX, or else the first one; None when there is none."""
        inbox = [folder.name for folder in self.watched if folder.role is Role.INBOX]
        return next(iter(inbox or [folder.name for folder in self.watched]), None)


ATTRIBUTES = {"\\sent": Role.SENT, "\\archive": Role.ARCHIVE, "\\drafts": Role.DRAFTS}
"""SPECIAL-USE (RFC 6154), in lower case, as Cyrus sends it."""
ALL = "\\all"
"""A folder with this attribute shows the messages of all others again; it is watched where that costs no download."""
AUTOMATIC = frozenset({Role.INBOX, Role.SENT, Role.ARCHIVE, Role.ALL})
"""Roles that `auto` stands for, as far as a server has such folders."""
UNWANTED = frozenset({"\\junk", "\\trash"})
"""What is not read unless it is named, even where a server hides its All Mail."""
HIDDEN = (
    "All Mail is hidden from IMAP, so mail without a label is not read; in Gmail's settings, under Labels, "
    "let All Mail show in IMAP"
)
"""What somebody is told whose All Mail cannot be read."""

NAMES: dict[Role, tuple[str, ...]] = {
    Role.SENT: (
        "sent", "sent items", "sent messages", "sent mail", "gesendet", "gesendete objekte", "gesendete elemente",
        "gesendete nachrichten", "envoyés", "éléments envoyés", "messages envoyés", "enviados", "elementos enviados",
        "mensajes enviados", "itens enviados", "mensagens enviadas", "inviata", "inviati", "posta inviata",
        "messaggi inviati", "verzonden", "verzonden items", "verzonden berichten", "skickat", "skickade objekt",
        "sendt", "sendt post", "sendte elementer", "lähetetyt", "wysłane", "elementy wysłane", "odeslané",
        "odeslaná pošta",
        "odoslané", "elküldött", "elküldött elemek", "trimise", "gönderilmiş", "gönderilmiş öğeler", "отправленные",
        "надіслані", "送信済み", "送信済みアイテム", "已发送", "已发送邮件", "寄件備份", "보낸편지함",
    ),
    Role.DRAFTS: (
        "drafts", "draft", "entwürfe", "entwurf", "brouillons", "brouillon", "borradores", "rascunhos", "bozze",
        "concepten", "utkast", "kladder", "kladde", "luonnokset", "szkice", "wersje robocze", "koncepty",
        "rozepsané", "piszkozatok", "ciorne", "taslaklar", "черновики", "чернетки", "下書き", "草稿", "草稿箱",
        "임시보관함",
    ),
    Role.ARCHIVE: (
        "archive", "archives", "archiv", "archivio", "archivo", "archivados", "arquivo", "arquivo morto", "archief",
        "arkiv", "arkisto", "archiwum", "archív", "archívum", "arhivă", "arşiv", "архив", "архів", "アーカイブ", "归档",
        "存档", "封存", "보관함",
    ),
}  # fmt: skip
"""Names that mail programs give in their languages, in lower case; the deepest part of the name is compared."""


def role_of(info: FolderInfo, prefix: str = "") -> Role:
    """What a folder is for; a name counts only at the top or right below the namespace's prefix or INBOX."""
    for attribute, role in ATTRIBUTES.items():
        if attribute in info.attributes:
            return role
    if info.name.upper() == "INBOX":
        return Role.INBOX
    name = _bare(info, prefix).casefold()
    return next((role for role, names in NAMES.items() if name in names), Role.OTHER)


def choose(
    folders: Iterable[FolderInfo],
    *,
    wanted: Sequence[str] = ("auto",),
    drafts: str | None = None,
    sent: str | None = None,
    prefix: str = "",
    labels: bool = False,
) -> Chosen:
    """The folders to read and the one for drafts. `auto` in `wanted` is INBOX, all Sent and all Archive folders.

    A name in `wanted` is taken as it is, or with the namespace's prefix before it (`Projects` for `INBOX.Projects`).
    `sent` names one more Sent folder in the same way; it is read whatever is wanted.
    With `labels`, the server is Gmail or like it, and `auto` is All Mail besides, or all that is shown but junk, trash
    and drafts where All Mail is hidden.
    """
    selectable = [info for info in folders if info.selectable]
    roles = _roles(selectable, prefix)
    if labels:
        roles |= {info.name: Role.ALL for info in selectable if ALL in info.attributes}
    hidden = labels and "auto" in wanted and Role.ALL not in roles.values()
    found: dict[str, Role] = {}
    missing: list[str] = []
    if sent and (mine := _find(sent, roles, prefix)) is not None:
        found[mine] = roles[mine] = Role.SENT
    elif sent:
        missing.append(sent)
    for want in wanted:
        if want == "auto":
            found |= _automatic(selectable, roles, hidden=hidden)
        elif (name := _find(want, roles, prefix)) is not None:
            found[name] = roles[name]
        else:
            missing.append(want)
    place = _find(drafts, roles, prefix) if drafts else _first_drafts(roles)
    if drafts and place is None:
        missing.append(drafts)
    found.pop(place or "", None)  # drafts are written, never read as mail
    order = (Role.SENT, Role.INBOX, Role.ARCHIVE, Role.OTHER, Role.ALL, Role.DRAFTS)
    watched = sorted(found.items(), key=lambda item: (order.index(item[1]), item[0]))
    return Chosen(
        watched=tuple(Watched(name=name, role=role) for name, role in watched),
        drafts=place,
        missing=tuple(missing),
        hidden=hidden,
    )


def _automatic(folders: Sequence[FolderInfo], roles: dict[str, Role], *, hidden: bool) -> dict[str, Role]:
    """What `auto` stands for; where All Mail is `hidden`, mail may stand under its label alone."""
    found = {name: role for name, role in roles.items() if role in AUTOMATIC}
    if hidden:
        shown = {info.name for info in folders if not info.attributes & UNWANTED}
        found |= {name: role for name, role in roles.items() if name in shown and role is Role.OTHER}
    return found


def chosen_on(connection: Connection, spec: MailboxSpec, prefix: str, listed: Sequence[FolderInfo]) -> Chosen:
    """The same for a mailbox whose server has `listed` its folders; `prefix` is that of its namespace."""
    return choose(
        listed,
        wanted=spec.folders,
        drafts=spec.drafts,
        sent=spec.sent,
        prefix=prefix,
        labels=CAPABILITY in connection.capabilities,
    )


def note_hidden(store: Store, mailbox: str, chosen: Chosen, now: datetime) -> None:
    """Keep for `levelhead status` whether All Mail is hidden; nothing is written unless that has changed."""
    note = HIDDEN if chosen.hidden else ""
    if (store.meta(kept_note(mailbox)) or "") != note:
        with store.transaction(now) as tx:
            tx.set_meta(kept_note(mailbox), note)


def _roles(folders: Sequence[FolderInfo], prefix: str) -> dict[str, Role]:
    """Roles by name; where the server says which folder has a role, names say nothing about that role any more.

    Several Sent folders are the exception: programs make their own beside the server's, and all are mine.
    """
    said = {role for info in folders for key, role in ATTRIBUTES.items() if key in info.attributes}
    roles = {}
    for info in folders:
        role = role_of(info, prefix)
        by_name = not info.attributes & set(ATTRIBUTES)
        if by_name and role in said and role is not Role.SENT:
            role = Role.OTHER
        roles[info.name] = role
    return roles


def _first_drafts(roles: dict[str, Role]) -> str | None:
    names = sorted(name for name, role in roles.items() if role is Role.DRAFTS)
    rank = {name: index for index, name in enumerate(NAMES[Role.DRAFTS])}
    return min(names, key=lambda name: rank.get(name.casefold(), len(rank)), default=None)


def _find(want: str, roles: dict[str, Role], prefix: str) -> str | None:
    for name in (want, prefix + want):
        if name in roles:
            return name
    folded = {name.casefold(): name for name in roles}
    return folded.get("inbox") if want.upper() == "INBOX" else None


def _bare(info: FolderInfo, prefix: str) -> str:
    name = info.name
    if prefix and name.startswith(prefix):
        return name[len(prefix) :]
    separator = info.separator or "/"
    head, found, rest = name.partition(separator)
    # `INBOX.Sent` where the server does not tell its namespace; `[Gmail]/Sent Mail` where it does not tell the use.
    if found and (head.upper() == "INBOX" or head in {"[Gmail]", "[Google Mail]"}):
        return rest
    return name
