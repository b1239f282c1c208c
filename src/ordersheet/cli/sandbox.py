"""The sandbox: an Order API on this computer to practise on."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ordersheet.cli.app import app
from ordersheet.cli.arguments import checked
from ordersheet.cli.console import Console, columns
from ordersheet.config.options import types
from ordersheet.core.errors import UsageError
from ordersheet.sandbox.editors import edits_per_minute

if TYPE_CHECKING:
    from ordersheet.sandbox import server

_SEPARATORS = {"newline": "\n", "space": " ", "nothing": ""}

# The options, as typer reads them off the signature.
Port = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="The port on 127.0.0.1; 0 for any free one.",
        parser=checked("--port", types.whole(0, 65535)),
    ),
]
File = Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the orders in this file.")]
Key = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="The API key that it accepts; made up where it is not given."),
]
Latency = Annotated[
    float,
    typer.Option(
        metavar="S",
        help="Seconds that each request takes.",
        parser=checked("--latency", types.not_negative),
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        metavar="N",
        help="Requests a second; more get 429.",
        parser=checked("--rate", types.positive),
    ),
]
RetryAfter = Annotated[
    str,
    typer.Option(
        metavar="FORM", help="How 429 says when to come back: seconds, date, unix, milliseconds, iso."
    ),
]
Fault = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND[=X][:WHEN]",
        help="A misbehaviour, such as close-after:20% or 503-wait:3. Repeatable.",
    ),
]
Faults = Annotated[bool, typer.Option("--faults", help="List the faults and exit.")]
Seed = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Another seed, another pattern of faults.",
        parser=checked("--seed", types.whole(0)),
    ),
]
AnyOrder = Annotated[bool, typer.Option("--any-order", help="Let every order ID exist.")]
Separator = Annotated[
    str,
    typer.Option(
        metavar="WORD",
        help="What stands between a comment and a text added to it: newline, space, nothing.",
        parser=checked("--separator", types.choice(*_SEPARATORS)),
    ),
]
Market = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The market whose orders it serves: se (83600 to 83689) or no (83690 to 83699).",
        parser=checked("--market", types.choice("se", "no")),
    ),
]
NoGet = Annotated[bool, typer.Option("--no-get", help="The key may not read orders (403).")]
ShowAttributes = Annotated[
    bool, typer.Option("--show-attributes", help="Show attributes when an order is read.")
]
Edits = Annotated[
    float | None,
    typer.Option(
        metavar="N/min",
        help="People who change orders meanwhile, so often a minute.",
        parser=checked("--edits", edits_per_minute),
    ),
]


@app.command(epilog="Example: ordersheet sandbox --latency 0.2 --fault close-after:20%")
def sandbox(  # noqa: PLR0913 - typer reads the options off the signature
    *,
    port: Port = 8765,
    file: File = None,
    key: Key = None,
    latency: Latency = 0.0,
    rate: Rate = None,
    retry_after: RetryAfter = "seconds",
    fault: Fault = None,
    faults: Faults = False,
    seed: Seed = 0,
    any_order: AnyOrder = False,
    separator: Separator = "newline",
    market: Market = "se",
    no_get: NoGet = False,
    show_attributes: ShowAttributes = False,
    edits: Edits = None,
) -> None:
    """Run a practice Order API on this computer; --profile sandbox finds it with nothing set."""
    from ordersheet.sandbox import server
    from ordersheet.sandbox.app import SandboxConfig
    from ordersheet.sandbox.faults import KINDS, parse_fault
    from ordersheet.sandbox.rate_limit import FORMS
    from ordersheet.sandbox.store import Store

    console = Console()
    if faults:
        console.say(*columns((kind.name, kind.target.value, kind.help) for kind in KINDS.values()))
        raise typer.Exit
    if retry_after not in FORMS:
        raise UsageError(
            f"--retry-after must be one of {', '.join(FORMS)}, not {retry_after!r}.", code="bad-setting"
        )
    try:
        config = SandboxConfig(
            key=key or secrets.token_urlsafe(9),
            latency=latency,
            rate=rate,
            retry_after=retry_after,
            faults=tuple(parse_fault(text) for text in fault or ()),
            seed=seed,
            methods=frozenset({"PUT"}) if no_get else frozenset({"PUT", "GET"}),
            show_attributes=show_attributes,
            edits=edits,
        )
    except ValueError as error:
        raise UsageError(f"--fault {error} See ordersheet sandbox --faults.", code="bad-setting") from error

    def ready(running: server.Running) -> None:
        console.say(f"The sandbox runs at {running.base_url}", f"What it holds: {running.page_url}", "")
        console.say(*server.next_commands(running.base_url, running.key).splitlines(), "Ctrl-C ends it.")

    try:
        store = Store(file, on_demand=any_order, market=market.upper(), separator=_SEPARATORS[separator])
        server.serve(store, config, port=port, on_ready=ready)
    except OSError as error:
        raise _why_not(error, port) from error


def _why_not(error: OSError, port: int) -> UsageError:
    if error.filename is not None:
        return UsageError(
            f"The sandbox cannot leave its note at {error.filename}: {error.strerror}.", code="unwritable"
        )
    return UsageError(
        f"The sandbox cannot listen on port {port}: {error.strerror}. Choose another with --port.",
        code="port-taken",
    )
