"""Make docs/commands.md from the command itself: `python -m tests.support.reference`."""

from __future__ import annotations

import textwrap
from pathlib import Path

from typer.testing import CliRunner

from ordersheet.cli import app
from ordersheet.cli.app import ORDER
from ordersheet.config.options import OPTIONS
from ordersheet.core.model import Outcome
from ordersheet.core.operation_state import FIRST_STATES, MOVES, OperationState
from ordersheet.delivery.stages import STAGES, Stage
from ordersheet.delivery.verdict.put import PUT_TABLE

DOCS = Path(__file__).parents[2] / "docs"

HEAD = """# The command

Every command, its options and its help, as the command itself prints them. This page is made by
`python -m tests.support.reference` and checked by a test.

    ordersheet demo                      try it: a sandbox, a sample workbook, a real run, a report
    ordersheet check FILE                show what would be sent
    ordersheet send FILE                 send it; run again to finish what is not finished
    ordersheet FILE                      check, ask, send, open the report: what dragging it there does
"""


def help_of(*words: str) -> str:
    """What `ordersheet WORDS --help` prints at 100 columns."""
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="ordersheet", terminal_width=100)
    assert result.exit_code == 0, result.output
    return "\n".join(line.rstrip() for line in result.output.strip("\n").splitlines())


def reference() -> str:
    """The whole page."""
    parts = [HEAD, *(f"\n## ordersheet {name}\n\n```text\n{help_of(*name.split())}\n```\n" for name in ORDER)]
    parts.append(
        "\n## Settings\n\nEach may stand in the environment or in `ordersheet.toml`, but for those marked —, "
    )
    parts.append(
        "which are about one call.\n*folder*: also in the `ordersheet.toml` of the working folder.\n\n"
    )
    parts.append("| setting | environment | folder | meaning |\n|---|---|---|---|\n")
    for option in OPTIONS:
        meaning = option.help.replace("|", "\\|")
        key = "—" if option.flag_only else f"`{option.key}`"
        env = f"`{option.env}`" if option.env else "—"
        flag = f"`{option.flag}` " if option.commands else ""
        parts.append(f"| {flag}{key} | {env} | {'yes' if option.local else ''} | {meaning} |\n")
    parts.append("| — | `ORDERSHEET_API_KEY` |  | The API key. Never an option on the command line. |\n")
    parts.append("\n## Outcomes\n\n")
    outcomes = ", ".join(f"`{outcome}`" for outcome in Outcome)
    parts.append(textwrap.fill(f"{outcomes}: see [contract.md](contract.md).", 140) + "\n")
    return "".join(parts)


def class_table() -> str:
    """The table of what an attempt can end in, from the very lines that decide it."""
    lines = ["| what was seen | class | meaning |", "|---|---|---|"]
    lines += [f"| {line.seen} | {line.kind} | {line.meaning} |" for line in PUT_TABLE]
    return "\n".join(lines)


def stage_table() -> str:
    """The ways of an order from stage to stage, from the very table that holds it to them."""
    lines = ["| from | to | when |", "|---|---|---|"]
    lines += [f"| {before} | {after} | {why} |" for (before, after), why in STAGES.items()]
    return "\n".join(lines)


def move_table() -> str:
    """The legal moves of an operation, from the very table that database, delivery and tests use."""
    lines = ["| from | to | when |", "|---|---|---|"]
    lines += [
        f"| (new) | {state} | {FIRST_TOLD[state]} |" for state in OperationState if state in FIRST_STATES
    ]
    lines += [f"| {old} | {new} | {when} |" for (old, new), when in MOVES.items()]
    return "\n".join(lines)


FIRST_TOLD = {
    OperationState.SENDING: "written ahead: it is about to leave",
    OperationState.THERE: "not sent, since the text stood in the order and this ledger had not written it",
}


def stage_diagram() -> str:
    """The ways of an order from stage to stage, as a drawing (mermaid)."""
    lines = ["```mermaid", "stateDiagram-v2"]
    named = {stage: stage.replace(" ", "_") for stage in Stage}
    lines += [f'    state "{stage}" as {name}' for stage, name in named.items() if name != stage]
    lines += [f"    [*] --> {named[Stage.NEW]}"]
    lines += [f"    {named[before]} --> {named[after]}" for before, after in STAGES]
    return "\n".join([*lines, f"    {named[Stage.FINISHED]} --> [*]", "```"])


def move_diagram() -> str:
    """The same as a drawing (mermaid)."""
    lines = ["```mermaid", "stateDiagram-v2"]
    named = {state: state.replace(" ", "_") for state in OperationState}
    lines += [f'    state "{state}" as {name}' for state, name in named.items() if name != state]
    lines += [f"    [*] --> {named[state]}" for state in OperationState if state in FIRST_STATES]
    lines += [
        f"    {named[old]} --> {named[new]}: {when.replace(':', ',')}" for (old, new), when in MOVES.items()
    ]
    left = {old for old, _ in MOVES}
    lines += [f"    {named[state]} --> [*]" for state in OperationState if state not in left]
    return "\n".join([*lines, "```"])


MADE = {
    "classes": ("delivery.md", class_table),
    "moves": ("delivery.md", move_table),
    "stages": ("delivery.md", stage_table),
    "diagram": ("development.md", move_diagram),
    "life": ("development.md", stage_diagram),
}
"""What stands between the marks of which page."""


def between(text: str, name: str, content: str) -> str:
    """Put content between two marks of a page."""
    head, rest = text.split(f"<!-- {name}", 1)
    mark, rest = rest.split("-->\n", 1)
    _, tail = rest.split(f"<!-- end of {name}", 1)
    return f"{head}<!-- {name}{mark}-->\n{content}\n<!-- end of {name}{tail}"


if __name__ == "__main__":
    (DOCS / "commands.md").write_text(reference(), encoding="utf-8")
    for mark, (name, make) in MADE.items():
        page = DOCS / name
        page.write_text(between(page.read_text(encoding="utf-8"), mark, make()), encoding="utf-8")
