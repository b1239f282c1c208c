"""What every transport must keep to, whatever the server and the way to it do.

A PUT leaves once for each call, no answer reaches another row, no key another origin, no attempt outlives its
deadline, and what is called "not sent" has not been received.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.support.rawserver import RawProxy, RawServer, Seen, Wire, answer, drip, ok, sends

from ordersheet.api import put_body
from ordersheet.core.errors import SettingsError
from ordersheet.core.model import Operation, OperationKind
from ordersheet.core.secret import Secret
from ordersheet.delivery.transport.factory import LARGEST_BODY, Transport, make_transport_factory, tls_context
from ordersheet.delivery.verdict.put import Failure, Observation, StopReason, Verdict, VerdictKind, classify

KEY = "s3cret-key-0123456789"
SECRET = Secret(KEY)
DEADLINE = 5.0
SHORT = 0.3
LONGER = (0.05, SHORT, 1.0, 4.0, 15.0)
"""Deadlines to give a request one after the other, until one was enough for it to reach a busy server."""
AT_MOST = 20.0
BULKY = 40_000_000
"""Bytes of a payload that the system's buffers of both sides cannot hold."""
T = TypeVar("T")
Make = Callable[..., Transport]


def httpx_engine(**how: Any) -> Transport:
    return make_transport_factory(SECRET, engine="httpx", **how)()


def usual(**how: Any) -> Transport:
    """What a run uses: h11, and httpx where there is a proxy."""
    return make_transport_factory(SECRET, **how)()


pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
ENGINES: dict[str, Make] = {"usual": usual, "httpx": httpx_engine}


@pytest.fixture(scope="module", autouse=True)
def _collected() -> Iterator[None]:
    # A connection that a deadline cuts in the moment in which it is made is left to the collector by asyncio:
    # it is to come by here, and not in the middle of another test.
    yield
    gc.collect()


@pytest.fixture(params=ENGINES)
def make(request) -> Make:
    found: Make = ENGINES[request.param]
    return found


def run(work: Coroutine[Any, Any, T]) -> T:
    # The outer limit is no measurement: it only keeps a broken deadline from hanging the suite.
    async def limited() -> T:
        return await asyncio.wait_for(work, 60)

    return asyncio.run(limited())


def until_one_arrives(server: RawServer, attempt: Callable[[float], Verdict]) -> list[Verdict]:
    """Give an attempt longer and longer, until a request has arrived; gives what those that left ended in.

    What is given up is reset, so that a busy server may read it late, or never.
    """
    left = []
    for deadline in LONGER:
        verdict = attempt(deadline)
        if verdict.kind is not VerdictKind.NOT_SENT:
            left.append(verdict)
        if server.applied:
            break
    return left


def body(order: int) -> bytes:
    return put_body(order, [Operation("internalComment", OperationKind.APPEND, "a text")], xml=False)


async def put(
    transport: Transport, url: str, order: int, deadline: float = DEADLINE
) -> tuple[Observation, Verdict]:
    """Send one update as a lane does: what must not be used again is dropped."""
    seen = await transport.request("PUT", url, body(order), deadline=deadline)
    verdict = classify(seen, order=order)
    if verdict.drop_connection:
        await transport.drop()
    return seen, verdict


def puts(
    make: Make, server: RawServer, *orders: int, deadline: float = DEADLINE, **how: Any
) -> list[Verdict]:
    """Send updates one after the other over one transport."""

    async def work() -> list[Verdict]:
        transport = make(**how)
        try:
            return [(await put(transport, server.url, order, deadline))[1] for order in orders]
        finally:
            await transport.close()

    return run(work())


def kinds(verdicts: list[Verdict]) -> list[str]:
    return [verdict.kind.value for verdict in verdicts]


def test_a_put_goes_out_as_documented_and_its_connection_is_kept(make):
    with RawServer() as server:
        verdicts = puts(make, server, *range(1, 21))
    assert kinds(verdicts) == ["answered ok"] * 20
    assert server.applied == list(range(1, 21))
    assert server.connections == 1
    first = server.seen[0]
    assert (first.method, first.target, first.body) == ("PUT", "/api/orders", body(1))
    headers = first.headers
    assert headers["api-authorization"] == KEY
    assert headers["accept-encoding"] == "identity"
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["content-length"] == str(len(body(1)))
    assert headers["user-agent"].startswith("ordersheet/")
    assert "cookie" not in headers
    assert "cache-control" not in headers


