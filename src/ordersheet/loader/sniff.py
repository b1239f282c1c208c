"""What a file is, by its first bytes: its name may say anything.

Only what can be read truly passes. Everything else that a person may hand over by mistake gets one
sentence that names it, and how to make a workbook or a CSV of it.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from enum import StrEnum
from typing import TYPE_CHECKING

from ordersheet.core.errors import SourceError
from ordersheet.loader.table import empty_file
from ordersheet.ooxml.refusals import not_a_workbook, password_protected

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD = 8192
"""Bytes looked at."""

_WORKBOOK_NAMES = (".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".xlsb", ".ods", ".numbers")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
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
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, RuntimeError, IndexError, OverflowError),
)
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
        return _zip_form(path)
    if head.startswith(_OLE):
        return _ole_form(path)
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
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            kind = archive.read("mimetype")[:100] if _small(archive, "mimetype", 1000) else b""
            manifest = b""
            if _small(archive, "META-INF/manifest.xml", 1 << 20):
                manifest = archive.read("META-INF/manifest.xml")
    except _DAMAGED as error:
        raise not_a_workbook(
            "The file begins like a workbook (a zip archive) and is damaged or cut off."
        ) from error
    lower = {name.lower().replace("\\", "/") for name in names}
    if any(name.endswith("workbook.bin") for name in lower):
        raise _wrong_format("a binary workbook (.xlsb)")
    if any(name.endswith(".iwa") for name in lower) or "index.zip" in lower:
        raise _wrong_format(
            "a document of Apple Numbers", "In Numbers, choose File, Export To, Excel, and use that file."
        )
    if kind.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
        if b"encryption-data" in manifest or "encrypted-package" in lower:
            raise password_protected()
        return Form.ODS
    if kind.startswith(b"application/vnd.oasis.opendocument"):
        raise _wrong_format("an OpenDocument file, but no spreadsheet")
    if "[content_types].xml" in lower:
        if any(name.startswith(("word/", "ppt/")) for name in lower):
            raise _wrong_format("a document of Word or PowerPoint", "Copy the table into a workbook.")
        return Form.XLSX
    raise _wrong_format(
        "a zip archive, not a workbook" if names else "an empty zip archive",
        "Unpack it, and use the file inside.",
    )


def _small(archive: zipfile.ZipFile, name: str, limit: int) -> bool:
    return name in archive.NameToInfo and archive.getinfo(name).file_size <= limit


def _ole_form(path: Path) -> Form:
    """Tell .xls from what shares its container, by the names of the streams in it."""
    names: dict[str, Callable[[], SourceError]] = {
        "EncryptedPackage": password_protected,
        "WordDocument": lambda: _wrong_format("a document of Word", "Copy the table into a workbook."),
        "PowerPoint Document": lambda: _wrong_format(
            "a document of PowerPoint", "Copy the table into a workbook."
        ),
        "__properties_version1.0": lambda: _wrong_format(
            "a mail of Outlook", "Save the attached file first."
        ),
    }
    wanted = {name.encode("utf-16-le"): refusal for name, refusal in names.items()}
    longest = max(map(len, wanted))
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            window = before + chunk
            for name, refusal in wanted.items():
                if name in window:
                    raise refusal()
            before = window[-longest:]
    return Form.XLS


def _refuse_others(path: Path, head: bytes) -> None:
    for begin, what in _OTHERS:
        if head.startswith(begin):
            mend = "Unpack it, and use the file inside." if what.startswith("packed") else _OPEN_AND_SAVE
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
