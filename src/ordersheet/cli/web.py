"""web: the page for people without a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordersheet.cli.app import app, examples, find_sandbox
from ordersheet.cli.arguments import checked, with_options
from ordersheet.config.options import types
from ordersheet.console.unblocked import put

if TYPE_CHECKING:
    import subprocess

FOLDER = "web"
"""The private folder of the page, beside the ledger."""


@app.command(
    epilog=examples("ordersheet web", "ordersheet web --port 8800 --no-browser", "ordersheet web --shortcut")
)
@with_options("web")
def web(
    *,
    port: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="The port on 127.0.0.1; 0 for any free one.",
            parser=checked("--port", types.whole(0, 65535)),
        ),
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the page's address instead of opening it.")
    ] = False,
    shortcut: Annotated[
        bool,
        typer.Option("--shortcut", help="Put an icon that starts it where programs are started, and exit."),
    ] = False,
    flags: dict[str, Any],
) -> None:
    """Open a page on this computer that does all this without a terminal; Ctrl-C ends it."""
    if shortcut:
        from ordersheet.cli.shortcut import make_shortcut

        typer.echo(f"Made: {make_shortcut()}")
        return
    start(flags, port=port, browser=not no_browser)


def start(flags: dict[str, Any], *, port: int, browser: bool) -> None:
    """Serve the page, or open the one that runs."""
    from ordersheet.cli.app import settings_of
    from ordersheet.config.settings import default_ledger
    from ordersheet.core.errors import SettingsError
    from ordersheet.web.server import serve
    from ordersheet.web.site import SiteConfig

    try:
        ledger = settings_of({**flags, "profile": None}).ledger
    except SettingsError:
        # The page itself says what is wrong with the settings.
        ledger = Path(flags.get("ledger") or default_ledger())
    folder = (ledger.expanduser().absolute() if isinstance(ledger, Path) else ledger).parent / FOLDER
    config = SiteConfig(
        folder=folder, flags=flags, find_sandbox=find_sandbox, start_sandbox=start_sandbox, sample=sample()
    )
    serve(config, port=port, browser=browser, say=lambda line: put(sys.stdout, line + "\n"))


def sample() -> Path:
    """Give the workbook to practise with."""
    from ordersheet.cli.demo import SAMPLE, samples_folder

    return samples_folder() / SAMPLE


def start_sandbox() -> subprocess.Popen[bytes]:
    """Start a sandbox in a process of its own, which leaves its note where the profile `sandbox` looks."""
    import subprocess

    return subprocess.Popen(
        [sys.executable, "-m", "ordersheet", "sandbox", "--port", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ},
    )
