"""Places with names: paths through a tree of typed directories, as keys under a prefix.

    labs = KeySpace(
        KeySpaceDirectory("application", str, constant="lab", children=(
            KeySpaceDirectory("tenant", str, children=(
                KeySpaceDirectory("store", int),
            )),
        )),
    )
    path = labs.path("application").add("tenant", "mit").add("store", 3)
    database.store(schema, path)

A path is the tuple of its values, so that all that lies under it is one range of keys: deleting a
tenant is one range clear. Where texts are long, `interned=Interned(Subspace(("names",)))` has keys
hold a small number for each, which is looked up, and given, in the transaction that uses the path.

Source:
    1901.04452, section 4, "key space"; `KeySpace`, `KeySpaceDirectory` and `KeySpacePath` of the
    Record Layer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from glasshouse.errors import EngineError
from glasshouse.records.directory.interning import Interned
from glasshouse.records.engines.engine import Transaction
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import end_of, pack, read_element, unpack

_KINDS = (str, int, float, bool, bytes, UUID, type(None))


class _Any:
    """No constant: a directory of this may have any value of its kind."""

    def __repr__(self) -> str:
        return "ANY"


ANY = _Any()


@dataclass(frozen=True, slots=True)
class KeySpaceDirectory:
    """One level of a path: its name, the kind of its values, and what may lie below."""

    name: str
    kind: type
    """str, int, float, bool, bytes, UUID or NoneType."""
    constant: Any = ANY
    """The only value it has; without, any of its kind."""
    interned: Interned | None = None
    """Where its texts are kept, if keys are to hold small numbers in their place."""
    children: tuple["KeySpaceDirectory", ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            kinds = ", ".join(kind.__name__ for kind in _KINDS)
            raise EngineError(f"directory {self.name!r} is of {self.kind}; it can be of {kinds}")
        if self.interned is not None and self.kind is not str:
            raise EngineError(f"directory {self.name!r} is interned, which only text can be")
        if self.constant is not ANY:
            self.check(self.constant)
        _refuse_alike(self.children, f"below directory {self.name!r}")

    def check(self, value: Any) -> None:
        """Refuse a value that the directory cannot have.

        Raises:
            EngineError: If so.
        """
        if self.constant is not ANY and value != self.constant:
            raise EngineError(f"directory {self.name!r} is always {self.constant!r}, not {value!r}")
        if type(value) is not self.kind:
            raise EngineError(
                f"directory {self.name!r} holds {self.kind.__name__}, and {value!r} is none"
            )

    def has(self, value: Any) -> bool:
        """Whether a value may be one of the directory's."""
        return type(value) is self.kind and (self.constant is ANY or value == self.constant)

    def stored(self, transaction: Transaction | None, value: Any) -> Any:
        """What keys hold for a value: an interned text's number, which it is given here.

        Raises:
            EngineError: If a number is needed and there is no transaction to look it up in, or it
                has none and the transaction may not write.
        """
        if self.interned is None:
            return value
        if transaction is None:
            raise EngineError(
                f"directory {self.name!r} is interned; give a transaction to look {value!r} up in"
            )
        return self.interned.number_of(transaction, value)

    def read(self, transaction: Transaction | None, held: Any) -> Any:
        """The value that keys hold something for, or `ANY` if it is none of this directory's."""
        if self.interned is not None and transaction is not None and type(held) is int:
            held = self.interned.text_of(transaction, held)
        return held if self.has(held) else ANY


