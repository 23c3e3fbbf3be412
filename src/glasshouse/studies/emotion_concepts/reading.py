"""Make the vectors of a model, and read and push its values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.dataflow.feeds import Change
from glasshouse.interpret.activations import harvest_all
from glasshouse.interpret.concepts import (
    ConceptVectors,
    add_share,
    concept_vectors,
    mean_norm,
    project_out,
    random_directions,
    read_concepts,
    text_means,
)
from glasshouse.models import LanguageModel
from glasshouse.studies.emotion_concepts.config import EmotionConfig
from glasshouse.studies.emotion_concepts.grow import Grown
from glasshouse.world.mood_texts import stories
from glasshouse.world.moods import NO_STATE, STATES
from glasshouse.world.streams import stream


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Subject:
    """A grown model with its vectors, and the streams of its measurements."""

    config: EmotionConfig
    """The study's."""
    seed: int
    """The study's."""
    grown: Grown
    """The model."""
    vectors: tuple[ConceptVectors, ...]
    """Of every layer."""
    means: tuple[Float[Tensor, " d_model"], ...]
    """What all states have in common, by layer: the point from which values are read."""
    norms: tuple[float, ...]
    """Mean length of the residual stream, by layer: the unit of pushes."""

    @property
    def layer(self) -> int:
        """The layer that is read."""
        return self.config.read.layer

    @property
    def model(self) -> LanguageModel:
        """The model as it was grown."""
        return self.grown.model

    @property
    def main(self) -> ConceptVectors:
        """The vectors of the layer that is read."""
        return self.vectors[self.layer]

    def rng(self, *names: str) -> np.random.Generator:
        """A stream for measurements, which training never reads."""
        return stream(self.seed, "emotion-concepts", "held-out", self.grown.number, *names)

    def meaningless(self, like: Tensor, count: int, name: str) -> Float[Tensor, "count d_model"]:
        """Permuted copies of some vectors."""
        return random_directions(like, count, seed=int(self.rng(name).integers(1 << 31)))

    def permuted(self, name: str) -> ConceptVectors:
        """As many vectors as there are states, each with its coordinates in another order."""
        return ConceptVectors(
            names=self.main.names,
            vectors=self.meaningless(self.main.vectors, len(STATES), name),
            texts=self.main.texts,
        )

    def at(self, ids: np.ndarray, *, model: LanguageModel | None = None) -> Tensor:
        """Values of the layer that is read, `text place d_model`."""
        name = layer_name(self.layer)
        return run(self.model if model is None else model, ids, name)

    def scores(
        self, values: Float[Tensor, "... d_model"], vectors: ConceptVectors | None = None
    ) -> Float[Tensor, "... concept"]:
        """How much of each state there is: projections on unit vectors, from the common mean."""
        return read_concepts(
            values - self.means[self.layer],
            self.main if vectors is None else vectors,
            kind="dot",
        )

    def push(self, direction: Float[Tensor, " d_model"], strength: float) -> dict[str, Change]:
        """What is fed to push along a direction, at all tokens."""
        change = add_share(direction, strength, self.norms[self.layer])
        return {layer_name(self.layer): change} if strength else {}


def layer_name(layer: int) -> str:
    """The residual stream behind a block."""
    return f"blocks.{layer}.resid_post"


@torch.no_grad()
def run(
    model: LanguageModel, ids: np.ndarray, name: str, feed: dict[str, Change] | None = None
) -> Tensor:
    """One value of a model on texts of one length."""
    where = model.network.embed.weight.device
    found = model.graph().run(torch.from_numpy(ids).to(where), fetch=name, feed=feed or {})
    return found[name].float().cpu()


def chances(
    model: LanguageModel,
    ids: np.ndarray,
    answers: Sequence[int],
    feed: dict[str, Change] | None = None,
) -> Float[Tensor, "text answer"]:
    """Probability of some answers behind each text, among all tokens."""
    logits = run(model, ids, "logits", feed)[:, -1]
    return logits.softmax(dim=-1)[:, list(answers)]


def subject_of(grown: Grown, config: EmotionConfig, *, seed: int) -> Subject:
    """Make the vectors of a model, at every layer.

    They come from stories that hold no word of their own state, with what neutral stories vary in
    projected out.
    """
    read, world = config.read, config.world
    names = [layer_name(layer) for layer in range(config.grow.layers)]
    rng = stream(seed, "emotion-concepts", "vectors", grown.number)
    states = np.arange(len(STATES)).repeat(read.stories)
    told = stories(world, len(states), rng, states=states, hide=True).ids[:, :-2]
    plain = np.full(2 * read.stories, NO_STATE)
    neutral = stories(world, len(plain), rng, states=plain).ids[:, :-2]
    rows = harvest_all(grown.model, told.tolist(), names)
    others = harvest_all(grown.model, neutral.tolist(), names, skip=read.skip)
    concepts = [STATES[state] for state in states]
    vectors, means, norms = [], [], []
    for name in names:
        by_text, _ = text_means(rows, name, skip=read.skip)
        made = concept_vectors(by_text.cpu(), concepts)
        vectors.append(project_out(made, others[name].cpu(), variance=read.variance))
        means.append(by_text.mean(dim=0).cpu())
        norms.append(mean_norm(grown.model, torch.from_numpy(told[:256]), name))
    return Subject(
        config=config,
        seed=seed,
        grown=grown,
        vectors=tuple(vectors),
        means=tuple(means),
        norms=tuple(norms),
    )
