"""Yesterday's file, another shop behind the address, an edited report: settled before a byte leaves."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.scripted_api import Api, comments, options, serving

import ordersheet
from ordersheet.config.settings import resolve
from ordersheet.core.errors import RunStopped, UsageError
from ordersheet.core.fingerprint import Mark, fingerprint, mark_of, marked
from ordersheet.core.model import Operation, OperationKind, OrderUpdate
from ordersheet.core.result import RunResult
from ordersheet.ledger import Ledger
from ordersheet.loader import open_table
from ordersheet.pipeline.check import check
from ordersheet.pipeline.send import send

if TYPE_CHECKING:
    from pathlib import Path


def refused(file: Path, code: str, **given: Any) -> str:
    with pytest.raises(UsageError) as caught:
        ordersheet.send(file, **given)
    assert caught.value.code == code
    return str(caught.value)


# ---- the same bytes under another batch


def test_yesterday_s_bytes_in_a_new_batch_are_refused(tmp_path: Path, api: Api, base: str) -> None:
    file = comments(tmp_path, "1,a")
    first = ordersheet.send(file, **options(base, tmp_path), batch="monday")
    message = refused(file, "same-file", **options(base, tmp_path), batch="tuesday")
    assert f"batch monday (run {first.run}" in message
    assert "not finished" not in message
    assert len(api.puts) == 1
    # In its own batch, and in none, nothing is sent twice: both may run again.
    agains: list[dict[str, Any]] = [{"batch": "monday"}, {}]
    for again in agains:
        assert ordersheet.send(file, **options(base, tmp_path), **again).outcomes == {"already applied": 1}
    meant = ordersheet.send(file, **options(base, tmp_path), batch="tuesday", same_file=True)
    assert meant.outcomes == {"applied": 1}
    # From now on the second batch has these bytes, too.
    assert ordersheet.send(file, **options(base, tmp_path), batch="tuesday").outcomes == {
        "already applied": 1
    }


def test_other_bytes_another_store_and_runs_that_sent_nothing_say_nothing(
    tmp_path: Path, api: Api, base: str
) -> None:
    file = comments(tmp_path, "1,a")
    api.on_put = lambda _payload: (401, {})
    with pytest.raises(RunStopped):
        ordersheet.send(file, **options(base, tmp_path), batch="monday")
    api.on_put = lambda _payload: None
    assert ordersheet.send(file, **options(base, tmp_path), batch="tuesday").ok == 1
    other = Api()
    with serving(other) as other_base:
        assert ordersheet.send(file, **options(other_base, tmp_path), batch="wednesday").ok == 1
    changed = comments(tmp_path, "1,a", "2,b")
    assert ordersheet.send(changed, **options(base, tmp_path), batch="wednesday").ok == 2


def test_an_empty_export_repeats_its_bytes_every_night(tmp_path: Path, api: Api, base: str) -> None:
    file = comments(tmp_path)
    for night in ("monday", "tuesday"):
        sent = ordersheet.send(file, **options(base, tmp_path), batch=night, allow_empty=True)
        assert sent.exit_code == 0
    assert not api.puts


def test_an_unfinished_run_is_named_by_its_batch(tmp_path: Path, api: Api, base: str) -> None:
    file = comments(tmp_path, "1,a", "2,b")
    api.on_put = lambda payload: (401, {}) if payload["order"] == 2 else None
    with pytest.raises(RunStopped):
        ordersheet.send(file, **options(base, tmp_path), batch="monday", concurrency=1)
    assert "goes on under its own batch, monday." in refused(
        file, "same-file", **options(base, tmp_path), batch="tuesday"
    )


# ---- another shop behind the same address


def test_a_new_key_at_a_known_store_is_asked_about_once(tmp_path: Path, api: Api, base: str) -> None:
    file, more = comments(tmp_path, "1,a"), comments(tmp_path, "1,a", "2,b", name="more.csv")
    known, new = options(base, tmp_path), options(base, tmp_path, api_key="another-key")
    ordersheet.send(file, **known)
    message = refused(file, "new-key", **new)
    assert "another-key" not in message
    assert "same_store=True" in message
    checked = check(file, resolve(new))
    assert (checked.preview.to_send, checked.preview.done) == (1, {})
    assert "may be another shop" in checked.preview.warnings[0]
    assert check(file, resolve(known)).preview.warnings == []
    asked: list[str] = []

    def answer(*, yes: bool) -> Any:
        def hear(question: str) -> bool:
            asked.append(question)
            return yes

        return hear

    with pytest.raises(UsageError) as declined:
        send(file, resolve(new), confirm=answer(yes=False))
    assert declined.value.code == "declined"
    assert len(api.puts) == 1
    assert send(more, resolve(new), confirm=answer(yes=True)).outcomes == {"already applied": 1, "applied": 1}
    assert len(asked) == 2
    # Both keys are the shop's from now on.
    assert ordersheet.send(more, **new).outcomes == {"already applied": 2}
    assert ordersheet.send(more, **known).outcomes == {"already applied": 2}
    third = options(base, tmp_path, api_key="a-third-key")
    refused(more, "new-key", **third)
    assert ordersheet.send(more, **third, same_store=True).outcomes == {"already applied": 2}
    assert ordersheet.send(more, **third).outcomes == {"already applied": 2}
    assert not any(
        b"a-third-key" in file.read_bytes() for file in tmp_path.glob("ledger.db*") if file.is_file()
    )


def test_a_key_that_was_refused_is_not_the_shop_s(tmp_path: Path, api: Api, base: str) -> None:
    """Somebody mistypes the key on the first day: the right one needs no question."""
    file = comments(tmp_path, "1,a")
    api.on_put = lambda _payload: (401, {})
    with pytest.raises(RunStopped) as stopped:
        ordersheet.send(file, **options(base, tmp_path, api_key="mistyped"))
    result = stopped.value.result
    assert isinstance(result, RunResult)
    assert (result.exit_code, result.summary.stopped_by, result.summary.retry) == (3, "key-refused", False)
    api.on_put = lambda _payload: None
    assert ordersheet.send(file, **options(base, tmp_path)).ok == 1


def test_a_store_named_in_the_profile_is_one_shop_whatever_the_key(
    tmp_path: Path, api: Api, base: str
) -> None:
    file = comments(tmp_path, "1,a")
    ordersheet.send(file, **options(base, tmp_path), store="main shop")
    other = options(base, tmp_path, api_key="another-key")
    assert ordersheet.send(file, **other, store="main shop").outcomes == {"already applied": 1}


def test_a_store_known_before_fingerprints_learns_the_first(tmp_path: Path, api: Api, base: str) -> None:
    import sqlite3

    file = comments(tmp_path, "1,a")
    ordersheet.send(file, **options(base, tmp_path))
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        ledger.execute("UPDATE run SET key_print = NULL")
    ledger.close()
    assert ordersheet.send(comments(tmp_path, "2,b"), **options(base, tmp_path, api_key="new")).ok == 1
    refused(file, "new-key", **options(base, tmp_path))


# ---- a report that comes back edited

TEXTS = st.text("ab\n é", min_size=1).filter(str.strip)
UPDATES = st.builds(
    lambda order, texts: OrderUpdate(
        2, order, tuple(Operation(field, kind, text) for field, (kind, text) in texts.items())
    ),
    st.integers(1, 3),
    st.dictionaries(
        st.sampled_from(["comment", "internalComment"]),
        st.tuples(st.sampled_from([OperationKind.APPEND, OperationKind.REPLACE]), TEXTS),
        min_size=1,
    ),
)


@given(UPDATES, UPDATES)
def test_a_fingerprint_tells_rows_apart_by_what_they_do(one: OrderUpdate, other: OrderUpdate) -> None:
    def does(update: OrderUpdate) -> Any:
        return update.order, {
            (field, kind, " ".join(value.split()) if kind is OperationKind.APPEND else value)
            for field, kind, value in update.operations
        }

    assert (fingerprint(one) == fingerprint(other)) is (does(one) == does(other))


@given(UPDATES, st.text())
def test_a_mark_is_found_at_the_end_of_any_message(update: OrderUpdate, message: str) -> None:
    assert mark_of(marked(message, "20261127-h3kd", update)) == Mark("20261127-h3kd", fingerprint(update))


def edit(report: Path, target: Path, change: Any) -> Path:
    """Write a report as somebody changed it: `change` gets each data row by its number and its cells."""
    with report.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    for number, cells in enumerate(rows, start=2):
        change(number, cells)
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return target


def test_only_rows_that_nobody_changed_are_left_as_the_report_has_them(
    tmp_path: Path, api: Api, base: str
) -> None:
    first = ordersheet.send(comments(tmp_path, "1,a", "2,b", "3,c", "4,d"), **options(base, tmp_path))
    assert first.report is not None

    def change(number: int, cells: list[str]) -> None:
        if number == 3:
            cells[1] = "another text"
        elif number == 4:
            cells[0] = "30"

    edited = edit(first.report, tmp_path / "edited.csv", change)
    elsewhere = options(base, tmp_path, ledger=tmp_path / "elsewhere.db", report=tmp_path / "second.csv")
    refused(edited, "unknown-report", **elsewhere)
    second = ordersheet.send(edited, **elsewhere, trust_report=True)
    assert [row.outcome.value for row in second.rows] == [
        "already applied", "applied", "applied", "already applied",
    ]  # fmt: skip
    assert {payload["order"] for payload in api.applied[4:]} == {2, 30}
    assert "2 rows that the report calls ok, changed since it was written (rows 3, 4)" in str(
        second.summary.error
    )
    # A trusted row keeps its first time and run, also on its way through a third computer.
    third = ordersheet.send(
        tmp_path / "second.csv",
        **options(base, tmp_path, ledger=tmp_path / "third.db", report=tmp_path / "third.csv"),
        trust_report=True,
    )
    assert len(api.applied) == 6
    for result in (second, third):
        assert result.rows[0].time is not None
        assert first.rows[0].time is not None
        assert result.rows[0].time == first.rows[0].time.replace(microsecond=0)
        assert f"run {first.run} " in result.rows[0].message
        assert mark_of(result.rows[0].message) == mark_of(first.rows[0].message)


def test_rows_without_a_fingerprint_are_trusted_only_where_all_are(
    tmp_path: Path, api: Api, base: str
) -> None:
    first = ordersheet.send(comments(tmp_path, "1,a", "2,b"), **options(base, tmp_path))
    assert first.report is not None

    def as_first_version(_number: int, cells: list[str]) -> None:
        cells[-2] = cells[-2].split(" [")[0]

    old = edit(first.report, tmp_path / "old.csv", as_first_version)
    elsewhere = options(base, tmp_path, ledger=tmp_path / "elsewhere.db", report=tmp_path / "second.csv")
    assert "2 rows ok" in refused(old, "unmarked-report", **elsewhere, trust_report=True)
    result = ordersheet.send(old, **elsewhere, trust_report="all")
    assert result.outcomes == {"already applied": 2}
    assert len(api.applied) == 2


def test_a_report_written_again_has_the_same_marks(tmp_path: Path, api: Api, base: str) -> None:
    from ordersheet.pipeline.rereport import rewrite_report

    first = ordersheet.send(comments(tmp_path, "1,a", "1,a", "x,b"), **options(base, tmp_path))
    assert first.report is not None
    with Ledger.open(tmp_path / "ledger.db", read_only=True) as ledger:
        again = rewrite_report(ledger, "last", target=tmp_path / "again.csv", overwrite=False)
    assert again.path.read_bytes() == first.report.read_bytes()
    marks = [mark_of(row.message) for row in first.rows]
    assert marks[0] == marks[1] is not None
    assert marks[2] is None


# ---- a report is read as its input was


def test_a_report_is_read_in_the_encoding_of_its_input(tmp_path: Path, api: Api, base: str) -> None:
    """The letters alone speak for another code page than the one that somebody had to decide on."""
    text = "Order ID,internalComment\n" + "".join(f"{order},M\u0159{order}\n" for order in range(1, 9))
    file = tmp_path / "orders.csv"
    file.write_bytes(text.encode("cp1250"))
    given = options(base, tmp_path, report=tmp_path / "reports")
    (tmp_path / "reports").mkdir()
    first = ordersheet.send(file, **given, encoding="cp1250")
    assert api.order(1)["internalComment"] == "M\u01591"
    assert first.report is not None
    moved = first.report.rename(tmp_path / first.report.name)
    guessed = open_table(moved, is_id_header=lambda text: text == "Order ID").facts
    assert (guessed.encoding, guessed.encoding_from) == ("cp1252", "letters")
    again = ordersheet.send(moved, **given)
    assert again.outcomes == {"already applied": 8}
    assert len(api.applied) == 8
    # What somebody decides by hand counts more.
    with pytest.raises(UsageError, match="calls 8 rows ok"):
        ordersheet.send(moved, **given, encoding="cp1252")
    # A computer that knows nothing of it does not find it in the ledger.
    assert Ledger.open(tmp_path / "ledger.db", read_only=True).encoding_of_report(file) is None


# ---- what stands there already


@pytest.mark.parametrize("purged", [False, True])
def test_already_there_never_denies_what_this_ledger_wrote(
    tmp_path: Path, api: Api, base: str, *, purged: bool
) -> None:
    """Two texts of its own stand as one, and one stands within another."""
    given = options(base, tmp_path)
    ordersheet.send(comments(tmp_path, "1,Called", "1,no answer", '2,"Called\nno answer"'), **given)
    if purged:
        with Ledger.open(tmp_path / "ledger.db") as ledger:
            assert ledger.purge_all().texts
    result = ordersheet.send(comments(tmp_path, '1,"Called\nno answer"', "2,no answer"), **given)
    there = [row.message for row in result.rows if row.outcome.value == "already there"]
    # Whoever reads the order would see the lines twice: so they are added once more only if somebody says so.
    assert [row.outcome.value for row in result.rows] == ["already there"] * 2
    assert not any("did not write" in message or "never" in message for message in there)
    assert all("no run of this ledger added just this text" in message for message in there)
