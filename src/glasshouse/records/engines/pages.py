"""Reading an LMDB file page by page, to find damage without walking into it.

LMDB trusts its pages: a garbled one can end the process that reads it. Here every page that the
newest state of the file is made of is looked at as bytes: does it say its own number, is it of a
known kind, do its entries lie inside it?

Source:
    The layout of LMDB 0.9's `mdb.c`: MDB_page, MDB_node, MDB_db, MDB_meta.
"""

import mmap
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_BRANCH, _LEAF, _OVERFLOW, _META = 0x01, 0x02, 0x04, 0x08
_KINDS = _BRANCH | _LEAF | _OVERFLOW | _META
_BIG, _SUB = 0x01, 0x02
_HEADER_BYTES = 16
_NODE_BYTES = 8
_DB_BYTES = 48
_NO_PAGE = (1 << 64) - 1
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_PAGE_SIZES = [1 << bits for bits in range(8, 17)]
_META_BYTES = _PAGE_SIZES[-1] + 4096
_FREE_ROOT, _MAIN_ROOT = 16 + 24 + 40, 16 + 24 + 48 + 40
_ROUNDS = 5

_header = struct.Struct("<QHHHH")
"""Number, padding, flags, end of the offsets, begin of the entries; the last two are the number of
pages where a large value begins."""
_node = struct.Struct("<HHHH")
"""Length of the data, low and high; flags; length of the key."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How closely to look, where a look at everything takes too long."""

    whole_pages: int
    """Pages looked at in whole, from the roots down."""
    headers: int
    """Pages behind those of which only the first bytes are looked at, which is 20 times quicker."""


def check_pages(file: Path, *, effort: Effort | None = None) -> list[str]:
    """What is wrong with the file of an LMDB environment; nothing if it is sound or not there.

    Others may write meanwhile, and use pages again that are looked at: if the file has a newer
    state in the end, that is looked at too, and only what was found each time is told.

    Args:
        file: The file `data.mdb`.
        effort: How closely to look; None looks at every page in whole.
    """
    found: list[str] | None = None
    for _ in range(_ROUNDS):
        if not file.exists() or not file.stat().st_size:
            return []
        meta = newest_meta(file)
        if meta is None:
            return ["it does not begin as an lmdb file does"]
        problems = _problems(file, meta, effort)
        found = problems if found is None else [one for one in found if one in problems]
        if not found or newest_meta(file) == meta:
            break
    return found or []


def _problems(file: Path, meta: "_Meta", effort: Effort | None) -> list[str]:
    if meta.version != _VERSION:
        return []  # a layout of pages that is not known here
    size, needed = file.stat().st_size, (meta.last_page + 1) * meta.page_size
    if size < needed:
        return [f"its end was cut off: it has {size} bytes and should have {needed}"]
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), needed, access=mmap.ACCESS_READ) as content,
    ):
        return list(_Reader(content, meta).walk(effort))


@dataclass(frozen=True, slots=True)
class _Meta:
    """What the newest meta page says."""

    transaction: int
    version: int
    page_size: int
    last_page: int
    roots: tuple[int, ...]
    """Of the free list and of the main tree."""


def newest_meta(file: Path) -> _Meta | None:
    """The newest state that a file says it has; None if it is no LMDB file."""
    with file.open("rb") as opened:
        start = opened.read(_META_BYTES)
    first = _read_meta(start)
    sizes = _PAGE_SIZES if first is None else [first.page_size]
    seconds = [(size, _read_meta(start[size:])) for size in sizes]
    found = [one for size, one in seconds if one is not None and one.page_size == size]
    if first is not None:
        found.append(first)
    return max(found, key=lambda one: one.transaction, default=None)


def _read_meta(page: bytes) -> _Meta | None:
    if len(page) < _HEADER_BYTES + 136:
        return None
    magic, version = struct.unpack_from("<II", page, _HEADER_BYTES)
    (page_size,) = struct.unpack_from("<I", page, _HEADER_BYTES + 24)
    if magic != _MAGIC or page_size not in _PAGE_SIZES:
        return None
    last_page, transaction = struct.unpack_from("<QQ", page, _HEADER_BYTES + 120)
    roots = [struct.unpack_from("<Q", page, place)[0] for place in (_FREE_ROOT, _MAIN_ROOT)]
    known = tuple(root for root in roots if root != _NO_PAGE)
    return _Meta(transaction, version, page_size, last_page, known)


class _Damage(Exception):
    """What is wrong with a page."""


