"""The presets: which sizes learn from how much code, after what, and for how long at most."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from glasshouse.corpora import CHARACTERS
from glasshouse.errors import InputError
from glasshouse.scaling import Shape

Arm = Literal["scratch", "prose", "near", "dealt"]
"""What a model has read before the code it is measured on: nothing; prose; prose and code of
another language in equal parts; prose whose characters were dealt anew in every window (the
control, on the least code only)."""
PRETRAINED: tuple[Arm, ...] = ("prose", "near", "dealt")
"""Those that have read something."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LongConfig:
    """Long runs that ask what pretraining is worth once code is plenty."""

    characters: int = 256_000
    """Code of these runs; the most that scratch runs read as well."""
    steps: int = 900
    """Optimizer steps of the smallest size at most."""
    replicas: int = 3
    """Runs of the smallest size from scratch, and as many after prose."""

    def __post_init__(self) -> None:
        if min(self.characters, self.steps) < 1:
            raise InputError("the long runs' characters and steps must be at least 1")
        if self.replicas < 2:
            raise InputError(
                f"replicas={self.replicas} must be at least 2, or nothing tells a difference from "
                "chance"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferConfig:
    """Everything the study does."""

    widths: tuple[int, ...] = (8, 16, 24, 32)
    """Widths of the models, rising; N counts the blocks' matrices, 12·L·d²."""
    num_layers: int = 2
    """Blocks."""
    context: int = 48
    """Characters that a model reads at once."""
    batch: int = 16
    """Windows a step."""
    tuned: tuple[int, ...] = (1_000, 2_000, 4_000, 8_000, 16_000)
    """D_F: characters of code that every arm learns from, rising."""
    tuned_steps: tuple[int, ...] = (80, 120, 200, 350, 500)
    """Optimizer steps of each at most; a run ends where its loss has stopped falling."""
    more: tuple[int, ...] = (32_000, 64_000, 128_000)
    """More code, which only models from scratch read: D_E is looked up on their curve. The most is
    `long.characters`."""
    most_steps: int = 500
    """Optimizer steps on more code, at most, of every size but the smallest."""
    pretrain_steps: int = 600
    """Optimizer steps on prose."""
    lr: float = 0.008
    """Peak learning rate at width 32; it falls with the root of the width."""
    tuned_lr: float = 0.5
    """The same of a pretrained model, as a share of that. Not in the long runs, which ask for the
    past's part in what is left and must not differ in anything else."""
    warmup_steps: int = 20
    """Steps spent rising to it; it stays there, since where a run ends is known afterwards."""
    init_std: float = 0.1
    """Spread of first weights."""
    long: LongConfig = field(default_factory=LongConfig)
    """Ossification."""
    held_out_characters: int = 150_000
    """Of code, by whole files; half of them say where to stop, half are measured on."""
    windows: int = 80
    """Held-out windows of each half."""
    draws: int = 1_000
    """Resamples of every interval."""
    code: Path | None = None
    """Folder of other Python sources to part into prose and code; None: the standard library."""
    other: Path | None = None
    """Folder of C or C++ headers, the code of another language; None: those that come with
    PyTorch."""

    def __post_init__(self) -> None:
        if len(self.widths) < 3 or list(self.widths) != sorted(set(self.widths)):
            raise InputError(f"widths={self.widths} must rise, and be at least 3 to hold one out")
        whole = (*self.tuned, *self.more, self.long.characters)
        if len(self.tuned) < 2 or list(whole) != sorted(set(whole)):
            raise InputError(
                f"tuned, more and long.characters must rise one after the other, not {whole}"
            )
        if self.tuned[0] <= self.context:
            raise InputError(
                f"{self.tuned[0]} characters of code are no more than one context of {self.context}"
            )
        if len(self.tuned) != len(self.tuned_steps):
            raise InputError(
                f"tuned={self.tuned} need a number of steps each, not {self.tuned_steps}"
            )
        every = (*self.tuned_steps, self.pretrain_steps, self.most_steps, self.long.steps)
        if not 0 <= self.warmup_steps < min(every):
            raise InputError(
                f"warmup_steps={self.warmup_steps} must be less than the steps of every run"
            )
        if self.lr <= 0 or self.tuned_lr <= 0:
            raise InputError("learning rates must be positive")
        if min(self.windows, self.draws - 19) < 1:
            raise InputError("windows must be at least 1, draws at least 20")
        for width in self.widths:
            _ = self.shape(width)  # which refuses the rest

    def shape(self, width: int) -> Shape:
        """The model of a width."""
        return Shape(
            d_model=width,
            num_layers=self.num_layers,
            vocab_size=CHARACTERS,
            context=self.context,
            init_std=self.init_std,
        )

    def rate(self, width: int, arm: Arm, characters: int) -> float:
        """Peak learning rate on so much code."""
        is_tuned = arm != "scratch" and characters < self.long.characters
        return self.first_rate(width) * (self.tuned_lr if is_tuned else 1.0)

    def first_rate(self, width: int) -> float:
        """Peak learning rate from scratch, be it on code or on prose."""
        return self.lr * (32 / width) ** 0.5

    def steps(self, characters: int, width: int) -> int:
        """Optimizer steps at most on so much code."""
        whole = dict(zip(self.tuned, self.tuned_steps, strict=True))
        longest = self.long.steps if width == self.widths[0] else self.most_steps
        return whole.get(characters, longest)


def small() -> TransferConfig:
    """Four sizes on the standard library's text, in minutes."""
    return TransferConfig()


def paper() -> TransferConfig:
    """Wider models, read for longer; the paper's own sizes and 46 billion characters stay out of
    reach of a text that lies on every machine."""
    return TransferConfig(
        widths=(32, 64, 128, 256),
        num_layers=4,
        context=128,
        batch=32,
        tuned_steps=(200, 300, 450, 700, 1_000),
        most_steps=6_000,
        pretrain_steps=6_000,
        init_std=0.04,
        more=(32_000, 64_000, 128_000, 512_000),
        long=LongConfig(characters=2_400_000, steps=12_000),
        windows=512,
    )
