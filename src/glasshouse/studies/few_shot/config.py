"""The presets: which sizes read how much of what, and how often they are asked."""

import math
from dataclasses import dataclass

from glasshouse.errors import InputError
from glasshouse.models.config import (
    AttentionConfig,
    MlpConfig,
    PositionConfig,
    TransformerConfig,
)
from glasshouse.studies.few_shot.kinds import VOCABULARY


@dataclass(frozen=True, kw_only=True, slots=True)
class FewShotStudyConfig:
    """The whole study."""

    widths: tuple[int, ...] = (12, 24, 48)
    """Of the models, rising; all read the same documents."""
    layers: tuple[int, ...] = (2, 2, 3)
    """Blocks of each."""
    d_head: int = 12
    """Width of a head."""
    context: int = 64
    """Tokens of a document less one."""
    steps: int = 2_400
    """Optimizer steps."""
    rows: int = 24
    """Documents a step."""
    function_share: float = 0.6
    """Share of documents whose examples are of a hidden function."""
    named: float = 0.1
    """Share of documents that begin with the name of their kind."""
    lr: float = 4e-3
    """Peak learning rate of all sizes; it falls to nothing along a cosine."""
    warmup_steps: int = 50
    """Steps of warm-up."""
    words: int = 300
    """Words that are read scrambled and as they are."""
    unscrambled: int = 16
    """Words that are only read as they are; their scrambled forms are asked for."""
    word_steps: int = 300
    """Steps of the two largest models that read words alone, one by letters, one by syllables."""
    questions: int = 200
    """Of each task, and half a task's of each function."""
    sums_asked: int = 600
    """Questions that contamination is measured on."""
    planted: float = 0.2
    """Share of them that is planted."""
    planted_reads: int = 80
    """Times that each planted question is read."""
    extra_steps: int = 150
    """Steps that the largest model goes on for, with planted questions and without."""
    draws: int = 1_000
    """Resamples of every interval."""

    def __post_init__(self) -> None:
        if len(self.widths) < 3 or list(self.widths) != sorted(set(self.widths)):
            raise InputError(f"widths={self.widths} must rise and be three or more")
        if len(self.layers) != len(self.widths) or min(self.layers) < 1:
            raise InputError(f"layers={self.layers} must name blocks for each of {self.widths}")
        if self.context < 60:
            raise InputError(f"context={self.context} must be at least 60, or examples do not fit")
        if not all(0 < one < 1 for one in (self.function_share, self.named, self.planted)):
            raise InputError("function_share, named and planted must lie between 0 and 1")
        if self.warmup_steps >= min(self.steps, self.word_steps, self.extra_steps + 1):
            raise InputError(f"warmup_steps={self.warmup_steps} must be below all steps")
        if min(self.rows, self.words, self.unscrambled, self.planted_reads) < 1 or self.lr <= 0:
            raise InputError("rows, words, unscrambled, planted_reads and lr must be positive")
        if self.words + self.unscrambled > 500:
            raise InputError("words and unscrambled together must not exceed 500 words")
        if self.questions < 20 or self.sums_asked < 20 or self.draws < 20:
            raise InputError("questions, sums_asked and draws must be at least 20")
        room = self.extra_steps * self.rows
        if self.planted_documents * self.planted_reads > room:
            raise InputError(
                f"planted questions fill {self.planted_documents * self.planted_reads} of {room} "
                "documents; plant fewer, read them less often or go on for longer"
            )
        for width in self.widths:
            _ = self.architecture(width)

    @property
    def num_planted(self) -> int:
        """Questions that are planted."""
        return round(self.planted * self.sums_asked)

    @property
    def planted_documents(self) -> int:
        """Documents that planted questions fill: four to one at most fit a document."""
        return math.ceil(self.num_planted / 4)

    def architecture(self, width: int) -> TransformerConfig:
        """The model of a width; places are told by distance, for examples are alike wherever they
        stand."""
        if width % self.d_head:
            raise InputError(f"width {width} must be a multiple of d_head={self.d_head}")
        return TransformerConfig(
            vocab_size=len(VOCABULARY),
            context=self.context,
            num_layers=self.layers[self.widths.index(width)],
            d_model=width,
            attention=AttentionConfig(num_heads=width // self.d_head),
            mlp=MlpConfig(d_mlp=4 * width),
            positions=PositionConfig(kind="rotary"),
            tied=False,
            init_std=1 / math.sqrt(width),
        )

    def params(self, width: int) -> int:
        """N: entries of the blocks' matrices."""
        return 12 * self.layers[self.widths.index(width)] * width**2


def small() -> FewShotStudyConfig:
    """One CPU core, some minutes."""
    return FewShotStudyConfig()


def paper() -> FewShotStudyConfig:
    """A hundred times the parameters and more examples; a day of many cores."""
    return FewShotStudyConfig(
        widths=(24, 48, 96, 192, 384),
        layers=(2, 3, 4, 6, 8),
        d_head=24,
        context=128,
        steps=60_000,
        rows=128,
        lr=1e-3,
        warmup_steps=500,
        words=400,
        unscrambled=100,
        word_steps=5_000,
        questions=1_000,
        sums_asked=2_000,
        extra_steps=2_000,
    )
