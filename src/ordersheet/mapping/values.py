"""What a cell's text becomes: yes and no, and the types of the mapping file. All pure.

Nothing is guessed here. A text that can be read in two ways, or that has lost digits on its
way through a spreadsheet, is a fault whose sentence says how to mend it.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.model import Cell, CellKind
from ordersheet.mapping.faults import ValueFault
from ordersheet.mapping.typed_dates import date_from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ordersheet.core.model import JsonValue

LARGEST = 10**15
"""Order IDs and integers of this size and more are refused: a spreadsheet keeps 15 digits."""


class ValueType(StrEnum):
    """What an attribute's text is turned into before it is sent."""

    TEXT = "text"
    """The text as it stands."""
    INT = "int"
    NUMBER = "number"
    BOOL = "bool"
    """true or false."""
    BOOL01 = "bool01"
    """The texts "1" and "0": what the vendor's boolean elements hold."""
    DATE = "date"
    """A text in ISO 8601: 2026-03-31, or with a time behind it, whatever form the cell has."""
    JSON = "json"
    """Whatever JSON the text is."""


class Reading(NamedTuple):
    """How the cells of a column are read."""

    type: ValueType = ValueType.TEXT
    by_value: bool = False
    """Take what a cell stores (1188.44) rather than what it shows ($1,188.44)."""
    decimal: str | None = None
    """`.` or `,`: the decimal sign of texts read as `number`; None accepts only what has one reading."""
    format: str | None = None
    """How texts read as `date` are written, such as `dd.mm.yyyy`; None accepts only what has one reading."""


READ_AS_TEXT = Reading()
"""As shown, as it stands: how every column is read unless the mapping file says otherwise."""

YES_WORDS: dict[str, tuple[str, ...]] = {
    "English": ("yes", "y", "true"),
    "Swedish": ("ja", "j", "sant"),
    "German": ("ja", "j", "wahr"),
    "French": ("oui", "vrai"),
    "Spanish": ("sí", "si", "verdadero"),
    "Danish": ("ja", "j", "sand", "sandt"),
    "Norwegian": ("ja", "j", "sann", "sant"),
    "Dutch": ("ja", "j", "waar"),
}
NO_WORDS: dict[str, tuple[str, ...]] = {
    "English": ("no", "n", "false"),
    "Swedish": ("nej", "n", "falskt"),
    "German": ("nein", "n", "falsch"),
    "French": ("non", "faux"),
    "Spanish": ("no", "falso"),
    "Danish": ("nej", "n", "falsk"),
    "Norwegian": ("nei", "n", "usann", "usant"),
    "Dutch": ("nee", "n", "onwaar"),
}
_TRUTH = {
    **{word: True for words in YES_WORDS.values() for word in words},
    **{word: False for words in NO_WORDS.values() for word in words},
    "1": True,
    "0": False,
}


def truth(text: str) -> bool | None:
    """Tell whether a text says yes or no in one of the eight languages; None where it says neither."""
    return _TRUTH.get(text.strip().casefold())


def cell_truth(cell: Cell) -> bool | None:
    """Tell whether a cell says yes or no: in words, or as the number 1 or 0 however it is shown."""
    answer = truth(cell.shown)
    if answer is None and cell.kind is CellKind.NUMBER and cell.value in (0, 1):
        return bool(cell.value)
    return answer


def is_truth_word(text: str) -> bool:
    """Tell whether a text says yes or no in a word, and not as 1 or 0."""
    return truth(text) is not None and text.strip() not in ("0", "1")


# --- typed values --------------------------------------------------------------------------------------


def typed(cell: Cell, reading: Reading) -> JsonValue:
    """Turn a cell that is not blank into what is sent.

    Raises:
        ValueFault: the cell cannot become the type that the column asks for.
    """
    text = stored_text(cell) if reading.by_value else cell.shown
    if reading.type in (ValueType.BOOL, ValueType.BOOL01):
        answer = cell_truth(cell)
        text = text if answer is None else str(int(answer))
    is_number = cell.kind is CellKind.NUMBER
    if reading.type is ValueType.DATE:
        return date_from_text(text, reading.format)
    if reading.type is not ValueType.NUMBER:
        read = _READERS[reading.type](text)
    else:
        read = _number_from_cell(text) if is_number else number_from_text(text, reading.decimal)
    if is_number and not reading.by_value and not _stands_for(read, text, cell.value):
        raise ValueFault(
            "ambiguous-number",
            f'"{text}" is how the cell shows {cell.value:.15g}, and reads as another number: '
            'map the column with as = "value", or give the cell the number format General',
        )
    return read


def _stands_for(read: JsonValue, shown: str, stored: JsonValue) -> bool:
    """Tell whether a number read from what a cell shows is the stored one, rounded to the places shown.

    1.188 is 1188 in a document with decimal commas, and 1 may be 1000 under a format of thousands.
    """
    if isinstance(read, bool) or not isinstance(read, int | float) or not isinstance(stored, int | float):
        return True
    places = len(shown.strip().partition(".")[2])
    return abs(Decimal(repr(read)) - Decimal(repr(stored))) <= Decimal(6).scaleb(-places - 1)


def stored_text(cell: Cell) -> str:
    """Give what a cell stores as text: numbers in full, with up to 15 digits as spreadsheets keep them."""
    if cell.kind is CellKind.NUMBER and isinstance(cell.value, int | float):
        return f"{Decimal(f'{cell.value:.15g}').normalize():f}" if cell.value else "0"
    if cell.kind is CellKind.DATE and isinstance(cell.value, str):
        return cell.value
    return cell.shown


