"""From works to a delivery: the settings that bear on it, as delivery's own options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.config.target import Target, key_for, proxy_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ordersheet.config.settings import Settings
    from ordersheet.core.journal import Journal
    from ordersheet.core.model import OrderWork
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.delivery import DeliveryEnd, Progress


@dataclass(frozen=True, slots=True)
class HowToDeliver:
    """How works are delivered, and where to."""

    settings: Settings
    target: Target
    total: int
    """Rows, for the progress."""
    again: bool = False
    """The same texts are meant once more."""
    submitted: str | None = None
    """The run that was submitted, where these are rows of one of its chunks."""
    most_no: int | None = None
    """More rows than this that end in `no` stop it; None for any number."""


def deliver_works(
    works: Iterable[OrderWork],
    journal: Journal,
    how: HowToDeliver,
    *,
    tell: Callable[[Progress], None] | None,
    switch: StopSwitch,
) -> DeliveryEnd:
    """Deliver works, and wait for the end.

    Args:
        works: what is asked of each order.
        journal: where it is written down.
        how: the settings, and where to.
        tell: is told how far it has come.
        switch: ends it early.
    """
    from ordersheet.delivery import (
        DeliveryOptions,
        SystemClock,
        deliver,
        make_transport_factory,
        run_in_thread,
    )

    settings, target = how.settings, how.target
    options = DeliveryOptions(
        base_url=target.base_url,
        lanes=settings.concurrency if isinstance(settings.concurrency, int) else None,
        rate=settings.rate,
        timeout=settings.timeout,
        attempts=settings.attempts,
        settle=settings.settle,
        grace=settings.grace,
        baseline=settings.baseline,
        xml=settings.xml,
        skip_unchanged=settings.skip_unchanged,
        again=how.again,
        batch=settings.batch,
        most_no=how.most_no,
        total=how.total,
        submitted=how.submitted,
    )
    transports = make_transport_factory(
        key_for(settings, target),
        proxy=proxy_for(settings.proxy, target.base_url),
        ca_bundle=settings.ca_bundle,
    )
    return run_in_thread(
        lambda: deliver(
            works,
            journal=journal,
            transports=transports,
            options=options,
            clock=SystemClock(),
            stop=switch,
            progress=tell or (lambda _progress: None),
        ),
        switch,
    )
