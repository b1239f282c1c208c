"""Order IDs as people and spreadsheets write them, read without a guess. Pure.

What has lost digits on its way through a spreadsheet, or can be read in two ways, is a fault whose
sentence says how to mend it.
"""

from __future__ import annotations

import math
import re

from ordersheet.core.model import Cell, CellKind
from ordersheet.mapping.faults import ValueFault
from ordersheet.mapping.values import LARGEST

_LARGEST_DIGITS = len(str(LARGEST))

_PLAIN_ID = re.compile(r"[0-9]+(?:[.,]0{1,2})?")
_SPACED_ID = re.compile(r"[0-9]{1,3}(?P<sign>[ \u00a0\u202f])[0-9]{3}(?:(?P=sign)[0-9]{3})*(?:[.,]0{1,2})?")
_SCIENTIFIC_ID = re.compile(r"(?P<lead>[0-9]+)(?:[.,](?P<rest>[0-9]+))?[eE]\+?(?P<power>[0-9]{1,3})")
_DECIMAL_ID = re.compile(r"[0-9]+[.,][0-9]+")
_GROUPED_ID = re.compile(r"[0-9]{1,3}(?:[.,'\u2019][0-9]{3})+")
_HEX_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHIPMENT_ID = re.compile(r"(?P<order>[1-9][0-9]{0,14})-[0-9]{1,4}")
_ID_MEND = "write the ID as plain digits, such as 83651"


def order_id(cell: Cell, *, by_value: bool = False) -> int:
    """Read the order's ID from a cell that is not blank.

    Args:
        cell: a number is taken by its value, unless its format shows leading zeros; a text must be an ID
            that cannot be read in two ways and has lost no digits.
        by_value: take a number by its value however it is shown.

    Returns:
        An ID from 1 to 10^15 - 1.

    Raises:
        ValueFault: `bad-order-id`.
    """
    if cell.kind is CellKind.NUMBER and isinstance(cell.value, int | float):
        return _id_from_number("" if by_value else cell.shown, cell.value)
    if cell.kind is CellKind.DATE:
        raise _bad_id("This is a date, not an order ID: format the cell as text and write the ID again")
    if cell.kind is CellKind.BOOLEAN:
        raise _bad_id(f"{cell.shown} is not an order ID: {_ID_MEND}")
    return order_id_from_text(cell.shown)


def order_id_from_text(text: str) -> int:
    """Read an order ID from text, as `order_id` does.

    Raises:
        ValueFault: `bad-order-id`.
    """
    if len(text) < _LARGEST_DIGITS and text.isascii() and text.isdecimal() and text[0] != "0":
        return int(text)  # nearly all IDs, in a tenth of the time
    stripped = text.strip().removeprefix("'").strip()
    if stripped.isdecimal() and not stripped.isascii():
        raise _bad_id(f'"{text}" is not written with the digits 0 to 9: {_ID_MEND}')
    if _HEX_ID.fullmatch(stripped):
        raise _bad_id(
            f'"{text}" is 32 hexadecimal digits, as the newer API\'s order id or a selectionId has: this API '
            f"takes the order number that people see; {_ID_MEND}"
        )
    if _PLAIN_ID.fullmatch(stripped) or _SPACED_ID.fullmatch(stripped):
        whole = re.sub(r"[.,]0{1,2}$", "", stripped)
        return _checked_id(re.sub(r"[^0-9]", "", whole))
    scientific = _SCIENTIFIC_ID.fullmatch(stripped)
    if scientific:
        return _id_from_scientific(scientific)
    raise _bad_id(_why_no_id(stripped))


def _why_no_id(text: str) -> str:
    if _GROUPED_ID.fullmatch(text):
        return f'"{text}" could be a decimal number or one with thousands: {_ID_MEND}'
    if text.startswith("-") and text[1:].isdecimal():
        return f'"{text}" is negative: {_ID_MEND}'
    if _DECIMAL_ID.fullmatch(text):
        return f'"{text}" is a decimal number, and order IDs are whole: {_ID_MEND}'
    shipment = _SHIPMENT_ID.fullmatch(text)
    if shipment:
        return (
            f'"{text}" is a shipment, one part of an order: if order {shipment["order"]} itself is '
            f"meant, write {shipment['order']}"
        )
    if text.startswith("#"):
        return f'"{text}" may come from another numbering than the order ID: if it is the ID, {_ID_MEND}'
    return f'"{text}" is not an order ID: {_ID_MEND}'


def _id_from_number(shown: str, value: float) -> int:
    if re.match(r"\s*0[0-9]", shown):
        raise _bad_id(
            f'"{shown}" shows leading zeros, which an order ID does not have: if {value:.15g} is the ID, '
            "give the cell the number format General"
        )
    if not math.isfinite(value) or value != int(value):
        raise _bad_id(f"{value!r} is a decimal number, and order IDs are whole: {_ID_MEND}")
    return _checked_id(str(int(value)))


def _id_from_scientific(match: re.Match[str]) -> int:
    text, lead, rest, power = match[0], match["lead"], match["rest"] or "", int(match["power"])
    digits = lead + rest
    if len(digits) < power + 1:
        raise _bad_id(
            f'"{text}" has lost digits of the ID: format the column as text and write the IDs again'
        )
    if rest and len(lead) > 1:
        raise _bad_id(f'"{text}" can be read in two ways: {_ID_MEND}')
    whole, fraction = digits[: len(lead) + power], digits[len(lead) + power :]
    if fraction.strip("0"):
        raise _bad_id(f'"{text}" is a decimal number, and order IDs are whole: {_ID_MEND}')
    return _checked_id(whole.ljust(len(lead) + power, "0"))


def _checked_id(digits: str) -> int:
    if digits.startswith("-"):
        raise _bad_id(f'"{digits}" is negative: {_ID_MEND}')
    if not digits.strip("0"):
        raise _bad_id(f"0 is not an order ID: {_ID_MEND}")
    if digits.startswith("0"):
        raise _bad_id(f'"{digits}" has leading zeros, which an order ID does not have: {_ID_MEND}')
    if len(digits) >= _LARGEST_DIGITS:
        raise _bad_id(f'"{digits}" has more than 15 digits, so it is no order ID: {_ID_MEND}')
    return int(digits)


def _bad_id(message: str) -> ValueFault:
    return ValueFault("bad-order-id", message)