_WHOLE = re.compile(
    r"(?P<sign>[+-]?)(?P<digits>[0-9]+|[0-9]{1,3}(?:(?P<gap>[ \u00a0\u202f])[0-9]{3})+)(?:[.,]0{1,2})?"
)


def _whole(text: str) -> int:
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        raise ValueFault("bad-int", f'"{text}" is not a whole number: write digits alone, such as 12')
    digits = re.sub(r"[^0-9]", "", found["digits"])
    if len(digits) > 1 and digits.startswith("0"):
        raise ValueFault(
            "bad-int", f'"{text}" has leading zeros, which a number loses: map the column with the type text'
        )
    number = int(found["sign"] + digits)
    if abs(number) >= LARGEST:
        raise ValueFault("bad-int", f'"{text}" has more than 15 digits: map the column with the type text')
    return number


def _number_mend(decimal: str | None) -> str:
    return f"write it without thousands, such as 1188{decimal or '.'}44"


def number_from_text(text: str, decimal: str | None) -> int | float:
    """Read a number from text, refusing what could be two numbers.

    Args:
        text: digits with at most one decimal sign, and thousands separated by blanks or by the other sign.
        decimal: `.` or `,`; None where it is not known, and then only what has one reading is accepted.

    Raises:
        ValueFault: `bad-number`, or `ambiguous-number` for what could be a decimal or thousands.
    """
    stripped = text.strip()
    readings = {
        sign: value for sign in (decimal or ".,") if (value := _read_number(stripped, sign)) is not None
    }
    if not readings:
        raise ValueFault("bad-number", f'"{text}" is not a number: {_number_mend(decimal)}')
    if len(set(readings.values())) > 1:
        raise ValueFault(
            "ambiguous-number",
            f'"{text}" could be {" or ".join(sorted(readings.values()))}: '
            'state the decimal sign in the mapping file (decimal = "," or "."), or write no thousands',
        )
    other = {".": ",", ",": "."}.get(decimal or "")
    if other and stripped.count(other) == 1 and re.search(rf"{re.escape(other)}[0-9]{{3}}$", stripped):
        raise ValueFault(
            "ambiguous-number",
            f'"{text}" could be a number with thousands or a decimal with "{other}": {_number_mend(decimal)}',
        )
    return _json_number(text, next(iter(readings.values())))


def _read_number(text: str, decimal: str) -> str | None:
    group = r"[ \u00a0\u202f.]" if decimal == "," else r"[ \u00a0\u202f,]"
    whole = rf"[0-9]+|[0-9]{{1,3}}({group})[0-9]{{3}}(?:\3[0-9]{{3}})*"
    pattern = rf"([+-]?)({whole})(?:{re.escape(decimal)}([0-9]+))?"
    found = re.fullmatch(pattern, text)
    if found is None:
        return None
    digits = re.sub(r"[^0-9]", "", found[2])
    if len(digits) > 1 and digits.startswith("0"):
        return None
    return f"{found[1].replace('+', '')}{digits}" + (f".{found[4]}" if found[4] else "")


def _number_from_cell(shown: str) -> int | float:
    read = _read_number(shown.strip(), ".")
    if read is None:
        raise ValueFault(
            "bad-number",
            f'"{shown}" is not shown as a plain number: map the column with as = "value", '
            "or give the cell the number format General",
        )
    return _json_number(shown, read)


def _json_number(text: str, number: str) -> int | float:
    if "." not in number:
        return _whole(number)
    value = float(number)
    if Decimal(repr(value)) != Decimal(number):
        raise ValueFault(
            "bad-number", f'"{text}" has more digits than a number keeps: map the column with the type text'
        )
    return value


def _yes_or_no(text: str) -> bool:
    answer = truth(text)
    if answer is None:
        raise ValueFault(
            "bad-bool", f'"{text}" is neither yes nor no: write yes or no, TRUE or FALSE, 1 or 0'
        )
    return answer


_JSON_DIGITS = 18
"""Every whole number of that many digits fits into 64 bits, which is what servers count with."""


def json_value(text: str) -> JsonValue:
    """Read JSON that means the same to everybody: no NaN, no key twice, no number that loses digits.

    Raises:
        ValueFault: `bad-json`.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_no_constant,
            object_pairs_hook=_no_key_twice,
            parse_float=_exact_float,
            parse_int=_exact_int,
        )
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueFault(
            "bad-json", f"This is not JSON: {error.msg} at character {error.pos + 1}; mend it there"
        ) from None
    except (RecursionError, UnicodeEncodeError):
        raise ValueFault(
            "bad-json", "This JSON cannot be sent: it is nested too deeply, or holds half a character"
        ) from None
    except ValueError as error:
        raise ValueFault("bad-json", f"This JSON cannot be sent: {error}") from None
    return value


def _no_constant(name: str) -> JsonValue:
    raise ValueError(f"JSON has no {name}; write a number or null")


def _no_key_twice(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f'the key "{key}" stands in it twice; keep one')
        found[key] = value
    return found


def _exact_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")) or Decimal(repr(value)) != Decimal(text):
        raise ValueError(f"the number {text} has more digits than can be kept; write it as text in quotes")
    return value


def _exact_int(text: str) -> int:
    if len(text.lstrip("-")) > _JSON_DIGITS:
        raise ValueError(f"the number {text[:_JSON_DIGITS]}… has too many digits; write it as text in quotes")
    return int(text)


_READERS: Mapping[ValueType, Callable[[str], JsonValue]] = {
    ValueType.TEXT: str,
    ValueType.INT: _whole,
    ValueType.BOOL: _yes_or_no,
    ValueType.BOOL01: lambda text: "1" if _yes_or_no(text) else "0",
    ValueType.JSON: json_value,
}
