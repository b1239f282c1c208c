"""The tables of docs/performance.md, written from the figures in docs/performance.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def throughput(found: dict[str, Any]) -> str:
    """Write a table for each scenario."""
    parts = []
    for name, scenario in found["scenarios"].items():
        rows = []
        for one in scenario["contestants"]:
            spread = f"{one['slowest']:,.0f} to {one['fastest']:,.0f}"
            cpu = one["cpu_seconds"]
            per_row = "" if cpu is None else f"{cpu / one['rows'] * 1e3:.2f}"
            kept = "yes" if one["ledger"] else "no"
            speed = f"**{one['rows_per_second']:,.0f}**"
            rows.append([one["name"], str(one["lanes"]), f"{one['rows']:,}", speed, spread, per_row, kept])
        header = ["", "lanes", "rows", "rows/s", "slowest to fastest round", "ms of CPU a row", "ledger"]
        server = (
            f"the server answers a load generator {scenario['server_requests_per_second']:,.0f} requests/s"
        )
        rounds = scenario.get("rounds", found["rounds"])
        parts.append(f"**{name}** ({rounds} rounds; {server}):\n\n{table(header, rows)}")
    return "\n\n".join(parts)


def pace(found: dict[str, Any]) -> str:
    """Write the table of hidden limits."""
    rows = [
        [
            one["limit"],
            str(one["lanes"]),
            f"{one['first_minute_share']:.1%}",
            str(one["first_minute_429"]),
            f"{one['later_share']:.1%}",
            f"{one['later_429_per_1000']:.1f}",
        ]
        for one in found["cases"]
    ]
    header = ["hidden limit", "lanes", "first minute: used", "answers of 429", "later: used", "429 per 1,000"]
    return f"{table(header, rows)}\n\n{_outages(found['outages'])}"


def _outages(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            one["answers"],
            f"{one['seconds']:.0f}",
            *(f"{one[name]}" for name in _OUTAGE),
            f"{one['seconds_until_90_percent']:.1f}",
        ]
        for one in found
    ]
    return table(["answered meanwhile", "for, s", *_OUTAGE.values(), "s until 90 % of the old rate"], rows)


_OUTAGE = {
    "rate_before": "rate before",
    "good_second": "requests in the last good second",
    "first_second": "in the first bad one",
    "most_a_second": "a second later, at most",
    "in_all": "in all",
}


def ledger_share(found: dict[str, Any]) -> str:
    """Write the table of what commits cost."""
    rows = [
        [case, f"{one['rows_per_second']:,.0f}", f"{one['share']:.2f}"]
        for case, one in found["cases"].items()
    ]
    return table(["commits", "rows/s", "share"], rows)


_AROUND = {
    "csv_first_request": "CSV: from the start to the first request, the whole file checked",
    "xlsx_first_request": ".xlsx: the same",
    "csv_run": "CSV: the whole run",
    "csv_again": "CSV sent again when all of it is done (no request)",
    "xlsx_again": ".xlsx sent again when all of it is done (no request)",
    "csv_report": "CSV: `ordersheet report`",
    "xlsx_report": ".xlsx: `ordersheet report`",
}


_GROWN = {
    "check_peak_megabytes": "check: MB at the peak",
    "check_cpu_microseconds_per_row": "microseconds of CPU a row",
    "peak_megabytes": "send: MB at the peak",
    "cpu_microseconds_per_row": "microseconds of CPU a row",
}


def scale(found: dict[str, Any]) -> str:
    """Write the tables of what grows with the file."""
    around = found["around_a_run"]
    rows = []
    for name, words in _AROUND.items():
        one = around[name]
        rows.append(
            [words, _number(one["seconds"]), _number(one["cpu"]), _number(one.get("peak_megabytes"), 0)]
        )
    text = table([f"{around['rows']:,} rows", "seconds", "seconds of CPU", "MB at the peak"], rows)
    if "growth" in found:
        grown = [
            [f"{one['rows']:,}", *(_number(one.get(name), 0) for name in _GROWN)] for one in found["growth"]
        ]
        text += "\n\n" + table(["rows of CSV", *_GROWN.values()], grown)
    return text


def limited(found: dict[str, Any]) -> str:
    """Write the table of a large workbook at a shop that lets few requests in."""
    rows = []
    for name, run in zip(("first send", "second send"), found["runs"], strict=True):
        requests = run["requests"]
        asked = requests["put"] + requests["get"]
        rows.append(
            [
                name,
                f"{run['first_row_seconds']:.1f}",
                "" if run["cpu_share"] is None else f"{run['cpu_share']:.1%}",
                f"{run['rate_used']:.0%}",
                f"{1000 * requests['pushed_back'] / asked:.1f}",
                f"{run['answer_seconds']:.2f}",
                f"{run['report_seconds']:.1f}",
                f"{run['outcomes'].get('already applied', 0):,}",
                f"{run['outcomes']['applied']:,}",
            ]
        )
    header = [
        "",
        "first row after, s",
        "of a processor, sending",
        "of the rate used",
        "429 per 1,000",
        "Ctrl-C answered after, s",
        "report there after, s",
        "already applied",
        "applied",
    ]
    return table(header, rows)


def few_requests(found: dict[str, Any]) -> str:
    """Write the table of requests a row, and what previews and exports take."""
    rows = [
        [
            one["name"],
            f"{one['rows']:,}",
            f"**{one['requests_a_row']:.2f}**",
            f"{one['requests']['pushed_back']}",
            f"{one['seconds']:.0f}",
        ]
        for one in found["runs"]
    ]
    sent = table(["the file names", "rows", "requests a row", "answers of 429 beside", "seconds"], rows)
    preview, export = found["preview"], found["export"]
    peak = _number(export["peak_megabytes"], 0)
    return (
        f"{sent}\n\nA preview of {preview['rows']:,} orders took {preview['requests']} requests; an export "
        f"of {export['orders']:,} orders {peak} MB at its peak and {export['seconds']:.0f} s."
    )


def page(found: dict[str, Any]) -> str:
    """Write the table of what large sheets take in the page, and what a live page does."""
    rows = [
        [
            name,
            f"{one['first_rows']:.1f} s",
            f"{one['counted']:.0f} s",
            f"{one['slowest_page']:.2f} s",
            f"{one['slowest_page_meanwhile']:.2f} s",
            f"{one['largest_page'] / 1000:.0f} kB",
            f"{one['memory']:.0f} MB",
        ]
        for name, one in found["files"].items()
    ]
    header = ["", "first rows", "all counted", "a page of rows", "the same while it reads"]
    live = found["live"]
    return (
        f"{table([*header, 'largest page', 'memory'], rows)}\n\nA run that waits for its shop takes "
        f"{live['alone']:.1%} of a core, and {live['watched']:.1%} with its live page open."
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def write(found: dict[str, Any], target: Path) -> None:
    """Put every table where its marks stand in the page."""
    text = target.read_text(encoding="utf-8")
    for name, make in (
        ("throughput", throughput),
        ("pace", pace),
        ("few_requests", few_requests),
        ("ledger_share", ledger_share),
        ("scale", scale),
        ("limited", limited),
        ("page", page),
    ):
        begin, end = f"<!-- {name} -->", "<!-- end -->"
        before, _, after = text.partition(begin)
        text = f"{before}{begin}\n\n{make(found[name])}\n\n{end}{after.partition(end)[2]}"
    target.write_text(text, encoding="utf-8")
