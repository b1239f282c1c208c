"""The page, and the system's own browser before it: a real server, a real sandbox, a real Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from tests.support.needs import need

from ordersheet.web.server import find_running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


class PageServer:
    """A running `ordersheet web`."""

    def __init__(self, home: Path, *options: str, environ: dict[str, str] | None = None) -> None:
        self.ledger = home / "ledger.db"
        self.options = options
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "ordersheet",
                "web",
                "--no-browser",
                "--ledger",
                str(self.ledger),
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise RuntimeError("the page did not start")
        self.stderr: list[str] = []
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr.append(line)

    @property
    def root(self) -> str:
        """The address without the token."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    def opened(self) -> str:
        """Give an address with a token that nobody has used yet."""
        found = find_running(self.ledger.parent / "web")
        assert found is not None
        return f"{self.root}/?token={found[1]}"

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Give somebody who has the cookie, and is a page of this server."""
        with httpx.Client(base_url=self.root, headers={"Origin": self.root}, timeout=30) as client:
            answer = client.get(self.opened())
            assert answer.status_code == 303, answer.text
            yield client

    def close(self) -> None:
        """End it, however it stands."""
        if self.process.poll() is None:
            # So that a sandbox that it started ends with it.
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def page_server(home: Path, *options: str, environ: dict[str, str] | None = None) -> Iterator[PageServer]:
    """Run the page until the end of the block."""
    server = PageServer(home, *options, environ=environ)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def launched() -> Iterator[Any]:
    """Give the system's browser."""
    program = need("browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def chromium(**options: Any) -> Iterator[Any]:
    """Give a context of the system's browser."""
    with launched() as browser:
        yield browser.new_context(**options)
