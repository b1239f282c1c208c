"""The command at a real terminal: a pseudo-terminal of its own, so that a key can be typed unseen."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.command import Desk

PATIENCE = 90.0

# getpass opens /dev/tty, which is there only for the leader of a session that has taken the terminal.
TAKE = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'ordersheet', *sys.argv[1:]])"
)
END_OF_INPUT = "\x04"
CTRL_C = "\x03"


def converse(
    desk: Desk,
    arguments: Sequence[object],
    answers: Sequence[tuple[str, str | None]],
    env: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Run a command at a terminal of its own.

    Args:
        desk: whose folder and settings.
        arguments: of the command.
        answers: what must appear, and what is typed then (None: nothing yet; what is typed before a key is
            asked for is thrown away); a control character goes without a line break.
        env: further variables.

    Returns:
        The exit code, and all that the terminal showed.
    """
    import pty

    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, *map(str, arguments)],
        cwd=desk.folder,
        env=desk.env(**(env or {})),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = ""
    seen = 0
    try:
        for question, answer in answers:
            while question not in shown[seen:]:
                more = _read(leader, PATIENCE)
                assert more, f"{question!r} did not appear in {shown!r}"
                shown += more
            seen = shown.index(question, seen) + len(question)
            if answer is None:
                continue
            os.write(leader, (answer if answer in (END_OF_INPUT, CTRL_C) else answer + "\n").encode())
        # Between showing a question and waiting for its answer Python does not look for signals: press again.
        presses = 0
        while answers[-1][1] == CTRL_C and process.poll() is None:
            shown += (more := _read(leader, 1))
            if not more and not _ends(process):
                assert presses < PATIENCE, f"it does not end: {shown!r}"
                presses += 1
                os.write(leader, CTRL_C.encode())
        while more := _read(leader, PATIENCE):
            shown += more
        return process.wait(PATIENCE), shown.replace("\r\n", "\n")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(leader)


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Wait a second for an end: a terminal is closed some time before its process is gone."""
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        return False
    return True


def _read(leader: int, seconds: float) -> str:
    ready, _, _ = select.select([leader], [], [], seconds)
    try:
        return os.read(leader, 65536).decode("utf-8", "replace") if ready else ""
    except OSError:  # Linux tells the end of a terminal so
        return ""
