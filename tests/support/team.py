"""Workers in processes of their own, for tests that kill and freeze them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.command import Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ordersheet.sandbox.server import Running

PATIENCE = 300.0
"""Seconds after which what was waited for is not coming any more, however busy the machine is."""


def until(seen: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end, f"{what} did not come in {PATIENCE:.0f} s"
        time.sleep(0.1)


class TeamDesk(Desk):
    """A desk whose ledger is shared."""

    url: str

    def env(self, **more: str) -> dict[str, str]:
        return super().env(**{"ORDERSHEET_LEDGER": self.url, **more})


def team_desk(folder: Path, shop: Running, url: str) -> TeamDesk:
    made = TeamDesk(folder, shop.base_url, shop.key)
    made.url = url
    return made


class WorkerProcess:
    """A worker, or another command that goes on for a while, started."""

    def __init__(self, desk: Desk, log: Path, words: tuple[str, ...], env: dict[str, str]) -> None:
        self._log = log
        self._file = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ordersheet", *words],
            cwd=desk.folder,
            env=desk.env(**env),
            stdout=self._file,
            stderr=self._file,
        )

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def ready(self) -> None:
        until(lambda: "orking" in self.said or self.process.poll() is not None, "a worker")
        assert self.process.poll() is None, self.said

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """End it as a person does; gives its exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def clear_away(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self._file.close()


@contextmanager
def worker(desk: TeamDesk, *words: str, name: str = "worker") -> Iterator[WorkerProcess]:
    """Start a worker, and wait until it looks for work."""
    command = ("worker", "--poll", "0.2", *words)
    one = WorkerProcess(desk, desk.folder / f"{name}.log", command, {})
    try:
        one.ready()
        yield one
    finally:
        one.clear_away()


def home(folder: Path, name: str) -> Path:
    """Give the folder of another person's computer."""
    made = folder / name
    made.mkdir()
    return made


def can_freeze() -> bool:
    """Tell whether processes can be frozen here."""
    return hasattr(signal, "SIGSTOP") and os.name == "posix"