def test_a_get_goes_out_without_a_body(make):
    async def work(url: str) -> Observation:
        transport: Transport = make()
        seen = await transport.request("GET", url + "?order=7", None, deadline=DEADLINE)
        await transport.close()
        return seen

    with RawServer() as server:
        seen = run(work(server.url))
    assert seen.status == 200
    assert seen.whole
    assert (server.seen[0].method, server.seen[0].target, server.seen[0].body) == (
        "GET",
        "/api/orders?order=7",
        b"",
    )
    assert server.seen[0].headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("then", ["close", "reset"])
def test_an_answer_cut_at_any_byte_is_unknown_and_the_put_left_once(make, then):
    whole = answer(7)
    with RawServer([sends(whole[:place], then=then) for place in range(len(whole))]) as server:
        verdicts = puts(make, server, *[7] * len(whole))
    assert set(kinds(verdicts)) == {"unknown"}
    assert len(server.applied) == len(whole)


@pytest.mark.parametrize("place", range(0, len(answer(7)), 9))
def test_an_answer_that_stalls_at_any_byte_is_unknown_and_the_put_left_once(make, place):
    with RawServer([sends(answer(7)[:place], then="stall")] * len(LONGER)) as server:
        left = until_one_arrives(server, lambda deadline: puts(make, server, 7, deadline=deadline)[0])
    assert set(kinds(left)) == {"unknown"}
    assert 1 <= len(server.applied) <= len(left)


@pytest.mark.parametrize("kept", [False, True])
def test_on_a_kept_connection_too_a_put_that_is_applied_and_dropped_leaves_once(make, kept):
    before = [ok] * (3 if kept else 0)
    with RawServer([*before, sends(b"", then="close"), *before, sends(b"", then="reset")]) as server:
        verdicts = puts(make, server, *range(1, len(before) * 2 + 3))
    assert kinds(verdicts).count("unknown") == 2
    assert server.applied == list(range(1, len(before) * 2 + 3))


@pytest.mark.parametrize("count", [1, 17, 120, -10, -1])
def test_a_request_cut_on_its_way_is_unknown_and_not_sent_again(make, count):
    size = len(body(7)) + 200
    with RawServer(read_only=size + count if count < 0 else count) as server:
        verdicts = puts(make, server, 7)
    assert kinds(verdicts) == ["unknown"]
    assert (server.applied, server.connections) == ([], 1)


def test_a_server_that_hangs_up_on_arrival_gets_the_put_at_most_once(make):
    for _ in range(20):
        with RawServer(read_only=0) as server:
            verdicts = puts(make, server, 7)
        assert verdicts[0].kind in (VerdictKind.UNKNOWN, VerdictKind.NOT_SENT)
        assert verdicts[0].message != Failure.DEADLINE
        assert (server.applied, server.connections) == ([], 1)


def test_a_connection_that_the_server_closed_in_the_meantime_costs_no_second_put(make):
    def bye(wire: Wire, seen: Seen) -> None:
        ok(wire, seen)
        wire.close()

    async def work(url: str) -> list[Verdict]:
        transport = make()
        found = []
        for order in range(1, 31):
            found.append((await put(transport, url, order))[1])
            if order % 3:
                await asyncio.sleep(0.002 * (order % 3))
        await transport.close()
        return found

    with RawServer([bye] * 30) as server:
        verdicts = run(work(server.url))
    assert len(server.applied) == len(set(server.applied))
    for order, verdict in enumerate(verdicts, start=1):
        if verdict.kind is VerdictKind.ANSWERED_OK:
            assert order in server.applied
        if verdict.kind is VerdictKind.NOT_SENT:
            assert order not in server.applied


