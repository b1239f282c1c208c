"""One GET to a store, and what its answer means: for setup and doctor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from ordersheet.api import orders_url, read_order_answer
from ordersheet.config.settings import without_login
from ordersheet.config.target import proxy_for
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    from ordersheet.config.settings import Settings
    from ordersheet.core.secret import Secret
    from ordersheet.delivery.verdict.observation import Observation


@dataclass(frozen=True, slots=True)
class Probe:
    """What one GET found out."""

    code: str
    """`fine`, `no-reading`, `key-refused`, `moved`, `server-trouble`, `not-an-order-api`; and where no whole
    answer came, `certificate`, `proxy` or `not-reached`."""
    sentence: str
    """What it means, and what to do."""

    @property
    def usable(self) -> bool:
        """Whether updates can be sent, as far as one GET can tell."""
        return self.code in ("fine", "no-reading")


_TO_THE_PROXY = {
    Failure.NAME: "The proxy {} was not reached, so {} was not asked",
    Failure.CONNECT: "The proxy {} was not reached, so {} was not asked",
    Failure.REFUSED: "The proxy {} was not reached, so {} was not asked",
    Failure.DEADLINE: "The proxy {} did not open the way to {}",
}
"""What a connection that was never made means where there is a proxy."""
_OF_STATUS = {
    401: Probe("key-refused", "The server refuses this key (401). Check that it belongs to this address."),
    403: Probe(
        "no-reading",
        "This key may not read orders (403): reading back is off. Updates may still work, but what is in "
        "doubt after a lost answer stays so. Allow GET orders for this key in the plugin's settings.",
    ),
}


def probe(base_url: str, key: Secret, settings: Settings) -> Probe:
    """Ask the store for one order, and say what the answer means.

    Args:
        base_url: the store's address, in its normal form.
        key: the key to try; it goes to this address alone.
        settings: proxy, certificates and time limit.
    """
    from ordersheet.delivery import make_transport_factory

    proxy = proxy_for(settings.proxy, base_url)
    factory = make_transport_factory(key, proxy=proxy, ca_bundle=settings.ca_bundle)

    async def ask() -> Observation:
        transport = factory()
        try:
            return await transport.request(
                "GET", orders_url(base_url) + "?limit=1", None, deadline=settings.timeout
            )
        finally:
            await transport.close()

    return explain(asyncio.run(ask()), base_url, proxy)


def explain(seen: Observation, base_url: str, proxy: str | None = None) -> Probe:
    """Say what an answer to one GET means, asked directly or by way of a proxy."""
    status = seen.status
    if status is not None and status in _OF_STATUS:
        return _OF_STATUS[status]
    if status is not None and HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        where = seen.headers.get("location", "another address")
        return Probe(
            "moved",
            f"The server points to {where}. Set the address to where the plugin really is; the key was not "
            "sent there.",
        )
    if status is None or not seen.whole:
        return _not_answered(seen, base_url, proxy)
    return _answered(seen, base_url)


def _answered(seen: Observation, base_url: str) -> Probe:
    assert seen.status is not None
    if seen.status == HTTPStatus.TOO_MANY_REQUESTS or seen.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Probe(
            "server-trouble",
            f"{base_url} answers, but not well at the moment (status {seen.status}). Try again later.",
        )
    # No order has the ID 0: what counts is whether the answer has the documented shape.
    view = read_order_answer(seen.body, seen.headers.get("content-type"), 0)
    if seen.status == HTTPStatus.OK and view is not None:
        return Probe("fine", "The server answers, and the key may read orders.")
    return Probe(
        "not-an-order-api",
        f"Something answers at {base_url} (status {seen.status}), but not an Order API. "
        "Compare the address with the plugin's page; it usually ends in something like /api/order-api/1.",
    )


def _not_answered(seen: Observation, base_url: str, proxy: str | None) -> Probe:
    reason = str(seen.failure) if seen.failure is not None else "no answer came"
    kind = seen.failure.name if seen.failure is not None else ""
    if kind == "TLS":
        return Probe(
            "certificate",
            f"{base_url}: {reason} ({seen.detail}). If your company checks connections with a "
            "certificate of its own, give its file with --ca-bundle.",
        )
    if kind == "PROXY":
        return Probe(
            "proxy",
            f"{base_url} was not reached: {reason} ({seen.detail}). Ask whoever looks after the proxy "
            "whether it lets this computer through to that address.",
        )
    if proxy is not None and seen.failure in _TO_THE_PROXY and not seen.bytes_left:
        what = _TO_THE_PROXY[seen.failure].format(without_login(proxy), base_url)
        return Probe(
            "proxy",
            f"{what}: {reason}. Check the proxy's address, or leave it out where this computer needs none "
            "(--proxy, ORDERSHEET_PROXY, or proxy in the profile).",
        )
    return Probe(
        "not-reached",
        f"{base_url} was not reached: {reason}. Check the address and this computer's connection; behind a "
        "company's proxy, give it with --proxy.",
    )
