"""A PgBouncer before a test's server, in transaction mode and with few sessions."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from tests.support.needs import need
from tests.support.postgres_cluster import ACCOUNT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SESSIONS = 3
_PATIENCE = 60.0
_SETTINGS = """
[databases]
* = host={host} port={port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listens}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """Start it; gives a URL's likeness that goes through it."""
    program = need("pgbouncer")
    parts, listens = urlsplit(url), free_port()
    host = parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0]
    folder = Path(tempfile.mkdtemp(prefix="ospb"))
    settings = folder / "pgbouncer.ini"
    told = _SETTINGS.format(
        host=host, port=parts.port or 5432, listens=listens, sessions=SESSIONS, folder=folder
    )
    settings.write_text(told, encoding="utf-8")
    # Like the server, it refuses to run as root.
    account = ACCOUNT if os.geteuid() == 0 else None
    if account is not None:
        shutil.chown(folder, account, account)
    process = subprocess.Popen(
        [program, "-q", str(settings)], user=account, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(process, listens, folder)
        yield f"postgresql://postgres@127.0.0.1:{listens}{parts.path}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError((folder / "log").read_text(encoding="utf-8"))
