"""A result in a notebook."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.core.model import Outcome, RowResult, UnsentColumn
from ordersheet.core.result import RunResult, count
from ordersheet.core.summary import RunSummary


class Seen(HTMLParser):
    """What a browser would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        self.rows += tag == "tr"
        assert not attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def result(rows: list[RowResult], header: str = "Notes") -> RunResult:
    status, outcomes, _, _, left_out = count(rows)
    summary = RunSummary(
        "send",
        run="r1",
        status=status,
        outcomes=outcomes,
        left_out=left_out,
        not_sent=(UnsentColumn("C", header, "not recognised", "attr:a_b"),),
    )
    return RunResult(summary, lambda: iter(rows))


ROWS = st.lists(
    st.builds(
        RowResult,
        st.integers(2, 99),
        st.text(max_size=8),
        st.sampled_from(Outcome),
        st.text(max_size=300),
        time=st.none(),
        left_out=st.booleans(),
    ),
    max_size=30,
)


@given(rows=ROWS, header=st.text(min_size=1, max_size=20))
def test_no_text_of_a_sheet_becomes_part_of_the_page(rows: list[RowResult], header: str) -> None:
    seen = Seen()
    seen.feed(result(rows, header)._repr_html_())
    assert seen.tags <= {"p", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert seen.rows <= len(Outcome) + 12


def test_it_is_short_and_says_what_matters() -> None:
    rows = [RowResult(2, "1", Outcome.APPLIED, "Done."), RowResult(3, "2", Outcome.REFUSED, "<b>no</b>")]
    rows.append(RowResult(4, "3", Outcome.NOT_SENT, "Beyond", left_out=True))
    assert repr(result(rows)) == "<RunResult of send: 1 ok, 1 no, 1 left out on purpose, run r1>"
    seen = Seen()
    seen.feed(result(rows)._repr_html_())
    assert "1 ok, 1 no" in seen.text
    assert "<b>no</b>" in seen.text
    assert "Beyond" not in seen.text
    assert 'did you mean "attr:a_b"?' in seen.text
