"""A profile is added to a person's settings file, and all else in it stays."""

from __future__ import annotations

import os
import stat
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.config.profiles import check_free, check_name, write_profile
from ordersheet.core.errors import SettingsError

A, B = "https://a.example/1", "https://b.example/1"

NAMES = st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True)
# As people and editors write such files: comments, blanks, both line ends, a byte order mark, no last line.
FILES = st.builds(
    lambda top, profiles, end, mark, last: (
        mark
        + end.join(
            [
                *top,
                *(
                    line
                    for name in profiles
                    for line in ("", f"[profiles.{name}]  # mine", f'base-url = "{A}"')
                ),
            ]
        )
        + (end if last else "")
    ),
    st.lists(st.sampled_from(["# a comment = 1", "", "   "]), max_size=2).map(
        lambda found: [*found, "timeout = 5"]
    ),
    st.lists(NAMES, unique=True, max_size=3),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
    st.booleans(),
)


@given(text=FILES, name=NAMES, proxy=st.none() | st.just("http://ü:p@127.0.0.1:1"))
def test_what_stood_there_stays_and_the_profile_is_found(tmp_path_factory, text, name, proxy):
    path = tmp_path_factory.mktemp("settings") / "ordersheet.toml"
    path.write_bytes(text.encode())
    before = tomllib.loads(text.removeprefix("\ufeff"))
    changed = write_profile(path, name, A, {"proxy": proxy} if proxy else None)
    after = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    profile = after["profiles"].pop(name)
    assert profile == {"base-url": A, **({"proxy": proxy} if proxy else {})}
    others = dict(before.pop("profiles", {}))
    assert changed is (name not in others or proxy is not None)
    assert after.pop("profile", name) == (name if not others else after.get("profile", name))
    others.pop(name, None)
    assert after.pop("profiles") == others
    assert after == before
    for line in text.removeprefix("\ufeff").splitlines():
        assert line in path.read_text(encoding="utf-8")
    assert not write_profile(path, name, A, {"proxy": proxy} if proxy else None)


def test_the_first_profile_is_the_default_one_and_a_second_is_not(tmp_path):
    path = tmp_path / "new" / "ordersheet.toml"
    assert write_profile(path, "qa", A)
    assert write_profile(path, "live", B)
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    assert found == {"profile": "qa", "profiles": {"qa": {"base-url": A}, "live": {"base-url": B}}}


def test_another_address_under_the_same_name_is_refused(tmp_path):
    path = tmp_path / "ordersheet.toml"
    write_profile(path, "qa", A)
    before = path.read_bytes()
    check_free(path, "qa", A)
    for call in (check_free, write_profile):
        with pytest.raises(SettingsError, match=A) as caught:
            call(path, "qa", B)
        assert caught.value.code == "profile-exists"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('profiles = { qa = { base-url = "https://a.example/1" } }\n', "live"),
        ("profiles.qa.timeout = 3\n", "qa"),
    ],
)
def test_a_file_written_in_another_way_is_left_alone_and_the_lines_are_told(tmp_path, text, name):
    path = tmp_path / "ordersheet.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=rf"by hand:\n\[profiles.{name}\]\nbase-url"):
        write_profile(path, name, B)
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["profiles = 3", "[profiles]\nqa = 3", "= 1", "\0"])
def test_a_file_that_cannot_be_understood_is_told_and_left_alone(tmp_path, text):
    path = tmp_path / "ordersheet.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"ordersheet\.toml"):
        write_profile(path, "qa", A)
    assert path.read_text() == text


def test_a_folder_in_the_file_s_place_is_told(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        write_profile(tmp_path, "qa", A)


@pytest.mark.skipif(os.name != "posix", reason="looks at POSIX modes and links")
def test_mode_and_link_stay_and_a_new_file_is_its_owner_s(tmp_path):
    real, link = tmp_path / "dotfiles.toml", tmp_path / "ordersheet.toml"
    link.symlink_to(real)
    write_profile(link, "qa", A)
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    real.chmod(0o640)
    write_profile(link, "live", B)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "live" in real.read_text()


@pytest.mark.parametrize("name", ["", "a b", "a.b", "[qa]", "ä", "x" * 41, "a\n"])
def test_a_name_that_would_need_quotes_is_refused(name):
    with pytest.raises(SettingsError):
        check_name(name)
