"""Which models are grown, on what, how long, and how often they are looked at; three presets."""

import math
from dataclasses import dataclass, field, replace

from glasshouse.errors import InputError
from glasshouse.models.config import (
    AttentionConfig,
    MlpConfig,
    PositionConfig,
    TransformerConfig,
)
from glasshouse.world.blocks import BlockWorld


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One architecture on one kind of text, and how many models of it are grown."""

    layers: int
    """Blocks."""
    heads: int = 4
    """Heads a layer."""
    d_model: int = 64
    """Width of the residual stream."""
    has_mlp: bool = False
    """Whether blocks have a feed-forward half, twice as wide as the stream."""
    smeared: bool = False
    """Whether keys are smeared over two neighbours (argument 2)."""
    forms: int = 1
    """Ways to write each word (argument 4)."""
    loose_share: float = 0.0
    """Share of the texts in which every place draws its own form (argument 4)."""
    models: int = 3
    """Models of this kind; 0 leaves it out, and what it would tell is then not judged."""
    steps: int = 400
    """Optimizer steps."""
    batch: int = 32
    """Texts a step."""
    accumulate: int = 1
    """Parts that a step is cut into, to save memory."""
    peak_lr: float = 8e-3
    """Learning rate after 50 steps of warm-up; constant from there."""


def _with_mlp(layers: int, *, models: int = 2) -> Kind:
    """Feed-forward parts want smaller steps, and more of them."""
    return Kind(layers=layers, has_mlp=True, models=models, steps=700, peak_lr=4e-3)


@dataclass(frozen=True, kw_only=True, slots=True)
class KindsConfig:
    """Every kind of model of the study."""

    one_layer: Kind = field(default_factory=lambda: Kind(layers=1))
    """The measure of what needs no induction: what words a text uses."""
    two_layers: Kind = field(default_factory=lambda: Kind(layers=2))
    """The smallest model that can compose two heads."""
    three_layers: Kind = field(default_factory=lambda: Kind(layers=3, models=2))
    """One layer more."""
    one_layer_mlp: Kind = field(default_factory=lambda: _with_mlp(1))
    """The same three with feed-forward parts."""
    two_layers_mlp: Kind = field(default_factory=lambda: _with_mlp(2))
    """Two layers with feed-forward parts."""
    three_layers_mlp: Kind = field(default_factory=lambda: _with_mlp(3, models=1))
    """Three layers with feed-forward parts."""
    one_layer_smeared: Kind = field(default_factory=lambda: Kind(layers=1, smeared=True, steps=200))
    """One layer that need not compose, because keys see their predecessor."""
    two_layers_smeared: Kind = field(
        default_factory=lambda: Kind(layers=2, smeared=True, steps=200)
    )
    """Two layers that need not compose."""
    many_heads: Kind = field(default_factory=lambda: Kind(layers=2, heads=8))
    """Eight heads a layer, for ablations and for what heads are made of."""
    narrow: Kind = field(default_factory=lambda: Kind(layers=2, d_model=32, models=2))
    """Half the width."""
    wide: Kind = field(default_factory=lambda: Kind(layers=2, d_model=96, models=2))
    """Half as wide again."""
    loose: Kind = field(default_factory=lambda: Kind(layers=2, forms=2, loose_share=0.5, models=2))
    """Words with two written forms; in half of the texts a copy may use the other form."""
    literal: Kind = field(default_factory=lambda: Kind(layers=2, forms=2, models=2))
    """The same tokens, every copy in the form of its original: the control of `loose`."""


KINDS = {
    "one_layer": "1 layer",
    "two_layers": "2 layers",
    "three_layers": "3 layers",
    "one_layer_mlp": "1 layer, MLP",
    "two_layers_mlp": "2 layers, MLP",
    "three_layers_mlp": "3 layers, MLP",
    "one_layer_smeared": "1 layer, smeared keys",
    "two_layers_smeared": "2 layers, smeared keys",
    "many_heads": "2 layers, twice the heads",
    "narrow": "2 layers, narrow",
    "wide": "2 layers, wide",
    "loose": "2 layers, two forms a word",
    "literal": "2 layers, two forms, literal",
}
"""Names of the kinds in the config, and in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextsConfig:
    """What models are trained on."""

    words: int = 64
    """Different words of the vocabulary, all written forms counted (the start token apart)."""
    length: int = 64
    """Words of a text, and the models' context."""
    shortest: int = 8
    """Fewest words of the block that repeats."""
    longest: int = 24
    """Most words of it."""
    max_phase: int = 7
    """Most stray words before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LooksConfig:
    """What is measured of a model while it trains."""

    every: int = 20
    """Steps between two looks."""
    texts: int = 128
    """Texts on which losses are measured."""
    length: int = 64
    """Words of these texts; at most those of training."""
    early: int = 1
    """First place of the early window of the in-context-learning score, from 0."""
    late: int = 56
    """First place of the late window."""
    window: int = 8
    """Places of both windows."""
    matched: int = 15
    """Tokens of the block that prefix matching is measured on, four times over."""

    def __post_init__(self) -> None:
        if not 0 <= self.early < self.late <= self.length - self.window:
            raise InputError(
                f"looks.early={self.early} and looks.late={self.late} must leave windows of "
                f"{self.window} places, in this order, in texts of looks.length={self.length} words"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class InductionConfig:
    """The models of the study, their texts, and the looks taken while they train."""

    kinds: KindsConfig = field(default_factory=KindsConfig)
    """Which models are grown, and how."""
    texts: TextsConfig = field(default_factory=TextsConfig)
    """On what."""
    looks: LooksConfig = field(default_factory=LooksConfig)
    """And what is measured of them meanwhile."""
    device: str = "cpu"
    """Device of all models: `cpu` or `cuda`."""
    workers: int = 2
    """Models that train at the same time, one thread each; results do not depend on it."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers={self.workers} must be at least 1")
        needed = max(self.looks.length, 4 * self.looks.matched + 1)
        if needed > self.texts.length:
            raise InputError(
                f"looks.length={self.looks.length} and looks.matched={self.looks.matched} need a "
                f"context of {needed} words, and models are trained on texts.length="
                f"{self.texts.length}"
            )

    def world(self, kind: Kind) -> BlockWorld:
        """The texts of one kind of model; words of several forms share out the vocabulary."""
        return BlockWorld(
            words=self.texts.words // kind.forms,
            forms=kind.forms,
            loose_share=kind.loose_share,
            shortest=self.texts.shortest,
            longest=self.texts.longest,
            max_phase=self.texts.max_phase,
        )

    def architecture(self, kind: Kind) -> TransformerConfig:
        """The model: positions enter queries and keys only, as in the paper.

        Initial weights have the scale of torch's own start, 1/sqrt(width): at GPT-2's 0.02,
        positions of a narrow model begin too faint to be told apart.
        """
        return TransformerConfig(
            vocab_size=self.world(kind).vocab_size,
            context=self.texts.length,
            num_layers=kind.layers,
            d_model=kind.d_model,
            attention=AttentionConfig(num_heads=kind.heads, smeared_keys=kind.smeared),
            mlp=MlpConfig(d_mlp=2 * kind.d_model) if kind.has_mlp else None,
            positions=PositionConfig(kind="learned", inject="queries_and_keys"),
            tied=False,
            init_std=1 / math.sqrt(kind.d_model),
        )

    @property
    def grown(self) -> dict[str, Kind]:
        """Every kind that is grown, by its name."""
        every = {name: getattr(self.kinds, name) for name in KINDS}
        return {name: kind for name, kind in every.items() if kind.models}


