import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.api import clean_address, is_loopback, normal_base
from ordersheet.core.errors import SettingsError

PLAIN = "https://shop.example.com/api/order-api/1"


@pytest.mark.parametrize(
    ("given_as", "normal"),
    [
        (PLAIN, PLAIN),
        (PLAIN + "/", PLAIN),
        ("HTTPS://Shop.EXAMPLE.com:443//api//order-api/1//", PLAIN),
        ("http://shop.example.com:80", "http://shop.example.com"),
        ("http://shop.example.com:443/a", "http://shop.example.com:443/a"),
        ("https://shop.example.com:8443/API/", "https://shop.example.com:8443/API"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://shop.example.com/ä", "https://shop.example.com/%C3%A4"),
        ("https://shop.example.com/%C3%A4", "https://shop.example.com/%C3%A4"),
    ],
)
def test_one_normal_form(given_as, normal):
    assert normal_base(given_as) == normal
    assert normal_base(normal) == normal


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "shop.example.com/api",
        "ftp://shop.example.com",
        "https://",
        "https:///api",
        PLAIN + "?x=1",
        PLAIN + "?",
        PLAIN + "#top",
        PLAIN + "#",
        "https://me@shop.example.com/api",
        "https://me:secret@shop.example.com/api",
        "https://shop.example.com:99999",
        "https://shop.example.com:port",
        "https://shop example.com",
        " " + PLAIN,
        PLAIN + "\n",
        "https://shop.example.com\\@evil.example",
        "https://shop.example.com/a/../b",
        "https://[::1",
        "https://shop..example.com",
        "https://-.example.com:x",
        "https://shop\u202e.example.com",
    ],
)
def test_what_is_no_address_is_a_settings_error(wrong):
    with pytest.raises(SettingsError) as refused:
        normal_base(wrong)
    assert "secret" not in str(refused.value)


@given(st.text() | st.builds("https://{}".format, st.text()))
def test_every_text_is_an_address_or_a_settings_error(text):
    for understand in (normal_base, clean_address):
        try:
            found = understand(text)
        except SettingsError:
            continue
        assert found.isascii()
        assert normal_base(found) == found


@pytest.mark.parametrize(
    "pasted",
    [
        PLAIN,
        f"  {PLAIN}/orders \n",
        f'"{PLAIN}/orders/"',
        f"<{PLAIN}>",
        f"\u201c{PLAIN}/\u201d",
        f"PUT {PLAIN}/orders",
        f"`PUT {PLAIN}/orders`",
        f"{PLAIN}/orders?order=83651",
        f"{PLAIN}/Orders",
        PLAIN.removeprefix("https://"),
    ],
)
def test_an_address_as_people_paste_it(pasted):
    assert clean_address(pasted) == PLAIN


def test_a_computer_of_one_s_own_needs_no_https():
    assert clean_address("localhost:8080/orders") == "http://localhost:8080"
    assert clean_address("127.0.0.1:8080") == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://localhost:8080/x", True),
        ("http://LOCALHOST.", True),
        ("http://api.localhost", True),
        ("http://127.0.0.1", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]/", True),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_what_is_this_very_computer(url, own):
    assert is_loopback(url) is own
