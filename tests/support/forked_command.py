"""The command in a process of its own that is forked with everything imported, which is most of its time.

`run` asks a server process for it (`python -m tests.support.forked_command`), which reads one job a line
(JSON) and tells how each ended. All else is as in a process that starts anew: arguments, folder, environment,
streams, exit. What an interpreter looks at when it starts cannot be given so: `can_run` tells.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
SECONDS = 120
"""After so many a command is killed."""
LARGEST_STDIN = 1 << 15
"""Bytes that a pipe takes at once, wherever this runs."""
LOOKED_AT_EARLY = ("PYTHON", "LC_", "LANG", "TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PATH")
"""Beginnings of variables that the interpreter or a library looks at when it starts."""
LIBRARIES = ("httpx", "h11", "openpyxl", "pydantic_settings", "sqlalchemy", "tenacity", "tqdm", "typer")
ROOMS = ("cli", "console", "delivery", "ledger", "loader", "mapping", "ooxml", "pipeline", "reporter")


class Said(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def can_run(env: Mapping[str, str], stdin: str) -> bool:
    """Tell whether a command with this environment and input can be forked."""
    if not hasattr(os, "fork") or len(stdin.encode()) > LARGEST_STDIN:
        return False
    started_with = _server().env
    early = {name for name in {*env, *started_with} if name.startswith(LOOKED_AT_EARLY)}
    return all(env.get(name) == started_with.get(name) for name in early)


def run(arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str) -> Said:
    """Run the command, and wait until it has ended."""
    return _server().run(arguments, folder, env, stdin)


class _Server:
    """The process that forks, started with the first command that a test process runs."""

    def __init__(self) -> None:
        self.env = dict(os.environ)
        self._streams = tempfile.TemporaryDirectory(prefix="ordersheet-streams-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_command"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        atexit.register(self.close)

    def run(self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str) -> Said:
        out, err = (Path(self._streams.name, name) for name in ("out", "err"))
        job = {
            "argv": [*arguments], "cwd": str(folder), "env": {**env},
            "stdin": stdin, "out": str(out), "err": str(err),
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        assert code != -signal.SIGALRM, f"{arguments} took over {SECONDS} s"
        return Said(code, _text(out), _text(err))

    def close(self) -> None:
        self._process.communicate()
        self._streams.cleanup()


@cache
def _server() -> _Server:
    return _Server()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _be_the_command(job: dict[str, object]) -> None:
    """Be the command, in a child that has just been forked; it ends as any process does."""
    signal.alarm(SECONDS)
    read, write = os.pipe()
    os.write(write, str(job["stdin"]).encode())
    os.close(write)
    os.dup2(read, 0)
    for descriptor, name in ((1, "out"), (2, "err")):
        opened = os.open(str(job[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.close(read)
    sys.stdin = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors)  # noqa: SIM115 - descriptor 0
    os.chdir(str(job["cwd"]))
    os.environ.clear()
    os.environ.update(job["env"])  # type: ignore[call-overload]
    time.tzset()
    sys.argv = ["ordersheet", *job["argv"]]  # type: ignore[misc]
    runpy.run_module("ordersheet", run_name="__main__", alter_sys=True)


def main() -> None:
    """Fork a child for each job, and tell its exit code."""
    rooms = [import_module(f"ordersheet.{name}") for name in ROOMS]
    modules = [one.name for room in rooms for one in walk_packages(room.__path__, f"{room.__name__}.")]
    for name in (*LIBRARIES, *modules):
        # Where a library is not there, what needs it says so itself.
        with suppress(ImportError):
            import_module(name)
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            _be_the_command(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
