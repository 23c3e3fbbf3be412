"""Choosing how to answer a query, by rule: the same query and indexes always give the same plan.

Of the ways to read one record type, the one that narrows most wins: every column of a primary key
or a unique index, then most columns bound to a value, then a bounded one, then the records
themselves, then an index that makes reading them needless. An order that is asked for must come
from a way that gives it. What the way chosen does not answer is tested on each row.

Source:
    1901.04452, section 8.2; the heuristic `RecordQueryPlanner` of the Record Layer.
"""

from collections.abc import Sequence
from dataclasses import replace

from glasshouse.records.expressions.conditions import Condition
from glasshouse.records.query.choosing import Asked, Choice, best_choice
from glasshouse.records.query.ordering import refuse_order
from glasshouse.records.query.plans import (
    Branch,
    Concatenation,
    Merge,
    Nothing,
    Plan,
    Sort,
)
from glasshouse.records.query.query import Query
from glasshouse.records.query.ranges import conjuncts_of
from glasshouse.records.query.sides import given_before, sides_of
from glasshouse.records.query.values import check_condition, type_at
from glasshouse.records.schema.keys import Key
from glasshouse.records.store.store import RecordStore

_MOST_BRANCHES = 512
"""Branches that conditions with `or` or `in` are taken apart into; beyond, they are tested."""


def plan_query(store: RecordStore, query: Query) -> Plan:
    """How a query is answered on a store.

    Raises:
        QueryError: If a field is not there, a value does not fit, or no index gives the order.
    """
    for kind in query.record_types:
        _check(store, query, kind)
    orders = tuple(query.columns_of(kind) for kind in query.record_types)
    found = _plan_types(store, query, orders)
    if found is not None:
        if len(found) == 1:
            return found[0].child
        return Merge(found, orders) if query.order else Concatenation(found)
    if query.sorts_at_most is None:
        refuse_order(query)
    loose = _plan_types(store, query, ((),) * len(orders))
    assert loose is not None
    return Sort(loose, orders, query.sorts_at_most or 0, query.most)


def _check(store: RecordStore, query: Query, kind: type) -> None:
    store.extent(kind)
    check_condition(query.condition, kind)
    for column in query.selected:
        type_at(kind, column.path)


def _plan_types(
    store: RecordStore, query: Query, orders: Sequence[Key]
) -> tuple[Branch, ...] | None:
    """How the records of each type are read; None if no way gives the order of one."""
    conjuncts = conjuncts_of(query.condition)
    branches = []
    for kind, order in zip(query.record_types, orders, strict=True):
        paths = None
        if query.selected:
            paths = frozenset(column.path for column in (*query.selected, *query.order))
        asked = Asked(store, kind, order, paths)
        found = _answer(asked, conjuncts, _MOST_BRANCHES)
        if found is None:
            return None
        branches.append(Branch(found.plan))
    return tuple(branches)


def _answer(asked: Asked, conjuncts: Sequence[Condition], most: int) -> Choice | None:
    """The best way, one or several of them; None if none gives the order."""
    whole = best_choice(asked, conjuncts)
    return _taken_apart(asked, conjuncts, whole, most) or whole


def _taken_apart(
    asked: Asked, conjuncts: Sequence[Condition], whole: Choice | None, most: int
) -> Choice | None:
    """One plan for each side of an `or`, or each value of an `in`, if all narrow more than one."""
    for condition in conjuncts:
        sides = sides_of(condition)
        if sides is None or not 0 < len(sides) <= most:
            continue
        rest = [one for one in conjuncts if one is not condition]
        branches = _branches(asked, sides, rest, whole, most // len(sides))
        if branches is None:
            continue
        branches = [one for one in branches if not isinstance(one[1].plan, Nothing)] or branches[:1]
        if len(branches) == 1:
            return branches[0][1]
        score = min(one.score for _, one in branches)
        parts = tuple(Branch(one.plan, before) for before, one in branches)
        if asked.order:
            return Choice(Merge(parts, (asked.order,) * len(parts)), score)
        return Choice(Concatenation(parts), score)
    return None


def _branches(
    asked: Asked,
    sides: Sequence[Condition],
    rest: Sequence[Condition],
    whole: Choice | None,
    most: int,
) -> list[tuple[Condition | None, Choice]] | None:
    """How each side is answered, and what of it earlier sides have given; None if it is no gain."""
    branches = []
    for place, side in enumerate(sides):
        before = given_before(sides[:place], side)
        tested = asked.tested if before is None else (*asked.tested, before)
        conjuncts = [*conjuncts_of(side), *rest]
        mine = replace(asked, tested=tested)
        found = best_choice(mine, conjuncts)
        if whole is not None and (found is None or found.narrows <= whole.narrows):
            return None
        found = _taken_apart(mine, conjuncts, found, most) or found
        if found is None:
            return None
        branches.append((before, found))
    return branches
