from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.support.browser import launched, page_server

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


@pytest.fixture(scope="module")
def chrome():
    """One browser for a module's tests."""
    with launched() as browser:
        yield browser


@pytest.fixture
def browser(chrome):
    """Give a context of its own, as if nobody had used the browser before."""
    with chrome.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True) as context:
        context.set_default_timeout(20_000)
        yield context


@pytest.fixture
def without_script(chrome):
    """Give a context in which no page's script runs."""
    with chrome.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(20_000)
        yield context


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "customer service – näytäjä.xlsx"
    shutil.copyfile(SAMPLES / "customer-service.xlsx", path)
    return path
