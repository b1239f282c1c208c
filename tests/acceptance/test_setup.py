"""setup: from an address and a key to the first row, at a real terminal."""

from __future__ import annotations

import json
import stat
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from tests.support.rawserver import RawServer, sends
from tests.support.terminal import CTRL_C, END_OF_INPUT, converse

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.server import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Desk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

ORDERS = "Order ID,Internal comment\n83600,hello\n"
NAME, ADDRESS, KEY = "short name", "The address", "it stays unseen"
ANEW, ANYWAY = "Enter keeps what you typed", "all the same?"


def set_up(desk: Desk, address: str, key: str, *more: tuple[str, str], name: str = "", flags=(), env=None):
    answers = [(NAME, name), (ADDRESS, address), (KEY, key), *more]
    return converse(desk, ["setup", *flags], answers, env)


def settings_file(home: Path) -> Path:
    return home / "ordersheet" / "ordersheet.toml"


@pytest.fixture
def home(own_folders):
    return own_folders


@pytest.mark.parametrize("pasted", ["{}", "{}/orders", '"{}/orders/"', "   {} ", "PUT {}/orders", "<{}>"])
def test_an_address_is_understood_as_people_paste_it(bare_desk, shop, home, pasted):
    code, shown = set_up(bare_desk, pasted.format(shop.base_url), shop.key)
    assert code == 0, shown
    saved = tomllib.loads(settings_file(home).read_text(encoding="utf-8"))
    assert saved == {"profile": "default", "profiles": {"default": {"base-url": shop.base_url}}}


def test_after_setup_a_sheet_is_sent_with_nothing_else_set(bare_desk, store, home):
    with running(store, SandboxConfig(key="typed-unseen-key")) as shop:
        code, shown = set_up(bare_desk, shop.base_url, " typed-unseen-key ", name="qa")
        assert code == 0, shown
        assert "The server answers, and the key may read orders." in shown
        assert "typed-unseen-key" not in shown
        path = bare_desk.file("orders.csv", ORDERS)
        assert bare_desk.run("check", path).code == 0
        told = bare_desk.run("send", path, "--yes", "--json")
    assert (told.code, told.json["profile"], told.json["outcomes"]) == (0, "qa", {"applied": 1})
    assert "typed-unseen-key" not in settings_file(home).read_text(encoding="utf-8")
    keys = home / "ordersheet" / "keys.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings_file(home).stat().st_mode) == 0o600
    assert not [
        path for path in bare_desk.folder.rglob("*") if path.is_file() and b"typed-un" in path.read_bytes()
    ]


def test_a_second_profile_stands_beside_the_first(bare_desk, shop, store, home):
    assert set_up(bare_desk, shop.base_url, shop.key, name="qa")[0] == 0
    with running(store, SandboxConfig(key="another-key")) as other:
        assert set_up(bare_desk, other.base_url, "another-key", name="live")[0] == 0
        saved = tomllib.loads(settings_file(home).read_text(encoding="utf-8"))
        assert saved["profile"] == "qa"
        assert set(saved["profiles"]) == {"qa", "live"}
        for profile in ("qa", "live"):
            assert bare_desk.run("doctor", "--profile", profile).code == 0


def test_setting_a_profile_up_again_saves_the_new_key(bare_desk, shop, store, home):
    assert set_up(bare_desk, shop.base_url, "old-and-wrong", (ANEW, "n"), (ANYWAY, "y"))[0] == 0
    assert bare_desk.run("doctor").code == 1
    before = settings_file(home).read_bytes()
    assert set_up(bare_desk, shop.base_url, shop.key)[0] == 0
    assert settings_file(home).read_bytes() == before
    assert bare_desk.run("doctor").code == 0


def test_a_name_that_stands_for_another_address_is_refused_before_a_key_is_typed(bare_desk, shop, home):
    assert set_up(bare_desk, shop.base_url, shop.key, name="qa")[0] == 0
    before = settings_file(home).read_bytes()
    code, shown = converse(bare_desk, ["setup"], [(NAME, "qa"), (ADDRESS, "https://other.example/api/1")])
    assert code == 2
    assert "another address" in shown
    assert KEY not in shown
    assert settings_file(home).read_bytes() == before


