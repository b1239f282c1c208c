"""The styles part: which number format each cell style has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.loader.numberformat.render import (
    BUILTIN_FORMATS,
    EAST_ASIAN_FORMATS,
    compile_format,
    east_asian_format,
)
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
        dxf_codes: those of the differential formats that have one, by their place.
        date1904: whether the workbook counts days from 1904.
    """

    def __init__(
        self,
        formats: list[int],
        codes: dict[int, str],
        dxf_codes: dict[int, str] | None = None,
        *,
        date1904: bool = False,
    ) -> None:
        self._formats = formats
        self._codes = codes
        self._dxf_codes = dxf_codes or {}
        self.date1904 = date1904

    def format_of(self, style: int) -> NumberFormat | None:
        """Give the number format of a style; None where the file does not say which it is."""
        if not self._formats and style == 0:
            return compile_format("General", date1904=self.date1904)
        if not 0 <= style < len(self._formats):
            return None
        number = self._formats[style]
        code = self._codes.get(number, BUILTIN_FORMATS.get(number))
        if code is None and number in EAST_ASIAN_FORMATS:
            return east_asian_format(number, date1904=self.date1904)
        return None if code is None else compile_format(code, date1904=self.date1904)

    def dxf_code(self, number: int) -> str | None:
        """Give the number format of a differential format, as conditional formats use it; None for none."""
        return self._dxf_codes.get(number)


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
    dxf_codes: dict[int, str] = {}
    dxfs = 0

    def start(path: list[str], attributes: dict[str, str]) -> None:
        nonlocal dxfs
        # Named styles have formats too: not the cells'.
        where = tuple(map(main_name, path[1:]))
        try:
            if where == ("dxfs", "dxf"):
                dxfs += 1
            elif where == ("dxfs", "dxf", "numFmt"):
                dxf_codes[dxfs - 1] = attributes["formatCode"]
            elif where == ("numFmts", "numFmt"):
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
    return Styles(formats, codes, dxf_codes, date1904=date1904)