@pytest.mark.parametrize(
    "behaviour", [sends(b"", then="stall"), drip(answer(7)[:-1]), drip(b"HTTP/1.1 200 OK\r\nX: ")]
)
def test_no_attempt_outlives_its_deadline(make, behaviour):
    def attempt(deadline: float) -> Verdict:
        seen = one(make, server.url, deadline=deadline)
        assert seen.failure is Failure.DEADLINE
        return classify(seen, order=7)

    with RawServer([behaviour] * len(LONGER)) as server:
        left = until_one_arrives(server, attempt)
    assert set(kinds(left)) == {"unknown"}
    assert 1 <= len(server.applied) <= len(left)
    assert set(server.applied) == {7}


def test_endless_interim_answers_end_at_the_deadline_or_before(make):
    def endless(wire: Wire, _seen: Seen) -> None:
        while not wire.stopping.is_set():
            wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")

    with RawServer([endless] * len(LONGER)) as server:
        left = until_one_arrives(server, lambda deadline: puts(make, server, 7, deadline=deadline)[0])
    assert set(kinds(left)) == {"unknown"}


def test_an_interim_answer_is_not_the_answer(make):
    with RawServer([sends(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(7))]) as server:
        assert kinds(puts(make, server, 7)) == ["answered ok"]


def test_a_late_answer_reaches_no_other_row(make):
    over, said = threading.Event(), threading.Event()

    def late(wire: Wire, seen: Seen) -> None:
        text = "ok" if over.is_set() else "no"
        over.wait(AT_MOST)
        try:
            wire.send(answer(seen.order, text))
        finally:
            said.set()

    async def work(server: RawServer) -> tuple[list[Verdict], Verdict]:
        transport, firsts = make(), []
        for deadline in LONGER:
            firsts.append((await put(transport, server.url, 7, deadline))[1])
            if server.applied:
                break
        over.set()
        await asyncio.to_thread(said.wait, AT_MOST)
        # The same order again: an answer of `no` could only be an earlier one's.
        last = (await put(transport, server.url, 7))[1]
        await transport.close()
        return firsts, last

    with RawServer([late] * (len(LONGER) + 1)) as server:
        firsts, last = run(work(server))
    left = [first for first in firsts if first.kind is not VerdictKind.NOT_SENT]
    assert set(kinds(left)) == {"unknown"}
    assert last.kind is VerdictKind.ANSWERED_OK
    assert 2 <= len(server.applied) <= len(left) + 1
    assert 2 <= server.connections <= len(firsts) + 1


def test_a_second_answer_in_the_same_packet_reaches_no_other_row(make):
    with RawServer([sends(answer(7) + answer(7, "no"))]) as server:
        verdicts = puts(make, server, 7, 7)
    assert kinds(verdicts) == ["answered ok", "answered ok"]
    assert server.connections == 2


@pytest.mark.parametrize("noticed", [True, False])
def test_an_answer_that_nobody_asked_for_reaches_no_row(make, noticed):
    def twice(wire: Wire, seen: Seen) -> None:
        ok(wire, seen)
        wire.stopping.wait(0.05)
        wire.send(answer(7, "no"))

    async def work(url: str) -> list[Verdict]:
        transport = make()
        first = (await put(transport, url, 7))[1]
        if noticed:
            await asyncio.sleep(0.2)
        else:
            time.sleep(0.2)  # noqa: ASYNC251 - it must still lie in the system's buffer
        second = (await put(transport, url, 7))[1]
        await transport.close()
        return [first, second]

    with RawServer([twice]) as server:
        assert kinds(run(work(server.url))) == ["answered ok", "answered ok"]
    assert server.connections == 2


