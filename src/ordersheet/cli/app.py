"""The command: parse, call, print, exit code."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordersheet.cli.arguments import AS_JSON, FILE
from ordersheet.cli.console import Console
from ordersheet.cli.window import hold_window
from ordersheet.config.settings import Settings, resolve
from ordersheet.core.errors import Interrupted, OrdersheetError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping


ORDER = (
    *("demo", "setup", "doctor", "check", "send", "runs", "show"),
    *("resolve", "report", "template", "sandbox", "purge"),
    *("jobs", "watch", "ledger backup", "ledger check"),
)
"""Every command, those of a group with the group's name before them."""


FILE_ALONE = "file-alone"
"""The command that `ordersheet FILE` means; nobody types its name."""
_SPREADSHEETS = (".xlsx", ".xlsm", ".csv", ".tsv", ".txt", ".ods", ".xls")


def names_a_file(text: str) -> bool:
    """Tell whether a word is meant as a file: there is one of that name, or it ends like a spreadsheet."""
    return text.lower().endswith(_SPREADSHEETS) or Path(text).is_file()


class _Command(typer.core.TyperGroup):
    """The one place where what is raised on purpose becomes a message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - as typer has it
        return sorted(
            self.commands.keys() - {FILE_ALONE}, key=[name.partition(" ")[0] for name in ORDER].index
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as typer has it
        """Find the command; a file where a command would stand is one to check, to ask about, and to send."""
        if args[0] not in self.commands and names_a_file(args[0]):
            ctx.meta[FILE_ALONE] = True
            return "send", self.commands[FILE_ALONE], args
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as typer has it
        try:
            return super().invoke(ctx)
        except OrdersheetError as error:
            json_mode, file = ctx.meta.get(AS_JSON, False), ctx.meta.get(FILE)
            told = fail(error, ctx.invoked_subcommand or "", as_json=json_mode, file=file)
            raise typer.Exit(told) from error
        except KeyboardInterrupt:
            early = Interrupted("Interrupted.", signal=signal.SIGINT, nothing_sent=True)
            raise typer.Exit(fail(early, ctx.invoked_subcommand or "")) from None
        finally:
            if FILE_ALONE in ctx.meta:
                hold_window()


app = typer.Typer(
    name="ordersheet",
    cls=_Command,
    help="A spreadsheet of orders goes in, each row becomes one PUT /orders, "
    "and the same spreadsheet comes back with ok or no beside every row.",
    epilog="New here? Try: ordersheet demo. And ordersheet FILE, or a file dragged onto the program, checks "
    "it, asks, sends it and opens the report.",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def examples(*lines: str) -> str:
    """Give a help's examples, each on a line of its own."""
    return "\b\n" + "\n".join(
        ["Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)]
    )


def settings_of(flags: Mapping[str, Any]) -> Settings:
    """Resolve the settings of one call, with the running sandbox within reach."""
    from ordersheet.pipeline.staging import remove_left_over

    remove_left_over()
    return resolve(flags, find_sandbox=find_sandbox)


def find_sandbox() -> Any:  # noqa: ANN401 - the sandbox shares no types with the rest
    """Find the running sandbox, for the profile of that name."""
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


def fail(error: OrdersheetError, command: str, *, as_json: bool = False, file: Path | None = None) -> int:
    """Say what went wrong, and give the exit code."""
    Console(json_mode=True).say(str(error))
    # Whoever interrupts anything wonders, too.
    if error.nothing_sent and (command == "send" or isinstance(error, Interrupted)):
        Console(json_mode=True).say("Nothing was sent.")
    if as_json:
        from ordersheet.core.model import RunSummary
        from ordersheet.core.result import summary_object

        summary = RunSummary(
            command=command,
            file=str(file) if file is not None else None,
            exit_code=error.exit_code,
            stopped_by=None if error.nothing_sent else error.stopped_by,
            error=str(error),
            problems=error.problems if isinstance(error, SourceError) else (),
            retry=error.retry,
        )
        typer.echo(json.dumps(summary_object(summary), ensure_ascii=False))
    return error.exit_code
