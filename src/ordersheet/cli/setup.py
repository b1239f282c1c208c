"""The commands that get a person going: setup, doctor, template and demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ordersheet.cli.app import app, examples, find_sandbox, settings_of
from ordersheet.cli.arguments import with_options
from ordersheet.cli.console import Console, after, columns
from ordersheet.config.settings import job_tables
from ordersheet.core.errors import OrdersheetError
from ordersheet.setup.checklist import CHECKLIST

if TYPE_CHECKING:
    from ordersheet.config.settings import Settings


@app.command(epilog="Example: ordersheet demo")
def demo() -> None:
    """Send a sample workbook to a sandbox of its own and write a report; no settings needed."""
    from ordersheet.cli.demo import demo as run_demo
    from ordersheet.console.log_line import CallLog
    from ordersheet.console.progress import sending_progress

    console = Console()
    with sending_progress(progress=True, log=CallLog("text")) as tell:
        result, designed = run_demo(console.say, tell)
    console.say(*after(result))
    if not designed:
        console.say("", "This is not how the demo is meant to end; please report it with the lines above.")
    raise typer.Exit(0 if designed else 1)


@app.command(
    epilog=examples(
        "ordersheet setup",
        "ordersheet setup --profile qa --proxy env",
        "ordersheet setup --base-url https://shop.example.com/api/order-api/1 --yes",
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
    jobs = _tried_jobs(settings, flags)
    code = 0 if found.well and not any(jobs.values()) else 1
    if settings.json:
        tried = [{"name": name, "faults": faults} for name, faults in jobs.items()]
        typer.echo(json.dumps({**found.as_object(), "jobs": tried, "exit_code": code}))
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
        if jobs:
            console.say("", "Jobs:")
        for name, faults in jobs.items():
            console.say(*(f"  {name}: {sentence}" for sentence in faults or ["fine"]))
        console.say("", f"ordersheet {found.version}, Python {found.python}, {found.system}")
    raise typer.Exit(code)


def _tried_jobs(settings: Settings, flags: dict[str, Any]) -> dict[str, list[str]]:
    """Try the jobs of the person's own settings file, where there are any."""
    if not job_tables(settings.config)[0]:
        return {}
    from ordersheet.jobs.places import overlaps
    from ordersheet.jobs.setup import TrialCall, job_faults, jobs_of

    try:
        jobs = jobs_of(settings)
    except OrdersheetError as error:
        return {"settings": str(error).splitlines()}
    found = job_faults(TrialCall(flags, find_sandbox), jobs)
    common = overlaps(jobs)
    return {**found, **({"together": common} if common else {})}


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
