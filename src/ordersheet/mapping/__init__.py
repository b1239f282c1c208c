"""Which column feeds which field, and what each row asks for."""

from __future__ import annotations

from ordersheet.mapping.columns import ColumnMap, Constant, Feed, Unused, to_toml
from ordersheet.mapping.file import CLEAR, MappingFile, read_mapping_file
from ordersheet.mapping.mapper import map_row
from ordersheet.mapping.resolver import id_header_test, parse_constant, parse_constants, resolve
from ordersheet.mapping.watch import DateWatch, TruthWatch

__all__ = [
    "CLEAR",
    "ColumnMap",
    "Constant",
    "DateWatch",
    "Feed",
    "MappingFile",
    "TruthWatch",
    "Unused",
    "id_header_test",
    "map_row",
    "parse_constant",
    "parse_constants",
    "read_mapping_file",
    "resolve",
    "to_toml",
]
