"""Grow families of models: all models of one size as one program."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import functional_call, vmap

from glasshouse.models import Transformer
from glasshouse.models.transformer import initialise
from glasshouse.studies.predictability_surprise.config import FamilyConfig
from glasshouse.studies.predictability_surprise.texts import Tokens, Writer
from glasshouse.training.population import (
    Parameters,
    PopulationConfig,
    stack_modules,
    train_population,
)
from glasshouse.world.streams import stream

_READ_ROWS = 64
"""Rows of one forward pass when reading."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Size:
    """All models of one size, grown."""

    params: int
    """N, without embeddings."""
    template: Transformer
    """The architecture, without weights."""
    parameters: Parameters
    """Weights of all replicas."""
    losses: Float[np.ndarray, "step replica"]
    """Of each training step, in nats a token that counts."""

    @torch.no_grad()
    def logprobs(self, tokens: Tokens) -> Float[Tensor, "replica row token vocab"]:
        """Log-probabilities of what may follow each prefix of the rows, in nats."""
        device = next(iter(self.parameters.values())).device
        read = vmap(lambda own, ids: functional_call(self.template, own, (ids,)), (0, None))
        parts = torch.from_numpy(tokens.ids[:, :-1]).to(device).split(_READ_ROWS)
        return torch.cat([read(self.parameters, one).log_softmax(-1).cpu() for one in parts], 1)


def grow(
    writer: Writer,
    config: FamilyConfig,
    place: int,
    *,
    name: str,
    replicas: int,
    seed: int,
    device: str,
    tick: Callable[[], None],
) -> Size:
    """Train all replicas of one size.

    Args:
        writer: Writes what they read.
        config: The family.
        place: Which size, from 0.
        name: Of the family; names its random streams.
        replicas: Models; each has first weights and texts of its own. The same replica of another
            size reads the same texts.
        seed: Of the study.
        device: Where to train.
        tick: Called after each step.
    """
    architecture = config.architecture(place, writer)
    template = Transformer(architecture, device="meta")
    template.kernel = "explicit"  # the fused kernel has no form for many models at once
    networks = []
    for number in range(replicas):
        start = int(stream(seed, "predictability", name, "start", str(number)).integers(2**31))
        network = Transformer(architecture)
        initialise(network, torch.Generator().manual_seed(start))
        networks.append(network)
    parameters = {key: value.to(device) for key, value in stack_modules(networks).items()}
    training = PopulationConfig(
        steps=config.steps,
        peak_lr=config.lr_of(place),
        warmup_steps=min(config.steps - 1, config.warmup_steps),
        beta2=0.98,
    )

    def loss(own: Parameters, batch: tuple[Tensor, Tensor]) -> Float[Tensor, ""]:
        ids, counts = batch
        logits = functional_call(template, own, (ids[:, :-1],))
        losses = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        weights = counts[:, 1:].flatten()
        return (losses * weights).sum() / weights.sum()

    batches = batches_of(writer, config, name=name, replicas=replicas, seed=seed, device=device)
    losses = []
    for record in train_population(parameters, vmap(loss), batches, training):
        losses.append(record.loss.cpu().numpy())
        tick()
    return Size(
        params=config.params(place),
        template=template,
        parameters={key: value.detach() for key, value in parameters.items()},
        losses=np.stack(losses),
    )


def batches_of(
    writer: Writer, config: FamilyConfig, *, name: str, replicas: int, seed: int, device: str
) -> Callable[[int], tuple[Int[Tensor, "replica row token"], Float[Tensor, "replica row token"]]]:
    """What every replica reads at each step, asked for in order: ids, and weights of targets."""
    rngs = [stream(seed, "predictability", name, "train", str(n)) for n in range(replicas)]

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        own = [writer.write(config.rows, rng) for rng in rngs]
        return (
            torch.from_numpy(np.stack([one.ids for one in own])).to(device),
            torch.from_numpy(np.stack([one.counts for one in own])).float().to(device),
        )

    return batch_at
