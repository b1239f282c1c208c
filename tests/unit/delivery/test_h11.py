"""How one answer is read out of bytes, without a socket: what is read wrongly is reported wrongly."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import h11
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.delivery.transport.base import LARGEST_BODY, Exchange
from ordersheet.delivery.transport.h11 import H11Protocol
from ordersheet.delivery.verdict.observation import Failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CODES = st.sampled_from([200, 400, 401, 429, 500])
HEADERS = [(b"Host", b"shop.example.com"), (b"Content-Length", b"2")]


class Written(asyncio.Transport):
    """Takes what is written, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.aborted = False

    def write(self, data: Any) -> None:
        self.data += data

    def abort(self) -> None:
        self.aborted = True


class Asked:
    """One request, and what comes back piece by piece; afterwards what was seen."""

    def __init__(self, *pieces: bytes, then_close: bool = False, most: int = LARGEST_BODY) -> None:
        self.seen = Exchange(most=most)
        self.fault: Exception | None = None
        self.reusable = False
        self.ended = False
        self.transport = Written()
        asyncio.run(self._ask(pieces, then_close=then_close))

    async def _ask(self, pieces: tuple[bytes, ...], *, then_close: bool) -> None:
        wire = H11Protocol()
        wire.connection_made(self.transport)
        task = asyncio.ensure_future(self._read(wire))
        await asyncio.sleep(0)
        for piece in pieces:
            assert not task.done()
            wire.data_received(piece)
            await asyncio.sleep(0)
        if then_close:
            wire.connection_lost(None)
        await asyncio.sleep(0)
        self.ended = task.done()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        except OSError as fault:
            self.fault = fault

    async def _read(self, wire: H11Protocol) -> None:
        request = h11.Request(method="PUT", target="/orders", headers=HEADERS)
        try:
            head = await wire.ask(request, b"{}", most=self.seen.most)
            answer = httpx.Response(head.status_code, headers=list(head.headers), stream=Chunks(wire))
            await self.seen.read(answer, str)
        except h11.RemoteProtocolError as fault:
            self.seen.fail(fault, Failure.GARBLED)
        self.reusable = wire.finish()


class Chunks(httpx.AsyncByteStream):
    """The body that a connection gives."""

    def __init__(self, wire: H11Protocol) -> None:
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._wire.chunk():
            yield chunk


def plain(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nRetry-After: 7\r\n\r\n%b" % (status, len(body), body)


def chunked(status: int, body: bytes) -> bytes:
    size = max(7, len(body) // 20)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 %d\r\ntransfer-encoding: Chunked\r\nretry-after: 7\r\n\r\n%b0\r\n\r\n" % (status, coded)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def test_a_request_is_written_once_and_whole():
    asked = Asked(plain(200, b"{}"))
    assert asked.transport.data == (
        b"PUT /orders HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 2\r\n\r\n{}"
    )


@given(CODES, st.binary(max_size=200), st.lists(st.integers(0, 500)), st.sampled_from([plain, chunked]))
def test_an_answer_is_the_same_however_it_arrives(status, body, cuts, form):
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
    asked = Asked(*pieces_of(interim + form(status, body), cuts))
    assert asked.reusable
    assert asked.seen.failure is None
    assert (asked.seen.status, bytes(asked.seen.body)) == (status, body)
    assert asked.seen.headers == {"retry-after": "7"}


@given(CODES, st.binary(max_size=50), st.integers(0, 500), st.sampled_from([plain, chunked]))
def test_a_cut_answer_is_never_whole(status, body, cut, form):
    data = form(status, body)
    pieces = [data[: cut % len(data)]] if cut % len(data) else []
    assert not Asked(*pieces).ended
    closed = Asked(*pieces, then_close=True)
    assert isinstance(closed.fault, ConnectionError)
    assert not closed.reusable


@given(st.binary(min_size=1, max_size=50), st.sampled_from([plain, chunked]))
def test_bytes_behind_an_answer_end_the_connection_but_not_the_answer(surplus, form):
    asked = Asked(form(200, b"{}") + surplus)
    assert asked.ended
    assert (asked.seen.status, bytes(asked.seen.body), asked.seen.failure) == (200, b"{}", None)
    assert not asked.reusable


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail))
def test_noise_is_an_answer_or_refused_and_nothing_else(noise):
    asked = Asked(*pieces_of(noise, []), then_close=True)
    assert asked.ended
    whole = asked.fault is None and asked.seen.failure is None
    assert not whole or asked.seen.status is not None


def test_an_answer_without_a_length_ends_with_its_connection():
    head = b"HTTP/1.0 200 OK\r\n\r\n{}"
    assert not Asked(head).ended
    asked = Asked(head, then_close=True)
    assert (asked.fault, bytes(asked.seen.body), asked.reusable) == (None, b"{}", False)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_connection_that_is_to_be_closed_is_not_kept(head):
    asked = Asked(head)
    assert asked.ended
    assert not asked.reusable


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body_ends_with_its_head(status):
    assert Asked(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status).ended


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00",
        b"HTTP/2 200\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno trailer\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000,
    ],
    ids=range(22),
)
def test_what_is_not_plain_is_refused(data):
    asked = Asked(data)
    assert asked.ended
    assert asked.seen.failure is Failure.GARBLED
    assert not asked.reusable


@pytest.mark.parametrize("form", [plain, chunked])
def test_a_body_over_the_cap_is_refused_and_not_kept(form):
    asked = Asked(form(200, b"x" * (LARGEST_BODY + 1)))
    assert asked.ended
    assert asked.seen.failure is Failure.TOO_LARGE
    assert len(asked.seen.observation(0.0, str, None).body) == LARGEST_BODY
    whole = Asked(form(200, b"x" * LARGEST_BODY))
    assert (whole.seen.failure, len(whole.seen.body)) == (None, LARGEST_BODY)


def test_a_list_may_be_larger_by_what_was_asked_for():
    body = b"x" * (LARGEST_BODY + 5)
    assert Asked(plain(200, body), most=LARGEST_BODY + 5).seen.failure is None
    over = Asked(plain(200, body), most=LARGEST_BODY + 4)
    assert (over.seen.failure, over.reusable) == (Failure.TOO_LARGE, False)


def test_a_word_that_nobody_asked_for_ends_the_connection():
    async def work() -> bool:
        transport, wire = Written(), H11Protocol()
        wire.connection_made(transport)
        wire.data_received(plain(200, b"{}"))
        return transport.aborted and not wire.open

    assert asyncio.run(work())
