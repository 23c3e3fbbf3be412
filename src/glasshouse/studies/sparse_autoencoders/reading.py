"""What is read: a model, texts to learn from, held-out texts, and their truth where it is known.

The truth is of held-out tokens and is asked for by scores alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations, harvest_all
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse
from glasshouse.interpret.subject import num_layers
from glasshouse.interpret.texts import texts_of_file
from glasshouse.models import LanguageModel, Transformer
from glasshouse.studies.sparse_autoencoders.config import DictionariesConfig
from glasshouse.studies.sparse_autoencoders.grow import (
    Desk,
    Weights,
    desk_for,
    fresh_network,
    grow_on_topics,
    shuffled_weights,
    topic_world,
)
from glasshouse.world.streams import stream

SKIP = 1
"""First token of a text, which is left out: what stands there is unlike all that follows."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Reader:
    """One model and what it reads."""

    number: int
    """Which of the run's units."""
    seed: int
    """Of the run."""
    config: DictionariesConfig
    """Of the run."""
    desk: Desk
    """Where the model is looked at."""
    weights: Weights
    """The model's."""
    learn: Int64[Tensor, "learned seq"]
    """Texts that dictionaries learn from."""
    held_out: Int64[Tensor, "held seq"]
    """Texts of all measurements."""
    words: tuple[str, ...]
    """The text of every token."""
    truth: Sparse | None
    """Token by feature for every token of every held-out text; None: not known."""
    names: tuple[str, ...]
    """Names of these features."""
    kind: str
    """`trained`, `shuffled` or `untrained`."""
    losses: tuple[float, ...]
    """Of the model's training; empty where it was not grown here."""

    @property
    def model(self) -> LanguageModel:
        """The model, put on the desk."""
        return self.desk.holding(self.weights)

    @property
    def layers(self) -> tuple[int, ...]:
        """Blocks whose output is read: the first, a middle one and the last."""
        depth = num_layers(self.model.graph())
        return tuple(dict.fromkeys((0, depth // 2, depth - 1)))

    @property
    def middle(self) -> int:
        """The block of everything that is measured at one place only."""
        return self.layers[len(self.layers) // 2]

    def rng(self, *names: str | int) -> np.random.Generator:
        """Randomness for a purpose."""
        return stream(self.seed, "sparse-autoencoders", self.kind, self.number, *names)

    def rows(self, names: Sequence[str]) -> dict[str, Float[Tensor, "token d"]]:
        """Values of the texts to learn from."""
        found = harvest_all(self.model, self.learn.tolist(), names, skip=SKIP)
        return {name: found[name].float() for name in names}

    def measured(self, names: Sequence[str]) -> Activations:
        """Values of held-out texts, with their tokens."""
        return harvest_all(self.model, self.held_out.tolist(), names, skip=SKIP)

    def truth_of(self, rows: Activations) -> Sparse | None:
        """What is true of held-out rows; None where it is not known."""
        if self.truth is None:
            return None
        places = rows.document * self.held_out.shape[1] + rows.position
        return self.truth[places.cpu().numpy()]


def resid(layer: int) -> str:
    """The residual stream behind a block."""
    return f"blocks.{layer}.resid_post"


def neurons(layer: int) -> str:
    """The MLP's neurons of a block."""
    return f"blocks.{layer}.mlp.post"


def readers(config: DictionariesConfig, *, seed: int) -> Iterator[Reader]:
    """The run's units one by one: models grown on topics, or parts of a text for a given model.

    Raises:
        InputError: If a given model or text cannot be read, or the text is too short.
    """
    return _of_a_model(config, seed) if config.model else _of_topics(config, seed)


def _of_topics(config: DictionariesConfig, seed: int) -> Iterator[Reader]:
    world = topic_world(config)
    desk, shape = desk_for(config, world.vocabulary, config.length + 1)
    for number in range(config.grow.models):
        grown = grow_on_topics(config, desk, shape, seed=seed, number=number)
        names = ("sparse-autoencoders", "read", number)
        learn = world.sample(config.learn.texts, stream(seed, *names, "learn"))
        held_out = world.sample(config.score.texts, stream(seed, *names, "held out"))
        features = world.features(held_out)
        yield Reader(
            number=number,
            seed=seed,
            config=config,
            desk=desk,
            weights=grown.weights,
            learn=torch.from_numpy(learn.ids),
            held_out=torch.from_numpy(held_out.ids),
            words=world.vocabulary,
            truth=scipy.sparse.csr_array(features.reshape(-1, features.shape[-1])),
            names=world.feature_names,
            kind="trained",
            losses=grown.losses,
        )


def _of_a_model(config: DictionariesConfig, seed: int) -> Iterator[Reader]:
    model = LanguageModel.load(config.model, device=config.device)
    texts = texts_of_file(model, Path(config.text))
    parts, desk = config.grow.models, Desk(model)
    weights = {name: value.clone() for name, value in model.network.state_dict().items()}
    order = stream(seed, "sparse-autoencoders", "windows").permutation(len(texts.learn))
    for number in range(parts):
        chosen = np.sort(order[number::parts][: config.learn.texts])
        held_out = texts.held_out[number::parts][: config.score.texts]
        if len(chosen) < 2 or len(held_out) < 2:
            raise InputError(
                f"text={config.text} gives {len(texts.learn)} windows to learn from and "
                f"{len(texts.held_out)} to measure on, too few for {parts} parts; give more text"
            )
        yield Reader(
            number=number,
            seed=seed,
            config=config,
            desk=desk,
            weights=weights,
            learn=texts.learn.batch(chosen).inputs,
            held_out=held_out,
            words=tuple(
                model.tokenizer.decode([i]) for i in range(model.network.config.vocab_size)
            ),
            truth=None,
            names=(),
            kind="trained",
            losses=(),
        )


def shuffled_twin(reader: Reader) -> Reader:
    """The same texts read by the same network with its weights in another order."""
    weights = shuffled_weights(reader.weights, reader.rng("shuffle"))
    return replace(reader, weights=weights, kind="shuffled", losses=())


def untrained_twin(reader: Reader) -> Reader | None:
    """The same texts read by a network that has learned nothing; None for one that is not ours."""
    network = reader.model.network
    if not isinstance(network, Transformer):
        return None
    fresh = fresh_network(
        network.config, seed=reader.seed, names=("sparse-autoencoders", "fresh", reader.number)
    ).to(network.embed.weight.device)
    return replace(reader, weights=fresh.state_dict(), kind="untrained", losses=())