@dataclass(frozen=True, slots=True)
class KeySpacePath:
    """A place: the directories that lead there, with their values."""

    space: "KeySpace"
    steps: tuple[tuple[KeySpaceDirectory, Any], ...]

    def add(self, name: str, value: Any = ANY) -> "KeySpacePath":
        """The place one directory further; a directory with a constant needs no value.

        Raises:
            EngineError: If there is no such directory here, or it cannot have the value.
        """
        return KeySpacePath(self.space, (*self.steps, _step(self.children, name, value, str(self))))

    @property
    def children(self) -> tuple[KeySpaceDirectory, ...]:
        """The directories that may lie below."""
        return self.steps[-1][0].children

    def to_tuple(self) -> tuple[Any, ...]:
        """The values of the path."""
        return tuple(value for _, value in self.steps)

    def subspace(self, transaction: Transaction | None = None) -> Subspace:
        """The keys at and below the place.

        Raises:
            EngineError: If a directory is interned and no transaction is given.
        """
        held = [directory.stored(transaction, value) for directory, value in self.steps]
        return Subspace(held, self.space.raw_prefix)

    def list(
        self, transaction: Transaction, name: str, *, after: Any = ANY
    ) -> Iterator["KeySpacePath"]:
        """The places below that hold something, by one directory, in order.

        One row is read for each place, however much lies in it.

        Args:
            transaction: Read through this.
            name: Of a directory below.
            after: Only values behind this one: where an earlier listing stopped.

        Raises:
            EngineError: If there is no such directory.
        """
        directory = _find(self.children, name, str(self))
        base = self.subspace(transaction).key
        begin = base
        if after is not ANY:
            begin = end_of(pack((directory.stored(transaction, after),), base))
        while True:
            rows = transaction.get_range(begin, end_of(base), limit=1, snapshot=True)
            if not rows:
                return
            key = rows[0][0]
            held, end = read_element(key, len(base))
            value = directory.read(transaction, held)
            if value is not ANY:
                yield self.add(name, value)
            begin = end_of(key[:end])

    def has_data(self, transaction: Transaction) -> bool:
        """Whether anything lies at or below the place."""
        base = self.subspace(transaction).key
        return bool(transaction.get_range(base, end_of(base), limit=1))

    def delete(self, transaction: Transaction) -> None:
        """Remove everything at and below the place, by one range clear."""
        base = self.subspace(transaction).key
        transaction.clear_range(base, end_of(base))

    def __str__(self) -> str:
        return "".join(f"/{directory.name}:{value}" for directory, value in self.steps)


@dataclass(frozen=True, init=False, slots=True)
class KeySpace:
    """A tree of directories."""

    directories: tuple[KeySpaceDirectory, ...]
    raw_prefix: bytes
    """Stands before every path."""

    def __init__(self, *directories: KeySpaceDirectory, raw_prefix: bytes = b"") -> None:
        _refuse_alike(directories, "at the top")
        object.__setattr__(self, "directories", directories)
        object.__setattr__(self, "raw_prefix", raw_prefix)

    def path(self, name: str, value: Any = ANY) -> KeySpacePath:
        """The place at a directory of the top.

        Raises:
            EngineError: If there is no such directory, or it cannot have the value.
        """
        return KeySpacePath(self, (_step(self.directories, name, value, "the top"),))

    def resolve(
        self, key: bytes, transaction: Transaction | None = None
    ) -> tuple[KeySpacePath, tuple[Any, ...]]:
        """The longest path that a key lies under, and the values that follow it.

        Args:
            key: Any key.
            transaction: Where interned texts are looked up.

        Raises:
            EngineError: If it lies under none.
        """
        at, directories, steps = len(self.raw_prefix), self.directories, []
        while at < len(key) and key.startswith(self.raw_prefix):
            held, end = read_element(key, at)
            read = ((one, one.read(transaction, held)) for one in directories)
            found = next((step for step in read if step[1] is not ANY), None)
            if found is None:
                break
            steps.append(found)
            directories, at = found[0].children, end
        if not steps:
            raise EngineError(f"key {key!r} lies under no directory of this key space")
        return KeySpacePath(self, tuple(steps)), unpack(key, at)


def _step(
    directories: tuple[KeySpaceDirectory, ...], name: str, value: Any, where: str
) -> tuple[KeySpaceDirectory, Any]:
    directory = _find(directories, name, where)
    if value is ANY:
        if directory.constant is ANY and directory.kind is not type(None):
            raise EngineError(f"directory {name!r} needs a value of {directory.kind.__name__}")
        value = None if directory.constant is ANY else directory.constant
    directory.check(value)
    return directory, value


def _find(directories: tuple[KeySpaceDirectory, ...], name: str, where: str) -> KeySpaceDirectory:
    for one in directories:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in directories) or "none"
    raise EngineError(f"there is no directory {name!r} below {where}; there is {known}")


def _refuse_alike(directories: tuple[KeySpaceDirectory, ...], where: str) -> None:
    """Refuse siblings whose values cannot be told apart."""
    for place, one in enumerate(directories):
        for other in directories[:place]:
            if one.name == other.name:
                raise EngineError(f"two directories {where} are named {one.name!r}")
            # Keys hold numbers for interned texts.
            kinds = [int if each.interned is not None else each.kind for each in (one, other)]
            same_kind = kinds[0] is kinds[1]
            if same_kind and (
                one.constant is ANY or other.constant is ANY or one.constant == other.constant
            ):
                raise EngineError(
                    f"directories {other.name!r} and {one.name!r} {where} cannot be told apart: "
                    f"both may hold the same {one.kind.__name__}"
                )
