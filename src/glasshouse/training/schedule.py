"""The learning rate as a pure function of the step: warm-up, then cosine, constant or WSD."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from glasshouse.errors import InputError

Shape = Literal["cosine", "constant", "wsd"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleConfig:
    """Linear warm-up to the peak, then one of three shapes."""

    peak_lr: float = 3e-3
    """Learning rate at the end of warm-up."""
    warmup_steps: int = 50
    """Optimizer steps spent rising linearly to the peak; at most a tenth of the run."""
    shape: Shape = "cosine"
    """After warm-up: half a cosine wave down; level; or level, then a linear descent (WSD)."""
    final_fraction: float = 0.1
    """The last step's learning rate as a fraction of the peak; `constant` ignores it."""
    decay_fraction: float = 0.2
    """The share of all steps that `wsd` spends descending; the other shapes ignore it."""

    def __post_init__(self) -> None:
        if not 0 < self.peak_lr < math.inf:
            raise InputError(f"peak_lr={self.peak_lr} must be positive; 1e-3 is a common start")
        if self.warmup_steps < 0:
            raise InputError(f"warmup_steps={self.warmup_steps} must be 0 or more")
        if self.shape not in get_args(Shape):
            raise InputError(f"shape={self.shape!r} must be one of {', '.join(get_args(Shape))}")
        for name in ("final_fraction", "decay_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}={getattr(self, name)} must lie in [0, 1]")


def learning_rate(schedule: ScheduleConfig, step: int, total_steps: int) -> float:
    """The learning rate of optimizer step `step` (the first is 0) of `total_steps`.

    Source:
        Cosine: Loshchilov & Hutter 2017, "SGDR", eq. 5, without restarts. WSD (warm-up, stable,
        decay): Hu et al. 2024, "MiniCPM", section 4, with a linear descent.
    """
    warmup = min(schedule.warmup_steps, total_steps // 10)
    if step < warmup:
        return schedule.peak_lr * (step + 1) / (warmup + 1)
    if schedule.shape == "constant":
        return schedule.peak_lr
    descent = total_steps - warmup
    if schedule.shape == "wsd":
        descent = min(descent, math.ceil(schedule.decay_fraction * total_steps))
    progress = max(0.0, (step + 1 - (total_steps - descent)) / max(1, descent))
    height = (1 + math.cos(math.pi * progress)) / 2 if schedule.shape == "cosine" else 1 - progress
    floor = schedule.final_fraction
    return schedule.peak_lr * (floor + (1 - floor) * height)
