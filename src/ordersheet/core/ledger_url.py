"""Where a ledger that many share lies: a URL of PostgreSQL's, which shows its password to nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from pathlib import Path

LEASE_SECONDS = 60
"""So long a process is taken for alive after it was last heard of, by the database's clock."""
_BEGINNING = re.compile(r"postgres(ql)?://", re.IGNORECASE)
_SECRET = re.compile(r"(?<=[?&])((?:ssl)?password)=([^&]*)", re.IGNORECASE)
_SHORTEST_PART = 3
"""A part of a password this short says nothing of it."""


def is_ledger_url(text: str) -> bool:
    """Tell whether a text names a database of PostgreSQL's."""
    return _BEGINNING.match(text) is not None


@dataclass(frozen=True)
class LedgerUrl:
    """A ledger in a database of PostgreSQL's. As a text it is shown without its password."""

    url: str = field(repr=False)
    """As libpq has it; with the password, where it holds one."""
    home: Path = field(repr=False)
    """This computer's folder for what belongs to the ledger and is no part of the database."""
    password: str | None = field(default=None, repr=False)
    """Kept apart from the URL, such as in the keyring."""

    def __str__(self) -> str:
        return without_password(self.url)

    @property
    def parent(self) -> Path:
        """The folder that a ledger in a file would lie in."""
        return self.home

    def exists(self) -> bool:
        """Whether it is there is seen when it is opened."""
        return True

    def hide(self, text: str) -> str:
        """Take the password out of what somebody else says of the URL, and whatever may be a part of it."""
        secrets = [self.password or "", *_secrets(self.url)]
        whole = {form for secret in secrets for form in (secret, unquote(secret)) if form}
        # A password with a sign that should have been escaped is read as a part of the host.
        parts = {part for secret in whole for part in re.split(r"[@/?#:]", secret)}
        for secret in sorted(whole | {part for part in parts if len(part) > _SHORTEST_PART}, key=len)[::-1]:
            text = text.replace(secret, "***")
        return text


def _secrets(url: str) -> list[str]:
    login, found, _ = url[_end_of_beginning(url) :].rpartition("@")
    _, _, password = login.partition(":") if found else ("", "", "")
    return [password, *(value for _, value in _SECRET.findall(url))]


def holds_password(url: str) -> bool:
    """Tell whether the password stands in a URL itself."""
    return any(_secrets(url))


def without_password(url: str) -> str:
    """Write a URL without its password."""
    login, found, place = url[_end_of_beginning(url) :].rpartition("@")
    name = login.partition(":")[0] + found
    return "postgresql://" + _SECRET.sub(r"\1=***", name + place)


def _end_of_beginning(url: str) -> int:
    found = _BEGINNING.match(url)
    return 0 if found is None else found.end()
