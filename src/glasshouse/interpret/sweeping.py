"""One measurement under many feeds."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError
from glasshouse.interpret.metrics import Metric


def measure(graph: Graph, ids: Int[Tensor, "batch pos"], metric: Metric) -> Float[Tensor, " batch"]:
    """The metric of prompts as they are."""
    return numbers(metric, graph.run(ids, fetch=metric.reads)[metric.reads], (len(ids),))


def numbers(
    metric: Metric, value: Float[Tensor, "..."], shape: tuple[int, ...]
) -> Float[Tensor, "..."]:
    """A metric of a value that was read.

    Raises:
        InputError: If it is not one number for each prompt.
    """
    found = metric.of(value)
    if found.shape != shape:
        raise InputError(
            f"the metric made {tuple(found.shape)} of {metric.reads} of shape "
            f"{tuple(value.shape)}; {shape} belongs there, one number for each prompt: write "
            "value[..., 3], not value[:, 3], and do not average over prompts"
        )
    return found


def measure_each(
    graph: Graph,
    ids: Int[Tensor, "batch pos"],
    feeds: Sequence[Mapping[str, Tensor]],
    metric: Metric,
    *,
    batch_size: int,
) -> Float[Tensor, "patch batch"]:
    """The metric of the same prompts under each set of feeds.

    Args:
        graph: The model.
        ids: The prompts.
        feeds: By address; neighbours that feed the same values share a batch.
        metric: What is measured, and all that is kept of a run.
        batch_size: Rows (feeds times prompts) of one run.
    """
    at_once = max(1, batch_size // len(ids))
    found = []
    for _, alike in groupby(feeds, key=_fed_names):
        rows = list(alike)
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            swept = graph.sweep(ids, some, fetch=metric.reads, batch_size=at_once)
            found.append(numbers(metric, swept[metric.reads], (len(some), len(ids))))
    return torch.cat(found)


def _fed_names(feed: Mapping[str, Tensor]) -> tuple[str, ...]:
    return tuple(address.partition("[")[0] for address in feed)
