"""What the loader makes of files whose every text is known: right, asked, or wrong, by language and size.

    python benchmarks/code_pages.py [FILES [SEED]] [--write]

The files are those of tests/support/encodings.py: the languages of clerks, saved as their programs save them,
and beside them files that no encoding reads as a whole, or that are saved in an encoding that the loader does
not know by itself. Prints the table of docs/spreadsheets.md, or writes it there.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import encodings

from ordersheet.core.errors import SourceError
from ordersheet.loader import open_table

BUCKETS = {"1 row": (1, 1), "2 to 4 rows": (2, 4), "5 to 20 rows": (5, 20), "60 to 500 rows": (60, 500)}
NAMES = {
    "en": "English", "sv": "Swedish", "de": "German", "fr": "French", "es": "Spanish", "da": "Danish",
    "nb": "Norwegian", "nl": "Dutch", "pl": "Polish", "el": "Greek", "ru": "Russian", "tr": "Turkish",
    "lt": "Lithuanian", "lv": "Latvian",
}  # fmt: skip
PAGE = Path(__file__).parents[1] / "docs" / "spreadsheets.md"
MARK, END = "<!-- code pages -->", "<!-- end -->"
RIGHT, ASKED, WRONG = "right", "asked", "wrong"


def verdict(made: encodings.MadeFile, path: Path) -> str:
    """Tell what the loader makes of a file: in the columns that are sent, as send reads it."""
    path.write_bytes(made.content)
    try:
        table = open_table(path, is_id_header=lambda text: text == "Order ID")
        table.refuse(set(encodings.SENT), hidden="refuse")
    except SourceError as error:
        if error.code != "encoding":
            raise
        return ASKED
    if made.truth is None:
        return WRONG
    for row, record in zip(table.rows(encodings.SENT), made.truth, strict=True):
        for column in encodings.SENT:
            shown = row.cells[column].shown if column in row.cells else ""
            if shown != record[column] and (column not in row.cells or row.cells[column].problem is None):
                return WRONG
    return RIGHT


def bucket(rows: int) -> str:
    """Give the name of a size."""
    return next(name for name, (least, most) in BUCKETS.items() if least <= rows <= most)


def figures(files: int, seed: int, folder: Path) -> tuple[Counter[tuple[str, str, str]], list[str]]:
    """Count verdicts by language and size, and name the files that were read wrongly."""
    counts: Counter[tuple[str, str, str]] = Counter()
    wrong: list[str] = []
    path = folder / "orders.csv"
    for number, made in enumerate(encodings.made_files(files, seed)):
        found = verdict(made, path)
        counts[made.language, bucket(made.rows), found] += 1
        if found == WRONG:
            wrong.append(f"file {number}: {made.language}, {made.encoding}, {made.rows} rows")
    known = encodings.phrases()
    for number in range(files // 10):
        chance = random.Random(f"{seed} apart {number}")
        language = chance.choice((*encodings.NINE, *encodings.OTHERS))
        for name, made in (
            ("of two encodings", encodings.damaged_file(chance, known, language)),
            ("of other encodings", encodings.foreign_file(chance)),
        ):
            found = verdict(made, path)
            counts[name, bucket(made.rows), found] += 1
            if found == WRONG:
                wrong.append(f"{name} {number}: {made.language}, {made.encoding}, {made.rows} rows")
    return counts, wrong


def table(counts: Counter[tuple[str, str, str]]) -> list[str]:
    """Give the lines of the table, in Markdown."""
    lines = ["| files | " + " | ".join(BUCKETS) + " |", "|---" * (len(BUCKETS) + 1) + "|"]
    for name in (*NAMES, "of two encodings", "of other encodings"):
        cells = []
        for size in BUCKETS:
            right, asked, wrong = (counts[name, size, found] for found in (RIGHT, ASKED, WRONG))
            cells.append(f"{right:,} / {asked:,} / {wrong:,}" if right + asked + wrong else "")
        lines.append(f"| {NAMES.get(name, name)} | " + " | ".join(cells) + " |")
    return lines


def share_asked(counts: Counter[tuple[str, str, str]], sizes: tuple[str, ...]) -> float:
    """Give the share of files of these sizes, in one of the nine languages, that a person is asked about."""
    chosen = [
        (found, count)
        for (language, size, found), count in counts.items()
        if language in encodings.NINE and size in sizes
    ]
    return sum(count for found, count in chosen if found == ASKED) / sum(count for _, count in chosen)


def summary(counts: Counter[tuple[str, str, str]], files: int, seed: int) -> list[str]:
    """Give the table with what it comes to."""
    wrong = sum(count for (name, _, found), count in counts.items() if found == WRONG and name in NAMES)
    large, small = share_asked(counts, tuple(BUCKETS)[2:]), share_asked(counts, tuple(BUCKETS)[1:2])
    asked = f"{large:.1%} of the files from 5 rows are asked for, {small:.1%} of those of 2 to 4 rows"
    return [
        f"{files:,} files in fourteen languages (seed {seed}): {wrong:,} read wrongly. Of those in the first",
        f"nine languages, {asked}.",
        "Each cell says: right / asked / wrong.",
        "",
        *table(counts),
    ]


def write_down(lines: list[str]) -> None:
    """Put the table in its place in docs/spreadsheets.md."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(f"{MARK}\n")
    after = rest.partition(END)[2]
    PAGE.write_text("\n".join((f"{before}{MARK}", *lines, f"{END}{after}")), encoding="utf-8")


def main() -> int:
    """Count, and print or write down; the exit code is 0 where no file of a language was read wrongly."""
    parser = argparse.ArgumentParser(description="Count what becomes of files whose every text is known.")
    parser.add_argument("files", type=int, nargs="?", default=10_000)
    parser.add_argument("seed", type=int, nargs="?", default=2026)
    parser.add_argument("--write", action="store_true", help="write the table into docs/spreadsheets.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts, wrong = figures(given.files, given.seed, Path(folder))
    lines = summary(counts, given.files, given.seed)
    if given.write:
        write_down(lines)
    print("\n".join(lines))
    print(f"\n{len(wrong):,} of all files read wrongly", *wrong[:20], sep="\n  ")
    return int(any(name in NAMES and found == WRONG for name, _, found in counts))


if __name__ == "__main__":
    sys.exit(main())
