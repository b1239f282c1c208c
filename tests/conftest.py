"""What every test stands on: no settings, ledger or key of the person who runs them."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import settings
from tests.support.needs import pytest_runtest_setup  # noqa: F401 - the hook of the mark `needs`
from tests.support.postgres import (  # noqa: F401 - fixtures
    ledger_database,
    ledger_url,
    postgres_server,
    team_database,
    team_url,
    team_writer,
)

# How fast an example runs says nothing about it; machines are busy. The same code is given the same examples
# each time, so that a red run is the change's own; `make torture` looks for new ones
# (--hypothesis-profile=search).
settings.register_profile("search", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True, database=None)
settings.load_profile("same")

_homes = itertools.count()


def pytest_xdist_auto_num_workers() -> int:
    """Say how many tests `-n auto` runs at once: most of them wait for another process."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def homes(tmp_path_factory):
    """A folder for all homes: to number many beside the tests' own folders takes longer than some tests."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def own_folders(homes, monkeypatch):
    """Give each test a home of its own, in which nothing is set."""
    home = homes / str(next(_homes))
    home.mkdir()
    for name in [
        name for name in os.environ if name.startswith("ORDERSHEET_") and name != "ORDERSHEET_CORPUS"
    ]:
        monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    return home
