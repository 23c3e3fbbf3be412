"""Choosing how to answer a query, by rule: the same query and indexes always give the same plan.

Of the ways to read one record type, the one that narrows most wins: every column of a primary key
or a unique index, then most columns bound to a value, then a bounded one, then one that need not
read records. An order that is asked for must come from a way that gives it. What the way chosen
does not answer is tested on each row.

Source:
    1901.04452, section 8.2; the heuristic `RecordQueryPlanner` of the Record Layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from glasshouse.errors import QueryError
from glasshouse.records.expressions.conditions import (
    And,
    Comparison,
    Condition,
    Operator,
    Or,
    all_of,
)
from glasshouse.records.query.covering import covers
from glasshouse.records.query.plans import (
    Branch,
    Concatenation,
    Filter,
    IndexScan,
    Intersection,
    Merge,
    Nothing,
    Plan,
    RecordScan,
    Sort,
    Source,
    TextScan,
)
from glasshouse.records.query.query import Query
from glasshouse.records.query.ranges import KeyRange, narrow
from glasshouse.records.query.values import check_condition
from glasshouse.records.query.ways import Way, text_sources, ways_to_read
from glasshouse.records.schema.keys import Key
from glasshouse.records.store.store import RecordStore

_MOST_BRANCHES = 100
"""Branches that a condition with `or` or `in` is taken apart into; beyond, it is tested."""


def plan_query(store: RecordStore, query: Query) -> Plan:
    """How a query is answered on a store.

    Raises:
        QueryError: If a field is not there, a value does not fit, or no index gives the order.
    """
    plans = []
    for kind in query.record_types:
        store.extent(kind)
        check_condition(query.condition, kind)
        plans.append(_plan_type(store, query, kind))
    kinds = query.record_types
    orders = tuple(query.columns_of(kind) for kind in kinds)
    if all(plan is not None for plan in plans):
        found = [plan for plan in plans if plan is not None]
        if len(found) == 1:
            return found[0]
        branches = tuple(Branch(plan, None) for plan in found)
        return Merge(branches, orders) if query.order else Concatenation(branches)
    if query.sorts_at_most is None:
        columns = ", ".join(column.describe() for column in query.order)
        raise QueryError(
            f"no index gives the order {columns} under these conditions; add a value index that "
            "begins with the fields compared for equality and goes on with these columns, or allow "
            ".sorted_in_memory()"
        )
    unsorted = query.order_by()
    loose = [_plan_type(store, unsorted, kind) for kind in kinds]
    child: Plan
    if len(loose) == 1 and loose[0] is not None:
        child = loose[0]
    else:
        child = Concatenation(tuple(Branch(one, None) for one in loose if one is not None))
    return Sort(child, tuple(zip(kinds, orders, strict=True)), query.sorts_at_most)


def _plan_type(store: RecordStore, query: Query, kind: type) -> Plan | None:
    """How the records of one type are read; None if no way gives the order."""
    conjuncts = conjuncts_of(query.condition)
    if any(_is_never(one) for one in conjuncts):
        return Nothing(kind)
    ways = list(ways_to_read(store, kind, conjuncts))
    asked = _Asked(store, query, kind, query.columns_of(kind), ways)
    found = _best(asked, conjuncts)
    apart = _taken_apart(asked, conjuncts, found)
    if apart is not None:
        return apart
    return None if found is None else found.plan


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of one record type."""

    store: RecordStore
    query: Query
    kind: type
    order: Key
    ways: list[Way]


@dataclass(frozen=True, slots=True)
class _Choice:
    """A plan, and how much it narrows."""

    plan: Plan
    score: tuple[int, ...]


def conjuncts_of(condition: Condition | None) -> list[Condition]:
    """The conditions that must all be true."""
    match condition:
        case None:
            return []
        case And(parts):
            return [one for part in parts for one in conjuncts_of(part)]
    return [condition]


def _is_never(condition: Condition) -> bool:
    """Whether a comparison cannot be true: nothing equals, or is smaller than, a missing value."""
    return isinstance(condition, Comparison) and (
        condition.value is None
        or (condition.operator is Operator.IN and all(one is None for one in condition.value))
    )


def _best(asked: _Asked, conjuncts: Sequence[Condition]) -> _Choice | None:
    """The best single way, or intersection of ways; None if none gives the order."""
    choices = list(_choices(asked, conjuncts))
    joined = _intersection(asked, conjuncts, max((one.score[1] for one in choices), default=0))
    if joined is not None:
        choices.append(joined)
    return max(choices, key=lambda one: one.score, default=None)


