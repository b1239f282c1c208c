"""A workshop for all of the torture: starting one costs more than using it."""

from __future__ import annotations

import os

import pytest
from tests.support import shim
from tests.support.torture import workshop


@pytest.fixture(scope="session")
def yard(tmp_path_factory):
    """An oracle, and drivers that fork."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    with workshop(tmp_path_factory.mktemp("yard"), drivers=4) as one:
        yield one


@pytest.fixture(scope="session")
def wired_yard(tmp_path_factory):
    """The same, with the shim between the drivers and the C library."""
    lacking = shim.missing()
    if lacking is not None:
        pytest.skip(lacking)
    with workshop(tmp_path_factory.mktemp("wired"), drivers=4, preload=True) as one:
        yield one
