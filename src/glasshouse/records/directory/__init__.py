"""Directories: long names for places, short prefixes for their keys, kept in the database itself.

Byte-compatible with FoundationDB's directory layer, so that programs in other languages find the
same directories at the same prefixes.

- `allocator`: short prefixes that are given once and never again
- `layer`: the tree of names: create, open, list, move, remove; partitions
- `interning`: long texts as small numbers, both ways
"""

from glasshouse.records.directory.allocator import PrefixAllocator
from glasshouse.records.directory.interning import Interned
from glasshouse.records.directory.layer import DirectoryLayer, DirectorySubspace

__all__ = ["DirectoryLayer", "DirectorySubspace", "Interned", "PrefixAllocator"]
