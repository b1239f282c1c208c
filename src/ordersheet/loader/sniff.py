"""What a file is, by its first bytes: its name may say anything.

Only what can be read truly passes. Everything else that a person may hand over by mistake gets one
sentence that names it, and how to make a workbook or a CSV of it.
"""

from __future__ import annotations

import re
import stat
from enum import StrEnum
from typing import TYPE_CHECKING

from ordersheet.core.errors import SourceError
from ordersheet.loader.table import empty_file
from ordersheet.ooxml.compound import COMPOUND_FILE, streams_of
from ordersheet.ooxml.package import open_package
from ordersheet.ooxml.refusals import not_a_workbook, password_protected

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.ooxml.package import Package

HEAD = 8192
"""Bytes looked at."""

_WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".xlsb", ".ods", ".numbers")
_XLS_STREAMS = frozenset({"workbook", "book"})
_OTHER_STREAMS = {
    "worddocument": ("a document of Word", "Copy the table into a workbook."),
    "powerpoint document": ("a document of PowerPoint", "Copy the table into a workbook."),
    "__properties_version1.0": ("a mail of Outlook", "Save the attached file first."),
}
_BARE_XLS = (
    b"\x09\x00\x04\x00",
    b"\x09\x02\x06\x00",
    b"\x09\x04\x06\x00",
    b"\x09\x08\x08\x00",
    b"\x09\x08\x10\x00",
)
_OTHERS = (
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "an RTF document"),
    (b"\x1f\x8b", "packed (gzip)"),
    (b"7z\xbc\xaf\x27\x1c", "packed (7z)"),
    (b"Rar!", "packed (RAR)"),
    (b"BZh", "packed (bzip2)"),
    (b"\xfd7zXZ\x00", "packed (xz)"),
    (b"\x28\xb5\x2f\xfd", "packed (zstd)"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\x00", "a database"),
)
_MANIFEST = "META-INF/manifest.xml"
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument"
_SPREADSHEET = "spreadsheet"
_ROOT_ENTRY = re.compile(
    rb"""full-path\s*=\s*["']/["'][^<>]*?media-type\s*=\s*["']([^"']*)|"""
    rb"""media-type\s*=\s*["']([^"']*)["'][^<>]*?full-path\s*=\s*["']/["']"""
)
"""The entry of the manifest for the document itself."""
_EMPTY_ZIP = b"PK\5\6"
_UNPACK = "Unpack it, and use the file inside."
_OPEN_AND_SAVE = "Open it in Excel or LibreOffice and save it as .xlsx."


class Form(StrEnum):
    """The kinds of file that have a reader."""

    CSV = "csv"
    XLSX = "xlsx"
    """And .xlsm."""
    ODS = "ods"
    XLS = "xls"


