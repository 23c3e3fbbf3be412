"""Everything that is trained: all sizes, all pasts, all amounts of code.

What one width has learned is one file in the workspace, so that a study that was stopped goes on
with the widths that are missing.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import torch
from jaxtyping import Float64

from glasshouse.files import write_atomically
from glasshouse.scaling import Shape
from glasshouse.studies.study import Progress
from glasshouse.studies.transfer_scaling.config import PRETRAINED, Arm, TransferConfig
from glasshouse.studies.transfer_scaling.grow import (
    Course,
    epochs,
    first_weights,
    learn,
    pretrain,
)
from glasshouse.studies.transfer_scaling.texts import NAME, Texts, make_texts
from glasshouse.training.population import Parameters, select
from glasshouse.training.population_file import Member, MemberCurve, write_population
from glasshouse.world.streams import stream


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferRun:
    """One model that learned from code."""

    width: int
    """Its size, by name."""
    params: int
    """N: entries of the blocks' matrices."""
    arm: Arm
    """What it had read before."""
    characters: int
    """D_F, or D for a model from scratch."""
    replica: int
    """Which of the runs that differ in first weights and order alone."""
    course: Course
    """How it learned."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Learned:
    """All runs of a study."""

    config: TransferConfig
    """How."""
    seed: int
    """Of the study."""
    runs: tuple[TransferRun, ...]
    """In no order that matters."""
    origin: str
    """Where the text comes from."""
    digest: str
    """Of the text."""
    sizes: dict[str, int]
    """Characters of each kind of text."""
    seconds: float
    """CPU time of all trainings."""

    def found(self, width: int, arm: Arm, characters: int) -> list[TransferRun]:
        """The replicas of one cell, in order."""
        some = [
            run
            for run in self.runs
            if (run.width, run.arm, run.characters) == (width, arm, characters)
        ]
        return sorted(some, key=lambda run: run.replica)

    def loss(self, width: int, arm: Arm, characters: int) -> float:
        """Loss of a cell: the geometric mean of its replicas'."""
        losses = [run.course.loss for run in self.found(width, arm, characters)]
        return float(np.exp(np.mean(np.log(losses))))

    def params(self, width: int) -> int:
        """N of a width."""
        return self.config.shape(width).params

    def scratch_curve(
        self, width: int
    ) -> tuple[Float64[np.ndarray, " amount"], Float64[np.ndarray, " amount"]]:
        """Characters, rising, and the loss that a model from scratch reaches with them."""
        amounts = (*self.config.tuned, *self.config.more, self.config.long.characters)
        losses = [self.loss(width, "scratch", amount) for amount in amounts]
        return np.array(amounts, dtype=float), np.array(losses)

    @property
    def noise(self) -> float:
        """Standard deviation of log loss between replicas."""
        cells: dict[tuple[int, Arm, int], list[float]] = {}
        for run in self.runs:
            key = (run.width, run.arm, run.characters)
            cells.setdefault(key, []).append(float(np.log(run.course.loss)))
        repeated = [np.array(cell) for cell in cells.values() if len(cell) > 1]
        squares = sum(float(((cell - cell.mean()) ** 2).sum()) for cell in repeated)
        return float(np.sqrt(squares / sum(len(cell) - 1 for cell in repeated)))


def learn_all(config: TransferConfig, *, seed: int, workspace: Path, progress: Progress) -> Learned:
    """Train what is not yet trained.

    Raises:
        InputError: If there is too little text.
    """
    torch.set_num_threads(1)  # models this small gain nothing from a second one
    texts = make_texts(config, seed=seed)
    told = replace(config, draws=20, code=None, other=None)
    key = hashlib.sha256(f"{told!r} {texts.digest}".encode()).hexdigest()[:12]
    folder = workspace / NAME / f"seed{seed}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    runs: list[TransferRun] = []
    seconds = 0.0
    for place, width in enumerate(config.widths):
        progress(place, len(config.widths), f"growing models of width {width}")
        path = folder / f"width-{width}.json"
        if path.is_file():
            kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        else:
            began = time.process_time()
            some = learn_width(config, texts, width, seed=seed)
            kept = _Kept(runs=some, seconds=time.process_time() - began)
            write_atomically(path, msgspec.json.encode(kept))
        runs += kept.runs
        seconds += kept.seconds
    write_population(folder, [_member(config, run, seed=seed) for run in runs])
    return Learned(
        config=config,
        seed=seed,
        runs=tuple(runs),
        origin=texts.origin,
        digest=texts.digest,
        sizes=texts.sizes,
        seconds=seconds,
    )


