"""Plans: how a query is answered, as values that can be read.

Each node gives rows one after another and, with each, a position from which it can go on.

Source:
    1901.04452, section 8.2; the operators of the Record Layer's `RecordQueryPlan`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
    covered: Key | None = None
    """The columns kept beside the key, if the index has all that is asked: no record is read."""
    space: bytes = b""
    """What stands before the key, after the index's own space."""


@dataclass(frozen=True, slots=True)
class TextScan:
    """Records whose text meets a condition, in the order of their ids."""

    record_type: type
    index: str
    condition: Condition


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
    given_before: Condition | None
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
    """Rows collected and sorted in memory."""

    child: "Plan"
    orders: tuple[tuple[type, Key], ...]
    """For each record type, the columns of the order."""
    at_most: int


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


def explain_plan(plan: Plan) -> str:
    """A plan as a tree of lines, the last step first."""
    return "\n".join("  " * depth + words for depth, words in _lines(plan, 0))


def _lines(plan: Any, depth: int) -> Iterator[tuple[int, str]]:
    yield depth, _words(plan)
    match plan:
        case Filter(child) | Sort(child):
            yield from _lines(child, depth + 1)
        case Intersection(_, sources):
            for source in sources:
                yield from _lines(source, depth + 1)
        case Concatenation(branches) | Merge(branches):
            for branch in branches:
                if branch.given_before is not None:
                    yield depth + 1, f"without what was given before: {branch.given_before}"
                yield from _lines(branch.child, depth + 1)


def _words(plan: Any) -> str:
    match plan:
        case Nothing(kind):
            return f"nothing: no {kind.__name__} can meet the condition"
        case RecordScan(kind, within, reverse):
            return f"scan {kind.__name__} by primary key: {within.words}{_direction(reverse)}"
        case IndexScan(kind, index, _, within, reverse, meets_twice, covered):
            how = "covering " if covered is not None else ""
            once = ", each record once" if meets_twice else ""
            return (
                f"{how}scan index {index} for {kind.__name__}: {within.words}"
                f"{once}{_direction(reverse)}"
            )
        case TextScan(kind, index, condition):
            return f"scan text index {index} for {kind.__name__}: {condition}"
        case Intersection(kind):
            return f"intersection by primary key of {kind.__name__}"
        case Filter(_, condition):
            return f"filter {condition}"
        case Concatenation():
            return "one after the other"
        case Merge(_, orders):
            return "merge by " + ", ".join(column.describe() for column in orders[0])
        case Sort(_, orders, at_most):
            columns = ", ".join(column.describe() for column in orders[0][1])
            return f"sort in memory by {columns}, at most {at_most} rows"
    raise AssertionError(plan)


def _direction(reverse: bool) -> str:
    return ", backwards" if reverse else ""
