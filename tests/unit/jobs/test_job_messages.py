"""What a person reads at seven in the morning."""

from __future__ import annotations

import pytest

from ordersheet.jobs.definition import JobDefinition
from ordersheet.jobs.messages import of_file

JOB = JobDefinition(name="nightly", source="sftp://orders@files.example.com/in")
RUN = {
    "run": "20261128-2b8m",
    "host": "shop.example.com",
    "status": {"ok": 1204, "no": 3},
    "left_out": 1,
    "outcomes": {"applied": 1204, "refused": 2, "nothing to update": 1},
    "problems": ["row 7, order 83651: refused"],
    "exit_code": 1,
    "report": "sftp://orders@files.example.com/in/done/calls-20261128-2b8m.xlsx",
    "lies": "sftp://orders@files.example.com/in/done/calls.xlsx",
}
WELL = {**RUN, "status": {"ok": 5}, "left_out": 0}

PARTIAL = """\
Job nightly, file calls.xlsx from sftp://orders@files.example.com/in.

Result: 1,204 ok, 2 no, 1 left out. Run 20261128-2b8m.
  1,204 applied, 2 refused, 1 nothing to update

The first rows with problems:
  row 7, order 83651: refused

Look at the rows marked no in the sheet: each says what to do.

The sheet with the results: sftp://orders@files.example.com/in/done/calls-20261128-2b8m.xlsx
The file as it came: sftp://orders@files.example.com/in/done/calls.xlsx"""


def test_a_file_of_which_some_rows_are_no():
    message = of_file(JOB, "calls.xlsx", "sent", RUN, repeated=False)
    assert message.kind == "partial"
    assert message.subject == "calls.xlsx - shop.example.com: 1,204 ok, 2 no, 1 left out"
    assert message.body == PARTIAL


@pytest.mark.parametrize(
    ("state", "facts", "kind", "result", "said"),
    [
        ("sent", {**WELL, "exit_code": 0}, "done", "5 ok", "Result: 5 ok."),
        ("failed", {**WELL, "given_up": True}, "failed", "given up, 5 ok", "It was not sent to its end."),
        ("failed", {"error": "No such sheet."}, "failed", "not sent", "Mend the file and let it come again."),
        ("failed", RUN, "failed", "stopped, 1,204 ok, 2 no, 1 left out", "nothing is sent twice."),
        ("same", {"same_as": "a of B"}, "done", "the same as a of B, not sent", "Nothing was done with it."),
    ],
)
def test_each_end_of_a_file_has_its_subject_and_its_sentence(state, facts, kind, result, said):
    message = of_file(JOB, "calls.xlsx", state, facts, repeated=False)
    where = "shop.example.com: " if "host" in facts else ""
    assert (message.kind, message.subject) == (kind, f"calls.xlsx - {where}{result}")
    assert said in message.body
    again = of_file(JOB, "calls.xlsx", state, facts, repeated=True)
    assert again.subject == f"{message.subject} (told again)"
    assert "may have been told before" in again.body
