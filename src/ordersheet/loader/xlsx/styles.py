"""The styles part: which number format each cell style has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.loader.numberformat.render import BUILTIN_FORMATS, compile_format
from ordersheet.ooxml.limits import LIMITS, Limits
from ordersheet.ooxml.part import main_name, walk_part
from ordersheet.ooxml.refusals import not_a_workbook, too_big

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.loader.numberformat.render import NumberFormat


class Styles:
    """The number formats of a workbook's cell styles.

    Args:
        formats: the number of each style's format.
        codes: the codes of the formats that the file defines.
        date1904: whether the workbook counts days from 1904.
    """

    def __init__(self, formats: list[int], codes: dict[int, str], *, date1904: bool = False) -> None:
        self._formats = formats
        self._codes = codes
        self._date1904 = date1904

    def format_of(self, style: int) -> NumberFormat | None:
        """Give the number format of a style; None where the file does not say which it is."""
        if not self._formats and style == 0:
            return compile_format("General", date1904=self._date1904)
        if not 0 <= style < len(self._formats):
            return None
        number = self._formats[style]
        code = self._codes.get(number, BUILTIN_FORMATS.get(number))
        return None if code is None else compile_format(code, date1904=self._date1904)


def read_styles(chunks: Iterable[bytes], name: str, *, date1904: bool, limits: Limits = LIMITS) -> Styles:
    """Read the styles part.

    Args:
        chunks: its bytes.
        name: its name, for messages.
        date1904: whether the workbook counts days from 1904.
        limits: how much it may hold.

    Raises:
        SourceError: where it is damaged.
    """
    formats: list[int] = []
    codes: dict[int, str] = {}

    def start(path: list[str], attributes: dict[str, str]) -> None:
        # Styles for tables and conditions (dxfs) and for named styles have formats too: not the cells'.
        if len(path) != 3:  # noqa: PLR2004 - styleSheet, the list, the entry
            return
        where = (main_name(path[1]), main_name(path[2]))
        try:
            if where == ("numFmts", "numFmt"):
                codes[int(attributes["numFmtId"])] = attributes["formatCode"]
            elif where == ("cellXfs", "xf"):
                formats.append(int(attributes.get("numFmtId", "0")))
        except (KeyError, ValueError):
            raise not_a_workbook(
                f"The file is damaged: its part {name} has a broken number format."
            ) from None
        if len(formats) > limits.styles or len(codes) > limits.styles:
            raise too_big(f"The file has more than {limits.styles:,} styles")

    walk_part(chunks, name, start)
    return Styles(formats, codes, date1904=date1904)
