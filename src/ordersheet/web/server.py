"""The page as a process: it listens on loopback alone, leaves a note for a second start, and ends idle."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import html
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
import webbrowser
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import UsageError
from ordersheet.web.app import create_app
from ordersheet.web.private import make_private_folder, write_private
from ordersheet.web.security import NEW_TOKEN, PageAccess
from ordersheet.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    import uvicorn

    from ordersheet.web.site import SiteConfig

HOST, HOST_6 = "127.0.0.1", "::1"
IDLE_SECONDS = 12 * 3600.0
_LOOK_SECONDS = 2.0
_NOTE, _DOOR = "server.json", "open.html"
_TURN_SECONDS = 0.0005
"""So long a thread that reads a sheet keeps the interpreter, where a page waits for it: a page takes it some
dozens of times, and Python's usual 5 ms each time can be seen."""


class RunningPage(NamedTuple):
    """A server that listens."""

    port: int
    secret: str
    pid: int

    @property
    def address(self) -> str:
        """Its address without a token."""
        return f"http://{HOST}:{self.port}/"


def find_running(folder: Path) -> tuple[RunningPage, str] | None:
    """Find the server that runs for this folder, and get a token from it.

    Returns:
        The server and a fresh token; None where there is none, or where it was killed.
    """
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        running = RunningPage(int(note["port"]), str(note["secret"]), int(note["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    connection = http.client.HTTPConnection(HOST, running.port, timeout=_LOOK_SECONDS)
    own = f"http://{HOST}:{running.port}"
    try:
        connection.request(
            "POST", NEW_TOKEN, headers={"Authorization": f"Bearer {running.secret}", "Origin": own}
        )
        answer = connection.getresponse()
        token = answer.read().decode("ascii", "replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return (running, token) if answer.status == http.HTTPStatus.OK else None


def show(folder: Path, address: str, *, browser: bool, say: Callable[[str], None]) -> None:
    """Open the page, or print its address.

    The browser is pointed at a file that only this user can read, and that leads to the page: an address on
    a command line could be read by every user of the computer.
    """
    if not browser:
        say(address)
        return
    door = folder / _DOOR
    shown = html.escape(address)
    write_private(
        door,
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>ordersheet</title>'
        f'<meta http-equiv="refresh" content="0;url={shown}"><p><a href="{shown}">Open the page</a></p>',
    )
    if not webbrowser.open(door.as_uri()):
        say(address)


def serve(
    config: SiteConfig,
    *,
    port: int,
    browser: bool,
    say: Callable[[str], None],
    idle: float = IDLE_SECONDS,
) -> None:
    """Run the page until a signal ends it, or nobody has used it for a long time; call it in the main thread.

    Args:
        config: what the page works with.
        port: on loopback; 0 for any free one.
        browser: open it; otherwise its address, token and all, is said as one line.
        say: prints a line, at once.
        idle: seconds without a request and without a run, after which it ends.

    Raises:
        UsageError: the port is taken, or the private folder cannot be written.
    """
    folder = config.folder
    make_private_folder(folder)
    found = find_running(folder)
    if found is not None:
        running, token = found
        show(folder, f"{running.address}?token={token}", browser=browser, say=say)
        return
    with _listening(port) as sockets:
        own = sockets[0].getsockname()[1]
        access = PageAccess(own)
        note = RunningPage(own, access.secret, os.getpid())
        site = Site(config)

        def ready() -> None:
            threading.Thread(target=site.warm_up, name="warm up", daemon=True).start()
            show(folder, f"{note.address}?token={access.new_token()}", browser=browser, say=say)

        server = _server(site, access, idle, ready)
        write_private(folder / _NOTE, json.dumps(note._asdict()))
        with _note_taken_away(folder, note), contextlib.closing(site), _hanging_up(server), _short_turns():
            server.run(sockets=sockets)


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Let pages have their turn soon while sheets are read."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextlib.contextmanager
def _note_taken_away(folder: Path, note: RunningPage) -> Iterator[None]:
    try:
        yield
    finally:
        (folder / _DOOR).unlink(missing_ok=True)
        with contextlib.suppress(OSError, ValueError):
            path = folder / _NOTE
            if json.loads(path.read_text(encoding="utf-8")).get("secret") == note.secret:
                path.unlink()


@contextlib.contextmanager
def _hanging_up(server: uvicorn.Server) -> Iterator[None]:
    """Let the end of the login session wind a run down, as SIGTERM does."""
    number = getattr(signal, "SIGHUP", None)
    if number is None:
        yield
        return
    before = signal.signal(number, server.handle_exit)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextlib.contextmanager
def _listening(port: int) -> Iterator[list[socket.socket]]:
    """Listen on 127.0.0.1, and on ::1 where the computer has it and the port is free there."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(_bound(socket.AF_INET, HOST, port))
        sockets = [first]
        with contextlib.suppress(OSError):
            sockets.append(stack.enter_context(_bound(socket.AF_INET6, HOST_6, first.getsockname()[1])))
        yield sockets


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        if family == socket.AF_INET and error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise UsageError(
                f"The page cannot listen on port {port}: {error.strerror}. Choose another with --port, or "
                "leave it out for any free one.",
                code="port-taken",
            ) from error
        raise
    return sock


def _server(site: Site, access: PageAccess, idle: float, ready: Callable[[], None]) -> uvicorn.Server:
    import uvicorn

    touched = [time.monotonic()]

    def touch() -> None:
        touched[0] = time.monotonic()

    config = uvicorn.Config(
        create_app(site, access, touch),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )

    class PageProcess(uvicorn.Server):
        """Winds a run down before it ends, and ends by itself where nobody uses it."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as uvicorn has it
            """Wind down, then cut off, then leave at once: as the command does."""
            site.queue.end(sig)
            if not site.queue.busy:
                self.should_exit = True

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Open the page once signals are heard and requests are answered."""
            await super().startup(sockets)
            await asyncio.to_thread(ready)

        async def on_tick(self, counter: int) -> bool:
            """Look whether a run that a signal ends has ended, and whether anybody is there."""
            if site.queue.ending and not site.queue.busy:
                self.should_exit = True
            if time.monotonic() - touched[0] > idle and not site.queue.busy:
                self.should_exit = True
            if self.should_exit:
                site.closing.set()
            return await super().on_tick(counter)

    return PageProcess(config)
