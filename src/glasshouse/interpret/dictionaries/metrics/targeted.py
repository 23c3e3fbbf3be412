"""Take a feature's latents away from a running model: what changes, where it should, and elsewhere.

A latent that only correlates with a feature may be ablated at no cost; one that the model uses for
it costs loss on the feature's tokens and little on others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.dataflow.feeds import Change
from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder
from glasshouse.interpret.subject import Subject, graph_of, token_ids


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetedAblation:
    """What it costs to lose some latents, in nats a token."""

    on_target: float
    """Rise of the loss where the feature is to be predicted from."""
    elsewhere: float
    """Rise of the loss on all other tokens."""
    random_on_target: float
    """Rise on target when as many other latents, active as often there, are lost instead."""

    @property
    def selectivity(self) -> float:
        """What share of the harm, per token, falls where it should; 0.5: it is everywhere alike."""
        harm = max(self.on_target, 0.0) + max(self.elsewhere, 0.0)
        return 0.5 if harm == 0 else max(self.on_target, 0.0) / harm


def without_latents(coder: Coder, latents: Sequence[int]) -> Change:
    """What to feed in a value's place: the value less what some latents add to it.

    What the dictionary misses of the value stays in it.
    """
    lost = list(latents)

    def change(value: Tensor) -> Tensor:
        rows = value.flatten(2)
        codes = coder.encode(rows)
        fewer = codes.clone()
        fewer[..., lost] = 0
        return (rows + coder.decode(fewer) - coder.decode(codes)).view_as(value).to(value)

    return change


@torch.no_grad()
def targeted_ablation(
    subject: Subject,
    ids: Int[Tensor, "batch seq"],
    name: str,
    coder: Coder,
    latents: Sequence[int],
    target: Bool[Tensor, "batch seq"],
    *,
    seed: int = 0,
) -> TargetedAblation:
    """Ablate latents and compare the loss where a feature matters with the loss elsewhere.

    Args:
        subject: Who is looked into.
        ids: Texts.
        name: The value that the dictionary writes.
        coder: The dictionary.
        latents: Those to lose.
        target: Tokens behind which the feature decides what comes; the last of a row never counts.
        seed: Of the latents that are lost for comparison.

    Raises:
        InputError: If no token is a target, or all are.
    """
    ids = token_ids(subject, ids)
    wanted = target.to(ids.device)[:, :-1]
    if wanted.all() or not wanted.any():
        raise InputError("every token is a target, or none is; ablation compares the two")
    graph = graph_of(subject)
    value = graph.run(ids, fetch=name)[name].flatten(2)
    active = (coder.encode(value)[:, :-1][wanted] > 0).float().mean(dim=0)
    clean = _losses(graph.run(ids, fetch="logits")["logits"], ids)

    def rise(lost: Sequence[int]) -> Tensor:
        feed = {name: without_latents(coder, lost)}
        return _losses(graph.run(ids, fetch="logits", feed=feed)["logits"], ids) - clean

    change, other = rise(latents), rise(_alike(active, latents, seed))
    return TargetedAblation(
        on_target=float(change[wanted].mean()),
        elsewhere=float(change[~wanted].mean()),
        random_on_target=float(other[wanted].mean()),
    )


def _alike(active: Float[Tensor, " latent"], latents: Sequence[int], seed: int) -> list[int]:
    """For each latent another one that is active about as often, drawn among the ten nearest."""
    chance = torch.Generator().manual_seed(seed)
    taken = set(latents)
    found: list[int] = []
    for latent in latents:
        order = (active - active[latent]).abs().argsort().tolist()
        near = [other for other in order if other not in taken][:10]
        if near:
            found.append(near[int(torch.randint(len(near), (1,), generator=chance))])
            taken.add(found[-1])
    return found


def _losses(
    logits: Float[Tensor, "batch pos vocab"], ids: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch next"]:
    predicted = logits[:, :-1].transpose(1, 2)
    return torch.nn.functional.cross_entropy(predicted, ids[:, 1:], reduction="none")
