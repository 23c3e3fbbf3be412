"""Which models are grown, which dictionaries they get and how these are scored; two presets.

A penalty is stated as in the paper's equation, errors summed over dimensions, for values scaled to
a mean squared length of their width. The authors' code averages over dimensions: the same number
there is `width` times as strong.
"""

import math
from dataclasses import dataclass, field

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries import DictionaryTrainingConfig
from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class GrowConfig:
    """The models and their training."""

    models: int = 2
    """Models of texts about topics; intervals are over them."""
    layers: int = 3
    """Blocks of every model."""
    d_model: int = 64
    """Width of the residual stream."""
    heads: int = 4
    """Heads a layer."""
    steps: int = 800
    """Optimizer steps."""
    batch: int = 32
    """Texts a step."""
    peak_lr: float = 3e-3
    """Learning rate after 50 steps of warm-up, from where it falls as a cosine."""

    def __post_init__(self) -> None:
        if self.models < 1 or self.layers < 1:
            raise InputError(f"models={self.models} and layers={self.layers} must be at least 1")

    def architecture(self, *, vocab_size: int, context: int) -> TransformerConfig:
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
class LearnConfig:
    """The dictionaries of the models' values."""

    penalty: float = 2.0
    """Of the dictionary that is scored, in the summed form."""
    size_penalty: float = 0.2
    """Where latents are counted dead or alive by size; a large one kills latents of itself."""
    penalties: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
    """Of the sweep."""
    ratio: int = 2
    """Latents a dimension; 2 is what components have, counted both ways round."""
    ratios: tuple[int, ...] = (1, 2, 4, 8)
    """Sizes at which latents of the residual stream are counted dead or alive."""
    mlp_ratios: tuple[int, ...] = (1, 4)
    """The same for the neurons of an MLP, which are four times as wide."""
    steps: int = 1_500
    """Steps of every dictionary."""
    mlp_steps: int = 500
    """Steps where neurons and the residual stream are compared."""
    batch_rows: int = 512
    """Tokens a step."""
    lr: float = 3e-3
    """Learning rate of Adam; it falls in the last fifth."""
    texts: int = 1_500
    """Texts that dictionaries learn from."""

    def __post_init__(self) -> None:
        if len(self.penalties) < 3 or sorted(set(self.penalties)) != list(self.penalties):
            raise InputError(
                f"learn.penalties={self.penalties} must rise and be three or more, for two slopes "
                "to be compared"
            )
        if min(self.penalty, self.size_penalty, *self.penalties) <= 0:
            raise InputError("penalties must be positive; the one of zero is added where it counts")
        if 4 not in self.ratios or 4 not in self.mlp_ratios:
            raise InputError(
                f"learn.ratios={self.ratios} and learn.mlp_ratios={self.mlp_ratios} must hold 4, "
                "at which the claim is made"
            )

    def training(self, seed: int, steps: int | None = None) -> DictionaryTrainingConfig:
        """How a dictionary is trained."""
        return DictionaryTrainingConfig(steps=steps or self.steps, lr=self.lr, seed=seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreConfig:
    """What is measured on held-out texts."""

    texts: int = 300
    """Texts; rules are found on every other one and scored on the rest."""
    latents: int = 40
    """Latents of each dictionary and baseline that are explained, drawn at random."""
    least: int = 10
    """Active texts that a latent must have in either half (the paper: 20 fragments)."""
    fit_rows: int = 10_000
    """Rows from which baselines are fitted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyConfig:
    """Planted directions (Sharkey et al.'s data, as the calibration of this study has it)."""

    worlds: int = 2
    """Sets of directions; intervals are over them."""
    d: int = 32
    """Dimensions."""
    features: int = 96
    """True directions."""
    latents: int = 192
    """Of the dictionary."""
    mean_density: float = 0.03
    """Share of rows in which a feature is active, on average over features."""
    zipf: float = 0.5
    """Frequency of feature k falls as (k + 1) to the power of minus this."""
    penalty: float = 1.5
    """Of the tied dictionary."""
    norm_penalty: float = 2.0
    """Of an untied one with decoder norms in its penalty, beside it."""
    steps: int = 6_000
    """Of the tied dictionary: three times what the untied one needs."""
    norm_steps: int = 2_000
    """Of the untied one."""
    rows: int = 512
    """Rows a step, always fresh."""
    lr: float = 5e-3
    """Learning rate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GivingConfig:
    """Models of sentences about giving, for patching and for followers."""

    models: int = 5
    """Models; intervals are over them."""
    steps: int = 400
    """Optimizer steps."""
    batch: int = 64
    """Sentences a step."""
    layer: int = 0
    """Block whose output is patched, from 0."""
    penalty: float = 0.5
    """Of the dictionary."""
    larger: float = 2.5
    """Of the one whose floor should be higher."""
    learn_steps: int = 1_000
    """Steps of each dictionary."""
    texts: int = 2_000
    """Sentences that dictionaries learn from."""
    pairs: int = 32
    """Sentences with their twins: as many to find the order, as many to measure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DictionariesConfig:
    """The whole study."""

    grow: GrowConfig = field(default_factory=GrowConfig)
    """Models."""
    learn: LearnConfig = field(default_factory=LearnConfig)
    """Dictionaries."""
    score: ScoreConfig = field(default_factory=ScoreConfig)
    """Scores."""
    toy: ToyConfig = field(default_factory=ToyConfig)
    """Planted directions."""
    giving: GivingConfig = field(default_factory=GivingConfig)
    """Sentences about giving."""
    topics: int = 16
    """Topics of the texts."""
    length: int = 47
    """Tokens of a text after the first."""
    model: str = ""
    """A model directory in Hugging Face layout to look into instead; empty: models grown here."""
    text: str = ""
    """A UTF-8 text or a folder of them, which that model reads."""
    device: str = "cpu"
    """Device of everything: `cpu` or `cuda`."""

    def __post_init__(self) -> None:
        if bool(self.model) != bool(self.text):
            raise InputError(
                f"model={self.model!r} and text={self.text!r} go together: a model of your own "
                "needs a text to read"
            )
        if not 0 <= self.giving.layer < self.grow.layers:
            raise InputError(
                f"giving.layer={self.giving.layer} must lie in [0, {self.grow.layers})"
            )


def small() -> DictionariesConfig:
    """Two CPU cores, a few minutes."""
    return DictionariesConfig()


def paper() -> DictionariesConfig:
    """Wider and deeper models on the texts of this study, with dictionaries of the paper's sizes.

    The paper's own models are reached by `model=` and `text=`.
    """
    return DictionariesConfig(
        grow=GrowConfig(models=3, layers=6, d_model=512, heads=8, steps=10_000, batch=256),
        learn=LearnConfig(
            ratios=(1, 2, 4, 8, 16),
            mlp_ratios=(1, 2, 4, 8),
            penalties=(0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4),
            steps=20_000,
            mlp_steps=20_000,
            batch_rows=4_096,
            lr=1e-3,
            texts=10_000,
        ),
        score=ScoreConfig(texts=4_000, latents=150, fit_rows=100_000),
        toy=ToyConfig(worlds=5, steps=30_000, norm_steps=10_000),
        giving=GivingConfig(steps=4_000, layer=3, learn_steps=10_000, texts=20_000, pairs=50),
        topics=64,
        length=127,
        device="cuda",
    )
