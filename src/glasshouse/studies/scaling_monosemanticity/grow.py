"""Grow a small model on texts that a world writes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from glasshouse.models import LanguageModel, Transformer, word_tokenizer
from glasshouse.studies.scaling_monosemanticity.config import GrowConfig
from glasshouse.training import Batch, BatchSource, ScheduleConfig, TrainConfig, train
from glasshouse.world.streams import stream

NAME = "scaling-monosemanticity"
"""First name of every stream of this study."""

_CHUNK = 256
"""Texts drawn at once; text i is always in chunk i // 256, whoever asks for it."""

Write = Callable[[int, np.random.Generator], np.ndarray]
"""Writes token ids of so many texts."""

Tick = Callable[[str], None]
"""Called at every step with what is being done."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Grown:
    """A model and its training."""

    model: LanguageModel
    """As it was grown."""
    losses: tuple[float, ...]
    """Loss of each step, in nats a token."""


def number(seed: int, *names: str | int) -> int:
    """A seed for torch, by name."""
    return int(stream(seed, NAME, *names).integers(1 << 31))


def grow(
    config: GrowConfig,
    write: Write,
    vocabulary: tuple[str, ...],
    context: int,
    *,
    name: str,
    seed: int,
    device: str,
    tick: Tick,
) -> Grown:
    """Train a model from random weights; it sees token ids and nothing else.

    Args:
        config: The model and its training.
        write: Draws texts.
        vocabulary: Every token, by id.
        context: Tokens of a text, the last left out.
        name: What it is grown on; names its streams.
        seed: Of the study.
        device: Where it trains.
        tick: Called at every step.
    """
    network = Transformer(
        config.architecture(len(vocabulary), context),
        generator=torch.Generator().manual_seed(number(seed, name, "weights")),
    ).to(device)
    losses = []
    for step in train(network, _texts(write, seed, name), _training(config, device)):
        losses.append(float(step.loss))
        tick(f"growing the model of {name}")
    network = network.eval().requires_grad_(False)
    model = LanguageModel(network, word_tokenizer(vocabulary), "grown here")
    return Grown(model=model, losses=tuple(losses))


def _texts(write: Write, seed: int, name: str) -> BatchSource:
    """Texts to train on, a function of the seed and the name."""

    @lru_cache(maxsize=2)
    def chunk(place: int) -> np.ndarray:
        return write(_CHUNK, stream(seed, NAME, name, "texts", place))

    def source(first: int, count: int) -> Batch:
        last = (first + count - 1) // _CHUNK
        rows = [chunk(place) for place in range(first // _CHUNK, last + 1)]
        start = first % _CHUNK
        ids = torch.from_numpy(np.concatenate(rows)[start : start + count])
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())

    return source


def _training(config: GrowConfig, device: str) -> TrainConfig:
    on_cpu = device == "cpu"
    return TrainConfig(
        steps=config.steps,
        batch_size=config.batch,
        precision="fp32" if on_cpu else "auto",
        compile="no" if on_cpu else "auto",
        threads=1 if on_cpu else None,
        evaluate_every=0,
        schedule=ScheduleConfig(peak_lr=config.peak_lr, warmup_steps=min(50, config.steps // 10)),
    )
