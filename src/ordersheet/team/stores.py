"""Whose orders a worker sends: each store for which its settings have an address and a key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ordersheet.config.settings import profile_names, resolve
from ordersheet.config.target import key_for, target_of
from ordersheet.core.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ordersheet.config.settings import SandboxFinder, Settings
    from ordersheet.ledger import Ledger


def stores_of(
    settings: Settings, flags: Mapping[str, object], find_sandbox: SandboxFinder | None = None
) -> dict[str, Settings]:
    """Give by store the settings with which a worker sends its orders.

    Args:
        settings: those of the call, for its own profile or the environment.
        flags: the call's own options.
        find_sandbox: tells the running sandbox.

    Raises:
        UsageError: there is none, or a store is asked for that no profile knows.
    """
    found: dict[str, tuple[str | None, Settings]] = {}
    for name in (settings.profile, *profile_names(settings.config)):
        if any(known == name for known, _ in found.values()):
            continue
        one = (
            settings
            if name == settings.profile
            else resolve({**flags, "profile": name}, find_sandbox=find_sandbox)
        )
        try:
            target = target_of(one)
            key_for(one, target)
        except SettingsError:
            continue
        # The ledger is the call's, whatever a profile says.
        found.setdefault(target.store, (name, replace(one, ledger=settings.ledger)))
    wanted = settings.stores
    chosen = {
        store: one
        for store, (name, one) in found.items()
        if wanted is None or store in wanted or name in wanted
    }
    known = {word for store, (name, _) in found.items() for word in (store, name)}
    missing = [word for word in wanted or () if word not in known]
    if missing:
        raise UsageError(
            f"No profile here has an address and a key for {', '.join(missing)} (--stores). Known are: "
            f"{', '.join(sorted(filter(None, known))) or 'none'}.",
            code="unknown-store",
        )
    if not chosen:
        raise UsageError(
            "A worker sends to the stores of which it knows address and key, and none is set. Run: "
            "ordersheet setup, or set ORDERSHEET_BASE_URL and ORDERSHEET_API_KEY.",
            code="no-store",
        )
    return chosen


def refuse_new_keys(ledger: Ledger, stores: Mapping[str, Settings]) -> None:
    """Refuse a key that is new at an address which the ledger knows: it may be another shop's.

    Raises:
        UsageError: there is one.
    """
    for store, one in stores.items():
        if one.store is None and one.api_key is not None and not one.same_store:
            _refuse_new_key(ledger, store, ledger.key_print(one.api_key.reveal()))


def _refuse_new_key(ledger: Ledger, store: str, key_print: str) -> None:
    if ledger.key_is_new(store, key_print):
        raise UsageError(
            f"The API key for {store} is another than those that earlier runs used there. If it is the same "
            "shop, send something with it once (ordersheet send FILE --same-store).",
            code="new-key",
        )


def words(stores: Iterable[str]) -> str:
    """Name stores."""
    return ", ".join(sorted(stores))
