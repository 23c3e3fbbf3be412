"""Grow the models of the study, shuffle their weights, and hold one at a time to be looked at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Transformer, TransformerConfig, word_tokenizer
from glasshouse.studies.sparse_autoencoders.config import DictionariesConfig
from glasshouse.training import Batch, BatchSource, ScheduleConfig, TrainConfig, train
from glasshouse.world.giving import GivingWorld
from glasshouse.world.streams import stream
from glasshouse.world.topics import TopicWorld

_CHUNK = 256
"""Texts drawn at once; text i is always in chunk i // 256, whoever asks for it."""

Weights = dict[str, Tensor]
"""What a network's `state_dict` gives."""

Write = Callable[[int, np.random.Generator], np.ndarray]
"""Writes token ids of so many texts."""


class Desk:
    """One network into which weights are put to be looked at, one set at a time.

    Capturing its graph takes seconds, so that all models of one architecture share it.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._held: Weights | None = None

    def holding(self, weights: Weights) -> LanguageModel:
        """The network with these weights in it, until others are put there."""
        if self._held is not weights:
            self._model.network.load_state_dict(weights)
            self._held = weights
        return self._model


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Grown:
    """One trained model."""

    desk: Desk
    """Where it is looked at."""
    weights: Weights
    """Its weights."""
    losses: tuple[float, ...]
    """Loss of each step, in nats a token."""

    @property
    def model(self) -> LanguageModel:
        """The model, put on the desk."""
        return self.desk.holding(self.weights)


def topic_world(config: DictionariesConfig) -> TopicWorld:
    """Where texts about topics come from."""
    return TopicWorld(topics=config.topics, length=config.length)


def desk_for(
    config: DictionariesConfig, vocabulary: tuple[str, ...], context: int
) -> tuple[Desk, TransformerConfig]:
    """An empty network for models of some words, and its architecture.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device={config.device!r} is not available here; pass --set device=cpu or choose "
            "--preset small"
        )
    shape = config.grow.architecture(vocab_size=len(vocabulary), context=context)
    network = Transformer(shape).to(config.device).eval().requires_grad_(False)
    return Desk(LanguageModel(network, word_tokenizer(vocabulary), "grown here")), shape


def grow_on_topics(
    config: DictionariesConfig, desk: Desk, shape: TransformerConfig, *, seed: int, number: int
) -> Grown:
    """Train one model on texts about topics."""
    world = topic_world(config)
    names = ("sparse-autoencoders", "topics", number)
    return _grow(
        config,
        desk,
        shape,
        lambda count, rng: world.sample(count, rng).ids,
        seed=seed,
        names=names,
        steps=config.grow.steps,
        batch=config.grow.batch,
    )


def grow_on_giving(
    config: DictionariesConfig, desk: Desk, shape: TransformerConfig, *, seed: int, number: int
) -> Grown:
    """Train one model on sentences about giving."""
    world = GivingWorld()
    names = ("sparse-autoencoders", "giving", number)
    return _grow(
        config,
        desk,
        shape,
        lambda count, rng: world.sample(count, rng).ids,
        seed=seed,
        names=names,
        steps=config.giving.steps,
        batch=config.giving.batch,
    )


def _grow(
    config: DictionariesConfig,
    desk: Desk,
    shape: TransformerConfig,
    write: Write,
    *,
    seed: int,
    names: tuple[str | int, ...],
    steps: int,
    batch: int,
) -> Grown:
    network = fresh_network(shape, seed=seed, names=names).to(config.device)
    on_cpu = config.device == "cpu"
    how = TrainConfig(
        steps=steps,
        batch_size=batch,
        precision="fp32" if on_cpu else "auto",
        compile="no" if on_cpu else "auto",
        threads=1 if on_cpu else None,
        evaluate_every=0,
        schedule=ScheduleConfig(peak_lr=config.grow.peak_lr, warmup_steps=min(50, steps // 10)),
    )
    losses = [float(step.loss) for step in train(network, _texts(write, seed, names), how)]
    return Grown(desk=desk, weights=network.eval().state_dict(), losses=tuple(losses))


def fresh_network(
    shape: TransformerConfig, *, seed: int, names: tuple[str | int, ...]
) -> Transformer:
    """A network that has learned nothing."""
    start = int(stream(seed, *names, "weights").integers(1 << 62))
    return Transformer(shape, generator=torch.Generator().manual_seed(start))


def shuffled_weights(weights: Weights, rng: np.random.Generator) -> Weights:
    """The numbers of every tensor in another order: what was learned is gone, its scale is not.

    Tensors that share their memory get one order, so that a tied unembedding stays tied.
    """
    orders: dict[int, np.ndarray] = {}
    shuffled = {}
    for name, value in weights.items():
        place = value.data_ptr()
        if place not in orders or len(orders[place]) != value.numel():
            orders[place] = rng.permutation(value.numel())
        order = torch.from_numpy(orders[place]).to(value.device)
        shuffled[name] = value.flatten()[order].view_as(value)
    return shuffled


def _texts(write: Write, seed: int, names: tuple[str | int, ...]) -> BatchSource:
    """Texts to train on, a function of the seed and the names."""

    @lru_cache(maxsize=2)
    def chunk(number: int) -> np.ndarray:
        return write(_CHUNK, stream(seed, *names, "texts", number))

    def source(first: int, count: int) -> Batch:
        last = (first + count - 1) // _CHUNK
        rows = [chunk(number) for number in range(first // _CHUNK, last + 1)]
        start = first % _CHUNK
        ids = torch.from_numpy(np.concatenate(rows)[start : start + count])
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())

    return source
