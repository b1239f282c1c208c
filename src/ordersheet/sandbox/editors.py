"""People who work in the shop meanwhile: they change orders as colleagues do, beside the API."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from ordersheet.sandbox.store import Order, Store

PEOPLE = ("Anna", "Bilal", "Chiara", "Dag")
_NOTES = (
    "Customer called back, wants it sooner",
    "Address checked by phone",
    "Refund agreed, see the mail of today",
    "Parcel shop is closed on Friday",
)
_OFTEN = 0.5
_REPLACING, _SHORTENING = 0.85, 0.7
"""Where chance lies above: one edit in seven puts a note in the place of all, as many take a line away."""
"""How often somebody takes an order that was changed lately, rather than any."""
_PER_MINUTE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?:/min)?")


def edits_per_minute(text: str) -> float:
    """Read `6/min` or `6`.

    Raises:
        ValueError: it is neither, or zero.
    """
    found = _PER_MINUTE.fullmatch(text.strip())
    number = float(found["number"]) if found else 0.0
    if number <= 0.0:
        raise ValueError("must be a number of edits a minute above 0, such as 6/min")
    return number


class Editors:
    """Changes one order after another.

    Args:
        store: the orders.
        per_minute: how many edits a minute.
        seed: another seed, other edits.
        sleep: how to wait.
    """

    def __init__(
        self, store: Store, per_minute: float, seed: int, sleep: Callable[[float], Coroutine[Any, Any, None]]
    ) -> None:
        self._store = store
        self._pause = 60.0 / per_minute
        self._random = random.Random(f"editors {seed}")  # noqa: S311 - no secret
        self._sleep = sleep

    async def run(self) -> None:
        """Edit until the task is cancelled."""
        while True:
            await self._sleep(self._pause)
            self.edit_one()

    def edit_one(self) -> None:
        """Let somebody change one order: a line added, the last line taken out, or all of it rewritten."""
        order = self._choose()
        if order is None:
            return
        who = self._random.choice(PEOPLE)
        field = self._random.choice(("internalComment", "comment"))
        held = order.internal_comment if field == "internalComment" else order.comment
        self._store.edit(order.id, field, self._edited(held), who)

    def _choose(self) -> Order | None:
        lately = [change.order for change in self._store.changes]
        if lately and self._random.random() < _OFTEN:
            return self._store.visible(self._random.choice(lately))
        shown = [order for order in self._store if order.market == self._store.market]
        return self._random.choice(shown) if shown else None

    def _edited(self, held: str) -> str:
        note = self._random.choice(_NOTES)
        lines = held.split("\n") if held else []
        way = self._random.random()
        if lines and way > _REPLACING:
            return note
        if lines and way > _SHORTENING:
            return "\n".join(lines[:-1])
        return "\n".join([*lines, note])
