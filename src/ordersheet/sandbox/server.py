"""The sandbox as a process: it listens on loopback alone, and leaves a note of where it is."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import math
import os
import secrets
import shlex
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ordersheet.sandbox.app import SandboxConfig, base_path, create_app
from ordersheet.sandbox.editors import Editors
from ordersheet.sandbox.wire import SandboxWires

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    import uvicorn
    from starlette.applications import Starlette

    from ordersheet.sandbox.store import Store

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
FILE_VARIABLE = "ORDERSHEET_SANDBOX_FILE"
_LOOK_SECONDS = 1.0


class Running(NamedTuple):
    """A sandbox that listens."""

    base_url: str
    """The API's address, such as `http://127.0.0.1:8765/s-3f9c2a/api/order-api/1`."""
    key: str
    """What to send as `API-Authorization`."""
    pid: int
    state: str
    """The id of the stored state."""

    @property
    def page_url(self) -> str:
        """Where a browser sees what it holds."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}/"


def note_path() -> Path:
    """Give the file that says which sandbox runs: as the environment says, or in the user's state folder."""
    given = os.environ.get(FILE_VARIABLE)
    if given:
        return Path(given)
    from platformdirs import user_state_path

    return user_state_path("ordersheet", appauthor=False) / "sandbox.json"


def find_running(path: Path | None = None) -> Running | None:
    """Find the sandbox that runs on this machine, for this user.

    Args:
        path: where its note lies; None for the usual place.

    Returns:
        None where there is no note, or where nobody of that name answers (it was killed).
    """
    try:
        note = json.loads((path or note_path()).read_text(encoding="utf-8"))
        running = Running(str(note["base_url"]), str(note["key"]), int(note["pid"]), str(note["state"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return running if _state_at(running.base_url) == running.state else None


def _state_at(base_url: str) -> str | None:
    parts = urlsplit(base_url)
    if parts.hostname != HOST or parts.port is None:
        return None
    connection = http.client.HTTPConnection(HOST, parts.port, timeout=_LOOK_SECONDS)
    try:
        connection.request("GET", "/id.json")
        return str(json.loads(connection.getresponse().read())["state"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def serve(
    store: Store,
    config: SandboxConfig | None = None,
    *,
    port: int = DEFAULT_PORT,
    note: Path | None = None,
    on_ready: Callable[[Running], None] | None = None,
) -> None:
    """Run a sandbox until a signal ends it; call it in the main thread.

    Args:
        store: the orders; closed at the end.
        config: how it answers.
        port: on 127.0.0.1; 0 for any free one.
        note: where to leave the note; None for the usual place.
        on_ready: called once it listens.

    Raises:
        OSError: the port is taken, or the note cannot be written.
    """
    place = note or note_path()
    # Inside the server it would be too late for a plain sentence.
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.closing(store), _listening(port) as sock:
        server = _server(store, config or SandboxConfig(), sock, place, on_ready)
        with _leaving_on_term(), contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[sock])


@contextlib.contextmanager
def running(
    store: Store, config: SandboxConfig | None = None, *, note: Path | None = None, port: int = 0
) -> Iterator[Running]:
    """Run a sandbox in a thread, for tests and trials.

    Args:
        store: the orders; it stays open.
        config: how it answers.
        note: where to leave a note; None for none.
        port: on loopback; 0 for any free one.
    """
    ready = threading.Event()
    found: list[Running] = []

    def note_ready(one: Running) -> None:
        found.append(one)
        ready.set()

    with _listening(port) as sock:
        server = _server(store, config or SandboxConfig(), sock, note, note_ready)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        try:
            if not ready.wait(timeout=30):
                raise TimeoutError("The sandbox did not start.")
            yield found[0]
        finally:
            server.should_exit = True
            thread.join(timeout=30)


def next_commands(base_url: str, key: str) -> str:
    """Say what to type next, for sh, PowerShell and cmd.

    Args:
        base_url: the sandbox's address.
        key: its key, which is no secret: it opens made-up orders on this machine alone.
    """
    address, secret = (text.replace("'", "''") for text in (base_url, key))
    return f"""In another terminal, on this computer:

  ordersheet check FILE
  ordersheet send FILE --profile sandbox

Or with the address and the key set, as for a real shop, and then ordersheet send FILE:

  sh          export ORDERSHEET_BASE_URL={shlex.quote(base_url)}
              export ORDERSHEET_API_KEY={shlex.quote(key)}

  PowerShell  $env:ORDERSHEET_BASE_URL = '{address}'
              $env:ORDERSHEET_API_KEY = '{secret}'

  cmd         set "ORDERSHEET_BASE_URL={base_url}"
              set "ORDERSHEET_API_KEY={key}"
"""


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    # asyncio turns Nagle's delay off only where the protocol is named: 44 ms a request without it.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        if os.name == "posix":
            # Elsewhere this option would let two processes share the port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(2048)
        yield sock


def _server(
    store: Store,
    config: SandboxConfig,
    sock: socket.socket,
    note: Path | None,
    on_ready: Callable[[Running], None] | None,
) -> uvicorn.Server:
    import uvicorn

    wires = SandboxWires()
    base_url = f"http://{HOST}:{sock.getsockname()[1]}{base_path(store)}"
    one = Running(base_url, config.key, os.getpid(), store.state)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if note is not None:
            await asyncio.to_thread(_leave_note, note, one)
        editors = _editors(store, config)
        try:
            if on_ready is not None:
                on_ready(one)
            yield
        finally:
            if editors is not None:
                editors.cancel()
            if note is not None:
                _take_note_away(note, one)

    served = uvicorn.Config(
        create_app(store, config, wires=wires, lifespan=lifespan),
        http=_protocol(wires),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(config.latency) + 1,
    )

    class Server(uvicorn.Server):
        """Stops at once, although some clients are kept waiting on purpose."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """Break what is held, then stop as usual."""
            wires.let_go()
            await super().shutdown(sockets)

    return Server(served)


def _editors(store: Store, config: SandboxConfig) -> asyncio.Task[None] | None:
    """Let people edit meanwhile, where that is asked for."""
    if config.edits is None:
        return None
    return asyncio.create_task(Editors(store, config.edits, config.seed, config.sleep).run())


def _protocol(wires: SandboxWires) -> type[asyncio.Protocol]:
    """Give uvicorn's HTTP protocol, which also tells `wires` of each connection."""
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    base: Any = AutoHTTPProtocol

    class Protocol(base):  # type: ignore[misc]  # uvicorn chooses it when it runs
        """One client's connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            """Note the connection."""
            super().connection_made(transport)
            self._wire_of = transport
            wires.opened(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            """Forget the connection."""
            wires.ended(self._wire_of)
            super().connection_lost(exc)

    return Protocol


def _leave_note(path: Path, one: Running) -> None:
    """Write the note so that nobody else can read it, and nobody sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(one._asdict(), file)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _take_note_away(path: Path, one: Running) -> None:
    """Remove the note, unless it is another sandbox's by now."""
    with contextlib.suppress(OSError, ValueError):
        if json.loads(path.read_text(encoding="utf-8")).get("base_url") == one.base_url:
            path.unlink()


@contextlib.contextmanager
def _leaving_on_term() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does: uvicorn raises it again once it has stopped."""

    def leave(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
