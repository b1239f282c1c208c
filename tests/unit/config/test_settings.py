"""Settings: which source wins, what a planted file may not do, and where the key comes from."""

from __future__ import annotations

import pickle

import pytest

from ordersheet.config.options import BY_NAME, OPTIONS
from ordersheet.config.settings import SandboxAddress, Settings, describe, resolve
from ordersheet.core.errors import SettingsError
from ordersheet.core.secret import Secret


@pytest.fixture
def own(tmp_path):
    """A settings file of one's own, to be filled by a test."""
    return tmp_path / "own.toml"


def settled(own, flags=None, environ=None, folder=None, sandbox=None) -> Settings:
    given = {**({"config": str(own)} if own.exists() else {}), **(flags or {})}
    return resolve(
        given, environ=environ or {}, folder=folder or own.parent / "nowhere", find_sandbox=sandbox
    )


def test_every_option_is_a_setting_and_every_setting_an_option():
    fields = set(Settings.__dataclass_fields__) - {"api_key", "sources", "folder_file"}
    assert fields == {option.name for option in OPTIONS}


def test_flags_beat_environment_beats_profile_beats_file_beats_default(own):
    own.write_text(
        "timeout = 1\nrate = 1\nattempts = 1\ngrace = 1\n[profiles.qa]\ntimeout = 2\nrate = 2\nattempts = 2\n"
    )
    found = settled(
        own,
        {"profile": "qa", "timeout": "4"},
        {"ORDERSHEET_TIMEOUT": "3", "ORDERSHEET_RATE": "3"},
    )
    assert (found.timeout, found.rate, found.attempts, found.grace, found.settle) == (4, 3, 2, 1, 90)
    assert found.sources["timeout"] == "--timeout"
    assert found.sources["rate"] == "environment variable ORDERSHEET_RATE"
    assert found.sources["attempts"] == f"[profiles.qa] of {own}"
    assert found.sources["grace"] == str(own)


def test_the_settings_file_can_choose_the_profile(own):
    own.write_text('profile = "qa"\n[profiles.qa]\nbase-url = "https://a.example/1"\n')
    assert settled(own).base_url == "https://a.example/1"


def test_all_wrong_settings_are_told_at_once_with_their_source(own):
    own.write_text("timeout = 0\n")
    with pytest.raises(SettingsError) as caught:
        settled(own, {"attempts": "none", "hidden": "maybe"}, {"ORDERSHEET_RATE": "fast"})
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert "timeout must be a number above 0" in str(caught.value)
    assert f"(from {own})" in str(caught.value)
    assert "(from --attempts)" in str(caught.value)
    assert "(from environment variable ORDERSHEET_RATE)" in str(caught.value)


@pytest.mark.parametrize(
    "key", [option.key for option in OPTIONS if not option.local and not option.flag_only]
)
def test_the_working_folder_may_set_nothing_that_could_send_the_key_elsewhere(own, tmp_path, key):
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "ordersheet.toml").write_text(f'{key} = "x"\n')
    with pytest.raises(SettingsError, match=key) as caught:
        settled(own, folder=folder)
    assert caught.value.code == "planted-setting"


def test_the_working_folder_may_not_hold_profiles(own, tmp_path):
    (tmp_path / "ordersheet.toml").write_text('[profiles.qa]\nbase-url = "https://evil.example"\n')
    with pytest.raises(SettingsError, match="profiles"):
        settled(own, folder=tmp_path)


def test_the_working_folder_may_say_how_sheets_are_read(own, tmp_path):
    (tmp_path / "ordersheet.toml").write_text('sheet = "Calls"\nopen = true\nreport = "out"\n')
    found = settled(own, {"report": "here"}, folder=tmp_path)
    assert (found.sheet, found.open, str(found.report)) == ("Calls", True, "here")
    assert found.folder_file == tmp_path / "ordersheet.toml"
    assert found.of_folder() == {"sheet": "Calls", "open": "true"}
    assert found.sources["sheet"] == str(tmp_path / "ordersheet.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", "colour"),
        ("yes = true", "yes"),
        ("[profiles.qa]\nlimit = 3", "limit"),
        ("= 1", "not valid TOML"),
    ],
)
def test_unknown_settings_and_broken_files_are_refused(own, text, said):
    own.write_text(text)
    with pytest.raises(SettingsError, match=said):
        settled(own, {"profile": "qa"} if "qa" in text else {})


def test_an_unknown_profile_names_the_known_ones(own):
    own.write_text("[profiles.qa]\n[profiles.live]\n")
    with pytest.raises(SettingsError, match="live, qa, sandbox"):
        settled(own, {"profile": "q"})


def test_the_sandbox_is_found_with_nothing_set(own):
    found = settled(
        own, {"profile": "sandbox"}, sandbox=lambda: SandboxAddress("http://127.0.0.1:1/s/1", "practice")
    )
    assert found.base_url == "http://127.0.0.1:1/s/1"
    assert found.api_key is not None
    assert found.api_key.reveal() == "practice"


def test_the_sandbox_s_key_goes_to_the_sandbox_alone(own):
    found = settled(
        own,
        {"profile": "sandbox", "base_url": "https://shop.example"},
        sandbox=lambda: SandboxAddress("http://127.0.0.1:1/s/1", "practice"),
    )
    assert found.api_key is None


def test_no_sandbox_says_how_to_start_one(own):
    with pytest.raises(SettingsError, match="ordersheet sandbox"):
        settled(own, {"profile": "sandbox"}, sandbox=lambda: None)


def test_the_key_comes_from_the_environment_before_the_file(own, tmp_path):
    file = tmp_path / "key"
    file.write_text("from-file\r\n")
    file.chmod(0o600)
    environ = {"ORDERSHEET_API_KEY_FILE": str(file)}
    key = settled(own, environ=environ).api_key
    assert key is not None
    assert key.reveal() == "from-file"
    key = settled(own, environ={**environ, "ORDERSHEET_API_KEY": "from-env"}).api_key
    assert key is not None
    assert key.reveal() == "from-env"


def test_a_key_file_that_others_can_read_is_refused(own, tmp_path):
    file = tmp_path / "key"
    file.write_text("k")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        settled(own, environ={"ORDERSHEET_API_KEY_FILE": str(file)})
    found = settled(
        own, environ={"ORDERSHEET_API_KEY_FILE": str(file), "CREDENTIALS_DIRECTORY": str(tmp_path)}
    )
    assert found.api_key is not None


@pytest.mark.parametrize("key", ["two words", "umläut", "a\nb", "x" * 5000])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(own, key):
    with pytest.raises(SettingsError) as caught:
        settled(own, environ={"ORDERSHEET_API_KEY": key})
    assert key not in str(caught.value)


def test_a_key_shows_itself_to_nobody():
    key = Secret("hunter2")
    assert "hunter2" not in f"{key} {key!r} {[key]}"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_what_is_described_and_recorded_holds_no_key(own):
    found = settled(own, {"timeout": 3}, {"ORDERSHEET_API_KEY": "hunter2"})
    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(list(describe(found)))
    assert found.as_options() == {"timeout": "3.0"}
    assert ("api-key", "present", "environment variable ORDERSHEET_API_KEY") in list(describe(found))


def test_options_have_a_flag_a_key_and_help_each():
    for option in OPTIONS:
        assert option.help.endswith(".")
        assert BY_NAME[option.name] is option
        assert option.flag.startswith("--")
