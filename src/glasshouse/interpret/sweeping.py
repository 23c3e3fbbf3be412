"""One measurement under many feeds."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.interpret.metrics import Metric


def measure(graph: Graph, ids: Int[Tensor, "batch pos"], metric: Metric) -> Float[Tensor, " batch"]:
    """The metric of prompts as they are."""
    return metric.of(graph.run(ids, fetch=metric.reads)[metric.reads])


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
            found.append(metric.of(swept[metric.reads]))
    return torch.cat(found)


def _fed_names(feed: Mapping[str, Tensor]) -> tuple[str, ...]:
    return tuple(address.partition("[")[0] for address in feed)
