"""A whole run with nothing set: a sandbox API in a process of its own, a sample workbook, a report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.config.settings import resolve
from ordersheet.core.errors import OrdersheetError
from ordersheet.pipeline.send import send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ordersheet.core.result import RunResult
    from ordersheet.delivery import Progress

SAMPLE = "customer-service.xlsx"
DESIGNED = {"applied": 34, "duplicate": 1, "refused": 2, "invalid": 2, "nothing to update": 1}
"""How the sample's rows end against a fresh sandbox: by outcome."""
_START_SECONDS = 30.0


class RunningSandbox(NamedTuple):
    """A sandbox in a process of its own."""

    base_url: str
    key: str
    process: subprocess.Popen[bytes]


def samples_folder() -> Path:
    """Where the sample spreadsheets lie: inside the installed package, or in the checkout."""
    inside = Path(str(resources.files("ordersheet"))) / "samples"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "samples"


@contextmanager
def sandbox_process(folder: Path, *options: str) -> Iterator[RunningSandbox]:
    """Start `ordersheet sandbox` on a free port, and end it afterwards.

    Args:
        folder: where it may leave the note that tells its address.
        options: further options of the sandbox command.

    Raises:
        OrdersheetError: where it does not come up.
    """
    note = folder / "sandbox.json"
    command = [sys.executable, "-m", "ordersheet", "sandbox", "--port", "0", *options]
    log = folder / "sandbox.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this very program
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ORDERSHEET_SANDBOX_FILE": str(note)},
        )
    try:
        told = _wait_for(note, process, log)
        yield RunningSandbox(told["base_url"], told["key"], process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(note: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            told: dict[str, str] = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            time.sleep(0.05)
        else:
            return told
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise OrdersheetError(
        f"The sandbox did not start{': ' + said[-1] if said else ''}. Try `ordersheet sandbox` by itself.",
        code="no-sandbox",
    )


def demo(
    say: Callable[..., None],
    tell: Callable[[Progress], None] | None = None,
    *,
    reports: Path = Path("reports"),
) -> tuple[RunResult, bool]:
    """Send the sample workbook to a sandbox.

    Args:
        say: prints lines for people.
        tell: is told how far the delivery has come.
        reports: the folder for the report.

    Returns:
        The result, and whether every row ended as designed.

    Raises:
        OrdersheetError: where something stands in the way.
    """
    with tempfile.TemporaryDirectory(prefix="ordersheet-demo-") as name:
        folder = Path(name)
        sample = folder / SAMPLE
        shutil.copyfile(samples_folder() / SAMPLE, sample)
        with sandbox_process(folder) as sandbox:
            say(f"A sandbox Order API runs at {sandbox.base_url}", f"Sending the sample {SAMPLE} to it", "")
            flags = {
                "base_url": sandbox.base_url,
                "api_key": sandbox.key,
                "ledger": folder / "ledger.db",
                "report": reports.absolute(),
                "yes": True,
            }
            # Nothing of this computer's own settings bears on the demo.
            settings = resolve(flags, environ={}, folder=folder)
            result = send(sample, settings, tell=tell)
            # Its ledger goes with its folder, so nothing is said of where it lies.
            result = replace(result, summary=replace(result.summary, ledger_created=False))
            result.rows  # noqa: B018 - read while the demo's ledger is there
    return result, dict(result.outcomes) == DESIGNED
