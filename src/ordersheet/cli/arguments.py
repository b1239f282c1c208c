"""From the table of options to the command's parameters, so that neither is written twice."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

import typer

from ordersheet.config.options import OPTIONS, Option, of_command
from ordersheet.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_CONTEXT = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
AS_JSON = "ordersheet.json"
"""Where the context of a call says whether --json was given: errors are then told in JSON, too."""
FILE = "ordersheet.file"
"""Where it says which file the call is about, as that call names it."""
LOG_FORMAT = "ordersheet.log-format"
"""Where it says how log lines look."""


def parameters_of(command: str) -> list[inspect.Parameter]:
    """Give the parameters that typer turns into the command's options."""
    return [_parameter(option) for option in of_command(command)]


Context: TypeAlias = Any
"""typer's context of a call: its versions name the class differently, and none of them in public."""


def with_options(command: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a function the options of a command; they reach it as one dict, `flags`.

    The function's own parameters stand before them, as typer understands them; `context` is the call's own.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        declared = inspect.signature(function, eval_str=True).parameters
        own = [parameter for name, parameter in declared.items() if name not in ("flags", "context")]
        names = [option.name for option in of_command(command)]

        def call(context: typer.Context, **given: Any) -> None:
            context.meta[AS_JSON] = given.get("json", False)
            context.meta[FILE] = given.get("file")
            context.meta[LOG_FORMAT] = given.get("log_format")
            flags = {name: _meant(name, command, given.pop(name)) for name in names}
            if "context" in declared:
                given["context"] = context
            function(**given, flags=flags)

        parameters = [*own, *parameters_of(command), _CONTEXT]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        call.__name__ = function.__name__
        call.__doc__ = function.__doc__
        return call

    return decorate


class CommandWithBareOptions(typer.core.TyperCommand):
    """A command some of whose options may stand with or without a value."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Give each such option its value before typer would take what follows for it."""
        return super().parse_args(ctx, list(_with_values(args)))


def _with_values(args: Iterable[str]) -> Iterator[str]:
    options = {option.flag: option for option in OPTIONS if option.bare is not None}
    rest = iter(args)
    for arg in rest:
        option = options.get(arg)
        if arg == "--":
            yield arg
            yield from rest
        elif option is None:
            yield arg
        else:
            following = next(rest, None)
            if following in option.words:
                yield f"{arg}={following}"
            else:
                yield f"{arg}={option.bare}"
                if following is not None:
                    # It may be another such option.
                    yield from _with_values([following, *rest])


def checked(flag: str, parse: Callable[[object], T]) -> Callable[[str], T]:
    """Give what typer reads the value of an option outside the table with.

    Args:
        flag: the option as it is written, such as `--port`.
        parse: raises ValueError with the rest of a sentence that begins with the flag.
    """

    def read(value: str) -> T:
        try:
            return parse(value)
        except ValueError as error:
            raise UsageError(f"{flag} {error}, not {value!r}.", code="bad-setting") from None

    return read


def help_of(option: Option) -> str:
    """Give the help of one option, with its default and its environment name."""
    default = option.shown_default or (
        "" if option.default in (None, False, True, ()) else str(option.default)
    )
    notes = [f"default: {default}" if default else "", option.env or ""]
    shown = "; ".join(filter(None, notes))
    return f"{option.help} [{shown}]" if shown else option.help


def _parameter(option: Option) -> inspect.Parameter:
    declared: dict[str, Any] = {
        "help": help_of(option),
        "show_default": False,
        "rich_help_panel": option.group,
    }
    kind: Any
    if option.switch:
        kind = Annotated[
            bool, typer.Option(option.flag, *(("-v",) if option.name == "verbose" else ()), **declared)
        ]
        default: object = False
    elif option.repeatable:
        kind, default = (
            Annotated[list[str] | None, typer.Option(option.flag, metavar=option.metavar, **declared)],
            None,
        )
    else:
        kind, default = (
            Annotated[str | None, typer.Option(option.flag, metavar=option.metavar, **declared)],
            None,
        )
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _meant(name: str, command: str, value: object) -> object:
    """Turn what typer read into what was meant: a switch that is not there says nothing."""
    option = next(option for option in of_command(command) if option.name == name)
    if not option.switch:
        return value
    return (not option.negative) if value else None
