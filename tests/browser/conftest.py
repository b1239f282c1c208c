from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.support.browser import chromium, page_server

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def server(home):
    # Nobody waits 90 s here to be sure about an order that is refused.
    with page_server(home, environ={"ORDERSHEET_SETTLE": "2"}) as running:
        yield running


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server for many tests that leave nothing behind that another one would see."""
    folder = tmp_path_factory.mktemp("shared")
    names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "HOME")
    own = {name: "" for name in os.environ if name.startswith("ORDERSHEET_")}
    no_keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    with page_server(folder, environ={**own, **no_keyring, **dict.fromkeys(names, str(folder))}) as running:
        yield running


@pytest.fixture
def browser():
    with chromium(viewport={"width": 1280, "height": 900}, accept_downloads=True) as context:
        context.set_default_timeout(20_000)
        yield context


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "customer service – näytäjä.xlsx"
    shutil.copyfile(SAMPLES / "customer-service.xlsx", path)
    return path
