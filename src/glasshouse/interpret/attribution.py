"""Attribution patching: every patch at once, to first order, and how far that can be trusted.

Source:
    Nanda 2023, "Attribution patching"; Kramár et al. 2024 (2403.00745) for its failures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.dataflow import grad
from glasshouse.dataflow.address import matching_names
from glasshouse.errors import InputError
from glasshouse.interpret.metrics import Metric
from glasshouse.interpret.patching import Axis, Patched, paired_ids, parts_of
from glasshouse.interpret.subject import Subject, Texts, graph_of
from glasshouse.interpret.sweeping import numbers


def attribution_patching(
    subject: Subject,
    clean: Texts,
    corrupted: Texts,
    metric: Metric,
    *,
    site: str = "blocks.*.resid_pre",
    over: Axis | Sequence[Axis] = ("pos",),
) -> Patched:
    """Estimate what `activation_patching` would measure, from one forward pass on each prompt.

    A patch's change is taken to be the metric's gradient in the corrupted run times the difference
    between clean and corrupted value. It is wrong where the model is far from linear between the
    two, above all where softmax saturates; `attribution_error` says by how much.

    Args:
        subject: Who is looked into.
        clean: Prompts; as many as corrupted ones, of the same length.
        corrupted: Where gradients are taken.
        metric: What is measured.
        site: A pattern of names.
        over: As for `activation_patching`.

    Returns:
        Of the same form as `activation_patching` returns.
    """
    graph = graph_of(subject)
    clean_ids, ids = paired_ids(subject, clean, corrupted)
    names = matching_names(site, graph.names)
    batch = (len(ids),)
    slope = grad(lambda value: numbers(metric, value, batch).sum(), names, reads=metric.reads)
    run = graph.run(ids, fetch=[metric.reads, *names, slope])
    given = graph.run(clean_ids, fetch=[metric.reads, *names])
    addresses, changes, shape = [], [], ()
    for name in names:
        change = (given[name] - run[name]) * run.grad[name]
        shape, parts = parts_of(graph, name, change, over)
        addresses += parts
        changes += [part.sum() / len(ids) for part in parts.values()]
    before = numbers(metric, run[metric.reads], batch).mean().item()
    after = numbers(metric, given[metric.reads], batch).mean().item()
    values = torch.stack(changes).view(len(names), *shape) + before
    return Patched(tuple(addresses), values, after, before)


@dataclass(frozen=True, slots=True)
class AttributionError:
    """How far estimated changes are from real ones."""

    correlation: float
    """Pearson's, over patches; NaN where either is constant."""
    max_abs: float
    """The largest difference, in the metric's unit."""
    table: tuple[tuple[str, float, float], ...]
    """(address, estimated change, real change), the largest real change first."""


@runtime_checkable
class Changes(Protocol):
    """Patches by address and what each changes: `Patched`, or `Edges`."""

    @property
    def addresses(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def change(self) -> Tensor: ...  # noqa: D102


def attribution_error(estimated: Changes, exact: Changes) -> AttributionError:
    """Compare an estimate with real patching, of values or of edges.

    Raises:
        InputError: If they are not of the same patches.
    """
    if estimated.addresses != exact.addresses:
        raise InputError(
            f"{len(estimated.addresses)} estimated and {len(exact.addresses)} real patches are not "
            "the same; give both the same site and over"
        )
    return error_table(exact.addresses, estimated.change.flatten(), exact.change.flatten())


def error_table(
    names: Sequence[str], estimated: Float[Tensor, " patch"], exact: Float[Tensor, " patch"]
) -> AttributionError:
    """Compare estimates with what they estimate, one by one."""
    pairs = torch.stack([estimated, exact]).double()
    rows = zip(names, estimated.tolist(), exact.tolist(), strict=True)
    return AttributionError(
        correlation=torch.corrcoef(pairs)[0, 1].item() if len(names) > 1 else float("nan"),
        max_abs=(estimated - exact).abs().max().item(),
        table=tuple(sorted(rows, key=lambda row: -abs(row[2]))),
    )
