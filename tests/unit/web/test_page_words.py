"""The command's sentences in the page's words: every sentence that the pipeline can say is looked at."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ordersheet
from ordersheet.web.page_words import in_page_words

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(ordersheet.__file__).parent
ROOMS = ("api", "core", "delivery", "ledger", "loader", "mapping", "ooxml", "pipeline", "reporter", "setup")
FILES = [
    *(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py")),
    *(PACKAGE / "config").glob("*.py"),
]
NOT_OF_THE_PAGE = {
    "pipeline/export.py": "the page writes no sheet of orders",
    "mapping/columns.py": "the first line of a mapping file",
}
# What is told to whoever keeps a ledger (`ordersheet ledger`) is done at a terminal.
TERMINAL = re.compile(
    r"--[a-z]|\bordersheet (check|doctor|export|jobs|purge|report|resolve|runs|sandbox|send|setup|show"
    r"|submit|undo|web)\b"
)


def sentences(path: Path) -> Iterator[str]:
    """Give every text of a module that has words in it, docstrings apart; 7 stands for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    within = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(tree):
        if id(node) not in alone | within and " " in (text := written(node)):
            yield text


def written(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(written, node.values))
    if isinstance(node, ast.FormattedValue):
        return "7"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_sentence_sends_a_person_from_the_page_to_a_terminal(path):
    if path.relative_to(PACKAGE).as_posix() in NOT_OF_THE_PAGE:
        return
    for told in sentences(path):
        assert not TERMINAL.search(in_page_words(told)), told


def test_the_sentences_that_are_looked_at_name_options_and_commands():
    found = [text for path in FILES for text in sentences(path) if TERMINAL.search(text)]
    assert len(found) > 50


@given(st.text(st.characters(exclude_characters='"\n', exclude_categories=["Cs"])))
def test_what_is_quoted_of_a_cell_stays_as_it_is(cell):
    told = f'A7: "--again{cell}" already stands. If it is meant once more, send with --again.'
    said = in_page_words(told)
    assert f'"--again{cell}" already stands' in said
    assert said.endswith('press "Send them once more" beside the sheet\'s counts.')


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Not among the rows that --rows chose.", "Unticked in the page."),
        ("Show this row, or decide with --hidden.", 'Show this row, or decide under "Rows"'),
        (
            "Look at it; if the text is there: ordersheet resolve X --row 7 applied, if not: … X absent.",
            'if the text is there, press "It was applied", if not, "It was not".',
        ),
    ],
)
def test_sentences_of_the_command_name_the_pages_controls(told, said):
    assert said in in_page_words(told)
    assert "--" not in in_page_words(told)
