"""Which field a header names, in eight languages, and what a misspelt one was probably meant to be.

A name stands here only if it cannot mean anything else in a sheet of orders: a header that is
recognised is sent without asking. How to add a language: docs/development.md.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from ordersheet.core.model import ATTRIBUTE_PREFIX, COMMENT_FIELDS, GUARD_PREFIX, ORDER, REPLACE_FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIELDS = (
    ORDER,
    "internalComment",
    REPLACE_FLAGS["internalComment"],
    "comment",
    REPLACE_FLAGS["comment"],
)
"""The fields that a column can feed, attributes apart, in the order in which people see them."""
_COMMENT = "comment"
PREVIEW_HEADERS = ("now:", "then:", "change:")
"""How the headers of columns begin that a preview adds; such columns are never sent."""

NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    ORDER: {
        "English": ("Order ID", "Order number", "Order no", "Order nr", "Order num", "Order #"),
        "Swedish": ("Ordernummer", "Beställningsnummer", "Order-ID", "Ordernr", "Beställningsnr"),
        "German": (
            "Bestellnummer",
            "Bestell-Nr.",
            "Bestell-ID",
            "Auftragsnummer",
            "Auftrags-Nr.",
            "Auftrags-ID",
        ),
        "French": (
            "Numéro de commande",
            "Numero de commande",
            "N° de commande",
            "N° commande",
            "No de commande",
            "No commande",
            "Numéro commande",
            "Numero commande",
            "ID commande",
            "ID de commande",
            "ID de la commande",
        ),
        "Spanish": (
            "Número de pedido",
            "Numero de pedido",
            "N° de pedido",
            "N° pedido",
            "Nº pedido",
            "Nº de pedido",
            "ID de pedido",
            "ID del pedido",
            "ID pedido",
            "Pedido ID",
            "Número pedido",
            "Numero pedido",
        ),
        "Danish": ("Ordrenummer", "Ordrenr.", "Ordre-ID", "Ordre nummer", "Bestillingsnummer"),
        "Norwegian": ("Ordrenummer", "Ordrenr.", "Ordre-ID", "Bestillingsnummer", "Bestillingsnr."),
        "Dutch": ("Bestelnummer", "Bestelnr.", "Bestel-ID", "Ordernummer", "Bestelling ID"),
    },
    "internalComment": {
        "English": (
            "Internal comment",
            "Internal comments",
            "Internal note",
            "Internal notes",
            "Internal remark",
        ),
        "Swedish": (
            "Intern kommentar",
            "Interna kommentarer",
            "Internkommentar",
            "Intern anteckning",
            "Intern notering",
        ),
        "German": (
            "Interner Kommentar",
            "Interne Kommentare",
            "Interne Bemerkung",
            "Interne Notiz",
            "Interne Anmerkung",
            "Interner Vermerk",
        ),
        "French": ("Commentaire interne", "Commentaires internes", "Note interne", "Remarque interne"),
        "Spanish": (
            "Comentario interno",
            "Comentarios internos",
            "Nota interna",
            "Observación interna",
            "Observacion interna",
        ),
        "Danish": (
            "Intern kommentar",
            "Interne kommentarer",
            "Intern note",
            "Internt notat",
            "Intern bemærkning",
        ),
        "Norwegian": ("Intern kommentar", "Interne kommentarer", "Internt notat", "Intern merknad"),
        "Dutch": ("Interne opmerking", "Interne opmerkingen", "Interne notitie", "Intern commentaar"),
    },
    REPLACE_FLAGS["internalComment"]: {
        "English": ("Replace internal comment", "Replace internal comments", "Replace internal note"),
        "Swedish": ("Ersätt intern kommentar",),
        "German": ("Internen Kommentar ersetzen", "Interner Kommentar ersetzen"),
        "French": ("Remplacer le commentaire interne", "Remplacer commentaire interne"),
        "Spanish": ("Reemplazar comentario interno", "Reemplazar el comentario interno"),
        "Danish": ("Erstat intern kommentar",),
        "Norwegian": ("Erstatt intern kommentar",),
        "Dutch": ("Interne opmerking vervangen", "Vervang interne opmerking"),
    },
    "comment": {
        "English": ("Customer comment", "Customer comments", "Customer's comment"),
        "Swedish": ("Kundkommentar", "Kundens kommentar"),
        "German": ("Kundenkommentar", "Kommentar des Kunden", "Kunden-Kommentar"),
        "French": ("Commentaire client", "Commentaire du client"),
        "Spanish": ("Comentario del cliente", "Comentario de cliente", "Comentario cliente"),
        "Danish": ("Kundekommentar", "Kundens kommentar"),
        "Norwegian": ("Kundekommentar", "Kundens kommentar"),
        "Dutch": ("Klantopmerking", "Opmerking klant", "Opmerking van de klant", "Commentaar klant"),
    },
    REPLACE_FLAGS["comment"]: {
        "English": ("Replace customer comment",),
        "Swedish": ("Ersätt kundkommentar",),
        "German": ("Kundenkommentar ersetzen",),
        "French": ("Remplacer le commentaire client", "Remplacer commentaire client"),
        "Spanish": ("Reemplazar comentario del cliente", "Reemplazar el comentario del cliente"),
        "Danish": ("Erstat kundekommentar",),
        "Norwegian": ("Erstatt kundekommentar",),
        "Dutch": ("Klantopmerking vervangen", "Vervang klantopmerking"),
    },
}
"""Other names of each field, by language; the field's own name (`internalComment`) always counts, `comment`
only as the API spells it."""

BARE_COMMENT_NAMES = (
    *("Comment", "Comments", "Note", "Notes", "Remark", "Remarks", "Kommentar", "Kommentarer", "Kommentare"),
    *("Anteckning", "Anteckningar", "Notering", "Bemerkung", "Bemerkungen", "Anmerkung", "Notiz", "Notizen"),
    *("Commentaire", "Commentaires", "Remarque", "Remarques", "Comentario", "Comentarios", "Nota", "Notas"),
    *(
        "Observación",
        "Observaciones",
        "Bemærkning",
        "Notat",
        "Merknad",
        "Opmerking",
        "Opmerkingen",
        "Notitie",
    ),
)
"""Headers that may be a comment, but do not say which: the customer may see one of the two."""

_IGNORED = re.compile(r"[\s_\-\u2010-\u2015\u2212.:\u00ad\u200b\ufeff]+")
_ATTRIBUTE_HEADER = re.compile(
    r"^\s*(?P<prefix>attr\s*:|extra[\s_-]*attributes\s*\.)(?P<key>.*)$", re.IGNORECASE | re.DOTALL
)
_GUARD_HEADER = re.compile(r"^\s*expect\s*:\s*(?P<field>.*?)\s*$", re.IGNORECASE | re.DOTALL)
_AFTER_PREFIX = re.compile(r"[.:;,=/\s_-]+")
_ATTRIBUTE_PREFIXES = ("attr", "attribute", "attributes", "extraattr", "extraattribute", "extraattributes")
_ATTRIBUTE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*(_+[A-Za-z0-9.\-]+)+")
_LONG_NAME = 7
_MOST_LETTERS_OFF = 2
_LONGEST_PREFIX = max(map(len, _ATTRIBUTE_PREFIXES)) + _MOST_LETTERS_OFF
_SHORTEST_BARE = 6
"""Shorter names of a comment have too many neighbours to tell a slip of the finger from another word."""
_MARKS = "*\u2217\uff0a\u204e\u2731\u2020\u2021!"
"""Signs with which forms mark a column that must be filled: an asterisk in its several shapes, daggers."""
_MARK_WORDS = (
    *(
        "required",
        "mandatory",
        "obligatory",
        "optional",
        "obligatorisk",
        "obligatoriskt",
        "valfri",
        "valfritt",
    ),
    *("pflicht", "pflichtfeld", "erforderlich", "obligatoire", "requis", "facultatif", "optionnel"),
    *("obligatorio", "requerido", "opcional", "påkrævet", "valgfri", "påkrevd", "valgfritt"),
    *("verplicht", "optioneel"),
)
_MARK = re.compile(
    rf"^[\s{re.escape(_MARKS)}]+|[\s{re.escape(_MARKS)}]+$|\s*[(\[](?:[{re.escape(_MARKS)}]|{'|'.join(_MARK_WORDS)})[)\]]\s*$",
    re.IGNORECASE,
)


def fold(text: str) -> str:
    """Give what two headers must share to be the same one: no case, spaces, `_`, `-`, `.` or `:`."""
    plain = unicodedata.normalize("NFKC", unmarked(text).replace("º", "°")).casefold()
    return unicodedata.normalize("NFKC", _IGNORED.sub("", plain))


def unmarked(text: str) -> str:
    """Give a header without the mark of a form's required fields: `Order ID *`, `Order ID (required)`."""
    while (plain := _MARK.sub("", text)) != text:
        text = plain
    return text


