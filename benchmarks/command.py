"""Commands as a person would start them, timed from outside: start, check and report included."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
KEY = "practice-key"


class Timed(NamedTuple):
    """What one command took."""

    seconds: float
    cpu: float | None
    """Processor seconds, user and system; None where this system does not tell."""
    peak: float | None
    """Megabytes of memory at its peak."""
    code: int
    output: str


def environment() -> dict[str, str]:
    """The environment of every command: the same for all, with nothing of this computer's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORDERSHEET_")}
    # Modules are compiled once, as they are wherever a program is installed.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "ORDERSHEET_API_KEY": KEY}


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a command in a folder; what it says goes to `output.txt` there."""
    with (folder / "output.txt").open("w", encoding="utf-8") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
        )


def ended(process: subprocess.Popen[str], began: float, folder: Path) -> Timed:
    """Wait for a command's end, and tell what it took since it began (`time.perf_counter`)."""
    cpu = peak = None
    if hasattr(os, "wait4"):
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = used.ru_utime + used.ru_stime
        peak = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    else:
        process.wait()
        seconds = time.perf_counter() - began
    output = (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
    return Timed(seconds, cpu, peak, process.returncode, output)


def timed(command: list[str], folder: Path) -> Timed:
    """Run a command to its end."""
    began = time.perf_counter()
    return ended(start(command, folder), began, folder)


def send(file: Path, base_url: str, *options: str) -> list[str]:
    """The command that sends a file."""
    fixed = ["--yes", "--base-url", base_url, "--no-progress"]
    return [sys.executable, "-m", "ordersheet", "send", str(file), *fixed, *options]


def check(file: Path, base_url: str, *options: str) -> list[str]:
    """The command that checks a file."""
    return [sys.executable, "-m", "ordersheet", "check", str(file), "--base-url", base_url, *options]


def orders(folder: Path, rows: int) -> Path:
    """Write a CSV of so many orders, one row each; give its path."""
    path = folder / f"orders-{rows}.csv"
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(["order", "internalComment"])
        writer.writerows((80_000 + at, text(at)) for at in range(rows))
    return path


def text(at: int) -> str:
    """A comment of an ordinary length."""
    return f"Delayed by strike, new date {1 + at % 28} November"


def parser(part: str, description: str | None, **usual: float) -> argparse.ArgumentParser:
    """The options of one part: numbers by name, as they usually are, and where its results go."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option, number in usual.items():
        made.add_argument(f"--{option}", type=type(number), default=number)
    made.add_argument("--out", type=Path, default=RESULTS / f"{part}.json")
    return made


def keep(found: dict[str, Any], out: Path) -> None:
    """Write results down."""
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
