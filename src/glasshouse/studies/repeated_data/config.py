"""The presets: which sizes read what, how much of it again, and how often."""

import math
from dataclasses import dataclass

from glasshouse.corpora import Echoes, MarkovChain
from glasshouse.errors import InputError
from glasshouse.models.config import AttentionConfig, MlpConfig, PositionConfig, TransformerConfig
from glasshouse.scaling.repetition import RepetitionPlan

_LR_WIDTH = 32
"""Width at which the learning rate is stated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatedDataConfig:
    """The whole study."""

    widths: tuple[int, ...] = (16, 24, 32)
    """Widths of the models that read documents again, rising."""
    clean_widths: tuple[int, ...] = (8,)
    """Smaller ones that only read fresh documents: the lower end of the clean L(N)."""
    layers: int = 2
    """Blocks of every model."""
    d_head: int = 8
    """Width of a head; wider models have more."""
    symbols: int = 32
    """Of the language."""
    sequence: int = 48
    """Symbols of a document."""
    least: int = 12
    """Fewest symbols before a document repeats itself."""
    most: int = 24
    """Most symbols before it does."""
    steps: int = 700
    """Optimizer steps."""
    rows: int = 32
    """Documents a step."""
    much: float = 0.9
    """The large share of documents that are of the subset; on it, shapes are seen."""
    much_repeats: tuple[int, ...] = (4, 64, 256, 1_024, 4_032)
    """How often its subset is read, rising; all sizes."""
    little: float = 0.1
    """The paper's share; what it costs is measured at the largest size."""
    little_repeats: tuple[int, ...] = (4, 32, 128)
    """How often its subset is read, rising."""
    replicas: int = 2
    """Runs of each cell with the large share, and of the clean runs of smaller sizes."""
    little_replicas: int = 3
    """Runs of each cell with the paper's share, and of the clean runs of the largest size."""
    lr: float = 8e-3
    """Peak learning rate at width 32; it falls as one over the root of the width. It is constant
    after the warm-up, since a decay would hide a loss that rises again."""
    warmup_steps: int = 30
    """Steps of warm-up."""
    tune_steps: int = 60
    """Optimizer steps on another language afterwards."""
    held_out: int = 256
    """Fresh documents that losses are measured on."""
    moments: int = 20
    """Times that losses are measured in training, evenly spaced."""
    draws: int = 1_000
    """Resamples of every interval."""

    def __post_init__(self) -> None:
        sizes = (*self.clean_widths, *self.widths)
        if len(self.widths) < 2 or len(sizes) < 3 or list(sizes) != sorted(set(sizes)):
            raise InputError(
                f"clean_widths and widths must rise, three sizes or more, not {sizes}, the last "
                "two at least in widths"
            )
        for name in ("much_repeats", "little_repeats"):
            repeats = getattr(self, name)
            if len(repeats) < 3 or list(repeats) != sorted(set(repeats)):
                raise InputError(f"{name}={repeats} must rise and be three or more")
        if min(self.replicas, self.little_replicas) < 2:
            raise InputError("replicas and little_replicas must be at least 2, for a spread")
        if not 0 < self.little < self.much < 1:
            raise InputError(f"little={self.little} and much={self.much} must rise in (0, 1)")
        if not 2 <= self.moments <= self.steps:
            raise InputError(f"moments={self.moments} must lie between 2 and steps={self.steps}")
        if self.warmup_steps >= min(self.steps, self.tune_steps):
            raise InputError(f"warmup_steps={self.warmup_steps} must be below all steps")
        if min(self.held_out, self.rows) < 1 or self.draws < 20 or self.lr <= 0:
            raise InputError("held_out and rows must be at least 1, draws 20, and lr positive")
        _ = self.language(0)  # which refuses the rest
        for share, repeats in ((self.much, self.much_repeats), (self.little, self.little_repeats)):
            _ = self.plan(share, repeats[-1])
        for width in sizes:
            _ = self.architecture(width)

    def language(self, seed: int) -> Echoes:
        """What documents are written in; another seed is another language."""
        chain = MarkovChain(
            symbols=self.symbols, sequence=self.sequence, concentration=1.0, seed=seed
        )
        return Echoes(chain=chain, least=self.least, most=self.most)

    def plan(self, share: float, repeats: int) -> RepetitionPlan:
        """Which documents a run reads."""
        return RepetitionPlan(documents=self.steps * self.rows, share=share, repeats=repeats)

    def architecture(self, width: int) -> TransformerConfig:
        """The model of a width; positions stand in queries and keys, where copying needs them."""
        if width % self.d_head:
            raise InputError(f"width {width} must be a multiple of d_head={self.d_head}")
        return TransformerConfig(
            vocab_size=self.symbols + 1,
            context=self.sequence,
            num_layers=self.layers,
            d_model=width,
            attention=AttentionConfig(num_heads=width // self.d_head),
            mlp=MlpConfig(d_mlp=2 * width),
            positions=PositionConfig(kind="learned", inject="queries_and_keys"),
            tied=False,
            init_std=1 / math.sqrt(width),
        )

    def params(self, width: int) -> int:
        """N: entries of the blocks' matrices."""
        return self.layers * 8 * width * width

    def rate(self, width: int) -> float:
        """Peak learning rate of a width."""
        return self.lr * math.sqrt(_LR_WIDTH / width)


def small() -> RepeatedDataConfig:
    """One CPU core, some minutes."""
    return RepeatedDataConfig()


def paper() -> RepeatedDataConfig:
    """Ten times the width and more counts; a day of one core for each width, or less on many."""
    return RepeatedDataConfig(
        widths=(32, 64, 128, 256),
        clean_widths=(8, 16),
        d_head=8,
        symbols=512,
        sequence=256,
        least=64,
        most=128,
        steps=20_000,
        rows=128,
        much_repeats=(4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536),
        little_repeats=(4, 16, 64, 256, 1_024, 4_096),
        replicas=3,
        little_replicas=5,
        lr=4e-3,
        warmup_steps=500,
        tune_steps=2_000,
        held_out=2_048,
        moments=80,
    )
