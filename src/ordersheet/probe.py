"""One GET to a store, and what its answer means: for setup and doctor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.api import orders_url, read_order_answer
from ordersheet.target import proxy_for

if TYPE_CHECKING:
    from ordersheet.apikey import Secret
    from ordersheet.sender.observation import Observation
    from ordersheet.settings import Settings


@dataclass(frozen=True, slots=True)
class Probe:
    """What one GET found out."""

    code: str
    """`fine`, `not-reached`, `certificate`, `key-refused`, `no-reading`, `moved` or `not-an-order-api`."""
    sentence: str
    """What it means, and what to do."""

    @property
    def usable(self) -> bool:
        """Whether updates can be sent, as far as one GET can tell."""
        return self.code in ("fine", "no-reading")


def probe(base_url: str, key: Secret, settings: Settings) -> Probe:
    """Ask the store for one order, and say what the answer means.

    Args:
        base_url: the store's address, in its normal form.
        key: the key to try; it goes to this address alone.
        settings: proxy, certificates and time limit.
    """
    from ordersheet.sender import make_transport_factory  # noqa: PLC0415 - httpx is not needed for --help

    factory = make_transport_factory(
        key.reveal(), proxy=proxy_for(settings.proxy, base_url), ca_bundle=settings.ca_bundle
    )

    async def ask() -> Observation:
        transport = factory()
        try:
            return await transport.request(
                "GET", orders_url(base_url) + "?limit=1", None, deadline=settings.timeout
            )
        finally:
            await transport.close()

    return explain(asyncio.run(ask()), base_url)


def explain(seen: Observation, base_url: str) -> Probe:
    """Say what an answer to one GET means."""
    if seen.status is None:
        return _not_answered(seen, base_url)
    if seen.status == 401:  # noqa: PLR2004 - HTTP's own number
        return Probe(
            "key-refused", "The server refuses this key (401). Check that it belongs to this address."
        )
    if seen.status == 403:  # noqa: PLR2004 - the same
        return Probe(
            "no-reading",
            "This key may not read orders (403): reading back is off. Updates may still work, but what is in "
            "doubt after a lost answer stays so. Allow GET orders for this key in the plugin's settings.",
        )
    if 300 <= seen.status < 400:  # noqa: PLR2004 - the same
        where = seen.headers.get("location", "another address")
        return Probe(
            "moved",
            f"The server points to {where}. Set the address to where the plugin really is; the key was not "
            "sent there.",
        )
    # No order has the ID 0: what counts is whether the answer has the documented shape.
    view = read_order_answer(seen.body, seen.headers.get("content-type"), 0) if seen.whole else None
    if seen.status == 200 and view is not None:  # noqa: PLR2004 - the same
        return Probe("fine", "The server answers, and the key may read orders.")
    return Probe(
        "not-an-order-api",
        f"Something answers at {base_url} (status {seen.status}), but not an Order API. "
        "The address should end in something like /api/order-api/1.",
    )


def _not_answered(seen: Observation, base_url: str) -> Probe:
    reason = str(seen.failure) if seen.failure is not None else "no answer came"
    if seen.failure is not None and seen.failure.name == "TLS":
        return Probe(
            "certificate",
            f"{base_url}: {reason} ({seen.detail}). If your company checks connections with a "
            "certificate of its own, give its file with --ca-bundle.",
        )
    return Probe(
        "not-reached",
        f"{base_url} was not reached: {reason}. Check the address and this computer's connection; behind a "
        "company's proxy, give it with --proxy.",
    )
