"""Files as clerks save them, whose every text is known: in many languages and code pages, 1 to 500 rows.

Nothing here knows how the loader tells one code page from another: the words are others than those that it
knows languages by, and how often a word, a name or a sign comes is thrown anew for every file.
"""

from __future__ import annotations

import csv
import io
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEADERS = ("Order ID", "Internal comment", "Customer", "attr:place")
SENT = (0, 1, 3)
NINE = ("en", "sv", "de", "fr", "es", "da", "nb", "nl", "pl")
OTHERS = ("el", "ru", "tr", "lt", "lv")
SIZES = (1, 2, 3, 5, 8, 20, 60, 200, 500)
_ANSI = {"pl": "cp1250", "el": "cp1253", "ru": "cp1251", "tr": "cp1254", "lt": "cp1257", "lv": "cp1257"}
_UNICODE = ("utf-8", "utf-8-sig", "utf-16")
_SIGNS = (
    "{0},50 €", "€{0}", "{0} £", "£{0}.99", "{0} °C", "2½ m", "¼ l", "{0} m²", "n° {0}", "– {0} –", "…", "®",
    "“{0}”", "«{0}»", "‘{0}’", "{0} × {1} cm", "±{0}", "§ {0}", "© {0}", "Nr. {0} • {1}", "ca. {0} – {1}",
    "{0} µm", "{0}\xa0kg", "80‰", "¥{0}", "¿{0}?", "Shop’s", "Trade™", "„{0}“",
)  # fmt: skip
DAMAGED = ("damaged UTF-8", "two code pages")
FOREIGN = (
    "koi8-r",
    "cp866",
    "cp932",
    "euc-kr",
    "gb18030",
    "big5",
    "cp1255",
    "cp1256",
    "cp874",
    "mac_cyrillic",
)
"""Encodings that the loader does not know by itself: such a file is asked for, or read right by luck."""


