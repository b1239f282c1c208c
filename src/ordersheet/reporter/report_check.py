"""Whether a report may be written at a place: asked before anything is sent."""

from __future__ import annotations

import codecs
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from ordersheet.core.errors import SourceError
from ordersheet.core.model import RESULT_COLUMNS
from ordersheet.ooxml.package import open_package
from ordersheet.ooxml.part import PartParser
from ordersheet.reporter.atomic_file import report_suffix, same_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from ordersheet.ooxml.package import Package

LOOKED_AT = 1 << 20
"""Unpacked bytes of a part, or bytes of a CSV, in which the headers of an earlier report are looked for."""
_BETWEEN = r'"?(?:\r?\n)?[;,\t|]"?'
_IN_TEXT = re.compile(r'[;,\t|]"?' + _BETWEEN.join(RESULT_COLUMNS) + r'"?\s*(?:[;,\t|\r\n]|\Z)')
_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def report_path_problem(
    path: Path,
    source: Path | None,
    *,
    overwrite: bool = False,
    form: str | None = None,
    option: str = "--report",
) -> str | None:
    """Say why a report cannot be written at a place, or None where it can.

    Args:
        path: the report's path, a file's.
        source: the input; None for a frame.
        overwrite: a file that is no earlier report may be replaced too; the input never.
        form: the input's form (`TableFacts.form`), to see that the suffix fits.
        option: the option that names the place, for the sentence.
    """
    if source is not None and same_file(path, source):
        return f"{path} is the input, which is never replaced. Choose another name with {option}."
    wrong = _folder_problem(path, option) or (_suffix_problem(path, form) if form is not None else None)
    if wrong is None and os.path.lexists(path) and not overwrite and not is_report(path):
        return (
            f"{path} exists and is no earlier report, so it is not replaced. Choose another name, or add "
            "--overwrite."
        )
    return wrong


def _folder_problem(path: Path, option: str) -> str | None:
    folder = path.parent
    if path.is_dir():
        return f"{path} is a folder. Name a file in it with {option}."
    if not folder.is_dir():
        return f"There is no folder {folder}. Make it, or choose another with {option}."
    if not _can_write_in(folder):
        return f"The folder {folder} cannot be written to. Choose another with {option}."
    return None


def _suffix_problem(path: Path, form: str) -> str | None:
    suffix = path.suffix.lower()
    wanted = report_suffix(form)
    if suffix == wanted or (form == "csv" and suffix not in _WORKBOOK_SUFFIXES):
        return None
    return f"The report of this file is a {wanted} file, not {path.name}. Name it {path.stem}{wanted}."


def _can_write_in(folder: Path) -> bool:
    """Try it: permissions alone do not tell on Windows and on network drives."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def is_report(path: Path) -> bool:
    """Tell whether a file is an earlier report: the four headers stand together in it."""
    with suppress(OSError, SourceError):
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
        if start.startswith(b"PK\3\4"):
            with open_package(path) as package:
                return _is_report_package(package)
        return bool(_IN_TEXT.search(_as_text(start)))
    return False


def _as_text(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.decode("latin-1")


def _is_report_package(package: Package) -> bool:
    if "content.xml" in package:
        return _together(_texts(package, "content.xml", "table-cell", ("p",), LOOKED_AT))
    strings: dict[str, str] = {}
    if "xl/sharedStrings.xml" in package:
        shared = enumerate(_texts(package, "xl/sharedStrings.xml", "si", ("t",), None))
        strings = {str(index): text for index, (_, text) in shared if text in RESULT_COLUMNS}
    sheets = (name for name in package.names() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name))
    return any(_together(_texts(package, name, "c", ("t", "v"), LOOKED_AT), strings) for name in sheets)


def _together(texts: Iterable[tuple[str, str]], strings: Mapping[str, str] | None = None) -> bool:
    """Tell whether the four headers follow each other among texts, each with its cell's type."""
    place = 0
    for kind, text in texts:
        shown = strings.get(text, "") if strings is not None and kind == "s" else text
        if shown == RESULT_COLUMNS[place]:
            place += 1
            if place == len(RESULT_COLUMNS):
                return True
        else:
            place = int(shown == RESULT_COLUMNS[0])
    return False


def _texts(
    package: Package, name: str, unit: str, within: Collection[str], limit: int | None
) -> Iterator[tuple[str, str]]:
    """Read the type and text of each element of one name, from a part's beginning."""
    found: list[tuple[str, str]] = []
    text: list[str] = []
    kinds = [""]
    inside = 0
    parser = PartParser(name)

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        local = element.rpartition(" ")[2]
        if local == unit:
            text.clear()
            kinds[0] = attributes.get("t", "")
        inside += local in within

    def end(element: str) -> None:
        nonlocal inside
        local = element.rpartition(" ")[2]
        inside -= local in within
        if local == unit:
            found.append((kinds[0], "".join(text)))

    def characters(data: str) -> None:
        if inside:
            text.append(data)

    parser.expat.StartElementHandler = start
    parser.expat.EndElementHandler = end
    parser.expat.CharacterDataHandler = characters
    left = limit
    for chunk in package.chunks(name, big=True):
        parser.feed(chunk)
        yield from found
        found.clear()
        if left is not None:
            left -= len(chunk)
            if left <= 0:
                return
