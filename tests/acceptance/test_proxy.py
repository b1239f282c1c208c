"""Behind a company's proxy, with the company's own certificates."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.command import Desk
from tests.support.company import behind_tls, make_authority, tinyproxy
from tests.support.rawserver import RawProxy
from tests.support.terminal import converse

from ordersheet.config.target import proxy_for

ORDERS = "Order ID,Internal comment\n83600,first\n83601,second\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def port(shop, authority):
    """The port of the sandbox's secure front."""
    with behind_tls(urlsplit(shop.base_url).port, authority) as port:
        yield port


@pytest.fixture
def desk(tmp_path, shop, port):
    desk = Desk(tmp_path, f"https://localhost:{port}{urlsplit(shop.base_url).path}", shop.key)
    desk.file("orders.csv", ORDERS)
    return desk


def sent(desk: Desk, *flags: object, env: dict[str, str] | None = None) -> Any:
    ended = desk.run("send", "orders.csv", "--yes", "--json", *flags, env=env)
    assert ended.code == 0, ended.err
    return ended.json["outcomes"]


def test_orders_go_through_a_real_proxy_to_a_server_with_the_company_s_certificate(desk, authority, port):
    with tinyproxy(desk.folder) as proxy:
        flags = ("--proxy", proxy.url, "--ca-bundle", authority.bundle)
        told = desk.run("doctor", "--json", *flags)
        assert (told.code, told.json["probe"]["code"]) == (0, "fine")
        before = proxy.tunnels(port)
        assert sent(desk, *flags) == {"applied": 2}
        assert proxy.tunnels(port) > before
        assert desk.key not in proxy.log.read_text(encoding="utf-8")


def test_the_environment_names_the_proxy_where_that_is_asked_for(desk, authority, port):
    with tinyproxy(desk.folder) as proxy:
        env = {"HTTPS_PROXY": proxy.url, "NO_PROXY": ""}
        assert sent(desk, "--ca-bundle", authority.bundle, env=env) == {"applied": 2}
        assert proxy.tunnels(port) == 0
        flags = ("--ca-bundle", authority.bundle, "--proxy", "env", "--same-file")
        assert sent(desk, *flags, "--batch", "b", env={**env, "NO_PROXY": "localhost"}) == {"applied": 2}
        assert proxy.tunnels(port) == 0
        assert sent(desk, *flags, "--batch", "c", env=env) == {"applied": 2}
        assert proxy.tunnels(port) > 0


def test_a_proxy_that_lets_nothing_through_is_explained(desk, authority, port):
    with tinyproxy(desk.folder, allowed=1) as proxy:
        flags = ("--proxy", proxy.url, "--ca-bundle", authority.bundle)
        told = desk.run("doctor", *flags)
    assert told.code == 1
    assert "the proxy refused the connection" in told.out


def test_a_proxy_that_does_not_answer_is_told_as_what_failed(desk):
    told = desk.run("doctor", "--json", "--proxy", "http://127.0.0.1:1")
    assert (told.code, told.json["probe"]["code"]) == (1, "proxy")
    assert "The proxy http://127.0.0.1:1 was not reached" in told.json["probe"]["message"]


def test_a_proxy_s_password_is_in_nothing_that_is_shown_or_kept(desk, authority):
    with RawProxy() as proxy:
        flags = ("--proxy", proxy.url.replace("//", "//clerk:s3cret-word@"), "--ca-bundle", authority.bundle)
        told = desk.run("doctor", "--json", *flags)
        assert told.code == 0, told.err
        ended = desk.run("send", "orders.csv", "--yes", "--json", "-v", *flags)
        assert ended.json["outcomes"] == {"applied": 2}
        assert b"roxy-" in proxy.heads[0]
    proxy_shown = next(one["value"] for one in told.json["settings"] if one["name"] == "proxy")
    assert proxy_shown == proxy.url.replace("//", "//...@")
    assert "s3cret" not in told.out + told.err + ended.out + ended.err
    for file in desk.folder.rglob("*"):
        assert not file.is_file() or b"s3cret" not in file.read_bytes(), file


def test_a_certificate_that_nobody_knows_is_explained(desk):
    told = desk.run("doctor", "--json")
    assert told.code == 1
    assert told.json["probe"]["code"] == "certificate"
    assert "--ca-bundle" in told.json["probe"]["message"]


def test_a_bundle_that_holds_no_certificate_is_refused(desk):
    empty = desk.file("empty.pem", "")
    for bundle in (empty, desk.folder / "nowhere.pem"):
        refused = desk.run("send", "orders.csv", "--yes", "--ca-bundle", bundle)
        assert refused.code == 2
        assert "cannot be read as PEM certificates" in refused.err


def test_a_proxy_address_that_is_none_is_refused(desk):
    refused = desk.run("send", "orders.csv", "--yes", "--proxy", "socks5://127.0.0.1:1")
    assert refused.code == 2
    assert "http://proxy.example.com:3128" in refused.err


@pytest.mark.parametrize("named", ["127.0.0.1:3128", "http://127.0.0.1:3128"])
def test_a_proxy_may_be_named_without_http(named, monkeypatch):
    assert proxy_for(named, "https://shop.example") == "http://127.0.0.1:3128"
    monkeypatch.setenv("HTTPS_PROXY", named)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert proxy_for("env", "https://shop.example") == "http://127.0.0.1:3128"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_setup_keeps_the_way_through_the_proxy(desk, authority):
    asked = Desk(desk.folder, None, None)
    with RawProxy() as proxy:
        answers = [("short name", ""), ("The address", desk.base_url), ("The API key", desk.key)]
        flags = ("--proxy", proxy.url, "--ca-bundle", authority.bundle)
        code, shown = converse(asked, ["setup", *flags], answers)
        assert code == 0, shown
        tunnels = len(proxy.heads)
        assert sent(asked) == {"applied": 2}
        assert len(proxy.heads) > tunnels
