"""What an option is, and how each surface names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ordersheet.config.options import types

if TYPE_CHECKING:
    from collections.abc import Callable

CHECK, SEND, UNDO = "check", "send", "undo"
SUBMIT = "submit"
"""Takes whatever send takes, and more."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as every surface shows it."""

    name: str
    """The Python keyword, such as `base_url`; the flag and the settings key follow from it."""
    help: str
    """One sentence, with the unit where there is one."""
    parse: Callable[[Any], Any] = types.text
    """Turns a text, or a TOML value, into the setting; raises ValueError with half a sentence."""
    default: Any = None
    shown_default: str = ""
    """The default in words, where `default` itself would not tell."""
    metavar: str = "TEXT"
    commands: tuple[str, ...] = (CHECK, SEND)
    switch: bool = False
    """On or off, without a value."""
    negative: bool = False
    """A switch that turns something off: its flag is `--no-` and the name."""
    repeatable: bool = False
    bare: str | None = None
    """What the flag says where it stands without a value."""
    words: tuple[str, ...] = ()
    """The values that a flag which may stand alone takes; anything else after it is not its value."""
    group: str = "Reading the file"
    local: bool = False
    """May stand in the `ordersheet.toml` of the working folder: how sheets are read, mapped, reported."""
    flag_only: bool = False
    """Only on the command line, since it is about one call."""

    @property
    def flag(self) -> str:
        """The flag on the command line, such as `--base-url`."""
        return "--" + ("no-" if self.negative else "") + self.name.replace("_", "-")

    @property
    def key(self) -> str:
        """The key in `ordersheet.toml`, such as `base-url`."""
        return self.name.replace("_", "-")

    @property
    def env(self) -> str | None:
        """The environment variable, such as `ORDERSHEET_BASE_URL`; None for options about one call."""
        return None if self.flag_only else "ORDERSHEET_" + self.name.upper()
