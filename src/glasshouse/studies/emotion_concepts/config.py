"""Which models are grown and how they are read; two presets."""

import math
from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig
from glasshouse.world.moods import MoodWorld


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowConfig:
    """The models and their training."""

    models: int = 3
    """Models with a start and texts of their own; intervals are over them."""
    layers: int = 3
    """Blocks."""
    d_model: int = 48
    """Width of the residual stream."""
    heads: int = 4
    """Heads a layer."""
    steps: int = 4_000
    """Optimizer steps on texts of all kinds."""
    batch: int = 32
    """Texts a step."""
    peak_lr: float = 3e-3
    """Learning rate after 50 steps of warm-up, from where it falls as a cosine."""
    tune_steps: int = 80
    """Further steps on calm replies."""
    tune_lr: float = 5e-4
    """Learning rate of these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadConfig:
    """How vectors are made and what they are held to."""

    layer: int = 1
    """Block whose output is read and pushed, from 0; about two thirds of the depth."""
    stories: int = 200
    """Stories of each state from which its vector is made."""
    skip: int = 16
    """First tokens of a story that do not count (the paper's 50 of its longer stories)."""
    variance: float = 0.5
    """Share of the variance of neutral text that is projected out."""
    texts: int = 480
    """Held-out texts of each measurement."""
    random: int = 10
    """Directions that mean nothing, beside each that is pushed along."""

    def __post_init__(self) -> None:
        if self.random < 6:
            raise InputError(
                f"read.random={self.random} must be at least 6, for two groups of three directions"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class PushConfig:
    """How strongly values are pushed, in shares of their mean length."""

    strengths: tuple[float, ...] = (-0.1, -0.05, 0.0, 0.05, 0.1)
    """Of behaviours; the paper's."""
    on_items: float = 0.5
    """On the tokens of items that are chosen between; the paper's."""
    prompts: int = 64
    """Texts on which a behaviour is measured."""

    def __post_init__(self) -> None:
        if list(self.strengths) != [-s for s in reversed(self.strengths)] or 0 not in (
            self.strengths
        ):
            raise InputError(
                f"push.strengths={self.strengths} must lie evenly about 0, 0 among them, and rise"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class EmotionConfig:
    """The whole study."""

    grow: GrowConfig = field(default_factory=GrowConfig)
    """Models."""
    read: ReadConfig = field(default_factory=ReadConfig)
    """Vectors."""
    push: PushConfig = field(default_factory=PushConfig)
    """Strengths."""
    length: int = 48
    """Tokens of a text, and the models' context."""
    items: int = 32
    """Things that can be chosen."""
    device: str = "cpu"
    """Device of all models: `cpu` or `cuda`."""
    workers: int = 2
    """Models that train at the same time, one thread each; results do not depend on it."""

    def __post_init__(self) -> None:
        if self.workers < 1 or self.grow.models < 1:
            raise InputError(
                f"workers={self.workers} and grow.models={self.grow.models} must be at least 1"
            )
        if not 0 <= self.read.layer < self.grow.layers - 1:
            raise InputError(
                f"read.layer={self.read.layer} must lie in [0, {self.grow.layers - 1}), for one "
                "later layer is compared with it"
            )
        if self.length < 45:
            raise InputError(
                f"length={self.length} must be at least 45, for 20 tokens of a reply to be seen "
                "behind the longest turn of a user"
            )
        if not 0 <= self.read.skip < self.length - 8:
            raise InputError(
                f"read.skip={self.read.skip} must lie in [0, {self.length - 8}), for something of "
                f"a story of length={self.length} to count"
            )

    @property
    def world(self) -> MoodWorld:
        """Where texts come from."""
        return MoodWorld(length=self.length, items=self.items)

    def architecture(self) -> TransformerConfig:
        """The model; initial weights have the scale of torch's own start, 1/sqrt(width)."""
        return TransformerConfig(
            vocab_size=self.world.vocab_size,
            context=self.length,
            num_layers=self.grow.layers,
            d_model=self.grow.d_model,
            attention=AttentionConfig(num_heads=self.grow.heads),
            mlp=MlpConfig(d_mlp=4 * self.grow.d_model),
            tied=False,
            init_std=0.5 / math.sqrt(self.grow.d_model),
        )


def small() -> EmotionConfig:
    """Two CPU cores, a few minutes."""
    return EmotionConfig()


def paper() -> EmotionConfig:
    """Models of the size of small open ones, on the texts of this study.

    The paper's own model and stories (171 words for emotions, 100 topics, 12 stories each) are not
    here: what is larger is the model, the texts, and the number of both.
    """
    return EmotionConfig(
        grow=GrowConfig(
            models=5,
            layers=12,
            d_model=768,
            heads=12,
            steps=20_000,
            batch=256,
            peak_lr=6e-4,
            tune_steps=1_000,
            tune_lr=1e-4,
        ),
        read=ReadConfig(layer=7, stories=1_200, skip=50, texts=4_800, random=20),
        push=PushConfig(prompts=1_000),
        length=256,
        device="cuda",
        workers=1,
    )
