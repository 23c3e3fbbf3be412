"""Plans in words: a tree of lines, the last step first."""

from collections.abc import Iterator

from glasshouse.records.query.plans import (
    Concatenation,
    Filter,
    IndexScan,
    Intersection,
    Merge,
    Nothing,
    Plan,
    RecordScan,
    Sort,
    TextScan,
)
from glasshouse.records.schema.keys import Key


def explain_plan(plan: Plan) -> str:
    """A plan as a tree of lines, the last step first."""
    return "\n".join("  " * depth + words for depth, words in _lines(plan, 0))


def _lines(plan: Plan, depth: int) -> Iterator[tuple[int, str]]:
    yield depth, _words(plan)
    match plan:
        case Filter(child):
            yield from _lines(child, depth + 1)
        case Intersection(_, sources):
            for source in sources:
                yield from _lines(source, depth + 1)
        case Concatenation(branches) | Merge(branches) | Sort(branches):
            for branch in branches:
                inner = depth + 1
                if branch.given_before is not None:
                    yield inner, f"without what was given before: {branch.given_before}"
                    inner += 1
                yield from _lines(branch.child, inner)


def _words(plan: Plan) -> str:
    match plan:
        case Nothing(kind):
            return f"nothing: no {kind.__name__} can meet the condition"
        case RecordScan(kind, within, reverse):
            return f"scan {kind.__name__} by primary key: {within.words}{_backwards(reverse)}"
        case IndexScan(kind, index, _, within, reverse):
            how = "scan index" if plan.wanted is None else "covering scan index"
            once = ", each record once" if plan.meets_twice else ""
            return f"{how} {index} for {kind.__name__}: {within.words}{once}{_backwards(reverse)}"
        case TextScan(kind, index, condition, _, grouped):
            words = ", ".join(str(one) for one in (*grouped, condition))
            return f"scan text index {index} for {kind.__name__}: {words}"
        case Intersection(kind):
            return f"intersection by primary key of {kind.__name__}"
        case Filter(_, condition):
            return f"filter {condition}"
        case Concatenation():
            return "one after the other"
        case Merge(_, orders):
            return f"merge by {_columns(orders[0])}"
        case Sort(_, orders, at_most, first):
            some = "" if first is None else f", the first {first}"
            return f"sort in memory by {_columns(orders[0])}{some}, at most {at_most} rows at once"


def _columns(order: Key) -> str:
    return ", ".join(column.describe() for column in order)


def _backwards(reverse: bool) -> str:
    return ", backwards" if reverse else ""
