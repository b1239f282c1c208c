"""What the loader makes of files whose every text is known: right, asked, or wrong, by language and size.

    python benchmarks/code_pages.py [FILES [SEED]]

The files are those of tests/support/encodings.py: the languages of clerks, saved as their programs save them,
and beside them files that no encoding reads as a whole, or that are saved in an encoding that the loader does
not know by itself. Prints the table of docs/spreadsheets.md.
"""

from __future__ import annotations

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


def main() -> int:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 2026
    with tempfile.TemporaryDirectory() as folder:
        counts, wrong = figures(files, seed, Path(folder))
    print("right / asked / wrong, by language and size\n")
    print("\n".join(table(counts)))
    print(
        f"\nasked, nine languages: {share_asked(counts, tuple(BUCKETS)[2:]):.1%} of files from 5 rows, ",
        end="",
    )
    print(f"{share_asked(counts, tuple(BUCKETS)[1:2]):.1%} of files of 2 to 4 rows")
    print(f"wrong: {len(wrong):,}", *wrong[:20], sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
