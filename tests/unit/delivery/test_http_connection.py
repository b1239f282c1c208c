"""One connection over any transport of httpx's kind, and what is told of the proxy and of the key."""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Callable, Coroutine
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.secret import HIDDEN, Secret
from ordersheet.delivery.transport.base import SENDING, TARGET, HttpConnection
from ordersheet.delivery.transport.headers import RequestHeaders
from ordersheet.delivery.verdict.causes import cause_of
from ordersheet.delivery.verdict.observation import Failure, Observation
from ordersheet.delivery.verdict.put import VerdictKind, classify

BASE = "https://shop.example.com/api"
KEY = 'k"ey/<0123456789>'
OK = b'{"status":"ok","order":7}'
Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def put(
    handler: Handler,
    *,
    proxy: str | None = None,
    traced: bool = False,
    clock: Callable[[], float] = lambda: 0.0,
) -> Observation:
    async def work() -> Observation:
        connection = HttpConnection(
            lambda: httpx.MockTransport(handler),
            RequestHeaders(Secret(KEY)),
            proxy=proxy,
            traced=traced,
            clock=clock,
        )
        seen = await connection.request("PUT", f"{BASE}/orders", b"{}", deadline=5)
        await connection.close()
        return seen

    return asyncio.run(work())


def test_a_mock_of_httpx_stands_in_for_the_network():
    asked: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=OK, headers={"Date": "then", "X-Other": "1"})

    seen = put(answer)
    assert (seen.bytes_left, seen.status, seen.body, seen.headers) == (True, 200, OK, {"date": "then"})
    assert classify(seen, order=7).kind is VerdictKind.ANSWERED_OK
    (request,) = asked
    assert (request.method, str(request.url), request.headers["host"]) == (
        "PUT",
        f"{BASE}/orders",
        "shop.example.com",
    )
    assert request.headers["api-authorization"] == KEY


@pytest.mark.parametrize("query", ["", "?order=7", "?limit=2&newer_than=2026-11-01+00%3A00%3A00"])
@pytest.mark.parametrize("targets", [True, False])
def test_what_is_asked_for_is_the_same_whether_an_engine_heeds_targets(query, targets):
    asked: list[bytes] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        target = request.extensions.get(TARGET)
        assert (target is not None) == (targets and query != "")
        asked.append(request.url.raw_path if target is None else target)
        return httpx.Response(200, content=OK)

    async def work() -> None:
        headers = RequestHeaders(Secret(KEY))
        connection = HttpConnection(lambda: httpx.MockTransport(answer), headers, targets=targets)
        await connection.request("GET", f"{BASE}/orders{query}", None, deadline=5)
        await connection.close()

    asyncio.run(work())
    assert asked == [httpx.URL(f"{BASE}/orders{query}").raw_path]


@pytest.mark.parametrize(("seconds", "left"), [(29.9, True), (30.1, False), (7200.0, False)])
def test_of_a_request_whose_process_was_frozen_while_it_connected_no_byte_leaves(seconds, left):
    """By then another process may have taken its order over."""
    applied: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        await request.extensions["trace"](SENDING, {"request": request})
        applied.append(request)
        return httpx.Response(200, content=OK)

    seen = put(answer, traced=True, clock=iter((1000.0, 1000.0 + seconds)).__next__)
    assert (seen.bytes_left, len(applied)) == (left, left)
    assert classify(seen, order=7).kind is (VerdictKind.ANSWERED_OK if left else VerdictKind.NOT_SENT)


@pytest.mark.parametrize("fault", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), OSError(), ValueError()])
def test_what_an_engine_was_given_that_does_not_tell_counts_as_sent(fault):
    async def fail(_request: httpx.Request) -> httpx.Response:
        raise fault

    assert classify(put(fail), order=7).kind is VerdictKind.UNKNOWN
    assert classify(put(fail, traced=True), order=7).kind is VerdictKind.NOT_SENT


@pytest.mark.parametrize(("method", "left"), [("CONNECT", False), (b"CONNECT", False), ("PUT", True)])
def test_of_an_engine_that_tells_its_own_word_counts_but_not_that_of_a_tunnel(method, left):
    class Asked:
        def __init__(self) -> None:
            self.method = method

    async def fail(request: httpx.Request) -> httpx.Response:
        await request.extensions["trace"](SENDING, {"request": Asked()})
        raise httpx.ReadError("x")

    assert put(fail, traced=True).bytes_left is left


PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (httpx.ConnectTimeout("x"), f"the proxy {PROXY} did not open the way in time"),
        (httpx.ConnectError("x"), f"the proxy {PROXY} could not be reached"),
        (httpx.ProxyError("407"), f"the proxy {PROXY} refused the connection"),
    ],
)
def test_where_the_proxy_is_to_blame_it_is_named_and_not_the_shop(fault, words):
    async def fail(_request: httpx.Request) -> httpx.Response:
        raise fault

    cause = cause_of(put(fail, proxy=PROXY, traced=True), BASE)
    assert cause.what.startswith(words)
    assert "proxy" in cause.mend
    assert "Check the address (" not in cause.mend
    assert "end the same file again" in cause.mend
    assert "proxy" not in cause_of(put(fail, traced=True), BASE).what or isinstance(fault, httpx.ProxyError)


def test_behind_an_open_tunnel_the_shop_is_to_blame():
    async def fail(request: httpx.Request) -> httpx.Response:
        await request.extensions["trace"]("proxy.start_tls.started", {})
        raise httpx.ConnectTimeout("x")

    seen = put(fail, proxy=PROXY, traced=True)
    assert (seen.failure, seen.stuck_at_proxy) == (Failure.DEADLINE, None)
    assert BASE in cause_of(seen, BASE).mend


@given(
    before=st.text(max_size=600),
    after=st.text(max_size=600),
    form=st.sampled_from([str, html.escape, lambda key: quote(key, safe="")]),
    field=st.sampled_from(["msg", "code"]),
    nested=st.booleans(),
)
def test_no_text_of_an_answer_carries_the_key(before, after, form, field, nested):
    text = before + form(KEY) + after
    body = json.dumps({"status": "no", "order": 7, field: {"x": text} if nested else text}).encode()

    async def echo(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body, headers={"location": f"{BASE}/?key={quote(KEY, safe='')}"})

    seen = put(echo)
    verdict = classify(seen, order=7)
    assert verdict.kind is VerdictKind.ANSWERED_NO
    for part in (verdict.message, (verdict.answer and verdict.answer.code) or "", repr(seen.headers)):
        for told in (KEY, html.escape(KEY), quote(KEY, safe="")):
            assert told not in part
            assert told[:10] not in part.removesuffix("…") or told[:10] in before + after
    assert HIDDEN in seen.headers["location"]


def test_a_secret_shows_itself_to_nobody():
    secret = Secret(KEY)
    assert KEY not in f"{secret}{secret!r}{RequestHeaders(secret)!r}"
    assert Secret("key").taken_out_of("the key") == "the key"