class Phrases(NamedTuple):
    """What clerks write in a language."""

    texts: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file and what it truly says."""

    language: str
    encoding: str
    """The Python name; or one of DAMAGED, for a file that no encoding reads."""
    rows: int
    dense: bool
    content: bytes
    truth: tuple[tuple[str, ...], ...] | None
    """The data records; None for a file that no encoding reads."""


def phrases() -> dict[str, Phrases]:
    """Read the phrases of every language."""
    made: dict[str, Phrases] = {}
    text = Path(__file__).with_name("encodings_words.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            language, _, rest = line.partition(": ")
            parts = rest.split(" | ")
            names = tuple(part[1:] for part in parts if part.startswith("@"))
            made[language] = Phrases(tuple(part for part in parts if not part.startswith("@")), names)
    return made


def encodings_of(language: str) -> tuple[str, ...]:
    """Give the encodings that programs save a language in: its ANSI page most of all, and older ones."""
    ansi = _ANSI.get(language, "cp1252")
    old = ("mac_roman", "cp850") if ansi == "cp1252" else ()
    return (ansi, ansi, ansi, *old, *_UNICODE[:1])


def made_files(count: int, seed: int, languages: tuple[str, ...] = (*NINE, *OTHERS)) -> Iterator[MadeFile]:
    """Make files, the same ones for the same seed."""
    known = phrases()
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        yield made_file(chance, known, chance.choice(languages))


def made_file(chance: random.Random, known: dict[str, Phrases], language: str) -> MadeFile:
    """Make one file in a language."""
    encoding = chance.choice((*encodings_of(language), *_UNICODE)) if chance.random() < 0.2 else ""
    encoding = encoding or chance.choice(encodings_of(language))
    size, dense = chance.choice(SIZES), chance.random() < 0.5
    records = _records(chance, known, language, encoding, size, dense=dense)
    content = as_csv(records, chance).encode(encoding)
    return MadeFile(language, encoding, size, dense, content, tuple(records))


def _records(
    chance: random.Random, known: dict[str, Phrases], language: str, encoding: str, size: int, *, dense: bool
) -> list[tuple[str, ...]]:
    share = chance.uniform(0.4, 1.0) if dense else chance.uniform(0.02, 0.3)
    own, signs = known[language], chance.choice((0.0, 0.05, 0.3))
    records = []
    for row in range(size):
        telling = chance.random() < share or (row == size - 1 and not dense)
        texts = [text for text in own.texts if telling or text.isascii()] or ["OK"]
        names = [text for text in own.names if telling or text.isascii()] or ["Ann Lee"]
        comment = chance.choice(texts)
        if chance.random() < signs:
            sign = chance.choice(_SIGNS).format(chance.randint(1, 999), chance.randint(1, 99))
            comment = chance.choice((f"{comment}, {sign}", f"{sign} {comment}", sign))
        comment = chance.choice((comment, comment, comment, _capital(comment), _capitals(comment)))
        name, place = chance.choice(names), chance.choice(("", chance.choice(names)))
        record = (str(83600 + row), comment, name, place)
        records.append(tuple(_possible(text, encoding) for text in record))
    return records


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _capitals(text: str) -> str:
    """Write a text in capitals; the sign for a millionth has none."""
    return "µ".join(part.upper() for part in text.split("µ"))


def _possible(text: str, encoding: str) -> str:
    """Leave out what an encoding lacks, as the program that saved it would not have had it."""
    return text.encode(encoding, "ignore").decode(encoding)


def as_csv(records: Sequence[tuple[str, ...]], chance: random.Random) -> str:
    """Write records as a CSV of some program."""
    out = io.StringIO(newline="")
    ending = chance.choice(("\r\n", "\r\n", "\n"))
    writer = csv.writer(out, delimiter=chance.choice(";,\t"), lineterminator=ending)
    writer.writerows((HEADERS, *records))
    return out.getvalue()


# ---- what no encoding reads, and what the loader does not know ----


def damaged_file(chance: random.Random, known: dict[str, Phrases], language: str) -> MadeFile:
    """Make a file that no encoding reads: UTF-8 with texts of another page, or two pages in turn."""
    kind, size = chance.choice(DAMAGED), chance.choice(SIZES[2:])
    ansi = _ANSI.get(language, "cp1252")
    first, second = (
        ("utf-8", ansi) if kind == DAMAGED[0] else (ansi, "utf-8" if ansi != "cp1252" else "cp850")
    )
    records = _records(chance, known, language, ansi, size, dense=True)
    lines = as_csv(records, chance).splitlines(keepends=True)
    telling = [number for number, record in enumerate(records, 1) if _tells(record, first, second)]
    if len(telling) < 2:
        return damaged_file(chance, known, language)
    chosen = set(chance.sample(telling, chance.choice((1, max(1, len(telling) // 2)))))
    content = b"".join(
        line.encode(second if number in chosen else first, "replace") for number, line in enumerate(lines)
    )
    return MadeFile(language, kind, size, dense=True, content=content, truth=None)


def _tells(record: tuple[str, ...], first: str, second: str) -> bool:
    """Tell whether the sent texts of a record have a letter that two encodings write differently."""
    letters = {sign for column in SENT for sign in record[column] if sign.isalpha() and not sign.isascii()}
    return any(sign.encode(first, "replace") != sign.encode(second, "replace") != b"?" for sign in letters)


def foreign_file(chance: random.Random) -> MadeFile:
    """Make a file in an encoding that is none of the loader's candidates."""
    encoding = chance.choice(FOREIGN)
    texts = _FOREIGN_TEXTS[_SCRIPTS[encoding]]
    size = chance.choice(SIZES[:6])
    records = [(str(83600 + row), chance.choice(texts), chance.choice(texts), "") for row in range(size)]
    content = as_csv(records, chance).encode(encoding)
    return MadeFile(_SCRIPTS[encoding], encoding, size, dense=True, content=content, truth=tuple(records))


_SCRIPTS = {
    "koi8-r": "ru", "cp866": "ru", "mac_cyrillic": "ru", "cp932": "ja", "euc-kr": "ko", "gb18030": "zh",
    "big5": "zh", "cp1255": "he", "cp1256": "ar", "cp874": "th",
}  # fmt: skip
_FOREIGN_TEXTS = {
    "ru": ("посылка потеряна", "перезвонить вечером", "разбито стекло", "забрала соседка", "другой оттенок"),
    "ja": ("箱が壊れた", "不在でした", "返金してください", "明日また電話", "東京都港区", "サイズ交換"),
    "ko": ("상자가 부서졌습니다", "환불 요청", "내일 다시 전화", "서울", "크기 교환"),
    "zh": ("包裹破了", "明天再打", "退款", "台北", "更大的尺寸"),
    "he": ("החבילה נפגמה", "אין תשובה", "החזר כספי", "תל אביב"),
    "ar": ("الطرد تالف", "لا يوجد رد", "استرداد المبلغ", "القاهرة"),
    "th": ("กล่องเสียหาย", "ไม่มีคำตอบ", "คืนเงิน", "กรุงเทพ"),
}
