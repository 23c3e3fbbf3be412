"""Plans: how a query is answered, as values.

Each node gives rows one after another and, with each, a position from which it can go on.

Source:
    1901.04452, section 8.2; the operators of the Record Layer's `RecordQueryPlan`.
"""

from dataclasses import dataclass

from glasshouse.records.expressions.conditions import Condition
from glasshouse.records.query.ranges import KeyRange
from glasshouse.records.schema.keys import Key


@dataclass(frozen=True, slots=True)
class Nothing:
    """No row: a condition cannot be true."""

    record_type: type


@dataclass(frozen=True, slots=True)
class RecordScan:
    """Records of a type in the order of their primary keys."""

    record_type: type
    within: KeyRange
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class IndexScan:
    """Records in the order of an index."""

    record_type: type
    index: str
    key: Key
    within: KeyRange
    reverse: bool = False
    meets_twice: bool = False
    """Whether a record may stand in the range more than once, and is to come once."""
    is_unique: bool = False
    """Whether a row may have its record's id in the value."""
    is_shared: bool = False
    """Whether records of other types have rows there too."""
    wanted: frozenset[str] | None = None
    """The fields that are asked for, if the index has them all: no record is read."""
    covered: Key = ()
    """The columns kept beside the key."""
    space: bytes = b""
    """What stands before the key, after the index's own space."""


@dataclass(frozen=True, slots=True)
class TextScan:
    """Records whose text meets a condition, in the order of their ids."""

    record_type: type
    index: str
    condition: Condition
    group: bytes = b""
    """The group of the index that it is looked for in, packed."""
    grouped: tuple[Condition, ...] = ()
    """The conditions that say so."""


Source = IndexScan | TextScan
"""What gives records in the order of their ids."""


@dataclass(frozen=True, slots=True)
class Intersection:
    """Records that several sources give, each in the order of record ids."""

    record_type: type
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows for which a condition is true."""

    child: "Plan"
    condition: Condition


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several plans, and what of its rows an earlier one has given."""

    child: "Plan"
    given_before: Condition | None = None
    """True of the rows to leave out: no memory of rows is needed to give each once."""


@dataclass(frozen=True, slots=True)
class Concatenation:
    """The rows of several plans, one plan after the other."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """The rows of several plans that are sorted alike, sorted."""

    branches: tuple[Branch, ...]
    orders: tuple[Key, ...]
    """For each branch, the columns of the order as its record type has them."""


@dataclass(frozen=True, slots=True)
class Sort:
    """The rows of several plans, collected and sorted in memory."""

    branches: tuple[Branch, ...]
    orders: tuple[Key, ...]
    """For each branch, the columns of the order as its record type has them."""
    at_most: int
    """Rows to hold at once."""
    first: int | None
    """How many of the sorted rows are wanted; None for all."""


Plan = (
    Nothing
    | RecordScan
    | IndexScan
    | TextScan
    | Intersection
    | Filter
    | Concatenation
    | Merge
    | Sort
)