def recognise(text: str) -> str | None:
    """Tell which field a header names by itself, without a mapping file.

    Args:
        text: the header as shown.

    Returns:
        `order`, `internalComment`, `replaceInternalComment`, `comment`, `replaceComment`, or
        `extraAttributes.` and a key (as written; whether it is a good one, `key_fault` tells);
        None for a header that names no field.
    """
    attribute = _ATTRIBUTE_HEADER.match(unmarked(text))
    if attribute:
        return ATTRIBUTE_PREFIX + attribute["key"].strip()
    # The customer may see it: a capital letter is enough to leave open which comment is meant.
    return _COMMENT if unmarked(text) == _COMMENT else _names().get(fold(text))


def is_guard_header(text: str) -> bool:
    """Tell whether a header begins as that of a guard does: `expect:`."""
    return _GUARD_HEADER.match(text) is not None


def guarded_field(text: str) -> str | None:
    """Tell which field the header of a guard names, such as `expect:internalComment`.

    Returns:
        A comment's name, or `extraAttributes.` and a key; None where it names nothing that can be guarded.
    """
    found = _GUARD_HEADER.match(text)
    if found is None:
        return None
    named = recognise(found["field"])
    if named is None or (named not in COMMENT_FIELDS and not named.startswith(ATTRIBUTE_PREFIX)):
        return None
    fault = named.startswith(ATTRIBUTE_PREFIX) and key_fault(named.removeprefix(ATTRIBUTE_PREFIX))
    return None if fault else named


