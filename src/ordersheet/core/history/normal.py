"""The one form in which an appended text is compared: by the ledger's keys and by reading back alike."""

from __future__ import annotations

import unicodedata

MARKUP = r"</?[A-Za-z][^<>]*>|&nbsp;"
"""What a shop may put around a text without changing it, as a pattern."""


def normalise_append(text: str) -> str:
    """Give an appended text the form in which it is compared.

    Unicode NFC, and each run of white space (line breaks among it) as one blank, with none at the ends:
    what a spreadsheet program or a comment box changes by itself makes no new text.
    """
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    return " ".join(composed.split())
