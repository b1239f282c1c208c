"""A folder that files come to, a shop that keeps its own truth, and somebody who counts what is told."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.support.kill_driver import Job
from tests.support.torture import SECRET, Ended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.torture import Desk


class Told:
    """What people were told: titles and bodies, as they came."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.port = 0
        self.refuse = False

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/"

    def titles(self) -> Counter[str]:
        """Count the titles; one that is told again counts with the first."""
        return Counter(message["title"].removesuffix(" (told again)") for message in self.messages)


@contextmanager
def listening() -> Iterator[Told]:
    """Take messages over HTTP for as long as it is needed."""
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not told.refuse:
                told.messages.append(json.loads(body))
            self.send_response(503 if told.refuse else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with serving(Handler) as told.port:
        yield told


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Answer HTTP on loopback; gives the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class JobDesk:
    """One job on one folder, run by drivers that kill."""

    def __init__(self, desk: Desk, told: Told, **keys: object) -> None:
        self.desk = desk
        self.told = told
        self.inbox = desk.folder / "in"
        self.inbox.mkdir()
        self.config = desk.folder / "own.toml"
        self.runs = 0
        known = {
            "source": str(self.inbox),
            "pattern": "*.csv",
            "stable": "0s",
            "settle": 0.7,
            "timeout": 3.0,
            "notify": [told.url],
            "notify_on": ["failed", "partial", "nothing", "done"],
            **keys,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in known.items()]
        self.config.write_text("[jobs.nightly]\n" + "\n".join(lines) + "\n", encoding="utf-8")

    def put(self, name: str, *texts: str) -> None:
        rows = "".join(f"{1000 + at};{text}\n" for at, text in enumerate(texts))
        (self.inbox / name).write_text(f"Order ID;Internal comment\n{rows}", encoding="utf-8")

    def run(self, seam: int | None = None, after: float | None = None) -> Ended:
        """Make one pass, which may be killed."""
        self.runs += 1
        output = self.desk.folder.parent / f"{self.desk.folder.name}-pass{self.runs}.out"
        output.touch()
        answer = self.desk.drivers.run(
            Job(
                argv=["jobs", "run", "nightly", "--config", str(self.config)],
                cwd=str(self.desk.folder),
                env={
                    "ORDERSHEET_BASE_URL": f"http://127.0.0.1:{self.desk.oracle.port}/{self.desk.shop}",
                    "ORDERSHEET_API_KEY": f"key.pass{self.runs}.{SECRET}",
                    "ORDERSHEET_LEDGER": str(self.desk.folder / "ledger.db"),
                    "ORDERSHEET_STORE": "torture",
                    "HOME": str(self.desk.folder),
                    "XDG_CONFIG_HOME": str(self.desk.folder),
                },
                output=str(output),
                seam=seam,
                after=after,
            )
        )
        said = output.read_text(encoding="utf-8")
        assert "Traceback" not in said, said
        return Ended(f"pass{self.runs}", answer["code"], answer["points"], said, None)

    def texts(self) -> Counter[str]:
        """Count what the shop applied for passes and watchers, by text."""
        ours = [one for one in self.desk.done() if one.who.startswith(("pass", "watcher"))]
        return Counter(str(one.effect.value) for one in ours)

    def places(self) -> dict[str, list[str]]:
        """Give each file below the inbox, by its own name without the report's run: the folders it is in."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.inbox.rglob("*")):
            if path.is_file():
                folder = path.parent.relative_to(self.inbox).as_posix()
                found.setdefault(path.name, []).append(folder)
        return found


def inputs(places: dict[str, list[str]], *names: str) -> dict[str, list[str]]:
    """Of the places, those of these files."""
    return {name: places.get(name, []) for name in names}


def leftovers(jobs: JobDesk) -> list[str]:
    """Make a pass an hour later, and name what is left of killed ones: copies of files."""
    private = jobs.desk.folder / "jobs" / "nightly"
    for copy in private.glob("seen-*"):
        os.utime(copy, (0, 0))
    jobs.run()
    kept = [path.name for path in private.iterdir()] if private.is_dir() else []
    return [*(path.name for path in jobs.desk.folder.rglob("*.part")), *kept]
