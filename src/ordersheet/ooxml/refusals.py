"""Why a package is not read, or not given back: said once for reading and for writing."""

from __future__ import annotations

from ordersheet.core.errors import SourceError


class CannotSplice(Exception):
    """The file cannot be given back with columns added; the text says why, as a sentence's second half."""


def not_a_workbook(detail: str) -> SourceError:
    """The file is named or begins like a workbook, and cannot be read as one; `detail` is a sentence."""
    return SourceError(
        f"{detail} Open it in Excel or LibreOffice and save it again as .xlsx.", code="not-a-workbook"
    )


def too_big(what: str) -> SourceError:
    """Unpacked, the file is bigger than any real sheet; `what` says in which way, as `X has ...`."""
    return SourceError(
        f"{what}, which is more than a real sheet needs, so it is not read. Copy the cells that matter into "
        "a new workbook and save that as .xlsx.",
        code="bomb",
    )


def password_protected() -> SourceError:
    """The workbook is encrypted."""
    return SourceError(
        "The file is protected by a password. Open it in Excel or LibreOffice, remove the password, save it, "
        "and try again.",
        code="password",
    )
