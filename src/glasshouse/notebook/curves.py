"""The curves of runs: kept in stretches, read and written as curves.

A curve only grows. Who writes a step that is not behind its last one has gone back and does these
steps anew, as a resumed run does: what was there from that step on is replaced.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from glasshouse.errors import InputError
from glasshouse.notebook.types import Metric, Summary
from glasshouse.records import Query, RecordStore, desc, first

STRETCH = 512
"""Values in a whole stretch: a row of some five kilobytes."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Values with the steps they were measured at, ascending."""

    steps: list[int]
    values: list[float]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def summary(self) -> Summary | None:
        """The curve in short; None of an empty one."""
        return summarise(self.steps, self.values) if self.steps else None


def summarise(
    steps: Sequence[int], values: Sequence[float], *, before: Summary | None = None
) -> Summary:
    """A curve in short, or one that goes on behind what is summarised already."""
    finite = [value for value in values if math.isfinite(value)]
    least, most, done = finite, finite, len(steps)
    if before is not None:
        least = finite if before.least is None else [*finite, before.least]
        most = finite if before.most is None else [*finite, before.most]
        done += before.steps
    return Summary(
        steps=done,
        last=values[-1] if math.isfinite(values[-1]) else None,
        least=min(least, default=None),
        most=max(most, default=None),
        last_step=steps[-1],
    )


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a step by the names of their curves; values inside others get a path.

    `{"loss": 2.1, "held_out": {"all": 2.2}}` gives "loss" and "held_out/all". What is no number,
    such as a None where nothing was measured, has no curve.
    """
    found: dict[str, float] = {}
    for name, value in values.items():
        if type(value) is float:
            found[prefix + name] = value
        elif isinstance(value, int | float):
            found[prefix + name] = float(value)
        elif value is not None and isinstance(value, Mapping):
            found.update(flatten(value, f"{prefix}{name}/"))
    return found


def by_curve(steps: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[str, Curve]:
    """Steps with all that was measured at each, as curves."""
    found: dict[str, Curve] = {}
    for step, values in steps:
        for name, value in flatten(values).items():
            curve = found.get(name)
            if curve is None:
                curve = found[name] = Curve([], [])
            curve.steps.append(step)
            curve.values.append(value)
    return found


def read_curve(store: RecordStore, run: str, name: str) -> Curve:
    """One curve; an empty one if there is none."""
    return _joined(store.scan(Metric, run, name))


def read_curves(store: RecordStore, run: str) -> dict[str, Curve]:
    """Every curve of a run by its name."""
    stretches: dict[str, list[Metric]] = {}
    for stretch in store.scan(Metric, run):
        stretches.setdefault(stretch.name, []).append(stretch)
    return {name: _joined(some) for name, some in stretches.items()}


def write_curves(store: RecordStore, run: str, curves: Mapping[str, Curve]) -> dict[str, Metric]:
    """Write what is new of some curves of a run; gives the last stretch of each.

    Raises:
        InputError: If the steps of one do not ascend, or it has more steps than values.
    """
    stretches = []
    for name, curve in curves.items():
        check_curve(name, curve)
        if len(curve):
            last = _cut_back(store, run, name, curve.steps[0])
            stretches += stretches_behind(last, run, name, curve)
    store.save_all(stretches)
    return {stretch.name: stretch for stretch in stretches}


def check_curve(name: str, curve: Curve) -> None:
    """Refuse what is no curve.

    Raises:
        InputError: If its steps do not ascend, or it has more steps than values.
    """
    steps = curve.steps
    if len(steps) != len(curve.values):
        raise InputError(f"curve {name!r} has {len(steps)} steps and {len(curve.values)} values")
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise InputError(f"the steps of curve {name!r} must ascend; give each once")


def stretches_behind(last: Metric | None, run: str, name: str, curve: Curve) -> list[Metric]:
    """The stretches to write of a curve that goes on: the last one filled up, and new ones."""
    steps, values = curve.steps, curve.values
    if last is not None and len(last.steps) < STRETCH:
        steps, values = last.steps + steps, last.values + values
    return [
        Metric(
            run=run,
            name=name,
            first_step=steps[begin],
            steps=steps[begin : begin + STRETCH],
            values=values[begin : begin + STRETCH],
        )
        for begin in range(0, len(steps), STRETCH)
    ]


def cut_curves(store: RecordStore, run: str, step: int) -> None:
    """Leave of every curve of a run what was measured up to a step."""
    for stretch in list(store.scan(Metric, run)):
        if stretch.steps[-1] > step:
            _cut(store, stretch, step)


def delete_curves(store: RecordStore, run: str) -> None:
    """Remove every curve of a run."""
    for stretch in list(store.scan(Metric, run)):
        store.delete(Metric, run, stretch.name, stretch.first_step)


def _cut_back(store: RecordStore, run: str, name: str, step: int) -> Metric | None:
    """Remove what a curve has from a step on; gives the last stretch that is left."""
    last = _last_stretch(store, run, name)
    while last is not None and last.steps[-1] >= step:
        _cut(store, last, step - 1)
        last = _last_stretch(store, run, name)
    return last


def _last_stretch(store: RecordStore, run: str, name: str) -> Metric | None:
    query = Query(Metric).where(Metric.run == run, Metric.name == name)
    return first(store, query.order_by(desc(Metric.first_step)))


def _cut(store: RecordStore, stretch: Metric, step: int) -> None:
    """Leave of a stretch what was measured up to a step."""
    kept = sum(one <= step for one in stretch.steps)
    if not kept:
        store.delete(Metric, stretch.run, stretch.name, stretch.first_step)
        return
    stretch.steps, stretch.values = stretch.steps[:kept], stretch.values[:kept]
    store.save(stretch)


def _joined(stretches: Iterable[Metric]) -> Curve:
    steps: list[int] = []
    values: list[float] = []
    for stretch in stretches:
        steps += stretch.steps
        values += stretch.values
    return Curve(steps, values)
