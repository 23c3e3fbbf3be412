"""From conditions to the narrowest range of a key's bytes that holds all that meets them.

Conditions on the leading columns narrow a key: equalities first, then at most one column with
bounds. No packed element is the beginning of another that an ff follows, so `prefix + ff` ends what
has exactly these columns.

Of a record with several elements each has keys of its own, so columns of one element may be
narrowed together only by what one element is said to meet: a single comparison, or a `matches`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from glasshouse.records.expressions.conditions import And, Comparison, Condition, IsNone, Matches
from glasshouse.records.query.bounds import CLOSE, Lane, bounds_of, exact_bytes


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A part of a key's order, and what it does with the conditions it came from."""

    begin: bytes
    end: bytes
    ends: tuple[int, ...]
    """Of each leading column that is bound to one value, where it ends in `begin`."""
    num_bound: int
    """Conditions that bind a column to one value."""
    has_bounds: bool
    """Whether the next column is bounded."""
    used: tuple[Condition, ...]
    """Conditions that are true of all in the range, and of nothing else in the index."""
    words: str
    """The range as a reader would say it."""

    @property
    def num_equal(self) -> int:
        """Leading columns that are bound to one value."""
        return len(self.ends)

    @property
    def num_matched(self) -> int:
        """Leading columns that something is known of."""
        return len(self.ends) + self.has_bounds

    @property
    def is_empty(self) -> bool:
        """Whether nothing can lie in it."""
        return self.begin >= self.end


@dataclass(frozen=True, slots=True, eq=False)
class Conjuncts:
    """Conditions that must all be true, and which of them are on a field."""

    all: tuple[Condition, ...]
    on: dict[tuple[str, ...], list[Comparison | IsNone]]
    """By the path of the field."""
    matches: dict[tuple[str, ...], list[Matches]]
    """By the path of the elements, the ones that say most of an element first."""


def sort_out(conditions: Sequence[Condition]) -> Conjuncts:
    """Conditions that must all be true, by the fields they are on."""
    on: dict[tuple[str, ...], list[Comparison | IsNone]] = {}
    matches: dict[tuple[str, ...], list[Matches]] = {}
    for one in conditions:
        if isinstance(one, Comparison | IsNone):
            on.setdefault(one.path, []).append(one)
        elif isinstance(one, Matches):
            matches.setdefault(one.path, []).append(one)
    for found in matches.values():
        found.sort(key=lambda one: -len(conjuncts_of(one.condition)))
    return Conjuncts(tuple(conditions), on, matches)


@dataclass(frozen=True, slots=True)
class _Said:
    """Conditions that hold for one value of a column, and the whole condition they are part of."""

    parts: tuple[Condition, ...]
    of: Matches | None = None


def narrow(lanes: Sequence[Lane], conjuncts: Conjuncts) -> KeyRange:
    """The narrowest range of a key that holds every record for which all conjuncts are true."""
    prefix, ends = b"", []
    bound: list[tuple[int, Matches | None, Condition]] = []
    for place, lane in enumerate(lanes):
        if lane.constant is not None:
            prefix += lane.constant
            ends.append(len(prefix))
            continue
        said = _said_of(lane, place, conjuncts, bound)
        equal = _equality(lane, said)
        if equal is not None:
            packed, condition, of = equal
            prefix += packed
            ends.append(len(prefix))
            bound.append((lane.element, of, condition))
            continue
        for one in said:
            limits = bounds_of(lane, one.parts)
            if limits is not None:
                begin, end, more = limits
                bound += [(lane.element, one.of, condition) for condition in more]
                num_bound = len(bound) - len(more)
                return _range(prefix + begin, prefix + end, ends, num_bound, bound, conjuncts)
        break
    return _range(prefix, prefix + CLOSE, ends, len(bound), bound, conjuncts)


def _range(
    begin: bytes,
    end: bytes,
    ends: list[int],
    num_bound: int,
    bound: Sequence[tuple[int, Matches | None, Condition]],
    conjuncts: Conjuncts,
) -> KeyRange:
    if not bound:
        return KeyRange(begin, end, tuple(ends), 0, False, (), "all")
    used = [one for one in conjuncts.all if _is_met(one, bound)]
    equal: list[Condition] = []
    for _, _, condition in bound[:num_bound]:
        if condition not in equal:  # one may bind a column twice, of the key and of the primary key
            equal.append(condition)
    words = [_words(of, condition) for _, of, condition in bound]
    return KeyRange(
        begin,
        end,
        tuple(ends),
        len(equal),
        num_bound < len(bound),
        tuple(used),
        ", ".join(dict.fromkeys(words)),
    )


def _words(of: Matches | None, condition: Condition) -> str:
    return str(condition) if of is None else f"one of {'.'.join(of.path)} has {condition}"


def _is_met(conjunct: Condition, bound: Sequence[tuple[int, Matches | None, Condition]]) -> bool:
    """Whether a conjunct is true of all in a range: all of it, and of the same element."""
    if not isinstance(conjunct, Matches):
        return any(of is None and condition == conjunct for _, of, condition in bound)
    parts = conjuncts_of(conjunct.condition)
    for element in {element for element, of, _ in bound if of == conjunct}:
        here = [one for number, of, one in bound if number == element and of == conjunct]
        if all(part in here for part in parts):
            return True
    return False


def _said_of(
    lane: Lane,
    place: int,
    conjuncts: Conjuncts,
    bound: Sequence[tuple[int, Matches | None, Condition]],
) -> list[_Said]:
    """What is said of a column: each of the answers by itself may be used, not two together."""
    alone = conjuncts.on.get(lane.path, ())
    if lane.fan is None:
        return [_Said(tuple(alone))] if alone and lane.path else []
    if lane.element < place:
        matched = next((of for element, of, _ in bound if element == lane.element), None)
        return [] if matched is None else [_inside(lane, matched)]
    whole = conjuncts.matches.get(lane.fan, ())
    # Whether an element is missing is not asked: a record without elements has no key.
    compared = [one for one in alone if isinstance(one, Comparison)]
    return [*(_inside(lane, one) for one in whole), *(_Said((one,)) for one in compared)]


def _inside(lane: Lane, matched: Matches) -> _Said:
    """What a `matches` says of a column of the element."""
    inner = lane.path[len(matched.path) :]
    parts = conjuncts_of(matched.condition)
    mine = [one for one in parts if isinstance(one, Comparison) and one.path == inner]
    return _Said(tuple(mine), matched)


def _equality(lane: Lane, said: Sequence[_Said]) -> tuple[bytes, Condition, Matches | None] | None:
    """The one value that a column is said to have, as bytes."""
    for one in said:
        for condition in one.parts:
            packed = exact_bytes(lane, condition)
            if packed is not None:
                return packed, condition, one.of
    return None


def conjuncts_of(condition: Condition | None) -> list[Condition]:
    """The conditions that must all be true."""
    match condition:
        case None:
            return []
        case And(parts):
            return [one for part in parts for one in conjuncts_of(part)]
    return [condition]
