"""The model of topics with its values, cached once for every dictionary."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.interpret.activations import Activations, harvest_all
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse
from glasshouse.studies.scaling_monosemanticity.config import ScalingConfig
from glasshouse.studies.scaling_monosemanticity.grow import NAME, Grown, Tick, grow
from glasshouse.world.streams import stream
from glasshouse.world.topics import TopicTexts, TopicWorld

TOPICS = (
    *("garden", "kitchen", "harbour", "court", "school", "forest", "market", "theatre"),
    *("clinic", "fraud", "mine", "farm", "library", "stable", "chapel", "station"),
)
"""What topics are called in reports; the model sees numbers of tokens."""

_TUNED_ON = 200
"""Texts on which learning rates are chosen; nothing else is measured on them."""

_READ_CLOSELY = 600
"""Held-out texts on which single latents are read."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Subject:
    """A grown model and its values."""

    config: ScalingConfig
    """The study's."""
    seed: int
    """The study's."""
    grown: Grown
    """The model."""
    learn: Float[Tensor, "learned d_model"]
    """What dictionaries learn from."""
    tune: Float[Tensor, "tuned d_model"]
    """What learning rates are chosen on."""
    held: Float[Tensor, "held d_model"]
    """What losses and dead latents are measured on."""
    close: Activations
    """The first of the held-out texts, with the neurons up to the layer that is read."""
    texts: TopicTexts
    """The held-out texts."""

    @property
    def value(self) -> str:
        """The value that is learned."""
        return self.config.grow.value

    @property
    def world(self) -> TopicWorld:
        """Where texts come from."""
        return self.config.world

    @property
    def close_topic(self) -> Int[np.ndarray, " token"]:
        """The topic of every row of `close`."""
        count = int(self.close.document[-1]) + 1
        return self.texts.topic[:count, 1:].ravel()

    @property
    def close_neurons(self) -> Float[Tensor, "token neuron"]:
        """Neurons of the layers up to the one that is read."""
        return torch.cat([self.close[name] for name in neuron_names(self.config)], dim=1)

    def close_truth(self) -> Sparse:
        """What is true of every row of `close`: token by feature."""
        count = int(self.close.document[-1]) + 1
        some = TopicTexts(
            ids=self.texts.ids[:count],
            topic=self.texts.topic[:count],
            slot=self.texts.slot[:count],
            drawn=self.texts.drawn[:count],
        )
        features = self.world.features(some)[:, 1:]
        return scipy.sparse.csr_array(features.reshape(-1, features.shape[2]))

    def close_expectations(self) -> tuple[Sparse, tuple[str, ...]]:
        """The same, with what a model that foretells words may hold: a topic and what comes next.

        Returns:
            Token by feature, and the features' names: those of the world, and each topic with each
            part of the next word.
        """
        count = int(self.close.document[-1]) + 1
        first = [self.world.vocabulary.index(name) for name in ("noun0-0", "verb0-0")]
        part = np.searchsorted(first, self.texts.ids[:count, 1:], side="right")
        coming = np.concatenate([part[:, 1:], np.zeros((count, 1), dtype=part.dtype)], axis=1)
        topics = self.config.topics
        both = self.close_topic + topics * coming.ravel()
        features = scipy.sparse.csr_array(both[:, None] == np.arange(3 * topics))
        names = tuple(
            f"topic={topic} and {what} next"
            for what in ("a function word", "a noun", "a verb")
            for topic in range(topics)
        )
        joined = scipy.sparse.csr_array(scipy.sparse.hstack([self.close_truth(), features]))
        return joined, (*self.world.feature_names, *names)

    def rng(self, *names: str | int) -> np.random.Generator:
        """A stream for measurements, which training never reads."""
        return stream(self.seed, NAME, "held-out", *names)

    def word(self, token: int) -> str:
        """A token with the name of its topic."""
        return named(self.world.vocabulary[token])

    def topic_words(self, topic: int) -> list[int]:
        """Tokens that a topic uses and no other does."""
        owners = [self.world.topics_of(token) for token in range(self.world.vocab_size)]
        return [token for token, topics in enumerate(owners) if topics == (topic,)]


def named(word: str) -> str:
    """`noun3-1` and `verb3-1` with the name of topic 3."""
    kind = word[:4]
    if kind not in ("noun", "verb") or "-" not in word:
        return word
    topic, _, which = word[4:].partition("-")
    return f"{topic_name(int(topic))}-{kind[0].upper()}{which}"


def topic_name(topic: int) -> str:
    """What a topic is called in reports."""
    return TOPICS[topic] if topic < len(TOPICS) else f"topic{topic}"


def neuron_names(config: ScalingConfig) -> list[str]:
    """Values that hold neurons, up to the layer that is read."""
    return [f"blocks.{layer}.mlp.post" for layer in range(config.grow.layer + 1)]


def subject_of(config: ScalingConfig, *, seed: int, tick: Tick) -> Subject:
    """Grow the model of topics and run it over the texts of all dictionaries, once."""
    world = config.world
    grown = grow(
        config.grow,
        lambda count, rng: world.sample(count, rng).ids,
        world.vocabulary,
        world.length + 1,
        name="topics",
        seed=seed,
        device=config.device,
        tick=tick,
    )
    tick("reading the model of topics")
    drawn = {
        name: world.sample(count, stream(seed, NAME, "topics", name))
        for name, count in (
            ("learn", config.learn.texts),
            ("tune", _TUNED_ON),
            ("held", config.learn.held_texts),
        )
    }
    rows = {
        name: harvest_all(grown.model, texts.ids.tolist(), config.grow.value, skip=1)
        for name, texts in drawn.items()
    }
    close = drawn["held"].ids[:_READ_CLOSELY].tolist()
    return Subject(
        config=config,
        seed=seed,
        grown=grown,
        learn=rows["learn"][config.grow.value],
        tune=rows["tune"][config.grow.value],
        held=rows["held"][config.grow.value],
        close=harvest_all(grown.model, close, [config.grow.value, *neuron_names(config)], skip=1),
        texts=drawn["held"],
    )
