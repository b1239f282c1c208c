"""Damaged files, and a child process that checks them under a limit of memory.

As a program (`python -m tests.support.fuzz MEGABYTES`) it reads one JSON list of arguments a line, runs the
command with them in this very process, and prints what came of it as one JSON object a line.
"""

from __future__ import annotations

import io
import json
import queue
import re
import subprocess
import sys
import threading
import traceback
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence
    from pathlib import Path

MEGABYTES = 512
SECONDS = 60
"""How long one small file may take, on a busy machine, before it counts as a hang."""
_NASTY = (
    *(
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\r",
        b"\n",
        b'"',
        b";",
        b",",
        b"\t",
        b"<",
        b">",
        b"&#0;",
    ),
    *(
        b"&x;",
        b"-1",
        b"0",
        b"99999999999999999999",
        b"1e308",
        b"1048577",
        b"XFE1",
        b"A0",
        b"NaN",
        b"\xc3\x28",
    ),
    *(
        b"_xD800_",
        b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
        b"]]>",
        b"<c/>",
        b"</row>",
        b"<row/>",
        b'r="A1"',
        b"xmlns=",
    ),
    *(
        "\u2028".encode(),
        "\u202e".encode(),
        "\U0001f600".encode(),
        b"[h]:mm",
        b"# ?/?",
        b"General;;;",
        b"PK\x03\x04",
    ),
)


# ---- mutations ----


def damaged(seed: bytes, chance: random.Random) -> bytes:
    """Give a file with some of its bytes changed: its own, or those of a part in it, packed anew."""
    if seed.startswith(b"PK") and chance.random() < 0.75:
        return _with_a_damaged_part(seed, chance)
    return _mutated(seed, chance)


def _with_a_damaged_part(seed: bytes, chance: random.Random) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(seed)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        infos = source.infolist()
        # Sheets, strings and styles more often than pictures and properties.
        weights = [
            5 if re.search(r"sheet|content|strings|styles|workbook\.xml$", i.filename) else 1 for i in infos
        ]
        (chosen,) = chance.choices(infos, weights)
        fate = chance.random()
        for info in infos:
            data = source.read(info)
            if info is chosen and fate < 0.05:
                continue
            if info is chosen:
                data = _mutated(data, chance)
            if info is chosen and fate > 0.97:
                target.writestr(info.filename.upper(), data)
            target.writestr(info.filename, data)
    return out.getvalue()


def _mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_MUTATIONS)(changed, chance)
    return bytes(changed)


def _span(data: bytearray, chance: random.Random) -> slice:
    begin = chance.randrange(len(data) + 1)
    return slice(begin, begin + chance.choice((1, 2, 4, 16, 64, 512)))


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _drop(data: bytearray, chance: random.Random) -> None:
    del data[_span(data, chance)]


def _double(data: bytearray, chance: random.Random) -> None:
    span = _span(data, chance)
    data[span.start : span.start] = data[span] * chance.choice((1, 1, 2, 50))


def _move(data: bytearray, chance: random.Random) -> None:
    span = _span(data, chance)
    piece = data[span]
    del data[span]
    at = chance.randrange(len(data) + 1)
    data[at:at] = piece


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _insert(data: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice(_NASTY)


def _overwrite(data: bytearray, chance: random.Random) -> None:
    nasty = chance.choice(_NASTY)
    at = chance.randrange(len(data) + 1)
    data[at : at + len(nasty)] = nasty


def _change_number(data: bytearray, chance: random.Random) -> None:
    found = list(re.finditer(rb"[0-9]+", bytes(data)))
    if found:
        match = chance.choice(found)
        new = chance.choice(
            (b"0", b"-1", b"1048576", b"16385", b"4294967296", b"00", b"1" * 40, b"", b"\xd9\xa3")
        )
        data[match.start() : match.end()] = new


def _swap_words(data: bytearray, chance: random.Random) -> None:
    found = list(re.finditer(rb"[A-Za-z]{1,20}", bytes(data)))
    if found:
        match, other = chance.choice(found), chance.choice(found)
        data[match.start() : match.end()] = other[0]


_MUTATIONS: Sequence[Callable[[bytearray, random.Random], None]] = (
    *(
        _flip,
        _drop,
        _double,
        _move,
        _cut,
        _insert,
        _insert,
        _overwrite,
        _change_number,
        _change_number,
        _swap_words,
    ),
)


# ---- the child ----


@dataclass(frozen=True)
class Verdict:
    """What came of one command."""

    code: int | None
    """The exit code; None where the child died or was too slow."""
    fault: str | None
    """A traceback, or how the child ended."""


class Child:
    """A process that runs commands one after the other; a new one is started where it ended."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._folder, self._env = folder, env
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    def run(self, arguments: Sequence[str]) -> Verdict:
        process = self._process or self._start()
        assert process.stdin is not None
        process.stdin.write(json.dumps(arguments) + "\n")
        process.stdin.flush()
        try:
            line = self._answers.get(timeout=SECONDS)
        except queue.Empty:
            self.end()
            return Verdict(None, f"no answer within {SECONDS} seconds")
        if not line:
            code = process.wait()
            self._process = None
            return Verdict(None, f"the process ended with {code}")
        answer = json.loads(line)
        return Verdict(answer["code"], answer["fault"])

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fuzz", str(MEGABYTES)],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        answers = self._answers = queue.Queue()
        assert process.stdout is not None
        out = process.stdout

        def listen() -> None:
            for line in out:
                answers.put(line)
            answers.put("")

        threading.Thread(target=listen, daemon=True).start()
        return process


def _limit(megabytes: int) -> None:
    if sys.platform == "linux":
        # macOS does not keep this limit, and Windows has none.
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


def _serve() -> None:
    _limit(int(sys.argv[1]))
    from typer.testing import CliRunner

    from ordersheet.cli import app

    runner = CliRunner()
    for line in sys.stdin:
        answer: dict[str, Any] = {"code": None, "fault": None}
        try:
            result = runner.invoke(app, json.loads(line))
            answer["code"] = result.exit_code
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                answer["fault"] = "".join(traceback.format_exception(result.exception))
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            answer["fault"] = traceback.format_exc()
        print(json.dumps(answer), flush=True)  # noqa: T201 - this is what the parent reads


def checksum(data: bytes) -> str:
    """Name a file by its bytes."""
    return f"{zlib.crc32(data):08x}"


if __name__ == "__main__":
    _serve()
