"""What watching costs: a pass over 10,000 files, and a watcher at rest (`python -m benchmarks.jobs`)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ordersheet.jobs.definition import JobDefinition
from ordersheet.jobs.sources import source_of
from ordersheet.jobs.stability import Stability

FILES = 10_000
SECONDS = 30.0


def look_seconds(folder: Path) -> float:
    """Give the seconds that the slower of two looks at a full folder takes."""
    for number in range(FILES):
        (folder / f"{number}.csv").write_text("Order ID;Internal comment\n1;a\n", encoding="utf-8")
    source, stability = source_of(JobDefinition(name="a", source=str(folder))), Stability(3600.0, None)
    longest = 0.0
    for _ in range(2):
        began = time.perf_counter()
        stability.whole(source.look(), source.names(), began)
        longest = max(longest, time.perf_counter() - began)
    return longest


def at_rest(folder: Path) -> tuple[float, float]:
    """Give the share of a processor, and the MB, of a watcher to which nothing comes."""
    inbox = folder / "in"
    inbox.mkdir()
    config = folder / "own.toml"
    config.write_text(f"[jobs.a]\nsource = {str(inbox)!r}\nevery = '60s'\n", encoding="utf-8")
    command = [sys.executable, "-m", "ordersheet", "watch", "--config", str(config)]
    env = {
        **os.environ,
        "ORDERSHEET_LEDGER": str(folder / "ledger.db"),
        "ORDERSHEET_BASE_URL": "http://127.0.0.1:1",
        "ORDERSHEET_API_KEY": "practice",
    }
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as watcher:
        time.sleep(20)
        before = _used(watcher.pid)
        time.sleep(SECONDS)
        share = (_used(watcher.pid) - before) / SECONDS
        status = Path(f"/proc/{watcher.pid}/status").read_text(encoding="ascii")
        watcher.terminate()
    memory = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return share, int(memory.split()[1]) / 1024


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "many").mkdir()
        print(f"a look at {FILES:,} files: {look_seconds(Path(place) / 'many'):.2f} s")
        share, memory = at_rest(Path(place))
        print(f"a watcher at rest: {share:.2%} of a processor, {memory:.0f} MB")


if __name__ == "__main__":
    main()
