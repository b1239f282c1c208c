"""The words that a CSV export writes where a cell showed an error.

A CSV does not tell an error from a text, so these words are refused as a cell's whole content. The seven
of Excel are written in the language of the Excel that saved the file; these are the eight languages that
headers are recognised in.
"""

from __future__ import annotations

ENGLISH = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A")

_OTHERS = {
    "German": ("#WERT!", "#BEZUG!", "#ZAHL!", "#NV"),
    "Swedish": ("#SKÄRNING!", "#DIVISION/0!", "#VÄRDEFEL!", "#REFERENS!", "#NAMN?", "#OGILTIGT!", "#SAKNAS!"),
    "French": ("#NUL!", "#VALEUR!", "#NOM?", "#NOMBRE!"),
    "Spanish": ("#¡NULO!", "#¡DIV/0!", "#¡VALOR!", "#¡REF!", "#¿NOMBRE?", "#¡NUM!"),
    "Danish": ("#VÆRDI!", "#REFERENCE!", "#NAVN?", "#I/T"),
    "Norwegian": ("#VERDI!", "#NAVN?", "#I/T"),
    "Dutch": ("#LEEG!", "#DEEL/0!", "#WAARDE!", "#VERW!", "#NAAM?", "#GETAL!", "#N/B"),
}

ERROR_WORDS = frozenset(ENGLISH).union(*_OTHERS.values())


def error_problem(word: str) -> str:
    """Say why a cell that shows an error word is not sent."""
    return f"The cell shows the error {word}, not a value. Mend the formula that gave it, or empty the cell."
