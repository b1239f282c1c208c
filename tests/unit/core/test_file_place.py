"""A place for large files shows its password to nobody."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.config.settings import resolve
from ordersheet.core.errors import SettingsError
from ordersheet.core.file_place import FilePlace, shown_url

SIGNS = st.text("abc123%@:/?#", min_size=1, max_size=8)
SECRETS = st.builds(lambda text: f"Z{text}Z", SIGNS)
"""None of it is a part of what surrounds it."""


@given(SECRETS, st.booleans(), st.sampled_from(["", "/in", ":22/in", "/in?signature=Y"]))
def test_no_password_of_a_place_is_shown(secret: str, escaped: bool, path: str) -> None:  # noqa: FBT001
    written = quote(secret, safe="") if escaped else secret
    place = FilePlace(f"sftp://ann:{written}@host{path}")
    assert (place.holds_secret, "Z" in str(place), "Z" in repr(place)) == (True, False, False)
    if escaped:
        assert (str(place), place.is_escaped) == (f"sftp://ann@host{path.partition('?')[0]}", True)
        said = f"No way to ann:{secret}@host, ann:{written}@host"
        assert place.hide(said) == "No way to ann:***@host, ann:***@host"
    assert "Y" not in str(place)
    by_flag: tuple[dict[str, object], dict[str, str]] = ({"large_files": place.url}, {})
    for flags, environ in (by_flag, ({}, {"ORDERSHEET_LARGE_FILES": place.url})):
        said = told(flags, environ)
        assert (secret in said, written in said) == (False, False)


def told(flags: dict[str, object], environ: dict[str, str]) -> str:
    """Say what is kept of settings, or what is wrong with them."""
    try:
        return str(resolve(flags, environ=environ).as_options())
    except SettingsError as error:
        return str(error)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/mnt/share", "/mnt/share"),
        ("C:\\share", "C:\\share"),
        ("file:///mnt/a@b", "file:///mnt/a@b"),
        ("s3://bucket/a@b:c", "s3://bucket/a@b:c"),
        ("sftp://host:22/a@b", "sftp://host:22/a@b"),
        ("sftp://ann@host/in", "sftp://ann@host/in"),
        ("abfs://container@account.example/in", "abfs://container@account.example/in"),
        ("https://host/calls.csv?signature=x", "https://host/calls.csv"),
        ("file:///mnt/a:b@c", "file:///mnt/a:b@c"),
    ],
)
def test_what_is_no_secret_is_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert FilePlace(url).holds_secret == ("?" in url)
    assert FilePlace(url).is_escaped


@pytest.mark.parametrize(
    "url", ["sftp://ann:Zp@host/a@b", "https://host/calls.csv?signature=Z:Z@Z", "sftp://ann:Z/22@host/in"]
)
def test_where_nobody_can_tell_what_the_password_is_all_that_it_may_be_is_hidden(url: str) -> None:
    assert (FilePlace(url).is_escaped, "Z" in shown_url(url)) == (False, False)