def small() -> InductionConfig:
    """Two CPU cores, a few minutes."""
    return InductionConfig()


def tour() -> InductionConfig:
    """Two CPU cores, under a minute: the phase change and its heads, and nothing else."""
    left_out = {
        name: replace(kind, models=0)
        for name, kind in InductionConfig().grown.items()
        if name not in ("one_layer", "two_layers")
    }
    return InductionConfig(kinds=KindsConfig(**left_out))


def paper() -> InductionConfig:
    """The sizes of the paper's small models, ten billion tokens each, on the texts of this study.

    The paper's own data (web text, books) and its series up to 13 billion parameters are not here.
    """
    at_scale = {
        name: replace(
            kind,
            heads=24 if name == "many_heads" else 12,
            d_model={"narrow": 384, "wide": 1_536}.get(name, 768),
            models=2,
            steps=10_000,
            batch=128,
            accumulate=32,
            peak_lr=6e-4,
        )
        for name, kind in InductionConfig().grown.items()
    }
    return InductionConfig(
        kinds=KindsConfig(**at_scale),
        texts=TextsConfig(words=65_534, length=8_192, longest=240, max_phase=15),
        looks=LooksConfig(
            every=50, texts=1_000, length=512, early=50, late=500, window=1, matched=25
        ),
        device="cuda",
        workers=1,
    )
