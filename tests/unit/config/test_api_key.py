"""Where a key is kept and read from."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import pytest

from ordersheet.config.api_key import key_from_file, key_store, owner_alone, save_key, saved_key
from ordersheet.core.errors import SettingsError
from ordersheet.core.secret import Secret

A = "https://a.example/1"
posix = pytest.mark.skipif(os.name != "posix", reason="looks at POSIX modes")


class Broken(keyring.backend.KeyringBackend):
    """A keyring whose library raises something of its own."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - as keyring has it
        raise RuntimeError("the bus is away")

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002 - as keyring has it
        raise RuntimeError("the bus is away")


@pytest.fixture(params=[keyring.backends.fail.Keyring, keyring.backends.null.Keyring, Broken])
def useless_keyring(request):
    """No keyring; one that is turned off; one that fails."""
    before = keyring.get_keyring()
    keyring.set_keyring(request.param())
    yield
    keyring.set_keyring(before)


def test_a_key_is_kept_in_a_file_where_no_keyring_keeps_it(useless_keyring):
    assert saved_key(A) is None
    assert save_key(A, Secret("one")) == str(key_store())
    assert save_key("https://b.example/1", Secret("two")) == str(key_store())
    assert save_key(A, Secret("three")) == str(key_store())
    found = saved_key(A)
    assert found is not None
    assert found[0].reveal() == "three"
    assert json.loads(key_store().read_text()) == {A: "three", "https://b.example/1": "two"}


@posix
def test_the_file_is_its_owner_s_alone(useless_keyring):
    before = os.umask(0)
    try:
        save_key(A, Secret("one"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(key_store().stat().st_mode) == 0o600
    assert stat.S_IMODE(key_store().parent.stat().st_mode) & 0o077 == 0
    assert [path.name for path in key_store().parent.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("text", ["", "no json", "[]", "3", '{"https://a.example/1": ""}'])
def test_a_damaged_store_holds_no_key_and_can_be_written_anew(text):
    key_store().parent.mkdir(parents=True)
    key_store().write_text(text)
    key_store().chmod(0o600)
    assert saved_key(A) is None
    save_key(A, Secret("one"))
    assert saved_key(A) is not None


def test_a_store_that_cannot_be_written_is_told_without_the_key(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    with pytest.raises(SettingsError, match=r"cannot be saved") as caught:
        save_key(A, Secret("s3cret"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "key"),
    [(b"k\n", "k"), (b"k\r\n", "k"), (b"\xef\xbb\xbfk", "k"), (b"k\n\n", "k\n"), (b"k ", "k ")],
)
def test_a_final_line_break_is_dropped_and_nothing_else(tmp_path, content, key):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    assert key_from_file(path, "--x", {}).reveal() == key


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"two words", b"x" * 5000])
def test_what_is_no_key_is_refused(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="Copy it again"):
        key_from_file(path, "--x", {}).checked(str(path))


def test_a_key_file_that_is_not_there_names_its_source(tmp_path):
    with pytest.raises(SettingsError, match=r"from ORDERSHEET_API_KEY_FILE\) cannot be read"):
        key_from_file(tmp_path / "no", "ORDERSHEET_API_KEY_FILE", {})


@posix
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o777])
def test_the_mode_counts_but_where_the_platform_sets_it(tmp_path, mode):
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    path = mounted / "key"
    path.write_text("k")
    path.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        key_from_file(path, "--x", {})
    there = {"CREDENTIALS_DIRECTORY": str(mounted)}
    assert key_from_file(path, "--x", there).reveal() == "k"
    around = mounted / ".." / "outside"
    around.write_text("k")
    around.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        key_from_file(around, "--x", there)


@posix
def test_a_secret_that_kubernetes_links_is_read(tmp_path):
    data = tmp_path / "mounted" / "..2026"
    data.mkdir(parents=True)
    (data / "key").write_text("k\n")
    (data / "key").chmod(0o644)
    (tmp_path / "mounted" / "key").symlink_to(data / "key")
    found = key_from_file(
        tmp_path / "mounted" / "key", "", {"CREDENTIALS_DIRECTORY": str(tmp_path / "mounted")}
    )
    assert found.reveal() == "k"


def test_on_windows_the_file_is_left_to_its_owner():
    environ = {"SYSTEMROOT": r"C:\Windows", "USERDOMAIN": "SHOP", "USERNAME": "Åsa Öberg"}
    call = owner_alone(Path("keys.json.new"), environ)
    assert call[0] == r"C:\Windows\System32\icacls.exe"
    assert call[1:] == ["keys.json.new", "/inheritance:r", "/grant:r", r"SHOP\Åsa Öberg:F"]
