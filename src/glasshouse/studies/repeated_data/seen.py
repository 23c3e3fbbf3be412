"""What was measured, by size, share and count."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.studies.repeated_data.config import RepeatedDataConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatedRun:
    """One model."""

    width: int
    """Of its residual stream."""
    share: float
    """Of its documents that were of the subset; 0 is a clean run."""
    repeats: int
    """Times that each of them was read; 1 in a clean run."""
    replica: int
    """Which of the runs that differ in seeds alone."""
    course: tuple[float, ...]
    """Loss on fresh documents at the moments, in nats a token."""
    copied: float
    """Loss at the end on tokens that looking back foretells."""
    subset: float
    """Loss at the end on the subset itself; that on fresh documents in a clean run."""
    matching: tuple[float, ...] = ()
    """Prefix matching of each head of the last layer, at the largest size."""
    elsewhere: float | None = None
    """Loss on another language after fine-tuning there, where it was measured."""

    @property
    def loss(self) -> float:
        """On fresh documents, at the end."""
        return self.course[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Everything that was measured."""

    config: RepeatedDataConfig
    """How."""
    runs: tuple[RepeatedRun, ...]
    """All models."""
    moments: tuple[int, ...]
    """Steps after which losses were measured."""

    def cell(self, width: int, share: float, repeats: int = 1) -> list[RepeatedRun]:
        """Runs that differ in seeds alone."""
        return [
            run
            for run in self.runs
            if (run.width, run.share, run.repeats) == (width, share, repeats)
        ]

    def clean(self, width: int) -> list[RepeatedRun]:
        """Clean runs of a size."""
        return self.cell(width, 0.0)

    @property
    def largest(self) -> int:
        """The largest width."""
        return self.config.widths[-1]

    def noise(self, width: int) -> float:
        """Standard deviation of the loss between runs of one cell, pooled over a size's cells."""
        cells: dict[tuple[float, int], list[float]] = {}
        for run in self.runs:
            if run.width == width:
                cells.setdefault((run.share, run.repeats), []).append(run.loss)
        return pooled(list(cells.values()))

    def cells(self, width: int, share: float) -> list[Float64[np.ndarray, " replica"]]:
        """Losses at each count, rising."""
        counts = self.counts(share)
        return [np.array([run.loss for run in self.cell(width, share, one)]) for one in counts]

    def counts(self, share: float) -> tuple[int, ...]:
        """The counts of a share."""
        config = self.config
        return config.much_repeats if share == config.much else config.little_repeats

    def worst(self, width: int, share: float) -> int:
        """The count whose mean loss is highest."""
        means = [losses.mean() for losses in self.cells(width, share)]
        return self.counts(share)[int(np.argmax(means))]


def pooled(cells: list[list[float]]) -> float:
    """Standard deviation within cells."""
    arrays = [np.array(one) for one in cells if len(one) > 1]
    squares = sum(float(((one - one.mean()) ** 2).sum()) for one in arrays)
    return float(np.sqrt(squares / sum(len(one) - 1 for one in arrays)))
