"""Where the updates go: the address, checked, and the way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ordersheet.api import is_loopback, normal_base
from ordersheet.core.errors import SettingsError

if TYPE_CHECKING:
    from ordersheet.config.settings import Settings
    from ordersheet.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Target:
    """Where the updates go."""

    base_url: str
    """In its one normal form."""
    host: str
    store: str
    """What the ledger knows the store by: the profile's `store` name, or the address."""


def target_of(settings: Settings) -> Target:
    """Check the address.

    Raises:
        SettingsError: where there is none, or where the key would travel in the clear.
    """
    if settings.base_url is None:
        raise SettingsError(
            "No address is set. Give it with --base-url, in ORDERSHEET_BASE_URL or in a profile, "
            "or run: ordersheet setup",
            code="no-base-url",
        )
    try:
        base = normal_base(settings.base_url)
    except SettingsError as error:
        source = settings.sources.get("base_url", "default")
        raise SettingsError(f"{error} (base-url, from {source})", code=error.code) from error
    if base.startswith("http:") and not is_loopback(base) and not settings.allow_http:
        raise SettingsError(
            f"The address {base} is plain http, so the key could be read on its way. "
            "Use https, or add --allow-http where the way is private.",
            code="plain-http",
        )
    return Target(base, urlsplit(base).netloc, settings.store or base)


def key_for(settings: Settings, target: Target) -> Secret:
    """Give the key that goes there.

    Raises:
        SettingsError: where none is known.
    """
    if settings.api_key is None:
        raise SettingsError(
            f"No API key is known for {target.base_url}. Set ORDERSHEET_API_KEY or ORDERSHEET_API_KEY_FILE, "
            "or run: ordersheet setup",
            code="no-key",
        )
    return settings.api_key


def proxy_for(proxy: str | None, base_url: str) -> str | None:
    """Give the proxy's address; `env` takes it from HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""
    named = _of_environment(base_url) if proxy == "env" else proxy
    return named if named is None or "://" in named else "http://" + named


def _of_environment(base_url: str) -> str | None:
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(base_url)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)