def test_setup_does_not_stumble_over_a_profile_that_the_environment_names(bare_desk, shop):
    code, shown = set_up(bare_desk, shop.base_url, shop.key, name="qa", env={"ORDERSHEET_PROFILE": "qa"})
    assert code == 0, shown


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (b"401 Unauthorized", "refuses this key"),
        (b"503 Service Unavailable", "Try again later"),
        (b"404 Not Found", "not an Order API"),
        (b"302 Found\r\nLocation: https://elsewhere.example/", "points to"),
    ],
)
def test_an_answer_that_does_not_fit_is_explained_and_nothing_is_saved(bare_desk, home, status, said):
    reply = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    with RawServer([sends(reply)]) as server:
        code, shown = set_up(bare_desk, server.url, "some-key", (ANEW, "n"), (ANYWAY, ""))
        assert server.seen[0].headers["api-authorization"] == "some-key"
    assert code == 2, shown
    assert said in shown
    assert "Nothing was saved." in shown
    assert not settings_file(home).exists()


def test_a_key_that_may_not_read_is_saved_with_a_word_about_it(bare_desk, store, home):
    with running(store, SandboxConfig(methods=frozenset({"PUT"}))) as shop:
        code, shown = set_up(bare_desk, shop.base_url, shop.key)
        assert code == 0, shown
        assert "reading back is off" in shown
        told = bare_desk.run("send", bare_desk.file("orders.csv", ORDERS), "--yes", "--json")
        assert told.json["outcomes"] == {"applied": 1}


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/api/1", "https://no-such-host.invalid/api/1"])
def test_a_shop_that_is_not_reached_can_be_saved_all_the_same(bare_desk, home, address):
    code, shown = set_up(bare_desk, address, "k", (ANEW, "n"), (ANYWAY, "y"))
    assert code == 0
    assert "was not reached" in shown
    assert settings_file(home).exists()


def test_a_wrong_answer_is_asked_again(bare_desk, shop):
    answers = [
        (NAME, "no blanks please"), ("letters, digits", "qa"),
        (ADDRESS, "ftp://shop"), ("must begin with https", "http://shop.example/api/1"),
        ("plain http", shop.base_url),
        (KEY, "two words"), ("Copy it again", None), (KEY, shop.key),
    ]  # fmt: skip
    code, shown = converse(bare_desk, ["setup"], answers)
    assert code == 0, shown


def test_the_third_wrong_answer_ends_it(bare_desk, home):
    code, shown = converse(bare_desk, ["setup"], [(NAME, "a b"), (NAME, "c d"), (NAME, "e f")])
    assert code == 2, shown
    assert not settings_file(home).exists()


@pytest.mark.parametrize(("pressed", "code"), [(END_OF_INPUT, 2), (CTRL_C, 130)])
@pytest.mark.parametrize("at", range(3))
def test_it_can_be_left_at_every_question(bare_desk, shop, home, pressed, code, at):
    answers = [(NAME, "qa"), (ADDRESS, shop.base_url), (KEY, shop.key)][:at]
    ended, shown = converse(bare_desk, ["setup"], [*answers, ((NAME, ADDRESS, KEY)[at], pressed)])
    assert ended == code, shown
    assert "Traceback" not in shown
    assert "othing was s" in shown
    assert not settings_file(home).exists()


def test_what_was_typed_is_kept_after_a_try_that_failed(bare_desk, shop, home):
    code, shown = set_up(
        bare_desk,
        shop.base_url,
        "a-letter-too-few",
        *[(ANEW, ""), (f"[{shop.base_url}]", ""), ("[Enter keeps it]", shop.key)],
        name="qa",
    )
    assert code == 0, shown
    assert shown.count(NAME) == 1
    assert bare_desk.run("doctor").code == 0


def test_the_key_that_was_typed_is_kept_while_the_address_is_mended(bare_desk, shop, home):
    wrong = shop.base_url.replace("/order-api/1", "/order-api/2")
    more = [(ANEW, "y"), (f"[{wrong}]", shop.base_url), ("[Enter keeps it]", "")]
    code, shown = set_up(bare_desk, wrong, shop.key, *more)
    assert code == 0, shown
    assert bare_desk.run("doctor").code == 0


