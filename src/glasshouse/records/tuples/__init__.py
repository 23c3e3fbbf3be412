"""Tuples as keys: bytes that sort as the values do, byte-compatible with FoundationDB's.

packing      pack, and a packer for each kind of element
unpacking    unpack, ascending and descending elements
values       Versionstamp and Single
codes        the first byte of each kind
"""

from glasshouse.records.tuples.packing import (
    end_of,
    invert,
    pack,
    pack_bool,
    pack_bytes,
    pack_datetime,
    pack_element,
    pack_float,
    pack_int,
    pack_text,
    pack_uuid,
    pack_with_versionstamp,
    range_of,
    strinc,
)
from glasshouse.records.tuples.unpacking import (
    read_columns,
    read_descending,
    read_element,
    unpack,
    unpack_columns,
)
from glasshouse.records.tuples.values import Single, Versionstamp

__all__ = [
    "Single",
    "Versionstamp",
    "end_of",
    "invert",
    "pack",
    "pack_bool",
    "pack_bytes",
    "pack_datetime",
    "pack_element",
    "pack_float",
    "pack_int",
    "pack_text",
    "pack_uuid",
    "pack_with_versionstamp",
    "range_of",
    "read_columns",
    "read_descending",
    "read_element",
    "strinc",
    "unpack",
    "unpack_columns",
]
