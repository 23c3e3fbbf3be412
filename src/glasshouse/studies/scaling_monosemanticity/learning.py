"""Train dictionaries side by side on cached values, and say what each costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.interpret.activations import shuffled_batches
from glasshouse.interpret.dictionaries import (
    Dictionary,
    DictionaryConfig,
    DictionaryTrainer,
    DictionaryTrainingConfig,
    ReLU,
)
from glasshouse.studies.scaling_monosemanticity.grow import Tick, number


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One dictionary: its size and how long it learns."""

    latents: int
    """How many."""
    steps: int
    """Optimizer steps."""
    lr: float
    """Learning rate until its last fifth, in which it falls to zero."""


def train_side_by_side(
    values: Float[Tensor, "token d_model"],
    recipes: Sequence[Recipe],
    *,
    penalty: float,
    batch: int,
    name: str,
    seed: int,
    tick: Tick,
    value: str = "",
) -> list[Dictionary]:
    """Train dictionaries on the same batches of the same cached rows.

    Each is trained as it would have been alone: they share rows and, where they have one size, the
    first weights. `train_dictionaries` does the same for dictionaries of one recipe; here each has
    a learning rate and an end of its own.

    Args:
        values: Cached rows.
        recipes: One a dictionary.
        penalty: Lambda.
        batch: Rows a step.
        name: What they learn; names their streams.
        seed: Of the study.
        tick: Called at every step.
        value: Name of the value that is learned.

    Returns:
        Dictionaries in canonical form: decoder rows of length one.
    """
    trainers = []
    for recipe in recipes:
        start = torch.Generator().manual_seed(number(seed, name, "dictionary", recipe.latents))
        config = DictionaryConfig(
            d_in=values.shape[1],
            num_latents=recipe.latents,
            kind=ReLU(penalty=penalty),
            value=value,
        )
        own = Dictionary(config, generator=start).to(values.device)
        own.fit_scale(values)
        training = DictionaryTrainingConfig(steps=recipe.steps, lr=recipe.lr)
        trainers.append(DictionaryTrainer(own, training))
    rows = shuffled_batches(values, batch, seed=number(seed, name, "order"))
    for step in range(max(recipe.steps for recipe in recipes)):
        some = next(rows)
        for trainer in trainers:
            if step < trainer.config.steps:
                trainer.train_on(some)
                tick(f"learning dictionaries of {name}")
    return [trainer.dictionary.canonical().requires_grad_(False) for trainer in trainers]


def flops(latents: int, d_model: int, steps: int, batch: int) -> float:
    """Floating-point operations of a training: 12 F d for each row.

    Source:
        Encoder and decoder are a product of F d multiplications and additions each, forwards once
        and backwards twice.
    """
    return 12.0 * latents * d_model * steps * batch


@torch.no_grad()
def loss_by_text(
    dictionary: Dictionary,
    values: Float[Tensor, "token d_model"],
    texts: int,
    *,
    penalty: float,
    batch_rows: int = 8192,
) -> Float[np.ndarray, " text"]:
    """What training makes small, on held-out rows: squared error and penalty, by text.

    Args:
        dictionary: In canonical form, so that activations are what the penalty is on.
        values: Rows of texts of one length, text by text.
        texts: How many.
        penalty: Lambda.
        batch_rows: Rows that go through at once.

    Returns:
        The loss of each text, averaged over its tokens, for values of mean squared length d.
    """
    parts = []
    for rows in values.split(batch_rows):
        codes = dictionary.encode(rows)
        missed = (dictionary.decode(codes) - rows) * dictionary.output_scale
        parts.append(missed.square().sum(dim=1) + penalty * codes.sum(dim=1))
    by_token = torch.cat(parts).double().cpu().numpy()
    return by_token.reshape(texts, -1).mean(axis=1)
