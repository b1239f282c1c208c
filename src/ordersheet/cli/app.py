"""The command: parse, call, print, exit code."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from ordersheet.cli.arguments import AS_JSON, FILE, LOG_FORMAT, Context
from ordersheet.cli.console import Console, end_facts
from ordersheet.cli.window import hold_window
from ordersheet.config.settings import SandboxAddress, Settings, resolve
from ordersheet.console.log_line import JSON, CallLog
from ordersheet.core.errors import Interrupted, OrdersheetError, SourceError, UsageError
from ordersheet.core.result import summary_object
from ordersheet.core.summary import RunSummary

if TYPE_CHECKING:
    from collections.abc import Mapping


_USAGE_FAULT: Any = typer.BadParameter.__mro__[1]
"""What an unknown option, a missing argument and the like have in common; typer gives it no public name."""
Formatter: TypeAlias = Any
"""What help is written with; likewise."""
ORDER = (
    *("web", "demo", "setup", "doctor", "check", "send", "runs", "show"),
    *("resolve", "report", "template", "sandbox", "purge"),
    *("export", "undo", "jobs", "watch", "submit", "worker", "stop", "ledger backup", "ledger check"),
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

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 - as typer has it
        return sorted(
            self.commands.keys() - {FILE_ALONE}, key=[name.partition(" ")[0] for name in ORDER].index
        )

    def format_commands(self, ctx: Context, formatter: Formatter) -> None:
        """List the commands, each with its whole first sentence."""
        named = ((name, self.commands[name]) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, (one.help or "").partition("\n\n")[0]) for name, one in named])

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Find the command; a file where a command would stand is one to check, to ask about, and to send."""
        if args[0] not in self.commands and names_a_file(args[0]):
            ctx.meta[FILE_ALONE] = True
            return "send", self.commands[FILE_ALONE], args
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Context) -> object:
        try:
            return super().invoke(ctx)
        except OrdersheetError as error:
            raise typer.Exit(fail(error, ctx)) from error
        except KeyboardInterrupt:
            early = Interrupted("Interrupted.", signal=signal.SIGINT, nothing_sent=True)
            raise typer.Exit(fail(early, ctx)) from None
        except _USAGE_FAULT as error:
            if _log_format(ctx) != JSON:
                raise
            raise typer.Exit(fail(UsageError(error.format_message(), code="usage"), ctx)) from error
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


def find_sandbox() -> SandboxAddress | None:
    """Find the running sandbox, for the profile of that name."""
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


def fail(error: OrdersheetError, ctx: Context) -> int:
    """Say what went wrong, and give the exit code.

    Args:
        error: what went wrong.
        ctx: the call, with what it noted of itself.
    """
    command, file = ctx.invoked_subcommand or "", ctx.meta.get(FILE)
    log = CallLog(_log_format(ctx), file=str(file) if file is not None else None, run=None)
    # Whoever interrupts anything wonders, too.
    asks = command in ("send", "undo", "submit") or isinstance(error, Interrupted)
    summary = RunSummary(
        command=command,
        file=str(file) if file is not None else None,
        exit_code=error.exit_code,
        stopped_by=None if error.nothing_sent else error.stopped_by,
        error=str(error),
        problems=error.problems if isinstance(error, SourceError) else (),
        retry=error.retry,
    )
    if log.json:
        log.say("end", "", **{"code": error.code, "nothing_sent": error.nothing_sent, **end_facts(summary)})
    else:
        Console(json_mode=True).say(
            str(error), *(["Nothing was sent."] if error.nothing_sent and asks else [])
        )
    if ctx.meta.get(AS_JSON, False):
        typer.echo(json.dumps(summary_object(summary)))
    return error.exit_code


def _log_format(ctx: Context) -> str:
    """Tell how log lines look, as far as the call itself and the environment say."""
    known = ctx.meta.get(LOG_FORMAT)
    if known is not None:
        return str(known)
    args = [*getattr(ctx, "_protected_args", ()), *ctx.args]
    asked = f"--log-format={JSON}" in args or (
        "--log-format" in args[:-1] and args[args.index("--log-format") + 1] == JSON
    )
    return JSON if asked else os.environ.get("ORDERSHEET_LOG_FORMAT", "text")
