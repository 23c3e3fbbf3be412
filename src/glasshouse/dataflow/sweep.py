"""Many feeds, one question: what the runs share is computed once, the rest goes as batches."""

import logging
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from glasshouse.dataflow.address import check_selection, read_part
from glasshouse.dataflow.feeds import FedPart
from glasshouse.dataflow.plan import Plan
from glasshouse.dataflow.split import run_split
from glasshouse.dataflow.values import Values
from glasshouse.errors import InputError

_log = logging.getLogger(__name__)

Patch = Mapping[str, Sequence[FedPart]]
"""What one run of a sweep feeds, by value."""
PlanFor = Callable[[Sequence[str]], Plan]
"""The plan of the sweep's question when the named values are changed by functions."""


def run_sweep(
    plan_for: PlanFor, inputs: object, patches: Sequence[Patch], *, batch_size: int
) -> Values:
    """Run every patch; those that feed the same values share a program and go as batches.

    Returns:
        Values by address, with the patches as their first axis.

    Raises:
        InputError: If there is no patch, one does not fit, or `batch_size` is not positive.
    """
    if not patches:
        raise InputError("a sweep needs at least one feed")
    if batch_size < 1:
        raise InputError(f"batch_size={batch_size}; at least one feed goes through at a time")
    alike: dict[tuple[str, ...], list[int]] = {}
    for row, patch in enumerate(patches):
        alike.setdefault(tuple(sorted(patch)), []).append(row)
    whole: dict[str, Tensor] = {}
    for names, rows in alike.items():
        plan = plan_for(names)
        for first in range(0, len(rows), batch_size):
            some = rows[first : first + batch_size]
            for key, value in _run_some(plan, inputs, [patches[row] for row in some]).items():
                if key not in whole:
                    whole[key] = value.new_empty(len(patches), *value.shape[1:])
                whole[key][some] = value
    return Values(whole)


@torch.no_grad()
def _run_some(plan: Plan, inputs: object, patches: Sequence[Patch]) -> dict[str, Tensor]:
    """Patches that feed the same values, with the patches as the first axis of what is fetched."""
    try:
        split = plan.split
    except InputError as reason:
        _log.warning("this sweep runs its feeds one by one: %s", reason)
        runs = [plan.run_parts(inputs, patch) for patch in patches]
        return {w.key: torch.stack([run[w.key] for run in runs]) for w in plan.wanted}
    arguments = plan.arguments(inputs, patches[0])
    arguments = arguments[: len(arguments) - len(plan.layout.feeds)]
    values = dict(zip(plan.layout.fetched, run_split(split, arguments, patches), strict=True))
    found = {}
    for wanted in plan.wanted:
        value = values[wanted.name]
        if wanted.chosen is not None:
            check_selection(wanted.chosen, value[0], str(wanted.address))
            value = read_part(value, (slice(None), *wanted.chosen))
        found[wanted.key] = value
    return found
