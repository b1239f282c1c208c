"""Files and folders that only this user can read, and names that can do no harm."""

from __future__ import annotations

import json
import os
import re
import secrets
import unicodedata
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_NAME = 100
_UNSAFE = re.compile(r'[<>:"|?*\\/]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it, for this user alone.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix":
            folder.chmod(0o700)
    except OSError as error:
        raise UsageError(
            f"The page's folder {folder} cannot be made: {error.strerror}. "
            "Choose another ledger with --ledger.",
            code="unwritable",
        ) from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, in one step."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_private` wrote as JSON; nothing where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def safe_name(text: str) -> str:
    """Give a file's name as a browser tells it, without folders and what a disk stumbles over."""
    last = re.split(r"[\\/]", text)[-1]
    shown = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C")
    shown = _UNSAFE.sub("_", " ".join(shown.split())).strip(" .")
    if _RESERVED.match(shown):
        shown = f"_{shown}"
    stem, dot, suffix = shown.rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    suffix = suffix[:10].rstrip(" .")
    room = _LONGEST_NAME - len(suffix.encode()) - 1
    while len(stem.encode()) > room:
        stem = stem[:-1].rstrip(" .")
    return f"{stem or 'sheet'}.{suffix}" if dot else stem or "sheet"
