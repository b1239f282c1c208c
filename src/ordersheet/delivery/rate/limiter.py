"""Waits for the pace: one limiter for all lanes, which lets their requests go when it is time.

What is to be sent is written ahead first, and a disk may be slower than the server: so a request asks twice,
for its turn before it is written and for its leave after that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.delivery.rate.estimator import CATCH_UP
from ordersheet.delivery.rate.shared import SharedEstimator

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ordersheet.core.pace import PaceBoard
    from ordersheet.delivery.clock import Clock
    from ordersheet.delivery.rate.concurrency import AutoConcurrency
    from ordersheet.delivery.rate.estimator import Ticket


class Turn(NamedTuple):
    """One request that may be written ahead."""

    generation: int


class RateLimiter:
    """Lets the requests of all lanes go, one by one, when it is time.

    Args:
        clock: the time, which tests turn.
        rate: the most requests a second (`--rate`); None for no cap.
        auto: decides how many requests may be under way at once (`--concurrency auto`): open `lanes.MOST`
            lanes then, of which it lets as many work as help.
        most: how many requests may be under way at once where `auto` does not decide it; None for any number.
        board: where the pace is kept together with the other runs at the store; None for a pace of its own.

    Attributes:
        estimator: decides.
        on_change: called where something has happened that may concern the others at the store.
    """

    def __init__(
        self,
        clock: Clock,
        board: PaceBoard | None = None,
        rate: float | None = None,
        auto: AutoConcurrency | None = None,
        *,
        most: int | None = None,
    ) -> None:
        self._clock = clock
        self.estimator = self._pace = SharedEstimator(
            "" if board is None else board.name,
            company=board is not None and board.company,
            cap=rate,
            auto=auto,
            most=most,
        )
        self.on_change: Callable[[], None] = lambda: None
        self._released = False
        self._leave = self._next = float("-inf")
        self._first_in_line = asyncio.Lock()
        self._sleepers: set[asyncio.Future[None]] = set()
        self._freed: deque[asyncio.Future[None]] = deque()
        self._behind: deque[asyncio.Future[None]] = deque()
        self._without_permit: deque[asyncio.Future[None]] = deque()
        self._first: tuple[int, asyncio.Future[None]] | None = None
        """Of the moment that is waited for: its generation, and who wakes whoever waits."""
        self._lapsed: asyncio.Future[None] | None = None

    @property
    def rate(self) -> float:
        """Requests a second that are let go now."""
        return self._pace.allowed

    @property
    def wait_left(self) -> float:
        """Seconds until the next request may go; 0 where none waits for its moment."""
        return max(0.0, self._next - self._clock.monotonic())

    @property
    def pause_left(self) -> float:
        """Seconds until the gate opens; 0 where it stands open."""
        return max(0.0, self._pace.gate - self._clock.monotonic())

    async def turn(self) -> Turn | None:
        """Wait until a request may be written ahead, because it may go as soon as there is room for it.

        Returns:
            To be given to `ready`, or to `pass_on`, exactly once; None as for `ready`.
        """
        generation = await self._moment(self._pace.room_ahead, self._behind)
        if generation is None:
            return None
        self._pace.turns += 1
        return Turn(generation)

    def pass_on(self, turn: Turn) -> None:
        """Tell that the request of this turn does not leave."""
        del turn
        self._pace.turns -= 1
        self._free()

    async def ready(self, turn: Turn | None = None) -> Ticket | None:
        """Wait until a request may go, and count it.

        Args:
            turn: what `turn` gave, if it was asked: the request then waits for room alone, and for those that
                leave before it.

        Returns:
            A ticket, to be given back to `accepted`, `pushed_back` or `ended` exactly once. None where
            `release` was called: send nothing more then. With a turn also where the server has asked for a
            pause since: take another turn then.
        """
        pace = self._pace
        if turn is None:
            go = await self._moment(pace.room, self._freed) is not None
        else:
            try:
                go = await self._in_turn(turn)
            finally:
                pace.turns -= 1
        if go:
            # What is to be written ahead is an update; a reading goes without a turn.
            return pace.sent(self._clock.monotonic(), put=turn is not None)
        self._free()
        return None

    async def _in_turn(self, turn: Turn) -> bool:
        """Wait for room; what has piled up behind a slow disk leaves no faster than the rate."""
        pace, placed = self._pace, False
        while pace.may_go(self._clock.monotonic(), turn.generation) and not self._ended():
            if pace.room() <= 0:
                await self._wait_for_room(self._freed)
                continue
            now = self._clock.monotonic()
            at = now if placed else max(self._leave, now - CATCH_UP)
            if not placed:
                self._leave, placed = at + 1.0 / pace.allowed, True
            if at <= now:
                return True
            await self._sleep(at - now)
        return False

    async def _moment(self, room: Callable[[], float], waiting: deque[asyncio.Future[None]]) -> int | None:
        """Wait for room and for the next free moment; give the generation, None where all is released."""
        pace, clock = self._pace, self._clock
        while not self._ended():
            if room() <= 0:
                await self._wait_for_room(waiting)
                continue
            if pace.permits() <= 0:
                self.on_change()
                await self._wait_for_room(self._without_permit)
                continue
            # One at a time: whoever took a moment far ahead would keep to it after the rate has grown.
            async with self._first_in_line:
                if self._ended() or room() <= 0 or pace.permits() <= 0:
                    continue
                generation, now = pace.generation, clock.monotonic()
                at = self._next = pace.reserve(now)
                if at > now:
                    if pace.together:
                        # What others have seen is to be looked for before it goes.
                        self.on_change()
                    await self._sleep(at - now, generation)
                    if self._ended() or room() <= 0:
                        continue
                    now = clock.monotonic()
                if pace.may_go(now, generation):
                    return generation
        return None

    def accepted(self, ticket: Ticket) -> None:
        """Tell that the server took the request: a whole answer that is neither a push-back nor a failure."""
        self._pace.accepted(self._clock.monotonic(), ticket)
        self._free()
        if self._pace.urgent:
            self.on_change()

    def pushed_back(self, ticket: Ticket, resume: datetime | None) -> None:
        """Tell of a 429 or 503.

        Args:
            ticket: the request's.
            resume: when to go on (see `retry_after.resume_time`); None where the server does not say.
        """
        pause = None if resume is None else max(0.0, (resume - self._clock.now()).total_seconds())
        self._pace.pushed_back(self._clock.monotonic(), ticket, pause)
        self._free()
        self.on_change()

    def failed(self, ticket: Ticket) -> None:
        """Tell that the server failed: a 5xx, a reset, no answer in time."""
        self._pace.failed(self._clock.monotonic(), ticket)
        self._free()
        self.on_change()

    def ended(self, ticket: Ticket) -> None:
        """Tell that the request ended in a way that says nothing about the pace."""
        self._pace.ended(ticket)
        self._free()

    def changed(self) -> None:
        """Tell that the estimator was told of others: there may be permits, and moments may have lapsed."""
        if self._first is not None and self._first[0] != self._pace.generation:
            _, self._lapsed = self._first
            self._lapsed.cancel()
        self._free()

    def release(self) -> None:
        """End every wait at once, those to come included: the run is ending."""
        self._released = True
        for sleeper in (*self._sleepers, *self._freed, *self._behind, *self._without_permit):
            sleeper.cancel()

    def _ended(self) -> bool:
        return self._released

    def _free(self) -> None:
        # A limit that has moved lets several in at once; what is written down already goes first.
        _let_in(self._freed, self._pace.room())
        _let_in(self._behind, self._pace.room_ahead())
        if self._without_permit:
            _let_in(self._without_permit, self._pace.permits())

    async def _wait_for_room(self, waiting: deque[asyncio.Future[None]]) -> None:
        room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(room)
        await self._until(room)

    async def _sleep(self, seconds: float, generation: int | None = None) -> None:
        """Sleep; for a moment that was reserved, no longer than its generation is good."""
        sleeper = asyncio.ensure_future(self._clock.sleep(seconds))
        self._sleepers.add(sleeper)
        if generation is not None:
            self._first = (generation, sleeper)
        try:
            await self._until(sleeper)
        finally:
            self._sleepers.discard(sleeper)
            if generation is not None:
                self._first = None

    async def _until(self, wait: asyncio.Future[None]) -> None:
        try:
            await wait
        except asyncio.CancelledError:
            task = asyncio.current_task()
            # What we end ourselves ends the wait alone; a cancelled task goes on being cancelled.
            if not (self._released or wait is self._lapsed) or (task is not None and task.cancelling()):
                raise


def _let_in(queue: deque[asyncio.Future[None]], room: float) -> None:
    while queue and room > 0:
        first = queue.popleft()
        if not first.done():
            first.set_result(None)
            room -= 1
