"""What setup asks at a terminal, and what stands for the answers where there is none."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ordersheet.cli.console import says_yes
from ordersheet.config.api_key import key_from_file, save_key
from ordersheet.config.profiles import check_free, check_name, write_profile
from ordersheet.config.settings import resolve, user_file
from ordersheet.core.errors import UsageError
from ordersheet.core.secret import Secret
from ordersheet.setup.checklist import CHECKLIST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ordersheet.cli.console import Console
    from ordersheet.config.settings import Settings
    from ordersheet.setup.probe import Probe

T = TypeVar("T")
_NAME = "A short name for this store, such as qa or production"
_ADDRESS = "The address of its Order API, as the plugin's page shows it"
_KEY = "The API key (it stays unseen)"
_DEFAULT_NAME = "default"
# What the environment says of another store is not meant for the new one.
_OF_ANOTHER_STORE = {
    f"ORDERSHEET_{name}" for name in ("CONFIG", "PROFILE", "BASE_URL", "API_KEY", "API_KEY_FILE")
}


@dataclass(frozen=True, slots=True)
class Access:
    """A store, how it is reached, and the key for it."""

    name: str
    address: str
    key: Secret
    key_file: Path | None = None
    """Where the key stays, if a file was named; it is then not saved a second time."""


def set_up(flags: Mapping[str, Any], console: Console) -> None:
    """Find out name, address and key, try them, and save them.

    Args:
        flags: the command's options by name.
        console: where it speaks.

    Raises:
        UsageError: where nothing is to be saved, or an answer is missing.
    """
    path = Path(flags["config"] or os.environ.get("ORDERSHEET_CONFIG") or user_file())
    settings, kept = _way_there({**flags, "config": path if path.exists() else None})
    console.say(*CHECKLIST.splitlines(), "")
    if sys.stdin.isatty() and not flags["yes"]:
        access = _ask_until_it_works(flags, path, settings, console)
    else:
        access = _as_given(flags, path, settings)
        found = _try(access, settings, console)
        if not found.usable and not flags["yes"]:
            raise UsageError("Nothing was saved. To save it all the same, add --yes.", code="declined")
    if access.key_file is not None:
        kept["api-key-file"] = str(access.key_file.absolute())
    write_profile(path, access.name, access.address, kept)
    where = kept.get("api-key-file") or save_key(access.address, access.key)
    goes_first = resolve({"config": path, "profile": access.name}, environ={})
    if goes_first.api_key is None or goes_first.api_key.reveal() != access.key.reveal():
        source = goes_first.sources.get("api_key", "nowhere")
        console.say(f"But another key goes first, the one of {source}. Take it away there.")
    console.say(
        f"Saved: the profile {access.name} in {path}, the key in {where}. It goes to this address only.",
        f"Next: ordersheet check FILE --profile {access.name}",
    )


# ---- without questions ----


def _as_given(flags: Mapping[str, Any], path: Path, settings: Settings) -> Access:
    address = flags["base_url"] or os.environ.get("ORDERSHEET_BASE_URL")
    key_file = flags["api_key_file"] or os.environ.get("ORDERSHEET_API_KEY_FILE")
    key = os.environ.get("ORDERSHEET_API_KEY")
    if not address or not (key or key_file):
        raise UsageError(
            f"{'With --yes' if flags['yes'] else 'Where there is no terminal'} nothing is asked, and "
            f"{'no address' if not address else 'no key'} is given. Name the address with --base-url and the "
            "key's file with --api-key-file, or give them in ORDERSHEET_BASE_URL and "
            "ORDERSHEET_API_KEY_FILE or ORDERSHEET_API_KEY; --profile names the store.",
            code="no-terminal",
        )
    name = check_name(flags["profile"] or _DEFAULT_NAME)
    understood = _address(settings)(address)
    check_free(path, name, understood)
    if key_file:
        return _with_file(Access(name, understood, Secret("")), Path(key_file))
    return Access(name, understood, Secret(str(key)).checked("environment variable ORDERSHEET_API_KEY"))


def _with_file(access: Access, file: Path) -> Access:
    key = key_from_file(file, "--api-key-file", os.environ).checked(str(file))
    return replace(access, key=key, key_file=file)


# ---- with questions ----


def _ask_until_it_works(flags: Mapping[str, Any], path: Path, settings: Settings, console: Console) -> Access:
    """Ask, try, and ask anew with what was typed as the answer that Enter gives."""
    named, given = flags["profile"], flags["base_url"]
    address_of = _address(settings)
    name = check_name(named) if named else _answer(console, _NAME, check_name, _DEFAULT_NAME)
    address = address_of(given) if given else _answer(console, _ADDRESS, address_of)
    check_free(path, name, address)
    access = Access(name, address, Secret(""))
    access = (
        _with_file(access, Path(flags["api_key_file"]))
        if flags["api_key_file"]
        else _with_key(access, console)
    )
    while not _try(access, settings, console).usable:
        if _yes("Try with another address or key? Enter keeps what you typed. [Y/n] ", default=True):
            address = _answer(console, _ADDRESS, address_of, access.address)
            check_free(path, name, address)
            access = _with_key(replace(access, address=address), console)
        elif _yes("Save it all the same? [y/N] ", default=False):
            break
        else:
            raise UsageError("Nothing was saved.", code="declined")
    return access


def _with_key(access: Access, console: Console) -> Access:
    typed = access.key.reveal()
    key = _answer(
        console,
        _KEY,
        lambda text: Secret(text or typed).checked("what you typed"),
        "",
        shown="Enter keeps it" if typed else "",
        read=getpass.getpass,
    )
    return access if key.reveal() == typed else replace(access, key=key, key_file=None)


def _answer(
    console: Console,
    question: str,
    understand: Callable[[str], T],
    default: str = "",
    *,
    shown: str | None = None,
    read: Callable[[str], str] = input,
) -> T:
    """Ask until the answer can be used, three times at most."""
    hint = default if shown is None else shown
    for last in (False, False, True):
        text = _line(read, f"{question}{f' [{hint}]' if hint else ''}: ") or default
        try:
            return understand(text)
        except UsageError as error:
            if last:
                raise
            console.say(str(error))
    raise AssertionError("the last answer was used or refused")


def _yes(question: str, *, default: bool) -> bool:
    answer = _line(input, question)
    return says_yes(answer) if answer else default


def _line(read: Callable[[str], str], question: str) -> str:
    try:
        return read(question).strip()
    except EOFError:
        raise UsageError("Nothing was saved: no answer came.", code="no-answer") from None
    except UnicodeDecodeError:
        return "\N{REPLACEMENT CHARACTER}"  # what cannot be read is no name, no address and no key


# ---- both ----


def _try(access: Access, settings: Settings, console: Console) -> Probe:
    from ordersheet.setup.probe import probe

    console.say(f"Asking {access.address} ...")
    found = probe(access.address, access.key, settings)
    console.say(found.sentence)
    return found


def _way_there(flags: Mapping[str, Any]) -> tuple[Settings, dict[str, str | bool]]:
    """Give the settings to ask with, and those of them without which the new profile would not be reached."""
    of_the_new = ("profile", "base_url", "api_key_file", "yes")
    settings = resolve(
        {name: value for name, value in flags.items() if name not in of_the_new},
        environ={name: text for name, text in os.environ.items() if name not in _OF_ANOTHER_STORE},
    )
    kept: dict[str, str | bool] = {}
    for name in ("proxy", "ca_bundle", "allow_http"):
        if settings.sources.get(name, "").startswith(("--", "[profiles.")):
            value = getattr(settings, name)
            kept[name.replace("_", "-")] = str(value.absolute()) if isinstance(value, Path) else value
    return settings, kept


def _address(settings: Settings) -> Callable[[str], str]:
    """Give what understands an address, and refuses one to which the key would travel in the clear."""
    from ordersheet.api import clean_address, is_loopback

    def understand(text: str) -> str:
        address = clean_address(text)
        if address.startswith("http:") and not is_loopback(address) and not settings.allow_http:
            raise UsageError(
                f"{address} is plain http: the key could be read on its way. Use https.", code="plain-http"
            )
        return address

    return understand
