"""What watching costs: a pass over 10,000 files, and a watcher at rest (`python -m benchmarks.jobs`)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ordersheet.core.stop_switch import StopSwitch
from ordersheet.jobs.definition import read_jobs
from ordersheet.jobs.setup import JobsOfCall
from ordersheet.ledger import Ledger

FILES = 10_000
SECONDS = 30.0


def pass_seconds(folder: Path) -> float:
    """Give the seconds that the slowest of three passes over a full folder takes, `done` as full as it."""
    inbox = folder / "many"
    (inbox / "done").mkdir(parents=True)
    for number in range(FILES):
        for place in (inbox, inbox / "done"):
            (place / f"{number}.csv").write_text("Order ID;Internal comment\n1;a\n", encoding="utf-8")
    table = {"source": str(inbox), "stable": "1h", "keep": "90d", "expect_by": "07:00"}
    config = folder / "many.toml"
    config.write_text("[jobs.a]\n" + "".join(f"{key} = {word!r}\n" for key, word in table.items()))
    job = read_jobs({"a": table}, str(config))["a"]
    flags = {"base_url": "http://127.0.0.1:1", "config": config, "ledger": folder / "many.db"}
    longest = 0.0
    with Ledger.open(folder / "many.db") as ledger:
        _, passes = JobsOfCall({"a": job}, flags, ledger, StopSwitch()).make("a")
        for _ in range(3):
            began = time.perf_counter()
            passes.look()
            longest = max(longest, time.perf_counter() - began)
    return longest


def at_rest(folder: Path) -> tuple[float, float]:
    """Give the share of a processor, and the MB, of a watcher to which nothing comes."""
    inbox = folder / "in"
    inbox.mkdir()
    config = folder / "own.toml"
    told = "notify = ['json://127.0.0.1:1/']"
    config.write_text(f"[jobs.a]\nsource = {str(inbox)!r}\nevery = '60s'\n{told}\n", encoding="utf-8")
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
        print(f"a pass over {FILES:,} files: {pass_seconds(Path(place)):.2f} s")
        share, memory = at_rest(Path(place))
        print(f"a watcher at rest: {share:.2%} of a processor, {memory:.0f} MB")


if __name__ == "__main__":
    main()
