"""The presets: which sizes learn which sequences, and for how long."""

import math
from dataclasses import dataclass, field
from typing import Literal

from glasshouse.corpora import Domain, Field, LabelledField, MarkovChain
from glasshouse.errors import InputError
from glasshouse.scaling import Shape, SweepPlan, Trial

_SEEDS = 100
"""Trials' seeds of one seed of the study."""

Reading = Literal["blanks", "no blanks", "image first"]
"""Label, sometimes a blank, then image; the label always; or the image and then its label."""
READINGS: tuple[Reading, ...] = ("blanks", "no blanks", "image first")
"""All of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelConfig:
    """Images with a label, for what each says of the other."""

    side: int = 4
    """Pixels of a row and of a column."""
    labels: int = 4
    """How many there are."""
    habit: float = 1.0
    """Spread of each label's own process, in nats: how much a label says."""
    blank: float = 0.5
    """Share of images whose label is left blank, where models are to read both ways."""
    steps: int = 300
    """Optimizer steps."""

    def domain(self, seed: int, reading: Reading = "no blanks") -> LabelledField:
        """The pairs of a seed, as models of a kind read them."""
        return LabelledField(
            field=Field(side=self.side, levels=6, habit=self.habit, seed=seed),
            labels=self.labels,
            order="image-first" if reading == "image first" else "label-first",
            blank=self.blank if reading == "blanks" else 0.0,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerativeConfig:
    """The whole study."""

    widths: tuple[int, ...] = (4, 8, 12, 16, 24)
    """Widths of the models, rising; N counts the blocks' matrices, 12·L·d²."""
    layers: int = 2
    """Blocks."""
    steps: tuple[int, ...] = (100, 200, 400)
    """Optimizer steps, rising: each run has a cosine of its own, so that its last loss counts."""
    batch: int = 32
    """Sequences a step."""
    seeds: int = 2
    """Runs of each size and length."""
    lr: float = 2e-2
    """Peak learning rate at the smallest width; μP carries it to others."""
    symbols: int = 24
    """Of the chain."""
    sequence: int = 24
    """Symbols of a sequence of it."""
    sides: tuple[int, ...] = (3, 6)
    """Pixels of a row of the images, rising."""
    levels: int = 8
    """Grey values."""
    labelled: LabelConfig = field(default_factory=LabelConfig)
    """Images with a label."""
    held_out: int = 1_024
    """Sequences that losses are measured on."""
    entropy_draws: int = 8_000
    """Sequences that an entropy is measured on, where it is not computed."""
    draws: int = 100
    """Resamples of every interval."""

    def __post_init__(self) -> None:
        if len(self.widths) < 4 or list(self.widths) != sorted(set(self.widths)):
            raise InputError(f"widths={self.widths} must rise and be four or more, for a constant")
        if len(self.steps) < 2 or list(self.steps) != sorted(set(self.steps)) or self.steps[0] < 2:
            raise InputError(f"steps={self.steps} must rise from 2 and be two or more")
        if len(self.sides) < 2 or list(self.sides) != sorted(set(self.sides)):
            raise InputError(f"sides={self.sides} must rise and be two or more")
        if not 2 <= self.seeds < _SEEDS:
            raise InputError(f"seeds={self.seeds} must lie between 2 and {_SEEDS - 1}")
        if min(self.held_out, self.entropy_draws, self.labelled.steps) < 20 or self.draws < 20:
            raise InputError("held_out, entropy_draws, labelled.steps and draws: 20 at least")
        for domain in (*self.domains(0).values(), self.labelled.domain(0)):
            for width in self.widths:
                _ = self.shape(domain, width)  # which refuses the rest

    def domains(self, seed: int) -> dict[str, Domain]:
        """The sequences of a seed, by name; images from coarse to fine."""
        chain = MarkovChain(symbols=self.symbols, sequence=self.sequence, seed=seed)
        images = {
            self.field_name(side): Field(side=side, levels=self.levels, seed=seed)
            for side in self.sides
        }
        return {"chain": chain, **images}

    def field_name(self, side: int) -> str:
        """What images of a resolution are called."""
        return f"{side}x{side} images"

    def shape(self, domain: Domain, width: int) -> Shape:
        """A model for sequences of a domain."""
        return Shape(
            d_model=width,
            num_layers=self.layers,
            vocab_size=domain.vocab_size,
            context=domain.length - 1,
            d_head=4,
            init_std=0.5 / math.sqrt(self.widths[0]),
        )

    def plan(self, domain: Domain, seed: int) -> SweepPlan:
        """All runs on a domain."""
        return self.planned(domain, self.steps, seed, self.seeds)

    def label_plan(self, seed: int) -> SweepPlan:
        """The runs on images with labels, of one reading."""
        domain = self.labelled.domain(seed)
        return self.planned(domain, (self.labelled.steps,), seed, self.seeds)

    def planned(self, domain: Domain, steps: tuple[int, ...], seed: int, seeds: int) -> SweepPlan:
        """Every size at every length, as often as there are seeds."""
        trials = tuple(
            Trial(
                shape=self.shape(domain, width),
                steps=count,
                batch=self.batch,
                lr=self.lr,
                seed=_SEEDS * seed + number,
            )
            for width in self.widths
            for count in steps
            for number in range(seeds)
        )
        return SweepPlan(trials=trials, budget=math.inf, base_width=self.widths[0])


def small() -> GenerativeConfig:
    """One CPU core, some minutes."""
    return GenerativeConfig()


def paper() -> GenerativeConfig:
    """Images of the paper's resolutions and models a thousand times as large; many GPU days."""
    return GenerativeConfig(
        widths=(32, 64, 128, 256, 512, 1_024),
        layers=8,
        steps=(2_000, 8_000, 32_000, 128_000),
        batch=128,
        seeds=3,
        lr=4e-3,
        symbols=64,
        sequence=512,
        sides=(8, 16, 32),
        levels=64,
        labelled=LabelConfig(side=16, labels=64, steps=32_000),
        held_out=4_096,
        entropy_draws=100_000,
        draws=300,
    )
