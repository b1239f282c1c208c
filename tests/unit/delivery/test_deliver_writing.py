"""When what lanes have to write is written."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support import virtual_time
from tests.support.delivery import World, append, sheet
from tests.support.fake_store import Fate, Store, status
from tests.support.memory_journal import MemoryJournal


def test_a_lane_that_is_shut_writes_what_it_has_before_it_waits():
    """A push-back shuts lanes whose rows have been answered: these must be on disk all the same."""
    late: set[int] = set()

    async def main() -> None:
        store, journals = Store(), list[MemoryJournal]()
        world = World(store)
        turned_away: list[Any] = []

        def fate(payload: dict[str, Any]) -> Fate:
            if not turned_away:
                turned_away.append(payload)
                return status(429, retry_after="30")
            return Fate(seconds=1.0)

        def look() -> None:
            now = asyncio.get_running_loop().time()
            begun = {order: at for _, order, at in store.times if order != turned_away[0]["order"]}
            late.update(
                order for order, at in begun.items() if at < now - 5 and order + 1 not in journals[0].results
            )

        store.put_fate = fate
        store.on_put = lambda: look() if turned_away else None
        works = sheet(*[(order, append("text")) for order in range(1, 17)])
        await world.send(works, lanes=None, baseline=False, prepare=journals.append)

    virtual_time.run(main())
    assert not late