class _Reader:
    """Reads pages of one file."""

    def __init__(self, content: mmap.mmap, meta: _Meta) -> None:
        self._content = content
        self._size = meta.page_size
        self._last = meta.last_page
        self._waiting = deque((root, 0) for root in meta.roots)
        """Pages to look at, with the length of the large value that begins there, if one does."""
        self._seen: set[int] = set()

    def walk(self, effort: Effort | None) -> Iterator[str]:
        """What is wrong with the trees, a sentence a page, from the roots down."""
        waiting, seen = self._waiting, self._seen
        while waiting and (effort is None or len(seen) < effort.whole_pages):
            yield from self._told(*waiting.popleft())
        left = 0 if effort is None else effort.headers
        for number, num_bytes in islice(self._drained(), left):
            if num_bytes or not self._is_leaf(number):
                yield from self._told(number, num_bytes)

    def _drained(self) -> Iterator[tuple[int, int]]:
        """The pages that wait, and those that come to wait meanwhile."""
        while self._waiting:
            yield self._waiting.popleft()

    def _is_leaf(self, number: int) -> bool:
        """Whether a page says that it is this one, and a leaf."""
        if number > self._last:
            return False
        own, _, flags, _, _ = _header.unpack_from(self._content, number * self._size)
        return own == number and flags & _KINDS == _LEAF

    def _told(self, number: int, num_bytes: int) -> Iterator[str]:
        """What is wrong with a page of a tree, or with that where a large value begins."""
        try:
            if num_bytes:
                self._look_at_large(number, num_bytes)
            else:
                self._look_at(number)
        except _Damage as damage:
            yield str(damage)

    def _header(self, number: int) -> tuple[int, int, int]:
        """The flags and bounds that a page says it has, which was not looked at before."""
        if number in self._seen:
            raise _Damage(f"page {number} is reached twice")
        self._seen.add(number)
        if number > self._last:
            raise _Damage(f"page {number} is behind the last one, {self._last}")
        own, _, flags, lower, upper = _header.unpack_from(self._content, number * self._size)
        if own != number:
            raise _Damage(f"page {number} says that it is page {own}")
        return flags, lower, upper

    def _look_at(self, number: int) -> None:
        """Check a page of a tree; those that it leads to will wait."""
        flags, lower, upper = self._header(number)
        kind, size = flags & _KINDS, self._size
        if kind not in (_BRANCH, _LEAF):
            raise _Damage(f"page {number} is of no kind that a tree has ({flags:#x})")
        if not _HEADER_BYTES <= lower <= upper <= size or lower % 2:
            raise _Damage(f"page {number} has its bounds at {lower} and {upper} of {size} bytes")
        page = self._content[number * size : (number + 1) * size]
        offsets = struct.unpack_from(f"<{(lower - _HEADER_BYTES) // 2}H", page, _HEADER_BYTES)
        if offsets and not upper <= min(offsets) <= max(offsets) <= size - _NODE_BYTES:
            raise _Damage(f"page {number} has an entry outside itself")
        if kind == _BRANCH:
            self._look_at_branch(number, page, offsets)
        else:
            self._look_at_leaf(number, page, offsets)

    def _look_at_branch(self, number: int, page: bytes, offsets: tuple[int, ...]) -> None:
        if len(offsets) < 2:
            raise _Damage(f"page {number} should lead to several pages and does not")
        for offset in offsets:
            low, middle, high, key_bytes = _node.unpack_from(page, offset)
            if offset + _NODE_BYTES + key_bytes > self._size:
                raise _Damage(f"page {number} has an entry that ends outside itself")
            self._waiting.append((low | middle << 16 | high << 32, 0))

    def _look_at_leaf(self, number: int, page: bytes, offsets: tuple[int, ...]) -> None:
        unpack, room = _node.unpack_from, self._size - _NODE_BYTES
        for offset in offsets:
            low, high, flags, key_bytes = unpack(page, offset)
            is_big = flags & _BIG
            data, data_bytes = offset + key_bytes, 8 if is_big else low | high << 16
            if data + data_bytes > room:
                raise _Damage(f"page {number} has an entry that ends outside itself")
            if is_big:
                (child,) = struct.unpack_from("<Q", page, data + _NODE_BYTES)
                self._waiting.append((child, low | high << 16))
            elif flags & _SUB and data_bytes == _DB_BYTES:
                (root,) = struct.unpack_from("<Q", page, data + _NODE_BYTES + _DB_BYTES - 8)
                if root != _NO_PAGE:
                    self._waiting.append((root, 0))

    def _look_at_large(self, number: int, num_bytes: int) -> None:
        """Check the first page of a large value; the others are nothing but its bytes."""
        num_pages = (_HEADER_BYTES + num_bytes + self._size - 1) // self._size
        if number + num_pages - 1 > self._last:
            raise _Damage(f"the large value on page {number} goes on behind the last page")
        flags, low, high = self._header(number)
        if not flags & _OVERFLOW or low | high << 16 < num_pages:
            raise _Damage(f"page {number} should begin a large value of {num_pages} pages")
