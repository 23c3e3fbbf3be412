"""The best single way to read the records of a type, or the best intersection of ways."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from glasshouse.records.expressions.conditions import Condition, IsNone, all_of
from glasshouse.records.query.covering import Path, covered_fields
from glasshouse.records.query.ordering import direction_of
from glasshouse.records.query.plans import (
    Filter,
    IndexScan,
    Intersection,
    Nothing,
    Plan,
    RecordScan,
    Source,
)
from glasshouse.records.query.ranges import Conjuncts, KeyRange, narrow, sort_out
from glasshouse.records.query.sides import is_never
from glasshouse.records.query.ways import Way, text_sources, ways_to_read
from glasshouse.records.schema.keys import Key
from glasshouse.records.store.store import RecordStore


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one record type."""

    store: RecordStore
    kind: type
    order: Key
    """The order that rows must come in."""
    paths: frozenset[Path] | None
    """What rows need if they need not be records."""
    tested: tuple[Condition, ...] = ()
    """What is tested on rows besides the conditions of the query."""

    @property
    def primary_key(self) -> Key:
        """The primary key of the type."""
        return self.store.schema.keys[self.kind]


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan, and how much it narrows."""

    plan: Plan
    score: tuple[int, ...]

    @property
    def narrows(self) -> tuple[int, ...]:
        """How much it narrows, less what only breaks ties."""
        return self.score[:3]


def best_choice(asked: Asked, conditions: Sequence[Condition]) -> Choice | None:
    """The best single way, or intersection of ways; None if none gives the order."""
    if any(is_never(one) for one in conditions):
        return Choice(Nothing(asked.kind), (2,))
    conjuncts = sort_out(conditions)
    ways = ways_to_read(asked.store, asked.kind, conjuncts, asked.order)
    narrowed = [(ways[0], narrow(ways[0].lanes, conjuncts))]
    if narrowed[0][1].num_equal < len(ways[0].key):  # else it is one record, whatever indexes say
        narrowed += [(way, narrow(way.lanes, conjuncts)) for way in ways[1:]]
    choices = [
        choice
        for way, within in narrowed
        if (choice := _choice(asked, way, within, conjuncts)) is not None
    ]
    joined = _intersection(asked, narrowed, conjuncts)
    if joined is not None:
        choices.append(joined)
    return max(choices, key=lambda one: one.score, default=None)  # the first of the best


def _choice(asked: Asked, way: Way, within: KeyRange, conjuncts: Conjuncts) -> Choice | None:
    """How a way answers what is asked; None if it cannot."""
    # A record without elements has no key where they fan out: a condition must be on one of them.
    if any(place >= within.num_matched for place in way.elements):
        return None
    if within.is_empty:
        return Choice(Nothing(asked.kind), (2,))
    reverse = direction_of(way, within, asked.order, asked.primary_key, conjuncts)
    if reverse is None:
        return None
    left = [one for one in conjuncts.all if one not in within.used]
    scan = _scan(asked, way, within, left, reverse=reverse)
    has_gap = any(isinstance(one, IsNone) for one in within.used)
    is_point = way.is_unique and within.num_equal == len(way.key) and not has_gap
    score = (
        int(is_point),
        within.num_bound,
        int(within.has_bounds),
        int(way.index is None),
        int(isinstance(scan, IndexScan) and scan.wanted is not None),
    )
    return Choice(_with_filter(scan, left), score)


def _scan(
    asked: Asked, way: Way, within: KeyRange, left: Sequence[Condition], *, reverse: bool
) -> RecordScan | IndexScan:
    if way.index is None:
        return RecordScan(asked.kind, within, reverse)
    meets_twice = any(place >= within.num_equal for place in way.fanned)
    wanted = None
    if asked.paths is not None and not meets_twice:
        tested = (*left, *asked.tested)
        wanted = covered_fields(way, asked.primary_key, asked.paths, tested)
    return IndexScan(
        asked.kind,
        way.index,
        way.key,
        within,
        reverse,
        meets_twice=meets_twice,
        is_unique=way.is_unique,
        is_shared=way.is_shared,
        wanted=wanted,
        covered=way.covered,
        space=way.space,
    )


def _with_filter(plan: Plan, left: Sequence[Condition]) -> Plan:
    condition = all_of(left)
    return plan if condition is None else Filter(plan, condition)


def _intersection(
    asked: Asked, narrowed: Sequence[tuple[Way, KeyRange]], conjuncts: Conjuncts
) -> Choice | None:
    """Sources that bind all their columns, joined, if together they answer more than one does."""
    by_key, within = narrowed[0]
    if direction_of(by_key, within, asked.order, asked.primary_key, conjuncts) is not False:
        return None  # what is joined comes in the order of primary keys
    sources: list[Source] = []
    used: list[Condition] = []
    for scan in text_sources(asked.store, asked.kind, conjuncts):
        sources.append(scan)
        used += [one for one in (*scan.grouped, scan.condition) if one not in used]
    whole = [
        (way, within)
        for way, within in narrowed
        if way.index is not None and way.key and within.num_equal > len(way.key)
    ]
    for way, within in sorted(whole, key=lambda pair: -pair[1].num_bound):
        more = [one for one in within.used if one not in used]
        if more:
            scan = _scan(replace(asked, paths=None), way, within, (), reverse=False)
            assert isinstance(scan, IndexScan)
            sources.append(scan)
            used += more
    if not sources or (len(sources) == 1 and isinstance(sources[0], IndexScan)):
        return None
    left = [one for one in conjuncts.all if one not in used]
    plan: Plan = Intersection(asked.kind, tuple(sources))
    if len(sources) == 1:
        plan = sources[0]
    return Choice(_with_filter(plan, left), (0, len(used), 0, 0, 0))
