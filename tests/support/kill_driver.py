"""Runs the real command in children that are forked with everything imported, and kills them as told.

`python -m tests.support.kill_driver` reads one job a line (JSON) and answers each with a line when its child
has ended. A job names arguments, folder, environment, where output goes, and how the child is to die: at the
n-th seam, at the n-th call that the shim counts, or after some seconds; or where it is to stand still, as
after Ctrl-Z or under a closed lid. A seam is a step of a transaction of
the ledger, a request that is about to leave or whose answer has come, and a file that is opened for writing,
renamed or removed. The number of a child's process stands beside its output, for as long as the child lives.
With the argument `workers`, what a worker needs besides is imported before the first fork, too.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.support import shim

import ordersheet.cli
import ordersheet.delivery
import ordersheet.ledger
import ordersheet.ledger.migrations
import ordersheet.pipeline.send
import ordersheet.reporter
import ordersheet.reporter.csv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ordersheet.delivery import Transport

_FILE_EVENTS = frozenset({"os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate"})
_POINTS = "points"
PROCESS = "process"
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Nothing is sent where there is no fork, yet the module can be imported."""


@dataclass
class Job:
    """One run of the command."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    output: str
    seam: int | None = None
    """Die at this seam."""
    after: float | None = None
    """Get a signal after so many seconds."""
    number: int = KILL
    """Which signal."""
    arm: dict[str, Any] | None = None
    """What the shim is to do."""
    still: tuple[str, int, float] | None = None
    """Stand still at the n-th seam of this name, for so many seconds; a signal may stop it, too."""
    held_back: float | None = None
    """A worker: seconds after the database was away in which it takes nobody for dead; None for its own."""


class Seams:
    """Counts the seams of a child, and lets it die at one of them."""

    def __init__(self, folder: str, die_at: int | None, still: Sequence[Any] | None) -> None:
        self.count = 0
        self.named: Counter[str] = Counter()
        self._still = still
        self._folder = folder
        self._die_at = die_at

    def point(self, name: str = "") -> None:
        self.count += 1
        self.named[name] += 1
        if self._still is not None and tuple(self._still[:2]) == (name, self.named[name]):
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.count == self._die_at:
            os.kill(os.getpid(), KILL)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS:
            ours = any(isinstance(arg, str) and self._folder in arg for arg in map(_text, args))
        elif event == "open":
            path, _, flags = args
            ours = bool(flags & (os.O_WRONLY | os.O_RDWR)) and self._folder in (_text(path) or "")
        else:
            return
        if ours:
            self.point()

    def install(self) -> None:
        """Put the seams into the pipeline: the ledger's own, and a transport that counts."""
        point = self.point

        class Numbered(ordersheet.ledger.Ledger):
            @classmethod
            def open(cls, path: Any, **known: Any) -> Any:
                return super().open(path, **{"on_point": point, **known})

        make = ordersheet.delivery.make_transport_factory

        def numbered(*args: Any, **known: Any) -> Callable[[], Transport]:
            inner = make(*args, **known)
            return lambda: _NumberedTransport(inner(), point)

        ordersheet.ledger.Ledger = Numbered  # type: ignore[misc]
        ordersheet.delivery.make_transport_factory = numbered
        sys.addaudithook(self.audit)


def _text(value: object) -> str | None:
    if isinstance(value, str | bytes | os.PathLike):
        return os.fsdecode(value)
    return None


class _NumberedTransport:
    """Passes everything on, with a seam before each request and after its answer."""

    def __init__(self, inner: Transport, point: Callable[[str], None]) -> None:
        self._inner = inner
        self._point = point

    async def request(self, *args: Any, **known: Any) -> Any:
        self._point("leaves")
        seen = await self._inner.request(*args, **known)
        self._point("answered")
        return seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def run(job: Job) -> None:
    """Be the command, in a child that has just been forked."""
    output = os.open(job.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    empty = os.open(os.devnull, os.O_RDONLY)
    for descriptor, source in ((0, empty), (1, output), (2, output)):
        os.dup2(source, descriptor)
    if job.number == getattr(signal, "SIGTSTP", None):
        # A stop from a terminal stops no process whose whole group nobody could let go on.
        os.setpgid(0, 0)
    os.chdir(job.cwd)
    os.environ.update(job.env)
    sys.argv = ["ordersheet", *job.argv]
    seams = Seams(job.cwd, job.seam, job.still)
    if job.arm is None:
        seams.install()
    else:
        shim.arm(shim.Arm(**job.arm))
    if job.held_back is not None:
        # Only now: what it imports is to find the seams.
        importlib.import_module("ordersheet.team.worker").HELD_BACK = job.held_back  # type: ignore[attr-defined]
    code = 70
    try:
        ordersheet.cli.app()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:  # noqa: BLE001 - told as a traceback, which the caller looks for
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        points = shim.seen() if job.arm is not None else seams.count
        with open(f"{job.output}.{_POINTS}", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(str(points))
        os._exit(code)


def _wait(child: int, job: Job) -> int:
    until = None if job.after is None else time.monotonic() + job.after
    while True:
        ended, status = os.waitpid(child, (os.WNOHANG if until is not None else 0) | os.WUNTRACED)
        if ended and os.WIFSTOPPED(status):
            assert job.still is not None
            time.sleep(job.still[2])
            os.kill(child, signal.SIGCONT)
            continue
        if ended:
            return os.waitstatus_to_exitcode(status)
        assert until is not None
        if time.monotonic() >= until:
            os.kill(child, job.number)
            until = None
        else:
            time.sleep(0.002)


def main() -> None:
    if "workers" in sys.argv:
        importlib.import_module("dbos")
    gc.freeze()
    for line in sys.stdin:
        job = Job(**json.loads(line))
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            run(job)
        number = f"{job.output}.{PROCESS}"
        with open(number, "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(str(child))
        code = _wait(child, job)
        os.unlink(number)  # noqa: PTH108
        points = None
        if code >= 0 and os.path.exists(f"{job.output}.{_POINTS}"):  # noqa: PTH110
            # Whoever leaves at once, as after three signals, counts nothing.
            with open(f"{job.output}.{_POINTS}", encoding="ascii") as file:  # noqa: PTH123
                points = int(file.read())
        told = {"code": code, "points": points, "seconds": time.monotonic() - began}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def as_line(job: Job) -> str:
    return json.dumps(asdict(job)) + "\n"


if __name__ == "__main__":
    main()