def test_what_is_given_as_an_option_is_not_asked_for(bare_desk, shop):
    flags = ["--profile", "qa", "--base-url", shop.base_url]
    code, shown = converse(bare_desk, ["setup", *flags], [(KEY, shop.key)])
    assert code == 0, shown
    assert NAME not in shown
    assert ADDRESS not in shown
    assert bare_desk.run("doctor", "--profile", "qa").code == 0


def test_the_checklist_of_the_shop_s_side_is_shown(bare_desk, shop):
    code, shown = set_up(bare_desk, shop.base_url, shop.key)
    assert code == 0
    for text in (shown, bare_desk.run("setup", "--help").out):
        for switch in (
            "GET orders and PUT orders",
            "Get Orders with Status",
            "On hold",
            "Additional stores",
            "API log",
        ):
            assert switch in text
    assert max(len(line) for line in text.partition("Options:")[0].splitlines()) <= 80


def test_without_a_terminal_it_says_what_is_missing(bare_desk):
    for flags in ((), ("--yes",), ("--base-url", "https://shop.example/api/1")):
        ended = bare_desk.run("setup", *flags)
        assert ended.code == 2
        assert "ORDERSHEET_API_KEY_FILE" in ended.err
        assert "--api-key-file" in ended.err


def test_without_a_terminal_the_key_comes_from_the_environment(bare_desk, shop, home):
    ended = bare_desk.run(
        "setup", "--profile", "qa", "--base-url", shop.base_url, env={"ORDERSHEET_API_KEY": shop.key}
    )
    assert ended.code == 0, ended.err
    assert shop.key not in ended.out + ended.err
    assert bare_desk.run("doctor", "--profile", "qa").code == 0


def test_a_key_that_lies_in_a_file_stays_there(bare_desk, shop, home):
    file = bare_desk.file("key.txt", shop.key + "\n")
    file.chmod(0o600)
    ended = bare_desk.run("setup", "--base-url", shop.base_url, "--api-key-file", "key.txt")
    assert ended.code == 0, ended.err
    saved = tomllib.loads(settings_file(home).read_text(encoding="utf-8"))["profiles"]["default"]
    assert saved == {"base-url": shop.base_url, "api-key-file": str(file)}
    assert not (home / "ordersheet" / "keys.json").exists()
    assert bare_desk.run("doctor").code == 0


def test_without_a_terminal_a_try_that_fails_saves_nothing_unless_told_to(bare_desk, shop, home):
    env = {"ORDERSHEET_API_KEY": "wrong-one"}
    ended = bare_desk.run("setup", "--base-url", shop.base_url, env=env)
    assert ended.code == 2
    assert "add --yes" in ended.err
    assert not settings_file(home).exists()
    assert bare_desk.run("setup", "--base-url", shop.base_url, "--yes", env=env).code == 0
    assert settings_file(home).exists()


def test_a_new_key_beside_a_file_that_goes_first_is_not_called_saved_without_a_word(bare_desk, shop, home):
    file = bare_desk.file("key.txt", "an-older-key\n")
    file.chmod(0o600)
    assert bare_desk.run("setup", "--base-url", shop.base_url, "--api-key-file", file, "--yes").code == 0
    code, shown = set_up(bare_desk, shop.base_url, shop.key)
    assert code == 0
    assert "another key goes first" in shown
    assert "key.txt" in shown


def test_the_settings_file_can_lie_elsewhere(bare_desk, shop):
    own = bare_desk.folder / "own settings.toml"
    assert set_up(bare_desk, shop.base_url, shop.key, flags=["--config", own])[0] == 0
    told = bare_desk.run("doctor", "--json", "--config", own)
    assert told.code == 0
    assert json.loads(told.out)["probe"]["code"] == "fine"
    assert own.exists()


def test_what_is_needed_to_reach_the_shop_is_saved_too(bare_desk, shop, home):
    code, shown = set_up(
        bare_desk,
        shop.base_url,
        shop.key,
        (ANEW, "n"),
        (ANYWAY, "y"),
        flags=["--proxy", "http://127.0.0.1:1"],
    )
    assert code == 0, shown
    saved = tomllib.loads(settings_file(home).read_text(encoding="utf-8"))["profiles"]["default"]
    assert saved == {"base-url": shop.base_url, "proxy": "http://127.0.0.1:1"}
