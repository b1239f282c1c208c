"""The commands that get a person going: setup, doctor, template, sandbox and demo."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ordersheet.cli.app import app, examples, settings_of
from ordersheet.cli.arguments import checked, with_options
from ordersheet.cli.console import Console, after, columns
from ordersheet.config.options import types
from ordersheet.core.errors import UsageError
from ordersheet.sandbox.editors import edits_per_minute
from ordersheet.setup.checklist import CHECKLIST

_SEPARATORS = {"newline": "\n", "space": " ", "nothing": ""}


@app.command(epilog="Example: ordersheet demo")
def demo() -> None:
    """Send a sample workbook to a sandbox of its own and write a report; no settings needed."""
    from ordersheet.cli.demo import demo as run_demo
    from ordersheet.console.progress import sending_progress

    console = Console()
    with sending_progress(progress=True, log_format="text") as tell:
        result, designed = run_demo(console.say, tell)
    console.say(*after(result))
    if not designed:
        console.say("", "This is not how the demo is meant to end; please report it with the lines above.")
    raise typer.Exit(0 if designed else 1)


@app.command(
    epilog=examples(
        "ordersheet setup",
        "ordersheet setup --profile qa --base-url https://qa.example.com/api/order-api/1",
        "ordersheet setup --base-url https://shop.example.com/api/order-api/1 --api-key-file key.txt --yes",
    ),
    help="Ask for a profile, an address and a key; try one GET, say what the answer means, save the key."
    f"\n\n\b\n{CHECKLIST}",
)
@with_options("setup")
def setup(flags: dict[str, Any]) -> None:  # noqa: D103 - its help is more than a docstring can hold
    from ordersheet.cli.questions import set_up

    set_up(flags, Console())


@app.command(epilog="Example: ordersheet doctor --profile qa --json")
@with_options("doctor")
def doctor(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every setting, those that nobody has set included.")
    ] = False,
    flags: dict[str, Any],
) -> None:
    """Try one GET and say what it means; show settings, where each comes from, and where things lie."""
    from ordersheet.setup.doctor import diagnose

    settings = settings_of(flags)
    found = diagnose(settings)
    if settings.json:
        typer.echo(json.dumps(found.as_object(), ensure_ascii=False))
    else:
        console = Console()
        shown = found.settings if everything else found.set
        rest = len(found.settings) - len(shown)
        console.say(found.verdict, "", "Settings:")
        console.say(*columns((name, value or "-", f"({source})") for name, value, source in shown))
        if rest:
            console.say(f"  {rest} more as they are by default (--all shows them)")
        console.say("", "Places:")
        console.say(
            *columns((what, path, "" if there else "(not there)") for what, path, there in found.places)
        )
        console.say("", f"ordersheet {found.version}, Python {found.python}, {found.system}")
    raise typer.Exit(0 if found.well else 1)


@app.command(
    epilog=examples(
        "ordersheet template",
        "ordersheet template calls.xlsx --overwrite",
        "ordersheet template calls.xlsx --mapping mapping.toml --overwrite",
    )
)
def template(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new workbook.")] = Path("orders.xlsx"),
    *,
    mapping: Annotated[
        Optional[Path],  # noqa: UP045 - typer's older versions read only this
        typer.Option(metavar="FILE", help="A mapping file whose attributes become columns."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let it replace an existing file.")] = False,
) -> None:
    """Write an empty workbook with the right headers, validation lists and a help sheet."""
    from ordersheet.mapping import read_mapping_file
    from ordersheet.pipeline.extra_outputs import refuse_existing
    from ordersheet.reporter.template import write_template

    refuse_existing(file, overwrite=overwrite)
    attributes = read_mapping_file(mapping).attribute_headers if mapping is not None else ()
    write_template(file, attributes=attributes)
    Console().say(f"Fill in {file}, then: ordersheet check {file}")


@app.command(epilog="Example: ordersheet sandbox --latency 0.2 --fault close-after:20%")
def sandbox(  # noqa: PLR0913 - typer reads the options off the signature
    *,
    port: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="The port on 127.0.0.1; 0 for any free one.",
            parser=checked("--port", types.whole(0, 65535)),
        ),
    ] = 8765,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the orders in this file.")] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The API key that it accepts; made up where it is not given."),
    ] = None,
    latency: Annotated[
        float,
        typer.Option(
            metavar="S",
            help="Seconds that each request takes.",
            parser=checked("--latency", types.not_negative),
        ),
    ] = 0.0,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Requests a second; more get 429.",
            parser=checked("--rate", types.positive),
        ),
    ] = None,
    retry_after: Annotated[
        str,
        typer.Option(
            metavar="FORM", help="How 429 says when to come back: seconds, date, unix, milliseconds, iso."
        ),
    ] = "seconds",
    fault: Annotated[
        Optional[list[str]],  # noqa: UP045 - the same
        typer.Option(
            metavar="KIND[=X][:WHEN]",
            help="A misbehaviour, such as close-after:20% or 503-wait:3. Repeatable.",
        ),
    ] = None,
    faults: Annotated[bool, typer.Option("--faults", help="List the faults and exit.")] = False,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Another seed, another pattern of faults.",
            parser=checked("--seed", types.whole(0)),
        ),
    ] = 0,
    any_order: Annotated[bool, typer.Option("--any-order", help="Let every order ID exist.")] = False,
    separator: Annotated[
        str,
        typer.Option(
            metavar="WORD",
            help="What stands between a comment and a text added to it: newline, space, nothing.",
            parser=checked("--separator", types.choice(*_SEPARATORS)),
        ),
    ] = "newline",
    market: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The market whose orders it serves: se (83600 to 83689) or no (83690 to 83699).",
            parser=checked("--market", types.choice("se", "no")),
        ),
    ] = "se",
    no_get: Annotated[bool, typer.Option("--no-get", help="The key may not read orders (403).")] = False,
    show_attributes: Annotated[
        bool, typer.Option("--show-attributes", help="Show attributes when an order is read.")
    ] = False,
    edits: Annotated[
        float | None,
        typer.Option(
            metavar="N/min",
            help="People who change orders meanwhile, so often a minute.",
            parser=checked("--edits", edits_per_minute),
        ),
    ] = None,
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
        if error.filename is not None:
            raise UsageError(
                f"The sandbox cannot leave its note at {error.filename}: {error.strerror}.", code="unwritable"
            ) from error
        raise UsageError(
            f"The sandbox cannot listen on port {port}: {error.strerror}. Choose another with --port.",
            code="port-taken",
        ) from error
