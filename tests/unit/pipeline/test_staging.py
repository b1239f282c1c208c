"""What passes between the two passes comes out as it went in, order by order."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.fingerprint import Mark
from ordersheet.core.model import LeftOut, Operation, OperationKind, OrderUpdate, Outcome
from ordersheet.pipeline.staging import CalledOk, Staging

MARK = Mark("20261127-abcd", "0123456789")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)

values = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.booleans(), st.integers(), st.none())
operations = st.builds(
    Operation, st.sampled_from(["comment", "extraAttributes.a_b"]), st.sampled_from(OperationKind), values
)
asked = st.tuples(st.integers(1, 5), st.lists(operations, min_size=1, max_size=3).map(tuple))
rows = st.lists(st.one_of(asked, st.sampled_from([Outcome.INVALID, Outcome.NOT_SENT])), max_size=30)


@given(rows)
def test_all_rows_come_out_by_order_in_file_order(given_rows):
    with Staging() as staging:
        updates = []
        for number, row in enumerate(given_rows, start=2):
            if isinstance(row, Outcome):
                staging.add(LeftOut(number, row, "why", "1", on_purpose=row is Outcome.NOT_SENT))
            else:
                updates.append(OrderUpdate(number, *row))
                staging.add(updates[-1])
        staging.seal()
        works = list(staging.works())
        assert [update for work in works for update in work.updates if work.order == update.order] == sorted(
            updates, key=lambda update: (next(u.row for u in updates if u.order == update.order), update.row)
        )
        assert [work.order for work in works] == list(dict.fromkeys(update.order for update in updates))
        repeated = {work.order for work in works if len(work.updates) > 1}
        assert {work.order for work in staging.repeated_works()} == repeated
        left = list(staging.left_out_results())
        assert [result.row for result in left] == [
            n for n, row in enumerate(given_rows, 2) if isinstance(row, Outcome)
        ]
        assert all(result.left_out is (result.outcome is Outcome.NOT_SENT) for result in left)
        texts = list(staging.problem_texts())
        assert [row for row, _ in texts] == list(range(2, len(given_rows) + 2))
        assert (staging.updates, staging.left_out) == (len(updates), len(left))


def test_a_row_can_be_taken_out_again():
    with Staging() as staging:
        for row in (2, 3):
            staging.add(
                OrderUpdate(row, 7, (Operation("comment", OperationKind.APPEND, "x"),)),
                said=CalledOk(MARK, AT) if row == 3 else None,
            )
        staging.seal()
        assert staging.rows_called_ok() == {3}
        ((update, said),) = staging.called_ok()
        assert (update.row, said) == (3, CalledOk(MARK, AT))
        staging.leave_out(LeftOut(3, Outcome.ALREADY_APPLIED, "trusted", "7", time=AT))
        assert [update.row for work in staging.works() for update in work.updates] == [2]
        assert [result[:3] + result[4:5] for result in staging.left_out_results()] == [
            (3, "7", Outcome.ALREADY_APPLIED, AT)
        ]
        assert staging.rows_called_ok() == set()


def test_nothing_is_left_behind(tmp_path):
    with Staging(tmp_path) as staging:
        staging.add(OrderUpdate(2, 7, (Operation("comment", OperationKind.APPEND, "x"),)))
        staging.seal()
        assert list(staging.works())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path):
    for name in ("ordersheet-abc.staging", "ordersheet-notes.txt", "another.staging"):
        (tmp_path / name).write_text("text", encoding="utf-8")
    with Staging(tmp_path):
        pass
    assert sorted(file.name for file in tmp_path.iterdir()) == ["another.staging", "ordersheet-notes.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file keeps its name there")
def test_a_kill_leaves_no_texts(tmp_path):
    code = (
        "import os, pathlib, signal, sys\n"
        "from ordersheet.core.model import Operation, OperationKind, OrderUpdate\n"
        "from ordersheet.pipeline.staging import Staging\n"
        "staging = Staging(pathlib.Path(sys.argv[1]))\n"
        "staging.add(OrderUpdate(2, 7, (Operation('comment', OperationKind.APPEND, 'a secret'),)))\n"
        "staging.seal()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert list(tmp_path.iterdir()) == []
