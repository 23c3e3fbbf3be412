"""Whether rows that stand in the order of a key come in the order that is asked for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from glasshouse.errors import QueryError
from glasshouse.records.expressions.conditions import Comparison, Operator, values_at
from glasshouse.records.query.bounds import Lane, exact_bytes, lane_of
from glasshouse.records.query.query import Query
from glasshouse.records.query.ranges import Conjuncts, KeyRange, conjuncts_of
from glasshouse.records.query.values import sorts_as_keys
from glasshouse.records.query.ways import Way
from glasshouse.records.schema.keys import Column, Key
from glasshouse.records.schema.packing import column_packer, compile_key
from glasshouse.records.tuples import invert, pack_float, pack_int


def direction_of(
    way: Way, within: KeyRange, order: Key, primary_key: Key, conjuncts: Conjuncts
) -> bool | None:
    """Whether a way must be read backwards to give an order; None if it cannot.

    A field that conditions bind to one value sorts nothing, and behind the whole primary key there
    is nothing left to sort.
    """
    if not order:
        return False
    settled = {column.path for column in (*order, *primary_key) if _is_bound(column, conjuncts)}
    last = {column.path for column in primary_key}
    lanes = iter(way.order[within.num_equal :])
    directions = set()
    for column in order:
        if column.path in settled:
            continue
        if last <= settled:
            break
        if not sorts_as_keys(column.type):
            return None
        lane = next((one for one in lanes if not _is_settled(one, settled, conjuncts)), None)
        if lane is None or lane.path != column.path:
            return None
        settled.add(column.path)
        directions.add(lane.column.descending != column.descending)
    if len(directions) > 1:
        return None
    return directions.pop() if directions else False


def _is_settled(lane: Lane, settled: set[tuple[str, ...]], conjuncts: Conjuncts) -> bool:
    """Whether a column is the same in all rows that do not differ before it."""
    return lane.constant is not None or lane.path in settled or _is_bound(lane.column, conjuncts)


def _is_bound(column: Column, conjuncts: Conjuncts) -> bool:
    """Whether all that meets the conditions has the same bytes in a column."""
    if not column.path or any(step.endswith("[]") for step in column.path):
        return False
    mine = conjuncts.on.get(column.path, ())
    return bool(mine) and any(exact_bytes(lane_of(column, 0), one) is not None for one in mine)


def sort_key_of(order: Key) -> Callable[[Any], bytes]:
    """A function of a row to bytes that sort as the columns do."""
    if all(sorts_as_keys(column.type) for column in order):
        return compile_key(order, 0)
    columns = [(values_at(column.path), _number_packer(column)) for column in order]
    return lambda row: b"".join([pack(values(row)[0]) for values, pack in columns])


def _number_packer(column: Column) -> Callable[[Any], bytes]:
    """A packer of a column in which whole numbers sort among all others."""
    pack = column_packer(replace(column, descending=False))

    def among(value: Any) -> bytes:
        if type(value) is int:
            near = float(value)
            packed = pack_float(near) + pack_int(value - int(near))
        else:
            packed = pack(value) + (_ZERO if type(value) is float else b"")
        return packed

    if sorts_as_keys(column.type):
        return column_packer(column)
    return (lambda value: invert(among(value))) if column.descending else among


_ZERO = pack_int(0)


def refuse_order(query: Query) -> NoReturn:
    """Say that no index gives an order, and which would."""
    for column in query.order:
        if not sorts_as_keys(column.type):
            raise QueryError(
                f"no index gives the order {column.describe()}, as the field may hold values of "
                "several kinds, which sort by kind in keys; allow .sorted_in_memory()"
            )
    asked = ", ".join(column.describe() for column in query.order)
    equal = [
        ".".join(one.path)
        for one in conjuncts_of(query.condition)
        if isinstance(one, Comparison) and one.operator is Operator.EQUAL
    ]
    columns = [*dict.fromkeys(equal), *(column.describe() for column in query.order)]
    kinds = ", ".join(kind.__name__ for kind in query.record_types)
    raise QueryError(
        f"no index gives the order {asked} under these conditions; a value index of {kinds} by "
        f"({', '.join(columns)}) would, or allow .sorted_in_memory()"
    )
