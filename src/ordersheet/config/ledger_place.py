"""Where the ledger lies, from what a person wrote: a file, or a database that many share."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.config.api_key import saved_key
from ordersheet.core.errors import SettingsError
from ordersheet.core.ledger_url import LedgerUrl, holds_password, is_ledger_url, without_password

if TYPE_CHECKING:
    from collections.abc import Mapping

_FROM_ENVIRONMENT, _FROM_FILE = "env:", "file:"


def ledger(value: object) -> Path | LedgerUrl:
    """A path, sqlite:///path, a URL of PostgreSQL's, or where such a URL stands: env:NAME, file:PATH."""
    given = str(value).strip() if isinstance(value, str | Path) else ""
    if not given:
        raise ValueError("must be a path or a URL")
    given = referred(given, os.environ, "the ledger's URL")
    if is_ledger_url(given):
        return shared_ledger(given)
    scheme, colon, rest = given.partition("://")
    if colon and scheme != "sqlite":
        raise ValueError("must be a path, sqlite:///path or postgresql://host/database")
    if colon:
        given = rest.removeprefix("/")
        if not given or given == ":memory:":
            raise ValueError("must name a file: sqlite:///path")
    return Path(given).expanduser()


def referred(given: str, environ: Mapping[str, str], what: str) -> str:
    """Follow a reference to where a URL stands, so that its password stands in no settings file.

    Args:
        given: the URL, or `env:NAME` or `file:PATH` of it.
        environ: the environment.
        what: what the URL is, for messages.

    Raises:
        ValueError: nothing stands there.
    """
    if given.startswith(_FROM_ENVIRONMENT):
        found = environ.get(given.removeprefix(_FROM_ENVIRONMENT), "").strip()
        if not found:
            raise ValueError(f"must name an environment variable that holds {what}")
        return found
    if given.startswith(_FROM_FILE) and not given.startswith(_FROM_FILE + "//"):
        path = Path(given.removeprefix(_FROM_FILE)).expanduser()
        try:
            found = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"must name a file that holds {what}, and can be read") from error
        if not found:
            raise ValueError(f"must name a file that holds {what}")
        return found
    return given


def shared_ledger(url: str) -> LedgerUrl:
    """Give a shared ledger, with this computer's folder for it, and its password where a keyring keeps it."""
    import platformdirs

    shown = without_password(url)
    # Hashed, since a URL has signs that no folder's name may have.
    name = hashlib.sha256(shown.encode()).hexdigest()[:12]
    home = platformdirs.user_data_path("ordersheet", appauthor=False) / "shared" / name
    kept = None if holds_password(url) else saved_key(shown)
    return LedgerUrl(url, home, None if kept is None else kept[0].reveal())


def refuse_open_password(given: object, source: str) -> None:
    """Refuse a password where others read it: in a list of processes, or in a settings file.

    Raises:
        SettingsError: it stands in the URL as given.
    """
    if not (isinstance(given, str) and is_ledger_url(given.strip()) and holds_password(given.strip())):
        return
    if not source.startswith("environment variable"):
        raise SettingsError(
            f"ledger must not hold a password where others can read it (from {source}). Put it into libpq's"
            " password file (~/.pgpass, or passfile=), or name where the URL stands: env:NAME or file:PATH.",
            code="open-password",
        )