def test_answers_out_of_step_are_unknown_and_end_the_connection(make):
    with RawServer([sends(answer(6)), sends(answer(8, "no", code="400 Bad Request"))]) as server:
        verdicts = puts(make, server, 7, 9, 10)
    assert kinds(verdicts) == ["unknown", "unknown", "answered ok"]
    assert [verdict.code for verdict in verdicts[:2]] == ["other-order"] * 2
    assert server.connections == 3


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_key_reaches_another_origin(make, code):
    with RawServer() as other:
        moved = f"HTTP/1.1 {code} Moved\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with RawServer([sends(moved)]) as server:
            verdicts = puts(make, server, 7)
    assert verdicts[0].stop is StopReason.REDIRECT
    assert verdicts[0].kind is VerdictKind.UNKNOWN
    assert (len(server.seen), other.connections) == (1, 0)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_of_100_mb_is_not_read_to_its_end(make, chunked):
    sent: list[int] = []

    def huge(wire: Wire, _seen: Seen) -> None:
        part = b"x" * 65536
        if chunked:
            wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            part = b"10000\r\n" + part + b"\r\n"
        else:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            for _ in range(1600):
                wire.send(part)
                sent.append(len(part))
        finally:
            wire.close()

    async def work(url: str) -> tuple[Observation, Verdict]:
        transport = make()
        found = await put(transport, url, 7)
        await transport.close()
        return found

    with RawServer([huge]) as server:
        seen, verdict = run(work(server.url))
    assert seen.failure is Failure.TOO_LARGE
    assert len(seen.body) <= LARGEST_BODY
    assert verdict.kind is VerdictKind.UNKNOWN
    assert sum(sent) < 50_000_000


GARBAGE = [
    b"\r\n\r\n",
    b"\x00" * 100,
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/2 200\r\n\r\n{}",
    b"HTTP/1.1 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000,
    b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + answer(7),
    b"HTTP/1.1 204 No Content\r\n\r\n",
]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_unknown(make, data):
    with RawServer([sends(data, then="close")]) as server:
        assert kinds(puts(make, server, 7, deadline=2.0)) == ["unknown"]
    assert server.applied == [7]


def test_noise_is_unknown(make):
    dice = random.Random(4)  # The same noise each time.
    noise = [dice.randbytes(dice.randrange(1, 400)) for _ in range(40)]
    with RawServer([sends(data, then="close") for data in noise]) as server:
        verdicts = puts(make, server, *[7] * len(noise))
    assert set(kinds(verdicts)) == {"unknown"}
    assert len(server.applied) == len(noise)


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5;a=b\r\n{"sta\r\n16\r\ntus":"ok","order":"7"}\r\n0\r\n'
)


@pytest.mark.parametrize("trailer", [b"\r\n", b"X-Trailer: 1\r\n\r\n"])
def test_a_chunked_answer_is_read_and_its_connection_kept(make, trailer):
    with RawServer([sends(CHUNKED + trailer)]) as server:
        assert kinds(puts(make, server, 7, 8)) == ["answered ok"] * 2
    assert server.connections == 1


def test_an_answer_that_ends_with_its_connection_is_read(make):
    whole = answer(7).partition(b"\r\n\r\n")[2]
    with RawServer([sends(b"HTTP/1.0 200 OK\r\n\r\n" + whole, then="close")]) as server:
        assert kinds(puts(make, server, 7, 8)) == ["answered ok"] * 2
    assert server.connections == 2


def test_the_age_and_the_date_of_a_reading_are_kept(make):
    async def work(url: str) -> Observation:
        transport: Transport = make()
        seen = await transport.request("GET", url + "?order=7", None, deadline=DEADLINE)
        await transport.close()
        return seen

    extra = "AGE: 30\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
    with RawServer([sends(answer(7, extra=extra))]) as server:
        seen = run(work(server.url))
    assert (seen.headers["age"], seen.headers["date"]) == ("30", "Mon, 23 Nov 2026 12:00:00 GMT")


def test_headers_that_decide_are_kept(make):
    extra = "retry-AFTER: 7\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nX-Other: 1\r\n"
    with RawServer([sends(answer(7, "no", code="429 Too Many Requests", extra=extra))]) as server:
        verdict = puts(make, server, 7)[0]
    assert (verdict.kind, verdict.retry_after) == (VerdictKind.NOT_APPLIED, "7")
    assert verdict.date == "Mon, 23 Nov 2026 12:00:00 GMT"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def one(make: Make, url: str, deadline: float = DEADLINE, **how: Any) -> Observation:
    async def work() -> Observation:
        transport = make(**how)
        seen, verdict = await put(transport, url, 7, deadline)
        assert (verdict.kind is VerdictKind.NOT_SENT) is not seen.bytes_left
        await transport.close()
        return seen

    return run(work())


