"""The threat table of docs/security.md: every line names a test that exists."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import keyring
import keyring.backend
import pytest

from ordersheet.config.api_key import key_store, save_key, saved_key
from ordersheet.config.settings import resolve
from ordersheet.core.errors import SettingsError
from ordersheet.core.secret import Secret

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["security.md", "team.md"])
def test_every_threat_names_a_test_that_exists(page):
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert len(named) >= 10
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    missing = [name for name in named if f"def {name}(" not in code]
    assert not missing


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(params=["keyring", "file"])
def kept_in(request):
    """A place for keys: a keyring, or a file where there is none."""
    before = keyring.get_keyring()
    if request.param == "keyring":
        keyring.set_keyring(Ring())
    yield request.param
    keyring.set_keyring(before)


def test_a_saved_key_goes_to_its_own_address_alone(kept_in, tmp_path):
    save_key("https://a.example/1", Secret("key-a"))
    save_key("https://b.example/1", Secret("key-b"))
    settings = resolve({"base_url": "https://A.example/1/"}, environ={}, folder=tmp_path)
    assert settings.api_key is not None
    assert settings.api_key.reveal() == "key-a"
    assert resolve({"base_url": "https://c.example/1"}, environ={}, folder=tmp_path).api_key is None
    found = saved_key("https://b.example/1")
    assert found is not None
    assert found[0].reveal() == "key-b"
    assert key_store().exists() is (kept_in == "file")


@pytest.mark.skipif(os.name != "posix", reason="looks at POSIX modes")
def test_saved_keys_that_others_can_read_are_refused(tmp_path):
    save_key("https://a.example/1", Secret("key-a"))
    assert stat.S_IMODE(key_store().stat().st_mode) == 0o600
    key_store().chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        saved_key("https://a.example/1")


@pytest.mark.skipif(os.name != "posix", reason="looks at POSIX modes")
def test_what_is_left_behind_is_its_owner_s_alone(desk):
    path = desk.file("orders.csv", "Order ID,Internal comment\n83600,hello\n")
    ledger = desk.folder / "private" / "ledger.db"
    assert desk.run("send", path, "--yes", "--ledger", ledger).code == 0
    assert stat.S_IMODE(ledger.parent.stat().st_mode) == 0o700
    left = [file for file in ledger.parent.rglob("*") if file.is_file()]
    assert len(left) >= 2
    for file in left:
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
