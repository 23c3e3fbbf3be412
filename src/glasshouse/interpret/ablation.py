"""What a model does without some of its heads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError
from glasshouse.interpret.metrics import Metric
from glasshouse.interpret.subject import (
    Head,
    Subject,
    Texts,
    check_heads,
    graph_of,
    num_heads,
    num_layers,
    token_ids,
)
from glasshouse.interpret.sweeping import measure, measure_each

Ablation = Literal["zero", "mean", "resample", "pattern_preserving"]
"""What stands in place of a head's result z:

- `zero`: nothing
- `mean`: its mean over all places of the reference texts
- `resample`: what it was on a reference text
- `pattern_preserving`: nothing, while every head of the model keeps the attention that it had, so
  that only what is read through values goes missing (Olsson et al. 2022, 2209.11895)
"""

Feeds = dict[str, Tensor]
"""Values to feed, by address."""


def ablate_heads(
    subject: Subject,
    texts: Texts,
    heads: Iterable[Head],
    *,
    mode: Ablation = "zero",
    reference: Texts | None = None,
) -> Float[Tensor, "batch pos vocab"]:
    """Logits of a model without some heads, all of them gone at once.

    Args:
        subject: Who is looked into.
        texts: What it reads.
        heads: (layer, head) pairs.
        mode: What stands in place of their results.
        reference: Texts that `mean` and `resample` take results from. None: the texts themselves,
            where `resample` gives every text the results of the one before it. `resample` needs as
            many as there are texts, of their length.

    Raises:
        InputError: If there is no such head, or the reference does not fit.
    """
    graph, ids = graph_of(subject), token_ids(subject, texts)
    heads = sorted(set(heads))
    check_heads(graph, heads)
    given = None if reference is None else token_ids(subject, reference)
    feeds = _feeds(_stand_ins(graph, ids, mode, given), heads)
    if mode == "pattern_preserving":
        feeds |= _clean_patterns(graph, ids)
    return graph.run(ids, fetch="logits", feed=feeds)["logits"]


def ablation_attribution(
    subject: Subject,
    texts: Texts,
    metric: Metric,
    *,
    mode: Ablation = "zero",
    reference: Texts | None = None,
    batch_size: int = 256,
) -> Float[Tensor, "layer head"]:
    """How much of a metric goes with each head: its mean over texts, less that without the head.

    Args:
        subject: Who is looked into.
        texts: What it reads.
        metric: What is measured.
        mode: What stands in place of a head's result.
        reference: As for `ablate_heads`.
        batch_size: Rows (texts times ablated heads) of one run.
    """
    graph, ids = graph_of(subject), token_ids(subject, texts)
    layers, width = num_layers(graph), num_heads(graph)
    heads = [(layer, head) for layer in range(layers) for head in range(width)]
    given = None if reference is None else token_ids(subject, reference)
    stand_ins = _stand_ins(graph, ids, mode, given)
    shared = _clean_patterns(graph, ids) if mode == "pattern_preserving" else {}
    feeds = [{**_feeds(stand_ins, [head]), **shared} for head in heads]
    without = measure_each(graph, ids, feeds, metric, batch_size=batch_size).mean(dim=-1)
    return measure(graph, ids, metric).mean() - without.unflatten(0, (layers, width))


def _stand_ins(
    graph: Graph, ids: Int[Tensor, "batch pos"], mode: str, reference: Tensor | None
) -> Sequence[Tensor]:
    """What replaces z in each layer, of a shape that broadcasts to it."""
    if mode not in get_args(Ablation):
        raise InputError(f"mode={mode!r} must be one of {', '.join(get_args(Ablation))}")
    if reference is not None and mode not in ("mean", "resample"):
        raise InputError(f"mode={mode!r} has no use for a reference; leave it out")
    if mode in ("zero", "pattern_preserving"):
        shape = graph.value("blocks.0.attn.z").shape[2:]
        zeros = torch.zeros(1, 1, *map(int, shape), dtype=graph.value("blocks.0.attn.z").dtype)
        return [zeros.to(ids.device)] * num_layers(graph)
    found = graph.run(ids if reference is None else reference, fetch="blocks.*.attn.z").values()
    if mode == "mean":
        return [z.mean(dim=(0, 1), keepdim=True) for z in found]
    if reference is not None and reference.shape != ids.shape:
        raise InputError(
            f"reference texts of shape {tuple(reference.shape)} for texts of {tuple(ids.shape)}; "
            "to resample, give as many, of the same length"
        )
    if reference is None and len(ids) < 2:
        raise InputError("one text has no other to resample from; give reference texts")
    return [z if reference is not None else z.roll(1, dims=0) for z in found]


def _feeds(stand_ins: Sequence[Tensor], heads: Sequence[Head]) -> Feeds:
    """Feeds that replace the results of some heads."""
    feeds: Feeds = {}
    for layer in sorted({layer for layer, _ in heads}):
        chosen = [head for at, head in heads if at == layer]
        address = f"blocks.{layer}.attn.z[head={{{','.join(map(str, chosen))}}}]"
        feeds[address] = stand_ins[layer][:, :, chosen]
    return feeds


def _clean_patterns(graph: Graph, ids: Int[Tensor, "batch pos"]) -> Mapping[str, Tensor]:
    """Everybody's attention on the texts as they are."""
    return dict(graph.run(ids, fetch="blocks.*.attn.pattern"))
