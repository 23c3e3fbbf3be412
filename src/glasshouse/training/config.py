"""What a training run is: how many steps, on what batches, kept and measured how often."""

from dataclasses import dataclass, field
from typing import Literal

from glasshouse.errors import InputError
from glasshouse.training.optimizer import OptimizerConfig
from glasshouse.training.schedule import ScheduleConfig

Precision = Literal["auto", "fp32", "bf16"]
Compile = Literal["auto", "yes", "no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointConfig:
    """Which moments of a run are kept; the last step always is."""

    every: int = 100
    """Steps between checkpoints: what a crash can cost."""
    keep_last: int = 2
    """The newest checkpoints kept; older ones are removed."""
    log_spaced: bool = False
    """Also keep steps 1, 2, 4, 8, …, for a look at how learning went."""

    def __post_init__(self) -> None:
        for name in ("every", "keep_last"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """One training run; with the same seed, data and machine it gives the same bits."""

    steps: int
    """Optimizer steps in the whole run."""
    batch_size: int = 32
    """Windows per optimizer step, over all micro-batches and processes."""
    accumulate: int = 1
    """Micro-batches that one optimizer step is cut into, to save memory."""
    seed: int = 0
    """Names the data order and the dropout; the initial weights are the model's own affair."""
    precision: Precision = "auto"
    """Of the forward pass; weights are float32. `auto`: bf16 where it is built in."""
    compile: Compile = "auto"
    """Whether torch.compile is used. `auto`: where a run is long enough to earn it."""
    threads: int | None = None
    """Threads of one process on a CPU; None takes what torch would, and the run records it."""
    evaluate_every: int = 100
    """Steps between measurements of held-out loss; the last step always has one. 0: never."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """The learning rate."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """AdamW and clipping."""
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)
    """How often the run is saved, and what is kept."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be at least 1")
        for name in ("seed", "evaluate_every"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}={getattr(self, name)} must be 0 or more")
        if self.seed >= 1 << 63:
            raise InputError(f"seed={self.seed} must be below 2**63, torch's largest")
        if self.batch_size % self.accumulate:
            raise InputError(
                f"batch_size={self.batch_size} must be a multiple of accumulate={self.accumulate}; "
                "every micro-batch has the same size"
            )
        if self.threads is not None and self.threads < 1:
            raise InputError(
                f"threads={self.threads} must be at least 1, or None for torch's choice"
            )
        for name, options in (
            ("precision", ("auto", "fp32", "bf16")),
            ("compile", ("auto", "yes", "no")),
        ):
            if getattr(self, name) not in options:
                raise InputError(
                    f"{name}={getattr(self, name)!r} must be one of {', '.join(options)}"
                )


def is_log_spaced(step: int) -> bool:
    """Whether `step` is a power of two (0 counts: the untrained model)."""
    return step & (step - 1) == 0
