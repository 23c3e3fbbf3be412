"""What latents do to an answer: estimated for all at once, exact for some.

Source:
    Templeton et al. 2024, "Scaling monosemanticity", "Attribution and ablation": the estimate is a
    latent's activation times how much the answer grows along its direction; the exact effect takes
    the latent away, at one token, and leaves what the dictionary misses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.dataflow import grad
from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder, unit_effects
from glasshouse.interpret.metrics import Metric
from glasshouse.interpret.subject import Subject, Texts, graph_of, token_ids
from glasshouse.interpret.sweeping import numbers


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LatentEffects:
    """Every latent's share of an answer at every token, to first order."""

    effects: Float[Tensor, "batch pos latent"]
    """By how much the metric falls when the latent is taken away at the token."""
    activations: Float[Tensor, "batch pos latent"]
    """How active it is there."""

    def top(self, count: int, *, row: int = 0, first: int = 1) -> list[tuple[int, int]]:
        """The places with the largest effects of one text, as (token, latent).

        Args:
            count: How many.
            row: Which text.
            first: The first token that counts; the start of a text has values of its own size.
        """
        return _largest(self.effects[row], count, first)

    def most_active(self, count: int, *, row: int = 0, first: int = 1) -> list[tuple[int, int]]:
        """The places with the strongest activations: what one would name without effects."""
        return _largest(self.activations[row], count, first)


def latent_attribution(
    subject: Subject, texts: Texts, name: str, coder: Coder, metric: Metric
) -> LatentEffects:
    """Estimate what each latent at each token does to a metric, in one run with its gradient.

    Args:
        subject: Who is looked into.
        texts: Prompts of one length.
        name: The value that the dictionary writes.
        coder: The dictionary.
        metric: What is measured; one number a prompt.
    """
    graph, ids = graph_of(subject), token_ids(subject, texts)
    slope = grad(lambda value: numbers(metric, value, (len(ids),)).sum(), name, reads=metric.reads)
    run = graph.run(ids, fetch=[name, slope])
    with torch.no_grad():
        codes = coder.encode(run[name].flatten(2))
        along = run.grad[name].flatten(2) @ unit_effects(coder, codes).T
    return LatentEffects(effects=codes * along, activations=codes)


@torch.no_grad()
def latent_ablation(
    subject: Subject,
    texts: Texts,
    name: str,
    coder: Coder,
    metric: Metric,
    places: Sequence[tuple[int, int]],
    *,
    batch_size: int = 64,
) -> Float[Tensor, "place batch"]:
    """Measure by how much a metric falls when one latent is taken away at one token.

    Args:
        subject: Who is looked into.
        texts: Prompts of one length.
        name: The value that the dictionary writes.
        coder: The dictionary.
        metric: What is measured.
        places: (token, latent) of each ablation.
        batch_size: Ablations that go through together.

    Raises:
        InputError: If a place lies outside the text or the dictionary, or there is none.
    """
    graph, ids = graph_of(subject), token_ids(subject, texts)
    if not places:
        raise InputError("there is nothing to ablate; give (token, latent) pairs")
    for token, latent in places:
        if not (0 <= token < ids.shape[1] and 0 <= latent < coder.num_latents):
            raise InputError(
                f"there is no latent {latent} at token {token}; the text has {ids.shape[1]} tokens "
                f"and the dictionary {coder.num_latents} latents, both counted from 0"
            )
    run = graph.run(ids, fetch=[name, metric.reads])
    value = run[name]
    codes = coder.encode(value.flatten(2))
    adds = unit_effects(coder, codes)
    clean = numbers(metric, run[metric.reads], (len(ids),))
    found = []
    for start in range(0, len(places), batch_size):
        feeds = []
        for token, latent in places[start : start + batch_size]:
            lost = codes[:, token, latent, None] * adds[latent]
            whole = value.clone()
            whole[:, token] -= lost.view_as(whole[:, token])
            feeds.append({name: whole})
        swept = graph.sweep(ids, feeds, fetch=metric.reads, batch_size=batch_size)
        changed = numbers(metric, swept[metric.reads], (len(feeds), len(ids)))
        found.append(clean - changed)
    return torch.cat(found)


def top_overlap(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> float:
    """Share of one list's places that the other names too.

    Raises:
        InputError: If the first is empty.
    """
    if not one:
        raise InputError("no places to compare")
    return len(set(one) & set(other)) / len(set(one))


def neuron_correlation(
    codes: Float[Tensor, "token latent"], neurons: Float[Tensor, "token neuron"]
) -> Float[Tensor, " latent"]:
    """For each latent, the largest correlation in size with any neuron: features are not neurons.

    Latents and neurons that never change correlate with nothing.

    Raises:
        InputError: If the numbers of tokens differ.

    Source:
        Templeton et al. 2024, "Are features just neurons?": below 0.3 for 82 % of features.
    """
    if len(codes) != len(neurons):
        raise InputError(f"{len(codes)} tokens of codes and {len(neurons)} of neurons")
    standard = []
    for matrix in (codes.double(), neurons.double()):
        centred = matrix - matrix.mean(dim=0)
        length = centred.norm(dim=0)
        standard.append(torch.where(length > 1e-9, centred / length.clamp(min=1e-9), 0.0))
    return (standard[0].T @ standard[1]).abs().max(dim=1).values.to(codes.dtype)


def _largest(table: Float[Tensor, "pos latent"], count: int, first: int) -> list[tuple[int, int]]:
    later = table[first:]
    order: Int[Tensor, " place"] = later.flatten().topk(min(count, later.numel())).indices
    return [(int(i) // table.shape[1] + first, int(i) % table.shape[1]) for i in order]
