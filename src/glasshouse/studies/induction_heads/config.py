"""Which models are grown, on what, how long, and how often they are looked at; three presets."""

import math
from dataclasses import dataclass, field

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

    def architecture(self, world: BlockWorld, context: int) -> TransformerConfig:
        """The model: positions enter queries and keys only, as in the paper.

        Initial weights have the scale of torch's own start, 1/sqrt(width): at GPT-2's 0.02,
        positions of a narrow model begin too faint to be told apart.
        """
        return TransformerConfig(
            vocab_size=world.vocab_size,
            context=context,
            num_layers=self.layers,
            d_model=self.d_model,
            attention=AttentionConfig(num_heads=self.heads, smeared_keys=self.smeared),
            mlp=MlpConfig(d_mlp=2 * self.d_model) if self.has_mlp else None,
            positions=PositionConfig(kind="learned", inject="queries_and_keys"),
            tied=False,
            init_std=1 / math.sqrt(self.d_model),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class InductionConfig:
    """The models of the study, their texts, and the looks taken while they train."""

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
    three_layers_mlp: Kind = field(default_factory=lambda: _with_mlp(3))
    """Three layers with feed-forward parts."""
    one_layer_smeared: Kind = field(default_factory=lambda: Kind(layers=1, smeared=True))
    """One layer that need not compose, because keys see their predecessor."""
    two_layers_smeared: Kind = field(default_factory=lambda: Kind(layers=2, smeared=True))
    """Two layers that need not compose."""
    many_heads: Kind = field(default_factory=lambda: Kind(layers=2, heads=8))
    """Eight heads a layer, for ablations and for what heads are made of."""
    narrow: Kind = field(default_factory=lambda: Kind(layers=2, d_model=32))
    """Half the width."""
    wide: Kind = field(default_factory=lambda: Kind(layers=2, d_model=96))
    """Half as wide again."""
    loose: Kind = field(default_factory=lambda: Kind(layers=2, forms=2, loose_share=0.5))
    """Words with two written forms; in half of the texts a copy may use the other form."""
    literal: Kind = field(default_factory=lambda: Kind(layers=2, forms=2))
    """The same tokens, every copy in the form of its original: the control of `loose`."""

    words: int = 64
    """Different words of a text (the start token apart)."""
    context: int = 64
    """Words of a text."""
    shortest: int = 8
    """Fewest words of the block that repeats."""
    longest: int = 24
    """Most words of it."""
    max_phase: int = 7
    """Most stray words before it."""
    early: int = 5
    """First place of the early window of the in-context-learning score, from 0; 4 places."""
    late: int = 56
    """First place of the late window; 8 places."""
    matched: int = 15
    """Tokens of the block that prefix matching is measured on, four times over."""
    look_every: int = 20
    """Steps between two looks."""
    texts: int = 256
    """Texts on which losses are measured at every look."""
    device: str = "cpu"
    """Device of all models: `cpu` or `cuda`."""
    workers: int = 2
    """Models that train at the same time, one thread each; results do not depend on it."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers={self.workers} must be at least 1")
        if not 0 <= self.early < self.early + 4 <= self.late <= self.context - 8:
            raise InputError(
                f"early={self.early} and late={self.late} must leave windows of 4 and 8 places, in "
                f"this order, in texts of context={self.context} words"
            )
        if 4 * self.matched + 1 > self.context:
            raise InputError(
                f"matched={self.matched}: four times that and a start token must fit "
                f"context={self.context}"
            )

    def world(self, kind: Kind) -> BlockWorld:
        """The texts of one kind of model; loose texts split the words' share of the vocabulary."""
        return BlockWorld(
            words=self.words // kind.forms,
            forms=kind.forms,
            loose_share=kind.loose_share,
            shortest=self.shortest,
            longest=self.longest,
            max_phase=self.max_phase,
        )

    @property
    def kinds(self) -> dict[str, Kind]:
        """Every kind that is grown, by its name."""
        every = {name: getattr(self, name) for name in KINDS}
        return {name: kind for name, kind in every.items() if kind.models}


def _with_mlp(layers: int) -> Kind:
    """Feed-forward parts want smaller steps, and more of them."""
    return Kind(layers=layers, has_mlp=True, models=2, steps=700, peak_lr=4e-3)


KINDS = {
    "one_layer": "1 layer",
    "two_layers": "2 layers",
    "three_layers": "3 layers",
    "one_layer_mlp": "1 layer, MLP",
    "two_layers_mlp": "2 layers, MLP",
    "three_layers_mlp": "3 layers, MLP",
    "one_layer_smeared": "1 layer, smeared keys",
    "two_layers_smeared": "2 layers, smeared keys",
    "many_heads": "2 layers, 8 heads",
    "narrow": "2 layers, width 32",
    "wide": "2 layers, width 96",
    "loose": "2 layers, two forms a word",
    "literal": "2 layers, two forms, literal",
}
"""Names of the kinds in the config, and in figures of the `small` preset."""
