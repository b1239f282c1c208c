"""Workbooks written by hand, part by part, for what no library writes."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_RELS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEAD = '<row r="1"><c r="A1" t="str"><v>Order ID</v></c><c r="B1" t="str"><v>Comment</v></c></row>'


def sheet(rows: str = "", *, head: str = HEAD, before: str = "", after: str = "", main: str = MAIN) -> str:
    """Give a worksheet's XML."""
    return f'<worksheet xmlns="{main}">{before}<sheetData>{head}{rows}</sheetData>{after}</worksheet>'


def strings(*items: str) -> str:
    """Give a table of shared strings; each item is the inside of an `si`."""
    inside = "".join(f"<si>{item}</si>" for item in items)
    return f'<sst xmlns="{MAIN}">{inside}</sst>'


def styles(*codes: str) -> str:
    """Give a styles part: style 0 is General, style 1 has the first code, and so on."""
    formats = "".join(
        f'<numFmt numFmtId="{200 + at}" formatCode={quoteattr(code)}/>' for at, code in enumerate(codes)
    )
    cells = "".join(f'<xf numFmtId="{200 + at}"/>' for at in range(len(codes)))
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts>{formats}</numFmts>'
        '<cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>'
        f'<cellXfs><xf numFmtId="0"/>{cells}</cellXfs>'
        '<dxfs><dxf><numFmt numFmtId="200" formatCode="0%"/></dxf></dxfs></styleSheet>'
    )


def parts_of(
    *sheets: str | bytes,
    shared: str | None = None,
    style: str | None = None,
    properties: str = "",
    states: tuple[str, ...] = (),
    strict: bool = False,
    absolute: bool = False,
) -> dict[str, bytes]:
    """Give the parts of a workbook with the sheets S1, S2 and so on."""
    main, rels = (STRICT, STRICT_RELS) if strict else (MAIN, RELS)
    root = "/xl/" if absolute else ""
    entries, targets = [], []
    for at in range(len(sheets)):
        state = f' state="{states[at]}"' if at < len(states) and states[at] else ""
        entries.append(f'<sheet name="S{at + 1}" sheetId="{at + 1}"{state} r:id="rId{at + 1}"/>')
        targets.append((f"rId{at + 1}", "worksheet", f"{root}worksheets/sheet{at + 1}.xml"))
    out: dict[str, bytes] = {}
    if shared is not None:
        targets.append(("rIdS", "sharedStrings", f"{root}sharedStrings.xml"))
        out["xl/sharedStrings.xml"] = shared.encode()
    if style is not None:
        targets.append(("rIdT", "styles", f"{root}styles.xml"))
        out["xl/styles.xml"] = style.encode()
    out["_rels/.rels"] = _rels(
        [("rId1", "officeDocument", "/xl/workbook.xml" if absolute else "xl/workbook.xml")], rels
    )
    out["xl/_rels/workbook.xml.rels"] = _rels(targets, rels)
    out["xl/workbook.xml"] = (
        f'<workbook xmlns="{main}" xmlns:r="{rels}">{properties}'
        f"<sheets>{''.join(entries)}</sheets></workbook>"
    ).encode()
    for at, text in enumerate(sheets):
        out[f"xl/worksheets/sheet{at + 1}.xml"] = text.encode() if isinstance(text, str) else text
    return out


def _rels(targets: list[tuple[str, str, str]], rels: str) -> bytes:
    inside = "".join(
        f'<Relationship Id="{key}" Type="{rels}/{kind}" Target="{target}"/>' for key, kind, target in targets
    )
    return f'<Relationships xmlns="{PACKAGE}">{inside}</Relationships>'.encode()


def write_parts(path: Path, parts: dict[str, bytes]) -> Path:
    """Write a package of these parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path