def _choices(asked: _Asked, conjuncts: Sequence[Condition]) -> Iterator[_Choice]:
    for place, way in enumerate(asked.ways):
        within = narrow(way.key, conjuncts)
        reverse = _gives_order(way, within, asked.order)
        if reverse is None or not _finds_all(way, within):
            continue
        left = [one for one in conjuncts if one not in within.used]
        covered = None
        if way.index is not None and covers(way, asked.store, asked.kind, asked.query, left):
            covered = way.covered
        plan = _with_filter(_scan(asked, way, within, reverse, covered), left)
        is_point = way.is_unique and within.num_equal == way.num_columns
        score = (
            int(is_point),
            within.num_equal,
            int(within.has_bounds),
            int(covered is not None),
            int(way.index is None),
            -place,
        )
        yield _Choice(plan, score)


def _scan(asked: _Asked, way: Way, within: KeyRange, reverse: bool, covered: Key | None) -> Plan:
    if way.index is None:
        return RecordScan(asked.kind, within, reverse)
    return IndexScan(
        asked.kind,
        way.index,
        way.key,
        within,
        reverse,
        meets_twice=way.fans_out and (within.has_bounds or way.repeats_within(within.num_equal)),
        covered=covered,
        space=way.space,
    )


def _finds_all(way: Way, within: KeyRange) -> bool:
    """Whether a record that meets the conditions stands in the range at least once.

    A record with no element has no key at all in an index that fans out, so every column that fans
    out must be one that a condition is on.
    """
    return all(place < within.num_matched for place in way.fanned_columns)


def _gives_order(way: Way, within: KeyRange, order: Key) -> bool | None:
    """Whether a way must be read backwards to give an order; None if it cannot."""
    if not order:
        return False
    bound = {column.path for column in way.key[: within.num_equal]}
    rest = list(way.key[within.num_equal :])
    directions = set()
    for column in order:
        if column.path in bound:
            continue
        if not rest or rest[0].path != column.path or way.fans_out_at(len(way.key) - len(rest)):
            return None
        directions.add(rest.pop(0).descending != column.descending)
    if len(directions) > 1:
        return None
    return directions.pop() if directions else False


def _with_filter(plan: Plan, left: Sequence[Condition]) -> Plan:
    condition = all_of(left)
    return plan if condition is None else Filter(plan, condition)


def _intersection(asked: _Asked, conjuncts: Sequence[Condition], beaten: int) -> _Choice | None:
    """Sources that bind all their columns, joined, if together they answer more conditions."""
    if asked.order:
        return None
    sources: list[Source] = []
    used: list[Condition] = []
    num_text = 0
    for index, condition in text_sources(asked.store, asked.kind, conjuncts):
        sources.append(TextScan(asked.kind, index, condition))
        used.append(condition)
        num_text += 1
    scans = []
    for way in asked.ways:
        within = narrow(way.key, conjuncts)
        is_whole = within.num_equal == len(way.key) and not way.is_unique and way.index is not None
        if is_whole and not way.repeats_within(within.num_equal):
            scans.append((way, within))
    for way, within in sorted(scans, key=lambda pair: -pair[1].num_equal):
        if any(one not in used for one in within.used):
            scan = _scan(asked, way, within, False, None)
            assert isinstance(scan, IndexScan)
            sources.append(scan)
            used += [one for one in within.used if one not in used]
    if not sources or len(used) <= beaten or (len(sources) == 1 and not num_text):
        return None
    left = [one for one in conjuncts if one not in used]
    plan: Plan = sources[0] if len(sources) == 1 else Intersection(asked.kind, tuple(sources))
    return _Choice(_with_filter(plan, left), (0, len(used), 0, 0, 0, 0))


def _taken_apart(
    asked: _Asked, conjuncts: Sequence[Condition], whole: _Choice | None
) -> Plan | None:
    """One plan for each side of an `or`, or each value of an `in`, if all narrow more than one."""
    for condition in conjuncts:
        sides = _sides(condition)
        if sides is None or len(sides) > _MOST_BRANCHES:
            continue
        rest = [one for one in conjuncts if one is not condition]
        plans = [_best(asked, [*conjuncts_of(side), *rest]) for side in sides]
        chosen = [one for one in plans if one is not None]
        if len(chosen) < len(plans):
            continue
        if whole is not None and any(one.score[:3] <= whole.score[:3] for one in chosen):
            continue
        branches = tuple(
            Branch(one.plan, _any_of(sides[:place])) for place, one in enumerate(chosen)
        )
        if asked.order:
            return Merge(branches, (asked.order,) * len(branches))
        return Concatenation(branches)
    return None


def _sides(condition: Condition) -> list[Condition] | None:
    """The conditions of which one must be true."""
    match condition:
        case Or(parts):
            return [one for part in parts for one in _sides(part) or [part]]
        case Comparison(path, Operator.IN, values):
            distinct = list(dict.fromkeys(value for value in values if value is not None))
            return [Comparison(path, Operator.EQUAL, value) for value in distinct]
    return None


def _any_of(sides: Sequence[Condition]) -> Condition | None:
    if not sides:
        return None
    return sides[0] if len(sides) == 1 else Or(tuple(sides))