def _member(config: TransferConfig, run: TransferRun, *, seed: int) -> Member:
    """A run as the notebook takes it; what it had read before is not among its tokens."""
    course, steps = run.course, run.course.steps
    return Member(
        name=f"d{run.width}-{run.arm}-{run.characters}-{run.replica}",
        config={
            "d_model": run.width,
            "num_layers": config.num_layers,
            "arm": run.arm,
            "characters": run.characters,
            "replica": run.replica,
        },
        steps=steps[-1],
        seed=seed,
        tokens=steps[-1] * config.batch * config.context,
        curves={
            "held_out/all": MemberCurve(steps=steps, values=course.measured),
            "held_out/stopping": MemberCurve(steps=steps, values=course.stopping),
        },
    )


def learn_width(
    config: TransferConfig, texts: Texts, width: int, *, seed: int
) -> list[TransferRun]:
    """All runs of one width: a population for each amount that all arms learn from, and one for
    all larger amounts."""
    shape = config.shape(width)
    repeats = config.long.replicas if width == config.widths[0] else 1
    labels = _labels(repeats)
    starts = _starts(config, texts, shape, labels, seed=seed)
    amounts = [[one] for one in config.tuned] + [[*config.more, config.long.characters]]
    runs = []
    for some in amounts:
        cells = [
            (place, *labels[place], characters)
            for characters in some
            for place in _places(config, labels, width, characters)
        ]
        courses = _learn_cells(
            config, texts, shape, starts, cells, config.steps(some[-1], width), seed=seed
        )
        runs += [
            TransferRun(
                width=width,
                params=shape.params,
                arm=arm,
                characters=characters,
                replica=replica,
                course=course,
            )
            for (_, arm, replica, characters), course in zip(cells, courses, strict=True)
        ]
    return runs


def _labels(repeats: int) -> list[tuple[Arm, int]]:
    """Past and replica of every start: replicas of the first two, one of the others."""
    again: tuple[Arm, ...] = ("scratch", "prose")
    once: tuple[Arm, ...] = ("near", "dealt")
    return [
        *((arm, number) for arm in again for number in range(repeats)),
        *((arm, 0) for arm in once),
    ]


def _places(
    config: TransferConfig, labels: Sequence[tuple[Arm, int]], width: int, characters: int
) -> list[int]:
    """Which starts learn from so much code: replicas from the least and from the most only."""
    least, most = config.tuned[0], config.long.characters
    arms: tuple[Arm, ...] = ("scratch", "prose", "near")
    if characters == least:
        arms = (*arms, "dealt")
    elif characters in config.more:
        arms = ("scratch",)
    elif characters == most:
        is_asked = width in (config.widths[0], config.widths[-1])
        arms = ("scratch", "prose") if is_asked else ("scratch",)
    return [
        place
        for place, (arm, replica) in enumerate(labels)
        if arm in arms and (replica == 0 or characters in (least, most))
    ]


def _starts(
    config: TransferConfig,
    texts: Texts,
    shape: Shape,
    labels: Sequence[tuple[Arm, int]],
    *,
    seed: int,
) -> Parameters:
    """The weights that each label begins to learn code with."""
    scratch = [number for arm, number in labels if arm == "scratch"]
    first = first_weights(shape, len(scratch), seed=seed)
    pretrained = [one for one in labels if one[0] in PRETRAINED]
    readers = pretrain(
        select(first, torch.tensor([number for _, number in pretrained])),
        shape,
        [texts.before[arm] for arm, _ in pretrained],
        batch=config.batch,
        lr=config.first_rate(shape.d_model),
        warmup_steps=config.warmup_steps,
    )
    return {name: torch.cat([value, readers[name]]) for name, value in first.items()}


def _learn_cells(
    config: TransferConfig,
    texts: Texts,
    shape: Shape,
    starts: Parameters,
    cells: Sequence[tuple[int, Arm, int, int]],
    steps: int,
    *,
    seed: int,
) -> list[Course]:
    """Train cells, each the place of its start, its arm, its replica and its characters; arms of
    one replica read the same windows in the same order."""
    windows = max(characters for *_, characters in cells) // config.context
    orders = [
        epochs(
            characters // config.context,
            steps=steps,
            batch=config.batch,
            rng=stream(seed, NAME, "order", characters, replica),
        )
        for _, _, replica, characters in cells
    ]
    return learn(
        select(starts, torch.tensor([place for place, *_ in cells])),
        shape,
        texts.code[:windows],
        orders,
        (texts.stopping, texts.measured),
        rates=[config.rate(shape.d_model, arm, characters) for _, arm, _, characters in cells],
        warmup_steps=config.warmup_steps,
    )


class _Kept(msgspec.Struct):
    """What one width has learned, as its file holds it."""

    runs: list[TransferRun]
    seconds: float
