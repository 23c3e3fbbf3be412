"""Reading an LMDB file page by page, to find damage without walking into it.

LMDB trusts its pages: a garbled one can end the process that reads it. Here every page that the
newest state of the file is made of is looked at as bytes: does it say its own number, is it of a
known kind, do its entries lie inside it?

Source:
    The layout of LMDB 0.9's `mdb.c`: MDB_page, MDB_node, MDB_db, MDB_meta.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BRANCH, _LEAF, _OVERFLOW, _META = 0x01, 0x02, 0x04, 0x08
_KINDS = _BRANCH | _LEAF | _OVERFLOW | _META
_BIG, _SUB = 0x01, 0x02
_HEADER_BYTES = 16
_NODE_BYTES = 8
_DB_BYTES = 48
_NO_PAGE = (1 << 64) - 1
_MAGIC = 0xBEEFC0DE
_META_BYTES = (1 << 16) + 4096
_FREE_ROOT, _MAIN_ROOT = 16 + 24 + 40, 16 + 24 + 48 + 40


def check_pages(file: Path, *, most_pages: int | None = None) -> list[str]:
    """What is wrong with the file of an LMDB environment; nothing if it is sound or not there.

    Others may write meanwhile: if the file has a newer state in the end, what was found is
    forgotten and the newer one is looked at.

    Args:
        file: The file `data.mdb`.
        most_pages: Look at so many pages at most.
    """
    while file.exists() and file.stat().st_size:
        meta = newest_meta(file)
        if meta is None:
            return ["it does not begin as an lmdb file does"]
        problems = _problems(file, meta, most_pages)
        if not problems or newest_meta(file) == meta:
            return problems
    return []


def _problems(file: Path, meta: "_Meta", most_pages: int | None) -> list[str]:
    size, needed = file.stat().st_size, (meta.last_page + 1) * meta.page_size
    if size < needed:
        return [f"its end was cut off: it has {size} bytes and should have {needed}"]
    with file.open("rb") as opened:
        reader = _Reader(opened.fileno(), meta, most_pages)
        return [sentence for root in meta.roots for sentence in reader.walk(root)]


@dataclass(frozen=True, slots=True)
class _Meta:
    """What the newest meta page says."""

    transaction: int
    page_size: int
    last_page: int
    roots: tuple[int, ...]
    """Of the free list and of the main tree."""


def newest_meta(file: Path) -> _Meta | None:
    """The newest state that a file says it has; None if it is no LMDB file."""
    with file.open("rb") as opened:
        start = opened.read(_META_BYTES)
    found = [_read_meta(start[offset:]) for offset in (0, *(1 << bits for bits in range(12, 17)))]
    return max(
        (one for one in found if one is not None), key=lambda one: one.transaction, default=None
    )


def _read_meta(page: bytes) -> _Meta | None:
    if len(page) < _HEADER_BYTES + 136:
        return None
    if struct.unpack_from("<I", page, _HEADER_BYTES)[0] != _MAGIC:
        return None
    (page_size,) = struct.unpack_from("<I", page, _HEADER_BYTES + 24)
    last_page, transaction = struct.unpack_from("<QQ", page, _HEADER_BYTES + 120)
    roots = [struct.unpack_from("<Q", page, place)[0] for place in (_FREE_ROOT, _MAIN_ROOT)]
    known = tuple(root for root in roots if root != _NO_PAGE)
    return _Meta(transaction, page_size, last_page, known)


class _Reader:
    """Reads pages of one file."""

    def __init__(self, handle: int, meta: _Meta, most_pages: int | None) -> None:
        self._handle = handle
        self._size = meta.page_size
        self._last = meta.last_page
        self._most = most_pages
        self._seen: set[int] = set()

    def page(self, number: int) -> bytes:
        """The bytes of a page."""
        return os.pread(self._handle, self._size, number * self._size)

    def walk(self, root: int) -> Iterator[str]:
        """What is wrong with the tree below a page."""
        waiting = [root]
        while waiting and (self._most is None or len(self._seen) < self._most):
            number = waiting.pop()
            if number in self._seen:
                yield f"page {number} is reached twice"
                continue
            self._seen.add(number)
            if number > self._last:
                yield f"page {number} is behind the last one, {self._last}"
                continue
            page = self.page(number)
            problem = self._wrong_with(number, page)
            if problem is not None:
                yield problem
                continue
            for is_overflow, child, length in self._children(page):
                if is_overflow:
                    yield from self._overflow(child, length)
                else:
                    waiting.append(child)

    def _wrong_with(self, number: int, page: bytes) -> str | None:
        """What is wrong with the header or the nodes of a page."""
        own, _, flags, lower, upper = struct.unpack_from("<QHHHH", page)
        kind = flags & _KINDS
        if own != number:
            return f"page {number} says that it is page {own}"
        if kind not in (_BRANCH, _LEAF):
            return f"page {number} is of no kind that a tree has ({flags:#x})"
        if not _HEADER_BYTES <= lower <= upper <= self._size or (lower - _HEADER_BYTES) % 2:
            return f"page {number} has its bounds at {lower} and {upper} of {self._size} bytes"
        for place in range(_HEADER_BYTES, lower, 2):
            (offset,) = struct.unpack_from("<H", page, place)
            if not upper <= offset <= self._size - _NODE_BYTES:
                return f"page {number} has an entry outside itself, at {offset}"
            low, high, node_flags, key_bytes = struct.unpack_from("<HHHH", page, offset)
            data = 0 if kind == _BRANCH else low | high << 16
            held = 8 if node_flags & _BIG else data
            if offset + _NODE_BYTES + key_bytes + (held if kind == _LEAF else 0) > self._size:
                return f"page {number} has an entry that ends outside itself"
        return None

    def _children(self, page: bytes) -> Iterator[tuple[bool, int, int]]:
        """Pages that a page leads to: whether it is a large value, its number, its bytes."""
        flags, lower = struct.unpack_from("<HH", page, 10)
        for place in range(_HEADER_BYTES, lower, 2):
            (offset,) = struct.unpack_from("<H", page, place)
            low, high, node_flags, key_bytes = struct.unpack_from("<HHHH", page, offset)
            if flags & _BRANCH:
                yield False, low | high << 16 | node_flags << 32, 0
                continue
            data = offset + _NODE_BYTES + key_bytes
            if node_flags & _BIG:
                yield True, struct.unpack_from("<Q", page, data)[0], low | high << 16
            elif node_flags & _SUB:
                (root,) = struct.unpack_from("<Q", page, data + _DB_BYTES - 8)
                if root != _NO_PAGE:
                    yield False, root, 0

    def _overflow(self, number: int, length: int) -> Iterator[str]:
        """What is wrong with the pages of a large value."""
        num_pages = (_HEADER_BYTES + length + self._size - 1) // self._size
        if number + num_pages - 1 > self._last:
            yield f"the large value on page {number} goes on behind the last page"
            return
        page = self.page(number)
        own, _, flags, held = struct.unpack_from("<QHHI", page)
        if own != number or not flags & _OVERFLOW or held < num_pages:
            yield f"page {number} should begin a large value of {num_pages} pages and does not"
