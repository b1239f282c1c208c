"""The command: parse, call, print, exit code."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordersheet.cli.console import Console
from ordersheet.config.settings import Settings, resolve
from ordersheet.core.errors import Interrupted, OrdersheetError, RunStopped, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


ORDER = (
    *("demo", "setup", "doctor", "check", "send", "runs", "show"),
    *("resolve", "report", "template", "sandbox", "purge"),
)


class _Command(typer.core.TyperGroup):
    """The one place where what is raised on purpose becomes a message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - as typer has it
        return sorted(self.commands, key=ORDER.index)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as typer has it
        try:
            return super().invoke(ctx)
        except OrdersheetError as error:
            raise typer.Exit(fail(error, ctx.invoked_subcommand or "")) from error
        except KeyboardInterrupt:
            Console(json_mode=True).say("Interrupted; nothing was sent.")
            raise typer.Exit(130) from None


app = typer.Typer(
    name="ordersheet",
    cls=_Command,
    help="A spreadsheet of orders goes in, each row becomes one PUT /orders, "
    "and the same spreadsheet comes back with ok or no beside every row.",
    epilog="New here? Try: ordersheet demo",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def settings_of(flags: Mapping[str, Any]) -> Settings:
    """Resolve the settings of one call, with the running sandbox within reach."""
    return resolve(flags, find_sandbox=_find_sandbox)


def _find_sandbox() -> Any:  # noqa: ANN401 - the sandbox shares no types with the rest
    from ordersheet.config.settings import SandboxAddress
    from ordersheet.sandbox.server import find_running

    running = find_running()
    return SandboxAddress(running.base_url, running.key) if running is not None else None


@app.callback(invoke_without_command=True)
def _version(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from ordersheet.core.version import version as installed

        typer.echo(f"ordersheet {installed()}")
        raise typer.Exit


def fail(error: OrdersheetError, command: str) -> int:
    """Say what went wrong, and give the exit code."""
    again = isinstance(error, RunStopped)
    code = 128 + error.signal if isinstance(error, Interrupted) else 3 if again else 2
    Console(json_mode=True).say(str(error))
    unsaid = "nothing was sent" not in str(error).lower()
    if command == "send" and isinstance(error, SourceError | UsageError) and unsaid:
        Console(json_mode=True).say("Nothing was sent.")
    if "--json" in sys.argv:
        from ordersheet.core.model import RunSummary
        from ordersheet.core.result import summary_object

        found = tuple(getattr(error, "problems", ()))
        summary = RunSummary(command=command, exit_code=code, error=str(error), problems=found, retry=again)
        typer.echo(json.dumps(summary_object(summary), ensure_ascii=False))
    return code
