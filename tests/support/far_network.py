"""A network of its own for a server, whose cable a test may pull: a namespace that root may make on Linux.

Where a cable is pulled nobody is told of it: no connection is refused or reset, and nothing arrives.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_number = itertools.count(os.getpid())


class FarNetwork:
    """Another network, and the cable to it.

    Attributes:
        address: of a server there.
        inside: the beginning of a command that is to run there.
    """

    def __init__(self) -> None:
        number = next(_number) % 10_000
        self._name, self._here = f"ordersheet{number}", f"osh{number}"
        self._there, net = f"ost{number}", f"10.213.{number // 64 % 256}"
        first = number % 64 * 4
        self.address, self._gate = f"{net}.{first + 2}", f"{net}.{first + 1}"
        self.inside = ("ip", "netns", "exec", self._name)

    def make(self) -> None:
        _ip("netns", "add", self._name)
        _ip("link", "add", self._here, "type", "veth", "peer", "name", self._there, "netns", self._name)
        _ip("addr", "add", f"{self._gate}/30", "dev", self._here)
        _ip("-n", self._name, "addr", "add", f"{self.address}/30", "dev", self._there)
        _ip("-n", self._name, "link", "set", "lo", "up")
        _ip("-n", self._name, "link", "set", self._there, "up")
        self.mend()

    def cut(self) -> None:
        """Pull the cable."""
        _ip("link", "set", self._here, "down")

    def mend(self) -> None:
        """Put it in again."""
        _ip("link", "set", self._here, "up")

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "del", self._name], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def far_network() -> Iterator[FarNetwork]:
    """Make one; the test is skipped where that may not be."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root on Linux and iproute2 (ip), to make a network namespace")
    network = FarNetwork()
    try:
        network.make()
    except subprocess.CalledProcessError as fault:
        network.remove()
        pytest.skip(f"needs the right to make a network namespace ({fault.stderr.decode().strip()})")
    try:
        yield network
    finally:
        network.remove()