def test_a_refused_connection_is_not_sent(make):
    assert one(make, f"http://127.0.0.1:{closed_port()}/orders").failure is Failure.REFUSED


def test_a_name_that_does_not_exist_is_not_sent(make):
    # No real look-up: this one fails before any server is asked.
    assert one(make, "http://256.256.256.256/orders").failure in (Failure.NAME, Failure.OTHER)


def test_the_environment_s_proxies_are_left_alone(make, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with RawServer() as server:
        assert kinds(puts(make, server, 7)) == ["answered ok"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command is missing: no certificate for a TLS server")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *names]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    if subprocess.run([*command, *files], capture_output=True, check=False).returncode:
        pytest.skip("this openssl cannot make a certificate with an address in it")
    return Path(folder / "cert.pem")


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context


def test_tls_with_a_private_authority(make, certificate):
    drop = sends(b"", then="reset")
    with RawServer([ok, ok, drop], tls=server_tls(certificate)) as server:
        verdicts = puts(make, server, 1, 2, 3, 4, ca_bundle=certificate)
    assert kinds(verdicts) == ["answered ok", "answered ok", "unknown", "answered ok"]
    assert server.applied == [1, 2, 3, 4]
    assert server.connections == 2


def test_an_authority_that_is_not_trusted_gets_no_byte(make, certificate):
    with RawServer(tls=server_tls(certificate)) as server:
        seen = one(make, server.url)
    assert (seen.failure, seen.bytes_left) == (Failure.TLS, False)
    assert server.seen == []


def test_a_certificate_for_another_host_gets_no_byte(make, certificate):
    with RawServer(tls=server_tls(certificate)) as server:
        seen = one(make, server.url.replace("127.0.0.1", "localhost"), ca_bundle=certificate)
    assert seen.bytes_left is False
    assert server.seen == []


def test_a_server_that_speaks_no_tls_gets_no_request(make):
    with RawServer() as server:
        seen = one(make, server.url.replace("http://", "https://"), deadline=0.5)
    assert seen.bytes_left is False
    assert server.seen == []


class SilentServer:
    """Answers nothing but a TLS handshake, if that, and knows how many of its connections have ended."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._open = 0
        threading.Thread(target=self._serve, daemon=True).start()
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}/api/orders"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock = self._listener.accept()[0]
                threading.Thread(target=self._read, args=(sock,), daemon=True).start()

    def _read(self, sock: socket.socket) -> None:
        # TLS may end long before the connection does: the socket itself is read.
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._tls.wrap_bio(incoming, outgoing, server_side=True) if self._tls is not None else None
        with sock, contextlib.suppress(ConnectionError), contextlib.ExitStack() as over:
            data = sock.recv(65536)
            over.enter_context(self._counted())
            while data:
                incoming.write(data)
                with contextlib.suppress(ssl.SSLError):
                    if tls is not None:
                        tls.do_handshake()
                sock.sendall(outgoing.read())
                data = sock.recv(65536)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        # Before its first byte asyncio may leave one to the collector, in the moment in which it is made.
        with self._changed:
            self._open += 1
        try:
            yield
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def all_ended(self) -> bool:
        """Wait until no connection is open; False where one stays so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, AT_MOST)

    def close(self) -> None:
        self._listener.close()


@pytest.mark.parametrize("how", ["deadline", "cancel", "cut"])
@pytest.mark.parametrize("answers", [True, False], ids=["handshake", "silence"])
def test_a_connection_that_is_given_up_at_any_moment_of_its_making_is_closed_at_once(
    make, certificate, answers, how
):
    """Not only when the collector comes by, and not when TLS has said goodbye."""

    async def give_up(url: str, after: float) -> None:
        transport = make(ca_bundle=certificate)
        deadline = after if how == "deadline" else 2 * AT_MOST
        task = asyncio.create_task(transport.request("PUT", url, body(1), deadline=deadline))
        if how != "deadline":
            await asyncio.sleep(after)
            task.cancel() if how == "cancel" else transport.cut()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def give_many_up(server: SilentServer) -> bool:
        for number in range(60):
            await give_up(server.url, number * 1.5e-4)
        return await asyncio.to_thread(server.all_ended)

    gc.disable()
    try:
        with contextlib.closing(SilentServer(server_tls(certificate) if answers else None)) as server:
            assert run(give_many_up(server))
    finally:
        gc.enable()


class DeafServer:
    """Takes connections, and reads nothing until it is told to; then everything that still comes."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listens = threading.Event()
        self.arrived = threading.Event()
        """Whether a byte of a request has come."""
        self.received = 0
        self.reset = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}/api/orders"

    def _serve(self) -> None:
        if not self._readable(self._listener):
            return
        with contextlib.ExitStack() as over:
            sock = over.enter_context(self._listener.accept()[0])
            # What arrives is counted below TLS, which would hide how it ends.
            raw = over.enter_context(sock.dup())
            raw.settimeout(AT_MOST)
            if self._tls is not None:
                try:
                    over.enter_context(self._tls.wrap_socket(sock, server_side=True))
                except OSError:
                    return  # Given up before the first byte of the request.
            if self._readable(raw):
                self.arrived.set()
            self._listens.wait(AT_MOST)
            try:
                while data := raw.recv(65536):
                    self.received += len(data)
            except ConnectionResetError:
                self.reset = True
            except TimeoutError:
                return  # It was left open: neither an end nor a reset.

    def _readable(self, sock: socket.socket) -> bool:
        """Wait until something comes, or nothing will come any more."""
        while not (found := select.select([sock], [], [], 0.01)[0]) and not self._listens.is_set():
            pass
        return bool(found)

    def listen(self) -> None:
        self._listens.set()
        self._thread.join(AT_MOST)
        self._listener.close()


@pytest.mark.parametrize("how", ["deadline", "cancel", "cut"])
@pytest.mark.parametrize("way", ["plain", "tls", "proxy"])
def test_of_a_request_that_was_given_up_nothing_arrives_later(make, certificate, way, how):
    async def given_up(transport: Transport, server: DeafServer, deadline: float) -> bool:
        task = asyncio.create_task(transport.request("PUT", server.url, b"x" * BULKY, deadline=deadline))
        if how != "deadline":
            await asyncio.to_thread(server.arrived.wait, AT_MOST)
            task.cancel() if how == "cancel" else transport.cut()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await transport.close()
        return transport.last is not None and transport.last.bytes_left

    def reset_after(deadline: float) -> bool | None:
        # None where not even a byte had left by then.
        server = DeafServer(server_tls(certificate) if way == "tls" else None)
        with RawProxy() as proxy:
            by: dict[str, Any] = {"tls": {"ca_bundle": certificate}, "proxy": {"proxy": proxy.url}}.get(
                way, {}
            )
            bytes_left = run(given_up(make(**by), server, deadline))
            server.listen()
        assert server.received < BULKY
        return (proxy.reset if way == "proxy" else server.reset) if bytes_left else None

    found = map(reset_after, LONGER if how == "deadline" else LONGER[-1:])
    assert next(reset for reset in found if reset is not None)


REFUSALS = [
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200",
    b"garbage\r\n\r\n",
    b"",
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=range(len(REFUSALS)))
def test_a_proxy_that_refuses_the_tunnel_means_not_sent(make, refusal):
    with RawProxy(refuse=refusal) as proxy:
        seen = one(make, "https://127.0.0.1:1/orders", deadline=SHORT, proxy=proxy.url)
    assert seen.bytes_left is False
    assert seen.failure in (Failure.PROXY, Failure.CONNECT, Failure.DEADLINE)
    assert KEY.encode() not in b"".join(proxy.heads)


def test_through_a_tunnel_a_put_leaves_once(make, certificate):
    drop = sends(b"", then="close")
    with RawServer([ok, drop, ok], tls=server_tls(certificate)) as server, RawProxy() as proxy:
        verdicts = puts(make, server, 1, 2, 3, ca_bundle=certificate, proxy=proxy.url)
    assert kinds(verdicts) == ["answered ok", "unknown", "answered ok"]
    assert server.applied == [1, 2, 3]
    assert [head.split(b" ")[0] for head in proxy.heads] == [b"CONNECT"] * 2
    assert KEY.encode() not in b"".join(proxy.heads)


def test_through_a_forwarding_proxy_a_put_leaves_once(make):
    with RawServer([ok, sends(b"", then="close")]) as server, RawProxy() as proxy:
        verdicts = puts(make, server, 1, 2, 3, proxy=proxy.url.replace("//", "//user:pass@"))
    assert kinds(verdicts)[0] == "answered ok"
    assert kinds(verdicts)[1] == "unknown"
    assert server.applied == [1, 2, 3]
    assert b"roxy-" in proxy.heads[0]


@pytest.mark.parametrize("how", ["cancel", "cut"])
def test_an_interrupt_tells_that_bytes_left(make, how):
    arrived = threading.Event()

    def stall(wire: Wire, _seen: Seen) -> None:
        arrived.set()
        wire.stall()

    async def work(url: str) -> Observation | None:
        transport: Transport = make()
        task = asyncio.create_task(transport.request("PUT", url, body(7), deadline=DEADLINE))
        await asyncio.to_thread(arrived.wait, DEADLINE)
        if how == "cancel":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            transport.cut(within=0.05)
            assert await task is transport.last
        await transport.close()
        return transport.last

    with RawServer([stall]) as server:
        seen = run(work(server.url))
    assert seen is not None
    assert seen.interrupted
    assert seen.bytes_left
    assert classify(seen, order=7).kind is VerdictKind.UNKNOWN


@pytest.mark.parametrize("how", ["cancel", "cut"])
def test_an_interrupt_before_the_first_byte_is_not_sent(make, how):
    async def work(proxy: RawProxy) -> Observation | None:
        transport: Transport = make(proxy=proxy.url)
        task = asyncio.create_task(
            transport.request("PUT", "https://127.0.0.1:1/o", body(7), deadline=DEADLINE)
        )
        await asyncio.to_thread(proxy.asked.wait, DEADLINE)
        if how == "cancel":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            transport.cut()
            await task
        await transport.close()
        return transport.last

    with RawProxy(refuse=b"") as proxy:
        seen = run(work(proxy))
    assert seen is not None
    assert seen.interrupted
    assert classify(seen, order=7).kind is VerdictKind.NOT_SENT


def test_a_cut_between_requests_harms_no_later_one(make):
    async def work(url: str) -> Verdict:
        transport = make()
        transport.cut()
        verdict = (await put(transport, url, 7))[1]
        await transport.close()
        return verdict

    with RawServer() as server:
        assert run(work(server.url)).kind is VerdictKind.ANSWERED_OK


def test_the_key_shows_nowhere(make, caplog):
    caplog.set_level(logging.DEBUG)
    echo = sends(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n")
    shown = []

    async def work(url: str) -> None:
        transport = make()
        for order in range(3):
            seen, verdict = await put(transport, url, order)
            shown.extend([repr(transport), repr(vars(transport).get("_headers")), repr(seen), repr(verdict)])
        await transport.close()

    with RawServer([echo, sends(b"\x00\x01", then="close")]) as server:
        run(work(server.url))
    assert KEY not in "".join(shown)
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", ["", " sesame", "sesame\n", "sesame\r\nX: y", "sésame", "sesame\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key):
    with pytest.raises(SettingsError) as refused:
        make_transport_factory(Secret(key))
    assert "sesame" not in str(refused.value)


def test_a_bundle_that_holds_no_certificate_is_refused(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing", encoding="utf-8")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(SettingsError):
            tls_context(path)


@pytest.mark.parametrize(
    "proxy", ["", "shop.example.com", "ftp://x", "socks5://x:1", "http://", "http://x:99999"]
)
def test_a_proxy_address_that_is_none_is_refused(proxy):
    with pytest.raises(SettingsError):
        make_transport_factory(SECRET, proxy=proxy)
