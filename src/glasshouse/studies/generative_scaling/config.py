"""The presets: which sizes learn which sequences, and for how long."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from glasshouse.corpora import Domain, Field, LabelledField, MarkovChain, Sums
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
class SumsConfig:
    """Sums, some of them harder than any that was trained on."""

    widths: tuple[int, ...] = (4, 8, 24)
    """Sizes that are compared, rising."""
    steps: tuple[int, ...] = (100, 200, 400, 800)
    """Optimizer steps, rising; a run of its own for each."""
    digits: int = 3
    """Most digits in training; one more is asked for afterwards."""

    @property
    def easy(self) -> Sums:
        """What is trained on, written as the harder ones are."""
        return Sums(digits=self.digits, room=self.digits + 1)

    @property
    def hard(self) -> Sums:
        """What is asked for afterwards."""
        return Sums(digits=self.digits + 1, least=self.digits + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierConfig:
    """Models that generate images, turned into classifiers of them."""

    side: int = 4
    """Pixels of a row and of a column."""
    labels: int = 4
    """Classes."""
    habit: float = 2.0
    """Spread of each class's own process, in nats."""
    steps: int = 300
    """Optimizer steps on images without their labels."""
    images: int = 64
    """With a label, which are read again and again."""
    fine_steps: int = 60
    """Optimizer steps on those."""
    fine_lr: float = 1e-2
    """Peak learning rate there at the smallest width."""

    def domain(self, seed: int) -> LabelledField:
        """Images with their labels behind them."""
        return LabelledField(
            field=Field(side=self.side, levels=6, habit=self.habit, seed=seed),
            labels=self.labels,
            order="image-first",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FurtherConfig:
    """What is asked beyond laws of size: hard sums, classifiers, flat and deep models."""

    sums: SumsConfig = field(default_factory=SumsConfig)
    """Harder than training."""
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    """Of images."""
    shapes: tuple[tuple[int, int], ...] = ((1, 24), (2, 16), (4, 12), (8, 8))
    """Blocks and width of models of the chain with about as many weights, from flat to deep."""
    shape_seeds: int = 3
    """Runs of each."""


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
    further: FurtherConfig = field(default_factory=FurtherConfig)
    """Hard sums, classifiers, flat and deep models."""
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
        further = self.further
        if len(further.shapes) < 3 or not 2 <= further.shape_seeds < _SEEDS:
            raise InputError("further.shapes must be three or more, and shape_seeds 2 or more")
        if len(further.sums.widths) < 2 or len(further.sums.steps) < 2:
            raise InputError("further.sums needs two widths and two lengths, or none can differ")
        others = (self.labelled.domain(0), further.classifier.domain(0), further.sums.easy)
        for domain in (*self.domains(0).values(), *others):
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

    def shape(self, domain: Domain, width: int, layers: int | None = None) -> Shape:
        """A model for sequences of a domain; None: of the usual number of blocks."""
        return Shape(
            d_model=width,
            num_layers=self.layers if layers is None else layers,
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

    def sums_plan(self, seed: int) -> SweepPlan:
        """The runs on sums."""
        sums = self.further.sums
        shapes = [self.shape(sums.easy, width) for width in sums.widths]
        return self._plan(shapes, sums.steps, seed, self.seeds)

    def classifier_plan(self, seed: int) -> SweepPlan:
        """The runs on images that are to be classified."""
        classifier = self.further.classifier
        shapes = [self.shape(classifier.domain(seed), width) for width in self.widths]
        return self._plan(shapes, (classifier.steps,), seed, self.seeds)

    def shapes_plan(self, seed: int) -> SweepPlan:
        """The runs of flat and deep models on the chain."""
        chain = self.domains(seed)["chain"]
        shapes = [self.shape(chain, width, layers) for layers, width in self.further.shapes]
        return self._plan(shapes, self.steps[-1:], seed, self.further.shape_seeds)

    def planned(self, domain: Domain, steps: tuple[int, ...], seed: int, seeds: int) -> SweepPlan:
        """Every size at every length, as often as there are seeds."""
        return self._plan([self.shape(domain, width) for width in self.widths], steps, seed, seeds)

    def _plan(
        self, shapes: Sequence[Shape], steps: tuple[int, ...], seed: int, seeds: int
    ) -> SweepPlan:
        trials = tuple(
            Trial(
                shape=shape,
                steps=count,
                batch=self.batch,
                lr=self.lr,
                seed=_SEEDS * seed + number,
            )
            for shape in shapes
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
        further=FurtherConfig(
            sums=SumsConfig(widths=(64, 256, 1_024), steps=(2_000, 8_000, 32_000), digits=10),
            classifier=ClassifierConfig(side=16, labels=64, steps=32_000, images=20_000),
            shapes=((2, 512), (8, 256), (32, 128), (128, 64)),
        ),
        held_out=4_096,
        entropy_draws=100_000,
        draws=300,
    )
