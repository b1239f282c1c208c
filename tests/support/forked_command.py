"""The command in a process of its own that is forked with everything imported, which is most of its time.

`run` asks a server process for it (`python -m tests.support.forked_command`), which reads one job a line
(JSON) and tells how each ended. All else is as in a process that starts anew: arguments, folder, environment,
streams, exit. What an interpreter looks at when it starts is that of the server: `can_run` tells whether the
usual one serves, and a test that runs many commands with another environment asks for a server of its own.
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


def can_fork(stdin: str = "") -> bool:
    """Tell whether a command with this input can be forked, from a server of its own at least."""
    return hasattr(os, "fork") and len(stdin.encode()) <= LARGEST_STDIN


def can_run(env: Mapping[str, str], stdin: str) -> bool:
    """Tell whether a command with this environment and input can be forked from the usual server."""
    return can_fork(stdin) and _early(env) == _usual()


def run(
    arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str, encoding: str = "utf-8"
) -> Said:
    """Run the command, and wait until it has ended; what it says is in this encoding."""
    return _server(_early(env)).run(arguments, folder, env, stdin, encoding)


def as_text(said: bytes, encoding: str) -> str:
    """Read what a command has said; UTF-16 may lack its mark."""
    return said.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def _early(env: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in env.items() if name.startswith(LOOKED_AT_EARLY))


@cache
def _usual() -> frozenset[tuple[str, str]]:
    return _early(os.environ)


class _Server:
    """The process that forks, started with the first command that a test process runs."""

    def __init__(self, early: frozenset[tuple[str, str]]) -> None:
        other = {name: value for name, value in os.environ.items() if not name.startswith(LOOKED_AT_EARLY)}
        self._streams = tempfile.TemporaryDirectory(prefix="ordersheet-streams-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_command"],
            cwd=ROOT,
            env={**other, **dict(early)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        atexit.register(self.close)

    def run(
        self, arguments: Sequence[str], folder: Path, env: Mapping[str, str], stdin: str, encoding: str
    ) -> Said:
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
        return Said(code, *(as_text(one.read_bytes(), encoding) for one in (out, err)))

    def close(self) -> None:
        self._process.communicate()
        self._streams.cleanup()


@cache
def _server(early: frozenset[tuple[str, str]]) -> _Server:
    return _Server(early)


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
    # In bytes: the interpreter's own streams have the encoding of the commands that are run.
    for line in iter(sys.stdin.buffer.readline, b""):
        child = os.fork()
        if child == 0:
            _be_the_command(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.buffer.write(b"%d\n" % os.waitstatus_to_exitcode(status))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
