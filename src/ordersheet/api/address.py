"""Where a store's Order API is: one normal form for each address."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, quote, urlsplit

from ordersheet.core.errors import SettingsError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "It looks like https://shop.example.com/api/order-api/1."
_UNFIT = re.compile(r"[\s\\\"<>^`{|}\x00-\x1f\x7f]")
_PLAIN = "%:@!$&'()*+,;=~"  # what stands in a path as it is, beside letters, digits and -._
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
_QUOTES = "\"'`<>()[]\u201c\u201d\u201e\u2018\u2019\xab\xbb"  # what surrounds an address in mails and chats


def normal_base(url: str) -> str:
    """Bring a store's address into its one normal form, by which the ledger knows the store.

    Scheme and host in lower case, no default port, no empty path segments, no trailing slash.

    Raises:
        SettingsError: not an http or https address, or one with a query, a fragment or a user name.
    """
    if _UNFIT.search(url) or not url.isprintable():
        raise _wrong("The store's address holds a blank, a quote or another character that no address has.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as bad:
        raise _wrong("The store's address cannot be read: its host or port is wrong.") from bad
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise _wrong("The store's address must begin with https:// (or http:// for a computer of your own).")
    if parts.username is not None or parts.password is not None:
        raise _wrong("The store's address holds a user name or password; the key is given on its own.")
    if "?" in url or "#" in url:
        raise _wrong("The store's address holds a ? or a #; leave out what follows it.")
    segments = [segment for segment in parts.path.split("/") if segment]
    if any(segment in (".", "..") for segment in segments):
        raise _wrong("The store's address has . or .. in its path; write the path in full.")
    host = _normal_host(parts)
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        shown += f":{port}"
    return "/".join([f"{scheme}://{shown}", *(quote(segment, safe=_PLAIN) for segment in segments)])


def clean_address(text: str) -> str:
    """Understand an address as people paste it, and bring it into its normal form.

    Blanks, line breaks and quotes around it, a method before it, `/orders` (and a query after that) at its
    end, and a missing `https://` are mended.

    Raises:
        SettingsError: as for `normal_base`.
    """
    url = text.strip().strip(_QUOTES).strip()
    url = re.sub(r"^(?:PUT|GET)\s+", "", url, flags=re.IGNORECASE).strip(_QUOTES)
    url = re.sub(r"/orders/*(?:\?[^#]*)?(?:#.*)?$", "", url, flags=re.IGNORECASE)
    if url and "://" not in url:
        url = ("http://" if is_loopback("http://" + url) else "https://") + url
    return normal_base(url)


def is_loopback(url: str) -> bool:
    """Tell whether an address names this very computer, so that plain http is no risk to the key."""
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _normal_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        try:
            return ipaddress.ip_address(host).compressed
        except ValueError as bad:
            raise _wrong("The store's address has a host that cannot be read.") from bad
    try:
        host = host if host.isascii() else host.encode("idna").decode("ascii").lower()
    except UnicodeError as bad:
        raise _wrong("The store's address has a host that cannot be read.") from bad
    if not _HOST.fullmatch(host) or ".." in host:
        raise _wrong("The store's address has no host, or one that cannot be read.")
    return host


def _wrong(what: str) -> SettingsError:
    return SettingsError(f"{what} {_EXAMPLE}", code="bad-address")
