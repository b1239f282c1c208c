"""An Order API in a thread that a test can make misbehave, and what a send needs to reach it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Answer = tuple[int, object]
"""A status, and what becomes the body's JSON."""


@dataclass
class Api:
    """What it holds and what it was asked.

    `on_put` and `on_get` see each request first; what they give is answered, and nothing is applied.
    """

    orders: dict[int, dict[str, str]] = field(default_factory=dict)
    puts: list[dict[str, Any]] = field(default_factory=list)
    applied: list[dict[str, Any]] = field(default_factory=list)
    on_put: Callable[[dict[str, Any]], Answer | None] = lambda _payload: None
    on_get: Callable[[int], Answer | None] = lambda _order: None

    def order(self, number: int) -> dict[str, str]:
        return self.orders.setdefault(number, {"internalComment": "", "otherComment": ""})

    def put(self, payload: dict[str, Any]) -> Answer:
        self.puts.append(payload)
        answer = self.on_put(payload)
        if answer is not None:
            return answer
        self.applied.append(payload)
        order = self.order(payload["order"])
        text = payload.get("internalComment")
        if text is not None:
            held = order["internalComment"]
            order["internalComment"] = (
                text if payload.get("replaceInternalComment") or not held else f"{held}\n{text}"
            )
        return 200, {"status": "ok", "order": payload["order"]}

    def get(self, number: int) -> Answer:
        return self.on_get(number) or (
            200,
            {"status": "ok", "orders": [{"orderId": str(number), **self.order(number)}]},
        )


@contextmanager
def serving(api: Api) -> Iterator[str]:
    """Give the address at which it answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, answer: Answer) -> None:
            body = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            self._answer(api.put(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def do_GET(self) -> None:
            self._answer(api.get(int(parse_qs(urlsplit(self.path).query)["order"][0])))

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that is gone is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def options(base_url: str, folder: Path, **more: Any) -> dict[str, Any]:
    """Give the keywords of a send in a folder of its own."""
    return {
        "base_url": base_url,
        "api_key": "practice",
        "ledger": folder / "ledger.db",
        "report": folder / "report.csv",
        "settle": 0.3,
        "grace": 5.0,
    } | more


def comments(folder: Path, *rows: str, name: str = "orders.csv") -> Path:
    """Write a sheet of orders and their internal comments."""
    path = folder / name
    path.write_text("\n".join(["Order ID,internalComment", *rows, ""]), encoding="utf-8")
    return path
