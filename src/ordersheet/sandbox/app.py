"""The sandbox's endpoints: `PUT` and `GET <base>/orders`, and a page that shows what it holds."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ordersheet.sandbox.answers import DATE, Body, as_read, bend, bend_read, change, encode, refused, updated
from ordersheet.sandbox.faults import Act, Applies, Fault, Faults, FaultTarget
from ordersheet.sandbox.local_only import LocalOnly
from ordersheet.sandbox.page import SeenRequest, render
from ordersheet.sandbox.rate_limit import Bucket, retry_after
from ordersheet.sandbox.wire import Gone, SandboxWire, SandboxWires, raw_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request

    from ordersheet.sandbox.store import Order, Store

KEY_HEADER = "API-Authorization"
LARGEST_BODY = 4 * 1024 * 1024
_REMEMBERED = 50
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_ELSEWHERE = "http://127.0.0.1:9/elsewhere"


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """How the sandbox answers."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    """What `API-Authorization` must be; made up anew where it is not given."""
    latency: float = 0.0
    """Seconds that each request takes before it is carried out."""
    rate: float | None = None
    """Requests a second; more get a 429. None: as many as come."""
    retry_after: str = "seconds"
    """How that 429 says when to come back: one of `rate_limit.FORMS`."""
    faults: Sequence[Fault] = ()
    seed: int = 0
    """Chooses the pattern in which faults strike."""
    methods: frozenset[str] = frozenset({"PUT", "GET"})
    """The endpoints that the key may use; others answer 403."""
    show_attributes: bool = False
    """Whether a GET shows `extraAttributes`."""
    largest_page: int = 250
    """The most orders that one list gives, whatever `limit` asks for."""
    edits: float | None = None
    """How often a minute somebody in the shop changes an order; None: never."""
    clock: Callable[[], float] = time.time
    """Unix seconds."""
    sleep: Callable[[float], Coroutine[Any, Any, None]] = field(default=asyncio.sleep)


def base_path(store: Store) -> str:
    """Give the path of the API; it names the stored state."""
    return f"/s-{store.state}/api/order-api/1"


def create_app(
    store: Store,
    config: SandboxConfig | None = None,
    *,
    wires: SandboxWires | None = None,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
) -> Starlette:
    """Make the sandbox's application.

    Args:
        store: the orders.
        config: how it answers.
        wires: the server's connections; without them a fault of the connection itself answers 500.
        lifespan: what the server does around it.
    """
    sandbox = _Sandbox(store, config or SandboxConfig(), wires or SandboxWires())
    orders = f"{base_path(store)}/orders"
    return Starlette(
        routes=[
            Route("/", sandbox.page, methods=["GET"]),
            Route("/id.json", sandbox.id, methods=["GET"]),
            Route("/state.json", sandbox.state, methods=["GET"]),
            Route(orders, sandbox.put, methods=["PUT"]),
            Route(orders, sandbox.get, methods=["GET"]),
        ],
        middleware=[Middleware(LocalOnly)],
        lifespan=lifespan,
    )


class _Sandbox:
    def __init__(self, store: Store, config: SandboxConfig, wires: SandboxWires) -> None:
        self.store = store
        self.config = config
        self.wires = wires
        self.faults = Faults(config.faults, config.seed)
        self.bucket = Bucket(config.rate, config.clock()) if config.rate else None
        self.seen: deque[SeenRequest] = deque(maxlen=_REMEMBERED)
        self.tasks: set[asyncio.Task[None]] = set()

    # --- what a browser asks for -----------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        """Show the orders and the latest requests."""
        base = str(request.base_url).rstrip("/") + base_path(self.store)
        return Response(
            render(self.store, base, self.seen),
            media_type="text/html",
            headers=_PAGE_HEADERS,
        )

    async def id(self, _request: Request) -> Response:
        """Tell which sandbox this is."""
        return JSONResponse({"state": self.store.state})

    async def state(self, _request: Request) -> Response:
        """Tell everything that is held: what the orders truly are, whatever was answered."""
        return JSONResponse(
            {
                "state": self.store.state,
                "market": self.store.market,
                "orders": [o.to_json() for o in self.store],
            },
            headers=_PAGE_HEADERS,
        )

    # --- the API ---------------------------------------------------------------------------------------

    async def put(self, request: Request) -> Response:
        """Carry out `PUT <base>/orders`."""
        content = await _read(request)
        payload = _object(content)
        order = payload.get("order") if payload is not None else None
        number = order if type(order) is int else 0
        early = self._turned_away(request, number)
        if early is not None:
            return early
        if payload is None:
            return self._answer(
                request, order, "not a JSON object", encode(refused(None, "bad request"), xml=False), 400
            )
        fault = self.faults.strike(FaultTarget.PUT, number)
        await self._take_time()
        if fault is not None:
            return await self._misbehave(request, payload, fault)
        answer = self._carry_out(payload)
        return self._answer(
            request, order, str(answer.get("msg", "ok")), encode(answer, xml=_wants_xml(payload))
        )

    async def get(self, request: Request) -> Response:
        """Carry out `GET <base>/orders`."""
        asked = request.query_params.get("order")
        number = int(asked) if asked is not None and asked.isascii() and asked.isdecimal() else 0
        early = self._turned_away(request, number)
        if early is not None:
            return early
        fault = self.faults.strike(FaultTarget.GET, number)
        await self._take_time()
        found = self._find(request, number if asked is not None else None)
        xml = request.query_params.get("xml", "").lower() in ("1", "true")
        if fault is None:
            body = encode({"status": "ok", "orders": found}, xml=xml)
            return self._answer(request, asked, f"{len(found)} found", body)
        if fault.kind.act is Act.BODY:
            return self._answer(request, asked, fault.kind.name, bend_read(fault.detail, found, xml=xml))
        return await self._act(request, asked, fault, encode({"status": "ok", "orders": found}, xml=xml))

    def _find(self, request: Request, number: int | None) -> list[dict[str, Any]]:
        if number is not None:
            order = self.store.visible(number)
            return [self._as_read(order)] if order is not None else []
        limit, offset = _count(request, "limit", 20), _count(request, "offset", 0)
        newer, older = _moment(request, "newer_than"), _moment(request, "older_than")
        shown = self.store.between(newer, older)
        page = islice(shown, offset, offset + min(limit, self.config.largest_page))
        return [self._as_read(order) for order in page]

    def _as_read(self, order: Order) -> dict[str, Any]:
        return as_read(order, attributes=self.config.show_attributes)

    def _turned_away(self, request: Request, number: int) -> Response | None:
        given = request.headers.get(KEY_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.config.key.encode()):
            return self._answer(
                request, number, "wrong key", encode(refused(number, "unauthorized"), xml=False), 401
            )
        if request.method not in self.config.methods:
            body = encode(refused(number, "endpoint not allowed"), xml=False)
            return self._answer(request, number, "not allowed", body, 403)
        now = self.config.clock()
        wait = self.bucket.take(now) if self.bucket is not None else 0.0
        if wait:
            body = encode(refused(number, "too many requests"), xml=False)
            headers = retry_after(self.config.retry_after, wait, now)
            return self._answer(request, number, "too many requests", body, 429, headers)
        return None

    def _carry_out(self, payload: dict[str, Any], times: int = 1) -> dict[str, Any]:
        order = payload.get("order")
        refusal = self.store.refusal(payload)
        if refusal is not None:
            return refused(order, refusal)
        for _ in range(times):
            self.store.apply(payload, self._change_of(payload["order"]))
        return updated(order)

    def _change_of(self, order: int) -> Callable[[str], str]:
        fault = self.faults.strike(FaultTarget.TEXT, order)
        return str if fault is None else partial(change, fault.detail)

    # --- misbehaviour ----------------------------------------------------------------------------------

    async def _misbehave(self, request: Request, payload: dict[str, Any], fault: Fault) -> Response:
        xml = _wants_xml(payload)
        order = payload.get("order")
        answer = updated(order)
        match fault.kind.applies:
            case Applies.YES:
                answer = self._carry_out(payload)
            case Applies.TWICE:
                answer = self._carry_out(payload, times=2)
            case Applies.PART:
                answer = self._carry_out(_internal_part(payload))
            case Applies.LATE:
                self._meanwhile(self._later(payload, float(fault.detail)))
            case _:
                pass
        if fault.kind.act is Act.BODY:
            return self._answer(request, order, fault.kind.name, bend(fault.detail, answer, xml=xml))
        return await self._act(request, order, fault, encode(answer, xml=xml))

    async def _later(self, payload: dict[str, Any], seconds: float) -> None:
        await self.config.sleep(seconds)
        self._carry_out(payload)

    async def _act(self, request: Request, order: object, fault: Fault, body: Body) -> Response:
        """Let the client see what the fault says."""
        kind = fault.kind
        if kind.act is Act.STATUS:
            headers = retry_after(fault.detail, 1.0, self.config.clock()) if kind.details == "form" else {}
            page = Body(
                b"" if kind.status == HTTPStatus.NO_CONTENT else kind.name.encode(),
                "text/plain; charset=utf-8",
            )
            return self._answer(request, order, kind.name, page, kind.status, headers)
        if kind.act is Act.REDIRECT:
            headers = {"location": _ELSEWHERE}
            return self._answer(
                request, order, kind.name, Body(b"", "text/plain"), int(fault.detail), headers
            )
        wire = self.wires.of(request.scope)
        if wire is None:
            return self._answer(request, order, kind.name, Body(b"no connection to break", "text/plain"), 500)
        self._note(request, order, kind.name)
        if kind.act is Act.STALE:
            wire.write(raw_answer(200, "application/json", encode(updated(1), xml=False).content))
            return Response(body.content, media_type=body.type)
        self._break(wire, fault, raw_answer(200, body.type, body.content), len(body.content))
        return Gone()

    def _break(self, wire: SandboxWire, fault: Fault, whole: bytes, body_size: int) -> None:
        """End, cut, slow down or hold the connection."""
        match fault.kind.act:
            case Act.CLOSE:
                wire.close()
            case Act.RESET:
                wire.reset()
            case Act.CUT:
                wire.write(whole[: -max(1, body_size // 2)])
                wire.close()
            case Act.GARBAGE:
                wire.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
                wire.close()
            case Act.DRIP:
                wire.held = True
                self._meanwhile(self._drip(wire, whole, float(fault.detail)))
            case _:
                wire.held = True

    async def _drip(self, wire: SandboxWire, whole: bytes, seconds: float) -> None:
        for index in range(len(whole)):
            if wire.closed:
                return
            wire.write(whole[index : index + 1])
            await self.config.sleep(seconds)
        wire.close()

    def _meanwhile(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --- small things ----------------------------------------------------------------------------------

    async def _take_time(self) -> None:
        if self.config.latency:
            await self.config.sleep(self.config.latency)

    def _note(self, request: Request, order: object, what: str) -> None:
        shown = "" if order in (None, 0) else str(order)
        self.seen.appendleft(SeenRequest(self.config.clock(), request.method, shown, what))

    def _answer(
        self,
        request: Request,
        order: object,
        what: str,
        body: Body,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        self._note(request, order, what)
        return Response(body.content, status, {**(headers or {}), "content-type": body.type})


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    stream: AsyncIterator[bytes] = request.stream()
    async for chunk in stream:
        size += len(chunk)
        if size <= LARGEST_BODY:
            chunks.append(chunk)
    return b"".join(chunks) if size <= LARGEST_BODY else b""


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        payload = json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _wants_xml(payload: dict[str, Any]) -> bool:
    return payload.get("xml") is True


def _internal_part(payload: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in payload.items()
        if key in ("order", "internalComment", "replaceInternalComment")
    }


def _moment(request: Request, name: str) -> datetime | None:
    """Read a date, or a date with a time; what is neither is left out, as by the API."""
    text = request.query_params.get(name, "")
    for form in (DATE, "%Y-%m-%d"):
        with suppress(ValueError):
            return datetime.strptime(text, form)  # noqa: DTZ007 - the API's dates name no time zone
    return None


def _count(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else default
