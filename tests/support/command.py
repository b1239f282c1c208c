"""The command as a person runs it: a process of its own, a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import forked_command

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Desk:
    """Somebody's desk: a working folder, settings, and a ledger."""

    folder: Path
    base_url: str | None = None
    key: str | None = "practice"

    def env(self, **more: str) -> dict[str, str]:
        given = {"ORDERSHEET_LEDGER": str(self.folder / "ledger.db"), **more}
        if self.base_url is not None:
            given.setdefault("ORDERSHEET_BASE_URL", self.base_url)
        if self.key is not None:
            given.setdefault("ORDERSHEET_API_KEY", self.key)
        return {**os.environ, **given}

    def run(
        self,
        *arguments: object,
        env: dict[str, str] | None = None,
        stdin: str = "",
        encoding: str = "utf-8",
        often: bool = False,
    ) -> Ended:
        """Run a command; `often` where many are run with this environment, which the interpreter looks at."""
        words, whole = [*map(str, arguments)], self.env(**(env or {}))
        if forked_command.can_fork(stdin) if often else forked_command.can_run(whole, stdin):
            ended = Ended(*forked_command.run(words, self.folder, whole, stdin, encoding))
        else:
            done = subprocess.run(
                [sys.executable, "-m", "ordersheet", *words],
                cwd=self.folder,
                env=whole,
                input=stdin.encode(),
                capture_output=True,
                timeout=forked_command.SECONDS,
                check=False,
            )
            said = (forked_command.as_text(one, encoding) for one in (done.stdout, done.stderr))
            ended = Ended(done.returncode, *said)
        assert "Traceback" not in ended.err, ended.err
        return ended

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def reports(self) -> list[Path]:
        return sorted((self.folder / "reports").glob("*"))