def sniff(path: Path) -> Form:
    """Tell which reader a file is for.

    Args:
        path: the file.

    Raises:
        SourceError: `missing-file`, `is-a-folder`, `unreadable`, `empty-file`, `password`,
            `not-a-workbook` or `wrong-format`.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(f"{path} is a folder. Give a file in it.", code="is-a-folder")
        if not stat.S_ISREG(mode):
            raise SourceError(
                f"{path} is no ordinary file, and a file is read twice. Save it as a file first.",
                code="unreadable",
            )
        with path.open("rb") as file:
            head = file.read(HEAD)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceError(
            f"There is no file {path}. Check the name and the folder.", code="missing-file"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00"):
        raise empty_file()
    if head.startswith(b"PK"):
        if head.startswith(_EMPTY_ZIP):
            raise _wrong_format("an empty zip archive", _UNPACK)
        return _zip_form(path)
    if head.startswith(COMPOUND_FILE):
        return _compound_form(path)
    if head.startswith(_BARE_XLS):
        return Form.XLS
    _refuse_others(path, head)
    return Form.CSV


def unreadable(path: Path, error: OSError) -> SourceError:
    """The operating system does not let the file be read."""
    reason = error.strerror or str(error)
    return SourceError(
        f"{path} cannot be read: {reason}. Check that you may open it, and that no program holds it.",
        code="unreadable",
    )


def _zip_form(path: Path) -> Form:
    with open_package(path) as package:
        names = package.names()
        if any(name.endswith("workbook.bin") for name in names):
            raise _wrong_format("a binary workbook (.xlsb)")
        if any(name.endswith(".iwa") for name in names) or "index.zip" in names:
            raise _wrong_format(
                "a document of Apple Numbers", "In Numbers, choose File, Export To, Excel, and use that file."
            )
        kind = _open_document(package)
        if kind == _SPREADSHEET:
            if "encrypted-package" in names or b"encryption-data" in _manifest(package):
                raise password_protected()
            return Form.ODS
        if kind is not None:
            raise _wrong_format("an OpenDocument file, but no spreadsheet")
        if "[content_types].xml" in names:
            if any(name.startswith(("word/", "ppt/")) for name in names):
                raise _wrong_format("a document of Word or PowerPoint", "Copy the table into a workbook.")
            return Form.XLSX
    raise _wrong_format("a zip archive, not a workbook", _UNPACK)


def _open_document(package: Package) -> str | None:
    """Tell which kind of OpenDocument a package is, by its first part or by its manifest; None for none."""
    kind = package.read("mimetype")[:100] if "mimetype" in package else b""
    if not kind.startswith(_OPEN_DOCUMENT):
        found = _ROOT_ENTRY.search(_manifest(package))
        kind = (found[1] or found[2]) if found is not None else b""
    if not kind.startswith(_OPEN_DOCUMENT):
        return None
    return _SPREADSHEET if kind.startswith(_OPEN_DOCUMENT + b".spreadsheet") else "other"


def _manifest(package: Package) -> bytes:
    return package.read(_MANIFEST) if _MANIFEST in package else b""


def _compound_form(path: Path) -> Form:
    """Tell .xls from what shares its container, by the streams right below its root."""
    with path.open("rb") as file:
        streams = {name.casefold() for name in streams_of(file)}
    if streams.isdisjoint(_XLS_STREAMS):
        if "encryptedpackage" in streams:
            raise password_protected()
        for name, (what, mend) in _OTHER_STREAMS.items():
            if name in streams:
                raise _wrong_format(what, mend)
    return Form.XLS


def _refuse_others(path: Path, head: bytes) -> None:
    for begin, what in _OTHERS:
        if head.startswith(begin):
            mend = _UNPACK if what.startswith("packed") else _OPEN_AND_SAVE
            raise _wrong_format(what, mend)
    text = _plain(head).lstrip("\ufeff \t\r\n").lower()
    if text.startswith(("<?xml", "<workbook", "<office:document")):
        if "schemas-microsoft-com:office:spreadsheet" in text:
            raise _wrong_format("an XML spreadsheet (Excel 2003)")
        if "opendocument" in text:
            raise _wrong_format("a flat OpenDocument file (.fods)")
        raise _wrong_format("an XML file", "If Excel opens it as a table, save it there as .xlsx.")
    if text.startswith(("<!doctype html", "<html", "<table", "<head", "<body", "<meta", "<style", "<script")):
        raise _wrong_format("a web page (HTML)")
    if text.startswith(("mime-version:", "content-type: multipart")):
        raise _wrong_format("a web page (MHTML)")
    suffix = path.suffix.lower()
    if suffix in _WORKBOOK_NAMES:
        if 0 in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise not_a_workbook(f"The file is named {suffix}, and is no workbook or a damaged one.")
        raise SourceError(
            f"The file is named {suffix}, but it is plain text, not a workbook. If it holds a table, rename "
            "it to end in .csv; otherwise open it in Excel or LibreOffice and save it as .xlsx.",
            code="not-a-workbook",
        )


def _plain(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    return head.decode("utf-8", "replace")


def _wrong_format(what: str, mend: str = _OPEN_AND_SAVE) -> SourceError:
    return SourceError(f"The file is {what}, which is not read here. {mend}", code="wrong-format")
