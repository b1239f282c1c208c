"""One lane's requests: paced and counted. A reading is tried again here, by tenacity; an update never is.

Each update is written ahead before it leaves, so whether it leaves once more is decided by `OrderMachine`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import tenacity

from ordersheet.api import OrderView, order_url, orders_url
from ordersheet.delivery.clock import pause
from ordersheet.delivery.transport.base import LARGEST_BODY
from ordersheet.delivery.verdict.causes import cause_of
from ordersheet.delivery.verdict.get import GetKind, GetVerdict, classify_get, classify_list
from ordersheet.delivery.verdict.observation import Failure
from ordersheet.delivery.verdict.put import StopReason, Verdict, classify
from ordersheet.delivery.verdict.retry_after import LONGEST_PAUSE, resume_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ordersheet.delivery.context import RequestContext
    from ordersheet.delivery.rate.estimator import Ticket
    from ordersheet.delivery.verdict.causes import Cause
    from ordersheet.delivery.verdict.observation import Observation

READS = 6
"""How often an order is asked for before its reading counts as unanswered; answers of 429 and 503 apart."""
BACKOFF = tenacity.wait_exponential(multiplier=0.5, max=10.0) + tenacity.wait_random(0.0, 0.5)
"""Seconds between two tries."""

LARGEST_ENTRY, LARGEST_LIST = 64 << 10, 16 << 20
"""Bytes that each further order may add to what is read of a list, and that are read of any list at most."""

AnyVerdict: TypeAlias = Verdict | GetVerdict
V = TypeVar("V", Verdict, GetVerdict)


@dataclass(slots=True)
class Attempts:
    """One lane's way to the server."""

    context: RequestContext
    last: Observation | None = None
    """What was seen of the latest request."""
    asked_at: float = float("-inf")
    """When the latest reading left (monotonic)."""

    async def put(self, order: int, body: bytes, ticket: Ticket) -> Verdict:
        """Send a payload once.

        Args:
            order: the order in the payload.
            body: the payload.
            ticket: the limiter's leave.
        """
        context, run = self.context, self.context.run
        url = orders_url(run.options.base_url)
        judge = partial(classify, order=order)
        slept = context.waking.slept()
        seen, verdict = await self._ask("PUT", url, body, run.options.timeout, judge)
        context.counts.put += seen.bytes_left
        run.api_seen |= verdict.answer is not None
        if context.waking.slept() == slept:
            # Else the answer may have lain unread for as long as the computer slept.
            run.compare_clocks(verdict.date, context.clock.monotonic())
        self._learn(seen, verdict, ticket)
        reason = run.forbidden.answered(verdict.status if seen.failure is None else None)
        if reason is not None:
            run.halt(reason)
        return verdict

    async def read(
        self, order: int, *, once: bool = False, written_at: float | None = None
    ) -> GetVerdict | None:
        """Read an order; None where that got no usable answer.

        A 401 or 3xx stops the run, and 403 turns reading off: both give None as well.

        Args:
            order: its ID.
            once: do not ask again.
            written_at: when it was last written to (monotonic); a copy of before tells nothing of it.
        """
        url = order_url(self.context.run.options.base_url, order)
        verdict = await self._read(url, partial(classify_get, order=order), once=once)
        seen = self.last
        if verdict is not None and seen is not None and self.context.run.is_old_copy(seen, written_at):
            found = verdict.view is not None and verdict.view.found
            return replace(verdict, view=OrderView(order, found=found, comments={}))
        too_large = seen is not None and seen.failure is Failure.TOO_LARGE
        if verdict is None and too_large and not once:
            # It is there, and was as large each time: nothing is known of its comments.
            self.context.run.warn_too_large(order)
            return GetVerdict(GetKind.USABLE, view=OrderView(order, found=True, comments={}))
        return verdict

    async def read_list(
        self,
        url: str,
        *,
        entries: int = 1,
        fields: Sequence[str] = (),
        tries: int = READS,
        spares: bool = False,
    ) -> GetVerdict | None:
        """Read a list of orders, as `read` reads one.

        Args:
            url: its address (`api.list_url`, or `api.order_url` for a list of one).
            entries: how many orders it asks for; so much larger may its answer be.
            fields: further fields of an order to keep.
            tries: how often it is asked for; answers of 429 and 503 apart.
            spares: it only saves readings by the order's ID: a shop that turns it away may allow those.
        """
        judge = partial(classify_list, fields=fields)
        return await self._read(url, judge, tries=tries, most=largest_list(entries), spares=spares)

    async def _read(
        self,
        url: str,
        judge: Callable[[Observation], GetVerdict],
        *,
        once: bool = False,
        tries: int = READS,
        most: int = LARGEST_BODY,
        spares: bool = False,
    ) -> GetVerdict | None:
        tried = 0

        def enough(state: tenacity.RetryCallState | None) -> bool:
            del state
            return once or tried >= tries or self.context.run.ended

        async def ask() -> GetVerdict | None:
            nonlocal tried
            verdict = await self._get_once(url, judge, most, spares=spares)
            if verdict is not None and not verdict.pushed_back:
                tried += 1
            return verdict

        verdict = await ask()
        if _unread(verdict) and not enough(None):
            verdict = await self._again(verdict, ask, enough)
        return verdict if verdict is not None and verdict.kind is GetKind.USABLE else None

    async def _again(
        self,
        first: GetVerdict | None,
        ask: Callable[[], Awaitable[GetVerdict | None]],
        enough: Callable[[tenacity.RetryCallState], bool],
    ) -> GetVerdict | None:
        """Let tenacity take over a reading that failed once; nearly all succeed, and need none of it."""
        met = iter([first])

        async def go_on() -> GetVerdict | None:
            for verdict in met:
                return verdict
            return await ask()

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(_unread),
            stop=enough,
            wait=_wait,
            sleep=self._sleep,
            retry_error_callback=_last_result,
        )
        verdict: GetVerdict | None = await retrying(go_on)
        return verdict

    def cause(self) -> Cause:
        """Say why the latest request got no usable answer."""
        return cause_of(self.last, self.context.run.options.base_url)

    async def _get_once(
        self, url: str, judge: Callable[[Observation], GetVerdict], most: int, *, spares: bool
    ) -> GetVerdict | None:
        context, run = self.context, self.context.run
        # Without a ticket the run is ending; orders in doubt are read all the same.
        ticket = await context.limiter.ready()
        deadline = context.read_deadline()
        if deadline <= 0 or not run.may_read:
            if ticket is not None:
                context.limiter.ended(ticket)
            return None
        self.asked_at = context.clock.monotonic()
        seen, verdict = await self._ask("GET", url, None, deadline, judge, most=most)
        context.counts.get += seen.bytes_left
        answered = verdict.view is not None or verdict.listed is not None
        run.api_seen |= verdict.status == HTTPStatus.OK and answered
        self._learn(seen, verdict, ticket)
        if verdict.kind is GetKind.UNREADABLE and run.readable and not spares:
            run.warn_unreadable(verdict.status)
        return verdict

    async def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None,
        deadline: float,
        judge: Callable[[Observation], V],
        *,
        most: int = LARGEST_BODY,
    ) -> tuple[Observation, V]:
        """Send one request over a connection that is its own meanwhile, and judge what was seen of it."""
        with self.context.connections.one() as connection:
            self.last = seen = await connection.request(method, url, body, deadline=deadline, most=most)
            verdict = judge(seen)
            if verdict.drop_connection:
                await connection.drop()
        return seen, verdict

    def _learn(self, seen: Observation, verdict: AnyVerdict, ticket: Ticket | None) -> None:
        """Tell the limiter and the breakers what one request ended in."""
        context, run = self.context, self.context.run
        reason = verdict.stop
        if seen.status is not None:
            run.breakers.heard()
            run.heard(context.clock.monotonic())
        if verdict.pushed_back:
            self._pushed_back(seen, verdict, ticket)
        elif seen.interrupted:
            if ticket is not None:
                context.limiter.ended(ticket)
        elif verdict.failed:
            reason = reason or self._failed(seen, verdict, ticket)
        else:
            run.breakers.succeeded(put=isinstance(verdict, Verdict))
            if ticket is not None:
                context.limiter.accepted(ticket)
        if reason is not None:
            run.halt(reason, seen)

    def _failed(self, seen: Observation, verdict: AnyVerdict, ticket: Ticket | None) -> StopReason | None:
        context, breakers = self.context, self.context.run.breakers
        now = context.clock.monotonic()
        if ticket is not None:
            context.limiter.failed(ticket)
        put = isinstance(verdict, Verdict) and seen.bytes_left
        waking = context.waking.look()
        broken = breakers.broke(waking, known=now, sent=now if ticket is None else ticket.at, put=put)
        return broken if seen.bytes_left else breakers.failed(waking) or broken

    def _pushed_back(self, seen: Observation, verdict: AnyVerdict, ticket: Ticket | None) -> None:
        context, run = self.context, self.context.run
        context.counts.pushed_back += (
            seen.status == HTTPStatus.TOO_MANY_REQUESTS or verdict.retry_after is not None
        )
        now = context.clock.now()
        resume = resume_time(verdict.retry_after, verdict.date, now)
        reason = run.breakers.pushed_back(context.waking.look(), put=isinstance(verdict, Verdict))
        if ticket is not None:
            context.limiter.pushed_back(ticket, resume)
        if resume is not None and resume - now > LONGEST_PAUSE:
            run.halt(StopReason.LONG_PAUSE, resume_after=resume)
        elif reason is not None:
            run.halt(reason, seen)

    async def _sleep(self, seconds: float) -> None:
        await pause(seconds, clock=self.context.clock, stop=self.context.run.switch)


def largest_list(entries: int) -> int:
    """Say how many bytes are read of a list that asks for so many orders."""
    return min(LARGEST_BODY + (entries - 1) * LARGEST_ENTRY, LARGEST_LIST)


def _unread(verdict: GetVerdict | None) -> bool:
    return verdict is not None and verdict.kind is GetKind.RETRY


def _last_result(state: tenacity.RetryCallState) -> GetVerdict | None:
    return None if state.outcome is None else state.outcome.result()


def _wait(state: tenacity.RetryCallState) -> float:
    """Wait between two tries; after a push-back the limiter's gate is the wait."""
    verdict = None if state.outcome is None else state.outcome.result()
    return 0.0 if isinstance(verdict, GetVerdict) and verdict.pushed_back else BACKOFF(state)
