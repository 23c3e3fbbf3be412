"""The tree of directory names.

A directory is a node under the *node subspace*, addressed by the directory's own prefix: one row
for its layer and one for each subdirectory, whose value is that one's prefix. Moving a directory
changes one row; what is kept in it stays where it is.

Source:
    FoundationDB's directory layer, version 1.0.0 of its rows.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from glasshouse.errors import EngineError
from glasshouse.records.directory.allocator import PrefixAllocator
from glasshouse.records.engines.engine import Transaction
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import strinc

_SUBDIRECTORIES = 0
_VERSION = (1, 0, 0)
_PARTITION = b"partition"

Path = str | Sequence[str]
"""One name, or several from the top."""
Names = list[str]
Rows = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """A directory that was found, and how far down the path it lies."""

    place: Subspace
    prefix: bytes
    layer: bytes
    depth: int


class DirectoryLayer:
    """Directories below one root; has no state but where they are kept."""

    def __init__(
        self,
        *,
        node_prefix: bytes = b"\xfe",
        content_prefix: bytes = b"",
        allow_manual_prefixes: bool = False,
        path: tuple[str, ...] = (),
    ) -> None:
        """Use the root of the database, or one of your own.

        Args:
            node_prefix: Where names are kept.
            content_prefix: What all allocated prefixes begin with.
            allow_manual_prefixes: Let `create` be given a prefix.
            path: Where the root itself lies, for a partition.
        """
        self.path = path
        self._nodes = Subspace(raw_prefix=node_prefix)
        self._content_prefix = content_prefix
        self._allow_manual = allow_manual_prefixes
        self._root = self._nodes[node_prefix]
        self._allocator = PrefixAllocator(self._root[b"hca"])

    def create_or_open(
        self, transaction: Transaction, path: Path, *, layer: bytes = b""
    ) -> "DirectorySubspace":
        """Open a directory, or create it and those above it.

        Raises:
            EngineError: If it has another layer, or cannot be created.
        """
        return self._open(transaction, path, layer, may_open=True, may_create=True)

    def open(
        self, transaction: Transaction, path: Path, *, layer: bytes = b""
    ) -> "DirectorySubspace":
        """Open a directory that is there.

        Raises:
            EngineError: If it is not, or has another layer.
        """
        return self._open(transaction, path, layer, may_open=True, may_create=False)

    def create(
        self,
        transaction: Transaction,
        path: Path,
        *,
        layer: bytes = b"",
        prefix: bytes | None = None,
    ) -> "DirectorySubspace":
        """Create a directory that is not there, and those above it.

        Args:
            transaction: Read and write through this.
            path: Its names from the top.
            layer: What kind of thing lies in it; who opens it may ask for the same.
            prefix: Where its keys shall lie; None: a short prefix that nobody has.

        Raises:
            EngineError: If it is there already, or the prefix is in use or not allowed.
        """
        return self._open(transaction, path, layer, may_open=False, may_create=True, prefix=prefix)

    def exists(self, transaction: Transaction, path: Path) -> bool:
        """Whether there is such a directory; the root always is."""
        self._check_version(transaction, writes=False)
        names = names_of(path)
        node = self._find(transaction, names)
        if node is None:
            return False
        inner = self._inner(node, names)
        return inner is None or inner.exists(transaction, names[node.depth :])

    def list(self, transaction: Transaction, path: Path = ()) -> Names:
        """The names of a directory's subdirectories, in order.

        Raises:
            EngineError: If there is no such directory.
        """
        self._check_version(transaction, writes=False)
        names = names_of(path)
        node = self._required(transaction, names)
        if node.layer == _PARTITION:
            return self._partition(node, names).list(transaction, names[node.depth :])
        return [name for name, _ in self._below(transaction, node.place)]

    def move(self, transaction: Transaction, old: Path, new: Path) -> "DirectorySubspace":
        """Give a directory another name; its keys stay where they are.

        Raises:
            EngineError: If it is not there, the new name is taken or lies inside it, the new parent
                is not there, or one of them lies in another partition.
        """
        self._check_version(transaction, writes=True)
        source, target = names_of(old), names_of(new)
        if source == target[: len(source)]:
            raise EngineError(
                f"{_shown(target)} lies inside {_shown(source)}, which cannot move there"
            )
        node, taken = self._required(transaction, source), self._find(transaction, target)
        inner, other = self._inner(node, source), self._inner(taken, target)
        if inner is not None or other is not None:
            if inner is None or other is None or inner.path != other.path:
                raise EngineError("a directory cannot move from one partition to another")
            return inner.move(transaction, source[node.depth :], target[node.depth :])
        if taken is not None:
            raise EngineError(f"the directory {_shown(target)} is there already; remove it first")
        parent = self._find(transaction, target[:-1])
        if parent is None:
            raise EngineError(f"the directory {_shown(target[:-1])} is not there; create it first")
        transaction.set(parent.place.pack((_SUBDIRECTORIES, target[-1])), node.prefix)
        self._forget_name(transaction, source)
        return self._contents(node.prefix, target, node.layer)

    def remove(self, transaction: Transaction, path: Path) -> None:
        """Remove a directory, all below it and all that is kept in them.

        Raises:
            EngineError: If it is not there, or is the root.
        """
        if not self.remove_if_exists(transaction, path):
            raise EngineError(f"the directory {_shown(names_of(path))} is not there")

    def remove_if_exists(self, transaction: Transaction, path: Path) -> bool:
        """Remove a directory if it is there; say whether it was.

        Raises:
            EngineError: If it is the root.
        """
        self._check_version(transaction, writes=True)
        names = names_of(path)
        if not names:
            raise EngineError("the root directory cannot be removed")
        node = self._find(transaction, names)
        if node is None:
            return False
        inner = self._inner(node, names)
        if inner is not None:
            return inner.remove_if_exists(transaction, names[node.depth :])
        self._remove_below(transaction, node.place, node.prefix)
        self._forget_name(transaction, names)
        return True

    def _open(
        self,
        transaction: Transaction,
        path: Path,
        layer: bytes,
        *,
        may_open: bool,
        may_create: bool,
        prefix: bytes | None = None,
    ) -> "DirectorySubspace":
        self._check_version(transaction, writes=False)
        if prefix is not None and not self._allow_manual:
            raise EngineError("a prefix was given; make the layer with allow_manual_prefixes=True")
        names = names_of(path)
        if not names:
            raise EngineError("the root directory holds the names of others and cannot be opened")
        node = self._find(transaction, names)
        if node is None:
            if not may_create:
                raise EngineError(f"the directory {_shown(self.path + names)} is not there")
            return self._create(transaction, names, layer, prefix)
        inner = self._inner(node, names)
        if inner is not None:
            rest = names[node.depth :]
            if not may_open:
                return inner.create(transaction, rest, layer=layer, prefix=prefix)
            reach = inner.create_or_open if may_create else inner.open
            return reach(transaction, rest, layer=layer)
        if not may_open:
            raise EngineError(f"the directory {_shown(self.path + names)} is there already")
        if layer and layer != node.layer:
            raise EngineError(
                f"the directory {_shown(self.path + names)} has the layer {node.layer!r}, not "
                f"{layer!r}"
            )
        return self._contents(node.prefix, names, node.layer)

    def _create(
        self, transaction: Transaction, names: tuple[str, ...], layer: bytes, prefix: bytes | None
    ) -> "DirectorySubspace":
        self._check_version(transaction, writes=True)
        if prefix is None:
            prefix = self._content_prefix + self._allocator.allocate(transaction)
            if transaction.get_range(prefix, strinc(prefix), limit=1):
                raise EngineError(
                    f"keys lie at the prefix {prefix!r}, which no directory was given"
                )
            if not self._is_free(transaction, prefix, snapshot=True):
                raise EngineError(f"the prefix {prefix!r} lies in one that was chosen by hand")
        elif not self._is_free(transaction, prefix, snapshot=False):
            raise EngineError(f"the prefix {prefix!r} is in use")
        *above, name = names
        parent = self._root
        if above:
            parent = self._nodes[self.create_or_open(transaction, above).key]
        transaction.set(parent.pack((_SUBDIRECTORIES, name)), prefix)
        transaction.set(self._nodes[prefix].pack((b"layer",)), layer)
        return self._contents(prefix, names, layer)

    def _find(self, transaction: Transaction, names: tuple[str, ...]) -> _Node | None:
        """The node of a path, or the partition on the way to it."""
        node = _Node(self._root, self._nodes.key, b"", 0)
        for depth, name in enumerate(names, start=1):
            prefix = transaction.get(node.place.pack((_SUBDIRECTORIES, name)))
            if prefix is None:
                return None
            place = self._nodes[prefix]
            layer = transaction.get(place.pack((b"layer",))) or b""
            node = _Node(place, prefix, layer, depth)
            if layer == _PARTITION:
                break
        return node

    def _required(self, transaction: Transaction, names: tuple[str, ...]) -> _Node:
        node = self._find(transaction, names)
        if node is None:
            raise EngineError(f"the directory {_shown(self.path + names)} is not there")
        return node

    def _inner(self, node: _Node | None, names: tuple[str, ...]) -> "DirectoryLayer | None":
        """The partition that the rest of a path lies in, if it lies in one."""
        if node is None or node.layer != _PARTITION or node.depth == len(names):
            return None
        return self._partition(node, names)

    def _partition(self, node: _Node, names: tuple[str, ...]) -> "DirectoryLayer":
        return DirectoryLayer(
            node_prefix=node.prefix + b"\xfe",
            content_prefix=node.prefix,
            path=self.path + names[: node.depth],
        )

    def _contents(self, prefix: bytes, names: tuple[str, ...], layer: bytes) -> "DirectorySubspace":
        path = self.path + names
        below = self
        if layer == _PARTITION:
            below = DirectoryLayer(node_prefix=prefix + b"\xfe", content_prefix=prefix, path=path)
        return DirectorySubspace(raw_prefix=prefix, path=path, layer=layer, above=self, below=below)

    def _below(self, transaction: Transaction, place: Subspace) -> Rows:
        subdirectories = place[_SUBDIRECTORIES]
        rows = transaction.get_range(*subdirectories.range())
        return [(subdirectories.unpack(key)[0], value) for key, value in rows]

    def _remove_below(self, transaction: Transaction, place: Subspace, prefix: bytes) -> None:
        for _, below in self._below(transaction, place):
            self._remove_below(transaction, self._nodes[below], below)
        transaction.clear_range(prefix, strinc(prefix))
        transaction.clear_range(*place.range())

    def _forget_name(self, transaction: Transaction, names: tuple[str, ...]) -> None:
        parent = self._required(transaction, names[:-1])
        transaction.clear(parent.place.pack((_SUBDIRECTORIES, names[-1])))

    def _is_free(self, transaction: Transaction, prefix: bytes, *, snapshot: bool) -> bool:
        """Whether a prefix neither lies in another directory's nor has one inside."""
        if not prefix or prefix.startswith(self._nodes.key):
            return False
        begin, end = self._nodes.range()[0], self._nodes.pack((prefix,)) + b"\x00"
        before = transaction.get_range(begin, end, limit=1, reverse=True, snapshot=snapshot)
        if before and prefix.startswith(self._nodes.unpack(before[0][0])[0]):
            return False
        inside = (self._nodes.pack((prefix,)), self._nodes.pack((strinc(prefix),)))
        return not transaction.get_range(*inside, limit=1, snapshot=snapshot)

    def _check_version(self, transaction: Transaction, *, writes: bool) -> None:
        key = self._root.pack((b"version",))
        held = transaction.get(key)
        if held is None:
            if writes:
                transaction.set(key, struct.pack("<III", *_VERSION))
            return
        found = struct.unpack("<III", held)
        if found[0] > _VERSION[0] or (writes and found[1] > _VERSION[1]):
            shown = ".".join(map(str, found))
            raise EngineError(f"the directories are of version {shown}; this program is too old")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DirectorySubspace(Subspace):
    """What is kept in a directory, and the directories below it.

    A partition keeps directories only: whoever packs a key in it would write among their names.
    """

    path: tuple[str, ...] = ()
    """Its names from the top of the database."""
    layer: bytes = b""
    """What kind of thing lies in it."""
    above: DirectoryLayer = field(kw_only=True)
    """The layer that knows it by name."""
    below: DirectoryLayer = field(kw_only=True)
    """The layer of the directories in it: a partition has its own."""

    def pack(self, elements: Sequence[Any] = ()) -> bytes:
        """A key in it.

        Raises:
            EngineError: If it is a partition.
        """
        if self.layer == _PARTITION:
            raise EngineError(f"{_shown(self.path)} is a partition, which has no keys of its own")
        return Subspace.pack(self, elements)

    def create_or_open(
        self, transaction: Transaction, path: Path, *, layer: bytes = b""
    ) -> "DirectorySubspace":
        """Open or create a directory below this one."""
        return self.below.create_or_open(transaction, self._inside(path), layer=layer)

    def open(
        self, transaction: Transaction, path: Path, *, layer: bytes = b""
    ) -> "DirectorySubspace":
        """Open a directory below this one."""
        return self.below.open(transaction, self._inside(path), layer=layer)

    def list(self, transaction: Transaction) -> Names:
        """The names of the directories below this one."""
        return self.below.list(transaction, self._inside(()))

    def move_to(self, transaction: Transaction, path: Path) -> "DirectorySubspace":
        """Give it another name, from the top of the database.

        Raises:
            EngineError: As `DirectoryLayer.move`.
        """
        names, above = names_of(path), self.above.path
        if names[: len(above)] != above:
            raise EngineError("a directory cannot move from one partition to another")
        own = self.path[len(above) :]
        return self.above.move(transaction, own, names[len(above) :])

    def remove(self, transaction: Transaction) -> None:
        """Remove it, all below it and all that is kept in them."""
        self.above.remove(transaction, self.path[len(self.above.path) :])

    def exists(self, transaction: Transaction) -> bool:
        """Whether it is still there."""
        return self.above.exists(transaction, self.path[len(self.above.path) :])

    def _inside(self, path: Path) -> tuple[str, ...]:
        return self.path[len(self.below.path) :] + names_of(path)

    def __repr__(self) -> str:
        return f"DirectorySubspace({_shown(self.path)}, {self.raw_prefix!r})"


def names_of(path: Path) -> tuple[str, ...]:
    """A path as a tuple of names.

    Raises:
        EngineError: If a name is no text.
    """
    names = (path,) if isinstance(path, str) else tuple(path)
    for name in names:
        if not isinstance(name, str):
            raise EngineError(f"a directory's name is text, and {name!r} is none")
    return names


def _shown(names: tuple[str, ...]) -> str:
    return "/" + "/".join(names)