def guard_header(field: str) -> str:
    """Give the header of the column that guards a field, such as `expect:attr:erp_reference`."""
    plain = field.removeprefix(ATTRIBUTE_PREFIX)
    return f"{GUARD_PREFIX}{field if plain == field else f'attr:{plain}'}"


def is_id_header(text: str) -> bool:
    """Tell whether a header names the order ID."""
    return recognise(text) == ORDER


def key_fault(key: str) -> str | None:
    """Say what is wrong with an attribute's key, or None.

    Keys are `attributeName_elementName` (the Order API's "Update order" page).
    """
    if _ATTRIBUTE_KEY.fullmatch(key):
        return None
    return (
        f'"{key}" is no attribute key: write the attribute\'s name, "_" and the element\'s name, '
        "in letters A to Z and digits, such as erp_reference"
    )


def guess(text: str) -> str | None:
    """Guess what a header that is not recognised was meant to be.

    Returns:
        A field's name where the header is one or two letters away from one of its names
        (one letter for names shorter than seven), or None.
    """
    attribute = _almost_attribute(unmarked(text))
    if attribute is not None:
        return ATTRIBUTE_PREFIX + attribute
    folded = fold(text)
    best: tuple[int, str] | None = None
    for name, field in _names().items():
        limit = _MOST_LETTERS_OFF if min(len(name), len(folded)) >= _LONG_NAME else 1
        if folded and abs(len(name) - len(folded)) <= limit:
            away = distance(folded, name)
            if away <= limit and (best is None or away < best[0]):
                best = (away, field)
    return best[1] if best else None


def usual_header(field: str) -> str:
    """Give the header that feeds a field as people write it: `Internal comment`, `attr:erp_reference`."""
    if field.startswith(ATTRIBUTE_PREFIX):
        return f"attr:{field.removeprefix(ATTRIBUTE_PREFIX)}"
    return NAMES[field]["English"][0]


def _almost_attribute(text: str) -> str | None:
    """Give the key of a header that begins almost like `attr:`, one or two letters off, and ends in a key."""
    for found in _AFTER_PREFIX.finditer(text):
        prefix, key = fold(text[: found.start()]), text[found.end() :].strip()
        if len(prefix) > _LONGEST_PREFIX:
            break
        near = any(distance(prefix, name) <= _MOST_LETTERS_OFF for name in _ATTRIBUTE_PREFIXES)
        if near and _ATTRIBUTE_KEY.fullmatch(key):
            return key
    return None


def may_be_comment(text: str) -> bool:
    """Tell whether a header is a bare "Comment"-like word that does not say which comment is meant.

    A longer one counts with a letter amiss, too.
    """
    folded = fold(text)
    return folded in _bare_names() or any(
        len(name) >= _SHORTEST_BARE and abs(len(name) - len(folded)) <= 1 and distance(folded, name) <= 1
        for name in _bare_names()
    )


def distance(one: str, other: str) -> int:
    """Count the letters to change, add, drop or swap with their neighbour to turn one word into the other."""
    before: list[int] = []
    above = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        line = [i]
        for j, b in enumerate(other, start=1):
            cost = min(above[j] + 1, line[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            line.append(cost)
        before, above = above, line
    return above[-1]


@cache
def _names() -> Mapping[str, str]:
    return dict(_all_names())


def _all_names() -> Iterator[tuple[str, str]]:
    for field, languages in NAMES.items():
        for names in languages.values():
            yield from ((fold(name), field) for name in names)
    yield from ((fold(field), field) for field in FIELDS if field != _COMMENT)


@cache
def _bare_names() -> frozenset[str]:
    return frozenset(fold(name) for name in BARE_COMMENT_NAMES)


def is_preview_header(header: str) -> bool:
    """Tell whether a preview or an export has written a column: what stands, what would stand, the change."""
    return header.strip().lower().startswith(PREVIEW_HEADERS)
