"""TopK dictionaries of several libraries, each taking its own training step on the same rows.

All begin from the same weights, use Adam at one constant rate, and keep decoder rows at length one
by their own means. A library that is not installed takes no part.
"""

import importlib.util
from collections.abc import Callable, Iterator
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

Step = Callable[[Tensor], object]
"""Takes one training step on a batch."""
Rebuild = Callable[[Tensor], Tensor]
"""The reconstruction of a batch."""
LR = 1e-3


def first_weights(width: int, latents: int, device: str) -> Tensor:
    """Unit rows that everybody's decoder, and encoder, begins as."""
    drawn = torch.randn(latents, width, generator=torch.Generator().manual_seed(1))
    return normalize(drawn, dim=1).to(device)


def glasshouse(width: int, latents: int, k: int, device: str) -> tuple[Step, Rebuild]:
    """Ours, scale left at 1 so that all see the same numbers."""
    config = DictionaryConfig(d_in=width, num_latents=latents, kind=TopK(k=k))
    own = Dictionary(config).to(device)
    with torch.no_grad():
        own.decoder.copy_(first_weights(width, latents, device))
        own.encoder.copy_(own.decoder)
    schedule = DictionaryTrainingConfig(steps=10**6, lr=LR, decay_share=0, dead_rows=10**7)
    return DictionaryTrainer(own, schedule).train_on, own


def sparsify(width: int, latents: int, k: int, device: str) -> tuple[Step, Rebuild]:
    """EleutherAI's; Adam in the place of its default, signum."""
    from sparsify import SparseCoder, SparseCoderConfig  # type: ignore[import-not-found]

    own = SparseCoder(
        width, SparseCoderConfig(num_latents=latents, k=k), device=device, dtype=torch.float32
    )
    with torch.no_grad():
        own.encoder.weight.copy_(first_weights(width, latents, device))
        own.W_dec.copy_(own.encoder.weight)
    adam = torch.optim.Adam(own.parameters(), lr=LR)

    def step(rows: Tensor) -> None:
        own.set_decoder_norm_to_unit_norm()
        own(rows).fvu.backward()
        own.remove_gradient_parallel_to_decoder_directions()
        adam.step()
        adam.zero_grad()

    return step, lambda rows: own(rows).sae_out


def saelens(width: int, latents: int, k: int, device: str) -> tuple[Step, Rebuild]:
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
        total_training_samples=10**9, train_batch_size_samples=4096, lr=LR, lr_end=LR, device=device
    )

    def nothing() -> Iterator[Tensor]:
        yield torch.empty(0)

    trainer: Any = SAETrainer(settings, own, nothing())

    def step(rows: Tensor) -> None:
        trainer.step(rows)
        trainer.n_training_steps += 1

    return step, own


def dictionary_learning(width: int, latents: int, k: int, device: str) -> tuple[Step, Rebuild]:
    """Its TopK trainer; its learning rate and warm-up set to everybody's."""
    from dictionary_learning.trainers.top_k import TopKTrainer  # type: ignore[import-not-found]

    trainer = TopKTrainer(
        steps=10**9,
        activation_dim=width,
        dict_size=latents,
        k=k,
        layer=0,
        lm_name="none",
        lr=LR,
        warmup_steps=0,
        device=device,
    )
    with torch.no_grad():
        trainer.ae.decoder.weight.copy_(first_weights(width, latents, device).T)
        trainer.ae.encoder.weight.copy_(first_weights(width, latents, device))
    count = SimpleNamespace(step=1)  # at step 0 it sets its bias to the median of the batch

    def step(rows: Tensor) -> None:
        trainer.update(count.step, rows)
        count.step += 1

    return step, trainer.ae


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
