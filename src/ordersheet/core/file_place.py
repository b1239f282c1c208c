"""Where files lie that are too large for a database: a folder or a URL, shown without its password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

READ_ONLY = frozenset({"http", "https"})
"""Protocols by which nothing is written."""
_HIDDEN = "***"


class _Parts(NamedTuple):
    """A URL, taken apart."""

    beginning: str
    user: str
    password: str
    place: str
    rest: str
    """What follows a `?`, which may be a signature."""
    escaped: bool = True
    """Whether it is read by others as it is here: a sign of the password may make a host or a path of it."""


def _parts(url: str) -> _Parts:
    scheme, colon, after = url.partition("://")
    login, at, place = after.rpartition("@")
    user, has_password, password = login.partition(":")
    is_port = password.partition("/")[0].isdecimal() and "/" in password
    if at and has_password and not is_port and scheme.lower() != "file":
        # Whatever stands before the last @: a sign that should have been escaped may be a part of it.
        if "?" in login:
            # The rest of a password, or of a signature: which, nobody can tell.
            return _Parts(scheme + colon, user.partition("?")[0], password, "", "?", escaped=False)
        where, sign, rest = place.partition("?")
        escaped = not any(sign in login.replace(":", "", 1) for sign in "@:/?#")
        return _Parts(scheme + colon, user, password, where, sign + rest, escaped)
    where, sign, rest = after.partition("?")
    return _Parts(scheme + colon, "", "", where, sign + rest)


def shown_url(url: str) -> str:
    """Give a URL without the password in it, and without what follows a `?`, which may be a signature."""
    if "://" not in url:
        return url
    known = _parts(url)
    return f"{known.beginning}{known.user}{'@' if known.user or known.password else ''}{known.place}"


@dataclass(frozen=True)
class FilePlace:
    """A place for large files. As a text it is shown without its password."""

    url: str = field(repr=False)
    """A folder's absolute path, or what fsspec takes; with the password, where it holds one."""

    def __str__(self) -> str:
        return shown_url(self.url)

    @property
    def scheme(self) -> str:
        """The protocol; `file` for a folder."""
        scheme, colon, _ = self.url.partition("://")
        return scheme.lower() if colon else "file"

    @property
    def holds_secret(self) -> bool:
        """Whether something stands in it that only its users may read."""
        return "://" in self.url and bool(_parts(self.url).password or _parts(self.url).rest)

    @property
    def is_escaped(self) -> bool:
        """Whether its password, if any, is written so that all read it alike."""
        return "://" not in self.url or _parts(self.url).escaped

    def hide(self, text: str) -> str:
        """Take the password out of what somebody else says of the place."""
        if "://" not in self.url:
            return text
        known = _parts(self.url)
        secrets = {form for one in (known.password, known.rest[1:]) for form in (one, unquote(one)) if form}
        for secret in sorted(secrets, key=len)[::-1]:
            text = text.replace(secret, _HIDDEN)
        return text
