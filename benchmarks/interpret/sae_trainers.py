"""TopK dictionaries of several libraries, each taking its own training step on the same rows.

All begin from the same weights, use Adam at one rate and keep decoder rows at length one by their
own means. Without a number of steps the rate is constant and nothing is done but a step. With one
it is a whole training as each library has it: the rate falls to zero over the last fifth, biases
begin where the library begins them, dead latents are treated as it treats them. A library that is
not installed takes no part.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.interpret.dictionaries import (
    Dictionary,
    DictionaryConfig,
    DictionaryTrainer,
    DictionaryTrainingConfig,
    TopK,
)

LR, DECAY, MANY = 1e-3, 0.2, 10**6


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A dictionary in training, with the same few handles whoever's it is."""

    step: Callable[[Tensor], object]
    """Takes one training step on a batch."""
    rebuild: Callable[[Tensor], Tensor]
    """The reconstruction of a batch."""
    encode: Callable[[Tensor], Tensor]
    """Codes of a batch, zeros included: `batch latent`."""
    directions: Callable[[], Tensor]
    """Decoder rows: `latent width`."""


def first_weights(width: int, latents: int, device: str) -> Tensor:
    """Unit rows that everybody's decoder, and encoder, begins as."""
    drawn = torch.randn(latents, width, generator=torch.Generator().manual_seed(1))
    return normalize(drawn, dim=1).to(device)


def share_of_rate(step: int, steps: int | None) -> float:
    """What is left of the learning rate at a step."""
    return 1.0 if steps is None else min(1.0, (steps - step) / int(DECAY * steps))


def glasshouse(
    width: int, latents: int, k: int, device: str, *, steps: int | None = None
) -> Trained:
    """Ours, scale left at 1 so that all see the same numbers."""
    config = DictionaryConfig(d_in=width, num_latents=latents, kind=TopK(k=k))
    own = Dictionary(config).to(device)
    with torch.no_grad():
        own.decoder.copy_(first_weights(width, latents, device))
        own.encoder.copy_(own.decoder)
    if steps is None:
        schedule = DictionaryTrainingConfig(steps=MANY, lr=LR, decay_share=0, dead_rows=10**7)
    else:
        schedule = DictionaryTrainingConfig(steps=steps, lr=LR, decay_share=DECAY)
    trainer = DictionaryTrainer(own, schedule)

    def step(rows: Tensor) -> None:
        if steps is not None and trainer.step == 0:
            own.fit_scale(rows)
        trainer.train_on(rows)

    return Trained(
        step=step,
        rebuild=own,
        encode=own.encode,
        directions=lambda: own.decoder,
    )


def sparsify(width: int, latents: int, k: int, device: str, *, steps: int | None = None) -> Trained:
    """EleutherAI's; Adam in the place of its default, signum."""
    from sparsify import SparseCoder, SparseCoderConfig  # type: ignore[import-not-found]

    own = SparseCoder(
        width, SparseCoderConfig(num_latents=latents, k=k), device=device, dtype=torch.float32
    )
    with torch.no_grad():
        own.encoder.weight.copy_(first_weights(width, latents, device))
        own.W_dec.copy_(own.encoder.weight)
    adam = torch.optim.Adam(own.parameters(), lr=LR)
    rates = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: share_of_rate(step, steps))

    def step(rows: Tensor) -> None:
        own.set_decoder_norm_to_unit_norm()
        own(rows).fvu.backward()
        own.remove_gradient_parallel_to_decoder_directions()
        adam.step()
        rates.step()
        adam.zero_grad()

    def encode(rows: Tensor) -> Tensor:
        found = own.encode(rows)
        codes = rows.new_zeros(len(rows), latents)
        return codes.scatter_(1, found.top_indices, found.top_acts)

    return Trained(
        step=step,
        rebuild=lambda rows: own(rows).sae_out,
        encode=encode,
        directions=lambda: own.W_dec,
    )


def saelens(width: int, latents: int, k: int, device: str, *, steps: int | None = None) -> Trained:
    """SAELens' trainer with its TopK defaults."""
    from sae_lens.config import SAETrainerConfig  # type: ignore[import-not-found]
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig  # type: ignore[import-not-found]
    from sae_lens.training.sae_trainer import SAETrainer  # type: ignore[import-not-found]

    config = TopKTrainingSAEConfig(d_in=width, d_sae=latents, k=k, device=device)
    own = TopKTrainingSAE(config)
    with torch.no_grad():
        own.W_dec.copy_(first_weights(width, latents, device))
        own.W_enc.copy_(own.W_dec.T)
    own.to(device)
    settings = SAETrainerConfig(
        total_training_samples=steps or MANY,  # it only divides this by the next
        train_batch_size_samples=1,
        lr=LR,
        lr_end=LR,
        lr_decay_steps=0 if steps is None else int(DECAY * steps),
        device=device,
    )

    def nothing() -> Iterator[Tensor]:
        yield torch.empty(0)

    trainer: Any = SAETrainer(settings, own, nothing())

    def step(rows: Tensor) -> None:
        trainer.step(rows)
        trainer.n_training_steps += 1

    return Trained(step=step, rebuild=own, encode=own.encode, directions=lambda: own.W_dec)


def dictionary_learning(
    width: int, latents: int, k: int, device: str, *, steps: int | None = None
) -> Trained:
    """Its TopK trainer; its learning rate and warm-up set to everybody's."""
    from dictionary_learning.trainers.top_k import TopKTrainer  # type: ignore[import-not-found]

    trainer = TopKTrainer(
        steps=steps or MANY,
        activation_dim=width,
        dict_size=latents,
        k=k,
        layer=0,
        lm_name="none",
        lr=LR,
        warmup_steps=0,
        decay_start=None if steps is None else steps - int(DECAY * steps),
        device=device,
    )
    with torch.no_grad():
        trainer.ae.decoder.weight.copy_(first_weights(width, latents, device).T)
        trainer.ae.encoder.weight.copy_(first_weights(width, latents, device))
    # At step 0 it sets its bias to the median of the batch.
    count = SimpleNamespace(step=1 if steps is None else 0)

    def step(rows: Tensor) -> None:
        trainer.update(count.step, rows)
        count.step += 1

    return Trained(
        step=step,
        rebuild=trainer.ae,
        encode=trainer.ae.encode,
        directions=lambda: trainer.ae.decoder.weight.T,
    )


TRAINERS = {
    "glasshouse": (glasshouse, "glasshouse"),
    "sparsify": (sparsify, "sparsify"),
    "SAELens": (saelens, "sae_lens"),
    "dictionary_learning": (dictionary_learning, "dictionary_learning"),
}
"""Those who may take part, and the module that must be there."""


def present() -> list[str]:
    """Names of those that are installed."""
    return [name for name, (_, module) in TRAINERS.items() if importlib.util.find_spec(module)]
