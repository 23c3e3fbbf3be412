"""Which models are grown, which dictionaries learn their values, and two presets."""

import math
from dataclasses import dataclass, field

import numpy as np

from glasshouse.errors import InputError
from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig
from glasshouse.world.bilingual import BilingualWorld
from glasshouse.world.topics import TopicWorld
from glasshouse.world.two_hops import TwoHopWorld


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowConfig:
    """A model and its training."""

    layers: int
    """Blocks."""
    d_model: int
    """Width of the residual stream."""
    layer: int
    """Block whose output the dictionaries learn, from 0: the middle of the model."""
    steps: int
    """Optimizer steps."""
    heads: int = 4
    """Heads a layer."""
    batch: int = 32
    """Texts a step."""
    peak_lr: float = 3e-3
    """Learning rate after warm-up, from where it falls as a cosine."""

    def __post_init__(self) -> None:
        if not 0 <= self.layer < self.layers:
            raise InputError(f"layer={self.layer} must lie in [0, {self.layers})")

    @property
    def value(self) -> str:
        """The value that is learned."""
        return f"blocks.{self.layer}.resid_post"

    def architecture(self, vocab_size: int, context: int) -> TransformerConfig:
        """The model; initial weights have the scale of torch's own start, 1/sqrt(width)."""
        return TransformerConfig(
            vocab_size=vocab_size,
            context=context,
            num_layers=self.layers,
            d_model=self.d_model,
            attention=AttentionConfig(num_heads=self.heads),
            mlp=MlpConfig(d_mlp=4 * self.d_model),
            tied=False,
            init_std=0.5 / math.sqrt(self.d_model),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class GridConfig:
    """Dictionaries of several sizes, each trained for several numbers of steps."""

    sizes: tuple[int, ...] = (64, 128, 256, 512)
    """Latents; sizes that are four times each other are compared by splitting."""
    steps: tuple[int, ...] = (200, 400, 800, 1_600, 3_200)
    """Optimizer steps; each run has a decay of its own."""
    rates: tuple[float, ...] = (3e-3, 7e-3, 1.5e-2, 3e-2, 6e-2)
    """Learning rates that are tried at two corners of the grid."""
    swept: tuple[tuple[int, int], ...] = ((64, 200), (512, 1_600))
    """Latents and steps of these corners, the one that costs less first."""
    large: tuple[int, ...] = (128, 512, 2_048, 4_096)
    """Sizes whose dead latents are counted."""
    large_steps: int = 600
    """Steps of each of these."""
    planted: int = 8
    """Directions that make up all values of the control, which needs no larger dictionary."""
    planted_steps: tuple[int, ...] = (200, 400, 800, 1_600)
    """Steps of the control's runs."""

    def __post_init__(self) -> None:
        for name in ("sizes", "steps", "large", "planted_steps", "rates"):
            numbers = getattr(self, name)
            if len(numbers) < 2 or list(numbers) != sorted(set(numbers)):
                raise InputError(f"grid.{name}={numbers} must be two numbers or more, and rise")
        if len(self.swept) != 2 or np.prod(self.swept[0]) >= np.prod(self.swept[1]):
            raise InputError(
                f"grid.swept={self.swept} must be two corners (latents, steps), cheaper one first"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnConfig:
    """What all dictionaries of models have in common."""

    texts: int = 4_000
    """Texts whose values are cached and learned from."""
    held_texts: int = 2_200
    """Texts of measurements, over 100,000 tokens in `small`."""
    penalty: float = 1.0
    """Lambda, for values of mean squared length d and errors summed over d. The paper's 5 goes with
    thousands of dimensions; what a latent pays is lambda in units of its own size, which grows with
    the root of d."""
    batch: int = 256
    """Rows a step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedConfig:
    """Rows that are sums of known directions, whose frequencies follow Zipf's law."""

    features: int = 300
    """True directions."""
    d_model: int = 48
    """Dimensions that they share."""
    active: float = 3.0
    """True directions of a row, on average."""
    sizes: tuple[int, ...] = (16, 32, 64, 128)
    """Dictionaries; the last is eight times the first."""
    steps: int = 2_000
    """Optimizer steps."""
    rows: int = 100_000
    """Rows."""
    penalty: float = 2.0
    """Lambda: rows of three directions in 48 dimensions have less to gain than a model's values."""

    def __post_init__(self) -> None:
        if self.sizes[-1] != 8 * self.sizes[0]:
            raise InputError(
                f"planted.sizes={self.sizes}: the last must be eight times the first, which is "
                "what no effect would look like"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class PushConfig:
    """How latents are pushed and what they are held to."""

    multiples: tuple[float, ...] = (0.0, 1.0, 2.0, 5.0, 10.0)
    """Of a latent's largest activation; the paper's, and 0 for the model as it is."""
    random: int = 5
    """Directions that mean nothing, beside each latent."""
    prompts: int = 48
    """Texts on which effects are measured."""
    unsafe: int = 9
    """The topic that stands for something harmful; the tenth by popularity."""
    flagged: int = 8
    """Texts with that topic that the search is given."""
    searches: int = 20
    """Searches, each with flagged texts of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoHopConfig:
    """The model of facts, and how effects in it are measured."""

    grow: GrowConfig = field(
        default_factory=lambda: GrowConfig(layers=3, d_model=64, layer=1, steps=600)
    )
    """The model."""
    people: int = 60
    """Of the world."""
    latents: int = 256
    """Of the dictionary."""
    steps: int = 2_500
    """Optimizer steps of the dictionary."""
    texts: int = 2_500
    """Texts that it learns from."""
    prompts: int = 50
    """Questions whose latents are taken away one by one."""
    facts: int = 4
    """Other facts in front of each question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BilingualConfig:
    """The models of two alphabets."""

    grow: GrowConfig = field(
        default_factory=lambda: GrowConfig(layers=2, d_model=48, layer=0, steps=600)
    )
    """Each model."""
    latents: int = 256
    """Of each dictionary."""
    steps: int = 2_500
    """Optimizer steps of each dictionary."""
    texts: int = 2_500
    """Texts that each learns from."""
    held_texts: int = 600
    """Texts in each alphabet that are measured on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScalingConfig:
    """The whole study."""

    grow: GrowConfig = field(
        default_factory=lambda: GrowConfig(layers=3, d_model=64, layer=1, steps=800)
    )
    """The model of topics."""
    topics: int = 16
    """Of its world."""
    learn: LearnConfig = field(default_factory=LearnConfig)
    """Cached values."""
    grid: GridConfig = field(default_factory=GridConfig)
    """Dictionaries of it."""
    planted: PlantedConfig = field(default_factory=PlantedConfig)
    """Values whose directions are known."""
    push: PushConfig = field(default_factory=PushConfig)
    """Clamping, and the search."""
    explained: int = 100
    """Latents, and neurons, that are explained by rules; the paper's number."""
    two_hops: TwoHopConfig = field(default_factory=TwoHopConfig)
    """Attribution and ablation."""
    bilingual: BilingualConfig = field(default_factory=BilingualConfig)
    """Two alphabets."""
    device: str = "cpu"
    """Device of all models and dictionaries: `cpu` or `cuda`."""

    def __post_init__(self) -> None:
        if not 0 <= self.push.unsafe < self.topics:
            raise InputError(
                f"push.unsafe={self.push.unsafe} must be one of the {self.topics} topics, from 0"
            )

    @property
    def world(self) -> TopicWorld:
        """Texts about topics."""
        return TopicWorld(topics=self.topics)

    def facts(self, seed: int) -> TwoHopWorld:
        """Facts of the two-hop model."""
        return TwoHopWorld(people=self.two_hops.people, seed=seed)

    @property
    def alphabets(self) -> BilingualWorld:
        """Texts in two alphabets."""
        return BilingualWorld()


def small() -> ScalingConfig:
    """Two CPU cores, a few minutes."""
    return ScalingConfig()


def paper() -> ScalingConfig:
    """A larger model of the same worlds and dictionaries of up to 131,072 latents.

    The paper's own model and its dictionaries of 1, 4 and 34 million latents are not here.
    """
    return ScalingConfig(
        grow=GrowConfig(
            layers=6, d_model=512, layer=2, steps=20_000, heads=8, batch=256, peak_lr=6e-4
        ),
        topics=128,
        learn=LearnConfig(texts=200_000, held_texts=20_000, penalty=5.0, batch=4_096),
        grid=GridConfig(
            sizes=(2_048, 8_192, 32_768),
            steps=(1_000, 3_000, 10_000, 30_000),
            rates=(1e-4, 3e-4, 1e-3, 3e-3),
            swept=((2_048, 1_000), (32_768, 10_000)),
            planted_steps=(1_000, 3_000, 10_000),
            large=(8_192, 32_768, 131_072),
            large_steps=10_000,
        ),
        planted=PlantedConfig(
            features=4_000, d_model=256, sizes=(128, 256, 512, 1_024), steps=20_000, rows=1_000_000
        ),
        two_hops=TwoHopConfig(
            grow=GrowConfig(
                layers=6, d_model=256, layer=2, steps=20_000, heads=8, batch=256, peak_lr=1e-3
            ),
            people=2_000,
            latents=8_192,
            steps=20_000,
            texts=50_000,
            prompts=200,
        ),
        bilingual=BilingualConfig(
            grow=GrowConfig(
                layers=6, d_model=256, layer=2, steps=10_000, heads=8, batch=256, peak_lr=1e-3
            ),
            latents=4_096,
            steps=20_000,
            texts=50_000,
            held_texts=5_000,
        ),
        device="cuda",
    )
